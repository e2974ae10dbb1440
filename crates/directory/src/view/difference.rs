//! What a product would see happen when its application's view changes (DESIGN.md 10.10).
//!
//! Invariant: counts what a product does with two full readings: it deletes whoever is missing, and gives
//! a name's history to whoever has the name.

use crate::counted::counted;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{GroupAt, Place, UserAt, View};
use crate::{
    decisions::Digest,
    plan::short_digest,
    rules::limits::{Limits, Threshold},
};

/// From this size on, a group that loses everybody is worth a look.
const LARGE_GROUP: usize = 50;
/// Objects read at a time.
const BATCH: usize = 1024;

/// What changes between two views.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Difference {
    /// People in the view before.
    pub users_before: usize,
    /// People who come.
    pub users_new: usize,
    /// User names that vanish.
    pub users_gone: Vec<String>,
    /// User names that pass to another person.
    pub taken_over: Vec<String>,
    /// Groups in the view before.
    pub groups_before: usize,
    /// Groups that come.
    pub groups_new: usize,
    /// Groups that vanish.
    pub groups_gone: Vec<String>,
    /// Direct memberships in the view before.
    pub memberships_before: usize,
    /// Memberships of people and groups that stay and that come.
    pub memberships_new: usize,
    /// Memberships of people and groups that stay and that go.
    pub memberships_gone: usize,
    /// Large groups that stay and lose all their members.
    pub emptied: Vec<String>,
}

impl Difference {
    /// Compares two views.
    pub fn between(before: &View, after: &View) -> Self {
        let mut difference = Self::default();
        for at in all_users(before) {
            difference.users_before += 1;
            let user = before.user(at);
            match after.user_named(user.folded_name()) {
                None => difference.users_gone.push(user.name().to_owned()),
                Some(now) => {
                    let same =
                        after.owner(now) == before.owner(at) && after.user(now).id() == user.id();
                    difference.taken_over.extend((!same).then(|| user.name().to_owned()));
                }
            }
        }
        difference.users_new = all_users(after)
            .filter(|at| before.user_named(after.user(*at).folded_name()).is_none())
            .count();
        for at in all_groups(before) {
            difference.groups_before += 1;
            let group = before.group(at);
            match after.group_named(group.folded_name()) {
                None => {
                    difference.groups_gone.push(group.name().to_string());
                    difference.memberships_before += before.users_of(at).len();
                }
                Some(now) => difference.compare_members((before, at), (after, now)),
            }
        }
        difference.groups_new = all_groups(after)
            .filter(|at| before.group_named(after.group(*at).folded_name()).is_none())
            .count();
        difference
    }

    fn compare_members(&mut self, (before, old): (&View, GroupAt), (after, new): (&View, GroupAt)) {
        let names = |view: &View, group| -> BTreeSet<String> {
            let users = view.users_of(group).into_iter();
            users.map(|at| view.user(at).folded_name().to_owned()).collect()
        };
        let (was, is) = (names(before, old), names(after, new));
        self.memberships_before += was.len();
        let stays = |name: &&String| after.user_named(name).is_some();
        let gone = was.difference(&is).filter(stays).count();
        self.memberships_gone += gone;
        self.memberships_new +=
            is.difference(&was).filter(|name| before.user_named(name).is_some()).count();
        if is.is_empty() && gone >= LARGE_GROUP {
            self.emptied.push(before.group(old).name().to_string());
        }
    }

    /// Why a person should look at it first, by the limits of the guard; empty when it may be done.
    pub fn concerns(&self, limits: &Limits) -> Vec<String> {
        let mut concerns = Vec::new();
        let mut check =
            |count: usize, limit: Threshold, size: usize, (noun, fate): (&str, &str)| {
                if count as u64 > limit.passing(size) {
                    let told = counted(count, noun);
                    concerns.push(format!("{told} {fate}: {}", limit.told(size)));
                }
            };
        check(
            self.users_gone.len(),
            limits.leaving(),
            self.users_before,
            ("person", "would vanish"),
        );
        check(
            self.groups_gone.len(),
            limits.groups(),
            self.groups_before,
            ("group", "would vanish"),
        );
        let memberships = Threshold { min: 0, ..limits.memberships() };
        check(
            self.memberships_gone,
            memberships,
            self.memberships_before,
            ("membership", "would go"),
        );
        if !self.taken_over.is_empty() {
            let count = self.taken_over.len();
            concerns.push(format!("{} would pass to another person", counted(count, "user name")));
        }
        if !self.emptied.is_empty() {
            let emptied = counted(self.emptied.len(), "large group");
            concerns.push(format!("{emptied} would lose everybody"));
        }
        let whole = |gone: usize, before: usize| gone > 0 && gone == before;
        if whole(self.users_gone.len(), self.users_before)
            || whole(self.groups_gone.len(), self.groups_before)
        {
            concerns.push("nothing of what is there would stay".to_owned());
        }
        concerns
    }

    /// What an approval names: another difference has another digest.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for list in [&self.users_gone, &self.taken_over, &self.groups_gone, &self.emptied] {
            hash.update((list.len() as u64).to_le_bytes());
            for name in list {
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name);
            }
        }
        hash.update((self.memberships_gone as u64).to_le_bytes());
        short_digest(hash)
    }
}

fn all_users(view: &View) -> impl Iterator<Item = UserAt> {
    all(move |place| view.next_users(place, BATCH))
}

fn all_groups(view: &View) -> impl Iterator<Item = GroupAt> {
    all(move |place| view.next_groups(place, BATCH))
}

fn all<T>(next: impl Fn(&mut Place) -> Vec<T>) -> impl Iterator<Item = T> {
    let mut place = Place::default();
    std::iter::from_fn(move || Some(next(&mut place)).filter(|batch| !batch.is_empty())).flatten()
}
