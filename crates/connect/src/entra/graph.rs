//! Requests to Graph: one object, or all pages of a list.
//!
//! Invariants: the host of every link is checked before the token is attached; a page that cannot be read
//! whole is asked for again and never used in part.

use reqwest::{Method, header::HeaderValue};
use serde_json::Value;
use url::Url;

use super::{Entra, catalogue};
use crate::{
    call::{Api, call},
    error::{ConnectError, Kind},
    garbled::unreadable,
    http::{Answer, Http, Setback},
    progress::Progress,
};

/// Pages in a row that may be empty before a list counts as endless.
const EMPTY_MAX: usize = 1_000;

/// A request.
#[derive(Clone, Copy)]
enum Ask<'a> {
    Get(&'a str),
    Post(&'a str, &'a Value),
}

/// What of a page leads on.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) next: Option<String>,
    pub(super) delta: Option<String>,
    pub(super) items: usize,
}

impl Api for Entra {
    fn http(&self) -> &Http {
        &self.http
    }

    async fn authorization(&self, progress: &Progress) -> Result<(HeaderValue, u64), ConnectError> {
        let token = self.tokens.get(&self.http, progress).await?;
        Ok((token.header, token.generation))
    }

    async fn refused(&self, generation: u64) {
        self.tokens.refused(generation).await;
    }

    fn setback(&self, answer: &Answer, what: &str) -> Setback {
        catalogue::graph(answer, what, self.http.now())
    }

    fn unreadable(&self, answer: &Answer, what: &str) -> ConnectError {
        unreadable(answer, "Graph", what)
    }
}

impl Entra {
    /// `GET` and read; `read` must change nothing before it has read the whole body.
    pub(super) async fn get<T>(
        &self,
        url: &str,
        what: &str,
        progress: &Progress,
        read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        self.ask(Ask::Get(url), what, progress, read).await
    }

    /// `POST` and read; only for questions that Graph puts in a body.
    pub(super) async fn post<T>(
        &self,
        (url, body): (&str, &Value),
        what: &str,
        progress: &Progress,
        read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        self.ask(Ask::Post(url, body), what, progress, read).await
    }

    async fn ask<T>(
        &self,
        ask: Ask<'_>,
        what: &str,
        progress: &Progress,
        mut read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        let (Ask::Get(url) | Ask::Post(url, _)) = ask;
        self.check_host(url, what)?;
        let request = |http: &Http| {
            let request = match ask {
                Ask::Get(url) => http.request(Method::GET, url),
                Ask::Post(url, body) => http.request(Method::POST, url).json(body),
            };
            request.header("x-ms-throttle-priority", "low")
        };
        call(self, request, what, progress, |answer| read(&answer.body)).await
    }

    /// Reads all pages from `first` on; gives the link to later changes, if the list has one.
    pub(super) async fn pages(
        &self,
        first: String,
        what: &str,
        progress: &Progress,
        mut page: impl FnMut(&[u8]) -> serde_json::Result<Links>,
    ) -> Result<Option<String>, ConnectError> {
        let mut url = first;
        let mut empty = 0;
        loop {
            let links = self.get(&url, what, progress, &mut page).await?;
            empty = if links.items == 0 { empty + 1 } else { 0 };
            let Some(next) = links.next else { return Ok(links.delta) };
            if next == url || empty > EMPTY_MAX {
                let text = "Graph's list leads back to itself; it was not used";
                return Err(ConnectError::new(Kind::Protocol, None, text).during(what));
            }
            url = next;
        }
    }

    /// Refuses an address that is not the configured Graph's.
    fn check_host(&self, url: &str, what: &str) -> Result<(), ConnectError> {
        let parsed = Url::parse(url).ok();
        if parsed.as_ref().is_some_and(|url| self.settings.is_graph(url)) {
            return Ok(());
        }
        let host = parsed
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "nowhere".to_owned());
        let text = format!(
            "an answer leads to another host than Graph ({host}); it was not followed, so that the token stays with \
             Graph, and nothing was changed; check for a proxy that rewrites answers"
        );
        Err(ConnectError::new(Kind::Protocol, "N-HTML", text).during(what))
    }
}
