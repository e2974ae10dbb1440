//! One call of a provider's API: with a token, tried again as often as that makes sense.
//!
//! Invariants: an answer that cannot be read whole is asked for again and never used in part; a refused
//! token is renewed once; who asks to slow down slows down everybody.

use reqwest::{RequestBuilder, header::HeaderValue};

use crate::{
    error::ConnectError,
    http::{Answer, Http, Setback, Tries},
    progress::Progress,
};

/// What calls of one provider's API need to know.
pub(crate) trait Api {
    /// The client.
    fn http(&self) -> &Http;

    /// The header that lets a request in, and the number of its token.
    async fn authorization(&self, progress: &Progress) -> Result<(HeaderValue, u64), ConnectError>;

    /// A token was refused.
    async fn refused(&self, generation: u64);

    /// What a failed answer means; `what` says what was being read.
    fn setback(&self, answer: &Answer, what: &str) -> Setback;

    /// What a successful answer means that cannot be read.
    fn unreadable(&self, answer: &Answer, what: &str) -> ConnectError;
}

/// Sends a request until it is answered; `read` must change nothing before it has read the whole answer.
///
/// # Errors
/// When it is not answered, or cannot be.
pub(crate) async fn call<T>(
    api: &impl Api,
    request: impl Fn(&Http) -> RequestBuilder,
    what: &str,
    progress: &Progress,
    mut read: impl FnMut(&Answer) -> serde_json::Result<T>,
) -> Result<T, ConnectError> {
    let http = api.http();
    let mut tries = Tries::default();
    loop {
        let (authorization, generation) = api.authorization(progress).await?;
        let request = request(http)
            .header(reqwest::header::AUTHORIZATION, authorization)
            .header(reqwest::header::ACCEPT, "application/json");
        let setback = match http.once(progress, request).await {
            Err(error) => Setback::Failed(error.during(what), None),
            Ok(answer) if answer.status.is_success() => match read(&answer) {
                Ok(done) => {
                    http.succeeded();
                    return Ok(done);
                }
                Err(_) => Setback::Failed(api.unreadable(&answer, what), None),
            },
            Ok(answer) => api.setback(&answer, what),
        };
        if matches!(setback, Setback::Unauthorised(_)) {
            api.refused(generation).await;
        }
        tries.again(http, progress, setback).await?;
    }
}
