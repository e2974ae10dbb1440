//! Who is gone from one directory and has an active account of the same name in another that is known to be theirs, or was
//! approved to take their place (DESIGN.md 12.9).
//!
//! Invariant: costs what the people who are gone cost, whatever the size of the directories.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use directory::{
    id::DirectoryId,
    view::{PersonAt, Published, Served, Successors, WithoutLeavers, is_same_person},
};
use store::{ApprovedTakeOver, GoneUser, Store, StoreError};

/// The accounts that are known to be those of people who are gone, or approved.
pub(super) fn successors(
    store: &Store,
    directories: &BTreeMap<DirectoryId, Served>,
) -> Result<Successors, StoreError> {
    let mut successors = Successors::new();
    if directories.len() < 2 {
        return Ok(successors);
    }
    let approved = store.take_overs()?;
    let approves = |leaver: PersonAt, account: PersonAt, name: &str| {
        let fits = |one: &ApprovedTakeOver| one.account == account && one.name == name;
        let from = approved.partition_point(|one| one.leaver < leaver);
        approved[from..].iter().take_while(|one| one.leaver == leaver).any(fits)
    };
    for GoneUser { directory, no, employee } in store.gone_users()? {
        let served = directories.get(&directory).map(|served| &served.directory);
        let Some(leaver) = served.and_then(|served| served.user(no)) else { continue };
        if leaver.active() {
            continue;
        }
        let mut accounts = BTreeSet::new();
        for (id, other) in directories.iter().filter(|(id, _)| **id != directory) {
            let Some((account_no, account)) = other.directory.user_by_name(leaver.folded_name())
            else {
                continue;
            };
            if !account.active() {
                continue;
            }
            // Asked for only where mail addresses do not tell.
            let by_mail = is_same_person((leaver, account), (None, None));
            let decided = || approves((directory, no), (*id, account_no), leaver.folded_name());
            let known = by_mail || decided() || {
                let theirs =
                    if employee.is_empty() { None } else { store.employee_of(*id, account_no)? };
                is_same_person((leaver, account), (Some(&employee), theirs.as_deref()))
            };
            if known {
                accounts.insert((*id, account_no));
            }
        }
        if !accounts.is_empty() {
            successors.insert((directory, no), accounts);
        }
    }
    Ok(successors)
}

/// The directories without leavers, as each application sees them; `known` is what was published, if nothing of what
/// it is made of has changed.
pub(super) fn remaining(
    store: &Store,
    published: &Published,
    known: Option<&WithoutLeavers>,
) -> Result<WithoutLeavers, StoreError> {
    let mut all = WithoutLeavers::new();
    if published.successors.is_empty() {
        return Ok(all);
    }
    for row in store.applications()? {
        let frozen = row.sight.frozen_names.then_some(row.id);
        let key = (row.sight.directories, frozen);
        if key.0.len() < 2 || all.contains_key(&key) {
            continue;
        }
        let remaining = match known.and_then(|known| known.get(&key)) {
            Some(remaining) => Arc::clone(remaining),
            None => Arc::new(published.remaining(&key.0, frozen)),
        };
        all.insert(key, remaining);
    }
    Ok(all)
}
