//! Registrations for word of changes: the provider calls us when something changed, and the next pull comes sooner.
//!
//! Invariants: a call only triggers a pull, nothing of it is believed; pulling on schedule stays the truth, since
//! every provider may drop a call; a registration is all that a connector ever writes.

use directory::id::Millis;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    call::{Api, Ask, call},
    error::{ConnectError, Kind},
    progress::Progress,
};

/// Where the provider is to call, and what shows us that it is the provider.
#[derive(Debug)]
pub struct Callback<'a> {
    /// The address.
    pub url: &'a str,
    /// What each call carries.
    pub secret: &'a SecretString,
}

/// One registration at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The provider's id for it.
    pub id: String,
    /// What it tells of.
    pub about: String,
    /// What ending it takes beside the id (Google).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// When it ends by itself.
    pub expires: Option<Millis>,
}

impl Subscription {
    /// Whether less than half of `life_ms` is left to it.
    pub(crate) fn is_due(&self, now: Millis, life_ms: i64) -> bool {
        self.expires.is_some_and(|expires| expires.since(now) < life_ms / 2)
    }
}

/// What a provider needs to be registered with.
pub(crate) trait Watched {
    /// Registers, or prolongs what there is; gives what is registered now.
    async fn subscribe(
        &self,
        callback: &Callback<'_>,
        have: Vec<Subscription>,
    ) -> Result<Vec<Subscription>, ConnectError>;

    /// Ends registrations; those that are gone already count as ended.
    async fn unsubscribe(&self, have: &[Subscription]) -> Result<(), ConnectError>;
}

/// A time as most providers write it.
pub(crate) fn written(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The time that a text shows.
pub(crate) fn stamped(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Millis(at.as_millisecond()))
}

/// Sends a request about a registration, and reads the answer.
pub(crate) async fn ask<A: Api, T: DeserializeOwned>(
    api: &A,
    ask: Ask<'_>,
    what: &str,
) -> Result<T, ConnectError> {
    let progress = Progress::default();
    call(api, ask, what, &progress, |answer| serde_json::from_slice(&answer.body)).await
}

/// Sends a request about a registration whose answer says nothing; one that is gone is as good as ended.
pub(crate) async fn end<A: Api>(api: &A, ask: Ask<'_>, what: &str) -> Result<(), ConnectError> {
    match call(api, ask, what, &Progress::default(), |_| Ok(())).await {
        Err(error) if error.kind == Kind::NotFound => Ok(()),
        done => done,
    }
}

/// Ends registrations that nobody will remember, as well as can be: those just made while others that belong to them
/// could not be had (the next attempt would make more of them), and those that were replaced.
pub(crate) async fn undo<W: Watched>(provider: &W, forgotten: &[Subscription]) {
    if let Err(error) = provider.unsubscribe(forgotten).await {
        tracing::debug!(%error, "registrations end by themselves only");
    }
}
