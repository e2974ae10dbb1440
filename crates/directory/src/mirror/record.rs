//! What records of people and groups have in common when they are merged.
//!
//! Invariant: every row that is touched is marked, as dirty and as to be written.

use super::{GroupEntry, GroupRow, Merged, Mirror, PersonEntry, PersonRow, State};
use crate::{
    decisions::Node,
    id::{GroupNo, ProviderId, UserNo},
    observation::{GroupRecord, Kept, Member, PersonRecord, Unread},
};

pub(super) fn mark<R: Record>(no: u32, merged: &mut Merged) {
    merged.dirty.nodes.insert(R::node(no));
    match R::node(no) {
        Node::User(no) => merged.change.people.insert(no),
        Node::Group(no) => merged.change.groups.insert(no),
    };
}

/// What people and groups have in common here.
pub(super) trait Record: Clone + PartialEq + 'static {
    fn id(&self) -> &ProviderId;
    /// This record, with what the provider would not show now taken from the one before.
    fn completed_by(&self, before: &Self) -> Self;
    fn node(no: u32) -> Node;
    fn no(mirror: &Mirror, id: &ProviderId) -> Option<u32>;
    fn slot(mirror: &mut Mirror, no: u32) -> Option<&mut Self>;
    fn present(mirror: &Mirror) -> impl Iterator<Item = u32>;
    /// Those of which no more than the id, or that they were not read, is known.
    fn mentioned(mirror: &Mirror) -> impl Iterator<Item = (u32, &Self)>;
    /// The id that something that was kept has, if it is of this kind.
    fn id_of(kept: &Kept) -> Option<&ProviderId>;
    /// The id of an object of this kind whose record, or members, could not be read.
    fn id_of_unread(unread: &Unread) -> Option<&ProviderId>;
    /// The record of one of which nothing is known but the id, and why it was not read if it came.
    fn unknown(id: &ProviderId, kept: Option<&Kept>) -> Self;
    fn insert(mirror: &mut Mirror, record: Self, state: State, merged: &mut Merged);
}

impl Record for PersonRecord {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn completed_by(&self, before: &Self) -> Self {
        Self { enabled: self.enabled.or(before.enabled), ..self.clone() }
    }

    fn node(no: u32) -> Node {
        Node::User(UserNo(no))
    }

    fn no(mirror: &Mirror, id: &ProviderId) -> Option<u32> {
        mirror.person_no(id).map(|no| no.0)
    }

    fn slot(mirror: &mut Mirror, no: u32) -> Option<&mut Self> {
        mirror.people.get_mut(no as usize)?.as_mut().map(|entry| &mut entry.row.record)
    }

    fn present(mirror: &Mirror) -> impl Iterator<Item = u32> {
        mirror.people().filter(|row| row.state == State::Present).map(|row| row.no.0)
    }

    fn mentioned(mirror: &Mirror) -> impl Iterator<Item = (u32, &Self)> {
        let rows = mirror.people().filter(|row| row.state == State::Mentioned);
        rows.map(|row| (row.no.0, &row.record))
    }

    fn id_of(kept: &Kept) -> Option<&ProviderId> {
        match &kept.object {
            Member::User(id) => Some(id),
            Member::Group(_) => None,
        }
    }

    fn id_of_unread(unread: &Unread) -> Option<&ProviderId> {
        match unread {
            Unread::Person(id) | Unread::Memberships(id) => Some(id),
            Unread::Group(_) | Unread::Members(_) => None,
        }
    }

    fn unknown(id: &ProviderId, kept: Option<&Kept>) -> Self {
        match kept {
            Some(kept) => Self::unread(id.clone(), kept),
            None => Self::mentioned(id.clone()),
        }
    }

    fn insert(mirror: &mut Mirror, record: Self, state: State, merged: &mut Merged) {
        let no = mirror.next_numbers().user;
        mirror.people_by_id.insert(record.id.clone(), UserNo(no));
        let row = PersonRow { no: UserNo(no), state, record };
        mirror.people.push(Some(Box::new(PersonEntry { row, parents: Vec::new() })));
        mark::<Self>(no, merged);
    }
}

impl Record for GroupRecord {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn completed_by(&self, _before: &Self) -> Self {
        self.clone()
    }

    fn node(no: u32) -> Node {
        Node::Group(GroupNo(no))
    }

    fn no(mirror: &Mirror, id: &ProviderId) -> Option<u32> {
        mirror.group_no(id).map(|no| no.0)
    }

    fn slot(mirror: &mut Mirror, no: u32) -> Option<&mut Self> {
        mirror.groups.get_mut(no as usize)?.as_mut().map(|entry| &mut entry.row.record)
    }

    fn present(mirror: &Mirror) -> impl Iterator<Item = u32> {
        mirror.groups().filter(|row| row.state == State::Present).map(|row| row.no.0)
    }

    fn mentioned(mirror: &Mirror) -> impl Iterator<Item = (u32, &Self)> {
        let rows = mirror.groups().filter(|row| row.state == State::Mentioned);
        rows.map(|row| (row.no.0, &row.record))
    }

    fn id_of(kept: &Kept) -> Option<&ProviderId> {
        match &kept.object {
            Member::Group(id) => Some(id),
            Member::User(_) => None,
        }
    }

    fn id_of_unread(unread: &Unread) -> Option<&ProviderId> {
        match unread {
            Unread::Group(id) | Unread::Members(id) => Some(id),
            Unread::Person(_) | Unread::Memberships(_) => None,
        }
    }

    fn unknown(id: &ProviderId, kept: Option<&Kept>) -> Self {
        match kept {
            Some(kept) => Self::unread(id.clone(), kept),
            None => Self::mentioned(id.clone()),
        }
    }

    fn insert(mirror: &mut Mirror, record: Self, state: State, merged: &mut Merged) {
        let no = mirror.next_numbers().group;
        mirror.groups_by_id.insert(record.id.clone(), GroupNo(no));
        let row = GroupRow { no: GroupNo(no), state, record };
        let entry =
            GroupEntry { row, parents: Vec::new(), users: Vec::new(), children: Vec::new() };
        mirror.groups.push(Some(Box::new(entry)));
        mark::<Self>(no, merged);
    }
}
