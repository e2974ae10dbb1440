//! New names of single groups: which there are, and the decision about each.
//!
//! Invariant: a group is listed exactly when it is served under another name than the rules make of the provider's
//! record; one whose changes were discarded is not, since no decision about its name takes effect meanwhile.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{record_digest, short_digest};
use crate::{
    decisions::{Digest, Node},
    derive::{Basis, Derive, RenameState},
    id::{GroupNo, ProviderId},
    mirror::State,
    name::Name,
};

/// A served group that has another name at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// The group.
    pub group: GroupNo,
    /// The provider's id.
    pub id: ProviderId,
    /// The name that products see.
    pub served: Name,
    /// The name that the rules make of the provider's record.
    pub name: Name,
    /// The decision about the new name.
    pub state: RenameState,
}

/// The new names of served groups, in the order of the served names.
pub fn renames(basis: &Basis<'_>) -> Vec<Rename> {
    let derive = Derive::new(*basis);
    let rename = |(no, group): (GroupNo, &crate::group::Group)| {
        let row = basis.mirror.group(no)?;
        let is_there = matches!(row.state, State::Present | State::Unconfirmed { .. });
        if !is_there || derive.chosen(&row.record).is_err() {
            return None;
        }
        let name = derive.group_claim(&row.record).ok()?;
        if name == *group.name() || is_frozen(basis, Node::Group(no)) {
            return None;
        }
        let state = derive.decided(no, &name);
        let (id, served) = (group.id().clone(), group.name().clone());
        Some(Rename { group: no, id, served, name, state })
    };
    basis.served.groups_from(0).filter_map(|(no, group)| rename((no, group))).collect()
}

/// The digest of new names: what a decision names that was made after a look at them.
pub fn renames_digest(renames: &[Rename]) -> Digest {
    let mut hash = Sha256::new();
    let mut line = String::new();
    for Rename { group, id, served, name, state } in renames {
        line.clear();
        writeln!(line, "{group:?}\t{id}\t{served}\t{name}\t{state:?}")
            .expect("writing to a string does not fail");
        hash.update(&line);
    }
    short_digest(hash)
}

/// Whether an object stays as served, since its changes were discarded or its record cannot be read.
fn is_frozen(basis: &Basis<'_>, node: Node) -> bool {
    let discard = basis.decisions.discards.get(&node);
    basis.mirror.unreadable().contains(&node)
        || discard.is_some_and(|judged| *judged == record_digest(basis, node))
}
