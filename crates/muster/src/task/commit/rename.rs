//! Decisions about new names of single groups.
//!
//! Invariant: exactly the names that the administrator saw are accepted or refused; if one of them has changed since,
//! nothing is decided.

use std::collections::BTreeMap;

use directory::{
    decisions::DecisionsChange,
    derive::Basis,
    id::GroupNo,
    name::Name,
    plan::{self, Rename},
    rules::compiled::Compiled,
};

use super::{DecisionError, Run, planning::Planning, with_basis};
use crate::{app::App, task::keeper::Keeper};

/// New names of groups that are accepted or refused.
#[derive(Debug, Clone, Default)]
pub struct Renaming {
    /// The groups that get the new name.
    pub accept: BTreeMap<GroupNo, Name>,
    /// The groups that keep the served name.
    pub refuse: BTreeMap<GroupNo, Name>,
    /// The reason, for the report.
    pub reason: Option<String>,
}

/// Returns the new names of a directory's groups.
///
/// # Errors
/// When the store cannot be read.
pub async fn renames(app: &App, keeper: &Keeper) -> anyhow::Result<Vec<Rename>> {
    with_basis(app, keeper, plan::renames).await
}

/// Returns the new names for a page: `None` while a run is under way, which may take long.
///
/// # Errors
/// When the store cannot be read.
pub async fn renames_now(app: &App, keeper: &Keeper) -> anyhow::Result<Option<Vec<Rename>>> {
    if keeper.memory.try_lock().is_err() {
        return Ok(None);
    }
    renames(app, keeper).await.map(Some)
}

impl Run {
    /// Names of groups that changed rules make are accepted with the rules.
    pub(super) fn accept_renames(&mut self, planning: &Planning, decided: &mut DecisionsChange) {
        let Some(before) = self.decision.rules_before.take() else { return };
        // Rules that this program cannot read made no names.
        let Ok(before) = Compiled::new(*before) else { return };
        let after = planning.basis(&self.memory);
        let names = plan::accepted_by_rules(&Basis { rules: &before, ..after }, &after);
        decided.accepted = names.into_iter().map(|(no, name)| (no, Some(name))).collect();
        self.memory.decisions.apply(decided);
    }

    /// Enters accepted and refused names into the decisions, so that the plan to come follows them.
    pub(super) fn rename(
        &mut self,
        planning: &Planning,
        renaming: &Renaming,
        decided: &mut DecisionsChange,
    ) -> Result<(), DecisionError> {
        let Renaming { accept, refuse, reason } = renaming;
        let renames = plan::renames(&planning.basis(&self.memory));
        let because = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let mut change = DecisionsChange::default();
        for (names, verb) in [(accept, "accepted"), (refuse, "refused")] {
            let mut told = Vec::new();
            for (no, name) in names {
                let served = || planning.served.group(*no).map(|group| group.name().to_string());
                let Some(rename) = renames.iter().find(|rename| rename.group == *no) else {
                    return Err(DecisionError::NoRename(served().unwrap_or_default()));
                };
                if rename.name != *name {
                    return Err(DecisionError::Otherwise);
                }
                told.push(format!("{} to {name}", rename.served));
            }
            if !told.is_empty() {
                self.notes.push(format!("renames {verb}: {}{because}", told.join(", ")));
            }
        }
        let known = &self.memory.decisions;
        for (no, name) in accept {
            change.accepted.insert(*no, Some(name.clone()));
            change.refused.extend(known.refused.contains_key(no).then_some((*no, None)));
        }
        for (no, name) in refuse {
            change.refused.insert(*no, Some(name.clone()));
            change.accepted.extend(known.accepted.contains_key(no).then_some((*no, None)));
        }
        self.memory.decisions.apply(&change);
        decided.accepted.extend(change.accepted);
        decided.refused.extend(change.refused);
        Ok(())
    }
}
