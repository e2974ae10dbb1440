//! The step in which rules are chosen, with a preview on the people who were really read.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
};
use directory::{
    id::Millis,
    rules::{Rules, compiled::Compiled},
};

use super::{
    draft::Draft,
    reading::{self, Reading, Standing},
};
use crate::{
    app::App,
    console::{
        directory::rules::{Outlook, RulesForm},
        html,
        page::{Refusal, Visit, sentence},
        words::{count, length},
    },
    http::stream::{Told, stream},
    task::{Waiting, commit::what_if::afresh},
};

/// How often a running read is looked at.
const PERIOD: Duration = Duration::from_millis(400);

/// A read that is under way or failed, as a piece of a page.
#[derive(Debug, Template)]
#[template(path = "wizard/reading.html")]
struct ReadingPiece {
    failed: Option<String>,
    people: String,
    groups: String,
    memberships: String,
    rate: String,
    elapsed: String,
    waiting: Option<String>,
}

/// How the preview stands, as a piece of a page.
pub(super) async fn outlook(reading: &Arc<Reading>, rules: Rules, now: Millis) -> String {
    let read = match reading.standing() {
        Standing::Done(read) => read,
        Standing::Running => return progress(reading, None, now),
        Standing::Failed(error) => return progress(reading, Some(error), now),
    };
    let planning = tokio::task::spawn_blocking(move || {
        let outlook = match Compiled::new(rules) {
            Ok(rules) => Outlook::of(&afresh(&read.mirror, &rules, read.at()), true),
            Err(problem) => Outlook::problem(sentence(&problem.to_string())),
        };
        outlook.html()
    });
    planning.await.unwrap_or_default()
}

fn progress(reading: &Reading, failed: Option<String>, now: Millis) -> String {
    let counts = reading.progress.counts();
    let elapsed = now.since(reading.started).max(0);
    let objects = counts.users + counts.groups + counts.memberships;
    let piece = ReadingPiece {
        failed,
        people: count(counts.users),
        groups: count(counts.groups),
        memberships: count(counts.memberships),
        rate: count(objects * 1_000 / u64::try_from(elapsed).unwrap_or(1).max(1)),
        elapsed: length(elapsed),
        waiting: reading.waits.now().map(|wait| sentence(&Waiting::of(wait).words())),
    };
    html::piece(&piece)
}

/// Takes rules out of a form.
pub(super) fn take(draft: &mut Draft, body: &[u8]) -> Result<(), String> {
    let rules = typed(draft, body)?;
    draft.rules = Some(rules);
    Ok(())
}

fn typed(draft: &Draft, body: &[u8]) -> Result<Rules, String> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let object = pairs.into_iter().map(|(key, value)| (key, serde_json::Value::String(value)));
    let form: RulesForm = serde_json::from_value(serde_json::Value::Object(object.collect()))
        .map_err(|_| "The form cannot be read.".to_owned())?;
    form.on(&draft.rules())
}

pub(super) async fn preview(
    visit: Visit,
    Path(id): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response, Refusal> {
    let draft = Draft::find(visit.app(), &id).await?;
    let html = match (typed(&draft, &body), visit.console.readings.of(&draft, visit.now())) {
        (Err(problem), _) => Outlook::problem(problem).html(),
        (Ok(rules), Some(reading)) => outlook(&reading, rules, visit.now()).await,
        (Ok(_), None) => {
            Outlook::problem("Nothing was read yet; load the page again.".to_owned()).html()
        }
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}

/// Reads anew, after a read that failed.
pub(super) async fn read_again(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.console.readings.forget(&id);
    let draft = Draft::find(visit.app(), &id).await?;
    reading::begin(visit.app(), &visit.console.readings, &draft).await;
    Ok(Redirect::to(&format!("/connect/{id}/rules")).into_response())
}

pub(super) async fn live(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    let draft = Draft::find(visit.app(), &id).await?;
    let reading = visit.console.readings.of(&draft, visit.now());
    let app = visit.app().clone();
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, draft, reading, told)))
}

async fn tell(app: App, draft: Draft, reading: Option<Arc<Reading>>, told: Told) {
    let Some(reading) = reading else {
        told.tell("end", "").await;
        return;
    };
    loop {
        let running = matches!(reading.standing(), Standing::Running);
        let now = outlook(&reading, draft.rules(), app.clock.now()).await;
        if !told.tell("replace", &now).await {
            return;
        }
        if !running {
            told.tell("end", "").await;
            return;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Samples for the test of templates.
#[cfg(test)]
pub(in crate::console) fn sample() -> String {
    let piece = |failed| ReadingPiece {
        failed,
        people: "1".to_owned(),
        groups: "1".to_owned(),
        memberships: "1".to_owned(),
        rate: "3".to_owned(),
        elapsed: "1 second".to_owned(),
        waiting: Some("Waiting.".to_owned()),
    };
    [piece(None), piece(Some("No.".to_owned()))].map(|piece| html::piece(&piece)).concat()
}
