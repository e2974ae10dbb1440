//! Undo: a directory is put back to how it was, and stays so until somebody lifts the pin (DESIGN.md 10.12).
//!
//! Invariants: what is put back goes through the one door as ordinary changes; while the pin holds, reads go on into
//! the mirror and nothing goes from there to what is served; lifting it is a plan under the guard like any other.

use std::collections::BTreeSet;

use directory::{
    decisions::Digest,
    id::{ChangeSeq, DirectoryId, Millis},
    mirror::Dirty,
    plan::{Plan, changes_digest},
};
use store::{Past, Pin, PinChange, StoreError};

use super::{Decision, DecisionError, Run, planning::Planning, with_planning};
use crate::{
    app::App,
    task::keeper::{Keeper, Memory},
};

/// An administrator puts the directory back.
#[derive(Debug, Clone)]
pub struct Undo {
    /// To what was served at this position of the log.
    pub to: ChangeSeq,
    /// Why.
    pub reason: Option<String>,
    /// What was shown of it, if it was: nothing else is done then.
    pub seen: Option<Digest>,
}

/// An administrator lets the directory follow its provider again.
#[derive(Debug, Clone, Default)]
pub struct Unpin {
    /// Why.
    pub reason: Option<String>,
    /// What was shown of it, if it was: nothing else is done then.
    pub seen: Option<Digest>,
}

/// What a run is to do about the pin.
#[derive(Debug, Default)]
pub(super) enum Order {
    /// Nothing.
    #[default]
    None,
    Set(Undo),
    Lift(Unpin),
}

/// A plan, and what becomes of the pin with it.
pub(super) struct Drawn {
    pub(super) plan: Plan,
    pub(super) pin: Outcome,
}

/// What becomes of the pin.
pub(super) enum Outcome {
    Stays,
    Set(Pin),
    Lifted,
}

impl Outcome {
    /// Where the directory stays from now on, if it was put back.
    pub(super) fn holds_at(&self, before: &Planning) -> Option<ChangeSeq> {
        match self {
            Self::Stays => before.pin.as_ref().map(|pin| pin.to),
            Self::Set(pin) => Some(pin.to),
            Self::Lifted => None,
        }
    }

    /// Where the directory is put back to by this run.
    pub(super) fn put_back_to(&self) -> Option<ChangeSeq> {
        match self {
            Self::Set(pin) => Some(pin.to),
            Self::Stays | Self::Lifted => None,
        }
    }

    pub(super) fn change(&self) -> PinChange<'_> {
        match self {
            Self::Stays => PinChange::Stays,
            Self::Set(pin) => PinChange::Set(pin),
            Self::Lifted => PinChange::Lifted,
        }
    }
}

/// What an undo or its end would do.
#[derive(Debug)]
pub struct Preview {
    /// The position whose state would be served; none when the pin would be lifted.
    pub to: Option<ChangeSeq>,
    /// When that state came about.
    pub state_of: Option<Millis>,
    /// The changes, and what would be held.
    pub plan: Plan,
}

/// What putting a directory back would change.
///
/// # Errors
/// A [`DecisionError`] when there is nothing to go back to.
pub async fn preview_undo(app: &App, keeper: &Keeper, to: ChangeSeq) -> anyhow::Result<Preview> {
    let id = keeper.id;
    let look = move |app: &App, planning: &Planning, memory: &Memory| {
        let past = past(app, id, to)?;
        let plan = planning.back_to(&past.directory, memory);
        Ok(Preview { to: Some(past.seq), state_of: Some(past.at), plan })
    };
    with_planning(app, keeper, look).await
}

/// What lifting the pin would change, and what would be held then.
///
/// # Errors
/// [`DecisionError::NotPinned`] when there is none.
pub async fn preview_unpin(app: &App, keeper: &Keeper) -> anyhow::Result<Preview> {
    let look = |_: &App, planning: &Planning, memory: &Memory| {
        if planning.pin.is_none() {
            return Err(DecisionError::NotPinned.into());
        }
        let plan = planning.plan(memory, &Dirty::everything(), &BTreeSet::new());
        Ok(Preview { to: None, state_of: None, plan })
    };
    with_planning(app, keeper, look).await
}

/// What was served at a position; there must have been something.
fn past(app: &App, id: DirectoryId, to: ChangeSeq) -> Result<Past, DecisionError> {
    let past = app.store.directory_at(id, to).map_err(DecisionError::OutOfHistory)?;
    let size = past.directory.size();
    if size.users == 0 && size.groups == 0 {
        return Err(DecisionError::NothingThere(to));
    }
    Ok(past)
}

impl Run {
    /// Plans what is to be served from now on: what the rules want, or what was, or nothing new.
    pub(super) fn draw(
        &mut self,
        app: &App,
        id: DirectoryId,
        planning: &Planning,
    ) -> Result<Drawn, DecisionError> {
        match (std::mem::take(&mut self.pin), &planning.pin) {
            (Order::Set(undo), _) => self.put_back(app, id, (planning, undo)),
            (Order::Lift(_), None) => Err(DecisionError::NotPinned),
            (Order::Lift(unpin), Some(pin)) => {
                self.notes.push(format!(
                    "no longer pinned to change {}{}",
                    pin.to,
                    because(unpin.reason.as_deref())
                ));
                let plan = self.plan(planning)?;
                if let Err(otherwise) = as_seen(&plan, unpin.seen.as_ref()) {
                    // It was planned and is not made: everything is looked at again.
                    self.memory.settled = false;
                    return Err(otherwise);
                }
                Ok(Drawn { plan, pin: Outcome::Lifted })
            }
            (Order::None, Some(pin)) => self.stay(pin),
            (Order::None, None) => Ok(Drawn { plan: self.plan(planning)?, pin: Outcome::Stays }),
        }
    }

    fn put_back(
        &mut self,
        app: &App,
        id: DirectoryId,
        (planning, undo): (&Planning, Undo),
    ) -> Result<Drawn, DecisionError> {
        let past = past(app, id, undo.to)?;
        let plan = planning.back_to(&past.directory, &self.memory);
        as_seen(&plan, undo.seen.as_ref())?;
        // What is wanted is looked at as a whole when the pin is lifted.
        self.memory.settled = false;
        self.notes.push(format!(
            "put back to how it was after change {}, and stays so until `muster directory unpin`{}",
            past.seq,
            because(undo.reason.as_deref())
        ));
        let (to, state_of) = (past.seq, past.at);
        let pin = Pin { to, state_of, since: self.at, reason: undo.reason };
        Ok(Drawn { plan, pin: Outcome::Set(pin) })
    }

    /// The mirror moves, what is served does not.
    fn stay(&mut self, pin: &Pin) -> Result<Drawn, DecisionError> {
        let Decision { approve, discard, withdraw, renames, rules_before: _ } =
            std::mem::take(&mut self.decision);
        if approve.is_some() || discard.is_some() || withdraw.is_some() || renames.is_some() {
            return Err(DecisionError::Pinned(pin.to));
        }
        self.memory.settled = false;
        self.notes.push(format!(
            "pinned to change {}: what was read is kept, and what is served stays until `muster directory unpin`",
            pin.to
        ));
        Ok(Drawn { plan: Plan::default(), pin: Outcome::Stays })
    }
}

/// Whether a plan is the one that was shown.
fn as_seen(plan: &Plan, seen: Option<&Digest>) -> Result<(), DecisionError> {
    match seen {
        Some(seen) if changes_digest(&plan.changes) != *seen => Err(DecisionError::Otherwise),
        _ => Ok(()),
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

impl DecisionError {
    /// Whether what was asked for is not there, rather than in conflict with something.
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::NothingThere(_)
                | Self::OutOfHistory(StoreError::NotKept { .. } | StoreError::NotYet { .. })
        )
    }
}
