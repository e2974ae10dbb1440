//! Looking for people among all of a directory.
//!
//! Whoever walks in the order of names jumps about in memory, and waits for it at every step; in the order of
//! numbers people mostly lie one behind the other. So only what is found early is found in the order of names.

use std::sync::Arc;

use super::Directory;
use crate::{id::UserNo, user::User};

/// People who are looked at in the order of names before all are looked at in the order of numbers.
const EARLY: usize = 1_000;
/// Found people who are brought into order; where there are more, a walk in order finds any page soon.
const SORTED_MAX: usize = 4_000;

type Found<'a> = Vec<(UserNo, &'a Arc<User>)>;

impl Directory {
    /// The first people after a folded name who fit, `limit` at the most, in the order of folded names.
    pub fn users_fitting_after(
        &self,
        folded: &str,
        limit: usize,
        fits: impl Fn(&User) -> bool,
    ) -> Found<'_> {
        let early = EARLY.max(limit.saturating_mul(4));
        let mut found = Vec::new();
        let mut last = None;
        for (no, user) in self.users_after(folded).take(early) {
            if found.len() == limit {
                return found;
            }
            if fits(user) {
                found.push((no, user));
            }
            last = Some(user);
        }
        let Some(last) = last.filter(|_| found.len() < limit) else { return found };
        let later = |user: &User| user.folded_name() > last.folded_name() && fits(user);
        let mut rest = self.users_fitting(later);
        let wanted = limit - found.len();
        if rest.len() > wanted {
            rest.select_nth_unstable_by(wanted, |a, b| a.1.folded_name().cmp(b.1.folded_name()));
            rest.truncate(wanted);
        }
        sort(&mut rest);
        found.append(&mut rest);
        found
    }

    /// How many people fit, and those of one page of them, in the order of folded names.
    pub fn page_of_users_fitting(
        &self,
        (skip, take): (usize, usize),
        fits: impl Fn(&User) -> bool,
    ) -> (usize, Found<'_>) {
        let mut all = self.users_fitting(&fits);
        let total = all.len();
        if total > SORTED_MAX {
            let walk = self.users_from(0).filter(|(_, user)| fits(user));
            return (total, walk.skip(skip).take(take).collect());
        }
        sort(&mut all);
        (total, all.into_iter().skip(skip).take(take).collect())
    }

    /// Everybody who fits, by number.
    fn users_fitting(&self, fits: impl Fn(&User) -> bool) -> Found<'_> {
        let all = self.users.iter().filter(|(_, user)| fits(user));
        all.map(|(no, user)| (UserNo(no), user)).collect()
    }
}

fn sort(found: &mut Found<'_>) {
    found.sort_unstable_by(|a, b| a.1.folded_name().cmp(b.1.folded_name()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::Change,
        id::{Millis, ProviderId},
        name::Name,
        user::UserFields,
    };

    /// People whose names are in another order than their numbers.
    fn crowd(count: u32) -> Directory {
        let changes: Vec<Change> = (0..count)
            .map(|no| {
                let shuffled = no.wrapping_mul(2_654_435_761) % 1_000_003;
                let user = User::new(&UserFields {
                    id: &ProviderId::parse(&format!("u{no}")).unwrap(),
                    name: &Name::parse(&format!("p{shuffled:07}")).unwrap(),
                    first_name: "",
                    last_name: if no % 3 == 0 { "third" } else { "" },
                    display_name: if no % 997 == 0 { "rare" } else { "" },
                    email: "",
                    active: true,
                    created: Millis(0),
                    updated: Millis(0),
                });
                Change::User { no: UserNo(no), before: None, after: Some(Arc::new(user)) }
            })
            .collect();
        Directory::default().apply(&changes).unwrap()
    }

    #[test]
    fn finds_what_a_walk_in_order_finds() {
        type Fits = fn(&User) -> bool;
        let fits: [(&str, Fits); 4] = [
            ("everybody", |_| true),
            ("a third", |user| user.last_name() == "third"),
            ("few", |user| user.display_name() == "rare"),
            ("nobody", |_| false),
        ];
        for directory in [crowd(0), crowd(900), crowd(20_000)] {
            for (who, fits) in fits {
                let walk: Vec<UserNo> = directory
                    .users_from(0)
                    .filter(|(_, user)| fits(user))
                    .map(|(no, _)| no)
                    .collect();
                let numbers = |found: Found<'_>| -> Vec<UserNo> {
                    found.into_iter().map(|(no, _)| no).collect()
                };
                for page in [(0, 7), (13, 50), (walk.len().saturating_sub(3), 10)] {
                    let (total, found) = directory.page_of_users_fitting(page, fits);
                    let wanted: Vec<UserNo> =
                        walk.iter().copied().skip(page.0).take(page.1).collect();
                    assert_eq!((total, numbers(found)), (walk.len(), wanted), "{who}");
                }
                // Page after page gives everybody once.
                for limit in [7, 500, 30_000] {
                    let (mut all, mut last) = (Vec::new(), String::new());
                    loop {
                        let found = directory.users_fitting_after(&last, limit, fits);
                        let Some((_, user)) = found.last() else { break };
                        last = user.folded_name().to_owned();
                        all.append(&mut numbers(found));
                        if limit == 7 && all.len() > 200 {
                            break;
                        }
                    }
                    assert_eq!(all, walk[..all.len()], "{who}");
                    assert!(all.len() == walk.len() || all.len() > 200, "{who}");
                }
            }
        }
    }
}
