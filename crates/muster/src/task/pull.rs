//! Pulls one directory: on its schedule, on signal, and never twice at once.
//!
//! Invariant: a pull that does not complete changes nothing; it is not retried inside, the next period is
//! the retry. Everything is read when nothing is known, when it was asked for, when the verification
//! period is over, and (at most hourly) after a listing proved wrong; otherwise what changed.

use std::{sync::Arc, time::Duration};

use connect::{ConnectError, Connector};
use directory::{
    error_chain::joined,
    id::{HOUR_MS, Millis},
    report::{Outcome, ReadCounts, RunKind, RunReport},
};
use store::ConnectionRow;

use crate::{
    app::App,
    task::{
        Phase, Progress,
        commit::{self, Observed, Step},
        keeper::{Keeper, Orders},
        stopped::Stopped,
    },
};

/// Hints within so much time are one.
const SETTLE_MS: i64 = 3_000;
/// When to look again for what was hinted at and did not show.
const LAG_MS: i64 = 30_000;
const LOST_CHANGES: &str = "changes came without a usable id, so everything was read";
const LOST_CHANGES_LATER: &str = "changes came without a usable id; they are asked for again, and everything is read an \
                                  hour after it was last";

/// Pulls until the directory is removed or the server stops.
pub async fn run(app: App, keeper: Arc<Keeper>) {
    let mut orders = keeper.orders.subscribe();
    let mut hints = Hints::default();
    loop {
        let now = *orders.borrow_and_update();
        if now.end {
            return;
        }
        hints.count(now.hints, app.clock.now());
        // A decision is no read: the schedule goes on from the last one.
        let last = keeper.status.borrow().last_pull.as_ref().map(|report| report.finished);
        let due = hints.sooner(next_due(&app, &keeper, last));
        keeper.status.send_modify(|status| status.next = due);
        let completed = keeper.status.borrow().completed;
        let asked_for = now.ticket > completed;
        let wait =
            if asked_for { Some(0) } else { due.map(|due| due.since(app.clock.now()).max(0)) };
        let sleep = async {
            match wait {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            () = sleep => {}
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        }
        let hinted = hints.taken(app.clock.now());
        let pulled = tokio::select! {
            pulled = pull(&app, &keeper, now) => pulled,
            () = app.stop.cancelled() => return,
        };
        let Some(report) = pulled else {
            // It begins anew, or not at all.
            keeper.status.send_modify(|status| {
                status.phase = Phase::Idle;
                status.started = None;
            });
            continue;
        };
        if hinted && report.read == ReadCounts::default() {
            hints.look_again(app.clock.now());
        }
        let due = next_due(&app, &keeper, Some(report.finished));
        keeper.status.send_modify(|status| {
            status.phase = Phase::Idle;
            status.started = None;
            status.next = due;
            status.completed = status.completed.max(now.ticket);
            if matches!(report.outcome, Outcome::Failed { .. }) {
                status.state.take(&report, None);
            }
            status.last_pull = Some(report.clone());
            status.last = Some(report);
        });
        app.alerts.look();
    }
}

/// When to pull because the provider said that something changed.
#[derive(Debug, Default)]
struct Hints {
    counted: u64,
    due: Option<Millis>,
    /// Whether a pull that finds nothing is followed by another one.
    again: bool,
}

impl Hints {
    /// Many hints in a short time are one.
    fn count(&mut self, hints: u64, now: Millis) {
        if hints != self.counted {
            self.counted = hints;
            self.again = true;
            self.due.get_or_insert(now.plus(SETTLE_MS));
        }
    }

    /// The earlier of the two, unless the schedule is stopped.
    fn sooner(&self, scheduled: Option<Millis>) -> Option<Millis> {
        scheduled.map(|scheduled| self.due.map_or(scheduled, |due| due.min(scheduled)))
    }

    /// Whether the pull that begins now answers hints.
    fn taken(&mut self, now: Millis) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// What was hinted at does not show yet: lists of changes lag.
    fn look_again(&mut self, now: Millis) {
        if std::mem::take(&mut self.again) {
            self.due.get_or_insert(now.plus(LAG_MS));
        }
    }
}

/// What the connector has counted.
pub(super) fn counted(progress: &connect::Progress) -> Progress {
    let counts = progress.counts();
    Progress {
        users: counts.users,
        groups: counts.groups,
        memberships: counts.memberships,
        groups_with_members: counts.groups_with_members,
        requests: counts.requests,
        bytes: counts.bytes,
    }
}

/// When the next pull is due, never in the past; `None` while paused, or when the store cannot say.
fn next_due(app: &App, keeper: &Keeper, last: Option<Millis>) -> Option<Millis> {
    let row = app.store.connection(keeper.id).ok().flatten()?;
    if row.paused {
        return None;
    }
    let period_ms = i64::try_from(row.schedule.pull_every_s).ok()?.saturating_mul(1_000);
    let now = app.clock.now();
    Some(last.map_or(now, |last| last.plus(period_ms).max(now)))
}

/// One pull: read, then commit. The report is written whatever comes; none when the directory is being removed, or is
/// to be read in another way.
async fn pull(app: &App, keeper: &Keeper, orders: Orders) -> Option<RunReport> {
    let started = app.clock.now();
    keeper.progress.reset();
    keeper.status.send_modify(|status| {
        status.phase = Phase::Reading;
        status.started = Some(started);
        status.next = None;
    });
    let read = keeper.unless_stopped(app, read(app, keeper, orders, started)).await;
    let error = match read.map_err(Failure::from).flatten() {
        Ok(observed) => match commit::commit(app, keeper, Step::Observed(Box::new(observed))).await
        {
            Ok(report) => return Some(report),
            Err(error) => Failure::from(error),
        },
        Err(failure) => failure,
    };
    if matches!(error.stopped, Some(Stopped::Removed | Stopped::Reconnected)) {
        return None;
    }
    tracing::warn!(directory = keeper.id.0, error = %error.text, "a pull failed; nothing was changed");
    let kind = if orders.full_ticket > keeper.status.borrow().completed {
        RunKind::Full
    } else {
        RunKind::Delta
    };
    let size = app.served(keeper.id).map(|directory| directory.size()).unwrap_or_default();
    let report = RunReport {
        kind,
        started,
        finished: app.clock.now(),
        outcome: Outcome::Failed { error: error.text, code: error.code },
        size_before: size,
        size_after: size,
        ..RunReport::default()
    };
    let (store, id, written) = (app.store.clone(), keeper.id, report.clone());
    let recorded = tokio::task::spawn_blocking(move || store.record_failed_run(id, &written)).await;
    if !matches!(recorded, Ok(Ok(()))) {
        tracing::error!(
            directory = keeper.id.0,
            "the report of a failed pull could not be written"
        );
    }
    Some(report)
}

struct Failure {
    text: String,
    code: Option<String>,
    /// It did not fail by itself.
    stopped: Option<Stopped>,
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let code = error.code().map(str::to_owned);
        Self { code, text: error.to_string(), stopped: None }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let stopped = error.downcast_ref::<Stopped>().copied();
        Self { text: joined(error.as_ref()), code: None, stopped }
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self { text: stopped.to_string(), code: None, stopped: Some(stopped) }
    }
}

async fn read(
    app: &App,
    keeper: &Keeper,
    orders: Orders,
    started: Millis,
) -> Result<Observed, Failure> {
    // What is read could not be planned: the provider is not asked in vain.
    app.ensure_served().await.map_err(anyhow::Error::from)?;
    let row = app.connection(keeper.id).await?;
    if row.paused {
        return Err(Stopped::Paused.into());
    }
    super::commit::settings::readable(&row).map_err(anyhow::Error::from)?;
    let connector = connector(app, keeper, &row).await?;
    let full_asked = orders.full_ticket > keeper.status.borrow().completed;
    let wanted_again = {
        let memory = keeper.memory.lock().await;
        memory.as_ref().is_some_and(|memory| memory.full_read_wanted)
    };
    let since_full = row.last_full_read.map(|last| started.since(last));
    let verification_ms =
        i64::try_from(row.schedule.full_every_s).unwrap_or(i64::MAX / 1_000) * 1_000;
    let full = full_asked
        || !row.served_once
        || since_full
            .is_none_or(|since| since >= verification_ms || (wanted_again && since >= HOUR_MS));
    let cursor = row.cursor.as_ref().filter(|_| !full);
    let mut observation = connector.pull(cursor, &keeper.progress).await?;
    if observation.lost_changes {
        if since_full.is_none_or(|since| since >= HOUR_MS) {
            keeper.progress.reset();
            observation = connector.pull(None, &keeper.progress).await?;
            observation.notes.push(LOST_CHANGES.to_owned());
        } else {
            // The same changes are asked for again, until everything is read or they are told well.
            observation.cursor = None;
            observation.notes.push(LOST_CHANGES_LATER.to_owned());
        }
    }
    if observation.everything
        && let Some(memory) = keeper.memory.lock().await.as_mut()
    {
        memory.full_read_wanted = false;
    }
    let kind = if observation.everything { RunKind::Full } else { RunKind::Delta };
    Ok(Observed { observation, kind, started, connector })
}

/// The connection to the provider, made once and kept with its token.
///
/// # Errors
/// When the settings cannot be used; the message names the setting.
pub async fn connector(
    app: &App,
    keeper: &Keeper,
    row: &ConnectionRow,
) -> Result<Arc<Connector>, ConnectError> {
    let mut slot = keeper.connector.lock().await;
    if let Some(connector) = slot.as_ref() {
        return Ok(Arc::clone(connector));
    }
    let connector = Arc::new(app.connector(row)?);
    *slot = Some(Arc::clone(&connector));
    Ok(connector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_hints_is_one_pull_and_one_more_look() {
        let mut hints = Hints::default();
        let at = Millis;
        assert_eq!(hints.sooner(Some(at(300_000))), Some(at(300_000)));
        for count in 1..=1_000 {
            hints.count(count, at(1_000 + i64::try_from(count).unwrap()));
        }
        assert_eq!(hints.sooner(Some(at(300_000))), Some(at(1_001 + SETTLE_MS)));
        assert_eq!(hints.sooner(None), None, "a stopped schedule stays stopped");
        assert!(!hints.taken(at(2_000)) && hints.taken(at(5_000)) && !hints.taken(at(5_000)));
        hints.look_again(at(5_000));
        assert_eq!(hints.sooner(Some(at(300_000))), Some(at(5_000 + LAG_MS)));
        assert!(hints.taken(at(40_000)));
        hints.look_again(at(40_000));
        assert_eq!(hints.sooner(Some(at(300_000))), Some(at(300_000)), "once more, not for ever");
    }
}
