//! Calls of a provider's API: with a token, tried again as often as that makes sense; one answer, or all pages of a
//! list.
//!
//! Invariants: the address is checked before a token is attached to it; an answer that cannot be read whole is asked
//! for again and never used in part; a refused token is renewed once; who asks to slow down slows down everybody.

use reqwest::{
    Method, StatusCode,
    header::{self, HeaderMap},
};
use serde_json::Value;
use url::Url;

use crate::{
    error::{ConnectError, Kind},
    garbled,
    http::{Answer, Http, Setback, Tries},
    odd::{Loose, Odd, What},
    progress::Progress,
};

/// Pages in a row that may be empty before a list counts as endless.
pub(crate) const EMPTY_MAX: usize = 1_000;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) body: Option<&'a Value>,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(url: &'a str) -> Self {
        Self { method: Method::GET, url, body: None }
    }

    /// For questions that the vendor puts in a body, and for registrations.
    pub(crate) fn post(url: &'a str, body: &'a Value) -> Self {
        Self { method: Method::POST, url, body: Some(body) }
    }
}

/// What lets a request in.
pub(crate) struct Admission {
    pub(crate) headers: HeaderMap,
    /// Tells tokens apart.
    pub(crate) generation: u64,
}

/// What of a page leads on.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The next page.
    pub(crate) next: Option<String>,
    /// Where later changes will be, at the end of a list that has them.
    pub(crate) later: Option<String>,
    /// Items of the page.
    pub(crate) items: usize,
}

/// What calls of one provider's API need to know.
pub(crate) trait Api {
    /// How the provider is called in errors.
    const WHO: &'static str;

    /// The client.
    fn http(&self) -> &Http;

    /// The address that may see the token.
    fn base(&self) -> &Url;

    /// The headers that let a request in.
    async fn admit(&self, ask: &Ask<'_>, progress: &Progress) -> Result<Admission, ConnectError>;

    /// The token of a request was refused.
    async fn refused(&self, ask: &Ask<'_>, generation: u64);

    /// Waits until the request may be sent, where the vendor counts by kind of request.
    ///
    /// # Errors
    /// When that is longer than whoever asked is ready to wait.
    async fn turn(&self, _ask: &Ask<'_>) -> Result<(), ConnectError> {
        Ok(())
    }

    /// What an answer's headers say about the vendor's limits.
    fn heard(&self, _ask: &Ask<'_>, _answer: &Answer) {}

    /// What a failed answer means; `what` says what was being read.
    fn setback(&self, ask: &Ask<'_>, answer: &Answer, what: &str) -> Setback;

    /// What a request failed with in the end.
    fn worn_out(&self, error: ConnectError) -> ConnectError {
        error
    }

    /// The status that the vendor's error document means, where this is one that came with a success.
    fn meant(&self, said: &Value) -> Option<StatusCode>;
}

/// Sends a request until it is answered; `read` must change nothing before it has read the whole answer. What it does not
/// take as it is it gets once more, without what is odd.
///
/// # Errors
/// When it is not answered, or cannot be; [`Kind::Odd`] when the one record that was asked for says nothing.
pub(crate) async fn call<A: Api, T>(
    api: &A,
    ask: Ask<'_>,
    what: impl Into<What<'_>>,
    progress: &Progress,
    mut read: impl FnMut(&Answer) -> serde_json::Result<T>,
) -> Result<T, ConnectError> {
    let what = what.into();
    check_address(api, ask.url, what.name)?;
    let http = api.http();
    let mut tries = Tries::default();
    loop {
        api.turn(&ask).await?;
        let admission = api.admit(&ask, progress).await?;
        let mut request = http.request(ask.method.clone(), ask.url);
        if let Some(body) = ask.body {
            request = request.json(body);
        }
        let request = request.header(header::ACCEPT, "application/json").headers(admission.headers);
        let setback = match http.once(progress, request).await {
            Err(error) => Setback::Failed(error.during(what.name), None),
            Ok(answer) => {
                api.heard(&ask, &answer);
                if answer.status.is_success() {
                    let done = read(&answer)
                        .or_else(|_| read_loosely(api, &ask, &answer, what, progress, &mut read));
                    match done {
                        Ok(done) => {
                            http.succeeded(&answer);
                            return Ok(done);
                        }
                        Err(setback) => about_one(setback, answer.status),
                    }
                } else {
                    about_one(api.setback(&ask, &answer, what.name), answer.status)
                }
            }
        };
        if matches!(setback, Setback::Unauthorised(_)) {
            api.refused(&ask, admission.generation).await;
        }
        tries.again(http, progress, setback).await.map_err(|error| api.worn_out(error))?;
    }
}

/// Reads an answer that is not all as it should be.
#[expect(clippy::too_many_arguments, reason = "the rest of `call`, with what that has at hand")]
fn read_loosely<A: Api, T>(
    api: &A,
    ask: &Ask<'_>,
    answer: &Answer,
    what: What<'_>,
    progress: &Progress,
    read: &mut impl FnMut(&Answer) -> serde_json::Result<T>,
) -> Result<T, Setback> {
    let failed = |error| Setback::Failed(error, None);
    let with = |status, body| Answer {
        status,
        headers: answer.headers.clone(),
        body,
        latency: answer.latency,
    };
    let Some(loose) = Loose::parse(&answer.body) else {
        return Err(failed(garbled::unreadable(answer, A::WHO, what.name)));
    };
    if let Some(status) = api.meant(loose.value()) {
        let said = with(status, loose.value().to_string().into());
        return Err(doubted(api.setback(ask, &said, what.name), answer.status));
    }
    let mut odd = Odd::default();
    let mended = loose.mended(what, &mut odd);
    let done = match mended {
        Ok(body) => read(&with(answer.status, body))
            .map_err(|_| failed(garbled::unexpected(A::WHO, what.name)))?,
        Err(why) => {
            progress.odd().absorb(odd);
            let text = format!("what {} says of it cannot be used: {why}", A::WHO);
            return Err(failed(ConnectError::new(Kind::Odd, None, text).during(what.name)));
        }
    };
    progress.odd().absorb(odd);
    Ok(done)
}

/// Marks an error as possibly that of the one object that was asked for. Whoever refuses the credential, or is a proxy,
/// refuses everything.
pub(crate) fn about_one(setback: Setback, status: StatusCode) -> Setback {
    match setback {
        Setback::Failed(error, pause) if !matches!(status.as_u16(), 401 | 407) => {
            Setback::Failed(error.about_one(), pause)
        }
        setback => setback,
    }
}

/// An error that came as a success: nothing is believed to be gone because of it.
fn doubted(setback: Setback, status: StatusCode) -> Setback {
    let doubt = |mut error: ConnectError| {
        if error.kind == Kind::NotFound {
            error.kind = Kind::Protocol;
        }
        error.adding(&format!("it came with the status {status}"))
    };
    match setback {
        Setback::Failed(error, pause) => Setback::Failed(doubt(error), pause),
        Setback::Unauthorised(error) => Setback::Unauthorised(doubt(error)),
        Setback::Throttled(pause) => Setback::Throttled(pause),
    }
}

/// Reads all pages of a list from `first` on, each found by the one before; gives where later changes will be, if
/// the list says.
///
/// # Errors
/// When a page is not answered, leads to another host, or leads back to itself.
pub(crate) async fn follow<A: Api>(
    api: &A,
    first: String,
    what: impl Into<What<'_>>,
    progress: &Progress,
    mut page: impl FnMut(&Answer) -> serde_json::Result<Links>,
) -> Result<Option<String>, ConnectError> {
    let what = what.into();
    let mut url = first;
    let (mut empty, mut number) = (0, 1);
    loop {
        let links = call(api, Ask::get(&url), what, progress, &mut page).await;
        let links = links.map_err(|error| on_page(error, number))?;
        number += 1;
        empty = if links.items == 0 { empty + 1 } else { 0 };
        let Some(next) = links.next else {
            // It will be asked for at the next pull, and must not be kept if that would be refused.
            if let Some(later) = &links.later {
                check_address(api, later, what.name)?;
            }
            return Ok(links.later);
        };
        if next == url || empty > EMPTY_MAX {
            return Err(circular::<A>(what.name));
        }
        url = next;
    }
}

/// Says which page of a list it was that could not be read, where it matters.
pub(crate) fn on_page(error: ConnectError, number: usize) -> ConnectError {
    if error.code() == Some("N-TRUNC") { error.adding(&format!("page {number}")) } else { error }
}

/// A list that has no end.
pub(crate) fn circular<A: Api>(what: &str) -> ConnectError {
    let text = format!("a list of {} leads back to itself; it was not used", A::WHO);
    ConnectError::new(Kind::Protocol, None, text).during(what).about_one()
}

/// Refuses an address that is not the configured one's: the token would go with the request.
fn check_address<A: Api>(api: &A, url: &str, what: &str) -> Result<(), ConnectError> {
    let parsed = Url::parse(url).ok();
    if parsed.as_ref().is_some_and(|url| same_origin(url, api.base())) {
        return Ok(());
    }
    let host = parsed
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "nowhere".to_owned());
    let who = A::WHO;
    let text = format!(
        "an answer leads to another host than {who} ({host}); it was not followed, so that the token stays with \
         {who}, and nothing was changed; check for a proxy that rewrites answers"
    );
    Err(ConnectError::new(Kind::Protocol, "N-HTML", text).during(what).about_one())
}

/// Whether a token for `base` may go to `url`.
fn same_origin(url: &Url, base: &Url) -> bool {
    (url.scheme(), url.host(), url.port_or_known_default())
        == (base.scheme(), base.host(), base.port_or_known_default())
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_the_configured_host_only() {
        let base = Url::parse("https://graph.microsoft.com").unwrap();
        let may = |url: &str| same_origin(&Url::parse(url).unwrap(), &base);
        assert!(may("https://graph.microsoft.com/v1.0/users?$skiptoken=1"));
        assert!(may("https://graph.microsoft.com:443/v1.0/users"));
        assert!(!may("https://graph.microsoft.com.evil.example/v1.0/users"));
        assert!(!may("http://graph.microsoft.com/v1.0/users"));
        assert!(!may("https://graph.microsoft.com:8443/v1.0/users"));
        assert!(!may("https://graph.microsoft.com@evil.example/"));
        assert!(!may("https://user@graph.microsoft.com/"));
    }
}
