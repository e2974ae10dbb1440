//! The settings of an Entra connection.

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
    /// GUID or verified domain.
    pub(super) tenant: String,
    /// The registered application's id.
    pub(super) client_id: String,
    /// Base of the login host, without a slash at the end.
    pub(super) authority: Url,
    /// Base of Graph, without a slash at the end and without the version.
    pub(super) graph: Url,
    /// What of the tenant is read.
    pub(super) scope: Scope,
}

/// National clouds: name, login host, Graph host.
const CLOUDS: [(&str, &str, &str); 4] = [
    ("global", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
    ("us_gov", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
    ("us_gov_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    (
        "china",
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
];

impl Settings {
    pub(super) fn read(settings: &BTreeMap<String, String>) -> Result<Self, ConnectError> {
        const KNOWN: [&str; 5] = ["tenant", "client_id", "cloud", "authority", "graph"];
        check_known("entra", settings, &KNOWN)?;
        let get = |key: &str| {
            settings.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        let needed = |key: &str, what: &str| {
            get(key).map(str::to_owned).ok_or_else(|| {
                ConnectError::setting(format!(
                    "the setting `{key}` is missing: {what}; give it with --set {key}=…"
                ))
            })
        };
        let tenant = needed(
            "tenant",
            "the Directory (tenant) ID from the Overview page, or a verified domain",
        )?;
        if !tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') {
            let text = format!(
                "the setting `tenant` is `{tenant}`: that is neither a tenant ID (a GUID) nor a domain"
            );
            return Err(ConnectError::new(crate::error::Kind::Setting, "E-TENANT-FMT", text));
        }
        if ["common", "organizations", "consumers"].contains(&tenant.as_str()) {
            let text = format!(
                "the setting `tenant` is `{tenant}`: name your own tenant, by its ID or a verified domain"
            );
            return Err(ConnectError::new(crate::error::Kind::Setting, "E-TENANT-FMT", text));
        }
        let cloud = get("cloud").unwrap_or("global");
        let (_, authority, graph) =
            CLOUDS.iter().find(|(name, ..)| *name == cloud).ok_or_else(|| {
                let names: Vec<&str> = CLOUDS.iter().map(|(name, ..)| *name).collect();
                ConnectError::setting(format!(
                    "the setting `cloud` is `{cloud}`; it can be {}",
                    names.join(", ")
                ))
            })?;
        let client_id = needed("client_id", "the Application (client) ID from the Overview page")?;
        let scope = Scope::read(settings, Some(&client_id))?;
        if let Scope::Assigned(app) = &scope
            && !app.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return Err(ConnectError::setting(format!(
                "the setting `app` is `{app}`; it is the Application (client) ID of an enterprise application, a GUID"
            )));
        }
        Ok(Self {
            tenant,
            client_id,
            scope,
            authority: checked_base("authority", get("authority").unwrap_or(authority))?,
            graph: checked_base("graph", get("graph").unwrap_or(graph))?,
        })
    }

    /// An address of Graph v1.0.
    pub(super) fn graph_url(&self, path: &str) -> String {
        format!("{}/v1.0/{path}", self.graph.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, ConnectError> {
        Settings::read(
            &pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let said = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        assert!(said(&[("client_id", "c")]).contains("`tenant` is missing"));
        assert!(said(&[("tenant", "t.example")]).contains("`client_id` is missing"));
        assert!(said(&[("tenent", "t")]).contains("no setting `tenent`"));
        assert!(
            said(&[("tenant", "a tenant"), ("client_id", "c")]).contains("neither a tenant ID")
        );
        assert!(said(&[("tenant", "common"), ("client_id", "c")]).contains("your own tenant"));
        assert!(said(&[("tenant", "t"), ("client_id", "c"), ("cloud", "moon")]).contains("us_gov"));
        assert!(
            said(&[("tenant", "t"), ("client_id", "c"), ("graph", "http://graph.microsoft.com")])
                .contains("`graph`")
        );
    }

    #[test]
    fn addresses_are_of_graph_v1() {
        let settings = read(&[("tenant", "t"), ("client_id", "c")]).unwrap();
        assert_eq!(settings.graph_url("users"), "https://graph.microsoft.com/v1.0/users");
    }
}
