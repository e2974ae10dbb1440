//! A directory's connection, schedule and end.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use connect::{ProbeReport, StepOutcome};
use directory::resource_name;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::Schedule;

use super::{Head, found, frame};
use crate::{
    api::{actions, connection::Change},
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::length,
    },
    service::connection as service,
};

/// A step of a check.
#[derive(Debug, Clone)]
pub(in crate::console) struct Check {
    pub(in crate::console) sign: &'static str,
    pub(in crate::console) mark: &'static str,
    /// How it went, for whoever does not see the mark.
    pub(in crate::console) words: &'static str,
    pub(in crate::console) name: String,
    pub(in crate::console) detail: String,
    pub(in crate::console) code: Option<String>,
}

impl Check {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            sign: "bad",
            mark: "✕",
            words: "failed",
            name: "Get a token".to_owned(),
            detail: "The secret is wrong.".to_owned(),
            code: Some("E-SECRET".to_owned()),
        }
    }

    pub(in crate::console) fn of(step: &connect::ProbeStep) -> Self {
        let (sign, mark, words) = match step.outcome {
            StepOutcome::Works => ("good", "✓", "works"),
            StepOutcome::Warning => ("held", "!", "works, with a warning"),
            StepOutcome::Failed => ("bad", "✕", "failed"),
            StepOutcome::Skipped => ("", "–", "not tried"),
        };
        // The code stands behind the text by itself.
        let detail = match &step.code {
            Some(code) => step.detail.trim_end_matches(&format!(" [{code}]")),
            None => &step.detail,
        };
        Self {
            sign,
            mark,
            words,
            name: sentence(&step.name).trim_end_matches('.').to_owned(),
            detail: sentence(detail),
            code: step.code.clone(),
        }
    }

    pub(in crate::console) fn all(report: &ProbeReport) -> Vec<Self> {
        report.steps.iter().map(Self::of).collect()
    }
}

/// A step of a check, as a piece of a page.
#[derive(Debug, Template)]
#[template(path = "check.html")]
pub(in crate::console) struct CheckPiece<'a> {
    pub(in crate::console) check: &'a Check,
}

#[derive(Debug, Template)]
#[template(path = "directory/settings.html")]
pub(in crate::console) struct SettingsPage {
    frame: Frame,
    head: Head,
    settings: Vec<(String, String)>,
    /// When the credential stops working, if that is known.
    ends: Option<String>,
    pull_minutes: u64,
    full_hours: u64,
    notifications: bool,
    /// Whether providers can reach this server.
    reachable: bool,
    checks: Vec<Check>,
    readers: Vec<String>,
    pull_every: String,
    full_every: String,
}

impl SettingsPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("settings"),
            settings: vec![("tenant".to_owned(), "example.org".to_owned())],
            ends: Some("2027-03-01".to_owned()),
            pull_minutes: 5,
            full_hours: 24,
            notifications: true,
            reachable: false,
            checks: vec![Check::sample()],
            readers: vec!["jira".to_owned()],
            pull_every: "5 minutes".to_owned(),
            full_every: "7 days".to_owned(),
        }
    }

    async fn of(visit: &Visit, name: &str, checks: Vec<Check>) -> Result<Self, Refusal> {
        let (detail, head) = found(visit, name, "settings").await?;
        let applications = crate::service::application::list(visit.app()).await?;
        let readers = applications.into_iter().filter(|a| a.directories.contains(&head.name));
        let schedule = detail.schedule;
        let ms = |seconds: u64| i64::try_from(seconds).unwrap_or(0) * 1_000;
        Ok(Self {
            frame: frame(visit, &head, "Settings"),
            settings: detail.settings.into_iter().collect(),
            ends: detail.expires,
            pull_minutes: schedule.pull_every_s.div_ceil(60),
            full_hours: schedule.full_every_s.div_ceil(3_600),
            notifications: schedule.notifications,
            reachable: visit.app().public_url.is_some(),
            checks,
            readers: readers.map(|application| application.name).collect(),
            pull_every: length(ms(schedule.pull_every_s)),
            full_every: length(ms(schedule.full_every_s)),
            head,
        })
    }
}

pub(in crate::console) async fn settings(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    show(&SettingsPage::of(&visit, &name, Vec::new()).await?)
}

/// Tries the connection, step by step.
pub(in crate::console) async fn check(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let report = actions::check(visit.app(), &name).await?;
    show(&SettingsPage::of(&visit, &name, Check::all(&report)).await?)
}

#[derive(Deserialize)]
pub(in crate::console) struct NewSchedule {
    pull_minutes: u64,
    full_hours: u64,
    #[serde(default)]
    notifications: String,
}

pub(in crate::console) async fn set_schedule(
    visit: Visit,
    Path(name): Path<String>,
    Form(new): Form<NewSchedule>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "settings").await?;
    let schedule = Schedule {
        pull_every_s: new.pull_minutes.saturating_mul(60),
        full_every_s: new.full_hours.saturating_mul(3_600),
        notifications: new.notifications == "on",
    };
    let back = format!("{}/settings", head.path);
    let done = service::set_schedule(visit.app(), &visit.actor(), &name, schedule).await;
    visit.told(&back, done, "The schedule is saved.")
}

#[derive(Deserialize)]
pub(in crate::console) struct NewCredential {
    secret: SecretString,
    #[serde(default)]
    expires: String,
}

/// A new credential: the old one is about to end, or has ended.
pub(in crate::console) async fn set_credential(
    visit: Visit,
    Path(name): Path<String>,
    Form(new): Form<NewCredential>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "settings").await?;
    let back = format!("{}/settings", head.path);
    let secret = new.secret.expose_secret().trim().to_owned();
    if secret.is_empty() {
        return Ok(visit.failed(&back, "The field was empty; the credential is as it was."));
    }
    let expires = Some(new.expires.trim().to_owned());
    let change = Change { secret: Some(secret), expires, ..Change::default() };
    let done = service::reconnect(visit.app(), &visit.actor(), &name, change.read()?).await;
    visit.told(&back, done, "The new credential is kept; everything is read with it now.")
}

#[derive(Default, Deserialize)]
pub(in crate::console) struct HowMuch {
    #[serde(default)]
    full: String,
}

pub(in crate::console) async fn sync(
    visit: Visit,
    Path(name): Path<String>,
    Form(how): Form<HowMuch>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "").await?;
    let full = how.full == "on";
    service::sync(visit.app(), &visit.actor(), &name, full).await?;
    Ok(visit.done(&head.path, "A run is under way; below it shows what it does."))
}

pub(in crate::console) async fn pause(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    set_paused(&visit, &name, true).await
}

pub(in crate::console) async fn resume(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    set_paused(&visit, &name, false).await
}

async fn set_paused(visit: &Visit, name: &str, paused: bool) -> Result<Response, Refusal> {
    let (_, head) = found(visit, name, "").await?;
    service::set_paused(visit.app(), &visit.actor(), name, paused).await?;
    let text = if paused {
        "The schedule is stopped; what is served stays as it is."
    } else {
        "The schedule goes on."
    };
    Ok(visit.done(&head.path, text))
}

#[derive(Deserialize)]
pub(in crate::console) struct Confirmed {
    #[serde(default)]
    name: String,
}

pub(in crate::console) async fn remove(
    visit: Visit,
    Path(name): Path<String>,
    Form(confirmed): Form<Confirmed>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "settings").await?;
    let back = format!("{}/settings", head.path);
    if !resource_name::confirms(&confirmed.name, &head.name) {
        return Ok(visit.failed(&back, "The name that was typed is not the directory's."));
    }
    match service::remove(visit.app(), &visit.actor(), &name).await {
        Ok(()) => {}
        Err(problem) if problem.is_callers() => {
            return Ok(visit.failed(&back, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    }
    Ok(visit.done("/", format!("The directory {} is removed.", head.name)))
}
