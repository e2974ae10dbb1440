//! The access token: asked for with a signed assertion, renewed in time, shared by all requests.

use std::fmt;

use reqwest::Method;
use secrecy::ExposeSecret;

use super::{
    catalogue,
    key::KeyFile,
    reports,
    settings::{Settings, TOKEN_URI},
};
use crate::{
    bearer::{self, Bearer, Bearers, Granted, TokenDocument},
    error::ConnectError,
    http::Http,
    progress::Progress,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What reading needs. All of them must be delegated: one that is missing fails the whole token.
pub(super) const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
];

/// Gets and keeps the token.
pub(super) struct Tokens {
    url: String,
    audience: String,
    subject: String,
    key: KeyFile,
    current: Bearers<()>,
    /// For the audit logs, whose scope is not everybody's.
    reports: Bearers<()>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(settings: &Settings, key: KeyFile) -> Self {
        // Google's endpoint takes assertions that are made out to Google's own address only.
        let audience = TOKEN_URI.to_owned();
        let (url, subject) = (settings.token_uri.to_string(), settings.subject.clone());
        let (current, reports) = (Bearers::default(), Bearers::default());
        Self { url, audience, subject, key, current, reports }
    }

    /// The key file.
    pub(super) fn key(&self) -> &KeyFile {
        &self.key
    }

    /// The current token, asked for anew when it is about to expire.
    pub(super) async fn get(
        &self,
        http: &Http,
        progress: &Progress,
    ) -> Result<Bearer<()>, ConnectError> {
        let ask = async { self.ask(http, progress, &SCOPES.join(" ")).await };
        self.current.get(|| http.now(), ask).await
    }

    /// The token that a request needs.
    pub(super) async fn for_request(
        &self,
        url: &str,
        http: &Http,
        progress: &Progress,
    ) -> Result<Bearer<()>, ConnectError> {
        if !is_about_reports(url) {
            return self.get(http, progress).await;
        }
        let ask = async { self.ask(http, progress, reports::SCOPE).await };
        self.reports.get(|| http.now(), ask).await
    }

    /// The token of a request was refused: it is not used any more.
    pub(super) async fn refused(&self, url: &str, generation: u64) {
        let token = if is_about_reports(url) { &self.reports } else { &self.current };
        token.refused(generation).await;
    }

    /// Asks for a token with some scopes.
    pub(super) async fn ask(
        &self,
        http: &Http,
        progress: &Progress,
        scopes: &str,
    ) -> Result<Granted<()>, ConnectError> {
        let request = || {
            let assertion =
                self.key.assertion(&self.subject, scopes, &self.audience, http.now())?;
            let form = [("grant_type", GRANT), ("assertion", assertion.expose_secret())];
            Ok(http.request(Method::POST, &self.url).form(&form))
        };
        bearer::ask(http, progress, request, |answer| match TokenDocument::read(answer) {
            Some(granted) => Ok(granted.granted("Bearer", ())),
            None => Err(catalogue::token(answer, &self.subject, &self.key, http.now())),
        })
        .await
    }
}

fn is_about_reports(url: &str) -> bool {
    url.contains("/admin/reports/")
}
