//! The first read of a directory that is not there yet: rules are previewed on it, and the first synchronisation
//! commits it, so that nothing is read twice.
//!
//! Invariant: kept in memory only, for one set of settings; a read that failed or is old is as if it were not.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use connect::{Connector, Progress, Waits};
use directory::{
    id::{MINUTE_MS, Millis},
    mirror::Mirror,
    observation::Observation,
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::draft::Draft;
use crate::{app::App, console::page::sentence, task::stopped::Stopped};

/// How long what was read may wait for the first synchronisation.
const KEPT_MS: i64 = 60 * MINUTE_MS;
/// Reads that are kept at one time; the oldest makes room.
const KEPT_MAX: usize = 4;

/// A read that is under way or has ended.
pub(super) struct Reading {
    /// What is counted.
    pub(super) progress: Progress,
    /// What waits at present because the provider asked for it.
    pub(super) waits: Waits,
    /// Nobody wants it any more.
    abandoned: CancellationToken,
    pub(super) started: Millis,
    /// Of which settings and credential.
    of: [u8; 32],
    state: Mutex<State>,
}

enum State {
    Running,
    Failed(String),
    Done(Arc<Read>),
}

/// What was read.
pub(super) struct Read {
    pub(super) mirror: Mirror,
    pub(super) observation: Observation,
    pub(super) connector: Arc<Connector>,
    pub(super) started: Millis,
    at: Millis,
}

/// How a read stands.
pub(super) enum Standing {
    Running,
    Failed(String),
    Done(Arc<Read>),
}

/// Reads by draft.
#[derive(Default)]
pub(crate) struct Readings(Mutex<HashMap<String, Arc<Reading>>>);

impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readings")
    }
}

impl Readings {
    /// The read of a draft as it is now, if there is one.
    pub(super) fn of(&self, draft: &Draft, now: Millis) -> Option<Arc<Reading>> {
        let mut kept = self.lock();
        kept.retain(|_, reading| now.since(reading.started) < KEPT_MS || reading.is_running());
        kept.get(&draft.id).filter(|reading| reading.of == fingerprint(draft)).cloned()
    }

    /// Forgets a draft's read, and ends it if it is under way.
    pub(super) fn forget(&self, id: &str) {
        if let Some(reading) = self.lock().remove(id) {
            reading.abandoned.cancel();
        }
    }

    fn put(&self, id: String, reading: Arc<Reading>) {
        let mut kept = self.lock();
        while kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, reading)| reading.started);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { break };
            if let Some(reading) = kept.remove(&oldest) {
                reading.abandoned.cancel();
            }
        }
        if let Some(before) = kept.insert(id, reading) {
            before.abandoned.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Reading>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    pub(super) fn standing(&self) -> Standing {
        match &*self.lock() {
            State::Running => Standing::Running,
            State::Failed(error) => Standing::Failed(error.clone()),
            State::Done(read) => Standing::Done(Arc::clone(read)),
        }
    }

    fn is_running(&self) -> bool {
        matches!(&*self.lock(), State::Running)
    }

    fn end(&self, state: State) {
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings and credential, as one number.
fn fingerprint(draft: &Draft) -> [u8; 32] {
    let settings: BTreeMap<String, String> = draft.settings();
    let mut hash = Sha256::new();
    hash.update(format!("{settings:?}"));
    hash.update(draft.secret().expose_secret());
    hash.finalize().into()
}

/// Begins to read for a draft, unless that is under way or done.
pub(super) async fn begin(app: &App, readings: &Readings, draft: &Draft) -> Arc<Reading> {
    let now = app.clock.now();
    if let Some(reading) = readings.of(draft, now)
        && !matches!(&*reading.lock(), State::Failed(_))
    {
        return reading;
    }
    let reading = Arc::new(Reading {
        progress: Progress::default(),
        waits: Waits::default(),
        abandoned: CancellationToken::new(),
        started: now,
        of: fingerprint(draft),
        state: Mutex::new(State::Running),
    });
    readings.put(draft.id.clone(), Arc::clone(&reading));
    let surroundings = app.surroundings().showing(reading.waits.clone());
    let connector =
        Connector::new(&draft.provider, &draft.settings(), &draft.secret(), surroundings);
    let connector = match connector {
        Ok(connector) => Arc::new(connector),
        Err(error) => {
            reading.end(State::Failed(sentence(&error.to_string())));
            return reading;
        }
    };
    let (app_, kept) = (app.clone(), Arc::clone(&reading));
    let task = async move {
        let read = tokio::select! {
            read = app_.unless_stopping(read(&app_, connector, &kept)) => read,
            () = kept.abandoned.cancelled() => Err(Stopped::Abandoned),
        };
        let stopped = |stopped: Stopped| sentence(&stopped.to_string());
        kept.end(match read.map_err(stopped).flatten() {
            Ok(read) => State::Done(Arc::new(read)),
            Err(error) => State::Failed(error),
        });
    };
    app.driver.start("wizard", Box::pin(task)).await;
    reading
}

async fn read(app: &App, connector: Arc<Connector>, reading: &Reading) -> Result<Read, String> {
    let pulled = connector.pull(None, &reading.progress).await;
    let observation = pulled.map_err(|error| sentence(&error.to_string()))?;
    let (at, started) = (app.clock.now(), reading.started);
    let merging = tokio::task::spawn_blocking(move || {
        let mut mirror = Mirror::default();
        mirror.merge(&observation, at);
        Read { mirror, observation, connector, started, at }
    });
    merging.await.map_err(|_| "The server could not take in what was read.".to_owned())
}

impl Read {
    /// When it was read.
    pub(super) fn at(&self) -> Millis {
        self.at
    }
}
