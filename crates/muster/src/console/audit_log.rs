//! The audit log: what people changed.

use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use serde_json::Value;
use store::{AuditFilter, AuditRow};

use super::{
    page::{Frame, Refusal, Visit, show},
    words::When,
};

/// Entries of one page.
const ROWS: usize = 100;

#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub(super) struct AuditPage {
    frame: Frame,
    text: String,
    rows: Vec<Row>,
    older: Option<u64>,
}

#[derive(Debug)]
struct Row {
    when: When,
    who: String,
    origin: String,
    action: String,
    object: String,
    lines: Vec<(String, String)>,
    raw: Option<String>,
}

impl AuditPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let row = Row {
            when: When::new(directory::id::Millis(0), directory::id::Millis(90_000)),
            who: "ann".to_owned(),
            origin: "127.0.0.1".to_owned(),
            action: "directory.pause".to_owned(),
            object: "entra".to_owned(),
            lines: vec![("reason".to_owned(), "just so".to_owned())],
            raw: Some("{}".to_owned()),
        };
        Self { frame: Frame::sample(), text: "ann".to_owned(), rows: vec![row], older: Some(7) }
    }
}

impl Row {
    fn of(AuditRow { entry, .. }: AuditRow, now: directory::id::Millis) -> Self {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let mut lines = Vec::new();
        let mut raw = None;
        for (key, value) in detail.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::Object(_) | Value::Array(_) => {
                    raw = serde_json::to_string_pretty(&detail).ok();
                }
                Value::String(text) => lines.push((key.clone(), text.clone())),
                other => lines.push((key.clone(), other.to_string())),
            }
        }
        Self {
            when: When::new(entry.at, now),
            who: entry.who,
            origin: entry.origin,
            action: entry.action,
            object: entry.object,
            lines,
            raw,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    before: Option<u64>,
}

pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let text = asked.q.trim().to_owned();
    let filter = AuditFilter {
        before: asked.before,
        who: None,
        text: (!text.is_empty()).then(|| text.clone()),
        limit: ROWS + 1,
    };
    let mut rows = visit.app().blocking(move |store| store.audit_log(&filter)).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| more).map(|row| row.id);
    let now = visit.now();
    show(&AuditPage {
        frame: visit.frame("Audit log", "audit"),
        text,
        rows: rows.into_iter().map(|row| Row::of(row, now)).collect(),
        older,
    })
}
