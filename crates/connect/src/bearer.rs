//! Access tokens: asked for once, shared by all requests, renewed in time.
//!
//! Invariant: neither a secret nor a token is ever formatted; a token that was refused is not used again.

use std::fmt;

use directory::id::Millis;
use reqwest::{
    RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    call::Admission,
    error::{ConnectError, Kind},
    http::{Answer, Http, Setback, Tries},
    progress::Progress,
};

/// The life of a token whose provider does not say, in seconds.
const USUAL_LIFE_S: i64 = 3_600;
/// The longest life that is believed.
const LIFE_MAX_S: i64 = 86_400;

/// A token that is good at present, with what the provider said of it.
#[derive(Clone)]
pub(crate) struct Bearer<T> {
    /// The `Authorization` header; marked sensitive.
    pub(crate) header: HeaderValue,
    /// Tells tokens apart.
    pub(crate) generation: u64,
    /// What else is known of it.
    pub(crate) said: T,
    renew_at: Millis,
}

impl<T> Bearer<T> {
    /// What lets a request in that needs no more than the token.
    pub(crate) fn admission(self) -> Admission {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, self.header)]);
        Admission { headers, generation: self.generation }
    }
}

/// What a token endpoint granted.
pub(crate) struct Granted<T> {
    pub(crate) token: SecretString,
    /// How it is presented: `Bearer`, or what the vendor calls it.
    pub(crate) scheme: &'static str,
    /// How long it lives, in seconds, if the provider said.
    pub(crate) life_s: Option<i64>,
    pub(crate) said: T,
}

/// The current token of a connection.
pub(crate) struct Bearers<T>(Mutex<Option<Bearer<T>>>);

impl<T> Default for Bearers<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> fmt::Debug for Bearers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearers")
    }
}

impl<T: Clone> Bearers<T> {
    /// The current token; when it is about to expire, `ask` gets a new one, once for all who wait.
    pub(crate) async fn get(
        &self,
        now: impl Fn() -> Millis,
        ask: impl Future<Output = Result<Granted<T>, ConnectError>>,
    ) -> Result<Bearer<T>, ConnectError> {
        let mut current = self.0.lock().await;
        if let Some(token) = current.as_ref().filter(|token| now() < token.renew_at) {
            return Ok(token.clone());
        }
        let generation = current.as_ref().map_or(1, |token| token.generation + 1);
        let token = bearer(ask.await?, generation, now())?;
        *current = Some(token.clone());
        Ok(token)
    }

    /// A token was refused: it is not used any more.
    pub(crate) async fn refused(&self, generation: u64) {
        let mut current = self.0.lock().await;
        if let Some(token) = current.as_mut().filter(|token| token.generation == generation) {
            token.renew_at = Millis(i64::MIN);
        }
    }
}

/// Asks a token endpoint until it grants or refuses for good. `request` makes each request anew, since what it
/// signs is good once; `read` takes the answer, or says why it is not a token.
pub(crate) async fn ask<T>(
    http: &Http,
    progress: &Progress,
    mut request: impl FnMut() -> Result<RequestBuilder, ConnectError>,
    mut read: impl FnMut(&Answer) -> Result<Granted<T>, Setback>,
) -> Result<Granted<T>, ConnectError> {
    let mut tries = Tries::default();
    loop {
        let request = request()?.header(ACCEPT, "application/json");
        let setback = match http.once(progress, request).await {
            Err(error) => Setback::Failed(error, None),
            Ok(answer) => match read(&answer) {
                Ok(granted) => return Ok(granted),
                Err(setback) => setback,
            },
        };
        tries.again(http, progress, setback).await?;
    }
}

/// The usual document of a token endpoint.
#[derive(Deserialize)]
pub(crate) struct TokenDocument {
    pub(crate) access_token: SecretString,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    pub(crate) token_type: String,
}

impl TokenDocument {
    /// Reads a successful answer; `None` if it failed or is none.
    pub(crate) fn read(answer: &Answer) -> Option<Self> {
        let granted = answer.status.is_success().then(|| serde_json::from_slice(&answer.body));
        granted.and_then(Result::ok)
    }

    pub(crate) fn granted<T>(self, scheme: &'static str, said: T) -> Granted<T> {
        let life_s = seconds(self.expires_in.as_ref());
        Granted { token: self.access_token, scheme, life_s, said }
    }
}

fn bearer<T>(granted: Granted<T>, generation: u64, now: Millis) -> Result<Bearer<T>, ConnectError> {
    let text = granted.token.expose_secret();
    let mut header =
        HeaderValue::from_str(&format!("{} {text}", granted.scheme)).map_err(|_| {
            let text = "the token endpoint gave a token that cannot be sent";
            ConnectError::new(Kind::Protocol, "N-HTML", text)
        })?;
    header.set_sensitive(true);
    let life_ms = granted.life_s.unwrap_or(USUAL_LIFE_S).clamp(1, LIFE_MAX_S) * 1_000;
    let renew_at = now.plus(life_ms * 4 / 5);
    Ok(Bearer { header, generation, said: granted.said, renew_at })
}

/// A number of seconds, which some gateways write as a text.
fn seconds(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
