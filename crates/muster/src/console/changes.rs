//! The change log: filtered, live, and as a file.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Path, Query},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use directory::id::{DAY_MS, HOUR_MS, Millis};
use serde::Deserialize;

use super::{
    html,
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, absolute, iso, kind, segment},
};
use crate::{
    api::{
        actions,
        change::{Entry, Wanted},
    },
    app::App,
    http::stream::{Told, stream},
    safe::csv_field,
};

/// Changes on the page.
const SHOWN: usize = 200;
/// Changes in a file.
const EXPORTED: usize = 10_000;
/// How often a watched log is looked at beside what is signalled.
const PERIOD: Duration = Duration::from_secs(5);

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    directory: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    since: String,
}

impl Asked {
    fn wanted(&self, now: Millis, limit: usize) -> Wanted {
        let text = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let span = match self.since.as_str() {
            "hour" => Some(HOUR_MS),
            "day" => Some(DAY_MS),
            "week" => Some(7 * DAY_MS),
            "month" => Some(30 * DAY_MS),
            _ => None,
        };
        Wanted {
            directory: text(&self.directory),
            user: text(&self.user),
            since: span.map(|span| now.plus(-span).0),
            limit: Some(limit),
            ..Wanted::default()
        }
    }

    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let pairs = [("directory", &self.directory), ("user", &self.user), ("since", &self.since)];
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(key, value);
        }
        query.finish()
    }
}

/// A change in the table.
#[derive(Debug, Template)]
#[template(path = "change_row.html")]
pub(super) struct Row {
    when: When,
    exact: String,
    directory: String,
    path: String,
    kind: &'static str,
    name: String,
    what: String,
    fresh: bool,
}

impl Row {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            when: When::new(Millis(0), Millis(90_000)),
            exact: "1970-01-01".to_owned(),
            directory: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            kind: "person",
            name: "ann".to_owned(),
            what: "Added.".to_owned(),
            fresh: true,
        }
    }

    fn of(entry: &Entry, now: Millis, fresh: bool) -> Self {
        Self {
            when: When::new(entry.at, now),
            exact: absolute(entry.at),
            path: format!("/directories/{}", segment(&entry.directory)),
            directory: entry.directory.clone(),
            kind: kind(&entry.kind),
            name: entry.name.clone(),
            what: sentence(&entry.what),
            fresh,
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "changes.html")]
pub(super) struct ChangesPage {
    frame: Frame,
    asked: Asked,
    query: String,
    names: Vec<String>,
    rows: Vec<Row>,
    problem: Option<String>,
    after: u64,
}

impl ChangesPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            asked: Asked { user: "ann".to_owned(), ..Asked::default() },
            query: "user=ann".to_owned(),
            names: vec!["entra".to_owned()],
            rows: vec![Row::sample()],
            problem: Some("Nobody.".to_owned()),
            after: 7,
        }
    }
}

pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let (app, now) = (visit.app(), visit.now());
    let after = app.published.load().head.0;
    let (entries, problem) = match actions::changes(app, asked.wanted(now, SHOWN)).await {
        Ok(entries) => (entries, None),
        Err(problem) if problem.status < 500 => (Vec::new(), Some(sentence(&problem.detail))),
        Err(problem) => return Err(problem.into()),
    };
    let names: Vec<String> =
        app.published.load().directories.values().map(|served| served.name.to_string()).collect();
    show(&ChangesPage {
        frame: visit.frame("Changes", "changes"),
        query: asked.query(),
        asked,
        names,
        rows: entries.iter().rev().map(|entry| Row::of(entry, now, false)).collect(),
        problem,
        after,
    })
}

/// `/changes/export.csv` and `.json`.
pub(super) async fn export(
    visit: Visit,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let entries = {
        let wanted = asked.wanted(visit.now(), EXPORTED);
        actions::changes(visit.app(), Wanted { all_members: Some(true), ..wanted }).await?
    };
    let (kind, text) = match file.as_str() {
        "export.json" => {
            let text = serde_json::to_string_pretty(&entries).map_err(anyhow::Error::from)?;
            ("application/json", text)
        }
        "export.csv" => ("text/csv; charset=utf-8", csv(&entries)),
        _ => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let name = format!("attachment; filename=\"muster-changes{}\"", &file["export".len()..]);
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, text).into_response())
}

fn csv(entries: &[Entry]) -> String {
    let mut text = String::from("seq,at,directory,kind,name,what\r\n");
    for entry in entries {
        let fields = [
            entry.seq.to_string(),
            iso(entry.at),
            entry.directory.clone(),
            entry.kind.clone(),
            entry.name.clone(),
            entry.what.clone(),
        ];
        text.push_str(&fields.map(|field| csv_field(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    after: u64,
    #[serde(flatten)]
    asked: Asked,
}

pub(super) async fn follow(visit: Visit, Query(from): Query<From>) -> Result<Response, Refusal> {
    let app = visit.app().clone();
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, from, told)))
}

async fn tell(app: App, From { mut after, asked }: From, told: Told) {
    let mut followed = app.followed.subscribe();
    loop {
        let now = app.clock.now();
        let wanted = Wanted { after: Some(after), ..asked.wanted(now, SHOWN) };
        let Ok(entries) = actions::changes(&app, wanted).await else { return };
        after = entries.last().map_or(after, |last| last.seq);
        let rows: String =
            entries.iter().rev().map(|entry| html::piece(&Row::of(entry, now, true))).collect();
        if !rows.is_empty() && !told.tell("prepend", &rows).await {
            return;
        }
        tokio::select! {
            changed = followed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
