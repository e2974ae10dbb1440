//! Asks a product over HTTP, reading only.
//!
//! Invariants: a token or password goes over an encrypted connection only, but for this machine, and appears in no error;
//! an answer that is not what was asked for is an error.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::{Client, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::ReadError;

/// Bytes of one answer at the most: the membership document of a large Crowd.
const BODY_BYTES_MAX: usize = 512 << 20;
/// How often a request is sent that is told to wait.
const ATTEMPTS: u32 = 6;
/// The pause when the product does not say how long.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause that a product can ask for.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How the product is to let us in.
#[derive(Debug)]
pub enum Access {
    /// A personal access token.
    Token(SecretString),
    /// A Crowd application's name and password.
    Application(String, SecretString),
}

/// A product to be asked.
#[derive(Debug)]
pub struct Web {
    client: Client,
    base: Url,
    access: Access,
}

impl Web {
    /// A product at an address.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(address: &str, access: Access) -> Result<Self, ReadError> {
        let wrong = |why: &str| ReadError::Web(format!("`{address}` cannot be asked: {why}"));
        let base = Url::parse(address.trim().trim_end_matches('/'))
            .map_err(|_| wrong("it is no address such as https://jira.example.org"))?;
        let here = match base.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(ReadError::Web(
                "the address holds a password or a query; give the address of the product alone"
                    .to_owned(),
            ));
        }
        match base.scheme() {
            "https" => {}
            "http" if here => {}
            "http" => {
                let why = "the token would go over the network in the clear; use https://, or give the people as a \
                           CSV file";
                return Err(wrong(why));
            }
            _ => return Err(wrong("it begins with https://")),
        }
        let client = connect::http::outside_client()
            .map_err(|_| ReadError::Web("no HTTP client can be made".to_owned()))?;
        Ok(Self { client, base, access })
    }

    /// Asks for JSON. Path segments are encoded here; parameters follow.
    ///
    /// # Errors
    /// Says what went wrong and what to do.
    pub async fn json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ReadError> {
        let body = self.get(path, query, "application/json").await?;
        serde_json::from_slice(&body).map_err(|error| {
            let host = self.host();
            ReadError::Web(format!(
                "the answer of {host} to /{} is not what was asked for ({error}); is it the right product?",
                path.join("/")
            ))
        })
    }

    /// Asks for XML.
    ///
    /// # Errors
    /// Says what went wrong and what to do.
    pub async fn xml(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, ReadError> {
        let body = self.get(path, query, "application/xml").await?;
        String::from_utf8(body.to_vec())
            .map_err(|_| ReadError::Web(format!("the answer of {} is not UTF-8", self.host())))
    }

    fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        kind: &str,
    ) -> Result<BytesMut, ReadError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        for _ in 0..ATTEMPTS {
            let request = self.client.get(url.clone()).query(query).header(header::ACCEPT, kind);
            let request = match &self.access {
                Access::Token(token) => request.bearer_auth(token.expose_secret()),
                Access::Application(name, password) => {
                    request.basic_auth(name, Some(password.expose_secret()))
                }
            };
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(pause(&response)).await;
                continue;
            }
            return self.body(path, response).await;
        }
        Err(ReadError::Web(format!("{} asks to wait again and again; try later", self.host())))
    }

    async fn body(&self, path: &[&str], mut response: Response) -> Result<BytesMut, ReadError> {
        let host = self.host();
        let status = response.status();
        let page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.to_lowercase().starts_with("text/html"))
        });
        let why = match status {
            StatusCode::UNAUTHORIZED => "does not let us in; check the token or password",
            StatusCode::FORBIDDEN => {
                "forbids it; the token's owner must be an administrator of the product"
            }
            StatusCode::NOT_FOUND => {
                "knows no such address; is it the product's base address, with its context path?"
            }
            _ if status.is_redirection() => "leads elsewhere; give the address that it leads to",
            _ if !status.is_success() => "refused",
            _ if page => "answered with a web page; is it the product's base address?",
            _ => "",
        };
        if !why.is_empty() {
            return Err(ReadError::Web(format!("{host} {why} ({status} for /{})", path.join("/"))));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| {
            ReadError::Web(format!("the answer of {host} broke off; nothing was used, try again"))
        })? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                let max = BODY_BYTES_MAX >> 20;
                return Err(ReadError::Web(format!(
                    "an answer of {host} is larger than {max} MiB"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> ReadError {
        let why = if error.is_timeout() {
            "did not answer in time"
        } else {
            "cannot be reached; check address, firewall, proxy and its certificate"
        };
        ReadError::Web(format!("{} {why}", self.host()))
    }
}

fn pause(response: &Response) -> Duration {
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    asked.unwrap_or(PAUSE).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_on_encrypted_connections() {
        let new = |address: &str| Web::new(address, Access::Token(SecretString::from("t")));
        assert!(new("https://jira.example.org/jira/").is_ok());
        assert!(new("http://127.0.0.1:8080").is_ok());
        for bad in ["http://jira.example.org", "jira", "ftp://x", "https://u:a-secret@x/"] {
            let error = new(bad).unwrap_err().to_string();
            assert!(!error.contains("a-secret"), "{error}");
        }
    }
}
