//! What a person goes through, kind by kind, and how to take it back.
//!
//! Invariant: taking a kind back leaves everything else that the plan does to the person as it is.

use crate::counted::counted;
use std::{fmt, sync::Arc};

use hashbrown::HashSet;

use crate::{
    group::Group,
    name::Name,
    plan::{Draft, people},
    report::GuardKind,
    user::{User, UserFields},
};

/// What a person would go through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aspect<'a> {
    Removed,
    Anonymised,
    Deactivated,
    Reactivated,
    Blanked,
    Renamed { to: &'a str },
}

impl fmt::Display for Aspect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "would be removed",
            Self::Anonymised => "would lose names and address for good",
            Self::Deactivated => "would be deactivated",
            Self::Reactivated => "would be reactivated",
            Self::Blanked => "would lose mail address or display name",
            Self::Renamed { to } => return write!(f, "would be renamed to {to}"),
        })
    }
}

/// What a person would go through under a kind; `None` when nothing.
pub(super) fn aspect(kind: GuardKind, draft: &Draft<User>) -> Option<Aspect<'_>> {
    let before = draft.before.as_deref()?;
    let Some(after) = draft.after.as_deref() else {
        return (kind == GuardKind::PeopleLeaving).then_some(Aspect::Removed);
    };
    match kind {
        GuardKind::PeopleLeaving if people::anonymised(before, after) => Some(Aspect::Anonymised),
        GuardKind::PeopleLeaving => {
            (before.active() && !after.active()).then_some(Aspect::Deactivated)
        }
        GuardKind::Renames => {
            people::renamed(before, after).then(|| Aspect::Renamed { to: after.name() })
        }
        GuardKind::Reactivations => {
            (!before.active() && after.active()).then_some(Aspect::Reactivated)
        }
        GuardKind::Blanked => people::blanked(before, after).then_some(Aspect::Blanked),
        _ => None,
    }
}

/// Takes a person back to what is served in one respect.
pub(super) fn revert(kind: GuardKind, draft: &mut Draft<User>) {
    let Some(before) = draft.before.clone() else {
        return;
    };
    let Some(after) = draft.after.clone().filter(|after| !people::anonymised(&before, after))
    else {
        draft.after = Some(before);
        return;
    };
    let same_name = kind == GuardKind::Renames;
    let name = if same_name { before.name() } else { after.name() };
    let Ok(name) = Name::parse(name) else { return };
    let kept = |before: &'_ str, after: &'_ str| -> String {
        if kind == GuardKind::Blanked && after.is_empty() { before } else { after }.to_owned()
    };
    let active = match kind {
        GuardKind::PeopleLeaving | GuardKind::Reactivations | GuardKind::Seats => before.active(),
        _ => after.active(),
    };
    let reverted = User::new(&UserFields {
        id: after.id(),
        name: &name,
        first_name: after.first_name(),
        last_name: after.last_name(),
        display_name: &kept(before.display_name(), after.display_name()),
        email: &kept(before.email(), after.email()),
        active,
        created: after.created(),
        updated: after.updated(),
    });
    draft.after = Some(if reverted.same_as(&before) { before } else { Arc::new(reverted) });
}

/// Folded names that somebody would newly get, as far as somebody may have to leave one.
pub(super) fn names_taken<T>(
    drafts: &[Draft<T>],
    folded: impl Fn(&T) -> &str,
) -> HashSet<Box<str>> {
    if drafts.iter().all(|draft| draft.before.is_none()) {
        return HashSet::new();
    }
    let new = drafts.iter().filter_map(|draft| {
        let after = folded(draft.after.as_deref()?);
        let before = draft.before.as_deref().map(&folded);
        (before != Some(after)).then(|| after.into())
    });
    new.collect()
}

/// Whether a person has to leave their name because an approved plan gives it to somebody else.
pub(super) fn gives_up_name(draft: &Draft<User>, taken: &HashSet<Box<str>>) -> bool {
    draft.before.as_deref().is_some_and(|before| taken.contains(before.folded_name()))
}

/// The same group under the name that it has.
pub(super) fn with_name_of(before: &Arc<Group>, after: &Group) -> Arc<Group> {
    let name = before.name().clone();
    let kept =
        Group::new(after.id().clone(), name, after.description(), after.created(), after.updated());
    if kept.same_as(before) { Arc::clone(before) } else { Arc::new(kept) }
}

/// How many objects of a kind, and what would become of them.
pub(super) fn told(kind: GuardKind, count: impl TryInto<u64>) -> String {
    let (noun, fate) = match kind {
        GuardKind::PeopleLeaving => ("person", "would be removed or deactivated"),
        GuardKind::GroupsRemoved => ("group", "would be removed"),
        GuardKind::MembershipsLost => ("membership", "would be taken away"),
        GuardKind::GroupsEmptied => ("large group", "would be emptied"),
        GuardKind::TakeOver => ("name", "would pass from one id to another"),
        GuardKind::Renames => ("person", "would be renamed"),
        GuardKind::Reactivations => ("person", "would be reactivated"),
        GuardKind::Blanked => ("person", "would lose mail address or display name"),
        GuardKind::EmptyRead => ("empty read", "came"),
        GuardKind::Unconfirmed => ("object", "not confirmed to be gone"),
        GuardKind::GroupRenames => ("group", "would be renamed"),
        GuardKind::Seats => ("person", "would have no seat"),
        GuardKind::Protected => ("protected person or group", "would be touched"),
        GuardKind::LastMember => ("protected group", "would lose the last active member"),
        GuardKind::Privileged => ("person or group", "would gain power"),
    };
    format!("{} {fate}", counted(count, noun))
}
