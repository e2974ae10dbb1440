//! Groups with a limited number of seats.
//!
//! Invariants: a seat is taken by whoever is active in the group, directly or through groups; whoever has one keeps
//! it; of the newcomers those with the lowest ids get what is free, and only the surplus waits. A group that comes
//! into such a group waits as a whole, since it is one change.

use crate::counted::counted;
use std::collections::BTreeSet;

use super::{Draft, Guard, HeldItem, aspects, future::Future};
use crate::{
    decisions::Node,
    group::Group,
    id::{GroupNo, ProviderId, UserNo},
    plan::edges::Edge,
    report::GuardKind,
    user::User,
};

impl Guard<'_> {
    pub(super) fn hold_seats(
        &mut self,
        users: &mut [Draft<User>],
        groups: &[Draft<Group>],
        edges: &mut Vec<Edge>,
    ) {
        if self.rules().seats.is_empty() || self.lifts(GuardKind::Seats) {
            return;
        }
        let mut limits: Vec<(&str, u32)> =
            self.rules().seats.iter().map(|(name, seats)| (&**name, *seats)).collect();
        limits.sort_unstable();
        for (name, seats) in limits {
            let drafted = groups.iter().find(|draft| {
                draft.after.as_ref().is_some_and(|group| group.folded_name() == name)
            });
            let drafted = drafted.and_then(|draft| match draft.node {
                Node::Group(no) => Some(no),
                Node::User(_) => None,
            });
            let group = drafted.or_else(|| self.served().group_by_name(name).map(|(no, _)| no));
            if let Some(group) = group {
                self.hold_seats_of(group, seats, (users, edges));
            }
        }
    }

    fn hold_seats_of(
        &mut self,
        group: GroupNo,
        seats: u32,
        (users, edges): (&mut [Draft<User>], &mut Vec<Edge>),
    ) {
        let mut below = Future::new(self.served(), users, edges).below(group);
        let comes = edges.iter().any(|edge| edge.added && below.contains(&edge.group.0));
        if !comes && !users.iter().any(wakes) {
            return;
        }
        let seats = seats as usize;
        let mut active = Future::new(self.served(), users, edges).active_in(&below);
        if active.len() <= seats {
            return;
        }
        let why = format!(
            "{} would be active in {}, which has {}",
            counted(active.len(), "person"),
            self.group_name(group),
            counted(seats, "seat")
        );
        let nested = |edge: &Edge| {
            edge.added && below.contains(&edge.group.0) && matches!(edge.member, Node::Group(_))
        };
        let inside: Vec<Edge> = edges.iter().filter(|edge| nested(edge)).copied().collect();
        if !inside.is_empty() {
            edges.retain(|edge| !nested(edge));
            self.hold_memberships(GuardKind::Seats, why.clone(), &inside);
            let future = Future::new(self.served(), users, edges);
            below = future.below(group);
            active = future.active_in(&below);
        }
        let surplus = self.surplus(group, seats, &active);
        if surplus.is_empty() {
            return;
        }
        let waits = |edge: &Edge| {
            let member = match edge.member {
                Node::User(no) => surplus.contains(&no),
                Node::Group(_) => false,
            };
            edge.added && member && below.contains(&edge.group.0)
        };
        let waiting: Vec<Edge> = edges.iter().filter(|edge| waits(edge)).copied().collect();
        edges.retain(|edge| !waits(edge));
        self.hold_memberships(GuardKind::Seats, why.clone(), &waiting);
        let came: BTreeSet<Node> = waiting.iter().map(|edge| edge.member).collect();
        let sleeping = |draft: &&mut Draft<User>| {
            let among = matches!(draft.node, Node::User(no) if surplus.contains(&no));
            among && wakes(draft) && !came.contains(&draft.node)
        };
        let mut items = Vec::new();
        for draft in users.iter_mut().filter(sleeping) {
            let name = draft.before.as_ref().map(|user| user.name().to_owned()).unwrap_or_default();
            let what = format!("would be reactivated, and {} has no seat", self.group_name(group));
            items.push(HeldItem { node: draft.node, id: draft.id.clone(), name, what });
            aspects::revert(GuardKind::Seats, draft);
        }
        if !items.is_empty() {
            self.hold(GuardKind::Seats, why, items);
        }
    }

    /// The newcomers for whom there is no seat.
    fn surplus(&self, group: GroupNo, seats: usize, active: &BTreeSet<UserNo>) -> BTreeSet<UserNo> {
        let now = Future::now(self.served());
        let had = now.active_in(&now.below(group));
        let stay = had.intersection(active).count();
        let mut new: Vec<(Option<&ProviderId>, UserNo)> = active
            .difference(&had)
            .map(|no| (self.derive.mirror.person(*no).map(|row| &row.record.id), *no))
            .collect();
        new.sort_unstable();
        new.into_iter().skip(seats.saturating_sub(stay)).map(|(_, no)| no).collect()
    }
}

/// Whether somebody becomes active who is served already.
fn wakes(draft: &Draft<User>) -> bool {
    match (&draft.before, &draft.after) {
        (Some(before), Some(after)) => !before.active() && after.active(),
        _ => false,
    }
}
