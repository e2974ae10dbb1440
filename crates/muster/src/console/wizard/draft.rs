//! A directory that is being connected: everything typed so far, kept sealed in the store.
//!
//! Invariants: what was typed is kept before it is judged; a credential is never sent back to a browser.

use std::collections::BTreeMap;

use connect::{Credential, ProbeReport};
use directory::{id::Millis, rules::Rules};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::DraftRow;

use crate::{
    api::{connection::day, directory::usual_rules},
    app::App,
    console::page::{Refusal, Visit},
    entropy,
};

/// A key that was made here: the provider gets the public part.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Made {
    secret: String,
    pub(super) public: String,
    pub(super) name: String,
    pub(super) expires: Option<Millis>,
}

impl From<Credential> for Made {
    fn from(made: Credential) -> Self {
        Self {
            secret: made.secret.expose_secret().to_owned(),
            public: made.public,
            name: made.name,
            expires: made.expires,
        }
    }
}

/// What came back from the provider's consent page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Consent {
    Granted,
    Refused(String),
}

/// A directory that is being connected.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    #[serde(skip)]
    pub(super) id: String,
    #[serde(skip)]
    pub(super) updated: Millis,
    pub(super) provider: String,
    /// Who began it.
    pub(super) by: String,
    /// The directory's name to be.
    pub(super) name: String,
    /// What was typed, by the field's name; credentials aside.
    pub(super) typed: BTreeMap<String, String>,
    secret: String,
    pub(super) made: Option<Made>,
    /// What the consent page has to bring back.
    pub(super) state: String,
    pub(super) consent: Option<Consent>,
    pub(super) report: Option<ProbeReport>,
    pub(super) rules: Option<Rules>,
}

/// Fields that are settings of the connection, by provider.
const SETTINGS: [(&str, &[&str]); 3] = [
    ("entra", &["tenant", "client_id", "cloud", "authority", "graph", "read", "groups", "app"]),
    (
        "google",
        &["subject", "customer", "token_uri", "api", "requests_per_minute", "read", "groups"],
    ),
    ("okta", &["url", "client_id", "read", "groups", "app"]),
];

impl Draft {
    pub(super) fn new(visit: &Visit, provider: &str) -> Self {
        Self {
            id: entropy::token(),
            updated: visit.now(),
            provider: provider.to_owned(),
            by: visit.actor().who,
            state: entropy::token(),
            ..Self::default()
        }
    }

    /// What was typed into a field; empty when nothing was.
    pub(super) fn text(&self, field: &str) -> &str {
        self.typed.get(field).map(|text| text.trim()).unwrap_or_default()
    }

    /// Keeps what was typed into a field.
    pub(super) fn set(&mut self, field: &str, text: &str) {
        self.typed.insert(field.to_owned(), text.trim().to_owned());
    }

    /// Whether the provider is given a key that was made here.
    pub(super) fn uses_made_key(&self) -> bool {
        match self.provider.as_str() {
            "entra" => self.text("kind") == "certificate",
            "okta" => self.text("kind") != "token" && self.text("key") != "own",
            _ => false,
        }
    }

    /// The credential that was typed, or made.
    pub(super) fn secret(&self) -> SecretString {
        match (&self.made, self.uses_made_key()) {
            (Some(made), true) => SecretString::from(made.secret.clone()),
            (None, true) => SecretString::default(),
            (_, false) => SecretString::from(self.secret.clone()),
        }
    }

    /// Whether a credential was typed.
    pub(super) fn has_typed_secret(&self) -> bool {
        !self.secret.is_empty()
    }

    /// Keeps a credential that was typed; an empty field leaves the one that was typed before.
    pub(super) fn set_secret(&mut self, secret: &str) {
        let secret = secret.trim();
        if !secret.is_empty() {
            secret.clone_into(&mut self.secret);
        }
    }

    /// When the credential stops working, if that is known.
    pub(super) fn credential_ends(&self) -> Option<Millis> {
        match &self.made {
            Some(made) if self.uses_made_key() => made.expires,
            _ => day(self.text("expires")).ok().flatten(),
        }
    }

    /// The settings of the connection, as the connector reads them.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let known = SETTINGS.iter().find(|(provider, _)| *provider == self.provider);
        let fields = known.map(|(_, fields)| *fields).unwrap_or_default();
        let okta_token = self.provider == "okta" && self.text("kind") == "token";
        let scope = match self.text("read") {
            "groups" => ["app"].as_slice(),
            "assigned" => &["groups"],
            _ => &["read", "groups", "app"],
        };
        let used = fields.iter().filter(|field| {
            let elsewhere = scope.contains(field) || (okta_token && **field == "client_id");
            !elsewhere && !self.text(field).is_empty()
        });
        used.map(|field| ((*field).to_owned(), self.text(field).to_owned())).collect()
    }

    /// The rules that were chosen, or the usual ones.
    pub(super) fn rules(&self) -> Rules {
        self.rules.clone().unwrap_or_else(|| usual_rules(&self.provider))
    }

    /// Whether the last test went well.
    pub(super) fn tested(&self) -> bool {
        self.report.as_ref().is_some_and(ProbeReport::succeeded)
    }

    /// What the directory is called unless somebody says otherwise.
    pub(super) fn usual_name(&self) -> String {
        let domain = match self.provider.as_str() {
            "google" => self.text("subject").rsplit('@').next().unwrap_or_default(),
            "okta" => self.text("url").trim_start_matches("https://"),
            _ => self.text("domain"),
        };
        let first = domain.split(['.', ':', '/']).next().unwrap_or_default();
        let plain = first.len() > 2 && first.chars().all(|c| c.is_alphanumeric() || c == '-');
        if plain && first.parse::<u64>().is_err() && first != "http" {
            return first.to_owned();
        }
        self.provider.clone()
    }

    fn opened(row: &DraftRow) -> Result<Self, Refusal> {
        let read = serde_json::from_str::<Self>(row.content.expose_secret());
        let draft = read.map_err(|error| anyhow::anyhow!("a draft cannot be read: {error}"))?;
        Ok(Self { id: row.id.clone(), updated: row.updated, ..draft })
    }

    /// A draft by its id.
    pub(super) async fn find(app: &App, id: &str) -> Result<Self, Refusal> {
        let wanted = id.to_owned();
        let row = app.blocking(move |store| store.draft(&wanted)).await?;
        Self::opened(&row.ok_or_else(|| Refusal::not_found("such draft"))?)
    }

    /// All drafts, the latest changed first.
    pub(super) async fn all(app: &App) -> Result<Vec<Self>, Refusal> {
        app.blocking(store::Store::drafts).await?.iter().map(Self::opened).collect()
    }

    /// Keeps it.
    pub(super) async fn keep(&mut self, app: &App) -> anyhow::Result<()> {
        self.updated = app.clock.now();
        let content = SecretString::from(serde_json::to_string(self)?);
        let row = DraftRow { id: self.id.clone(), updated: self.updated, content };
        app.blocking(move |store| store.put_draft(&row)).await
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(provider: &str, typed: &[(&str, &str)]) -> Draft {
        let mut draft = Draft { provider: provider.to_owned(), ..Draft::default() };
        for (field, text) in typed {
            draft.set(field, text);
        }
        draft
    }

    #[test]
    fn only_settings_of_the_connection_reach_it() {
        let typed = [("client_id", " c "), ("kind", "secret"), ("groups", "a"), ("domain", "d")];
        let settings = draft("entra", &typed).settings();
        assert_eq!(settings.into_iter().collect::<Vec<_>>(), [("client_id".into(), "c".into())]);
        let scoped =
            draft("entra", &[("read", "groups"), ("groups", "a"), ("app", "b")]).settings();
        assert!(scoped.contains_key("groups") && !scoped.contains_key("app"));
        let token =
            draft("okta", &[("kind", "token"), ("client_id", "c"), ("url", "u")]).settings();
        assert_eq!(token.keys().collect::<Vec<_>>(), ["url"]);
    }

    #[test]
    fn a_typed_secret_stays_until_another_is_typed_and_is_never_shown() {
        let mut draft = draft("google", &[("subject", "admin@contoso.example")]);
        draft.set_secret(" hush ");
        draft.set_secret("");
        assert_eq!(draft.secret().expose_secret(), "hush");
        assert!(!format!("{draft:?}").contains("hush"));
        assert_eq!(draft.usual_name(), "contoso");
    }
}
