//! Passwords' hashes: made and compared off the async threads, a bounded number at a time for the whole process.
//!
//! Invariants: a name that is not there costs what a wrong password costs; strangers wait behind each other and never
//! before somebody known; who would have to wait too long is told at once.

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::{attempts::Standing, entropy};

/// A longer password is wrong without a look.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Comparisons that wait in each of the two queues: each takes some 20 ms of a processor, and 19 MiB while it runs.
const WAITING_MAX: usize = 100;

/// Too many passwords are to be compared at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked; try again in a moment")]
pub struct Busy;

/// One at a time, and so many that wait for it.
struct Queue {
    turn: Semaphore,
    inside: AtomicUsize,
}

impl Queue {
    const fn new() -> Self {
        Self { turn: Semaphore::const_new(1), inside: AtomicUsize::new(0) }
    }

    /// Runs slow work in its turn; whoever asked and went away is dropped from the queue.
    async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        struct Inside(&'static AtomicUsize);
        impl Drop for Inside {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let inside = Inside(&self.inside);
        if before >= WAITING_MAX {
            return Err(Busy);
        }
        let turn = self.turn.acquire().await.map_err(|_| Busy)?;
        // The turn goes with the work: a caller who hangs up while it runs frees no place for another.
        let running = tokio::task::spawn_blocking(move || {
            let _held = (turn, inside);
            work()
        });
        running.await.map_err(|_| Busy)
    }
}

/// One queue for whoever is known, one for strangers: two processors at most.
static FAMILIAR: Queue = Queue::new();
static STRANGERS: Queue = Queue::new();

/// A hash that no password fits, for names that are not there.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hashed(&entropy::token()).ok());

fn hashed(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| anyhow::anyhow!("a password cannot be hashed: {error}"))
}

/// Hashes a password, slowly on purpose.
///
/// # Errors
/// When there is no memory for it, or too many wait.
pub async fn hash(password: String) -> anyhow::Result<String> {
    FAMILIAR.run(move || hashed(&password)).await?
}

/// Whether a password fits a hash; without one nothing fits, and it takes as long.
///
/// # Errors
/// When too many wait.
pub async fn verify(
    stored: Option<String>,
    password: String,
    standing: Standing,
) -> Result<bool, Busy> {
    let queue = match standing {
        Standing::Familiar => &FAMILIAR,
        Standing::Stranger => &STRANGERS,
    };
    let work = move || {
        let long = password.len() > PASSWORD_BYTES_MAX;
        let password = if long { "" } else { &*password };
        let there = stored.is_some() && !long;
        let Some(stored) = stored.or_else(|| NOBODY.clone()) else { return false };
        let fits = PasswordHash::new(&stored).is_ok_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        fits && there
    };
    queue.run(work).await
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::{Standing::*, *};

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let stored = hash("correct horse".to_owned()).await.unwrap();
        let right = async |stored: Option<&String>, password: &str| {
            verify(stored.cloned(), password.to_owned(), Stranger).await.unwrap()
        };
        assert!(right(Some(&stored), "correct horse").await);
        for wrong in ["wrong", "", &"x".repeat(2_000)] {
            assert!(!right(Some(&stored), wrong).await, "{wrong}");
        }
        assert!(!right(None, "correct horse").await);
        assert!(!right(Some(&"no hash".to_owned()), "correct horse").await);
        let empty = hash(String::new()).await.unwrap();
        assert!(!right(Some(&empty), &"x".repeat(2_000)).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_queue_is_bounded_and_whoever_hangs_up_leaves_it() {
        static QUEUE: Queue = Queue::new();
        let reached = async |count: usize| {
            while QUEUE.inside.load(Ordering::Relaxed) != count {
                tokio::task::yield_now().await;
            }
        };
        let mut tasks = JoinSet::new();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        tasks.spawn(QUEUE.run(move || wait.recv().is_ok()));
        reached(1).await;
        let mut last = None;
        for _ in 1..WAITING_MAX {
            last = Some(tasks.spawn(QUEUE.run(|| true)));
        }
        reached(WAITING_MAX).await;
        assert_eq!(QUEUE.run(|| true).await, Err(Busy));
        last.unwrap().abort();
        reached(WAITING_MAX - 1).await;
        tasks.spawn(QUEUE.run(|| true));
        release.send(()).unwrap();
        let mut right = 0;
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(answer) => {
                    assert_eq!(answer, Ok(true));
                    right += 1;
                }
                Err(aborted) => assert!(aborted.is_cancelled()),
            }
        }
        assert_eq!((right, QUEUE.inside.load(Ordering::Relaxed)), (WAITING_MAX, 0));
    }
}
