//! The audit log in the admin API, and what the admin API itself writes into it.

use std::{cell::RefCell, sync::LazyLock};

use axum::{
    body::Body,
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use directory::{id::Millis, resource_name::from_path_form};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{AuditFilter, AuditRow};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Problem,
        bearer::By,
        extract::{Json, Query},
        page::{self, Page},
    },
    app::App,
    audit,
    service::Actor,
};

tokio::task_local! {
    /// What a handler says for the audit log of the request that it answers.
    static SAID: RefCell<Value>;
}

/// Says what was before and what is after, for the entry of the request that is being answered; never a secret.
/// Whoever calls from elsewhere writes an entry of their own.
pub(super) fn say(detail: impl FnOnce() -> Value) {
    // Outside of a request there is nobody to say it to.
    let _ = SAID.try_with(|said| *said.borrow_mut() = detail());
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// By this person only.
    pub who: Option<String>,
    /// With this text in who, action or object.
    pub text: Option<String>,
    /// At the most so many on one page, up to 10000; 200 otherwise.
    pub limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub cursor: Option<String>,
}

/// Something that somebody did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
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

/// What people changed, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "audit", tag = "changes", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Page<Entry>),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Entry>>, Problem> {
    let limit = page::limit(wanted.limit);
    let filter = AuditFilter {
        before: page::position(wanted.cursor.as_deref())?,
        who: wanted.who,
        text: wanted.text,
        limit: limit + 1,
    };
    let mut rows = app.blocking(move |store| store.audit_log(&filter)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| page::after(last.id));
    Ok(Json(Page { items: rows.into_iter().map(Entry::from).collect(), next }))
}

/// What writes its own entry, in the transaction of the change.
const SERVICE: [&str; 6] =
    ["administrator", "alert", "application", "channel", "invitation", "token"];

/// The same for some of a noun's verbs.
const SERVICE_VERBS: [&str; 6] = [
    "directory.remove",
    "directory.sync",
    "directory.pause",
    "directory.resume",
    "directory.schedule",
    "directory.connection",
];

/// What changes something, as its routes declare.
static CHANGES: LazyLock<Vec<(Method, String)>> = LazyLock::new(|| {
    let changes = super::declared().into_iter().filter(|route| route.changes);
    changes.map(|route| (route.method, format!("{}{}", super::openapi::BASE, route.path))).collect()
});

/// What of a request's body is written down: never a secret.
#[derive(Default, Deserialize)]
struct Said {
    name: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Writes down every change that was made with a token.
pub(super) async fn write_down(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let changes = |matched: String| CHANGES.contains(&(method.clone(), matched));
    if !matched.is_some_and(changes) {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    let action = named(&method, &path).0;
    if action.split('.').next().is_some_and(|noun| SERVICE.contains(&noun))
        || SERVICE_VERBS.contains(&action.as_str())
    {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(By(actor)) = By::from_request_parts(&mut parts, &()).await else {
        return Problem::unauthorized().into_response();
    };
    let Ok(bytes) = axum::body::to_bytes(body, super::RULES_BYTES_MAX).await else {
        return Problem::too_large().into_response();
    };
    let said: Said = serde_json::from_slice(&bytes).unwrap_or_default();
    // Whatever becomes of the caller, what was begun is brought to its end, and written down.
    let recording = app.clone();
    let answered = app.run_out(async move {
        let answering = async {
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            (response, SAID.with(RefCell::take))
        };
        let (response, told) = SAID.scope(RefCell::new(Value::Null), answering).await;
        let request = (&method, &*path);
        if response.status().is_success() {
            written_down(&recording, &actor, (request, said), told).await;
        }
        response
    });
    match answered.await {
        Ok(response) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Writes down what a request did, unless it only looked.
async fn written_down(
    app: &App,
    actor: &Actor,
    ((method, path), said): ((&Method, &str), Said),
    told: Value,
) {
    let (action, object) = named(method, path);
    let object = if object.is_empty() { said.name.unwrap_or_default() } else { object };
    // A look that changes nothing is none of its business.
    if !said.dry_run {
        let mut detail = json!({"request": format!("{method} {path}"), "reason": said.reason});
        if let (Value::Object(detail), Value::Object(told)) = (&mut detail, told) {
            detail.extend(told);
        }
        audit::record(app, actor, &action, &object, detail).await;
    }
}

/// What a request does, as the console calls it, and to what.
fn named(method: &Method, path: &str) -> (String, String) {
    let path = path.trim_start_matches(super::openapi::BASE).trim_matches('/');
    let mut parts = path
        .strip_prefix("alerts/")
        .filter(|rest| rest.starts_with("channels"))
        .unwrap_or(path)
        .split('/');
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
    (format!("{noun}.{verb}"), decoded(object))
}

/// A part of an address, as it was meant.
fn decoded(part: &str) -> String {
    // The form's own signs stand for themselves in an address.
    let part = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(part.as_bytes());
    let part = pairs.next().map(|(part, _)| part.into_owned()).unwrap_or_default();
    from_path_form(&part).into_owned()
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
        assert_eq!(
            said(Method::DELETE, "/api/v1/tokens/b%C3%B6b+%26"),
            expected("token.remove", "böb+&")
        );
        assert_eq!(
            said(Method::DELETE, "/api/v1/applications/~2e2e"),
            expected("application.remove", "..")
        );
        assert_eq!(
            said(Method::PUT, "/api/v1/alerts/channels/ops"),
            expected("channel.change", "ops")
        );
    }
}
