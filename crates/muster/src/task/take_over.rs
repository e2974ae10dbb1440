//! Accounts that leavers of other directories hide from products: which take-overs wait for an approval, and the words for
//! a person's page (DESIGN.md 12.9).
//!
//! Invariant: only what an application really sees counts: a leaver hides nobody in directories that no application
//! lays over each other.

use std::collections::{BTreeMap, BTreeSet};

use directory::{
    decisions::TakeOver,
    id::{DirectoryId, UserNo},
    plan::WaitingTakeOver,
    user::User,
    view::{PersonAt, Published},
};
use store::{Store, StoreError};

/// Applications by the pair of leaver and account.
type Pairs = BTreeMap<(PersonAt, PersonAt), Vec<String>>;

/// Returns the take-overs of accounts of a directory that wait for an approval.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn waiting(
    store: &Store,
    published: &Published,
    id: DirectoryId,
) -> Result<Vec<WaitingTakeOver>, StoreError> {
    let pairs = hidden(store, published, |order| order.contains(&id))?;
    let waiting = pairs.into_keys().filter(|(_, account)| account.0 == id);
    let waiting = waiting.filter_map(|(leaver, account)| {
        let directory = published.directories.get(&leaver.0)?.name.clone();
        let user = user(published, leaver)?;
        let name = user.folded_name().into();
        let take_over = TakeOver { account: account.1, leaver, name };
        Some(WaitingTakeOver { take_over, directory, leaver: user.id().clone() })
    });
    Ok(waiting.collect())
}

/// Returns sentences about a person who makes way or takes a place, or who waits for that: lower case, no full stop.
///
/// # Errors
/// When the store cannot be read.
pub fn told(
    store: &Store,
    published: &Published,
    person: PersonAt,
) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    let has = |order: &[DirectoryId]| order.contains(&person.0);
    for ((leaver, account), applications) in hidden(store, published, has)? {
        let named = |at: PersonAt| {
            let user = user(published, at)?;
            Some((user.name(), &*published.directories.get(&at.0)?.name))
        };
        let (Some((name, of)), Some((theirs, below))) = (named(leaver), named(account)) else {
            continue;
        };
        let applications = applications.join(", ");
        if person == leaver {
            sentences.push(format!(
                "`{theirs}` of directory {below} waits behind this leaver in {applications}, since neither mail address nor \
                 employee number says that it is one person; look with `muster directory preview {below}`, then approve \
                 `take_over`"
            ));
        } else if person == account {
            sentences.push(format!(
                "waits behind the leaver `{name}` of directory {of} in {applications}, since neither mail address nor employee \
                 number says that it is one person; look with `muster directory preview {below}`, then approve `take_over`"
            ));
        }
    }
    for (leaver, account, applications) in made_way(store, published)? {
        let (Some(gone), Some(user)) = (user(published, leaver), user(published, account)) else {
            continue;
        };
        let name = |id: DirectoryId| published.directories.get(&id).map(|served| &*served.name);
        let applications = applications.join(", ");
        if person == leaver {
            let below = name(account.0).unwrap_or_default();
            sentences.push(format!(
                "has made way to the account `{}` of directory {below} in {applications}",
                user.name()
            ));
        } else if person == account {
            let of = name(leaver.0).unwrap_or_default();
            sentences.push(format!(
                "has taken the place of the leaver `{}` of directory {of} in {applications}",
                gone.name()
            ));
        }
    }
    Ok(sentences)
}

fn user(published: &Published, (id, no): (DirectoryId, UserNo)) -> Option<&User> {
    published.directories.get(&id)?.directory.user(no).map(|user| &**user)
}

/// Leavers and the accounts that they hide, with the applications in which they do.
fn hidden(
    store: &Store,
    published: &Published,
    concerns: impl Fn(&[DirectoryId]) -> bool,
) -> Result<Pairs, StoreError> {
    let mut pairs = Pairs::new();
    if published.directories.len() < 2 {
        return Ok(pairs);
    }
    let gone: BTreeSet<PersonAt> =
        store.gone_users()?.into_iter().map(|gone| (gone.directory, gone.no)).collect();
    if gone.is_empty() {
        return Ok(pairs);
    }
    let mut known: BTreeMap<Vec<DirectoryId>, Vec<(PersonAt, PersonAt)>> = BTreeMap::new();
    for row in store.applications()? {
        let order = row.sight.directories;
        if order.len() < 2 || !concerns(&order) {
            continue;
        }
        let of_order =
            known.entry(order).or_insert_with_key(|order| published.hidden_accounts(order, &gone));
        for pair in of_order {
            pairs.entry(*pair).or_default().push(row.name.clone());
        }
    }
    Ok(pairs)
}

/// Leavers who have made way, each with the account that has their name then, and the applications.
fn made_way(
    store: &Store,
    published: &Published,
) -> Result<Vec<(PersonAt, PersonAt, Vec<String>)>, StoreError> {
    let mut pairs = Pairs::new();
    if published.successors.is_empty() {
        return Ok(Vec::new());
    }
    for row in store.applications()? {
        for pair in published.taken_over(&row.sight.directories) {
            pairs.entry(pair).or_default().push(row.name.clone());
        }
    }
    Ok(pairs.into_iter().map(|((leaver, account), names)| (leaver, account, names)).collect())
}
