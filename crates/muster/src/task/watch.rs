//! Keeps registered at providers for word of changes, where an administrator wants that.
//!
//! Invariants: what a provider will call with is known here before it is registered, since it calls at once; a
//! registration that cannot be had changes nothing else: pulling goes on by schedule, and it is tried again later.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use connect::{Callback, Connector, Subscription};
use directory::{
    error_chain::joined,
    id::{DirectoryId, HOUR_MS, Millis},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{ConnectionRow, Store, WatchRow};
use tokio::sync::Notify;
use utoipa::ToSchema;

use crate::{app::App, entropy, task::standing::Task};

/// How often registrations are looked at.
const PERIOD: Duration = Duration::from_mins(1);
/// When a registration that failed is tried again.
const RETRY_MS: i64 = HOUR_MS / 4;
/// How long a provider's request to wait is followed: other directories wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where somebody waits for a directory to be gone.
const ENDING_PATIENCE: Duration = Duration::from_secs(3);

/// What a call must carry to be believed to come from the provider.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The kind of provider.
    pub provider: Arc<str>,
    /// The secret.
    pub secret: SecretString,
}

/// How registrations stand, for whoever looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// What is registered.
    pub registered: Vec<String>,
    /// When the first of them ends, unless it is prolonged.
    pub until: Option<Millis>,
    /// Why nothing is registered, or not all.
    pub problem: Option<String>,
}

/// All registrations.
#[derive(Debug, Default)]
pub struct Watches {
    directories: Mutex<BTreeMap<DirectoryId, Watch>>,
    wake: Notify,
}

#[derive(Debug)]
struct Watch {
    expected: Expected,
    standing: Standing,
    /// Not to be tried again before.
    retry: Option<Millis>,
    /// The provider said that it ends: it is looked at whatever its time is.
    renew: bool,
}

impl Watches {
    /// What calls for a directory must carry; `None` when none are expected.
    pub fn expected(&self, directory: DirectoryId) -> Option<Expected> {
        self.lock().get(&directory).map(|watch| watch.expected.clone())
    }

    /// How a directory's registrations stand; `None` when there are to be none.
    pub fn standing(&self, directory: DirectoryId) -> Option<Standing> {
        self.lock().get(&directory).map(|watch| watch.standing.clone())
    }

    /// Asks to look at a directory's registrations now: the provider says that they end.
    pub fn renew(&self, directory: DirectoryId) {
        if let Some(watch) = self.lock().get_mut(&directory) {
            watch.renew = true;
        }
        self.wake.notify_one();
    }

    /// Asks to look at all registrations now: an administrator changed something.
    pub fn changed(&self) {
        for watch in self.lock().values_mut() {
            watch.retry = None;
        }
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DirectoryId, Watch>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps registered until the server stops. Registrations stay at the provider then: the server comes back.
pub async fn run(app: App) {
    loop {
        let looked = round(&app).await;
        if let Err(error) = &looked {
            tracing::error!(%error, "registrations for word of changes cannot be looked at");
        }
        app.rounds.ended(Task::Watch, app.clock.now(), looked.err().map(|e| joined(e.as_ref())));
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.watches.wake.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn round(app: &App) -> anyhow::Result<()> {
    let (rows, watches) =
        app.blocking(|store: &Store| Ok((store.connections()?, store.watches()?))).await?;
    for row in rows {
        if row.removing {
            continue;
        }
        let kept = watches.iter().find(|watch| watch.directory == row.id).cloned();
        match (&app.public_url, row.schedule.notifications) {
            (Some(public), true) if !row.paused => keep(app, &row, kept, public.as_str()).await?,
            _ => give_up(app, &row, kept).await?,
        }
    }
    Ok(())
}

/// Registers a directory, or prolongs.
async fn keep(
    app: &App,
    row: &ConnectionRow,
    kept: Option<WatchRow>,
    public: &str,
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let watch = if let Some(watch) = kept {
        watch
    } else {
        let secret = SecretString::from(entropy::token());
        let watch = WatchRow { directory: row.id, secret, registered: "[]".to_owned() };
        let new = watch.clone();
        app.blocking(move |store| store.set_watch(&new)).await?;
        watch
    };
    let mut have: Vec<Subscription> = serde_json::from_str(&watch.registered).unwrap_or_default();
    {
        let mut directories = app.watches.lock();
        let entry = directories.entry(row.id).or_insert_with(|| Watch {
            expected: Expected {
                provider: Arc::from(row.provider.as_str()),
                secret: watch.secret.clone(),
            },
            standing: Standing::default(),
            retry: None,
            renew: false,
        });
        if entry.retry.is_some_and(|retry| now < retry) && !entry.renew {
            return Ok(());
        }
        if std::mem::take(&mut entry.renew) {
            for one in &mut have {
                one.expires = Some(now);
            }
        }
    }
    let url = format!("{}/hooks/{}", public.trim_end_matches('/'), row.id.0);
    let callback = Callback { url: &url, secret: &watch.secret };
    let done = registered(app, row, &callback, have.clone()).await;
    let (have, problem) = match done {
        Ok(now_registered) => {
            if now_registered != have {
                let registered = serde_json::to_string(&now_registered).unwrap_or_default();
                let new = WatchRow { registered, ..watch };
                app.blocking(move |store| store.set_watch(&new)).await?;
            }
            (now_registered, None)
        }
        Err(error) => {
            tracing::warn!(directory = row.id.0, %error, "no word of changes can be had");
            (have, Some(error))
        }
    };
    if let Some(entry) = app.watches.lock().get_mut(&row.id) {
        entry.retry = problem.as_ref().map(|_| now.plus(RETRY_MS));
        entry.standing = Standing {
            registered: have.iter().map(|one| one.about.clone()).collect(),
            until: have.iter().filter_map(|one| one.expires).min(),
            problem,
        };
    }
    Ok(())
}

/// Asks the provider to tell of changes, or to go on with it; gives up when the directory is paused or removed meanwhile.
async fn registered(
    app: &App,
    row: &ConnectionRow,
    callback: &Callback<'_>,
    have: Vec<Subscription>,
) -> Result<Vec<Subscription>, String> {
    let connector = connector(app, row).await?;
    let keeper = app.keeper(row.id).ok_or("the directory is being removed")?;
    let asked = connect::with_patience(PATIENCE, connector.subscribe(callback, have));
    let done = keeper.unless_stopped(app, asked).await.map_err(|stopped| stopped.to_string())?;
    done.map_err(|error| error.to_string())
}

/// Ends the registrations of a directory that should have none.
async fn give_up(app: &App, row: &ConnectionRow, kept: Option<WatchRow>) -> anyhow::Result<()> {
    app.watches.lock().remove(&row.id);
    let Some(watch) = kept else { return Ok(()) };
    end(app, row, &watch).await;
    let id = row.id;
    app.blocking(move |store| store.remove_watch(id)).await
}

/// Ends registrations as well as can be: calls that come nevertheless are not expected any more.
async fn end(app: &App, row: &ConnectionRow, watch: &WatchRow) {
    let have: Vec<Subscription> = serde_json::from_str(&watch.registered).unwrap_or_default();
    let ended = match connector(app, row).await {
        Ok(connector) => {
            let asked = connect::with_patience(ENDING_PATIENCE, connector.unsubscribe(&have));
            match app.unless_stopping(asked).await {
                Ok(done) => done.map_err(|error| error.to_string()),
                Err(stopped) => Err(stopped.to_string()),
            }
        }
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::warn!(directory = row.id.0, %error, "registrations at the provider end by themselves only");
    }
}

/// Ends the registrations of a directory that is about to be removed.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget(app: &App, row: &ConnectionRow) -> anyhow::Result<()> {
    let id = row.id;
    let kept = app.blocking(move |store| store.watch(id)).await?;
    give_up(app, row, kept).await
}

async fn connector(app: &App, row: &ConnectionRow) -> Result<Arc<Connector>, String> {
    let keeper = app.keeper(row.id).ok_or("the directory is being removed")?;
    super::pull::connector(app, &keeper, row).await.map_err(|error| error.to_string())
}
