//! The running service: every collaborator, made once, handed to whoever needs it.
//!
//! Invariant: cloning shares; nothing here decides anything about people or groups.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use arc_swap::ArcSwap;
use connect::{ConnectError, Connector};
use directory::{id::DirectoryId, resource_name, snapshot::Directory, view::Published};
use store::{CallerRow, ConnectionRow, NewConnection, Store, StoreError};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    clock::Clock,
    crowd::{ApplicationRegistry, Caller},
    failed_sign_ins::FailedSignIns,
    task::{
        Driver,
        alert::{self, Alerts},
        callers,
        follow::{self, Followed, NotServed},
        keeper::Keeper,
        notify, pull,
        standing::{Rounds, Task},
        state::DirectoryState,
        stopped::Stopped,
        watch::{self, Watches},
    },
};

/// How long somebody waits for what they wrote to be served.
const PUBLISH_TIMEOUT: Duration = Duration::from_mins(2);

/// The running service.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the service is made of.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// What is served now.
    pub published: Arc<ArcSwap<Published>>,
    /// The applications that may read.
    pub applications: Arc<ApplicationRegistry>,
    /// How providers reach this server, if they can.
    pub public_url: Option<Url>,
    /// What is registered at providers for word of changes.
    pub watches: Watches,
    /// How alerts stand, and whom to ask to look at them.
    pub alerts: Alerts,
    /// Failed authentications.
    pub failed_sign_ins: Arc<FailedSignIns>,
    /// How the tasks' last rounds ended.
    pub rounds: Rounds,
    /// Tells everything to end.
    pub stop: CancellationToken,
    /// Owns the tasks.
    pub driver: Driver,
    /// Counts requests to look at the change log now.
    pub(crate) follow_asked: tokio::sync::watch::Sender<u64>,
    /// How that went.
    pub(crate) followed: tokio::sync::watch::Sender<Followed>,
    keepers: Mutex<BTreeMap<DirectoryId, Arc<Keeper>>>,
}

impl App {
    /// Opens the data directory and loads what is served; starts nothing.
    ///
    /// # Errors
    /// When the data directory cannot be used; says why and what to do.
    pub async fn open(
        data: PathBuf,
        clock: Clock,
        public_url: Option<Url>,
    ) -> anyhow::Result<Self> {
        let opening = tokio::task::spawn_blocking(move || {
            let store = Store::open(&data)?;
            for mended in store.mended() {
                tracing::error!(
                    mended,
                    "a part of the database could not be read and was counted anew"
                );
            }
            let published = follow::load(&store)?;
            let applications = ApplicationRegistry::default();
            applications.replace(crate::service::application::registered(&store)?);
            applications.callers().restore(store.callers()?.into_iter().map(known_caller));
            Ok::<_, StoreError>((store, published, applications))
        });
        let (store, published, applications) =
            opening.await.context("opening the data directory panicked")??;
        let parts = Parts {
            store,
            clock,
            published: Arc::new(ArcSwap::from_pointee(published)),
            applications: Arc::new(applications),
            public_url,
            watches: Watches::default(),
            alerts: Alerts::default(),
            failed_sign_ins: Arc::default(),
            rounds: Rounds::default(),
            stop: CancellationToken::new(),
            driver: Driver::default(),
            follow_asked: tokio::sync::watch::Sender::new(0),
            followed: tokio::sync::watch::Sender::new(Followed::default()),
            keepers: Mutex::new(BTreeMap::new()),
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Starts the tasks: one follower, and one pull for each directory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.driver.start(Task::Follow.as_str(), follow::run(self.clone())).await;
        self.driver.start(Task::Callers.as_str(), callers::run(self.clone())).await;
        self.driver.start(Task::Notify.as_str(), notify::run(self.clone())).await;
        for row in self.blocking(Store::connections).await? {
            self.keep(row.id).await;
        }
        self.driver.start(Task::Alert.as_str(), Box::pin(alert::run(self.clone()))).await;
        self.driver.start(Task::Watch.as_str(), Box::pin(watch::run(self.clone()))).await;
        Ok(())
    }

    /// Ends everything and waits for it.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.driver.join().await;
    }

    /// Starts to keep a directory in step.
    pub async fn keep(&self, id: DirectoryId) -> Arc<Keeper> {
        let state = self.blocking(move |store| DirectoryState::load(store, id)).await;
        let keeper = Arc::new(Keeper::new(id, state.unwrap_or_default()));
        self.lock_keepers().insert(id, Arc::clone(&keeper));
        // Boxed: a pull holds much while it waits.
        let run = Box::pin(pull::run(self.clone(), Arc::clone(&keeper)));
        self.driver.start("pull", run).await;
        keeper
    }

    /// Ceases to keep a directory in step.
    pub fn let_go(&self, id: DirectoryId) {
        if let Some(keeper) = self.lock_keepers().remove(&id) {
            keeper.end();
        }
    }

    /// The writer of a directory.
    pub fn keeper(&self, id: DirectoryId) -> Option<Arc<Keeper>> {
        self.lock_keepers().get(&id).cloned()
    }

    /// A directory as served now.
    pub fn served(&self, id: DirectoryId) -> Option<Arc<Directory>> {
        self.published.load().directories.get(&id).map(|served| Arc::clone(&served.directory))
    }

    /// A directory's settings.
    ///
    /// # Errors
    /// When the store cannot be read, or the directory is not there any more.
    pub async fn connection(&self, id: DirectoryId) -> anyhow::Result<ConnectionRow> {
        self.blocking(move |store| store.connection(id)).await?.context("the directory was removed")
    }

    /// A directory's settings by its name, in any case.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn connection_named(&self, name: &str) -> anyhow::Result<Option<ConnectionRow>> {
        let rows = self.blocking(Store::connections).await?;
        Ok(resource_name::find(rows, name, |row| &row.name))
    }

    /// The connection to a directory's provider.
    ///
    /// # Errors
    /// When the settings cannot be used; the message names the setting.
    pub fn connector(&self, row: &ConnectionRow) -> Result<Connector, ConnectError> {
        let waits = self.keeper(row.id).map(|keeper| keeper.waits.clone()).unwrap_or_default();
        let surroundings = self.surroundings().showing(waits);
        Connector::new(&row.provider, &row.settings, &row.secret, surroundings)
    }

    /// Checks the settings of a directory to be; sends nothing.
    ///
    /// # Errors
    /// Names the provider or the setting that cannot be used.
    pub fn check_settings(&self, new: &NewConnection) -> Result<(), ConnectError> {
        Connector::new(&new.provider, &new.settings, &new.secret, self.surroundings()).map(drop)
    }

    /// What a connector cannot make itself.
    pub(crate) fn surroundings(&self) -> connect::Surroundings {
        let clock = self.clock.clone();
        connect::Surroundings::new(move || clock.now(), u64::from_le_bytes(crate::entropy::bytes()))
    }

    /// Does something that is given up when the server stops.
    ///
    /// # Errors
    /// When the server stops.
    pub fn unless_stopping<T: Send>(
        &self,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Stopped>> + Send {
        // Boxed: whoever waits holds no more than the box.
        let work = Box::pin(work);
        async move {
            tokio::select! {
                done = work => Ok(done),
                () = self.stop.cancelled() => Err(Stopped::Shutdown),
            }
        }
    }

    /// Reads or writes the store off the async threads.
    ///
    /// # Errors
    /// What the store says.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> anyhow::Result<T> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(done.context("working with the store panicked")??)
    }

    /// Why what is committed is not served, if the change log cannot be followed.
    pub fn not_served(&self) -> Option<NotServed> {
        self.followed.borrow().problem.clone()
    }

    /// Looks again whether what is committed is served, if it was not the last time: a plan is made of what is served.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ensure_served(&self) -> Result<(), NotServed> {
        let behind = {
            let followed = self.followed.borrow();
            followed.problem.is_some() || followed.tried < *self.follow_asked.borrow()
        };
        if behind { self.published_up_to_date().await } else { Ok(()) }
    }

    /// Waits until what was committed before this call is served.
    ///
    /// # Errors
    /// When the change log cannot be followed; says why, at once.
    pub async fn published_up_to_date(&self) -> Result<(), NotServed> {
        let mut followed = self.followed.subscribe();
        let mut ticket = 0;
        self.follow_asked.send_modify(|asked| {
            *asked += 1;
            ticket = *asked;
        });
        let tried = followed.wait_for(|followed| followed.tried >= ticket);
        let tried = tokio::select! {
            tried = tokio::time::timeout(PUBLISH_TIMEOUT, tried) => tried,
            () = self.stop.cancelled() => return Ok(()),
        };
        match tried {
            // The follower ended: the server stops.
            Ok(Err(_)) => Ok(()),
            Ok(Ok(followed)) => followed.problem.clone().map_or(Ok(()), Err),
            Err(_) => {
                let seconds = PUBLISH_TIMEOUT.as_secs();
                let reason = format!("following the change log has taken {seconds} s so far");
                tracing::error!(reason, "what was committed is not served");
                Err(NotServed { since: self.clock.now(), reason })
            }
        }
    }

    fn lock_keepers(&self) -> std::sync::MutexGuard<'_, BTreeMap<DirectoryId, Arc<Keeper>>> {
        self.keepers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn known_caller(row: CallerRow) -> (u32, Caller) {
    let CallerRow { application, first, last, requests, client, agent } = row;
    (application, Caller { first, last, requests, client, agent })
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
