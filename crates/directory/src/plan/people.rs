//! Drafts of what each person and group would become, before the guard speaks.
//!
//! Invariant: a draft's `before` is what is served; an object that is served and not in scope has none.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Basis, Claimant, Draft, GroupVerdict, Issue, Name, Node, PersonVerdict, Reason, Scope, issue,
    names,
};
use crate::{
    group::Group,
    id::{GroupNo, Millis, UserNo},
    observation::Attribute,
    report::Applied,
    user::{User, UserFields},
};

pub(super) fn draft_users(
    basis: &Basis<'_>,
    scope: &Scope,
    now: Millis,
    (issues, passing): (&mut Vec<Issue>, bool),
) -> Vec<Draft<User>> {
    let mut drafts = Vec::new();
    let mut claimants = Vec::new();
    let mut active_of = BTreeMap::new();
    for no in scope.users() {
        let before = basis.served.user(no);
        let row = basis.mirror.person(no);
        match row.map(|row| (row, basis.person(row))) {
            Some((_, PersonVerdict::Wanted { claim: Ok(name), active }))
                if !passing && before.is_some_and(|user| user.folded_name() == name.folded()) =>
            {
                // Whoever has the name already keeps it, whoever else wants it.
                let after = user(basis, no, (&name, active), now);
                let id = before.map(|user| user.id().clone());
                drafts.extend(id.map(|id| Draft {
                    node: Node::User(no),
                    id,
                    before: before.cloned(),
                    after,
                }));
            }
            Some((row, PersonVerdict::Wanted { claim, active })) => {
                let current = before.and_then(|user| Name::parse(user.name()).ok());
                let node = Node::User(no);
                claimants.push(Claimant { node, id: &row.record.id, claim, current });
                active_of.insert(node, active);
            }
            Some((_, PersonVerdict::Out(_))) | None => {
                drafts.extend(before.map(|user| removal(no, user)));
            }
        }
    }
    let assigned = names::assign(basis, &claimants, passing);
    for claimant in &claimants {
        let (node, assigned) = (claimant.node, &assigned[&claimant.node]);
        let Node::User(no) = node else { continue };
        let trouble = assigned.trouble.clone();
        issues.extend(trouble.and_then(|trouble| issue(basis, node, Reason::Name(trouble))));
        let before = basis.served.user(no).cloned();
        let after =
            assigned.name.as_ref().map(|name| user(basis, no, (name, active_of[&node]), now));
        drafts.push(Draft { node, id: claimant.id.clone(), before, after: after.flatten() });
    }
    drafts.sort_by_key(|draft| draft.node);
    drafts
}

pub(super) fn draft_groups(
    basis: &Basis<'_>,
    scope: &Scope,
    now: Millis,
    (issues, passing): (&mut Vec<Issue>, bool),
) -> Vec<Draft<Group>> {
    let mut drafts = Vec::new();
    let mut claimants = Vec::new();
    for no in scope.groups() {
        let node = Node::Group(no);
        let before = basis.served.group(no);
        let row = basis.mirror.group(no);
        match row.map(|row| (row, basis.group(row))) {
            Some((row, GroupVerdict::Wanted { claim, waiting_name })) => {
                let current = before.map(|group| group.name().clone());
                claimants.push(Claimant { node, id: &row.record.id, claim, current });
                let waits =
                    waiting_name.map(|name| Reason::GroupRenameWaits { name: name.to_string() });
                issues.extend(waits.and_then(|reason| issue(basis, node, reason)));
            }
            Some((_, GroupVerdict::Out(_))) | None => drafts.extend(before.map(|group| Draft {
                node,
                id: group.id().clone(),
                before: Some(Arc::clone(group)),
                after: None,
            })),
        }
    }
    let assigned = names::assign(basis, &claimants, passing);
    for claimant in &claimants {
        let (node, assigned) = (claimant.node, &assigned[&claimant.node]);
        let Node::Group(no) = node else { continue };
        let trouble = assigned.trouble.clone();
        issues.extend(trouble.and_then(|trouble| issue(basis, node, Reason::Name(trouble))));
        let before = basis.served.group(no).cloned();
        let after = assigned.name.as_ref().and_then(|name| group(basis, no, name, now));
        drafts.push(Draft { node, id: claimant.id.clone(), before, after });
    }
    drafts.sort_by_key(|draft| draft.node);
    drafts
}

/// Whoever would get a name that its holder does not leave after all goes back to what is served, and is
/// given back, to be looked at again.
pub(super) fn settle_user_names(basis: &Basis<'_>, drafts: &mut [Draft<User>]) -> Vec<Node> {
    settle_names(basis, drafts, |user| user.folded_name())
}

/// The same for groups.
pub(super) fn settle_group_names(basis: &Basis<'_>, drafts: &mut [Draft<Group>]) -> Vec<Node> {
    settle_names(basis, drafts, |group| group.folded_name())
}

fn settle_names<T>(
    basis: &Basis<'_>,
    drafts: &mut [Draft<T>],
    folded: impl Fn(&T) -> &str,
) -> Vec<Node> {
    let mut sent_back = Vec::new();
    // Taking one back may block the next in a chain, so go on until nothing moves.
    loop {
        let at: BTreeMap<Node, usize> =
            drafts.iter().enumerate().map(|(i, draft)| (draft.node, i)).collect();
        let blocked: Vec<usize> = drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| {
                let Some(name) = draft.after.as_deref().map(&folded) else {
                    return false;
                };
                if draft.before.as_deref().map(&folded) == Some(name) {
                    return false;
                }
                let Some(holder) = names::served_holder(basis, draft.node, name) else {
                    return false;
                };
                let stays = match at.get(&holder) {
                    Some(i) => drafts[*i].after.as_deref().map(&folded) == Some(name),
                    None => true,
                };
                holder != draft.node && stays
            })
            .map(|(i, _)| i)
            .collect();
        if blocked.is_empty() {
            return sent_back;
        }
        for i in blocked {
            let Draft { before, after, node, .. } = &mut drafts[i];
            after.clone_from(before);
            sent_back.push(*node);
        }
    }
}

/// Counts what became of a person.
pub(super) fn count_user(before: Option<&User>, after: Option<&User>, applied: &mut Applied) {
    match (before, after) {
        (None, _) => applied.users_added += 1,
        (Some(_), None) => applied.users_removed += 1,
        (Some(before), Some(after)) => {
            applied.users_changed += 1;
            applied.users_renamed += u64::from(renamed(before, after));
            applied.users_deactivated += u64::from(before.active() && !after.active());
            applied.users_reactivated += u64::from(!before.active() && after.active());
            applied.users_blanked += u64::from(blanked(before, after));
        }
    }
}

pub(super) fn renamed(before: &User, after: &User) -> bool {
    before.folded_name() != after.folded_name()
}

pub(super) fn blanked(before: &User, after: &User) -> bool {
    let gone = |before: &str, after: &str| !before.is_empty() && after.is_empty();
    gone(before.email(), after.email()) || gone(before.display_name(), after.display_name())
}

fn removal(no: UserNo, user: &Arc<User>) -> Draft<User> {
    Draft {
        node: Node::User(no),
        id: user.id().clone(),
        before: Some(Arc::clone(user)),
        after: None,
    }
}

/// The person as wanted; what is served already is taken as it is, times included.
fn user(
    basis: &Basis<'_>,
    no: UserNo,
    (name, active): (&Name, bool),
    now: Millis,
) -> Option<Arc<User>> {
    let record = &basis.mirror.person(no)?.record;
    let text = |attribute| record.attributes.get(attribute).unwrap_or_default();
    let before = basis.served.user(no);
    let wanted = User::new(&UserFields {
        id: &record.id,
        name,
        first_name: text(Attribute::GivenName),
        last_name: text(Attribute::Surname),
        display_name: text(Attribute::DisplayName),
        email: text(Attribute::Mail),
        active,
        created: before.map_or(now, |user| user.created()),
        updated: now,
    });
    match before {
        Some(before) if before.same_as(&wanted) => Some(Arc::clone(before)),
        _ => Some(Arc::new(wanted)),
    }
}

fn group(basis: &Basis<'_>, no: GroupNo, name: &Name, now: Millis) -> Option<Arc<Group>> {
    let record = &basis.mirror.group(no)?.record;
    let description = record.attributes.get(Attribute::Description).unwrap_or_default();
    let before = basis.served.group(no);
    let created = before.map_or(now, |group| group.created());
    let wanted = Group::new(record.id.clone(), name.clone(), description, created, now);
    match before {
        Some(before) if before.same_as(&wanted) => Some(Arc::clone(before)),
        _ => Some(Arc::new(wanted)),
    }
}
