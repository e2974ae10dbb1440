//! Accounts that would take the place of a leaver of another directory (DESIGN.md 12.9).
//!
//! Invariant: a take-over changes nothing of the directory; it waits and is approved with the guard's other kinds, and
//! the account stays as served meanwhile.

use std::collections::BTreeSet;

use super::guard::{Guard, HeldItem};
use crate::{
    decisions::{Node, TakeOver},
    id::ProviderId,
    report::GuardKind,
};

/// A take-over that waits for an approval, since neither mail address nor employee number say that it is one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingTakeOver {
    /// The account, the leaver, and their name.
    pub take_over: TakeOver,
    /// The name of the leaver's directory.
    pub directory: Box<str>,
    /// The leaver's id at their provider.
    pub leaver: ProviderId,
}

impl Guard<'_> {
    /// Holds take-overs, or returns those that were approved. Accounts whose changes were discarded are left out.
    pub(super) fn hold_take_overs(&mut self, frozen: &BTreeSet<Node>) -> Vec<TakeOver> {
        let context = self.context();
        let open = || {
            let thawed = |waiting: &&WaitingTakeOver| {
                !frozen.contains(&Node::User(waiting.take_over.account))
            };
            context.take_overs.iter().filter(thawed)
        };
        if context.lifted.contains(&GuardKind::TakeOver) {
            return open().map(|waiting| waiting.take_over.clone()).collect();
        }
        let item = |waiting: &WaitingTakeOver| -> Option<HeldItem> {
            let what = format!(
                "would take the place of the leaver of this name in the directory {} ({}): neither mail address nor employee \
                 number says that it is one person",
                waiting.directory, waiting.leaver
            );
            self.item(Node::User(waiting.take_over.account), what)
        };
        let items: Vec<HeldItem> = open().filter_map(item).collect();
        if !items.is_empty() {
            let why = format!(
                "{} accounts would take the place of leavers of other directories",
                items.len()
            );
            self.hold(GuardKind::TakeOver, why, items);
        }
        Vec::new()
    }
}
