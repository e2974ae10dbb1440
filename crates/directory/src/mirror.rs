//! What the provider last said, by its own ids, before any rule is applied.
//!
//! Invariants: only evidence makes a record absent: the provider's word, or a complete listing without it
//! *and* the provider's answer to the very id; what a listing alone lacks is unconfirmed and stays as it
//! was. A record that left stays, with its memberships parked, so that it can come back. Both directions
//! of an edge agree.

mod merge;
mod record;
mod settle;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub use self::{
    merge::{Dirty, Merged},
    settle::{Asked, LISTS_AGREE_MS, Settled},
};
use crate::{
    decisions::Node,
    id::{GroupNo, Millis, ProviderId, UserNo},
    observation::{GroupRecord, PersonRecord},
};

/// How a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Only its id is known: it was named as a member, its record has not come.
    Mentioned,
    /// The provider has it.
    Present,
    /// A complete listing lacked it and the provider has not yet answered for its id.
    Unconfirmed {
        /// When the first such listing was merged.
        since: Millis,
    },
    /// It is gone.
    Absent {
        /// When the evidence was merged.
        since: Millis,
        /// What the evidence is.
        evidence: Evidence,
    },
}

/// Why a record is believed to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The provider said so of itself, and it can come back.
    Deleted,
    /// The provider said so of itself, and it cannot come back.
    Purged,
    /// A complete listing lacked it and the provider, asked for the id, has no such object.
    Confirmed,
}

/// A person in the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Its number, given once.
    pub no: UserNo,
    /// How it stands.
    pub state: State,
    /// The last record; without attributes while only [`State::Mentioned`].
    pub record: PersonRecord,
}

/// A group in the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Its number, given once.
    pub no: GroupNo,
    /// How it stands.
    pub state: State,
    /// The last record; without attributes while only [`State::Mentioned`].
    pub record: GroupRecord,
}

/// A direct membership in the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeRow {
    /// The group.
    pub group: GroupNo,
    /// Its member.
    pub member: Node,
    /// Since when a listing lacks it without the provider's word, if one does.
    pub unconfirmed_since: Option<Millis>,
}

/// Rows that a merge touched: each is to be written as it is now, or deleted when it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorChange {
    /// People.
    pub people: BTreeSet<UserNo>,
    /// Groups.
    pub groups: BTreeSet<GroupNo>,
    /// Memberships.
    pub edges: BTreeSet<(GroupNo, Node)>,
}

impl MirrorChange {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.groups.is_empty() && self.edges.is_empty()
    }
}

/// Numbers that the next new person and group get; they never go back, whatever is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextNumbers {
    /// For people.
    pub user: u32,
    /// For groups.
    pub group: u32,
}

/// The mirror of one directory.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    people: Vec<Option<Box<PersonEntry>>>,
    groups: Vec<Option<Box<GroupEntry>>>,
    people_by_id: HashMap<ProviderId, UserNo>,
    groups_by_id: HashMap<ProviderId, GroupNo>,
    unconfirmed_edges: BTreeMap<(GroupNo, Node), Millis>,
    /// People and groups that are absent or unconfirmed, so that nobody has to look for them.
    absent: BTreeSet<(Millis, Node)>,
    unconfirmed: BTreeSet<Node>,
    /// Objects of which only the id is left, since what was stored of them cannot be read.
    unreadable: BTreeSet<Node>,
    memberships: usize,
}

#[derive(Clone, Debug)]
struct PersonEntry {
    row: PersonRow,
    /// Numbers of the groups it is directly in, ascending.
    parents: Vec<u32>,
}

#[derive(Clone, Debug)]
struct GroupEntry {
    row: GroupRow,
    /// Numbers of the groups it is directly in, ascending.
    parents: Vec<u32>,
    /// Numbers of its direct members, ascending.
    users: Vec<u32>,
    /// Numbers of the groups directly inside, ascending.
    children: Vec<u32>,
}

impl Mirror {
    /// Builds the mirror from stored rows; edges of unknown objects are dropped.
    pub fn from_rows(
        next: NextNumbers,
        people: impl IntoIterator<Item = PersonRow>,
        groups: impl IntoIterator<Item = GroupRow>,
        edges: impl IntoIterator<Item = EdgeRow>,
    ) -> Self {
        let mut this = Self::default();
        this.people.resize(next.user as usize, None);
        this.groups.resize(next.group as usize, None);
        for row in people {
            this.index_state(Node::User(row.no), None, Some(row.state));
            this.people_by_id.insert(row.record.id.clone(), row.no);
            let at = row.no.0 as usize;
            this.people.resize(this.people.len().max(at + 1), None);
            this.people[at] = Some(Box::new(PersonEntry { row, parents: Vec::new() }));
        }
        for row in groups {
            this.index_state(Node::Group(row.no), None, Some(row.state));
            this.groups_by_id.insert(row.record.id.clone(), row.no);
            let at = row.no.0 as usize;
            this.groups.resize(this.groups.len().max(at + 1), None);
            this.groups[at] = Some(Box::new(GroupEntry {
                row,
                parents: Vec::new(),
                users: Vec::new(),
                children: Vec::new(),
            }));
        }
        let mut edges: Vec<EdgeRow> = edges.into_iter().collect();
        edges.sort_unstable();
        for edge in edges {
            if this.node_exists(Node::Group(edge.group)) && this.node_exists(edge.member) {
                this.add_edge(edge.group, edge.member);
                if let Some(since) = edge.unconfirmed_since {
                    this.unconfirmed_edges.insert((edge.group, edge.member), since);
                }
            }
        }
        this
    }

    /// Says of objects that their records stand in for what cannot be read: they stay as served until the provider
    /// gives their records again, or says that they are gone.
    #[must_use]
    pub fn with_unreadable(mut self, nodes: impl IntoIterator<Item = Node>) -> Self {
        self.unreadable = nodes.into_iter().filter(|node| self.node_exists(*node)).collect();
        self
    }

    /// Objects whose records cannot be read from the store; they are not planned.
    pub fn unreadable(&self) -> &BTreeSet<Node> {
        &self.unreadable
    }

    /// The numbers that the next new objects get.
    pub fn next_numbers(&self) -> NextNumbers {
        let count = |n: usize| u32::try_from(n).expect("numbers are 32 bits wide");
        NextNumbers { user: count(self.people.len()), group: count(self.groups.len()) }
    }

    /// A person by number.
    pub fn person(&self, no: UserNo) -> Option<&PersonRow> {
        self.people.get(no.0 as usize)?.as_ref().map(|entry| &entry.row)
    }

    /// A group by number.
    pub fn group(&self, no: GroupNo) -> Option<&GroupRow> {
        self.groups.get(no.0 as usize)?.as_ref().map(|entry| &entry.row)
    }

    /// A person's number by the provider's id.
    pub fn person_no(&self, id: &ProviderId) -> Option<UserNo> {
        self.people_by_id.get(id).copied()
    }

    /// A group's number by the provider's id.
    pub fn group_no(&self, id: &ProviderId) -> Option<GroupNo> {
        self.groups_by_id.get(id).copied()
    }

    /// All people, by number.
    pub fn people(&self) -> impl Iterator<Item = &PersonRow> {
        self.people.iter().flatten().map(|entry| &entry.row)
    }

    /// All groups, by number.
    pub fn groups(&self) -> impl Iterator<Item = &GroupRow> {
        self.groups.iter().flatten().map(|entry| &entry.row)
    }

    /// A direct membership, if it is there.
    pub fn edge(&self, group: GroupNo, member: Node) -> Option<EdgeRow> {
        let there = match member {
            Node::User(no) => self.users_of(group).binary_search(&no.0).is_ok(),
            Node::Group(no) => self.children_of(group).binary_search(&no.0).is_ok(),
        };
        let unconfirmed_since = self.unconfirmed_edges.get(&(group, member)).copied();
        there.then_some(EdgeRow { group, member, unconfirmed_since })
    }

    /// Numbers of a group's direct members, ascending; parked ones of absent people included.
    pub fn users_of(&self, group: GroupNo) -> &[u32] {
        self.group_entry(group).map(|entry| entry.users.as_slice()).unwrap_or_default()
    }

    /// Numbers of the groups directly inside a group, ascending.
    pub fn children_of(&self, group: GroupNo) -> &[u32] {
        self.group_entry(group).map(|entry| entry.children.as_slice()).unwrap_or_default()
    }

    /// Numbers of the groups that a person or group is directly in, ascending.
    pub fn parents_of(&self, node: Node) -> &[u32] {
        match node {
            Node::User(no) => {
                let entry = self.people.get(no.0 as usize).and_then(Option::as_ref);
                entry.map(|entry| entry.parents.as_slice()).unwrap_or_default()
            }
            Node::Group(no) => {
                self.group_entry(no).map(|entry| entry.parents.as_slice()).unwrap_or_default()
            }
        }
    }

    /// How many direct memberships there are, nested groups included.
    pub fn memberships(&self) -> usize {
        self.memberships
    }

    /// Those absent since `until` or earlier, the longest absent first.
    pub fn absent_until(&self, until: Millis) -> impl Iterator<Item = Node> {
        let end = (until, Node::Group(GroupNo(u32::MAX)));
        self.absent.range(..=end).map(|(_, node)| *node)
    }

    /// Those absent since a time after `after`, `until` included, the longest absent first.
    pub fn absent_between(&self, after: Millis, until: Millis) -> impl Iterator<Item = Node> {
        let last = |at| (at, Node::Group(GroupNo(u32::MAX)));
        let range = (Bound::Excluded(last(after)), Bound::Included(last(until.max(after))));
        let between = (after < until).then(|| self.absent.range(range));
        between.into_iter().flatten().map(|(_, node)| *node)
    }

    /// People and groups that a listing lacks without the provider's word.
    pub fn unconfirmed(&self) -> &BTreeSet<Node> {
        &self.unconfirmed
    }

    /// Memberships that a listing lacks without the provider's word.
    pub fn unconfirmed_edges(&self) -> impl Iterator<Item = (GroupNo, Node)> {
        self.unconfirmed_edges.keys().copied()
    }

    fn group_entry(&self, no: GroupNo) -> Option<&GroupEntry> {
        self.groups.get(no.0 as usize)?.as_deref()
    }

    fn node_exists(&self, node: Node) -> bool {
        match node {
            Node::User(no) => self.person(no).is_some(),
            Node::Group(no) => self.group(no).is_some(),
        }
    }

    /// Keeps the sets of absent and unconfirmed objects in step with a change of state.
    fn index_state(&mut self, node: Node, old: Option<State>, new: Option<State>) {
        match old {
            Some(State::Absent { since, .. }) => {
                self.absent.remove(&(since, node));
            }
            Some(State::Unconfirmed { .. }) => {
                self.unconfirmed.remove(&node);
            }
            _ => {}
        }
        match new {
            Some(State::Absent { since, .. }) => {
                self.absent.insert((since, node));
            }
            Some(State::Unconfirmed { .. }) => {
                self.unconfirmed.insert(node);
            }
            _ => {}
        }
    }

    /// Adds an edge between objects that exist; says whether it is new.
    fn add_edge(&mut self, group: GroupNo, member: Node) -> bool {
        let Some(entry) = self.groups[group.0 as usize].as_deref_mut() else {
            return false;
        };
        let new = match member {
            Node::User(no) => insert_sorted(&mut entry.users, no.0),
            Node::Group(no) => insert_sorted(&mut entry.children, no.0),
        };
        if new {
            self.memberships += 1;
            if let Some(parents) = self.parents_mut(member) {
                insert_sorted(parents, group.0);
            }
        }
        new
    }

    /// Takes an edge out; says whether it was there.
    fn remove_edge(&mut self, group: GroupNo, member: Node) -> bool {
        self.unconfirmed_edges.remove(&(group, member));
        let Some(entry) = self.groups[group.0 as usize].as_deref_mut() else {
            return false;
        };
        let was = match member {
            Node::User(no) => remove_sorted(&mut entry.users, no.0),
            Node::Group(no) => remove_sorted(&mut entry.children, no.0),
        };
        if was {
            self.memberships -= 1;
            if let Some(parents) = self.parents_mut(member) {
                remove_sorted(parents, group.0);
            }
        }
        was
    }

    fn parents_mut(&mut self, node: Node) -> Option<&mut Vec<u32>> {
        match node {
            Node::User(no) => self.people.get_mut(no.0 as usize)?.as_mut().map(|e| &mut e.parents),
            Node::Group(no) => self.groups.get_mut(no.0 as usize)?.as_mut().map(|e| &mut e.parents),
        }
    }
}

fn insert_sorted(list: &mut Vec<u32>, value: u32) -> bool {
    // Rows and first loads come in order, so the end is the usual place.
    if list.last().is_none_or(|last| *last < value) {
        list.push(value);
        return true;
    }
    match list.binary_search(&value) {
        Ok(_) => false,
        Err(at) => {
            list.insert(at, value);
            true
        }
    }
}

fn remove_sorted(list: &mut Vec<u32>, value: u32) -> bool {
    list.binary_search(&value).map(|at| list.remove(at)).is_ok()
}
