//! The store: the only place with SQL. It knows neither HTTP nor providers.
//!
//! Invariants: the cursor moves in the same transaction as the data it covers; positions of the change log
//! come from one head row under the writer's lock; secrets are sealed. All calls block.
#![warn(missing_docs)]

mod administrators;
mod alerts;
mod api_tokens;
mod applications;
mod audit;
mod base;
mod callers;
mod change;
mod change_log;
mod channels;
mod connections;
mod console_sessions;
mod damage;
mod db;
mod decisions;
mod drafts;
mod encoding;
mod error;
mod figures;
mod floors;
mod gone;
mod history;
mod json;
mod log_index;
mod members;
mod meta;
mod migrate;
mod mirror;
mod pack;
mod recover;
mod repair;
mod runs;
mod sealed;
mod seen;
mod served;
mod sessions;
mod unreadable;
mod watches;
mod webhooks;

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
};

use directory::{
    change::LogEntry,
    decisions::Decisions,
    id::{ChangeSeq, DirectoryId, Millis, ProviderId, RunId, UserNo},
    mirror::Mirror,
    report::RunReport,
    snapshot::Directory,
    view::FrozenNames,
};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    administrators::{AdministratorRow, InvitationRow, Maker, Role},
    alerts::{AlertRow, AlertText, Matter, Telling, Told},
    api_tokens::{ApiTokenRow, NewApiToken, Scope},
    applications::{ApplicationRow, NewApplication, Sight},
    audit::{AuditFilter, AuditRow, NewAudit},
    base::Floor,
    callers::CallerRow,
    change::{Change, Changed},
    change_log::{DamagedEntry, LogSlice},
    channels::{ChannelRow, NewChannel},
    connections::{ConnectionRow, KeptKey, NewConnection, Pin, Schedule, ScheduleError},
    console_sessions::ConsoleSessionRow,
    damage::{Damage, Instead, Place},
    drafts::DraftRow,
    error::StoreError,
    floors::{FinishedLists, FloorLists, FloorRow},
    gone::{ApprovedTakeOver, GoneUser},
    history::{LogFilter, LogOrder, Past},
    repair::Finding,
    runs::{PinChange, RunCommit, RunWindow},
    sessions::SessionRow,
    unreadable::UnreadableRow,
    watches::WatchRow,
    webhooks::WebhookRow,
};
use self::{damage::Register, db::Db, sealed::Key};

/// The main database within the data directory.
const MAIN_FILE: &str = "muster.db";
/// Short-lived state within the data directory.
const STATE_FILE: &str = "state.db";
/// The key under which secrets are sealed.
const KEY_FILE: &str = "secret.key";
/// Locked while a server runs.
const LOCK_FILE: &str = "muster.lock";
/// What the key check opens to.
const KEY_CHECK: &str = "muster";

/// Everything that is kept. Cloning shares.
#[derive(Debug, Clone)]
pub struct Store(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    main: Db,
    state: Db,
    key: Key,
    /// What was found that cannot be read.
    register: Register,
    instance: String,
    epoch: u64,
    /// What was counted anew at the start.
    mended: Vec<String>,
    /// Held for as long as the store is open.
    _lock: File,
}

impl Store {
    /// Opens a data directory, making it if need be. Counters that cannot be read are counted anew.
    ///
    /// # Errors
    /// When it cannot be used: not writable, in use, written by a newer version, or its key is missing.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let mut store = Self::open_as_it_is(data)?;
        if !store.read_only() {
            let mended = store.0.main.write(repair::mend_counters)?;
            if let Some(parts) = Arc::get_mut(&mut store.0) {
                parts.mended = mended;
            }
        }
        Ok(store)
    }

    /// Opens a data directory to look at what cannot be read in it, or to repair that.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_as_it_is(data: &Path) -> Result<Self, StoreError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .map_err(|source| unusable(data, source, "make it, or choose another with --data"))?;
        let lock = lock(data)?;
        let main = Db::open(&data.join(MAIN_FILE), migrate::main)
            .map_err(|error| not_a_database(data, error))?;
        let state = Db::open(&data.join(STATE_FILE), migrate::state)?;
        // A check that cannot be read is there all the same: a key was made.
        let is_new = !main.read(|transaction| meta::is_noted(transaction, "key_check"))?;
        let key = Key::open(&data.join(KEY_FILE), is_new)?;
        check_key(&main, &key, is_new)?;
        let instance = meta::get_or_new(&main, "instance", sealed::random_name)?;
        let epoch = meta::get_or_new(&main, "epoch", || "1".to_owned())?;
        let epoch = meta::epoch(&epoch);
        let register = Register::default();
        let mended = Vec::new();
        let parts = Parts { main, state, key, register, instance, epoch, mended, _lock: lock };
        Self(Arc::new(parts)).in_the_right_epoch()
    }

    /// What was counted anew when the database was opened, since it could not be read: lower case, no full stop.
    pub fn mended(&self) -> &[String] {
        &self.0.mended
    }

    /// Starts a new epoch if an older copy of the database was put in the place of this one.
    fn in_the_right_epoch(mut self) -> Result<Self, StoreError> {
        let (stored, head) = (self.0.epoch, self.head()?);
        let mut epoch = seen::epoch(&self.0.state, stored, head)?;
        if epoch == meta::NO_EPOCH {
            epoch += 1;
        }
        if !self.read_only() {
            if epoch != stored {
                meta::set(&self.0.main, "epoch", &epoch.to_string())?;
            }
            seen::record(&self.0.state, epoch, head)?;
        }
        if let Some(parts) = Arc::get_mut(&mut self.0) {
            parts.epoch = epoch;
        }
        Ok(self)
    }

    /// The name of this database, made once.
    pub fn instance(&self) -> &str {
        &self.0.instance
    }

    /// Counts restores; a token of another epoch is worth nothing.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Whether a newer version wrote this database, so that this one serves and does not write.
    pub fn read_only(&self) -> bool {
        self.0.main.read_only()
    }

    /// The end of the change log.
    pub fn head(&self) -> Result<ChangeSeq, StoreError> {
        self.0.main.read(|transaction| meta::head(transaction).map(ChangeSeq))
    }

    /// All directories, by number.
    pub fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        self.0.main.read(|transaction| connections::list(transaction, &self.0.key))
    }

    /// One directory.
    pub fn connection(&self, id: DirectoryId) -> Result<Option<ConnectionRow>, StoreError> {
        connections::get(&self.0.main, &self.0.key, id)
    }

    /// Users who are gone at their provider and still known, in order.
    pub fn gone_users(&self) -> Result<Vec<GoneUser>, StoreError> {
        self.0.main.read(gone::list)
    }

    /// Accounts that were approved to take the place of a leaver of another directory.
    pub fn take_overs(&self) -> Result<Vec<ApprovedTakeOver>, StoreError> {
        self.0.main.read(gone::take_overs)
    }

    /// The employee number of a user, if the provider said one.
    pub fn employee_of(&self, id: DirectoryId, no: UserNo) -> Result<Option<String>, StoreError> {
        self.0.main.read(|transaction| gone::employee_of(transaction, id, no))
    }

    /// The keys of directories that were removed, those connected first first.
    pub fn kept_keys(&self) -> Result<Vec<KeptKey>, StoreError> {
        self.0.main.read(connections::kept_keys)
    }

    /// What is registered at providers for word of changes.
    pub fn watches(&self) -> Result<Vec<WatchRow>, StoreError> {
        self.0.state.read(|transaction| watches::list(transaction, &self.0.key))
    }

    /// What is registered for one directory.
    pub fn watch(&self, directory: DirectoryId) -> Result<Option<WatchRow>, StoreError> {
        self.0.state.read(|transaction| watches::get(transaction, &self.0.key, directory))
    }

    /// Remembers what is registered for a directory.
    pub fn set_watch(&self, row: &WatchRow) -> Result<(), StoreError> {
        self.0.state.write(|transaction| watches::set(transaction, &self.0.key, row))
    }

    /// Forgets what was registered for a directory.
    pub fn remove_watch(&self, directory: DirectoryId) -> Result<(), StoreError> {
        self.0.state.write(|transaction| watches::remove(transaction, directory))
    }

    /// The mirror of a directory.
    pub fn load_mirror(&self, id: DirectoryId) -> Result<Mirror, StoreError> {
        let (mirror, damage) = self.0.main.read(|transaction| mirror::load(transaction, id))?;
        self.0.register.mirror(id, damage);
        Ok(mirror)
    }

    /// What of a directory was found that cannot be read, and was not written anew since.
    pub fn damage(&self, id: DirectoryId) -> Vec<Damage> {
        self.0.register.of(id)
    }

    /// The decisions of a directory.
    pub fn load_decisions(&self, id: DirectoryId) -> Result<Decisions, StoreError> {
        self.0.main.read(|transaction| decisions::load(transaction, id))
    }

    /// All directories with what they serve, at one position of the log.
    pub fn load_served(&self) -> Result<(ChangeSeq, Vec<(ConnectionRow, Directory)>), StoreError> {
        // One transaction for all, so that position and contents agree.
        let rows = self.connections()?;
        let mut found = Vec::new();
        let loaded = self.0.main.read(|transaction| {
            let seq: i64 = transaction.query_row("SELECT seq FROM head", (), |row| row.get(0))?;
            let loaded: Result<Vec<_>, StoreError> = rows
                .into_iter()
                .map(|row| {
                    let (directory, damage) = served::load(transaction, row.id)?;
                    found.push((row.id, damage));
                    Ok((row, directory))
                })
                .collect();
            Ok((ChangeSeq(db::unsigned(seq)?), loaded?))
        })?;
        for (id, damage) in found {
            self.0.register.served(id, damage);
        }
        Ok(loaded)
    }

    /// A directory as served at the end of the log, and that position.
    pub fn load_directory(&self, id: DirectoryId) -> Result<(ChangeSeq, Directory), StoreError> {
        let (seq, (directory, damage)) = self.0.main.read(|transaction| {
            let seq: i64 = transaction.query_row("SELECT seq FROM head", (), |row| row.get(0))?;
            Ok((ChangeSeq(db::unsigned(seq)?), served::load(transaction, id)?))
        })?;
        self.0.register.served(id, damage);
        Ok((seq, directory))
    }

    /// Commits what a run found, all or nothing; gives the new end of the log.
    pub fn commit_run(&self, run: &RunCommit<'_>) -> Result<ChangeSeq, StoreError> {
        let id = run.directory;
        let damage = self.damage(id);
        let seq = self.0.main.write(|transaction| runs::commit(transaction, run, &damage))?;
        let unreadable = run.mirror.unreadable();
        self.0.register.written(id, run.changes, (unreadable, run.full_read));
        if !run.changes.is_empty() {
            // What was committed stands; that it was is noticed at the next commit or start otherwise.
            let _ = seen::record(&self.0.state, self.0.epoch, seq);
        }
        Ok(seq)
    }

    /// Writes the report of a run that changed nothing because it failed.
    pub fn record_failed_run(&self, id: DirectoryId, report: &RunReport) -> Result<(), StoreError> {
        self.0
            .main
            .write(|transaction| runs::record(transaction, id, report.finished, report).map(drop))
    }

    /// The latest reports of a directory, newest first.
    pub fn latest_runs(&self, id: DirectoryId, count: usize) -> Result<Vec<RunReport>, StoreError> {
        self.0.main.read(|transaction| runs::latest(transaction, id, count))
    }

    /// The latest report of a directory that fits; reads no older ones.
    pub fn latest_run_where(
        &self,
        id: DirectoryId,
        fits: impl Fn(&RunReport) -> bool,
    ) -> Result<Option<RunReport>, StoreError> {
        self.0.main.read(|transaction| runs::latest_where(transaction, id, fits))
    }

    /// Runs of a directory numbered below one, newest first.
    pub fn runs_before(
        &self,
        id: DirectoryId,
        before: Option<RunId>,
        count: usize,
    ) -> Result<Vec<(RunId, RunReport)>, StoreError> {
        self.0.main.read(|transaction| runs::before(transaction, id, before, count))
    }

    /// What was applied to a directory since a time.
    pub fn run_window(&self, id: DirectoryId, since: Millis) -> Result<RunWindow, StoreError> {
        self.0.main.read(|transaction| runs::window(transaction, id, since))
    }

    /// Whole runs after a position: `limit` entries, or so many more as the last run needs.
    pub fn read_after(&self, seq: ChangeSeq, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        Ok(self.read_log(seq, limit)?.entries)
    }

    /// Whole runs of the change log after `seq`, `limit` entries or a little more, and which of them cannot be read.
    pub fn read_log(&self, seq: ChangeSeq, limit: usize) -> Result<LogSlice, StoreError> {
        let slice =
            self.0.main.read(|transaction| change_log::read_after(transaction, seq, limit))?;
        self.0.register.log(&slice.damaged);
        Ok(slice)
    }

    /// All applications.
    pub fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        self.0.main.read(applications::list)
    }

    /// The user names that are frozen, by application.
    pub fn frozen_names(&self) -> Result<Vec<(u32, FrozenNames)>, StoreError> {
        let (names, damage) = self.0.main.read(applications::frozen)?;
        self.0.register.frozen(damage);
        Ok(names)
    }

    /// Remembers what an application at an address was served a whole user list of.
    pub fn record_floor(
        &self,
        application: u32,
        client: &str,
        at: Millis,
        floor: &FloorRow,
    ) -> Result<(), StoreError> {
        self.0
            .state
            .write(|transaction| floors::record(transaction, application, client, at, floor))
    }

    /// The lists from which an application at an address has to be told of changes, if there are any.
    pub fn floor_lists(
        &self,
        application: u32,
        client: &str,
        now: Millis,
    ) -> Result<Option<FloorLists>, StoreError> {
        self.0.state.read(|transaction| floors::lists(transaction, application, client, now))
    }

    /// Marks the lists that an application at an address is done with.
    pub fn finish_floor_lists(
        &self,
        application: u32,
        client: &str,
        done: &FinishedLists,
    ) -> Result<(), StoreError> {
        self.0.state.write(|transaction| floors::finish(transaction, application, client, done))
    }

    /// Keeps a webhook; the same address of the same application is the same one. `None` when the
    /// application has too many.
    pub fn add_webhook(
        &self,
        application: u32,
        endpoint: &str,
        token: Option<&SecretString>,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let (key, told) = (&self.0.key, (endpoint, token));
        self.0.main.write(|transaction| webhooks::add(transaction, key, application, told))
    }

    /// One webhook.
    pub fn webhook(&self, id: u32) -> Result<Option<WebhookRow>, StoreError> {
        self.0.main.read(|transaction| webhooks::get(transaction, &self.0.key, id))
    }

    /// All webhooks.
    pub fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.0.main.read(|transaction| webhooks::list(transaction, &self.0.key))
    }

    /// Removes a webhook.
    pub fn remove_webhook(&self, id: u32) -> Result<(), StoreError> {
        self.0.main.write(|transaction| webhooks::remove(transaction, id))
    }

    /// Remembers that a webhook was told, or that it could not be.
    pub fn webhook_told(&self, id: u32, well: bool, now: Millis) -> Result<(), StoreError> {
        self.0.main.write(|transaction| webhooks::told(transaction, id, well, now))
    }

    /// Keeps a new session, and forgets those that ended before it began.
    pub fn start_session(&self, session: &SessionRow) -> Result<(), StoreError> {
        self.0.state.write(|transaction| sessions::start(transaction, session))
    }

    /// The session whose token has this digest; it may have ended by time.
    pub fn session(&self, token: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        self.0.state.read(|transaction| sessions::find(transaction, token))
    }

    /// Lets a session end at another time.
    pub fn prolong_session(&self, token: &[u8; 32], expires: Millis) -> Result<(), StoreError> {
        self.0.state.write(|transaction| sessions::prolong(transaction, token, expires))
    }

    /// Ends a session, if there is one.
    pub fn end_session(&self, token: &[u8; 32]) -> Result<(), StoreError> {
        self.0.state.write(|transaction| sessions::end(transaction, token))
    }

    /// Ends all sessions of a person, or all but one.
    pub fn end_sessions(
        &self,
        directory: DirectoryId,
        person: &ProviderId,
        except: Option<&[u8; 32]>,
    ) -> Result<(), StoreError> {
        self.0.state.write(|transaction| sessions::end_all(transaction, directory, person, except))
    }
}

fn unusable(path: &Path, source: io::Error, advice: &'static str) -> StoreError {
    StoreError::DataDirectory { path: path.to_owned(), source, advice }
}

/// Takes the data directory for this process.
fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join(LOCK_FILE);
    let advice =
        "give the user that runs Muster the right to write there, or choose another with --data";
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| unusable(data, source, advice))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => {
            Err(unusable(data, source, "its file system must allow locks; a local disk does"))
        }
    }
}

/// Says in words that a file of that name is no database of ours.
fn not_a_database(data: &Path, error: StoreError) -> StoreError {
    use rusqlite::ErrorCode::{NotADatabase, ReadOnly};
    match &error {
        StoreError::Engine(rusqlite::Error::SqliteFailure(failure, _))
            if failure.code == NotADatabase =>
        {
            StoreError::Damaged(format!("{} is not a database", data.join(MAIN_FILE).display()))
        }
        StoreError::Engine(rusqlite::Error::SqliteFailure(failure, _))
            if failure.code == ReadOnly =>
        {
            unusable(
                &data.join(MAIN_FILE),
                io::ErrorKind::PermissionDenied.into(),
                "give the user that runs Muster the right to write it",
            )
        }
        _ => error,
    }
}

/// Refuses a key that did not seal this database's secrets. A check that cannot be read is written anew when the key
/// opens a directory's secret.
fn check_key(db: &Db, key: &Key, is_new: bool) -> Result<(), StoreError> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    const PURPOSE: &str = "database";
    if !is_new {
        let check = meta::get(db, "key_check")?.unwrap_or_default();
        let sealed = STANDARD.decode(check).unwrap_or_default();
        match key.unseal(PURPOSE, &sealed) {
            Ok(open) if open.expose_secret() == KEY_CHECK => return Ok(()),
            Ok(_) => {
                return Err(StoreError::Damaged("the key check is not what was sealed".to_owned()));
            }
            Err(error) => {
                let rows = db.read(|transaction| connections::list(transaction, key))?;
                if !rows.iter().any(|row| !row.unreadable.contains(&"secret")) {
                    return Err(error);
                }
            }
        }
    }
    let sealed = key.seal(PURPOSE, &SecretString::from(KEY_CHECK));
    meta::set(db, "key_check", &STANDARD.encode(sealed))
}

#[cfg(test)]
#[path = "../../directory/tests/it/odd_text.rs"]
mod odd_text;
