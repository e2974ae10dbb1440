//! What the writer keeps in memory of one directory, and how it is told to run.
//!
//! Invariant: the memory equals the store, or is dropped: whoever takes it out and fails does not put it
//! back, and the next run loads it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use connect::Connector;
use directory::{
    decisions::{Decisions, Node},
    derive::Basis,
    id::{ChangeSeq, DirectoryId, Millis, ProviderId},
    lookalike::LookAlikes,
    mirror::Mirror,
    plan::{Issue, Issues},
    report::UnreadablePart,
    rules::compiled::Compiled,
};
use tokio::sync::{Mutex, watch};

use crate::{
    app::App,
    task::{Status, Waiting, state::DirectoryState, stopped::Stopped},
};

/// One directory's writer.
pub struct Keeper {
    /// The directory.
    pub id: DirectoryId,
    /// Its memory; locked for the length of a run.
    pub(super) memory: Mutex<Option<Memory>>,
    /// The connection to the provider, with its token; made anew when the settings change.
    pub(super) connector: Mutex<Option<Arc<Connector>>>,
    /// What is asked of the task.
    pub(super) orders: watch::Sender<Orders>,
    /// How the task stands.
    pub(super) status: watch::Sender<Status>,
    /// Issues of everybody as of the last run, for whoever looks; none until a run has looked at everybody.
    pub(super) issues: watch::Sender<Option<Arc<Vec<Issue>>>>,
    /// What the current run has read, counted by the connector.
    pub(super) progress: Arc<connect::Progress>,
    /// What waits at present because the provider asked for it.
    pub(crate) waits: connect::Waits,
    /// Tells questions to the provider that nobody wants their answers any more.
    stops: watch::Sender<Stopped>,
}

/// What is asked of a pull task; the latest value counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// The number of the latest request.
    pub(super) ticket: u64,
    /// The number of the latest request for a full read.
    pub(super) full_ticket: u64,
    /// Counts changes of settings, schedule or pause that the task has to look at.
    pub(super) settings: u64,
    /// Counts hints that something changed at the provider.
    pub(super) hints: u64,
    /// The directory is being removed: end.
    pub(super) end: bool,
}

/// What the writer knows beside what is served.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) mirror: Mirror,
    pub(super) decisions: Decisions,
    /// What must be looked at again at the next plan.
    pub(super) pending: BTreeSet<Node>,
    /// What is the matter with whom.
    pub(super) issues: Issues,
    /// Names that look alike, once what is served was looked at.
    pub(super) look_alikes: Option<LookAlikes>,
    /// Whose they are.
    pub(super) alike: Vec<Issue>,
    /// Objects that the last read could not read, with the provider's words.
    pub(super) unreadable: BTreeMap<(Node, UnreadablePart), String>,
    /// Whether everything was looked at since the memory was loaded or the rules changed.
    pub(super) settled: bool,
    /// When the provider was last read with success.
    pub(super) observed: Millis,
    /// The observation that was planned last: grace periods that ended since are due.
    pub(super) planned: Millis,
    /// The rules, ready to be applied, of the last plan.
    pub(super) rules: Option<Arc<Compiled>>,
    /// A listing proved wrong: everything is read again, at most hourly.
    pub(super) full_read_wanted: bool,
    /// Whether the last read found nobody, and is therefore not believed.
    pub(super) empty_read: bool,
    /// Where the directory was put back to, if it stays there.
    pub(super) pinned: Option<ChangeSeq>,
    /// People who were read alone, and when: a read that began before may know less of them.
    pub(super) read_alone: BTreeMap<ProviderId, Millis>,
}

impl Memory {
    /// Everything that an administrator should know of users and groups.
    pub(super) fn all_issues(&self, basis: &Basis<'_>) -> Vec<Issue> {
        let unreadable = self.unreadable_issues(basis);
        self.issues.iter().chain(&self.alike).cloned().chain(unreadable).collect()
    }

    /// The issues of objects that the last read could not read.
    pub(super) fn unreadable_issues(&self, basis: &Basis<'_>) -> impl Iterator<Item = Issue> {
        self.unreadable.iter().filter_map(|((node, part), error)| {
            Issue::unreadable(basis, *node, *part, error.clone())
        })
    }
}

impl Keeper {
    /// A writer that has not loaded anything but how the directory stands.
    pub fn new(id: DirectoryId, state: DirectoryState) -> Self {
        Self {
            id,
            memory: Mutex::new(None),
            connector: Mutex::new(None),
            orders: watch::Sender::new(Orders::default()),
            status: watch::Sender::new(Status { state, ..Status::default() }),
            issues: watch::Sender::new(None),
            progress: Arc::new(connect::Progress::default()),
            waits: connect::Waits::default(),
            stops: watch::Sender::new(Stopped::default()),
        }
    }

    /// Asks the provider something, and gives up when the directory is paused, reconnected or removed meanwhile, or
    /// when the server stops.
    ///
    /// # Errors
    /// Says which of these happened.
    pub fn unless_stopped<T: Send>(
        &self,
        app: &App,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Stopped>> + Send {
        let mut stops = self.stops.subscribe();
        let work = app.unless_stopping(work);
        async move {
            let stopped = async {
                match stops.changed().await {
                    Ok(()) => *stops.borrow(),
                    // The keeper lives as long as this borrows it.
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                why = stopped => Err(why),
                done = work => done,
            }
        }
    }

    /// Gives up what is being asked of the provider.
    pub fn stop(&self, why: Stopped) {
        self.stops.send_replace(why);
    }

    /// Asks for a run; gives the number to wait for in [`Status::completed`].
    pub fn request(&self, full: bool) -> u64 {
        let mut ticket = 0;
        self.orders.send_modify(|orders| {
            orders.ticket += 1;
            ticket = orders.ticket;
            if full {
                orders.full_ticket = ticket;
            }
        });
        self.status.send_modify(|status| status.requested = ticket);
        ticket
    }

    /// The provider said that something changed: the next pull comes sooner.
    pub fn hint(&self) {
        self.orders.send_modify(|orders| orders.hints += 1);
    }

    /// Tells the task that settings, schedule or pause changed.
    pub async fn settings_changed(&self) {
        *self.connector.lock().await = None;
        self.orders.send_modify(|orders| orders.settings += 1);
    }

    /// Ends the task.
    pub fn end(&self) {
        self.orders.send_modify(|orders| orders.end = true);
        self.stop(Stopped::Removed);
    }

    /// How the task stands.
    pub fn status(&self) -> Status {
        let mut status = self.status.borrow().clone();
        status.progress = super::pull::counted(&self.progress);
        status.waiting = self.waits.now().map(Waiting::of);
        status
    }

    /// Who cannot be served, or not under the name that the rules make; none until a run has looked at everybody.
    pub fn issues(&self) -> Option<Arc<Vec<Issue>>> {
        self.issues.borrow().clone()
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("id", &self.id).finish_non_exhaustive()
    }
}
