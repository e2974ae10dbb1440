//! Google Workspace through the Admin SDK Directory API (`protocols/providers.md` B).
//!
//! Invariants: there is no list of changes, so people and groups are read whole each time and members in
//! turns, each group at least once a day; a refusal is told from throttling by its reason, never by its
//! status; the token goes to the configured API only.

mod ask;
pub(crate) mod catalogue;
mod cursor;
mod key;
mod listing;
mod person;
mod probe;
mod pull;
mod reports;
mod scope;
mod settings;
mod token;
mod watch;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::id::ProviderId;
use reqwest::{
    StatusCode,
    header::{self, HeaderValue},
};
use secrecy::SecretString;
use url::Url;

use self::{key::KeyFile, settings::Settings, token::Tokens};
use crate::{
    Surroundings,
    call::{Admission, Api, Ask, EMPTY_MAX, call, circular, on_page},
    error::{ConnectError, Kind},
    http::{Answer, Http, Setback},
    odd::What,
    pace::Speed,
    progress::Progress,
    scope::LastScope,
};

/// How we are called.
const AGENT: &str = concat!("Muster/", env!("CARGO_PKG_VERSION"), " (gzip)");
/// How often a list is read from its start.
const STARTS: u32 = 5;

/// A connection to one Google Workspace.
#[derive(Debug)]
pub(crate) struct Google {
    settings: Settings,
    http: Http,
    tokens: Tokens,
    /// Groups that have everybody as a member, as of the last pull, each with its sign then: such a membership shows
    /// nowhere else, so that a list which lacks it must not be believed while the sign is the same.
    everybody: Mutex<BTreeMap<ProviderId, String>>,
    last_scope: LastScope,
}

/// What of a page leads on.
#[derive(Debug, Default)]
struct Turned {
    next: Option<String>,
    items: usize,
}

/// Google verifies no password for others (`protocols/providers.md` B5).
pub(crate) fn no_password_check() -> ConnectError {
    let text = "Google has no password check; people sign in at Google's own page (OpenID Connect or SAML)";
    ConnectError::new(Kind::Unsupported, None, text)
}

impl Google {
    pub(crate) fn new(
        settings: &BTreeMap<String, String>,
        secret: &SecretString,
        surroundings: Surroundings,
    ) -> Result<Self, ConnectError> {
        let settings = Settings::read(settings)?;
        let key = KeyFile::read(secret)?;
        // The account-wide limit of requests at one time cannot be raised, and is not documented.
        let speed =
            Speed { start: 8, most: 12, least: 2, per_minute: settings.requests_per_minute };
        let http = Http::new("Google", surroundings, &settings.api, speed)?;
        let tokens = Tokens::new(&settings, key);
        let (everybody, last_scope) = (Mutex::default(), LastScope::default());
        Ok(Self { settings, http, tokens, everybody, last_scope })
    }

    fn everybody(&self) -> MutexGuard<'_, BTreeMap<ProviderId, String>> {
        self.everybody.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fields of one person: those of the list, without the list.
    fn user_fields() -> &'static str {
        let fields = wire::USER_FIELDS;
        let inner = fields.split_once("users(").and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(fields)
    }

    /// `GET` and read; `read` must change nothing before it has read the whole body.
    async fn get<T>(
        &self,
        url: &Url,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        let ask = Ask::get(url.as_str());
        call(self, ask, what, progress, |answer| read(&answer.body)).await
    }

    /// Reads all pages of a list. `page` gets the body and whether it is the first of a (new) start.
    async fn pages(
        &self,
        first: &Url,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut page: impl FnMut(&[u8], bool) -> serde_json::Result<Turned>,
    ) -> Result<(), ConnectError> {
        let what = what.into();
        let mut starts = 1;
        loop {
            match self.pages_once(first, what, progress, &mut page).await {
                Err(error) if error.kind == Kind::PageExpired && starts < STARTS => starts += 1,
                done => return done,
            }
        }
    }

    async fn pages_once(
        &self,
        first: &Url,
        what: What<'_>,
        progress: &Progress,
        mut page: impl FnMut(&[u8], bool) -> serde_json::Result<Turned>,
    ) -> Result<(), ConnectError> {
        let mut token: Option<String> = None;
        let (mut empty, mut number) = (0, 1);
        loop {
            let mut url = first.clone();
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("pageToken", token);
            }
            let starts = token.is_none();
            let turned = self.get(&url, what, progress, |bytes| page(bytes, starts)).await;
            let turned = turned.map_err(|error| on_page(error, number))?;
            number += 1;
            empty = if turned.items == 0 { empty + 1 } else { 0 };
            let Some(next) = turned.next.filter(|next| !next.is_empty()) else { return Ok(()) };
            if token.as_ref() == Some(&next) || empty > EMPTY_MAX {
                return Err(circular::<Self>(what.name));
            }
            token = Some(next);
        }
    }
}

impl Api for Google {
    const WHO: &'static str = "Google";

    fn http(&self) -> &Http {
        &self.http
    }

    fn base(&self) -> &Url {
        &self.settings.api
    }

    async fn admit(&self, ask: &Ask<'_>, progress: &Progress) -> Result<Admission, ConnectError> {
        let token = self.tokens.for_request(ask.url, &self.http, progress).await?;
        let mut admission = token.admission();
        // Google compresses only what is asked for by an agent that says so too.
        admission.headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(admission)
    }

    async fn refused(&self, ask: &Ask<'_>, generation: u64) {
        self.tokens.refused(ask.url, generation).await;
    }

    fn worn_out(&self, error: ConnectError) -> ConnectError {
        if error.code() != Some("N-429") {
            return error;
        }
        let text = "Google keeps asking us to slow down; the next run tries again; a lower `requests_per_minute` helps, \
                    or a larger quota (Cloud console > APIs & Services > Admin SDK API > Quotas)";
        ConnectError::new(error.kind, "G-QUOTA", text)
    }

    fn meant(&self, said: &serde_json::Value) -> Option<StatusCode> {
        catalogue::meant(said)
    }

    fn setback(&self, _: &Ask<'_>, answer: &Answer, what: &str) -> Setback {
        catalogue::api(answer, what, &self.settings, self.http.now())
    }
}
