//! Requests to Graph: one object, or all pages of a list.

use reqwest::{
    StatusCode,
    header::{ACCEPT, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{Entra, catalogue};
use crate::{
    call::{Admission, Api, Ask, Links, call, follow},
    error::ConnectError,
    http::{Answer, Http, Setback},
    odd::What,
    progress::Progress,
};

impl Api for Entra {
    const WHO: &'static str = "Graph";

    fn http(&self) -> &Http {
        &self.http
    }

    fn base(&self) -> &Url {
        &self.settings.graph
    }

    async fn admit(&self, ask: &Ask<'_>, progress: &Progress) -> Result<Admission, ConnectError> {
        let mut admission = self.tokens.get(&self.http, progress).await?.admission();
        admission.headers.insert("x-ms-throttle-priority", HeaderValue::from_static("low"));
        if ask.url.ends_with("/$count") {
            admission.headers.insert("consistencylevel", HeaderValue::from_static("eventual"));
            admission.headers.insert(ACCEPT, HeaderValue::from_static("text/plain"));
        }
        Ok(admission)
    }

    async fn refused(&self, _: &Ask<'_>, generation: u64) {
        self.tokens.refused(generation).await;
    }

    fn heard(&self, _: &Ask<'_>, answer: &Answer) {
        let share = answer.headers.get("x-ms-throttle-limit-percentage");
        if let Some(share) = share.and_then(|text| text.to_str().ok()?.parse().ok()) {
            self.http.pressure(share);
        }
    }

    fn meant(&self, said: &Value) -> Option<StatusCode> {
        catalogue::meant(said)
    }

    fn setback(&self, _: &Ask<'_>, answer: &Answer, what: &str) -> Setback {
        catalogue::graph(answer, what, self.http.now())
    }
}

impl Entra {
    /// `GET` and read; `read` must change nothing before it has read the whole body.
    pub(super) async fn get<T>(
        &self,
        url: &str,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        call(self, Ask::get(url), what, progress, |answer| read(&answer.body)).await
    }

    /// `POST` and read; only for questions that Graph puts in a body.
    pub(super) async fn post<T>(
        &self,
        (url, body): (&str, &Value),
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut read: impl FnMut(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, ConnectError> {
        let ask = Ask::post(url, body);
        call(self, ask, what, progress, |answer| read(&answer.body)).await
    }

    /// Reads all pages from `first` on; gives the link to later changes, if the list has one.
    pub(super) async fn pages(
        &self,
        first: String,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut page: impl FnMut(&[u8]) -> serde_json::Result<Links>,
    ) -> Result<Option<String>, ConnectError> {
        follow(self, first, what, progress, |answer| page(&answer.body)).await
    }
}
