//! The one HTTP client: timeouts, limits, retries, and one pause for the whole tenant.
//!
//! Invariants: redirects are never followed, so that a token stays with the host it was made for; a body is
//! read to its end or counts as not read; nothing of a request's headers or body reaches an error.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use directory::{error_chain, id::Millis};
use reqwest::{
    Client, Method, RequestBuilder, StatusCode,
    header::{self, HeaderMap},
};
use tokio::time::Instant;
use url::Url;

use crate::{
    Surroundings,
    error::{ConnectError, Kind},
    pace::{Pace, Speed},
    progress::{Progress, add},
    unreadable, waiting,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a provider may be silent in the middle of an answer, and before it.
pub const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// How long one answer may take in all.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(5);
/// How long an address that others chose may take.
const OUTBOUND_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections that are kept to one host.
const IDLE_MAX: usize = 64;
/// Bytes of one answer at the most.
const BODY_MAX: usize = 64 << 20;
/// How often a request is sent, throttling aside.
const ATTEMPTS: u32 = 6;
/// The pause before the second attempt; it doubles.
const BACKOFF: Duration = Duration::from_millis(400);
/// The longest such pause.
const BACKOFF_MAX: Duration = Duration::from_secs(20);
/// The pause after a refusal that does not say how long.
const THROTTLED: Duration = Duration::from_secs(10);
/// The longest pause that a provider can ask for.
const THROTTLED_MAX: Duration = Duration::from_hours(1);
/// How often in a row one request may be told to slow down.
const THROTTLED_ATTEMPTS: u32 = 30;
/// How long one request may be told to wait in all: whoever is told to wait for longer should hear of it.
const THROTTLED_TOTAL_MAX: Duration = THROTTLED_MAX;
/// Pauses that are shown to whoever looks.
const WORTH_TELLING: Duration = Duration::from_secs(2);
/// What is added to a pause at the most, so that requests do not come back all at once.
const JITTER_MAX: Duration = Duration::from_secs(5);

/// Speaks to one tenant.
#[derive(Debug)]
pub(crate) struct Http {
    /// How the provider is called.
    who: &'static str,
    client: Client,
    pace: Pace,
    surroundings: Surroundings,
    /// State of the random numbers.
    jitter: AtomicU64,
    /// The provider's clock minus ours at the last answer, in milliseconds.
    skew: AtomicI64,
}

/// A completed answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How long its head took to come.
    pub(crate) latency: Duration,
}

/// How often one request is sent again with a new token.
const RENEWALS_MAX: u32 = 2;

/// Why a request is not done yet.
pub(crate) enum Setback {
    /// The credential of this request is not good any more.
    Unauthorised(ConnectError),
    /// The tenant is asked to slow down, for so long if it said.
    Throttled(Option<Duration>),
    /// It failed; [`Kind::Temporary`] is tried again, after so long if the provider said.
    Failed(ConnectError, Option<Duration>),
}

/// How often a request was tried.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    failed: u32,
    throttled: u32,
    /// For how long it was told to wait in all.
    told_to_wait: Duration,
    unauthorised: u32,
    /// When it failed first.
    since: Option<Instant>,
}

impl Tries {
    /// Waits until the request may be tried again.
    ///
    /// # Errors
    /// When it should not be.
    pub(crate) async fn again(
        &mut self,
        http: &Http,
        progress: &Progress,
        why: Setback,
    ) -> Result<(), ConnectError> {
        match why {
            Setback::Unauthorised(error) => {
                // Tokens of a busy hour may end one after the other.
                self.unauthorised += 1;
                if self.unauthorised > RENEWALS_MAX {
                    return Err(error);
                }
            }
            Setback::Throttled(pause) => {
                add(&progress.throttled, 1);
                let pause = pause.unwrap_or(THROTTLED);
                http.throttled(pause);
                self.throttled += 1;
                self.told_to_wait += pause;
                if waiting::patience().is_some_and(|patience| self.told_to_wait > patience) {
                    return Err(http.asked_to_wait(pause));
                }
                if self.throttled >= THROTTLED_ATTEMPTS || self.told_to_wait > THROTTLED_TOTAL_MAX {
                    let text = "the provider keeps asking us to slow down; the next run tries again, and a longer \
                                interval between runs helps";
                    return Err(ConnectError::new(Kind::Temporary, "N-429", text));
                }
            }
            Setback::Failed(error, pause) => {
                self.failed += 1;
                let attempts = unreadable::attempts().unwrap_or(ATTEMPTS);
                if error.kind != Kind::Temporary || self.failed >= attempts {
                    return Err(error);
                }
                // One object must not keep all others waiting.
                let since = *self.since.get_or_insert_with(Instant::now);
                if unreadable::attempts().is_some()
                    && pause.unwrap_or_default() + since.elapsed() > unreadable::TROUBLE_MAX
                {
                    return Err(error);
                }
                tracing::debug!(%error, tries = self.failed, "a request is repeated");
                if let Some(pause) = pause {
                    http.wait(pause).await?;
                } else {
                    let backoff = BACKOFF.saturating_mul(1 << (self.failed - 1));
                    tokio::time::sleep(http.jittered(backoff.min(BACKOFF_MAX))).await;
                }
            }
        }
        add(&progress.retries, 1);
        Ok(())
    }
}

impl Answer {
    /// How long the provider asks us to wait.
    pub(crate) fn retry_after(&self, now: Millis) -> Option<Duration> {
        retry_after(&self.headers, now)
    }

    /// The provider's time when it answered.
    pub(crate) fn date(&self) -> Option<Millis> {
        http_date(self.headers.get(header::DATE)?.to_str().ok()?)
    }

    /// Whether it says that it is a web page.
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
    }
}

impl Http {
    pub(crate) fn new(
        who: &'static str,
        surroundings: Surroundings,
        base: &Url,
        speed: Speed,
    ) -> Result<Self, ConnectError> {
        let failed = |error: reqwest::Error| {
            let text = format!(
                "no TLS client can be made: {}; are the system's certificates installed (package ca-certificates)?",
                chain(&error)
            );
            ConnectError::new(Kind::Refused, "N-TLS", text)
        };
        let client = builder(base.scheme() == "https").build().map_err(failed)?;
        let jitter = AtomicU64::new(surroundings.entropy);
        let (pace, skew) = (Pace::new(speed), AtomicI64::new(0));
        Ok(Self { who, client, pace, surroundings, jitter, skew })
    }

    /// Our time.
    pub(crate) fn now(&self) -> Millis {
        (self.surroundings.now)()
    }

    /// The provider's clock minus ours, in milliseconds, as of the last answer.
    pub(crate) fn skew_ms(&self) -> i64 {
        self.skew.load(Relaxed)
    }

    /// Begins a request.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request once, when the tenant's pace allows it.
    pub(crate) async fn once(
        &self,
        progress: &Progress,
        request: RequestBuilder,
    ) -> Result<Answer, ConnectError> {
        let permit = loop {
            match self.pace.enter().await {
                Ok(permit) => break permit,
                Err(until) => self.wait_until(until).await?,
            }
        };
        add(&progress.requests, 1);
        let answer = self.exchange(request).await;
        drop(permit);
        if let Ok(answer) = &answer {
            add(&progress.bytes, answer.body.len());
        }
        answer
    }

    /// Sends a request once and now, whatever is being read: somebody waits for the answer, and no quota of reading is
    /// used for it.
    pub(crate) async fn at_once(&self, request: RequestBuilder) -> Result<Answer, ConnectError> {
        self.exchange(request).await
    }

    /// An answer was what was asked for.
    pub(crate) fn succeeded(&self, answer: &Answer) {
        self.pace.succeeded(answer.latency);
    }

    /// The provider asked everybody to slow down.
    pub(crate) fn throttled(&self, pause: Duration) {
        self.pace.throttled(self.jittered(pause.min(THROTTLED_MAX)));
    }

    /// Waits for as long as the provider asked.
    ///
    /// # Errors
    /// When that is longer than whoever asked is ready to wait.
    pub(crate) async fn wait(&self, pause: Duration) -> Result<(), ConnectError> {
        self.wait_until(Instant::now() + self.jittered(pause)).await
    }

    async fn wait_until(&self, until: Instant) -> Result<(), ConnectError> {
        let left = until - Instant::now();
        if waiting::patience().is_some_and(|patience| left > patience) {
            return Err(self.asked_to_wait(left));
        }
        // Short pauses come and go before anybody could read of them.
        let ends = self.now().plus(millis(left));
        let _shown = (left >= WORTH_TELLING).then(|| self.surroundings.waits.begin(self.who, ends));
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    /// Whoever asked is not ready to wait for so long.
    fn asked_to_wait(&self, pause: Duration) -> ConnectError {
        let (who, ends) = (self.who, self.now().plus(millis(pause)));
        let text =
            format!("{who} asked us to wait until {}; try again then", waiting::clock_time(ends));
        ConnectError::new(Kind::AskedToWait, "N-429", text)
    }

    /// The vendor says what share of its quota is used.
    pub(crate) fn pressure(&self, share: f64) {
        self.pace.pressure(share);
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, ConnectError> {
        let sent = Instant::now();
        let mut response = request.send().await.map_err(|error| transport(&error))?;
        let latency = sent.elapsed();
        self.note_clock(response.headers());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            if body.len() + chunk.len() > BODY_MAX {
                let text = format!("an answer is larger than {} MiB", BODY_MAX >> 20);
                return Err(ConnectError::new(Kind::Protocol, None, text).about_one());
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = body.freeze();
        // Some gateways put a byte order mark before JSON.
        if body.starts_with(b"\xef\xbb\xbf") {
            body = body.slice(3..);
        }
        Ok(Answer { status: response.status(), headers, body, latency })
    }

    fn note_clock(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        if let Some(theirs) = date.and_then(http_date) {
            self.skew.store(theirs.since(self.now()), Relaxed);
        }
    }

    /// A text that nobody had before, for what is good once.
    pub(crate) fn unique(&self) -> String {
        format!("{:016x}{:016x}", self.draw(), self.draw())
    }

    fn draw(&self) -> u64 {
        // SplitMix64.
        let mut x = self.jitter.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A pause between 100 % and 125 % of `pause`, so that requests do not come back all at once.
    fn jittered(&self, pause: Duration) -> Duration {
        let x = self.draw();
        let share = ((x >> 40) as f64 / (1_u64 << 24) as f64) / 4.0;
        pause + pause.mul_f64(share).min(JITTER_MAX)
    }
}

/// An HTTP client for this machine's own server: no proxy, no certificates.
///
/// # Errors
/// When the TLS library cannot be started.
pub fn local_client() -> Result<Client, reqwest::Error> {
    // A resolver must not lead plain http for this machine to another one.
    let here = [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()];
    let here = here.map(|address| SocketAddr::new(address, 0));
    builder(false).no_proxy().resolve_to_addrs("localhost", &here).build()
}

/// Returns an HTTP client for an https server. It trusts these authorities only or, without any, the system's;
/// `outside` sends requests through the system's proxy.
///
/// # Errors
/// When the system has no certificates, or the TLS library cannot be started.
pub fn https_client(
    authorities: Option<Vec<reqwest::Certificate>>,
    outside: bool,
) -> Result<Client, reqwest::Error> {
    let builder = builder(true).https_only(true);
    let builder = if outside { builder } else { builder.no_proxy() };
    match authorities {
        Some(authorities) => builder.tls_certs_only(authorities).build(),
        None => builder.build(),
    }
}

/// An HTTP client for addresses that others chose: quick to give up, with a resolver that says where it may go.
///
/// # Errors
/// When the TLS library cannot be started.
pub fn outbound_client(
    resolver: &std::sync::Arc<impl reqwest::dns::Resolve + 'static>,
) -> Result<Client, reqwest::Error> {
    let make = |tls: bool| {
        builder(tls)
            .connect_timeout(OUTBOUND_TIMEOUT)
            .timeout(OUTBOUND_TIMEOUT)
            .pool_max_idle_per_host(1)
            // A proxy would resolve names itself, past the resolver.
            .no_proxy()
            .dns_resolver(std::sync::Arc::clone(resolver))
            .build()
    };
    // A machine without certificates can still be told over plain http.
    make(true).or_else(|_| make(false))
}

/// An HTTP client for addresses that an administrator chose: through the system's proxy, with its certificates.
///
/// # Errors
/// When the TLS library cannot be started.
pub fn outside_client() -> Result<Client, reqwest::Error> {
    // A machine without certificates can still be used with plain http.
    builder(true).build().or_else(|_| builder(false).build())
}

#[expect(clippy::disallowed_methods, reason = "this is the one HTTP client")]
fn builder(tls: bool) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("Muster/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .http2_adaptive_window(true)
        .pool_max_idle_per_host(IDLE_MAX);
    // Without TLS no certificates are needed, and a bare machine has none.
    if tls { builder } else { builder.tls_certs_only([]) }
}

/// Checks an address that a setting names: https, or http on this machine only.
pub(crate) fn checked_base(setting: &str, text: &str) -> Result<Url, ConnectError> {
    let url = Url::parse(text.trim().trim_end_matches('/')).map_err(|error| {
        ConnectError::setting(format!(
            "the setting `{setting}` is not an address ({error}); it begins with https://"
        ))
    })?;
    let local = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if local => Ok(url),
        "http" => Err(ConnectError::setting(format!(
            "the setting `{setting}` must begin with https://; http is for this machine only, since a credential \
             would go over the network in the clear"
        ))),
        _ => {
            Err(ConnectError::setting(format!("the setting `{setting}` must begin with https://")))
        }
    }
}

/// Says in words why no answer came.
fn transport(error: &reqwest::Error) -> ConnectError {
    let host = error.url().and_then(Url::host_str).unwrap_or("the provider").to_owned();
    let port = error.url().and_then(Url::port_or_known_default).unwrap_or_default();
    let unreachable = error.is_connect();
    let why = chain(error);
    let lower = why.to_lowercase();
    let (code, text) = if error.is_connect()
        && (lower.contains("dns") || lower.contains("resolve") || lower.contains("lookup"))
    {
        (
            "N-DNS",
            format!(
                "the server cannot find {host}; check the address for a typo, DNS and the outbound proxy"
            ),
        )
    } else if error.is_connect()
        && (lower.contains("certificate") || lower.contains("tls") || lower.contains("handshake"))
    {
        let text = format!(
            "the TLS certificate of {host} is not trusted (is a TLS-inspecting proxy in between?); add its CA to the \
             system's certificates ({why})"
        );
        ("N-TLS", text)
    } else if error.is_connect() || error.is_timeout() {
        let text =
            format!("no connection to {host}:{port}; check firewall and outbound proxy ({why})");
        ("N-CONN", text)
    } else {
        ("N-TRUNC", format!("the answer of {host} broke off; it was not used ({why})"))
    };
    let error = ConnectError::new(Kind::Temporary, code, text);
    // Somebody was there, who had trouble with this request.
    if unreachable { error } else { error.about_one() }
}

/// The causes of an error, without addresses (whose queries may carry positions).
fn chain(error: &reqwest::Error) -> String {
    let timed_out = if error.is_timeout() { "it took too long" } else { "no details" };
    error_chain::causes(error).unwrap_or_else(|| timed_out.to_owned())
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// How long a provider asks us to wait: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            Duration::from_secs_f64(seconds.min(THROTTLED_MAX.as_secs_f64()))
        }
        _ => Duration::from_millis(http_date(text)?.since(now).max(0).unsigned_abs()),
    };
    Some(pause.min(THROTTLED_MAX))
}

fn http_date(text: &str) -> Option<Millis> {
    // The obsolete zone name that HTTP insists on.
    let text = text.strip_suffix("GMT").map(|rest| format!("{rest}+0000"))?;
    let date = jiff::fmt::rfc2822::parse(&text).ok()?;
    Some(Millis(date.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        assert!(checked_base("graph", "https://graph.microsoft.com/").is_ok());
        assert!(checked_base("graph", "http://127.0.0.1:8096/entra/graph").is_ok());
        assert!(checked_base("graph", "http://localhost:1").is_ok());
        for bad in
            ["http://graph.microsoft.com", "http://10.0.0.1", "ftp://x", "graph.microsoft.com", ""]
        {
            let error = checked_base("graph", bad).unwrap_err().to_string();
            assert!(error.contains("`graph`"), "{error}");
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_and_has_an_end() {
        let now = Millis(784_111_777_000);
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(
                header::RETRY_AFTER,
                header::HeaderValue::from_static(text),
            )]);
            retry_after(&headers, now).map(|pause| pause.as_secs())
        };
        assert_eq!(of("7"), Some(7));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(of("99999999"), Some(3_600));
        assert_eq!(of("soon"), None);
    }
}
