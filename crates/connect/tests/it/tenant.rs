//! A simulated tenant, its control API, and a copy of it that is kept from observations alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use connect::{ConnectError, Connector, Progress, Surroundings};
use directory::{
    id::{Millis, ProviderId},
    observation::{Attribute, Cursor, Listing, Member, MembersListing, Observation},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulator::{Options, Provider, Running};

/// A running tenant.
pub(crate) struct Tenant {
    pub(crate) running: Running,
    provider: Provider,
    pub(crate) http: reqwest::Client,
    connectors: AtomicU32,
}

impl Tenant {
    pub(crate) async fn start() -> Self {
        let options = Options {
            users: 1_300,
            groups: 60,
            memberships: 6_000,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        Self::with(options).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let provider = options.providers[0];
        let running = simulator::start(options).await.unwrap();
        let (http, connectors) = (connect::http::local_client().unwrap(), AtomicU32::new(0));
        Self { running, provider, http, connectors }
    }

    /// A Google organisation.
    pub(crate) async fn google() -> Self {
        let options = Options {
            providers: vec![Provider::Google],
            users: 700,
            groups: 60,
            memberships: 3_000,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        Self::with(options).await
    }

    /// An Okta organisation.
    pub(crate) async fn okta() -> Self {
        Self::with(Self::okta_options()).await
    }

    pub(crate) fn okta_options() -> Options {
        Options {
            providers: vec![Provider::Okta],
            users: 700,
            groups: 60,
            memberships: 3_000,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        }
    }

    pub(crate) fn is_entra(&self) -> bool {
        self.provider == Provider::Entra
    }

    pub(crate) fn is_okta(&self) -> bool {
        self.provider == Provider::Okta
    }

    pub(crate) fn connector(&self) -> Connector {
        self.connector_with(&[]).unwrap()
    }

    /// A connector with some settings changed; `secret` is one of them.
    pub(crate) fn connector_with(
        &self,
        changed: &[(&str, &str)],
    ) -> Result<Connector, ConnectError> {
        let (name, settings) = self.settings();
        let mut settings: BTreeMap<String, String> =
            settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        for (key, value) in changed {
            settings.insert((*key).to_owned(), (*value).to_owned());
        }
        let secret = SecretString::from(settings.remove("secret").unwrap());
        // Each as a process of its own would: what is unique to it must be so beside the others.
        let seed = 7 + u64::from(self.connectors.fetch_add(1, Ordering::Relaxed));
        Connector::new(name, &settings, &secret, Surroundings::new(now, seed))
    }

    /// The provider's name, and the settings with `secret` among them.
    fn settings(&self) -> (&'static str, Vec<(&'static str, String)>) {
        let description = self.running.description();
        match self.provider {
            Provider::Entra => {
                let entra = description.entra.clone().unwrap();
                let settings = vec![
                    ("authority", entra.authority),
                    ("graph", entra.graph),
                    ("tenant", entra.tenant),
                    ("client_id", entra.client_id),
                    ("secret", entra.client_secret),
                ];
                ("entra", settings)
            }
            Provider::Google => {
                let google = description.google.clone().unwrap();
                let key = std::fs::read_to_string(&google.key_file).unwrap();
                let settings = vec![
                    ("token_uri", google.token_uri),
                    ("api", google.api),
                    ("subject", google.subject),
                    ("requests_per_minute", "0".to_owned()),
                    ("secret", key),
                ];
                ("google", settings)
            }
            Provider::Okta => {
                let okta = description.okta.clone().unwrap();
                let key = std::fs::read_to_string(&okta.key_file).unwrap();
                let settings = vec![
                    ("url", okta.url),
                    ("client_id", okta.client_id),
                    ("key_id", okta.key_id),
                    ("secret", key),
                ];
                ("okta", settings)
            }
        }
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (name, control) = (self.settings().0, &self.running.description().control);
        let url = format!("{control}/{name}/{path}");
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.control("POST", "faults", faults).await;
    }

    pub(crate) async fn violations(&self) -> Value {
        self.control("GET", "counters", Value::Null).await["violations"].clone()
    }

    pub(crate) async fn truth(&self) -> Copy {
        Copy::of_truth(&self.control("GET", "truth", Value::Null).await)
    }

    /// An Entra tenant whose app has these permissions.
    pub(crate) async fn with_roles(roles: &[&str]) -> Self {
        let options = Options {
            users: 60,
            groups: 40,
            memberships: 200,
            entra_roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        Self::with(options).await
    }

    /// Puts somebody or a group (`users`, `groups`) into a group.
    pub(crate) async fn put(&self, group: &str, kind: &str, member: &str) {
        self.control("PUT", &format!("groups/{group}/{kind}/{member}"), Value::Null).await;
    }

    pub(crate) async fn new_user(&self, login: &str) -> String {
        let body = json!({"login": login, "display_name": login});
        self.control("POST", "users", body).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn new_group(&self, name: &str) -> String {
        self.control("POST", "groups", json!({"name": name})).await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' only reading of the time")]
pub(crate) fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap())
}

/// A tenant as somebody knows it who only hears observations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    /// Login and whether enabled.
    pub(crate) users: BTreeMap<String, (String, bool)>,
    pub(crate) groups: BTreeMap<String, String>,
    /// Group and member, by id.
    pub(crate) members: BTreeSet<(String, String)>,
}

impl Copy {
    fn of_truth(truth: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut copy = Self::default();
        for user in truth["users"].as_array().unwrap() {
            copy.users.insert(text(&user["id"]), (text(&user["login"]), user["active"] == true));
        }
        for group in truth["groups"].as_array().unwrap() {
            let id = text(&group["id"]);
            for kind in ["users", "groups"] {
                for member in group[kind].as_array().unwrap() {
                    copy.members.insert((id.clone(), text(member)));
                }
            }
            copy.groups.insert(id, text(&group["name"]));
        }
        copy
    }

    pub(crate) fn hear(&mut self, observation: &Observation) {
        match &observation.people {
            Listing::NotRead => {}
            Listing::Complete(people) => {
                self.users.clear();
                self.users.extend(people.iter().map(user));
            }
            Listing::Delta { put, removed } => {
                self.users.extend(put.iter().map(user));
                for gone in removed {
                    self.users.remove(&gone.id.to_string());
                    self.members.retain(|(_, member)| *member != gone.id.to_string());
                }
            }
        }
        match &observation.groups {
            Listing::NotRead => {}
            Listing::Complete(groups) => {
                self.groups.clear();
                self.groups.extend(groups.iter().map(group));
                self.members.retain(|(group, _)| self.groups.contains_key(group));
            }
            Listing::Delta { put, removed } => {
                self.groups.extend(put.iter().map(group));
                for gone in removed {
                    let gone = gone.id.to_string();
                    self.groups.remove(&gone);
                    self.members.retain(|(group, member)| *group != gone && *member != gone);
                }
            }
        }
        for members in &observation.members {
            let group = members.group.to_string();
            match &members.listing {
                MembersListing::Complete(set) => {
                    self.members.retain(|(known, _)| *known != group);
                    let all = set.users.iter().chain(&set.groups);
                    self.members.extend(all.map(|member| (group.clone(), member.to_string())));
                }
                MembersListing::Delta { added, removed } => {
                    for member in removed.users.iter().chain(&removed.groups) {
                        self.members.remove(&(group.clone(), member.to_string()));
                    }
                    let all = added.users.iter().chain(&added.groups);
                    self.members.extend(all.map(|member| (group.clone(), member.to_string())));
                }
            }
        }
        // A member that is in the bin is nobody to the truth.
        self.members.retain(|(_, member)| {
            self.users.contains_key(member) || self.groups.contains_key(member)
        });
    }
}

fn user(record: &directory::observation::PersonRecord) -> (String, (String, bool)) {
    let login = record.attributes.get(Attribute::Login).unwrap_or_default().to_owned();
    (record.id.to_string(), (login, record.enabled.unwrap()))
}

fn group(record: &directory::observation::GroupRecord) -> (String, String) {
    (
        record.id.to_string(),
        record.attributes.get(Attribute::DisplayName).unwrap_or_default().to_owned(),
    )
}

/// Pulls, hears, and gives the next cursor with the notes.
pub(crate) async fn pull(
    connector: &Connector,
    copy: &mut Copy,
    cursor: Option<&Cursor>,
) -> Result<(Cursor, Vec<String>), ConnectError> {
    let observation = connector.pull(cursor, &Progress::default()).await?;
    copy.hear(&observation);
    Ok((observation.cursor.unwrap(), observation.notes))
}

pub(crate) fn id(text: &str) -> ProviderId {
    ProviderId::parse(text).unwrap()
}

pub(crate) fn person(text: &str) -> Member {
    Member::User(id(text))
}
