//! Keeps when applications last called over restarts.

use std::time::Duration;

use store::CallerRow;

use crate::{app::App, task::standing::Task};

/// How often it is written.
const PERIOD: Duration = Duration::from_secs(30);

/// Writes now and then, and when the server stops.
pub async fn run(app: App) {
    let mut written = Vec::new();
    loop {
        let stopping = tokio::select! {
            () = app.stop.cancelled() => true,
            () = tokio::time::sleep(PERIOD) => false,
        };
        let mut rows: Vec<CallerRow> = app
            .applications
            .callers()
            .all()
            .into_iter()
            .map(|(application, caller)| CallerRow {
                application,
                first: caller.first,
                last: caller.last,
                requests: caller.requests,
                client: caller.client,
                agent: caller.agent,
            })
            .collect();
        rows.sort_by_key(|row| row.application);
        let mut problem = None;
        if rows != written {
            let kept = rows.clone();
            match app.blocking(move |store| store.record_callers(&kept)).await {
                Ok(()) => written = rows,
                Err(error) => {
                    tracing::warn!(%error, "when applications called cannot be kept");
                    problem = Some(error.to_string());
                }
            }
        }
        app.rounds.ended(Task::Callers, app.clock.now(), problem);
        if stopping {
            return;
        }
    }
}
