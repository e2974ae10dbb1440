//! Entries of the change log, ready to be read.
//!
//! Invariant: names are those of the time of the entry, also of people and groups that are gone.

use std::sync::Arc;

use directory::{
    change::{Change, LogEntry, MembersChange},
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId},
    user::User,
    view::Published,
};
use store::{Store, StoreError};

use super::change::Entry;

/// Member names shown of one entry.
pub(super) const NAMES_MAX: usize = 6;
/// Member names told of one entry where nothing is to be left out.
pub(super) const ALL_NAMES_MAX: usize = 100_000;

/// Makes entries readable; calls block.
pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) published: Arc<Published>,
    /// Of whom memberships are shown; everybody otherwise.
    pub(super) about: Option<Node>,
    /// How many names of members are told of one entry.
    pub(super) names_max: usize,
}

impl Reader<'_> {
    /// All of the entries.
    pub(super) fn entries(&self, entries: &[LogEntry]) -> Result<Vec<Entry>, StoreError> {
        entries.iter().map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, entry: &LogEntry) -> Result<Entry, StoreError> {
        let (kind, name, what) = match &entry.change {
            Change::User { before, after, .. } => {
                let name = after.as_ref().or(before.as_ref()).map(|user| user.name().to_owned());
                ("user", name.unwrap_or_default(), user_change(before.as_deref(), after.as_deref()))
            }
            Change::Group { before, after, .. } => {
                let name = after.as_ref().or(before.as_ref()).map(|group| group.name().to_string());
                (
                    "group",
                    name.unwrap_or_default(),
                    group_change(before.as_deref(), after.as_deref()),
                )
            }
            Change::Members(members) => {
                let group = Node::Group(members.group);
                let name = self.names((entry.directory, entry.seq), &[group])?.remove(0);
                ("members", name, self.members((entry.directory, entry.seq), members)?)
            }
        };
        let served = self.published.directories.get(&entry.directory);
        Ok(Entry {
            seq: entry.seq.0,
            run: entry.run.0,
            at: entry.at,
            directory: served
                .map_or_else(|| format!("#{}", entry.directory), |served| served.name.to_string()),
            kind: kind.to_owned(),
            name,
            what,
        })
    }

    fn members(
        &self,
        at: (DirectoryId, ChangeSeq),
        members: &MembersChange,
    ) -> Result<String, StoreError> {
        let own = |node: &Node| match self.about {
            Some(about) if about != Node::Group(members.group) => about == *node,
            _ => true,
        };
        let users = |list: &[directory::id::UserNo]| -> Vec<Node> {
            list.iter().map(|no| Node::User(*no)).filter(own).collect()
        };
        let groups = |list: &[directory::id::GroupNo]| -> Vec<Node> {
            list.iter().map(|no| Node::Group(*no)).filter(own).collect()
        };
        let lists = [
            ("added", users(&members.users_added)),
            ("removed", users(&members.users_removed)),
            ("nested", groups(&members.groups_added)),
            ("no longer nested", groups(&members.groups_removed)),
        ];
        let mut parts = Vec::new();
        for (verb, nodes) in lists {
            let shown = self.names(at, nodes.get(..self.names_max).unwrap_or(&nodes))?.join(", ");
            match nodes.len() {
                0 => {}
                count if count > self.names_max => {
                    parts.push(format!("{verb} {count}: {shown}, …"));
                }
                count => parts.push(format!("{verb} {count}: {shown}")),
            }
        }
        Ok(parts.join("; "))
    }

    /// What people and groups were called after an entry.
    pub(super) fn names(
        &self,
        (directory, seq): (DirectoryId, ChangeSeq),
        nodes: &[Node],
    ) -> Result<Vec<String>, StoreError> {
        let names = self.store.names_at(directory, nodes, seq)?;
        let number = |node: &Node| match node {
            Node::User(no) => format!("#{}", no.0),
            Node::Group(no) => format!("#{}", no.0),
        };
        let or_number = |(name, node): (Option<String>, _)| name.unwrap_or_else(|| number(node));
        Ok(names.into_iter().zip(nodes).map(or_number).collect())
    }
}

pub(super) fn user_change(before: Option<&User>, after: Option<&User>) -> String {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(after)) if after.active() => return "added".to_owned(),
        (None, Some(_)) => return "added, inactive".to_owned(),
        (_, None) => return "removed".to_owned(),
    };
    let mut parts = Vec::new();
    if before.active() != after.active() {
        parts.push(if after.active() { "reactivated" } else { "deactivated" }.to_owned());
    }
    let texts = [
        ("name", before.name(), after.name()),
        ("first name", before.first_name(), after.first_name()),
        ("last name", before.last_name(), after.last_name()),
        ("display name", before.display_name(), after.display_name()),
        ("email", before.email(), after.email()),
    ];
    parts.extend(texts.iter().filter(|(_, before, after)| before != after).map(turned));
    parts.join("; ")
}

pub(super) fn group_change(before: Option<&Group>, after: Option<&Group>) -> String {
    match (before, after) {
        (None, _) => "added".to_owned(),
        (_, None) => "removed".to_owned(),
        (Some(before), Some(after)) => {
            let texts = [
                ("name", before.name().as_str(), after.name().as_str()),
                ("description", before.description(), after.description()),
            ];
            let parts: Vec<String> = texts.iter().filter(|(_, b, a)| b != a).map(turned).collect();
            parts.join("; ")
        }
    }
}

fn turned((what, before, after): &(&str, &str, &str)) -> String {
    format!("{what} `{before}` became `{after}`")
}
