//! What an administrator should know about one object.
//!
//! Invariant: every issue has a sentence that says what is the matter.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{NameTrouble, Plan};
use crate::{
    decisions::Node,
    derive::{Basis, Derive, Unusable},
    id::ProviderId,
    mirror::{Dirty, State},
    observation::Attribute,
    report::UnreadablePart,
    text::visible,
};

/// Something about one object that an administrator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The object.
    pub node: Node,
    /// The provider's id.
    pub id: ProviderId,
    /// What the provider calls it.
    pub label: String,
    /// Whether it is served all the same.
    pub served: bool,
    /// What it is.
    pub reason: Reason,
}

/// What is the matter with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It does not get the name that the rules make.
    Name(NameTrouble),
    /// The group has another name at the provider; the served one stays until the new one is accepted.
    GroupRenameWaits {
        /// The provider's name.
        name: String,
    },
    /// An administrator discarded its changes; it stays as served until the provider says more.
    Discarded,
    /// Its record cannot be read from the store; it stays as served until the provider is read.
    Damaged,
    /// Its name looks like another one that is served; see [`crate::lookalike`].
    LooksLike {
        /// The other name.
        name: String,
    },
    /// The provider does not show it, or its members, although it shows others.
    Unreadable {
        /// The part of it that could not be read.
        part: UnreadablePart,
        /// The provider's words.
        error: String,
        /// Set if it was read at least once.
        known: bool,
    },
}

impl Issue {
    /// Returns true if the reason keeps the object from being served. An object that cannot be read is not set aside:
    /// it stays as it was, served or not.
    pub fn is_set_aside(&self) -> bool {
        !self.served && !matches!(self.reason, Reason::Unreadable { .. })
    }

    /// The issue of an object that could not be read; `None` if the mirror does not know the object.
    pub fn unreadable(
        basis: &Basis<'_>,
        node: Node,
        part: UnreadablePart,
        error: String,
    ) -> Option<Self> {
        let mirror = basis.mirror;
        let known = match (part, node) {
            (UnreadablePart::Members, Node::Group(no)) => {
                !mirror.users_of(no).is_empty() || !mirror.children_of(no).is_empty()
            }
            _ => mirror.state(node) != Some(State::Mentioned),
        };
        let reason = Reason::Unreadable { part, error, known };
        issue(&Derive::new(*basis), node, reason)
    }
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(NameTrouble::Unusable(unread @ Unusable::Unread { .. })) => {
                write!(f, "{unread}")
            }
            Self::Name(NameTrouble::Unusable(problem)) => write!(f, "no name can be made: {problem}"),
            Self::Name(NameTrouble::Taken { name, holder }) => {
                write!(f, "the name `{name}` belongs to {holder}, which uses it still")
            }
            Self::Name(NameTrouble::Passes { name, holder }) => {
                write!(f, "the name `{name}` belonged to {holder}; that it passes on waits for an approval")
            }
            Self::GroupRenameWaits { name } => {
                write!(
                    f,
                    "the provider calls it `{name}` now; products hang permissions on the served name, which stays until \
                     the new one is accepted"
                )
            }
            Self::Damaged => f.write_str(
                "what the provider said of it is damaged in the database; it stays as served until everything is read \
                 again, which happens by itself",
            ),
            Self::LooksLike { name } => {
                write!(f, "its name looks like `{}`, which is another; people may take one for the other", visible(name))
            }
            Self::Discarded => {
                f.write_str("its changes were discarded; it stays as served until the provider says something new")
            }
            Self::Unreadable { part: UnreadablePart::Members, error, known: true } => {
                write!(f, "its members cannot be read, and stay as they were last read; they are asked for again at each run: {error}")
            }
            Self::Unreadable { part: UnreadablePart::Members, error, known: false } => {
                write!(f, "its members cannot be read, and none are known yet; they are asked for again at each run: {error}")
            }
            Self::Unreadable { part: UnreadablePart::Memberships, error, .. } => {
                write!(f, "the groups that it is in cannot be read, and stay as they were last read: {error}")
            }
            Self::Unreadable { error, .. } => {
                write!(f, "it cannot be read, and stays as it was last read; it is asked for again at each run: {error}")
            }
        }
    }
}

/// What the provider calls an object: its sign-in name, address or name, else its id.
pub(crate) fn label(derive: &Derive<'_>, node: Node) -> Option<(ProviderId, String)> {
    let (id, attributes) = match node {
        Node::User(no) => {
            let record = &derive.mirror.person(no)?.record;
            (&record.id, &record.attributes)
        }
        Node::Group(no) => {
            let record = &derive.group_row(no)?.record;
            (&record.id, &record.attributes)
        }
    };
    let first = match node {
        Node::User(_) => [Attribute::Login, Attribute::Mail, Attribute::DisplayName],
        Node::Group(_) => [Attribute::DisplayName, Attribute::Mail, Attribute::MailNickname],
    };
    let known = first.into_iter().find_map(|a| attributes.get(a));
    Some((id.clone(), known.map_or_else(|| id.to_string(), str::to_owned)))
}

/// The issues of everybody, kept from plan to plan.
#[derive(Clone, Debug, Default)]
pub struct Issues(BTreeMap<Node, Vec<Issue>>);

impl Issues {
    /// Takes in a plan of what was dirty: whom it looked at has the issues that it found, everybody else has theirs.
    pub fn take(&mut self, plan: &Plan, dirty: &Dirty) {
        if dirty.all {
            self.0.clear();
        } else {
            let looked_at = |node: &Node| {
                plan.looked.contains(node)
                    || dirty.nodes.contains(node)
                    || dirty.waiting.contains(node)
            };
            self.0.retain(|node, _| !looked_at(node));
        }
        for issue in &plan.issues {
            self.0.entry(issue.node).or_default().push(issue.clone());
        }
    }

    /// All issues, by object.
    pub fn iter(&self) -> impl Iterator<Item = &Issue> {
        self.0.values().flatten()
    }
}

pub(super) fn issue(derive: &Derive<'_>, node: Node, reason: Reason) -> Option<Issue> {
    let (id, label) = label(derive, node)?;
    let served = match node {
        Node::User(no) => derive.served.user(no).is_some(),
        Node::Group(no) => derive.served.group(no).is_some(),
    };
    Some(Issue { node, id, label, served, reason })
}
