//! Folds what is older than the history is kept into the base, and forgets the reports of old runs.
//!
//! Invariants: in short steps, so that a run waits for one step at the most and log-ins for none (they never wait for
//! this database); what a product may still ask events from is long younger than what is folded; event tokens from
//! before are answered 410.

use std::time::Duration;

use directory::{error_chain::joined, id::Millis};
use store::Store;

use crate::{app::App, task::standing::Task};

/// How often there is a look at what has become old.
const PERIOD: Duration = Duration::from_hours(1);
/// Entries that are folded in one step.
const STEP_ENTRIES: usize = 2_000;
/// Between two steps, so that runs get their turn.
const PAUSE: Duration = Duration::from_millis(20);

/// Sweeps until the server stops; what is older than `kept_ms` is folded.
pub async fn run(app: App, kept_ms: i64) {
    loop {
        let before = app.clock.now().plus(-kept_ms);
        // What a newer version keeps is not folded by an older one.
        let swept = if app.store.read_only() { Ok(()) } else { sweep(&app, before).await };
        if let Err(error) = &swept {
            tracing::error!(%error, "old history cannot be folded; trying again in an hour");
        }
        app.rounds.ended(Task::Sweep, app.clock.now(), swept.err().map(|e| joined(e.as_ref())));
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Folds everything committed before a time.
///
/// # Errors
/// When the store cannot be read or written; what was folded until then stays folded.
pub async fn sweep(app: &App, before: Millis) -> anyhow::Result<()> {
    let from = app.blocking(Store::floor_of_log).await?;
    while app.blocking(move |store| store.fold_some(before, STEP_ENTRIES)).await? {
        tokio::select! {
            () = app.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    app.blocking(move |store| store.forget_runs(before)).await?;
    let to = app.blocking(Store::floor_of_log).await?;
    if to != from {
        let folded = to.seq.0 - from.seq.0;
        tracing::info!(folded, up_to = to.seq.0, "old entries of the change log were folded");
    }
    Ok(())
}
