//! Access tokens: asked for once, shared by all requests, renewed in time.
//!
//! Invariant: neither a secret nor a token is ever formatted; a token that was refused is not used again.

use std::fmt;

use directory::id::Millis;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::error::{ConnectError, Kind};

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

/// What a token endpoint granted.
pub(crate) struct Granted<T> {
    pub(crate) token: SecretString,
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

fn bearer<T>(granted: Granted<T>, generation: u64, now: Millis) -> Result<Bearer<T>, ConnectError> {
    let text = granted.token.expose_secret();
    let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| {
        let text = "the token endpoint gave a token that cannot be sent";
        ConnectError::new(Kind::Protocol, "N-HTML", text)
    })?;
    header.set_sensitive(true);
    let life_ms = granted.life_s.unwrap_or(USUAL_LIFE_S).clamp(1, LIFE_MAX_S) * 1_000;
    let renew_at = now.plus(life_ms * 4 / 5);
    Ok(Bearer { header, generation, said: granted.said, renew_at })
}

/// A number of seconds, which some gateways write as a text.
pub(crate) fn seconds(value: Option<&serde_json::Value>) -> Option<i64> {
    match value? {
        serde_json::Value::Number(number) => number.as_i64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
