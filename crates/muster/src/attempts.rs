//! Limits on guessing passwords: counted for an account from one address, for an address, and for an account from everywhere.
//!
//! Invariants: an attempt is counted before it is judged, so that a hundred at once are not judged a hundred times; what
//! strangers try never uses up the budget of an address that an account is known to come from; what is remembered is
//! bounded, and a full table refuses whoever is not in it instead of forgetting whoever is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::{id::Millis, name::fold};

use crate::peer::Origin;

/// A budget that is used up by attempts and comes back with time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Attempts at once.
    pub burst: u32,
    /// After which time one more is allowed, in milliseconds.
    pub each_ms: i64,
}

/// The budgets of one place where passwords are given.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    /// For one account from one address.
    pub pair: Budget,
    /// For one address that the account is not known to come from, whatever the accounts.
    pub address: Budget,
    /// For one account, from all addresses that it is not known to come from.
    pub strangers: Budget,
}

/// Whether an account is known to come from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is signed in there, or was lately.
    Familiar,
    /// It is not.
    Stranger,
}

/// Keys that are remembered, of addresses that accounts are known to come from and of others each.
const REMEMBERED_MAX: usize = 20_000;
/// Bytes of an account's name that are told apart.
const NAME_BYTES_MAX: usize = 100;

/// What was tried lately.
#[derive(Debug)]
pub struct Attempts {
    budgets: Budgets,
    familiar: Mutex<Used>,
    strange: Mutex<Used>,
}

/// Until when each budget is used up, as if each attempt took [`Budget::each_ms`].
type Used = HashMap<String, Millis>;

impl Attempts {
    /// Nothing was tried yet.
    pub fn new(budgets: Budgets) -> Self {
        Self { budgets, familiar: Mutex::default(), strange: Mutex::default() }
    }

    /// Counts an attempt that is about to be judged.
    ///
    /// # Errors
    /// When it comes too soon: how long to wait, in milliseconds. It is not counted then.
    pub fn begin(
        &self,
        account: &str,
        origin: Origin,
        standing: Standing,
        now: Millis,
    ) -> Result<(), i64> {
        let mut used = self.used(standing);
        let wanted = self.wanted(account, origin, standing);
        let fresh = wanted.iter().filter(|(key, _)| !used.contains_key(key)).count();
        if used.len() + fresh > REMEMBERED_MAX {
            used.retain(|_, until| *until > now);
            if used.len() + fresh > REMEMBERED_MAX {
                return Err(self.budgets.pair.each_ms);
            }
        }
        let waits = wanted.iter().filter_map(|(key, budget)| {
            let tolerance = budget.each_ms * i64::from(budget.burst.saturating_sub(1));
            let wait = used.get(key)?.since(now) - tolerance;
            (wait > 0).then_some(wait)
        });
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        for (key, budget) in wanted {
            let until = used.entry(key).or_insert(now);
            *until = now.max(*until).plus(budget.each_ms);
        }
        Ok(())
    }

    /// Gives the attempt back: the password was right.
    pub fn succeeded(&self, account: &str, origin: Origin, standing: Standing) {
        let mut used = self.used(standing);
        let [(pair, _), others @ ..] = &self.wanted(account, origin, standing)[..] else { return };
        used.remove(pair);
        for (key, budget) in others {
            if let Some(until) = used.get_mut(key) {
                *until = until.plus(-budget.each_ms);
            }
        }
    }

    /// The budgets that an attempt uses; the first is that of account and address together.
    fn wanted(&self, account: &str, origin: Origin, standing: Standing) -> Vec<(String, Budget)> {
        let account = fold(account);
        let account = &account[..account.floor_char_boundary(NAME_BYTES_MAX)];
        let address = address_key(origin);
        let mut wanted = vec![(format!("p {address} {account}"), self.budgets.pair)];
        if standing == Standing::Stranger {
            wanted.push((format!("o {address}"), self.budgets.address));
            wanted.push((format!("a {account}"), self.budgets.strangers));
        }
        wanted
    }

    fn used(&self, standing: Standing) -> MutexGuard<'_, Used> {
        let used = match standing {
            Standing::Familiar => &self.familiar,
            Standing::Stranger => &self.strange,
        };
        used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address has 2^64.
fn address_key(origin: Origin) -> String {
    match origin.address() {
        None => "unknown".to_owned(),
        Some(std::net::IpAddr::V4(ip)) => ip.to_string(),
        Some(std::net::IpAddr::V6(ip)) => format!("{:x?}", &ip.segments()[..4]),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Standing::*, *};

    const BUDGETS: Budgets = Budgets {
        pair: Budget { burst: 10, each_ms: 30_000 },
        address: Budget { burst: 30, each_ms: 10_000 },
        strangers: Budget { burst: 50, each_ms: 6_000 },
    };

    fn from(text: &str) -> Origin {
        Origin::from(text.parse::<IpAddr>().unwrap())
    }

    fn at(no: u32) -> Origin {
        Origin::from(IpAddr::from(no.to_be_bytes()))
    }

    #[test]
    fn attempts_are_counted_for_account_and_address_together() {
        let attempts = Attempts::new(BUDGETS);
        let (here, there) = (from("192.0.2.1"), from("192.0.2.2"));
        for _ in 0..10 {
            assert_eq!(attempts.begin("Ann", here, Stranger, Millis(0)), Ok(()));
        }
        assert_eq!(attempts.begin("ann", here, Stranger, Millis(0)), Err(30_000));
        assert_eq!(attempts.begin("ann", here, Stranger, Millis(1_000)), Err(29_000));
        assert_eq!(attempts.begin("ann", there, Stranger, Millis(0)), Ok(()));
        assert_eq!(attempts.begin("bob", here, Stranger, Millis(0)), Ok(()));
        assert_eq!(attempts.begin("ann", here, Stranger, Millis(30_000)), Ok(()));
        assert!(attempts.begin("ann", here, Stranger, Millis(30_000)).is_err());
        attempts.succeeded("ANN", here, Stranger);
        assert_eq!(attempts.begin("ann", here, Stranger, Millis(30_000)), Ok(()));
    }

    #[test]
    fn one_address_is_not_many_accounts_and_one_account_not_many_addresses() {
        let attempts = Attempts::new(BUDGETS);
        let here = from("2001:db8::1");
        let tried = |no: u32| {
            // One network of IPv6 is one address.
            let origin = from(&format!("2001:db8::{no:x}"));
            attempts.begin(&format!("user{no}"), origin, Stranger, Millis(0)).is_ok()
        };
        assert_eq!((0..100).filter(|no| tried(*no)).count(), 30);
        assert!(attempts.begin("ann", here, Stranger, Millis(0)).is_err());
        assert!(attempts.begin("ann", here, Familiar, Millis(0)).is_ok());
        let attempts = Attempts::new(BUDGETS);
        let tried = |no: u32| attempts.begin("ann", at(no), Stranger, Millis(0)).is_ok();
        assert_eq!((0..1_000).filter(|no| tried(*no)).count(), 50);
        assert!(attempts.begin("ann", at(7_000), Stranger, Millis(0)).is_err());
        assert_eq!(attempts.begin("ann", at(7_001), Familiar, Millis(0)), Ok(()), "known there");
        assert_eq!(attempts.begin("bob", at(7_001), Stranger, Millis(0)), Ok(()));
    }

    #[test]
    fn a_full_table_refuses_and_forgets_nobody() {
        let attempts = Attempts::new(BUDGETS);
        let target = from("198.51.100.1");
        for _ in 0..10 {
            attempts.begin("ann", target, Stranger, Millis(0)).unwrap();
        }
        let tried =
            |no: u32| attempts.begin(&format!("x{no}"), at(no), Stranger, Millis(0)).is_ok();
        let judged = (0..50_000).filter(|no| tried(*no)).count();
        assert!(judged < REMEMBERED_MAX, "{judged}");
        assert!(attempts.used(Stranger).len() <= REMEMBERED_MAX);
        assert!(attempts.begin("ann", target, Stranger, Millis(0)).is_err(), "not forgotten");
        assert!(attempts.begin("new", at(60_000), Stranger, Millis(0)).is_err(), "full");
        assert!(attempts.begin("bob", target, Familiar, Millis(0)).is_ok());
        assert!(attempts.begin("new", at(60_000), Stranger, Millis(600_000)).is_ok(), "past");
    }

    #[test]
    fn a_hundred_at_once_are_not_judged() {
        let attempts = Attempts::new(BUDGETS);
        let judged = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..120 {
                scope.spawn(|| {
                    if attempts.begin("ann", at(1), Stranger, Millis(0)).is_ok() {
                        judged.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(judged.into_inner(), 10);
    }
}
