//! People who are gone from one directory and have an active account of the same name in a later one: the leaver makes
//! way, as an application sees its directories (DESIGN.md 12.9).
//!
//! Invariants: only who is gone at the provider and inactive makes way, never who is disabled; and only to an account
//! that is known to be the same person's. To the application it is as if the leaver were not there any more.

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

/// The people of the first directories who make way to somebody of a later one.
pub(super) fn leavers(
    layers: &[(DirectoryId, &Arc<Directory>)],
    successors: &Successors,
) -> Vec<PersonAt> {
    let find = |wanted: DirectoryId| layers.iter().position(|(id, _)| *id == wanted);
    let makes_way = |(leaver, accounts): (&PersonAt, &BTreeSet<PersonAt>)| {
        let above = find(leaver.0)?;
        let user = layers[above].1.user(leaver.1).filter(|user| !user.active())?;
        let taken_over = accounts.iter().any(|(directory, no)| {
            let below = find(*directory).filter(|below| *below > above);
            let account = below.and_then(|below| layers[below].1.user(*no));
            account.is_some_and(|account| {
                account.active() && account.folded_name() == user.folded_name()
            })
        });
        taken_over.then_some(*leaver)
    };
    successors.iter().filter_map(makes_way).collect()
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
