//! The settings of an Okta connection.

use std::collections::BTreeMap;

use url::Url;

use crate::{
    error::{ConnectError, Kind},
    http::checked_base,
    scope::{Scope, check_known},
};

/// Where and as whom to ask.
#[derive(Debug)]
pub(super) struct Settings {
    /// What of the organisation is read.
    pub(super) scope: Scope,
    /// The organisation's address, without a slash at the end.
    pub(super) url: Url,
    /// The service app's id; without one the secret is an API token.
    pub(super) client_id: Option<String>,
    /// The id of the private key, where its file does not say.
    pub(super) key_id: Option<String>,
    /// The share of each of the vendor's limits that may be used, in percent.
    pub(super) rate_share: u32,
    /// The share of that which members may take between complete reads, in percent.
    pub(super) members_share: u32,
    /// Whether the group of everybody is filled with everybody.
    pub(super) expand_everyone: bool,
    /// Whether the System Log is asked what the lists do not show.
    pub(super) system_log: bool,
}

const RATE_SHARE: u32 = 50;
const MEMBERS_SHARE: u32 = 30;

const KNOWN: [&str; 7] =
    ["url", "client_id", "key_id", "rate_share", "members_share", "everyone_members", "system_log"];

impl Settings {
    pub(super) fn read(settings: &BTreeMap<String, String>) -> Result<Self, ConnectError> {
        check_known("okta", settings, &KNOWN)?;
        let get = |key: &str| settings.get(key).map(|text| text.trim()).filter(|t| !t.is_empty());
        let percent = |key: &str, usual: u32| match get(key) {
            None => Ok(usual),
            Some(text) => {
                text.parse().ok().filter(|share| (1..=100).contains(share)).ok_or_else(|| {
                    ConnectError::setting(format!(
                        "the setting `{key}` is `{text}`; it is a number from 1 to 100 (percent)"
                    ))
                })
            }
        };
        let choice = |key: &str, on: &str, off: &str| match get(key) {
            None => Ok(true),
            Some(text) if text == on => Ok(true),
            Some(text) if text == off => Ok(false),
            Some(other) => Err(ConnectError::setting(format!(
                "the setting `{key}` is `{other}`; it can be {on}, {off}"
            ))),
        };
        let url = get("url").ok_or_else(|| {
            ConnectError::setting(
                "the setting `url` is missing: the organisation's address; give it with --set \
                 url=https://example.okta.com",
            )
        })?;
        Ok(Self {
            scope: Scope::read(settings, Some(""))?,
            url: organisation(url)?,
            client_id: get("client_id").map(str::to_owned),
            key_id: get("key_id").map(str::to_owned),
            rate_share: percent("rate_share", RATE_SHARE)?,
            members_share: percent("members_share", MEMBERS_SHARE)?,
            expand_everyone: choice("everyone_members", "expand", "ignore")?,
            system_log: choice("system_log", "auto", "off")?,
        })
    }

    /// An address of the organisation; path segments and parameters are encoded.
    pub(super) fn address(&self, segments: &[&str], parameters: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        url.into()
    }

    /// An address of the API.
    pub(super) fn api(&self, segments: &[&str], parameters: &[(&str, &str)]) -> String {
        let all: Vec<&str> = ["api", "v1"].iter().chain(segments).copied().collect();
        self.address(&all, parameters)
    }
}

/// Checks the address of an organisation. What was copied from a browser's address line is cut to the host.
fn organisation(text: &str) -> Result<Url, ConnectError> {
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = checked_base("url", &text)?;
    let host = url.host_str().unwrap_or_default();
    if let Some((name, rest)) = host.split_once("-admin.") {
        let text = format!(
            "the setting `url` is the address of the Admin Console; the organisation's is https://{name}.{rest}"
        );
        return Err(ConnectError::new(Kind::Setting, "O-ADMINHOST", text));
    }
    if url.scheme() == "https" {
        url.set_path("");
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, ConnectError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::read(&pairs.collect())
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let said = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        let url = ("url", "https://example.okta.com");
        assert!(said(&[]).contains("`url` is missing"));
        assert!(said(&[url, ("tenant", "x")]).contains("no setting `tenant`"));
        assert!(said(&[url, ("rate_share", "0")]).contains("from 1 to 100"));
        assert!(said(&[url, ("system_log", "maybe")]).contains("auto, off"));
        assert!(said(&[("url", "http://example.okta.com")]).contains("`url`"));
        let error = read(&[("url", "https://example-admin.okta.com/admin/users")]).unwrap_err();
        assert_eq!(error.code(), Some("O-ADMINHOST"));
        assert!(error.to_string().contains("https://example.okta.com"), "{error}");
    }

    #[test]
    fn addresses_are_cut_to_the_host_and_encoded() {
        let settings = read(&[("url", "example.okta.com/app/UserHome?x=1#y")]).unwrap();
        let url = settings.api(&["groups", "a/b", "users"], &[("filter", "x eq \"y\"")]);
        let expected = "https://example.okta.com/api/v1/groups/a%2Fb/users?filter=x+eq+%22y%22";
        assert_eq!(url, expected);
        let local = read(&[("url", "http://127.0.0.1:1/okta/")]).unwrap();
        let token = local.address(&["oauth2", "v1", "token"], &[]);
        assert_eq!(token, "http://127.0.0.1:1/okta/oauth2/v1/token");
    }
}
