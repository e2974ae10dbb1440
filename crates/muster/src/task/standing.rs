//! How the server's own tasks stand, for whoever looks: what each does, when it last did it, and what went wrong.
//!
//! Invariant: a task says so itself at the end of each round; that it ended or panicked is seen by its absence.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::id::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A task of the server, beside the pulls of its directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskName)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Follows the change log and publishes what is served.
    Follow,
    /// Tells applications' webhooks that something changed.
    Notify,
    /// Looks for what wants a person, and tells of it.
    Alert,
    /// Keeps registered at providers for word of changes.
    Watch,
    /// Folds old history.
    Sweep,
    /// Keeps when applications last called.
    Callers,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Follow, Self::Notify, Self::Alert, Self::Watch, Self::Sweep, Self::Callers];

    /// Its name, as in logs and in its serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Notify => "notify",
            Self::Alert => "alert",
            Self::Watch => "watch",
            Self::Sweep => "sweep",
            Self::Callers => "callers",
        }
    }

    /// What it is for: a sentence without its full stop.
    pub fn about(self) -> &'static str {
        match self {
            Self::Follow => "Follows the change log and publishes what is served",
            Self::Notify => "Tells applications that asked for it that something changed",
            Self::Alert => "Looks for what wants a person, and tells whoever is to be told",
            Self::Watch => "Keeps registered at providers for word of changes",
            Self::Sweep => "Folds history that is older than it is kept, once an hour",
            Self::Callers => "Keeps when applications last called over restarts",
        }
    }
}

/// How a task's last round ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When.
    pub at: Millis,
    /// What went wrong, if something did; the next round is the retry.
    pub problem: Option<String>,
}

/// The last rounds of all tasks.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<BTreeMap<Task, Round>>);

impl Rounds {
    /// A round ended, well or not.
    pub fn ended(&self, task: Task, at: Millis, problem: Option<String>) {
        self.lock().insert(task, Round { at, problem });
    }

    /// The last round of a task; none before the first one ended.
    pub fn last(&self, task: Task) -> Option<Round> {
        self.lock().get(&task).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Task, Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
