//! Passwords of administrators: hashed off the async threads, few at a time, and not tried too often.
//!
//! Invariants: an account that is not there costs the same time as a wrong password; failures are counted by
//! account and by address; what is remembered of them is bounded.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use directory::{
    id::{MINUTE_MS, Millis},
    name::fold,
};
use tokio::sync::{OnceCell, Semaphore};

use crate::{api::application::hash, entropy};

/// Passwords hashed at one time: each takes 19 MiB and a processor.
const HASHING_MAX: usize = 2;
/// The shortest password.
pub(crate) const CHARACTERS_MIN: usize = 12;
/// A longer password is wrong without a look.
const BYTES_MAX: usize = 1024;
/// How long a failure counts.
const WINDOW_MS: i64 = 5 * MINUTE_MS;
/// Failures of one account within the window.
const ACCOUNT_MAX: usize = 10;
/// Failures from one address within the window.
const ADDRESS_MAX: usize = 30;
/// Accounts and addresses that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    hashing: Semaphore,
    failures: Mutex<HashMap<String, Vec<Millis>>>,
    /// A hash that no password fits.
    nobody: OnceCell<String>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            hashing: Semaphore::new(HASHING_MAX),
            failures: Mutex::default(),
            nobody: OnceCell::new(),
        }
    }

    /// Whether a password is right; without a hash there is no such account.
    pub(crate) async fn verify(&self, stored: Option<&str>, password: &str) -> bool {
        if password.is_empty() || password.len() > BYTES_MAX {
            return false;
        }
        let Ok(_permit) = self.hashing.acquire().await else { return false };
        let there = stored.is_some();
        let stored = match stored {
            Some(stored) => stored.to_owned(),
            None => match self.nobody.get_or_try_init(|| hash(entropy::token())).await {
                Ok(nobody) => nobody.clone(),
                Err(_) => return false,
            },
        };
        let password = password.to_owned();
        let checking = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&stored).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        });
        checking.await.unwrap_or(false) && there
    }

    /// How long to wait before the next try, in milliseconds, if it comes too soon.
    pub(crate) fn wait(&self, account: &str, address: IpAddr, now: Millis) -> Option<i64> {
        let failures = self.lock();
        let wait = |key: String, max: usize| {
            let recent: Vec<Millis> = failures
                .get(&key)?
                .iter()
                .copied()
                .filter(|at| now.since(*at) < WINDOW_MS)
                .collect();
            let first = recent.len().checked_sub(max).and_then(|at| recent.get(at))?;
            Some(first.plus(WINDOW_MS).since(now))
        };
        let account = wait(account_key(account), ACCOUNT_MAX);
        account.max(wait(address_key(address), ADDRESS_MAX))
    }

    /// Remembers a wrong password.
    pub(crate) fn failed(&self, account: &str, address: IpAddr, now: Millis) {
        let mut failures = self.lock();
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, times| times.iter().any(|at| now.since(*at) < WINDOW_MS));
        }
        for key in [account_key(account), address_key(address)] {
            if failures.len() < REMEMBERED_MAX || failures.contains_key(&key) {
                let times = failures.entry(key).or_default();
                times.retain(|at| now.since(*at) < WINDOW_MS);
                times.push(now);
            }
        }
    }

    /// Forgets the failures of an account: its password was right.
    pub(crate) fn succeeded(&self, account: &str) {
        self.lock().remove(&account_key(account));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Millis>>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong with a new password, if something is.
pub(crate) fn objection(name: &str, password: &str, again: &str) -> Option<String> {
    if password.chars().count() < CHARACTERS_MIN {
        return Some(format!("The password needs at least {CHARACTERS_MIN} characters."));
    }
    if password.len() > BYTES_MAX {
        return Some("The password is too long.".to_owned());
    }
    if !name.is_empty() && fold(password).contains(&*fold(name)) {
        return Some("The password must not contain the name.".to_owned());
    }
    if password.chars().all(|c| password.starts_with(c)) {
        return Some("The password must not be one character over and over.".to_owned());
    }
    (password != again).then(|| "The two passwords are not the same.".to_owned())
}

fn account_key(name: &str) -> String {
    let name = fold(name);
    format!("a {}", &name[..name.floor_char_boundary(100)])
}

/// Whoever has one IPv6 address has 2^64.
fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(ip) => format!("4 {ip}"),
        IpAddr::V6(ip) => format!("6 {:?}", &ip.segments()[..4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::new();
        let stored = hash("correct horse".to_owned()).await.unwrap();
        assert!(passwords.verify(Some(&stored), "correct horse").await);
        assert!(!passwords.verify(Some(&stored), "wrong").await);
        assert!(!passwords.verify(Some(&stored), "").await);
        assert!(!passwords.verify(None, "correct horse").await);
    }

    #[test]
    fn failures_make_wait_by_account_and_address() {
        let passwords = Passwords::new();
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for second in 0..10 {
            assert_eq!(passwords.wait("ann", here, Millis(second)), None);
            passwords.failed("Ann", here, Millis(second));
        }
        assert_eq!(passwords.wait("ann", there, Millis(10)), Some(WINDOW_MS - 10));
        assert_eq!(passwords.wait("bob", here, Millis(10)), None);
        for no in 0..20 {
            passwords.failed(&format!("x{no}"), here, Millis(10));
        }
        assert!(passwords.wait("bob", here, Millis(10)).is_some());
        assert_eq!(passwords.wait("bob", there, Millis(10)), None);
        passwords.succeeded("ann");
        assert_eq!(passwords.wait("ann", there, Millis(10)), None);
        assert_eq!(passwords.wait("x", here, Millis(WINDOW_MS + 10)), None);
    }

    #[test]
    fn new_passwords_are_judged() {
        let said = |password: &str, again: &str| objection("ann", password, again).is_some();
        assert!(said("short", "short") && said("with ann inside it", "with ann inside it"));
        assert!(said("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa") && said("long enough one", "another"));
        assert!(!said("long enough one", "long enough one"));
    }
}
