//! The audit log in the admin API, and what the admin API itself writes into it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, Query, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use directory::id::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{AuditFilter, AuditRow};

use crate::{
    api::Problem,
    app::App,
    audit::{self, Actor},
};

/// Entries in one answer, unless asked for fewer.
const LIMIT: usize = 200;
/// Entries in one answer at the most.
const LIMIT_MAX: usize = 10_000;
/// What the token of `admin.json` is called.
const TOKEN: &str = "admin token";

/// Which entries.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// Numbered below this.
    pub before: Option<u64>,
    /// By this person only.
    pub who: Option<String>,
    /// With this text in who, action or object.
    pub text: Option<String>,
    /// At the most so many.
    pub limit: Option<usize>,
}

/// Something that somebody did.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its number.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at: Millis,
    /// Who.
    pub who: String,
    /// From which address.
    pub origin: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// To what.
    pub object: String,
    /// What was before and what is after.
    pub detail: Value,
}

impl From<AuditRow> for Entry {
    fn from(AuditRow { id, entry }: AuditRow) -> Self {
        Self {
            id,
            at: entry.at,
            who: entry.who,
            origin: entry.origin,
            action: entry.action,
            object: entry.object,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let filter = AuditFilter {
        before: wanted.before,
        who: wanted.who,
        text: wanted.text,
        limit: wanted.limit.unwrap_or(LIMIT).min(LIMIT_MAX),
    };
    let rows = app.blocking(move |store| store.audit_log(&filter)).await?;
    Ok(Json(rows.into_iter().map(Entry::from).collect()))
}

/// What of a request's body is written down: never a secret.
#[derive(Default, Deserialize)]
struct Said {
    name: Option<String>,
    reason: Option<String>,
}

/// Writes down every change that was made with a token.
pub(super) async fn write_down(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let method = request.method().clone();
    if matches!(method, Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let origin = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical());
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let most = super::RULES_BYTES_MAX;
    let Ok(bytes) = axum::body::to_bytes(body, most).await else {
        let detail =
            format!("the body cannot be read, or is longer than {} MiB", most / (1024 * 1024));
        return Problem::bad_request(detail).into_response();
    };
    let said: Said = serde_json::from_slice(&bytes).unwrap_or_default();
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let (action, object) = named(&method, &path);
    let object = if object.is_empty() { said.name.unwrap_or_default() } else { object };
    // A look that changes nothing is none of its business.
    if response.status().is_success() && action != "directory.check" {
        let actor = Actor { who: TOKEN.to_owned(), origin };
        let detail = json!({"request": format!("{method} {path}"), "reason": said.reason});
        audit::record(&app, &actor, &action, &object, detail).await;
    }
    response
}

/// What a request does, as the console calls it, and to what.
fn named(method: &Method, path: &str) -> (String, String) {
    let path = path.trim_start_matches("/api/v1").trim_matches('/');
    let mut parts = path.split('/');
    let (noun, object) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let noun = match noun {
        "directories" => "directory",
        other => other.trim_end_matches('s'),
    };
    let verb = match (parts.next(), method.as_str()) {
        (Some(verb), _) => verb.to_owned(),
        (None, "DELETE") => "remove".to_owned(),
        (None, "POST") if object.is_empty() => "add".to_owned(),
        (None, _) => "change".to_owned(),
    };
    (format!("{noun}.{verb}"), object.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_called_as_the_console_calls_them() {
        let said = |method, path| named(&method, path);
        let expected = |action: &str, object: &str| (action.to_owned(), object.to_owned());
        assert_eq!(
            said(Method::POST, "/api/v1/directories/entra/approve"),
            expected("directory.approve", "entra")
        );
        assert_eq!(said(Method::POST, "/api/v1/applications"), expected("application.add", ""));
        assert_eq!(
            said(Method::DELETE, "/api/v1/applications/jira"),
            expected("application.remove", "jira")
        );
    }
}
