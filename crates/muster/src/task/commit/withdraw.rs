//! Discards taken back: what was kept as served is looked at again, under the guard.
//!
//! Invariant: nothing is let pass by it that would not pass without the discard.

use std::collections::BTreeSet;

use directory::{
    decisions::{DecisionsChange, Digest, Node},
    plan::{Discarded, discarded_digest},
};

use super::{DecisionError, Run, planning::Planning, with_planning};
use crate::{
    app::App,
    task::keeper::{Keeper, Memory},
};

/// Which discards are taken back.
#[derive(Debug, Clone, Default)]
pub struct Withdrawal {
    /// Those of these objects; otherwise all.
    pub chosen: Option<BTreeSet<Node>>,
    /// The digest of what was shown, if it was: nothing else is done then.
    pub seen: Option<Digest>,
    /// Why.
    pub reason: Option<String>,
}

/// The discards among `chosen`, or all, and what would become of their objects without these.
///
/// # Errors
/// When the store cannot be read.
pub async fn discarded(
    app: &App,
    keeper: &Keeper,
    chosen: Option<BTreeSet<Node>>,
) -> anyhow::Result<Vec<Discarded>> {
    let look = move |_: &App, planning: &Planning, memory: &Memory| {
        Ok(planning.discarded(memory, chosen.as_ref()))
    };
    with_planning(app, keeper, look).await
}

impl Run {
    /// Forgets discards, so that the plan to come takes their objects in.
    pub(super) fn withdraw(
        &mut self,
        planning: &Planning,
        withdrawal: &Withdrawal,
        decided: &mut DecisionsChange,
    ) -> Result<(), DecisionError> {
        let Withdrawal { chosen, seen, reason } = withdrawal;
        let discarded = planning.discarded(&self.memory, chosen.as_ref());
        if discarded.is_empty() {
            return Err(DecisionError::NothingDiscarded);
        }
        if seen.as_ref().is_some_and(|seen| *seen != discarded_digest(&discarded)) {
            return Err(DecisionError::Otherwise);
        }
        decided.discards.extend(discarded.iter().map(|discarded| (discarded.node, None)));
        self.memory.decisions.apply(decided);
        let because = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let count = discarded.len();
        self.notes.push(format!("discards of {count} objects were withdrawn{because}"));
        Ok(())
    }
}
