//! The access token: asked for with the client secret, renewed in time, shared by all requests.
//!
//! Invariant: neither secret nor token is ever formatted; a token that was refused is not used again.

use std::fmt;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{catalogue, settings::Settings};
use crate::{
    bearer::{self, Bearer, Bearers, Granted, TokenDocument},
    error::{ConnectError, Kind},
    http::Http,
    progress::Progress,
};

/// Gets and keeps the token.
pub(super) struct Tokens {
    url: String,
    scope: String,
    client_id: String,
    secret: SecretString,
    current: Bearers<Said>,
}

/// What a token says of itself.
#[derive(Clone)]
pub(super) struct Said {
    /// The granted application permissions; `None` if the token cannot be looked into.
    pub(super) roles: Option<Vec<String>>,
    /// The tenant's id, if the token says.
    pub(super) tenant: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What is looked at in the token; nothing of it is trusted.
#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
    tid: Option<String>,
}

impl Tokens {
    pub(super) fn new(settings: &Settings, secret: &SecretString) -> Result<Self, ConnectError> {
        if secret.expose_secret().trim().is_empty() {
            let text =
                "the client secret is empty; copy the Value (not the Secret ID) of a client secret";
            return Err(ConnectError::new(Kind::Setting, "E-SECRET-NONE", text));
        }
        let authority = settings.authority.as_str().trim_end_matches('/');
        Ok(Self {
            url: format!("{authority}/{}/oauth2/v2.0/token", settings.tenant),
            scope: format!("{}/.default", settings.graph.as_str().trim_end_matches('/')),
            client_id: settings.client_id.clone(),
            // A line end that came with a file is not part of it.
            secret: SecretString::from(secret.expose_secret().trim()),
            current: Bearers::default(),
        })
    }

    /// The current token, asked for anew when it is about to expire.
    pub(super) async fn get(
        &self,
        http: &Http,
        progress: &Progress,
    ) -> Result<Bearer<Said>, ConnectError> {
        self.current.get(|| http.now(), self.ask(http, progress)).await
    }

    /// A token was refused: it is not used any more.
    pub(super) async fn refused(&self, generation: u64) {
        self.current.refused(generation).await;
    }

    async fn ask(&self, http: &Http, progress: &Progress) -> Result<Granted<Said>, ConnectError> {
        let request = || {
            let form = [
                ("client_id", self.client_id.as_str()),
                ("scope", self.scope.as_str()),
                ("client_secret", self.secret.expose_secret()),
                ("grant_type", "client_credentials"),
            ];
            Ok(http.request(Method::POST, &self.url).form(&form))
        };
        bearer::ask(http, progress, request, |answer| match TokenDocument::read(answer) {
            Some(granted) => {
                let said = said(granted.access_token.expose_secret());
                Ok(granted.granted("Bearer", said))
            }
            None => Err(catalogue::login(answer, http.now())),
        })
        .await
    }
}

/// What a token says of itself.
fn said(token: &str) -> Said {
    let claims = claims(token);
    Said {
        tenant: claims.as_ref().and_then(|claims| claims.tid.clone()),
        roles: claims.map(|claims| claims.roles),
    }
}

/// The middle part of a JWT, read without checking the signature: the token is Graph's to judge.
fn claims(token: &str) -> Option<Claims> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}
