//! What runs did, newest first, and what became of whom they could not serve.

use askama::Template;
use axum::{extract::Path, response::Response};
use directory::{
    id::{DirectoryId, Millis, RunId},
    product_names::{RefusedNames, Subject},
    report::{Applied, Outcome, RunKind, RunReport},
};

use super::{Head, found, frame, renames::Renames};
use crate::{
    api::actions,
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{When, counted, length, query_part, segment},
    },
};

/// Runs on the page.
const RUNS_MAX: usize = 100;
/// Names shown of each rule of a product.
const NAMES_MAX: usize = 20;

/// A run in a table.
#[derive(Debug)]
pub(in crate::console) struct Line {
    pub(in crate::console) when: When,
    pub(in crate::console) kind: &'static str,
    pub(in crate::console) state: &'static str,
    pub(in crate::console) words: &'static str,
    pub(in crate::console) what: String,
    pub(in crate::console) notes: Vec<String>,
    pub(in crate::console) took: String,
    /// Where it can be taken back, if it changed something.
    pub(in crate::console) undo: Option<String>,
}

impl Line {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            when: When::new(Millis(0), Millis(90_000)),
            kind: "everything",
            state: "good",
            words: "done",
            what: "1 person added".to_owned(),
            notes: vec!["A note.".to_owned()],
            took: "2 seconds".to_owned(),
            undo: Some("/directories/entra/undo?run=7".to_owned()),
        }
    }

    pub(in crate::console) fn of(report: &RunReport, now: Millis) -> Self {
        let (state, words) = match &report.outcome {
            Outcome::Done => ("good", "done"),
            Outcome::Held => ("held", "held"),
            Outcome::Failed { .. } => ("bad", "failed"),
        };
        let what = match &report.outcome {
            Outcome::Failed { error, .. } => sentence(error),
            _ => applied(&report.applied),
        };
        let held = report.held.iter().map(|held| sentence(&format!("waits: {}", held.why)));
        Self {
            when: When::new(report.finished, now),
            kind: match report.kind {
                RunKind::Full => "everything",
                RunKind::Delta => "what changed",
                RunKind::Person => "one person",
                RunKind::Decision => "nothing (a decision)",
            },
            state,
            words,
            what,
            notes: held
                .chain(report.near.iter().map(|near| sentence(&format!("near a limit: {near}"))))
                .chain(report.notes.iter().map(|note| sentence(note)))
                .collect(),
            took: length(report.finished.since(report.started)),
            undo: None,
        }
    }

    /// With the way to take it back, if it changed something and there was something before.
    fn that_can_be_undone(self, base: &str, run: RunId, report: &RunReport) -> Self {
        let changed = report.applied != Applied::default();
        let before = report.size_before.users + report.size_before.groups > 0;
        Self { undo: (changed && before).then(|| format!("{base}/undo?run={}", run.0)), ..self }
    }
}

/// People who changed otherwise than by being switched off or on.
fn others_changed(applied: &Applied) -> u64 {
    applied.users_changed.saturating_sub(applied.users_deactivated + applied.users_reactivated)
}

/// What a run did, in words.
pub(in crate::console) fn applied(applied: &Applied) -> String {
    let parts = [
        (applied.users_added, "person", "added"),
        (others_changed(applied), "person", "changed"),
        (applied.users_deactivated, "person", "deactivated"),
        (applied.users_reactivated, "person", "reactivated"),
        (applied.users_removed, "person", "removed"),
        (applied.groups_added, "group", "added"),
        (applied.groups_changed, "group", "changed"),
        (applied.groups_removed, "group", "removed"),
        (applied.memberships_added, "membership", "added"),
        (applied.memberships_removed, "membership", "taken away"),
    ];
    let parts = parts.iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, noun, verb)| format!("{} {verb}", counted(*number, noun))).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

#[derive(Debug, Template)]
#[template(path = "directory/runs.html")]
pub(in crate::console) struct RunsPage {
    frame: Frame,
    head: Head,
    runs: Vec<Line>,
}

impl RunsPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self { frame: Frame::sample(), head: Head::sample("runs"), runs: vec![Line::sample()] }
    }
}

pub(in crate::console) async fn list(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "runs").await?;
    let (id, now) = (DirectoryId(detail.summary.id), visit.now());
    let runs = visit.app().blocking(move |store| store.runs_before(id, None, RUNS_MAX)).await?;
    let line = |(run, report): &(RunId, RunReport)| {
        Line::of(report, now).that_can_be_undone(&head.path, *run, report)
    };
    let runs = runs.iter().map(line).collect();
    show(&RunsPage { frame: frame(&visit, &head, "Runs"), head, runs })
}

/// Somebody who cannot be served, or not under the name that the rules make.
#[derive(Debug)]
struct Issue {
    person: bool,
    label: String,
    path: String,
    served: bool,
    why: String,
}

#[derive(Debug, Template)]
#[template(path = "directory/set_aside.html")]
pub(in crate::console) struct SetAsidePage {
    frame: Frame,
    head: Head,
    issues: Vec<Issue>,
    /// Whether nobody has been looked at yet since the server started.
    unknown: bool,
    refused: Vec<Refused>,
    renames: Renames,
}

/// Names that a product refuses or changes.
#[derive(Debug)]
struct Refused {
    count: String,
    names: String,
    effect: String,
    source: String,
    mend: String,
}

impl Refused {
    fn of(one: RefusedNames) -> Self {
        let what = if one.subject == Subject::User { "user name" } else { "group name" };
        let names: Vec<&str> = one.names.iter().take(NAMES_MAX).map(String::as_str).collect();
        let more = if one.count > names.len() { ", …" } else { "" };
        Self {
            count: counted(one.count as u64, what),
            names: format!("{}{more}", names.join(", ")),
            effect: sentence(&one.effect),
            source: one.source,
            mend: one.mend.unwrap_or_default(),
        }
    }
}

impl SetAsidePage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let issue = Issue {
            person: true,
            label: "ann".to_owned(),
            path: "/directories/entra/explain?user=1".to_owned(),
            served: false,
            why: "The name is taken.".to_owned(),
        };
        let refused = Refused {
            count: "2 user names".to_owned(),
            names: "a+b, r&d".to_owned(),
            effect: "Confluence refuses such a user name.".to_owned(),
            source: "https://example.org/".to_owned(),
            mend: "user_name_case = \"lower\"".to_owned(),
        };
        let (frame, head) = (Frame::sample(), Head::sample("set-aside"));
        let renames = Renames::sample();
        Self { frame, head, issues: vec![issue], unknown: false, refused: vec![refused], renames }
    }
}

pub(in crate::console) async fn set_aside(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "set-aside").await?;
    let issues = detail.issues.into_iter().map(|issue| {
        let person = issue.kind == "user";
        let path = match (person, issue.served) {
            (true, _) => format!("{}/explain?user={}", head.path, query_part(&issue.id)),
            (false, true) => format!("{}/groups/{}", head.path, segment(&issue.id)),
            (false, false) => String::new(),
        };
        Issue { person, label: issue.label, path, served: issue.served, why: sentence(&issue.why) }
    });
    let issues: Vec<Issue> = issues.collect();
    let id = DirectoryId(detail.summary.id);
    let unknown = visit.app().keeper(id).is_none_or(|keeper| keeper.issues().is_none());
    let refused = actions::product_names(visit.app(), &name).await?;
    let refused = refused.into_iter().map(Refused::of).collect();
    let renames = Renames::of(actions::renames(visit.app(), &name).await?, &head.path);
    let frame = frame(&visit, &head, "Set aside");
    show(&SetAsidePage { frame, head, issues, unknown, refused, renames })
}
