//! The overview: every directory and application at a glance, and what wants a person.

use askama::Template;
use axum::response::Response;
use directory::{
    id::{DAY_MS, Millis},
    report::RunReport,
};

use super::{
    chart::{Chart, DAYS},
    page::{Frame, Refusal, Row, Visit, sentence, show, standing},
    words::{self, When, count, segment},
};
use crate::{
    api::{actions, directory::Summary},
    task::{Phase, Status, Waiting, state::DirectoryState},
};

/// Runs that a chart is drawn from at the most.
const RUNS_MAX: usize = 600;

#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewPage {
    frame: Frame,
    directories: Vec<Card>,
    applications: Vec<ApplicationLine>,
}

/// A directory at a glance.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) provider: String,
    pub(super) state: &'static str,
    pub(super) words: &'static str,
    pub(super) people: String,
    pub(super) inactive: String,
    pub(super) groups: String,
    pub(super) memberships: String,
    /// When the provider was last read to the end.
    pub(super) read: Option<When>,
    pub(super) next: Option<When>,
    pub(super) running: Option<String>,
    /// What went wrong, or what waits.
    pub(super) matter: Option<String>,
    pub(super) chart: Option<Chart>,
}

#[derive(Debug)]
struct ApplicationLine {
    name: String,
    path: String,
    directories: String,
    last: Option<When>,
}

impl OverviewPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(Millis(0), Millis(90_000));
        let application = ApplicationLine {
            name: "jira".to_owned(),
            path: "/applications/jira".to_owned(),
            directories: "entra".to_owned(),
            last: Some(when),
        };
        Self {
            frame: Frame::sample(),
            directories: vec![Card::sample()],
            applications: vec![application],
        }
    }
}

impl Card {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(Millis(0), Millis(90_000));
        Self {
            name: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            provider: "Microsoft Entra ID".to_owned(),
            state: "held",
            words: "waits for you",
            people: "2,000".to_owned(),
            inactive: "10".to_owned(),
            groups: "200".to_owned(),
            memberships: "20,000".to_owned(),
            read: Some(when),
            next: Some(when),
            running: Some("reading".to_owned()),
            matter: Some("It waits.".to_owned()),
            chart: Some(Chart::sample()),
        }
    }

    /// A directory now; its chart is drawn from `runs`.
    pub(super) fn of(summary: &Summary, status: &Status, runs: &[RunReport], now: Millis) -> Self {
        let (state, words) = standing(Row::of(summary), &summary.state);
        let size = summary.size;
        Self {
            path: format!("/directories/{}", segment(&summary.name)),
            name: summary.name.clone(),
            provider: words::provider(&summary.provider).to_owned(),
            state,
            words,
            people: count(size.users),
            inactive: count(size.users - size.active_users),
            groups: count(size.groups),
            memberships: count(size.all_memberships()),
            read: summary.state.last_read.map(|at| When::new(at, now)),
            next: status.next.map(|at| When::new(at, now)),
            running: doing(status),
            matter: matter(&summary.state),
            chart: Chart::of(runs, size.users, now),
        }
    }
}

/// What a directory's task does, or what it waits for.
fn doing(status: &Status) -> Option<String> {
    let waiting = status.waiting.as_ref().map(Waiting::words);
    waiting.or_else(|| running(status.phase).map(str::to_owned))
}

/// What a directory's task does, in a word.
pub(super) fn running(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Idle => None,
        Phase::Reading => Some("reading from the provider"),
        Phase::Confirming => Some("asking the provider about what its lists lack"),
        Phase::Committing => Some("comparing and writing"),
        Phase::Publishing => Some("publishing"),
    }
}

/// What wants a person.
fn matter(state: &DirectoryState) -> Option<String> {
    let failure = state.read_failure.as_deref().map(sentence);
    let kinds: Vec<&str> = state.held.iter().map(|held| held.why.as_str()).collect();
    let held = (!kinds.is_empty()).then(|| sentence(&kinds.join("; ")));
    let all: Vec<String> = failure.into_iter().chain(held).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

pub(super) async fn show_overview(visit: Visit) -> Result<Response, Refusal> {
    let (app, now) = (visit.app(), visit.now());
    let summaries = actions::directories(app).await?;
    let ids: Vec<_> =
        summaries.iter().map(|summary| directory::id::DirectoryId(summary.id)).collect();
    let since = now.plus(-DAYS * DAY_MS);
    let wanted = ids.clone();
    let runs = app
        .blocking(move |store| {
            wanted
                .iter()
                .map(|id| store.telling_runs(*id, since, RUNS_MAX))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let cards = summaries.iter().zip(&ids).zip(&runs).map(|((summary, id), runs)| {
        let status = app.keeper(*id).map(|keeper| keeper.status()).unwrap_or_default();
        Card::of(summary, &status, runs, now)
    });
    let directories = cards.collect();
    let rows = app.blocking(store::Store::applications).await?;
    let applications = rows.iter().map(|row| {
        let names = row.sight.directories.iter().map(|id| {
            let summary = summaries.iter().find(|summary| summary.id == id.0);
            summary.map_or_else(|| format!("#{id}"), |summary| summary.name.clone())
        });
        ApplicationLine {
            name: row.name.clone(),
            path: format!("/applications/{}", segment(&row.name)),
            directories: names.collect::<Vec<_>>().join(", "),
            last: app.applications.callers().get(row.id).map(|caller| When::new(caller.last, now)),
        }
    });
    let applications = applications.collect();
    show(&OverviewPage { frame: visit.frame("Overview", "overview"), directories, applications })
}
