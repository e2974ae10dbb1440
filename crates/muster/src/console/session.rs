//! Who is signed in: a random id in a cookie, its SHA-256 in the store.
//!
//! Invariants: over https the cookie's name begins with `__Host-`, so that no other host and no plain
//! connection can set it; a session ends when it is idle, when it is old, and when its administrator is
//! removed.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use directory::id::{HOUR_MS, MINUTE_MS, Millis};
use store::{AdministratorRow, ConsoleSessionRow, Role};

use super::request::Caller;
use crate::{
    app::App,
    entropy,
    service::{Actor, ServiceError, administrator},
};

/// A session ends when it was not used for so long.
const IDLE_MS: i64 = 4 * HOUR_MS;
/// A session ends after so long, whatever is done.
const LIFE_MS: i64 = 24 * HOUR_MS;
/// Uses within so long are remembered as one.
const NOTED_MS: i64 = MINUTE_MS;
/// The longest name of a browser that is kept.
const AGENT_CHARS_MAX: usize = 200;

const SECURE_COOKIE: &str = "__Host-muster";
const PLAIN_COOKIE: &str = "muster-session";

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// Who.
    pub(crate) administrator: AdministratorRow,
    /// The SHA-256 of the session's id.
    pub(crate) token: [u8; 32],
}

impl SignedIn {
    /// Whether they may change something.
    pub(crate) fn may_change(&self) -> bool {
        self.administrator.role == Role::Administrator
    }
}

/// Whoever the cookie of a request belongs to.
pub(crate) async fn find(
    app: &App,
    headers: &HeaderMap,
    caller: &Caller,
) -> anyhow::Result<Option<SignedIn>> {
    let Some(id) = cookie(headers, cookie_name(caller)) else { return Ok(None) };
    let (token, now) = (entropy::digest(&id), app.clock.now());
    app.blocking(move |store| {
        let Some(session) = store.console_session(&token)? else { return Ok(None) };
        if now.since(session.used) >= IDLE_MS || now.since(session.created) >= LIFE_MS {
            store.end_console_session(&token)?;
            return Ok(None);
        }
        let Some(administrator) = store.administrator(session.administrator)? else {
            return Ok(None);
        };
        if now.since(session.used) >= NOTED_MS {
            store.use_console_session(&token, now)?;
        }
        Ok(Some(SignedIn { administrator, token }))
    })
    .await
}

/// Signs somebody in; gives the cookie.
pub(crate) async fn start(
    app: &App,
    actor: &Actor,
    administrator: &AdministratorRow,
    (headers, caller): (&HeaderMap, &Caller),
) -> Result<HeaderValue, ServiceError> {
    let id = URL_SAFE_NO_PAD.encode(entropy::bytes::<32>());
    let now = app.clock.now();
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let row = ConsoleSessionRow {
        token: entropy::digest(&id),
        administrator: administrator.id,
        created: now,
        used: now,
        origin: caller.client.to_string(),
        agent: agent.unwrap_or_default().chars().take(AGENT_CHARS_MAX).collect(),
    };
    let past = (now.plus(-IDLE_MS), now.plus(-LIFE_MS));
    administrator::start_session(app, actor, row, past).await?;
    Ok(set_cookie(cookie_name(caller), &id, "", caller))
}

/// The cookie that takes the session's away.
pub(crate) fn no_cookie(caller: &Caller) -> HeaderValue {
    set_cookie(cookie_name(caller), "", "; Max-Age=0", caller)
}

/// When a session that was last used and began then will end.
pub(crate) fn ends(session: &ConsoleSessionRow) -> Millis {
    session.used.plus(IDLE_MS).min(session.created.plus(LIFE_MS))
}

/// A cookie for this host only, which scripts cannot read.
pub(crate) fn set_cookie(name: &str, value: &str, more: &str, caller: &Caller) -> HeaderValue {
    let secure = if caller.secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn cookie_name(caller: &Caller) -> &'static str {
    if caller.secure { SECURE_COOKIE } else { PLAIN_COOKIE }
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE);
    let pairs = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|l| l.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
