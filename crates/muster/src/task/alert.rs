//! Keeps alerts in step with what is the matter, and tells the channels.
//!
//! Invariants: what is the matter is recorded before anybody is told of it, and that a channel was told after it was: a
//! crash in between tells it once more rather than never. A channel that is slow or gone delays no other one.

mod telling;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use directory::{
    counted::counted,
    error_chain::joined,
    id::{DAY_MS, DirectoryId, Millis},
    plan::Issue,
};
use serde::{Deserialize, Serialize};
use store::{AlertRow, AlertText, ConnectionRow, Matter, Store, StoreError, UnreadableRow};
use tokio::sync::Notify;
use utoipa::ToSchema;

use crate::{
    alert::{
        Kind,
        condition::{self, Facts, State, Step},
        credential,
    },
    app::App,
    task::{follow::NotServed, standing::Task},
};

/// How often everything is looked at without a signal.
const PERIOD: Duration = Duration::from_mins(1);
/// Runs that are looked at: three reads, with decisions in between.
const RUNS: usize = 20;
/// How long it is tried to tell that an alert is over.
const OVER_MS: i64 = DAY_MS;

/// How alerts stand, for whoever looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertStatus)]
pub struct Status {
    /// When everything was last looked at.
    pub looked: Millis,
    /// Alerts that are open.
    pub open: usize,
    /// Open alerts that nobody looks after.
    pub unacknowledged: usize,
    /// Channels.
    pub channels: usize,
    /// Channels that could not be told the last time.
    pub channels_failing: usize,
    /// Why the last look failed.
    pub problem: Option<String>,
}

/// The task's signals.
#[derive(Debug, Default)]
pub struct Alerts {
    wake: Notify,
    status: RwLock<Status>,
}

impl Alerts {
    /// Asks to look now: something happened.
    pub fn look(&self) {
        self.wake.notify_one();
    }

    /// How alerts stand.
    pub fn status(&self) -> Status {
        self.status.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_status(&self, status: Status) {
        *self.status.write().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// Looks and tells until the server stops.
pub async fn run(app: App) {
    let client = match connect::http::outside_client() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "nobody can be told of alerts: no HTTP client can be made");
            let problem = Some(format!("no HTTP client can be made: {error}"));
            app.rounds.ended(Task::Alert, app.clock.now(), problem);
            return;
        }
    };
    loop {
        let pause = tokio::select! {
            done = round(&app, &client) => done.unwrap_or_else(|error| {
                let problem = Some(joined(error.as_ref()));
                app.alerts.set_status(Status { problem, ..app.alerts.status() });
                tracing::error!(error = joined(error.as_ref()), "alerts cannot be looked at");
                PERIOD
            }),
            () = app.stop.cancelled() => return,
        };
        app.rounds.ended(Task::Alert, app.clock.now(), app.alerts.status().problem);
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.alerts.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One look; gives the time until the next one.
async fn round(app: &App, client: &reqwest::Client) -> anyhow::Result<Duration> {
    let now = app.clock.now();
    if app.store.read_only() {
        return Ok(PERIOD);
    }
    let rows = app.blocking(Store::connections).await?;
    let issues: BTreeMap<DirectoryId, Arc<Vec<Issue>>> =
        rows.iter().filter_map(|row| Some((row.id, app.keeper(row.id)?.issues()?))).collect();
    let not_served = app.not_served();
    app.blocking(move |store| {
        record(store, &rows, (&issues, not_served.as_ref()), now)?;
        record_settings(store, now)
    })
    .await?;
    let next = telling::tell(app, client, now).await?;
    let status = app.blocking(move |store| status(store, now)).await?;
    app.alerts.set_status(status);
    let until = next.map(|next| next.since(app.clock.now()).max(0).unsigned_abs());
    Ok(until.map_or(PERIOD, |ms| PERIOD.min(Duration::from_millis(ms))))
}

/// Raises, changes and ends alerts.
fn record(
    store: &Store,
    rows: &[ConnectionRow],
    (issues, not_served): (&BTreeMap<DirectoryId, Arc<Vec<Issue>>>, Option<&NotServed>),
    now: Millis,
) -> Result<(), StoreError> {
    let open: Vec<AlertRow> =
        store.alerts(now)?.into_iter().filter(|alert| alert.resolved.is_none()).collect();
    for row in rows.iter().filter(|row| !row.removing) {
        let runs = store.latest_runs(row.id, RUNS)?;
        let none = Vec::new();
        let facts = Facts {
            now,
            name: &row.name,
            provider: &row.provider,
            paused: row.paused,
            last_read: row.last_read,
            runs: &runs,
            issues: issues.get(&row.id).map_or(&none, |issues| issues),
            expiry: credential::expiry(row),
            not_served,
            damage: &store.damage(row.id),
        };
        for kind in Kind::ALL {
            let alert =
                open.iter().find(|alert| alert.directory == row.id && alert.kind == kind.as_str());
            let state = condition::state(kind, &facts);
            take(store, (row, kind, alert), state, now)?;
        }
    }
    for alert in &open {
        if alert.directory != SETTINGS && !rows.iter().any(|row| row.id == alert.directory) {
            let title = format!("the directory `{}` was removed", alert.directory_name);
            store.resolve_alert(alert.id, &title, &[], now)?;
        }
    }
    Ok(())
}

/// The directory of alerts that are about none; no directory has this number.
const SETTINGS: DirectoryId = DirectoryId(0);
/// Rows named in one message.
const NAMED_MAX: usize = 10;

/// Raises, changes and ends the alert about settings that cannot be read.
fn record_settings(store: &Store, now: Millis) -> Result<(), StoreError> {
    let unreadable = store.unreadable_settings()?;
    let is_it = |alert: &AlertRow| alert.directory == SETTINGS && alert.resolved.is_none();
    let open = store.alerts(now)?.into_iter().find(is_it);
    if unreadable.is_empty() {
        return match open {
            Some(alert) => {
                let title = "all settings in the database can be read again";
                store.resolve_alert(alert.id, title, &[], now)
            }
            None => Ok(()),
        };
    }
    let told = unreadable.iter().take(NAMED_MAX).map(ToString::to_string);
    let more = unreadable.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    let text = AlertText {
        aspects: unreadable.iter().map(UnreadableRow::what).collect(),
        title: format!(
            "{} in the database cannot be read",
            counted(unreadable.len(), "row of settings")
        ),
        details: told.chain(more).collect(),
    };
    match condition::step(Kind::Damaged, "", open.as_ref(), State::Standing(text)) {
        Step::Raise(text) => {
            tracing::error!(alert = text.title, details = ?text.details, "an alert is raised");
            let matter =
                Matter { directory: SETTINGS, directory_name: "", kind: Kind::Damaged.as_str() };
            store.raise_alert(matter, &text, now)
        }
        Step::Change(text, telling) => match &open {
            Some(alert) => store.change_alert(alert.id, &text, telling, now),
            None => Ok(()),
        },
        Step::Nothing | Step::Resolve(_) => Ok(()),
    }
}

/// Takes one step.
fn take(
    store: &Store,
    (row, kind, alert): (&ConnectionRow, Kind, Option<&AlertRow>),
    state: State,
    now: Millis,
) -> Result<(), StoreError> {
    let step = condition::step(kind, &row.name, alert, state);
    match (step, alert) {
        (Step::Raise(text), _) => {
            tracing::warn!(
                directory = row.name,
                kind = kind.as_str(),
                alert = text.title,
                "an alert is raised"
            );
            let matter =
                Matter { directory: row.id, directory_name: &row.name, kind: kind.as_str() };
            store.raise_alert(matter, &text, now)
        }
        (Step::Change(text, telling), Some(alert)) => {
            store.change_alert(alert.id, &text, telling, now)
        }
        (Step::Resolve(title), Some(alert)) => {
            tracing::info!(directory = row.name, kind = kind.as_str(), title, "an alert is over");
            store.resolve_alert(alert.id, &title, &[], now)
        }
        _ => Ok(()),
    }
}

fn status(store: &Store, now: Millis) -> Result<Status, StoreError> {
    let alerts = store.alerts(now)?;
    let open: Vec<&AlertRow> = alerts.iter().filter(|alert| alert.resolved.is_none()).collect();
    let channels = store.channels()?;
    Ok(Status {
        looked: now,
        open: open.len(),
        unacknowledged: open.iter().filter(|alert| alert.acknowledged.is_none()).count(),
        channels: channels.len(),
        channels_failing: channels.iter().filter(|channel| channel.failures > 0).count(),
        problem: None,
    })
}
