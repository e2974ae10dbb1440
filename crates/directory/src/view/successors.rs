//! People who are gone from one directory and have an active account of the same name in a later one: the leaver makes
//! way, as an application sees its directories (DESIGN.md 12.9).
//!
//! Invariants: only who is gone at the provider and inactive makes way, never who is disabled; and only to an account
//! that is known to be the same person's, or that an administrator let take the place. To the application it is as if the leaver were not there any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    change::{Change, MembersChange},
    id::{DirectoryId, GroupNo, UserNo},
    name::fold,
    snapshot::Directory,
    user::User,
};

/// Somebody of one directory, by number.
pub type PersonAt = (DirectoryId, UserNo);

/// Accounts of people who are gone, in other directories, that are known to be the same person's.
pub type Successors = BTreeMap<PersonAt, BTreeSet<PersonAt>>;

/// Whether a leaver and an active account of the same name are known to be one person: by mail address or employee
/// number, where both have one.
pub fn is_same_person(
    (leaver, account): (&User, &User),
    (leavers_employee, accounts_employee): (Option<&str>, Option<&str>),
) -> bool {
    let agree = |a: &str, b: &str| !a.trim().is_empty() && fold(a.trim()) == fold(b.trim());
    agree(leaver.email(), account.email())
        || agree(leavers_employee.unwrap_or_default(), accounts_employee.unwrap_or_default())
}

/// An application's directories in order.
type Layers<'a> = [(DirectoryId, &'a Arc<Directory>)];

/// The people of the first directories who make way to somebody of a later one.
pub(super) fn leavers(layers: &Layers<'_>, successors: &Successors) -> Vec<PersonAt> {
    let mut ways = BTreeSet::new();
    // From below, so that a leaver also makes way to an account behind another leaver who does.
    for (above, (id, directory)) in layers.iter().enumerate().rev() {
        let of_it = (*id, UserNo(0))..=(*id, UserNo(u32::MAX));
        for (leaver, accounts) in successors.range(of_it) {
            let user = directory.user(leaver.1).filter(|user| !user.active());
            let next = user.and_then(|user| behind(layers, above, (user.folded_name(), &ways)));
            if next.is_some_and(|(at, account)| account.active() && accounts.contains(&at)) {
                ways.insert(*leaver);
            }
        }
    }
    ways.into_iter().collect()
}

/// Leavers who hide an active account that is not known to be theirs, each with that account: the one that would own the
/// name if the leaver made way.
pub(super) fn waiting(
    layers: &Layers<'_>,
    successors: &Successors,
    gone: &BTreeSet<PersonAt>,
) -> Vec<(PersonAt, PersonAt)> {
    let ways: BTreeSet<PersonAt> = leavers(layers, successors).into_iter().collect();
    let hides = |leaver: &PersonAt| {
        let above = layers.iter().position(|(id, _)| *id == leaver.0)?;
        let user = layers[above].1.user(leaver.1).filter(|user| !user.active())?;
        let (at, account) = behind(layers, above, (user.folded_name(), &ways))?;
        account.active().then_some((*leaver, at))
    };
    gone.iter().filter(|leaver| !ways.contains(leaver)).filter_map(hides).collect()
}

/// Leavers who make way, each with the account that has the name then.
pub(super) fn taken_over(
    layers: &Layers<'_>,
    successors: &Successors,
) -> Vec<(PersonAt, PersonAt)> {
    let ways: BTreeSet<PersonAt> = leavers(layers, successors).into_iter().collect();
    let pair = |leaver: &PersonAt| {
        let above = layers.iter().position(|(id, _)| *id == leaver.0)?;
        let user = layers[above].1.user(leaver.1)?;
        let (account, _) = behind(layers, above, (user.folded_name(), &ways))?;
        Some((*leaver, account))
    };
    ways.iter().filter_map(pair).collect()
}

/// The next one of a name below a directory, without those who make way.
fn behind<'a>(
    layers: &Layers<'a>,
    above: usize,
    (folded, ways): (&str, &BTreeSet<PersonAt>),
) -> Option<(PersonAt, &'a Arc<User>)> {
    layers[above + 1..].iter().find_map(|(id, directory)| {
        let (no, user) = directory.user_by_name(folded)?;
        (!ways.contains(&(*id, no))).then_some(((*id, no), user))
    })
}

/// A directory without some of its people.
pub(super) fn without(directory: &Directory, people: &[UserNo]) -> Option<Directory> {
    let mut changes = Vec::new();
    let mut leaving: BTreeMap<GroupNo, Vec<UserNo>> = BTreeMap::new();
    for no in people {
        let before = Some(Arc::clone(directory.user(*no)?));
        changes.push(Change::User { no: *no, before, after: None });
        for group in directory.groups_of(*no) {
            leaving.entry(GroupNo(*group)).or_default().push(*no);
        }
    }
    for (group, mut users) in leaving {
        users.sort_unstable();
        changes.push(Change::Members(MembersChange {
            users_removed: users,
            ..MembersChange::of(group)
        }));
    }
    directory.apply(&changes).ok()
}
