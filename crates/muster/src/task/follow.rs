//! Follows the change log and publishes what is served, the same on the replica that wrote and on others.
//!
//! Invariant: what is published is the directory at one position of the log; a restart is load and follow.

mod leavers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use directory::{
    change::LogEntry,
    id::{ChangeSeq, DirectoryId, Millis},
    recent::Recent,
    snapshot::Directory,
    view::{Frozen, Published, Served},
};
use store::{Damage, LogSlice, Store, StoreError};

use crate::{app::App, service::application, task::standing::Task};

/// How often the log is looked at without a signal.
const POLL: Duration = Duration::from_secs(5);
/// Log entries read at a time.
const BATCH: usize = 100_000;
/// Log entries that are read at the start, to answer "what changed since?" after a restart.
const RECENT_ENTRIES: u64 = 50_000;

/// How far what is committed is served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followed {
    /// The latest request to look at the change log that was tried.
    pub(crate) tried: u64,
    /// Why what is committed is not served, if it is not.
    pub(crate) problem: Option<NotServed>,
}

/// What is committed is not served: the change log cannot be followed. What was served before is served on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is committed cannot be served, since the change log cannot be followed: {reason}")]
pub struct NotServed {
    /// Since when.
    pub since: Millis,
    /// Why.
    pub reason: String,
}

/// Loads everything that is served.
///
/// # Errors
/// When the store cannot be read.
pub fn load(store: &Store) -> Result<Published, StoreError> {
    let (head, rows) = store.load_served()?;
    let directories: BTreeMap<DirectoryId, Served> = rows
        .into_iter()
        .map(|(row, directory)| (row.id, served(store, &row, Arc::new(directory))))
        .collect();
    let recent = recent(store, head)?;
    let frozen = frozen(store, &directories)?;
    let successors = Arc::new(leavers::successors(store, &directories)?);
    let mut published = Published {
        instance: store.instance().into(),
        epoch: store.epoch(),
        head,
        directories,
        recent,
        frozen,
        successors,
        without_leavers: BTreeMap::new(),
    };
    published.without_leavers = leavers::remaining(store, &published, None)?;
    Ok(published)
}

/// What the latest entries up to a position touched, as far back as the log goes.
fn recent(store: &Store, head: ChangeSeq) -> Result<Recent, StoreError> {
    let wanted = ChangeSeq(head.0.saturating_sub(RECENT_ENTRIES));
    loop {
        let floor = wanted.max(store.floor_of_log()?.seq);
        let LogSlice { entries, damaged } = store.read_log(floor, usize::MAX)?;
        // Folded meanwhile: what was read may have a gap at its beginning.
        if store.floor_of_log()?.seq > floor {
            continue;
        }
        let mut recent = Recent::from(floor);
        // What is newer than what was loaded is followed, not loaded.
        recent.extend(entries.iter().filter(|entry| entry.seq <= head));
        // What an entry touched that cannot be read is not known: older event tokens are answered 410.
        let gap = damaged.iter().rfind(|entry| entry.seq <= head);
        if let Some(entry) = gap {
            recent.forget_until(entry.seq);
        }
        return Ok(recent);
    }
}

/// Follows until the server stops.
pub async fn run(app: App) {
    let mut asked = app.follow_asked.subscribe();
    loop {
        let answering = *asked.borrow_and_update();
        let following = app.clone();
        let round = move || {
            catch_up(&following)?;
            // What another replica changed, and what could not be followed when it was changed.
            application::follow(&following)
        };
        let problem = match tokio::task::spawn_blocking(round).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                tracing::error!(%error, "the change log could not be followed; trying again");
                Some(error.to_string())
            }
            Err(error) => {
                tracing::error!(%error, "following the change log panicked; trying again");
                Some("following the change log panicked; report this".to_owned())
            }
        };
        app.rounds.ended(Task::Follow, app.clock.now(), problem.clone());
        ended(&app, answering, problem);
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
            changed = asked.changed() => if changed.is_err() { return },
        }
    }
}

/// Tells whoever waits how a round ended.
fn ended(app: &App, tried: u64, problem: Option<String>) {
    let now = app.clock.now();
    let mut changed = false;
    app.followed.send_modify(|followed| {
        changed = followed.problem.is_some() != problem.is_some();
        let since = followed.problem.as_ref().map_or(now, |problem| problem.since);
        followed.tried = tried;
        followed.problem = problem.map(|reason| NotServed { since, reason });
    });
    if changed {
        app.alerts.look();
    }
}

/// Applies what the log has since the published position, and takes in new and changed directories.
fn catch_up(app: &App) -> Result<(), StoreError> {
    let before = app.published.load_full();
    let rows = app.store.connections()?;
    let mut recent = before.recent.clone();
    let mut copies: BTreeMap<DirectoryId, Copy> = BTreeMap::new();
    for row in &rows {
        let copy = match before.directories.get(&row.id) {
            Some(served) => Copy { at: before.head, directory: Arc::clone(&served.directory) },
            // Added since: loaded, so that entries read before it was known are not missed.
            None => Copy::load(app, row.id)?,
        };
        copies.insert(row.id, copy);
    }
    let mut head = before.head;
    loop {
        let slice = app.store.read_log(head, BATCH)?;
        let Some(last) = slice.last() else { break };
        head = last;
        let LogSlice { entries, damaged } = slice;
        // What came of an entry that cannot be read is among what is served.
        let reload: BTreeSet<DirectoryId> = damaged.iter().map(|entry| entry.directory).collect();
        for (id, copy) in copies.iter_mut().filter(|(id, _)| reload.contains(id)) {
            *copy = Copy::load(app, *id)?;
        }
        for run in entries.chunk_by(|a, b| a.run == b.run && a.directory == b.directory) {
            if let Some(copy) = copies.get_mut(&run[0].directory) {
                copy.apply(app, run)?;
            }
        }
        recent.extend(&entries);
        if let Some(entry) = damaged.last() {
            recent.forget_until(entry.seq);
        }
    }
    if app.store.floor_of_log()?.seq > before.head {
        // Entries that were not followed yet are not kept any more.
        app.published.store(Arc::new(load(&app.store)?));
        return Ok(());
    }
    let mut directories = BTreeMap::new();
    for row in &rows {
        if let Some(copy) = copies.remove(&row.id) {
            directories.insert(row.id, served(&app.store, row, copy.directory));
        }
    }
    // Read after the log: a name that was frozen by a later run is still the person's name here.
    let frozen = frozen(&app.store, &directories)?;
    let found = leavers::successors(&app.store, &directories)?;
    let successors =
        if found == *before.successors { Arc::clone(&before.successors) } else { Arc::new(found) };
    let same = head == before.head
        && same_directories(&directories, &before.directories)
        && same_names(&frozen, &before.frozen)
        && Arc::ptr_eq(&successors, &before.successors);
    let mut published = Published {
        instance: before.instance.clone(),
        epoch: before.epoch,
        head,
        directories,
        recent,
        frozen,
        successors,
        without_leavers: BTreeMap::new(),
    };
    published.without_leavers =
        leavers::remaining(&app.store, &published, same.then_some(&before.without_leavers))?;
    if !same || !published.without_leavers.keys().eq(before.without_leavers.keys()) {
        app.published.store(Arc::new(published));
    }
    Ok(())
}

/// Directories under frozen names, for each application that has some.
fn frozen(
    store: &Store,
    directories: &BTreeMap<DirectoryId, Served>,
) -> Result<BTreeMap<u32, Frozen>, StoreError> {
    let names = store.frozen_names()?.into_iter();
    Ok(names.map(|(application, names)| (application, Frozen::new(names, directories))).collect())
}

fn same_names(a: &BTreeMap<u32, Frozen>, b: &BTreeMap<u32, Frozen>) -> bool {
    a.iter()
        .map(|(id, frozen)| (id, frozen.names()))
        .eq(b.iter().map(|(id, frozen)| (id, frozen.names())))
}

/// Whether both name the same snapshots in the same state.
fn same_directories(a: &BTreeMap<DirectoryId, Served>, b: &BTreeMap<DirectoryId, Served>) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((a_id, a), (b_id, b))| {
            a_id == b_id
                && Arc::ptr_eq(&a.directory, &b.directory)
                && (&a.name, a.served_once, a.removing, a.incomplete)
                    == (&b.name, b.served_once, b.removing, b.incomplete)
        })
}

/// A directory on its way to the end of the log.
struct Copy {
    /// The position of the log that it shows.
    at: ChangeSeq,
    directory: Arc<Directory>,
}

impl Copy {
    fn load(app: &App, id: DirectoryId) -> Result<Self, StoreError> {
        let (at, directory) = app.store.load_directory(id)?;
        Ok(Self { at, directory: Arc::new(directory) })
    }

    /// Applies one run, unless the copy shows it already.
    fn apply(&mut self, app: &App, run: &[LogEntry]) -> Result<(), StoreError> {
        let last = run[run.len() - 1].seq;
        if last <= self.at {
            return Ok(());
        }
        match self.directory.apply(run.iter().map(|entry| &entry.change)) {
            Ok(next) => *self = Self { at: last, directory: Arc::new(next) },
            Err(error) => {
                tracing::error!(directory = run[0].directory.0, %error, "loading the directory again");
                *self = Self::load(app, run[0].directory)?;
            }
        }
        Ok(())
    }
}

fn served(store: &Store, row: &store::ConnectionRow, directory: Arc<Directory>) -> Served {
    Served {
        name: row.name.as_str().into(),
        key: row.key.as_str().into(),
        directory,
        served_once: row.served_once,
        removing: row.removing,
        incomplete: store.damage(row.id).iter().any(Damage::leaves_out),
    }
}
