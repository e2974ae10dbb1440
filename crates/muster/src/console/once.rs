//! Passwords that are shown once: kept for some minutes, so that a page can be loaded again.
//!
//! Invariant: only the session that made a password sees it, and only in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::id::{MINUTE_MS, Millis};
use secrecy::{ExposeSecret, SecretString};

/// How long a password can be looked at.
const KEPT_MS: i64 = 30 * MINUTE_MS;
/// Passwords kept at one time.
const KEPT_MAX: usize = 200;

/// Passwords, and when they were made, by session and application.
type Kept = HashMap<([u8; 32], String), (SecretString, Millis)>;

/// Passwords by session and application.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<Kept>);

impl Once {
    pub(crate) fn put(&self, session: [u8; 32], name: &str, password: String, now: Millis) {
        let mut kept = self.lock();
        kept.retain(|_, (_, at)| now.since(*at) < KEPT_MS);
        if kept.len() < KEPT_MAX {
            kept.insert((session, name.to_owned()), (SecretString::from(password), now));
        }
    }

    pub(crate) fn get(&self, session: [u8; 32], name: &str, now: Millis) -> Option<String> {
        let kept = self.lock();
        let (password, at) = kept.get(&(session, name.to_owned()))?;
        (now.since(*at) < KEPT_MS).then(|| password.expose_secret().to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
