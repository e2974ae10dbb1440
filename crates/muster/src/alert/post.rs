//! Posts a message to a webhook.
//!
//! Invariant: no error repeats the address; redirects are not followed, so that it stays with its host.

use std::time::Duration;

use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::channel::Failure;

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The longest pause that a webhook can ask for.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Posts a body; any 2xx is well.
pub(super) async fn send(client: &Client, url: Url, body: &Value) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let sent = client.post(url).timeout(TIMEOUT).json(body).send().await;
    let response = sent.map_err(|error| {
        let why = if error.is_timeout() {
            format!("{host} did not answer within {} s", TIMEOUT.as_secs())
        } else {
            format!("no connection to {host}; check firewall, outbound proxy and its certificate")
        };
        Failure::new(why)
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let pause = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let pause = pause.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let advice = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            "; was the webhook removed there? make a new one and give its address"
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "; it does not let us in: give its address again"
        }
        _ if status.is_redirection() => "; it leads elsewhere: give the address that it leads to",
        _ => "",
    };
    Err(Failure {
        why: format!("{host} answered {status}{advice}"),
        refused: status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS,
        retry_after: pause.map(|pause| pause.min(PAUSE_MAX)),
    })
}
