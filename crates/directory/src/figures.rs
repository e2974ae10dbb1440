//! How many users and groups are served, and how many are not served as the provider and the rules would have it.
//!
//! Invariants: this is the only place where they are counted, so that run report, preview, console, command line and
//! metrics agree; an object counts once in each line, whatever the number of its issues.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    decisions::Node,
    mirror::{Mirror, State},
    plan::{Issue, Reason, guard::Held},
    snapshot::Directory,
};

/// So many users and so many groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Count {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
}

impl Count {
    /// Counts each object once.
    pub fn of(nodes: impl IntoIterator<Item = Node>) -> Self {
        let nodes: BTreeSet<Node> = nodes.into_iter().collect();
        let users = nodes.iter().filter(|node| matches!(node, Node::User(_))).count() as u64;
        Self { users, groups: nodes.len() as u64 - users }
    }

    /// Users and groups together.
    pub fn total(self) -> u64 {
        self.users + self.groups
    }

    /// The users and groups that the provider tells of: neither gone nor only mentioned as a member.
    pub fn told_by(mirror: &Mirror) -> Self {
        let there = |state: State| matches!(state, State::Present | State::Unconfirmed { .. });
        Self {
            users: mirror.people().filter(|row| there(row.state)).count() as u64,
            groups: mirror.groups().filter(|row| there(row.state)).count() as u64,
        }
    }
}

/// Users and groups that are not served as the provider and the rules would have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Exceptions {
    /// Cannot be served, and are set aside.
    pub set_aside: Count,
    /// Are served under another name than the rules make.
    pub other_name: Count,
    /// Stay as served, since their changes were discarded.
    pub discarded: Count,
    /// Stay as served, since what the provider said of them is damaged in the database.
    pub damaged: Count,
    /// Have changes that wait for an approval or for the provider's answer.
    pub waiting: Count,
}

impl Exceptions {
    /// Counts them in a directory as served once a plan is applied, from all issues and from what the plan holds.
    pub fn of<'a>(
        after: &Directory,
        issues: impl IntoIterator<Item = &'a Issue>,
        held: &[Held],
    ) -> Self {
        let (mut aside, mut other) = (Vec::new(), Vec::new());
        let (mut discarded, mut damaged) = (Vec::new(), Vec::new());
        for issue in issues {
            let served = match issue.node {
                Node::User(no) => after.user(no).is_some(),
                Node::Group(no) => after.group(no).is_some(),
            };
            match &issue.reason {
                Reason::Discarded => discarded.push(issue.node),
                Reason::Damaged => damaged.push(issue.node),
                Reason::Name(_) | Reason::GroupRenameWaits { .. } if served => {
                    other.push(issue.node);
                }
                Reason::Name(_) | Reason::GroupRenameWaits { .. } | Reason::LooksLike { .. } => {}
                // It stays as it was, served or not.
                Reason::Unreadable { .. } => continue,
            }
            if !served {
                aside.push(issue.node);
            }
        }
        Self {
            set_aside: Count::of(aside),
            other_name: Count::of(other),
            discarded: Count::of(discarded),
            damaged: Count::of(damaged),
            waiting: Count::of(held.iter().flat_map(|held| &held.items).map(|item| item.node)),
        }
    }

    /// Whether everybody and everything is served as the provider and the rules would have it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The counts for an administrator, without those that are zero: lower case, no full stop.
    pub fn sentences(&self) -> Vec<String> {
        let lines = [
            (self.waiting, "changes that wait for a decision"),
            (self.discarded, "changes that were discarded, so they stay as they were served"),
            (
                self.damaged,
                "records that are damaged in the database, so they stay as they were served",
            ),
            (self.other_name, "another name than the rules make"),
            (self.set_aside, "nothing served of them: they are set aside"),
        ];
        let some = lines.into_iter().filter(|(count, _)| count.total() > 0);
        some.map(|(count, what)| format!("{} {what}", have(count))).collect()
    }
}

/// So many users and groups, as the subject of a sentence.
fn have(Count { users, groups }: Count) -> String {
    let counted = |number: u64, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    };
    let parts = [counted(users, "person", "people"), counted(groups, "group", "groups")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let verb = if users + groups == 1 { "has" } else { "have" };
    format!("{} {verb}", parts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupNo, UserNo};

    #[test]
    fn an_object_counts_once_and_the_sentences_name_the_rest() {
        let twice = [Node::User(UserNo(1)), Node::User(UserNo(1)), Node::Group(GroupNo(1))];
        let count = Count::of(twice);
        assert_eq!(count, Count { users: 1, groups: 1 });
        let exceptions = Exceptions {
            discarded: Count { users: 20, groups: 0 },
            other_name: Count { users: 0, groups: 1 },
            ..Exceptions::default()
        };
        assert_eq!(
            exceptions.sentences(),
            [
                "20 people have changes that were discarded, so they stay as they were served",
                "1 group has another name than the rules make"
            ]
        );
        assert!(Exceptions::default().is_empty() && Exceptions::default().sentences().is_empty());
    }
}
