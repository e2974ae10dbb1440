//! One directory: how it stands, its people and groups, rules, runs, what waits, and its end.

pub(super) mod candidates;
mod choices;
pub(super) mod danger;
pub(super) mod discards;
pub(super) mod group;
pub(super) mod live;
pub(super) mod outlook;
pub(super) mod people;
pub(super) mod person;
pub(super) mod renames;
pub(super) mod rules;
pub(super) mod runs;
pub(super) mod undo;
pub(super) mod waiting;

use askama::Template;
use axum::{extract::Path, response::Response};
use directory::id::{DAY_MS, DirectoryId};
use store::Pin;

use super::{
    chart::DAYS,
    overview::Card,
    page::{Frame, Refusal, Row, Visit, sentence, show, standing},
    words::{self, segment},
};
use crate::api::{actions, directory::Detail};

/// Runs that the chart is drawn from at the most.
const RUNS_MAX: usize = 600;
/// Runs listed on the first page.
const RUNS_SHOWN: usize = 5;

/// What stands on top of all pages of a directory.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) provider: String,
    pub(super) state: &'static str,
    pub(super) words: &'static str,
    pub(super) paused: bool,
    /// Kinds of changes that wait.
    pub(super) waiting: usize,
    /// People and groups that something is the matter with.
    pub(super) issues: usize,
    /// What the directory was put back to, if it stays there.
    pub(super) pin: Option<String>,
    pub(super) tab: &'static str,
}

impl Head {
    #[cfg(test)]
    pub(super) fn sample(tab: &'static str) -> Self {
        Self {
            name: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            provider: "Microsoft Entra ID".to_owned(),
            state: "held",
            words: "waits for you",
            paused: true,
            waiting: 1,
            issues: 2,
            pin: Some("Put back.".to_owned()),
            tab,
        }
    }

    fn of(detail: &Detail, tab: &'static str) -> Self {
        let summary = &detail.summary;
        let (state, words) = standing(Row::of(summary), &summary.state);
        Self {
            name: summary.name.clone(),
            path: format!("/directories/{}", segment(&summary.name)),
            provider: words::provider(&summary.provider).to_owned(),
            state,
            words,
            paused: summary.paused,
            waiting: summary.state.held.len(),
            issues: detail.issues_total,
            pin: summary.pin.as_ref().map(put_back),
            tab,
        }
    }
}

/// Where a directory was put back to, in words.
fn put_back(pin: &Pin) -> String {
    let why = pin.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "It was put back on {} to how it was on {}{why}, and stays so.",
        words::absolute(pin.since),
        words::absolute(pin.state_of)
    )
}

/// A directory with frame and head.
pub(super) async fn found(
    visit: &Visit,
    name: &str,
    tab: &'static str,
) -> Result<(Detail, Head), Refusal> {
    let detail = actions::directory(visit.app(), name).await?;
    let head = Head::of(&detail, tab);
    Ok((detail, head))
}

/// The frame of a directory's page.
pub(super) fn frame(visit: &Visit, head: &Head, what: &str) -> Frame {
    let title =
        if what.is_empty() { head.name.clone() } else { format!("{what} of {}", head.name) };
    visit.frame(title, &format!("directory {}", head.name))
}

#[derive(Debug, Template)]
#[template(path = "directory/summary.html")]
pub(super) struct SummaryPage {
    frame: Frame,
    head: Head,
    card: Card,
    runs: Vec<runs::Line>,
    progress: String,
    /// How word of changes comes.
    notifications: String,
    pull_every: String,
    full_every: String,
    /// Says that the limits are an earlier version's defaults.
    limits_notice: Option<String>,
}

impl SummaryPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("summary"),
            card: Card::sample(),
            runs: vec![runs::Line::sample()],
            progress: String::new(),
            notifications: "off".to_owned(),
            pull_every: "5 minutes".to_owned(),
            full_every: "7 days".to_owned(),
            limits_notice: Some("The limits are old.".to_owned()),
        }
    }
}

pub(super) async fn summary(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "summary").await?;
    let (app, now) = (visit.app(), visit.now());
    let id = DirectoryId(detail.summary.id);
    let since = now.plus(-DAYS * DAY_MS);
    let past = app.blocking(move |store| store.telling_runs(id, since, RUNS_MAX)).await?;
    let status = app.keeper(id).map(|keeper| keeper.status()).unwrap_or_default();
    let card = Card::of(&detail.summary, &status, &past, now);
    let notifications = match &detail.notifications {
        None => "not asked for".to_owned(),
        Some(standing) => match &standing.problem {
            Some(problem) => format!("could not be had: {problem}"),
            None => format!("on: {}", standing.registered.join(", ")),
        },
    };
    let seconds = |s: u64| words::length(i64::try_from(s).unwrap_or(0) * 1_000);
    show(&SummaryPage {
        frame: frame(&visit, &head, ""),
        card,
        runs: detail.runs.iter().take(RUNS_SHOWN).map(|run| runs::Line::of(run, now)).collect(),
        progress: live::fragment(&status, now),
        notifications,
        pull_every: seconds(detail.schedule.pull_every_s),
        full_every: seconds(detail.schedule.full_every_s),
        limits_notice: detail.limits_notice.as_deref().map(sentence),
        head,
    })
}
