//! What the operator configured: command line, configuration file and environment.
//!
//! Invariant: the environment is read here and by the command-line parser only. A key that is not known is
//! an error that names it, so that a misspelt setting is never silently ignored.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::Context;
use ipnet::IpNet;
use serde::Deserialize;

/// The configuration file, TOML.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Address and port to listen on.
    pub listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is believed, as addresses or networks.
    pub trusted_proxies: Vec<Network>,
    /// What is logged, such as `info` or `muster=debug`.
    pub log: Option<String>,
}

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
        let text = fs::read_to_string(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the configuration file {} cannot be used", path.display()))
    }
}

/// Address and token of a running server, if the environment names them (`MUSTER_URL`, `MUSTER_TOKEN`).
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub fn remote_from_environment() -> Option<(String, String)> {
    let url = std::env::var("MUSTER_URL").ok().filter(|url| !url.is_empty())?;
    let token = std::env::var("MUSTER_TOKEN").unwrap_or_default();
    Some((url, token))
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
    fn networks_are_addresses_or_ranges() {
        let file: File = toml::from_str("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").unwrap();
        assert_eq!(file.trusted_proxies.len(), 2);
        let error =
            toml::from_str::<File>("trusted_proxies = [\"proxy\"]").unwrap_err().to_string();
        assert!(error.contains("`proxy` is neither an address nor a network"), "{error}");
    }
}
