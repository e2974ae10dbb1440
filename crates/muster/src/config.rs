//! What the operator configured: command line, configuration file and environment.
//!
//! Invariant: the environment is read here and by the command-line parser only. A key that is not known is
//! an error that names it, so that a misspelt setting is never silently ignored.

use std::{net::SocketAddr, num::NonZeroU32, path::Path};

use anyhow::{Context, bail};
use directory::id::{DAY_MS, MINUTE_MS};
use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use crate::{
    crowd::{Settings, Unchecked},
    peer::Proxies,
    text_file,
};

/// The configuration file, TOML.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Address and port to listen on.
    pub listen: Option<SocketAddr>,
    /// How this server is reached from the internet, for providers that tell of changes.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed, as addresses or networks.
    pub trusted_proxies: Vec<Network>,
    /// What is logged, such as `info` or `muster=debug`.
    pub log: Option<String>,
    /// How long a single sign-on session lasts after its last use, in minutes.
    pub session_minutes: Option<NonZeroU32>,
    /// The domain of the single sign-on cookie, such as `.example.org`.
    pub cookie_domain: Option<String>,
    /// What products are told of passwords that a directory does not check: `fail` or `refuse`.
    pub unchecked_passwords: Unchecked,
    /// Whether products are kept from synchronising by events.
    pub full_synchronisation_only: bool,
    /// For how many days the history is kept.
    pub history_days: Option<u32>,
    /// Whether the console is shown over a network without encryption.
    pub allow_plain_http: bool,
}

/// How long the history is kept unless told otherwise, in days.
const HISTORY_DAYS: u32 = 400;
/// The shortest history: products may ask for the events of a day, and the guard counts a day.
const HISTORY_DAYS_MIN: u32 = 2;
/// The longest history, in days: a hundred years.
const HISTORY_DAYS_MAX: u32 = 36_500;

/// An address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network =
            text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .map_err(|_| format!("`{text}` is neither an address nor a network such as 10.0.0.0/8"))
    }
}

impl File {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Names the file, and the line and key that cannot be used.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = text_file::read(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the configuration file {} cannot be used", path.display()))
    }

    /// How this server is reached from the internet.
    ///
    /// # Errors
    /// When it is not an address that a provider could call.
    pub fn public_url(&self) -> anyhow::Result<Option<Url>> {
        let Some(text) = self.public_url.as_deref() else { return Ok(None) };
        let url = Url::parse(text).with_context(|| format!("public_url is `{text}`"))?;
        let local =
            ["127.0.0.1", "localhost", "[::1]"].contains(&url.host_str().unwrap_or_default());
        if url.scheme() != "https" && !(local && url.scheme() == "http") {
            bail!("public_url is `{text}`; providers call https:// only");
        }
        Ok(Some(url))
    }

    /// The proxies whose headers are believed.
    pub fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.iter().map(|network| network.0))
    }

    /// How long the history is kept, in milliseconds.
    ///
    /// # Errors
    /// When it is too short for products and guard.
    pub fn history_ms(&self) -> anyhow::Result<i64> {
        let days = self.history_days.unwrap_or(HISTORY_DAYS);
        if !(HISTORY_DAYS_MIN..=HISTORY_DAYS_MAX).contains(&days) {
            bail!(
                "history_days is {days}; it is {HISTORY_DAYS_MIN} at least, and {HISTORY_DAYS_MAX} at most"
            );
        }
        Ok(i64::from(days) * DAY_MS)
    }

    /// What it says about the Crowd server.
    pub fn crowd(&self) -> Settings {
        let usual = Settings::default();
        let minutes = self.session_minutes.map(|minutes| i64::from(minutes.get()) * MINUTE_MS);
        Settings {
            session_ms: minutes.unwrap_or(usual.session_ms),
            cookie_domain: self.cookie_domain.clone().filter(|domain| !domain.is_empty()),
            unchecked: self.unchecked_passwords,
            incremental: !self.full_synchronisation_only,
        }
    }
}

/// Address and token of a running server, if the environment names them (`MUSTER_URL`, `MUSTER_TOKEN`).
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub fn remote_from_environment() -> Option<(String, String)> {
    let url = std::env::var("MUSTER_URL").ok().filter(|url| !url.is_empty())?;
    let token = std::env::var("MUSTER_TOKEN").unwrap_or_default();
    Some((url, token))
}

/// A secret that a file of settings says is in the environment.
///
/// # Errors
/// Names the variable that is not there or empty.
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub fn secret_from_environment(name: &str) -> anyhow::Result<String> {
    let secret = std::env::var(name).ok().filter(|secret| !secret.is_empty());
    secret.with_context(|| {
        format!("the environment has no secret in `{name}`; set it for this command")
    })
}

/// What is to be logged, if the environment says so (`MUSTER_LOG`).
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub fn log_from_environment() -> Option<String> {
    std::env::var("MUSTER_LOG").ok().filter(|log| !log.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named() {
        let error = toml::from_str::<File>("listn = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("listn"), "{error}");
    }

    #[test]
    fn the_history_is_kept_for_400_days_and_within_bounds() {
        assert_eq!(File::default().history_ms().unwrap(), 400 * DAY_MS);
        for days in [0, 1, 36_501, u32::MAX] {
            let file: File = toml::from_str(&format!("history_days = {days}")).unwrap();
            let error = file.history_ms().unwrap_err().to_string();
            assert!(error.contains(&format!("history_days is {days}")), "{error}");
        }
        for days in [2, 36_500] {
            let file: File = toml::from_str(&format!("history_days = {days}")).unwrap();
            assert_eq!(file.history_ms().unwrap(), i64::from(days) * DAY_MS);
        }
    }

    #[test]
    fn networks_are_addresses_or_ranges() {
        let file: File = toml::from_str("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").unwrap();
        assert_eq!(file.trusted_proxies.len(), 2);
        let error =
            toml::from_str::<File>("trusted_proxies = [\"proxy\"]").unwrap_err().to_string();
        assert!(error.contains("`proxy` is neither an address nor a network"), "{error}");
    }
}
