//! Groups in groups: everything inside a group, and everything around a person or group.
//!
//! Invariant: each object comes once, whatever cycles the nesting has; a group is never said to be inside
//! itself. In a flattened view no group is inside another, and everybody is in a group directly.

use std::collections::HashSet;

use crate::view::{GroupAt, UserAt, View};

/// All groups inside a group, at any depth.
pub fn descendants(view: &View, group: GroupAt) -> Vec<GroupAt> {
    reach(&[group], |at| view.children_of(at)).into_iter().filter(|at| *at != group).collect()
}

/// All groups that a group is inside of, at any depth.
pub fn ancestors(view: &View, group: GroupAt) -> Vec<GroupAt> {
    reach(&[group], |at| view.parents_of(at)).into_iter().filter(|at| *at != group).collect()
}

/// All groups that a person is in, directly or through groups.
pub fn groups_of(view: &View, user: UserAt) -> Vec<GroupAt> {
    reach(&view.said_groups_of(user), |at| view.said_parents_of(at))
}

/// All people in a group, directly or through groups.
pub fn users_of(view: &View, group: GroupAt) -> Vec<UserAt> {
    let groups = reach(&[group], |at| view.said_children_of(at));
    let mut users: Vec<UserAt> = groups.into_iter().flat_map(|at| view.said_users_of(at)).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// The groups that can be reached, the first ones included.
fn reach(from: &[GroupAt], next: impl Fn(GroupAt) -> Vec<GroupAt>) -> Vec<GroupAt> {
    let mut seen: HashSet<GroupAt> = from.iter().copied().collect();
    let mut reached = from.to_vec();
    let mut at = 0;
    while let Some(group) = reached.get(at).copied() {
        at += 1;
        reached.extend(next(group).into_iter().filter(|group| seen.insert(*group)));
    }
    reached
}
