//! Which application calls, and from where.
//!
//! Invariants: the address is checked before the password (`protocols/crowd.md` 1.2); an attempt is counted before it is
//! judged, and a name that is not there costs what a wrong password costs; what is remembered of verified and of wrong
//! passwords are keyed digests that mean nothing outside this process and change with the stored hash.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use directory::id::Millis;
use subtle::ConstantTimeEq;

use super::{
    application::{Application, ApplicationId, ApplicationRegistry},
    error::CrowdError,
    hosts::Hosts,
};
use crate::{
    attempts::{Attempts, Budget, Budgets, Standing},
    entropy,
    failed_sign_ins::{FailedSignIns, Place},
    hashing::{self, PASSWORD_BYTES_MAX},
    peer::Origin,
};

/// What a product that was given a new password may try at once, and how fast somebody who guesses goes on.
const BUDGETS: Budgets = Budgets {
    pair: Budget { burst: 20, each_ms: 15_000 },
    address: Budget { burst: 60, each_ms: 5_000 },
    strangers: Budget { burst: 100, each_ms: 3_000 },
};
/// Wrong passwords that are remembered, so that a product which was given one neither waits nor uses up its budget.
const WRONG_MAX: usize = 4_096;
/// Addresses at which applications were verified that are remembered.
const SEEN_MAX: usize = 10_000;

/// Verifies applications and remembers the last password of each that was right.
#[derive(Debug)]
pub(super) struct Authenticator {
    key: hmac::Key,
    verified: Mutex<HashMap<ApplicationId, [u8; 32]>>,
    wrong: Mutex<Wrong>,
    seen: Mutex<HashSet<(ApplicationId, Origin)>>,
    /// One password is judged once at a time: a product begins with many requests at once.
    judging: Judging,
    attempts: Attempts,
    failed: Arc<FailedSignIns>,
    hosts: Hosts,
}

/// Passwords that are being judged, by their digests.
type Judging = Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>;

/// What is given to be judged.
struct Given<'a> {
    name: &'a str,
    password: &'a str,
    digest: [u8; 32],
    client: Origin,
    now: Millis,
}

/// The turn of one password; it ends with the request, also with one whose caller hung up.
struct Turn<'a> {
    judging: &'a Judging,
    digest: [u8; 32],
    own: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Turn<'a> {
    fn of(judging: &'a Judging, digest: [u8; 32]) -> Self {
        let mut all = judging.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::clone(all.entry(digest).or_default());
        Self { judging, digest, own }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's own and this one: nobody else waits for the turn.
        if Arc::strong_count(&self.own) == 2 {
            all.remove(&self.digest);
        }
    }
}

/// Passwords that were wrong, the oldest first.
#[derive(Debug, Default)]
struct Wrong {
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Authenticator {
    pub(super) fn new(failed: Arc<FailedSignIns>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &entropy::bytes::<32>()),
            verified: Mutex::default(),
            wrong: Mutex::default(),
            seen: Mutex::default(),
            judging: Mutex::default(),
            attempts: Attempts::new(BUDGETS),
            failed,
            hosts: Hosts::default(),
        }
    }

    /// The application that calls from `client`, if it may.
    pub(super) async fn authenticate(
        &self,
        applications: &ApplicationRegistry,
        headers: &HeaderMap,
        client: Origin,
        now: Millis,
    ) -> Result<Arc<Application>, CrowdError> {
        let given = credentials(headers).ok_or(CrowdError::Unauthenticated)?;
        let (name, password) = given.split_once(':').ok_or(CrowdError::Unauthenticated)?;
        let application = applications.named(name);
        if let Some(application) = &application
            && !application.admits(client, &self.hosts, now).await
        {
            self.failed.note(Place::Crowd, name, client, now);
            let application = application.name.clone();
            return Err(CrowdError::Address { client, application });
        }
        let digest = self.digest(name, application.as_deref(), password);
        if let Some(application) =
            application.as_ref().filter(|one| self.remembers(one.id, &digest))
        {
            return Ok(Arc::clone(application));
        }
        let turn = Turn::of(&self.judging, digest);
        let held = turn.own.lock().await;
        let given = Given { name, password, digest, client, now };
        let right = self.judge(applications, application.as_ref(), given).await?;
        drop(held);
        let Some(application) = application.filter(|_| right) else {
            self.lock_wrong().remember(digest);
            self.failed.note(Place::Crowd, name, client, now);
            return Err(CrowdError::Unauthenticated);
        };
        self.verified().insert(application.id, digest);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < SEEN_MAX {
            seen.insert((application.id, client));
        }
        Ok(application)
    }

    /// Whether a password is right, unless that is known by now.
    async fn judge(
        &self,
        applications: &ApplicationRegistry,
        application: Option<&Arc<Application>>,
        Given { name, password, digest, client, now }: Given<'_>,
    ) -> Result<bool, CrowdError> {
        if application.is_some_and(|one| self.remembers(one.id, &digest)) {
            return Ok(true);
        }
        if self.lock_wrong().known.contains(&digest) {
            return Ok(false);
        }
        let standing = self.standing(applications, application.map(|one| &**one), client);
        if let Err(wait_ms) = self.attempts.begin(name, client, standing, now) {
            self.failed.refused(Place::Crowd, name, client, now);
            return Err(CrowdError::TooMany { wait_ms });
        }
        let stored = application.map(|application| application.password_hash.clone());
        let verified = hashing::verify(stored, password.to_owned(), standing).await;
        let right = verified.map_err(|hashing::Busy| CrowdError::busy())?;
        if right {
            self.attempts.succeeded(name, client, standing);
        }
        Ok(right)
    }

    /// Whether an application is known to call from there.
    fn standing(
        &self,
        applications: &ApplicationRegistry,
        application: Option<&Application>,
        client: Origin,
    ) -> Standing {
        let Some(application) = application else { return Standing::Stranger };
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.contains(&(application.id, client))
            || client.address().is_some()
                && applications
                    .callers()
                    .get(application.id)
                    .is_some_and(|caller| caller.client == client.to_string());
        if known { Standing::Familiar } else { Standing::Stranger }
    }

    fn digest(&self, name: &str, application: Option<&Application>, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // A name that is not there has no hash; the length keeps name or hash and the password apart.
        let stored = application.map_or(name, |application| &application.password_hash);
        context.update(&[u8::from(application.is_some())]);
        context.update(&stored.len().to_le_bytes());
        context.update(stored.as_bytes());
        // A longer password is wrong; what is beyond makes no difference.
        let end = password.floor_char_boundary(PASSWORD_BYTES_MAX + 1);
        context.update(&password.as_bytes()[..end]);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn lock_wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembers(&self, application: ApplicationId, digest: &[u8; 32]) -> bool {
        let verified = self.verified().get(&application).copied();
        verified.is_some_and(|verified| bool::from(verified.ct_eq(digest)))
    }

    fn verified(&self) -> MutexGuard<'_, HashMap<ApplicationId, [u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wrong {
    fn remember(&mut self, digest: [u8; 32]) {
        if !self.known.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > WRONG_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// `name:password` of an HTTP Basic header.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let given = STANDARD.decode(encoded.trim()).ok()?;
    // UTF-8, but Python's requests, which clients are built on, writes Latin-1 where that is possible.
    Some(String::from_utf8(given).unwrap_or_else(|given| latin_1(given.as_bytes())))
}

/// Latin-1 is the first 256 characters of Unicode.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_hangs_up_leaves_no_turn_behind() {
        let judging = Judging::default();
        let first = Turn::of(&judging, [1; 32]);
        let held = first.own.lock().await;
        let second = Turn::of(&judging, [1; 32]);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), second.own.lock());
        assert!(waiting.await.is_err(), "one at a time");
        drop(second);
        assert_eq!(judging.lock().unwrap().len(), 1, "the first has its turn still");
        drop(held);
        drop(first);
        assert!(judging.lock().unwrap().is_empty());
    }
}
