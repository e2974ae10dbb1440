//! Drafts and edges, once the guard has spoken, as changes with their counts.
//!
//! Invariant: what is the same before and after is no change.

use std::sync::Arc;

use super::{
    Draft, Plan,
    edges::{self, Edge},
    people,
};
use crate::{change::Change, decisions::Node, group::Group, user::User};

/// Turns drafts and edges into changes and counts them.
pub(super) fn emit(
    (users, groups, edges): (Vec<Draft<User>>, Vec<Draft<Group>>, Vec<Edge>),
    plan: &mut Plan,
) {
    for Draft { node, before, after, .. } in users {
        let Node::User(no) = node else { continue };
        if !differs(before.as_ref(), after.as_ref(), User::same_as) {
            continue;
        }
        people::count_user(before.as_deref(), after.as_deref(), &mut plan.applied);
        plan.changes.push(Change::User { no, before, after });
    }
    for Draft { node, before, after, .. } in groups {
        let Node::Group(no) = node else { continue };
        if !differs(before.as_ref(), after.as_ref(), Group::same_as) {
            continue;
        }
        match (&before, &after) {
            (None, _) => plan.applied.groups_added += 1,
            (_, None) => plan.applied.groups_removed += 1,
            (Some(before), Some(after)) => {
                plan.applied.groups_changed += 1;
                plan.applied.groups_renamed +=
                    u64::from(before.folded_name() != after.folded_name());
            }
        }
        plan.changes.push(Change::Group { no, before, after });
    }
    for members in edges::pack(edges) {
        plan.applied.memberships_added +=
            (members.users_added.len() + members.groups_added.len()) as u64;
        plan.applied.memberships_removed +=
            (members.users_removed.len() + members.groups_removed.len()) as u64;
        plan.changes.push(Change::Members(members));
    }
}

fn differs<T>(
    before: Option<&Arc<T>>,
    after: Option<&Arc<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    match (before, after) {
        (None, None) => false,
        (Some(before), Some(after)) => !same(before, after),
        _ => true,
    }
}
