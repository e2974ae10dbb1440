//! Background tasks: each takes no input, is idempotent, never retries inside, and tells how it stands.
//!
//! Invariant: [`commit`] is the only door through which a directory changes (DESIGN.md 10.11); whoever
//! wants something signals a task and reads its [`Status`].

pub mod alert;
pub mod callers;
pub mod commit;
pub mod floors;
pub mod follow;
pub mod keeper;
pub mod notify;
pub mod pull;
pub mod sessions;
pub mod standing;
pub mod state;
pub mod stopped;
pub mod sweep;
pub mod take_over;
pub mod watch;
pub mod webhooks;

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use directory::{id::Millis, plan::Issue, report::RunReport};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinSet};
use utoipa::ToSchema;

use self::state::DirectoryState;

/// Owns the background tasks, so that none outlives the server or fails unseen.
#[derive(Debug, Default)]
pub struct Driver {
    tasks: Mutex<JoinSet<()>>,
    running: Arc<Running>,
}

/// How many tasks of each name run.
#[derive(Debug, Default)]
struct Running(std::sync::Mutex<BTreeMap<&'static str, usize>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that runs, until this is dropped, by whatever end.
struct Alive(Arc<Running>, &'static str);

impl Alive {
    fn new(running: &Arc<Running>, name: &'static str) -> Self {
        *running.lock().entry(name).or_default() += 1;
        Self(Arc::clone(running), name)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if let Some(count) = self.0.lock().get_mut(self.1) {
            *count -= 1;
        }
    }
}

impl Driver {
    /// Starts a task. It must end by itself when the server stops.
    pub async fn start(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().await;
        while let Some(ended) = tasks.try_join_next() {
            log_panic(ended);
        }
        let alive = Alive::new(&self.running, name);
        tasks.spawn(async move {
            task.await;
            drop(alive);
            tracing::debug!(task = name, "task ended");
        });
    }

    /// Whether a task of this name runs.
    pub fn runs(&self, name: &str) -> bool {
        self.running.lock().get(name).is_some_and(|count| *count > 0)
    }

    /// Waits for all tasks to end, those that they start meanwhile too.
    pub async fn join(&self) {
        loop {
            // Not under the lock: a change that is brought to its end may start a task.
            let mut tasks = std::mem::take(&mut *self.tasks.lock().await);
            if tasks.is_empty() {
                return;
            }
            while let Some(ended) = tasks.join_next().await {
                log_panic(ended);
            }
        }
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a background task panicked; restart the server and report this");
    }
}

/// How the pull of one directory stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DirectoryStatus)]
pub struct Status {
    /// What it does now.
    pub phase: Phase,
    /// What the current or last run has read so far.
    pub progress: Progress,
    /// The number of the latest request for a run.
    pub requested: u64,
    /// The number of the latest request that a finished run answered.
    pub completed: u64,
    /// When the current run began; `None` while none is under way.
    pub started: Option<Millis>,
    /// Until when the provider asked to wait, while something is not asked because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// When the next run is due; `None` while paused, and while a run is under way.
    pub next: Option<Millis>,
    /// How the last run ended.
    pub last: Option<RunReport>,
    /// How the last read of the provider ended, since the server started.
    #[serde(default)]
    pub last_pull: Option<RunReport>,
    /// How the directory stands, whatever ran last.
    #[serde(default)]
    pub state: DirectoryState,
    /// Whether the directory was put back and stays so, as far as the last run knew.
    #[serde(default)]
    pub pinned: bool,
}

/// A provider's request to wait that is being followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProviderWait)]
pub struct Waiting {
    /// Until when.
    pub until: Millis,
    /// Who asked: `Microsoft`, `Google` or `Okta`.
    pub asked_by: String,
}

impl Waiting {
    /// The same for what a connector waits for.
    pub fn of(wait: connect::Wait) -> Self {
        Self { until: wait.until, asked_by: wait.who.to_owned() }
    }

    /// In words: without a capital letter and a full stop.
    pub fn words(&self) -> String {
        format!("waiting until {}, as {} asked", connect::clock_time(self.until), self.asked_by)
    }
}

/// What a pull does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing; it waits for its time or for a signal.
    #[default]
    Idle,
    /// Reading from the provider.
    Reading,
    /// Asking the provider about what its listing lacks.
    Confirming,
    /// Planning and writing.
    Committing,
    /// Waiting until the new directory is served.
    Publishing,
}

/// What a run has read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// People.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Memberships.
    pub memberships: u64,
    /// Groups whose members were read.
    pub groups_with_members: u64,
    /// Requests sent.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
}

/// People and groups that cannot be served, or not under the name that the rules make.
pub type Issues = Vec<Issue>;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_ended_by_whatever_end_is_seen_not_to_run() {
        let driver = Driver::default();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        driver.start("steady", async move { drop(stopped.await) }).await;
        driver.start("broken", async { panic!("of its own fault") }).await;
        while driver.runs("broken") {
            tokio::task::yield_now().await;
        }
        assert!(driver.runs("steady") && !driver.runs("never started"));
        drop(stop);
        driver.join().await;
        assert!(!driver.runs("steady"));
    }

    #[tokio::test]
    async fn what_a_task_starts_while_the_driver_ends_is_waited_for() {
        let (driver, done) = (Arc::new(Driver::default()), Arc::new(AtomicBool::new(false)));
        let (starting, noting) = (Arc::clone(&driver), Arc::clone(&done));
        let outer = async move {
            tokio::task::yield_now().await;
            let inner = async move { noting.store(true, Ordering::SeqCst) };
            starting.start("inner", inner).await;
        };
        driver.start("outer", outer).await;
        driver.join().await;
        assert!(done.load(Ordering::SeqCst));
    }
}
