//! The ledger of names: which cease to be served with a plan, and which are served again.
//!
//! Invariant: a name once served belongs to one id until a person releases it.

use std::collections::BTreeMap;

use hashbrown::HashSet;

use crate::{
    change::Change,
    decisions::{Decisions, DecisionsChange, PastNames},
    id::ProviderId,
};

impl DecisionsChange {
    /// Enters the names that cease to be served into the ledger, and takes out those that are served again.
    pub(super) fn extend_with_names(&mut self, decisions: &Decisions, changes: &[Change]) {
        let mut users = Ledger::default();
        let mut groups = Ledger::default();
        for change in changes {
            match change {
                Change::User { before, after, .. } => users.moved(
                    before.as_ref().map(|user| (user.folded_name(), user.id())),
                    after.as_ref().map(|user| user.folded_name()),
                ),
                Change::Group { no, before, after } => {
                    groups.moved(
                        before.as_ref().map(|group| (group.folded_name(), group.id())),
                        after.as_ref().map(|group| group.folded_name()),
                    );
                    if decisions.accepted.contains_key(no) {
                        self.accepted.insert(*no, None);
                    }
                    // A group that goes, or that is served under the refused name after all, has nothing refused.
                    let after = after.as_ref().map(|group| group.name());
                    let refused = decisions.refused.get(no);
                    if refused.is_some_and(|name| after.is_none_or(|after| after == name)) {
                        self.refused.insert(*no, None);
                    }
                }
                Change::Members(_) => {}
            }
        }
        (self.user_names_past, self.user_names_freed) = users.finish(&decisions.past_user_names);
        (self.group_names_past, self.group_names_freed) =
            groups.finish(&decisions.past_group_names);
    }
}

/// A folded name and the id that it belongs to.
type HeldName = (Box<str>, ProviderId);

#[derive(Default)]
struct Ledger<'a> {
    left: BTreeMap<Box<str>, ProviderId>,
    taken: HashSet<&'a str>,
}

impl<'a> Ledger<'a> {
    fn moved(&mut self, before: Option<(&str, &ProviderId)>, after: Option<&'a str>) {
        if before.map(|(name, _)| name) == after {
            return;
        }
        if let Some((name, id)) = before {
            self.left.insert(name.into(), id.clone());
        }
        self.taken.extend(after);
    }

    /// The names that became past, and those that are past no more.
    fn finish(mut self, past: &PastNames) -> (Vec<HeldName>, Vec<Box<str>>) {
        self.left.retain(|name, _| !self.taken.contains(&**name));
        let again = self.taken.into_iter().filter(|name| past.contains_key(*name));
        let mut again: Vec<Box<str>> = again.map(Into::into).collect();
        again.sort_unstable();
        (self.left.into_iter().collect(), again)
    }
}
