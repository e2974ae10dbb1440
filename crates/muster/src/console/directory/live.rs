//! What a directory's task does now, live.

use std::time::Duration;

use askama::Template;
use axum::{extract::Path, response::Response};
use directory::id::{DirectoryId, Millis};

use super::found;
use crate::{
    app::App,
    console::{
        html,
        overview::running,
        page::{Refusal, Visit, sentence},
        words::{When, count, length},
    },
    http::stream::{Told, stream},
    task::{Phase, Status},
};

/// How often a running task is looked at.
const PERIOD: Duration = Duration::from_millis(400);

#[derive(Debug, Template)]
#[template(path = "directory/progress.html")]
pub(in crate::console) struct Progress {
    running: Option<&'static str>,
    people: String,
    groups: String,
    memberships: String,
    requests: String,
    /// People, groups and memberships each second.
    rate: String,
    /// How far the members of groups are read, in percent; `None` when nobody knows.
    percent: Option<u64>,
    left: Option<String>,
    elapsed: String,
    /// Until when the provider asked to wait.
    waiting: Option<String>,
    next: Option<When>,
    last: Option<When>,
}

impl Progress {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let status = Status {
            phase: Phase::Reading,
            started: Some(Millis(0)),
            waiting: Some(crate::task::Waiting {
                until: Millis(60_000),
                asked_by: "Microsoft".to_owned(),
            }),
            progress: crate::task::Progress {
                users: 10,
                groups: 10,
                groups_with_members: 5,
                ..Default::default()
            },
            ..Status::default()
        };
        Self::of(&status, Millis(10_000))
    }

    fn of(status: &Status, now: Millis) -> Self {
        let read = status.progress;
        let elapsed = status.started.map_or(0, |started| now.since(started).max(0));
        let objects = read.users + read.groups + read.memberships;
        let rate = objects * 1_000 / u64::try_from(elapsed).unwrap_or(1).max(1);
        let reading = status.phase == Phase::Reading && read.groups > 0;
        let percent = reading.then(|| (read.groups_with_members * 100 / read.groups).min(100));
        // Too early a guess helps nobody.
        let left = percent.filter(|percent| *percent >= 5 && elapsed > 2_000).map(|percent| {
            let percent = i64::try_from(percent).unwrap_or(100);
            length((elapsed * (100 - percent) / percent).max(1_000))
        });
        Self {
            running: running(status.phase),
            people: count(read.users),
            groups: count(read.groups),
            memberships: count(read.memberships),
            requests: count(read.requests),
            rate: count(rate),
            percent,
            left,
            elapsed: length(elapsed),
            waiting: status.waiting.as_ref().map(|waiting| sentence(&waiting.words())),
            next: status.next.map(|at| When::new(at, now)),
            last: status.last.as_ref().map(|report| When::new(report.finished, now)),
        }
    }
}

/// How a task stands, as a piece of a page.
pub(in crate::console) fn fragment(status: &Status, now: Millis) -> String {
    html::piece(&Progress::of(status, now))
}

pub(in crate::console) async fn follow(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, _) = found(&visit, &name, "").await?;
    let (app, id) = (visit.app().clone(), DirectoryId(detail.summary.id));
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, id, told)))
}

async fn tell(app: App, id: DirectoryId, told: Told) {
    let mut before = String::new();
    while let Some(keeper) = app.keeper(id) {
        let now = fragment(&keeper.status(), app.clock.now());
        if now != before && !told.tell("replace", &now).await {
            return;
        }
        before = now;
        tokio::time::sleep(PERIOD).await;
    }
}
