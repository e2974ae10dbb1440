//! What is the matter, who looks after it, and which channels are told.
//!
//! Invariant: a channel's secret goes in and never comes out.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    response::Response,
};
#[cfg(test)]
use directory::id::Millis;
use directory::resource_name::{from_path_form, path_form};

use super::{
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, segment},
};
use crate::service::{
    alert::{self, Alert},
    channel,
};

/// Settings of a mailbox that the form has.
const MAIL: [&str; 6] = ["host", "port", "security", "username", "from", "to"];

#[derive(Debug)]
struct Line {
    id: u32,
    title: String,
    details: Vec<String>,
    directory: String,
    path: String,
    raised: When,
    resolved: Option<When>,
    acknowledged: Option<When>,
    told: String,
}

#[derive(Debug)]
struct ChannelLine {
    name: String,
    path: String,
    kind: String,
    target: String,
    wanted: String,
    told: Option<When>,
    problem: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "alerts.html")]
pub(super) struct AlertsPage {
    frame: Frame,
    open: Vec<Line>,
    past: Vec<Line>,
    channels: Vec<ChannelLine>,
}

impl AlertsPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(Millis(0), Millis(90_000));
        let line = |open: bool| Line {
            id: 1,
            title: "Something is held.".to_owned(),
            details: vec!["Look at it.".to_owned()],
            directory: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            raised: when,
            resolved: (!open).then_some(when),
            acknowledged: (!open).then_some(when),
            told: "ops".to_owned(),
        };
        let channel = ChannelLine {
            name: "ops".to_owned(),
            path: "/alerts/channels/ops".to_owned(),
            kind: "slack".to_owned(),
            target: "hooks.example.org".to_owned(),
            wanted: "all".to_owned(),
            told: Some(when),
            problem: Some("It does not answer.".to_owned()),
        };
        Self {
            frame: Frame::sample(),
            open: vec![line(true)],
            past: vec![line(false)],
            channels: vec![channel],
        }
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Refusal> {
    let (app, now) = (visit.app(), visit.now());
    let line = |alert: Alert| Line {
        id: alert.id,
        title: sentence(&alert.title),
        details: alert.details.iter().map(|detail| sentence(detail)).collect(),
        path: format!("/directories/{}", segment(&alert.directory)),
        directory: alert.directory,
        raised: When::new(alert.raised, now),
        resolved: alert.resolved.map(|at| When::new(at, now)),
        acknowledged: alert.acknowledged.map(|at| When::new(at, now)),
        told: alert.told.join(", "),
    };
    let lines = alert::list(app, &alert::Wanted::default()).await?.alerts.into_iter().map(line);
    let (past, open) = lines.partition(|line| line.resolved.is_some());
    let channels = channel::list(app).await?.into_iter().map(|channel| ChannelLine {
        path: format!("/alerts/channels/{}", segment(&channel.name)),
        name: channel.name,
        kind: channel.kind,
        target: channel.target,
        wanted: if channel.alerts.is_empty() {
            "all".to_owned()
        } else {
            channel.alerts.join(", ")
        },
        told: channel.told_at.map(|at| When::new(at, now)),
        problem: channel.problem.filter(|_| channel.failures > 0).map(|text| sentence(&text)),
    });
    let channels = channels.collect();
    show(&AlertsPage { frame: visit.frame("Alerts", "alerts"), open, past, channels })
}

pub(super) async fn acknowledge(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    let done = alert::acknowledge(visit.app(), &visit.actor(), &id).await;
    let text = "Noted that you look after it; it stays until it is over.";
    visit.told("/alerts", done, text)
}

pub(super) async fn add_channel(visit: Visit, RawForm(body): RawForm) -> Result<Response, Refusal> {
    let mut wanted = channel::Definition::default();
    let mut settings = BTreeMap::new();
    for (key, value) in url::form_urlencoded::parse(&body) {
        let value = value.trim().to_owned();
        match &*key {
            "name" => wanted.name = value,
            "kind" => wanted.kind = value,
            "secret" => wanted.secret = Some(value).filter(|secret| !secret.is_empty()),
            "alert" => wanted.alerts.push(value),
            key if MAIL.contains(&key) && !value.is_empty() => {
                settings.insert(key.to_owned(), value);
            }
            _ => {}
        }
    }
    if wanted.kind == "email" {
        wanted.settings = settings;
    }
    let name = wanted.name.clone();
    let text = format!("{name} is told from now on. Try it once.");
    let done = channel::add(visit.app(), &visit.actor(), wanted).await;
    visit.told("/alerts", done, text)
}

pub(super) async fn test_channel(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let name = from_path_form(&name).into_owned();
    let tried = channel::test(visit.app(), &path_form(&name)).await?;
    Ok(match tried.problem {
        None => visit.done("/alerts", format!("{name} was told; look there.")),
        Some(problem) => visit.failed("/alerts", sentence(&problem)),
    })
}

pub(super) async fn remove_channel(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let name = from_path_form(&name).into_owned();
    let done = channel::remove(visit.app(), &visit.actor(), &path_form(&name)).await;
    let text = format!("{name} is told nothing any more.");
    visit.told("/alerts", done, text)
}
