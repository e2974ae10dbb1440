//! What people and history decided about one directory, beside its rules (DESIGN.md 10.2 and 10.3).
//!
//! Invariant: a name once served belongs to one id for ever, until a person releases it. The ledger of
//! names is the names served now, which the snapshot holds, and the [`PastNames`] here.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::{
    id::{DirectoryId, GroupNo, ProviderId, UserNo},
    name::Name,
};

/// A person or a group of one directory, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// A person.
    User(UserNo),
    /// A group.
    Group(GroupNo),
}

/// The first bytes of a SHA-256, written in hexadecimal; names what an administrator saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Digest(pub String);

/// Decisions of one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// User names that were served once and are not now.
    pub past_user_names: PastNames,
    /// Group names that were served once and are not now.
    pub past_group_names: PastNames,
    /// Group names that an administrator accepted and that are not served yet.
    pub accepted: BTreeMap<GroupNo, Name>,
    /// New names of groups that an administrator refused: the group keeps the served name until the rules make yet
    /// another one, which waits again.
    pub refused: BTreeMap<GroupNo, Name>,
    /// Changes that an administrator refused, with the digest of the mirror record that was judged: the
    /// object stays as served until the provider says something new about it.
    pub discards: BTreeMap<Node, Digest>,
}

/// Names by their folded form, with the id that holds each.
pub type PastNames = HashMap<Box<str>, ProviderId>;

/// An account that takes the place of a leaver of another directory, in applications that see that one first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TakeOver {
    /// The account's number in the directory of the decision.
    pub account: UserNo,
    /// The leaver's directory and number there.
    pub leaver: (DirectoryId, UserNo),
    /// The name of both, folded. The decision holds for this name only.
    pub name: Box<str>,
}

/// What a run adds to and takes from the decisions, for the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionsChange {
    /// User names (folded) that ceased to be served, with their holder.
    pub user_names_past: Vec<(Box<str>, ProviderId)>,
    /// Group names (folded) that ceased to be served, with their holder.
    pub group_names_past: Vec<(Box<str>, ProviderId)>,
    /// User names that are past no more: released, or served again.
    pub user_names_freed: Vec<Box<str>>,
    /// Group names that are past no more.
    pub group_names_freed: Vec<Box<str>>,
    /// Accepted group names: new ones, and (`None`) those that are served now.
    pub accepted: BTreeMap<GroupNo, Option<Name>>,
    /// Refused group names: new ones, and (`None`) those that are refused no longer.
    pub refused: BTreeMap<GroupNo, Option<Name>>,
    /// Discards: new ones, and (`None`) those that the provider reopened.
    pub discards: BTreeMap<Node, Option<Digest>>,
    /// Approved take-overs. Views read them from the store; a plan does not depend on them.
    pub take_overs: Vec<TakeOver>,
}

impl DecisionsChange {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Decisions {
    /// Carries a change out.
    pub fn apply(&mut self, change: &DecisionsChange) {
        // Destructured, so that a new field forces a decision here.
        let DecisionsChange {
            user_names_past,
            group_names_past,
            user_names_freed,
            group_names_freed,
            accepted,
            refused,
            discards,
            take_overs: _,
        } = change;
        for folded in user_names_freed {
            self.past_user_names.remove(folded);
        }
        for folded in group_names_freed {
            self.past_group_names.remove(folded);
        }
        self.past_user_names.extend(user_names_past.iter().cloned());
        self.past_group_names.extend(group_names_past.iter().cloned());
        for (names, changes) in [(&mut self.accepted, accepted), (&mut self.refused, refused)] {
            for (no, name) in changes {
                match name {
                    Some(name) => names.insert(*no, name.clone()),
                    None => names.remove(no),
                };
            }
        }
        for (node, digest) in discards {
            match digest {
                Some(digest) => self.discards.insert(*node, digest.clone()),
                None => self.discards.remove(node),
            };
        }
    }
}
