//! What groups give to the people in them, directly or through groups: that they are served, and additions.
//!
//! Invariant: one bit for each thing that a group can give, and what a group gives with all around it is found once
//! in a plan. A group that the provider does not have, grace aside, gives nothing and passes nothing on.

use std::collections::BTreeSet;

use super::Derive;
use crate::{
    decisions::Node,
    id::{GroupNo, UserNo},
    mirror::{GroupRow, State},
    rules::{RemovedGroups, Who},
};

/// Its members are served.
const SERVED: u64 = 1 << 63;
/// It was found out; additions have the bits from 0 on.
const KNOWN: u64 = 1 << 62;

impl Derive<'_> {
    /// Whether somebody is in a group whose members are served.
    pub(crate) fn is_member(&self, no: UserNo) -> bool {
        self.given_to(no) & SERVED != 0
    }

    /// The places of the additions that somebody gets.
    pub(crate) fn additions_of(&self, no: UserNo) -> impl Iterator<Item = usize> {
        let given = if self.rules.additions.is_empty() { 0 } else { self.given_to(no) };
        (0..self.rules.additions.len()).filter(move |at| given & (1 << at) != 0)
    }

    /// What a group gives by itself.
    fn gives(&self, row: &GroupRow) -> u64 {
        let rules = self.rules;
        let served = match &rules.people.who {
            Who::Everybody => false,
            Who::MembersOfServedGroups => self.chosen(&row.record).is_ok(),
            Who::MembersOf(_) => rules.members_of.has(&row.record),
        };
        let additions = rules.additions.iter().enumerate();
        let added = additions.filter(|(_, (matcher, _))| matcher.has(&row.record));
        added.fold(if served { SERVED } else { 0 }, |bits, (at, _)| bits | 1 << at)
    }

    /// Whether an addition of that place comes from a group itself.
    pub(crate) fn gives_addition(&self, row: &GroupRow, at: usize) -> bool {
        self.rules.additions.get(at).is_some_and(|(matcher, _)| matcher.has(&row.record))
    }

    /// Whether the provider has a group, or its grace period lasts.
    pub(crate) fn is_alive(&self, no: GroupNo) -> bool {
        match self.mirror.group(no).map(|row| row.state) {
            Some(State::Present | State::Unconfirmed { .. }) => true,
            Some(State::Absent { since, .. }) => {
                self.rules.removed_groups == RemovedGroups::AfterGrace && !self.grace_over(since)
            }
            Some(State::Mentioned) | None => false,
        }
    }

    fn given_to(&self, no: UserNo) -> u64 {
        let direct = self.mirror.parents_of(Node::User(no));
        direct.iter().fold(0, |bits, group| bits | self.given_by(*group))
    }

    /// What a group and all around it give.
    fn given_by(&self, group: u32) -> u64 {
        let known = self.reach.borrow().get(group as usize).copied().unwrap_or_default();
        if known & KNOWN != 0 {
            return known;
        }
        let mut seen = BTreeSet::from([group]);
        let mut work = vec![group];
        let mut bits = KNOWN;
        while let Some(no) = work.pop() {
            let no = GroupNo(no);
            let Some(row) = self.mirror.group(no).filter(|_| self.is_alive(no)) else { continue };
            bits |= self.gives(row);
            let above = self.mirror.parents_of(Node::Group(no)).iter().copied();
            work.extend(above.filter(|above| seen.insert(*above)));
        }
        let mut reach = self.reach.borrow_mut();
        let length = reach.len().max(self.mirror.next_numbers().group as usize);
        reach.resize(length, 0);
        if let Some(slot) = reach.get_mut(group as usize) {
            *slot = bits;
        }
        bits
    }
}
