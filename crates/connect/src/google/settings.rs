//! The settings of a Google Workspace connection.

use std::collections::BTreeMap;

use url::Url;

use crate::{
    error::ConnectError,
    http::checked_base,
    scope::{Scope, check_known},
};

/// Where and as whom to ask.
#[derive(Debug)]
pub(super) struct Settings {
    /// What of the organisation is read.
    pub(super) scope: Scope,
    /// The administrator whom the service account acts as.
    pub(super) subject: String,
    /// The customer's id, or `my_customer`: the subject's.
    pub(super) customer: String,
    /// Where tokens come from.
    pub(super) token_uri: Url,
    /// Base of the API, without a slash at the end.
    pub(super) api: Url,
    /// Requests a minute at the most; none for no limit of ours.
    pub(super) requests_per_minute: Option<u32>,
    /// The share of these that members may take between complete reads, in percent.
    pub(super) members_share: u32,
    /// Whether the audit logs are asked which groups changed.
    pub(super) reports: bool,
    /// Whether a group that has everybody as a member is filled with everybody.
    pub(super) expand_everyone: bool,
}

/// Google's own address for tokens: key files name it, and assertions are made out to it.
pub(super) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const API: &str = "https://admin.googleapis.com";
/// A little below Google's 2,400 a minute for one user and project.
const REQUESTS_PER_MINUTE: u32 = 2_200;
const MEMBERS_SHARE: u32 = 30;

const KNOWN: [&str; 8] = [
    "subject",
    "customer",
    "token_uri",
    "api",
    "requests_per_minute",
    "members_share",
    "everyone_members",
    "reports",
];

impl Settings {
    pub(super) fn read(settings: &BTreeMap<String, String>) -> Result<Self, ConnectError> {
        check_known("google", settings, &KNOWN)?;
        let get = |key: &str| settings.get(key).map(|text| text.trim()).filter(|t| !t.is_empty());
        let number = |key: &str, usual: u32, most: u32| match get(key) {
            None => Ok(usual),
            Some(text) => text.parse().ok().filter(|number| *number <= most).ok_or_else(|| {
                ConnectError::setting(format!(
                    "the setting `{key}` is `{text}`; it is a number up to {most}"
                ))
            }),
        };
        let subject = get("subject").filter(|subject| subject.contains('@')).ok_or_else(|| {
            ConnectError::setting(
                "the setting `subject` is missing or no e-mail address: the administrator whom the service account \
                 acts as; give it with --set subject=admin@example.com",
            )
        })?;
        let expand_everyone = match get("everyone_members").unwrap_or("expand") {
            "expand" => true,
            "ignore" => false,
            other => {
                return Err(ConnectError::setting(format!(
                    "the setting `everyone_members` is `{other}`; it can be expand, ignore"
                )));
            }
        };
        let reports = match get("reports").unwrap_or("off") {
            "on" => true,
            "off" => false,
            other => {
                return Err(ConnectError::setting(format!(
                    "the setting `reports` is `{other}`; it can be on, off"
                )));
            }
        };
        let per_minute = number("requests_per_minute", REQUESTS_PER_MINUTE, 1_000_000)?;
        Ok(Self {
            scope: Scope::read(settings, None)?,
            subject: subject.to_owned(),
            customer: get("customer").unwrap_or("my_customer").to_owned(),
            token_uri: checked_base("token_uri", get("token_uri").unwrap_or(TOKEN_URI))?,
            api: checked_base("api", get("api").unwrap_or(API))?,
            requests_per_minute: (per_minute > 0).then_some(per_minute),
            members_share: number("members_share", MEMBERS_SHARE, 100)?,
            expand_everyone,
            reports,
        })
    }

    /// An address of the Directory API.
    pub(super) fn directory_url(&self, segments: &[&str], parameters: &[(&str, &str)]) -> Url {
        let all: Vec<&str> = ["admin", "directory", "v1"].iter().chain(segments).copied().collect();
        self.url(&all, parameters)
    }

    /// An address of the API; path segments and parameters are encoded.
    pub(super) fn url(&self, segments: &[&str], parameters: &[(&str, &str)]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        url
    }
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
        let subject = ("subject", "admin@example.com");
        assert!(said(&[]).contains("`subject` is missing"));
        assert!(said(&[("subject", "admin")]).contains("no e-mail address"));
        assert!(said(&[subject, ("tenant", "x")]).contains("no setting `tenant`"));
        assert!(said(&[subject, ("members_share", "101")]).contains("a number up to 100"));
        assert!(said(&[subject, ("everyone_members", "x")]).contains("expand, ignore"));
        assert!(said(&[subject, ("token_uri", "http://evil.example")]).contains("`token_uri`"));
    }

    #[test]
    fn addresses_are_encoded() {
        let settings =
            read(&[("subject", "a@b.example"), ("api", "http://127.0.0.1:1/google/api/")]);
        let url =
            settings.unwrap().directory_url(&["groups", "a/b?c", "members"], &[("fields", "x(y)")]);
        let expected = "http://127.0.0.1:1/google/api/admin/directory/v1/groups/a%2Fb%3Fc/members?fields=x%28y%29";
        assert_eq!(url.as_str(), expected);
    }
}
