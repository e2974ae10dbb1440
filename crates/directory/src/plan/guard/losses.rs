//! Memberships that would be lost: too many at once, and large groups that would be emptied.
//!
//! Invariant: an edge that goes because one of its ends goes is held with that end, never by itself.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{Draft, Drafted, Guard, Limit};
use crate::{
    decisions::Node, group::Group, id::GroupNo, plan::edges::Edge, report::GuardKind, user::User,
};

impl Guard<'_> {
    /// Holds the loss of too many memberships, the emptying of large and of protected groups, and whoever is more
    /// than a group has seats.
    pub(in crate::plan) fn hold_edges(
        &mut self,
        users: &mut [Draft<User>],
        groups: &mut [Draft<Group>],
        edges: &mut Vec<Edge>,
    ) {
        let staying = &self.staying;
        let group_stays = |edge: &Edge| staying.contains(&Node::Group(edge.group));
        // What goes because its other end does, goes all the same.
        edges.retain(|edge| {
            edge.added || edge.forced || !(staying.contains(&edge.member) || group_stays(edge))
        });
        let gone = groups.iter().filter(|draft| draft.before.is_some() && draft.after.is_none());
        self.groups_gone = gone.map(|draft| draft.node).collect();
        self.hold_privileged(users, groups, edges);
        self.hold_emptied_groups(edges);
        self.hold_lost_memberships(edges);
        self.hold_seats(users, groups, edges);
        self.hold_protected_members(&mut Drafted { users, groups, edges });
    }

    fn hold_lost_memberships(&mut self, edges: &mut Vec<Edge>) {
        let kind = GuardKind::MembershipsLost;
        let size = self.size();
        let limit = Limit {
            of: self.rules().limits.memberships(),
            size: size.memberships + size.nestings,
            applied: self.context.window.applied.memberships_removed,
        };
        if self.lifts(kind) {
            return self.note_use(kind, &limit, 0);
        }
        let lost = edges.iter().filter(|edge| !edge.added).count() as u64;
        let choice: Vec<Edge> =
            edges.iter().filter(|edge| !edge.added && !edge.forced).copied().collect();
        let Some(why) = self.judge(kind, &limit, lost) else { return };
        if choice.is_empty() {
            return;
        }
        self.hold_memberships(kind, why, &choice);
        edges.retain(|edge| edge.added || edge.forced);
    }

    fn hold_emptied_groups(&mut self, edges: &mut Vec<Edge>) {
        let kind = GuardKind::GroupsEmptied;
        let loses = |edge: &Edge| !edge.added && !edge.forced;
        if self.lifts(kind) || !edges.iter().any(loses) {
            return;
        }
        let mut balance: HashMap<u32, (usize, usize)> = HashMap::new();
        for edge in edges.iter().filter(|edge| matches!(edge.member, Node::User(_))) {
            let (came, went) = balance.entry(edge.group.0).or_default();
            *came += usize::from(edge.added);
            *went += usize::from(!edge.added);
        }
        let min = self.rules().limits.emptied_group_min;
        let emptied = |edge: &Edge| {
            let before = self.served().users_of(edge.group).len();
            let (came, went) = balance.get(&edge.group.0).copied().unwrap_or_default();
            before >= min as usize && came == 0 && went == before
        };
        let lost: Vec<Edge> =
            edges.iter().filter(|edge| loses(edge) && emptied(edge)).copied().collect();
        if lost.is_empty() {
            return;
        }
        edges.retain(|edge| edge.added || edge.forced || !emptied(edge));
        let why = format!("groups with {min} or more members would be emptied");
        self.hold_memberships(kind, why, &lost);
    }

    /// Holds memberships, lost or gained: one item per member, which is what must be looked at again.
    pub(super) fn hold_memberships(&mut self, kind: GuardKind, why: String, edges: &[Edge]) {
        let mut of_member: BTreeMap<(Node, bool), Vec<u32>> = BTreeMap::new();
        for edge in edges {
            of_member.entry((edge.member, edge.added)).or_default().push(edge.group.0);
        }
        let items = of_member.into_iter().filter_map(|((member, added), groups)| {
            let groups: Vec<String> =
                groups.iter().map(|no| self.group_name(GroupNo(*no))).collect();
            let would = if added { "would come into" } else { "would leave" };
            self.item(member, format!("{would} {}", groups.join(", ")))
        });
        let items = items.collect();
        self.hold_counted(kind, why, (items, edges.len() as u64));
    }

    pub(super) fn group_name(&self, no: GroupNo) -> String {
        match self.served().group(no) {
            Some(group) => group.name().to_string(),
            None => crate::plan::label(self.derive, Node::Group(no))
                .map_or_else(String::new, |(_, label)| label),
        }
    }
}
