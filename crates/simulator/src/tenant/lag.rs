//! What lagging lists still show: how objects and memberships were before their recent changes.
//!
//! Invariant: empty unless control set a lag, so that lists pay nothing for it. Only collections lag; single reads
//! and the change logs do not look here (deltas have their own lag, by the time of the log entry).

use std::collections::HashMap;

use super::{Card, Life, Member, Tenant, User};

/// By position: until when lists show an object as it was, and how that was.
type Past<T> = HashMap<u32, Vec<(i64, T)>>;

/// How far collections lag, and the past they need for it.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Lists show a change this much later.
    pub(crate) list_ms: i64,
    /// Deltas show a change this much later.
    pub(crate) delta_ms: i64,
    users: Past<Option<(User, Life)>>,
    groups: Past<Option<Card>>,
    edges: HashMap<u32, Vec<(i64, Member, bool)>>,
}

impl Lag {
    /// Keeps how a user was (`None`: did not exist) before a change at `at_ms`.
    pub(super) fn keep_user(&mut self, user: u32, was: Option<(User, Life)>, at_ms: i64) {
        if self.list_ms > 0 {
            self.users.entry(user).or_default().push((at_ms + self.list_ms, was));
        }
    }

    /// Keeps how a group was before a change at `at_ms`.
    pub(super) fn keep_group(&mut self, group: u32, was: Option<Card>, at_ms: i64) {
        if self.list_ms > 0 {
            self.groups.entry(group).or_default().push((at_ms + self.list_ms, was));
        }
    }

    /// Keeps whether a membership existed before a change at `at_ms`.
    pub(super) fn keep_edge(&mut self, group: u32, member: Member, was: bool, at_ms: i64) {
        if self.list_ms > 0 {
            self.edges.entry(group).or_default().push((at_ms + self.list_ms, member, was));
        }
    }

    /// Whether lists lag at all.
    pub(crate) fn is_on(&self) -> bool {
        self.list_ms > 0
    }

    /// Sets both lags. The past that was kept is dropped: lists are true at once after a change of lag.
    pub(crate) fn set(&mut self, list_ms: i64, delta_ms: i64) {
        *self = Self { list_ms, delta_ms, ..Self::default() };
    }
}

impl Tenant {
    /// The user as lists show them now, if they show them.
    pub(crate) fn listed_user(&self, user: u32, now_ms: i64) -> Option<&User> {
        let (row, life) = self.user_as_listed(user, now_ms)?;
        (life == Life::Live).then_some(row)
    }

    /// The user as lists show them now, in whatever life.
    pub(crate) fn user_as_listed(&self, user: u32, now_ms: i64) -> Option<(&User, Life)> {
        if let Some(past) = self.lag.users.get(&user)
            && let Some((_, was)) = past.iter().find(|(until, _)| *until > now_ms)
        {
            return was.as_ref().map(|(row, life)| (row, *life));
        }
        Some((self.user(user), self.lives[user as usize]))
    }

    /// The group as lists show it now, if they show it.
    pub(crate) fn listed_group(&self, group: u32, now_ms: i64) -> Option<&Card> {
        if let Some(past) = self.lag.groups.get(&group)
            && let Some((_, was)) = past.iter().find(|(until, _)| *until > now_ms)
        {
            return was.as_ref().filter(|card| card.life == Life::Live);
        }
        let card = &self.group(group).card;
        (card.life == Life::Live).then_some(card)
    }

    /// The direct members of a group that lists show now although they are gone, and those they do not show yet.
    pub(crate) fn listed_edges(&self, group: u32, now_ms: i64) -> (Vec<Member>, Vec<Member>) {
        let (mut still, mut not_yet) = (Vec::new(), Vec::new());
        for (until, member, was) in self.lag.edges.get(&group).into_iter().flatten() {
            let decided = still.contains(member) || not_yet.contains(member);
            if *until > now_ms && !decided {
                if *was { still.push(*member) } else { not_yet.push(*member) }
            }
        }
        (still, not_yet)
    }
}
