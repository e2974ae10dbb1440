//! What a product is served, read strictly: every list in XML and in JSON, which must say the same, and everybody by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use reqwest::Url;
use serde_json::Value;

use crate::strict::{attributes, json};

const EVERYTHING: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><null-search-restriction/>";
const XML: &str = "application/xml";
const JSON: &str = "application/json";
/// Differences that a failure tells.
const TOLD_MAX: usize = 6;
/// Characters of each that it tells.
const TOLD_CHARS: usize = 600;

/// What a product is served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// The record of each user, as JSON.
    pub(crate) users: BTreeMap<String, Value>,
    /// The record of each group, as JSON.
    pub(crate) groups: BTreeMap<String, Value>,
    /// Users and groups directly in each group.
    pub(crate) members: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl Served {
    /// Fails where another read came to something else, and tells where.
    pub(crate) fn assert_same(&self, later: &Self, when: &str) {
        let mut found = Vec::new();
        differences("user", &self.users, &later.users, &mut found);
        differences("group", &self.groups, &later.groups, &mut found);
        differences("members of", &self.members, &later.members, &mut found);
        let count = found.len();
        found.truncate(TOLD_MAX);
        assert!(count == 0, "{when}: {count} differences\n{}", found.join("\n"));
    }

    /// Memberships, direct ones.
    pub(crate) fn memberships(&self) -> usize {
        self.members.values().map(|(users, groups)| users.len() + groups.len()).sum()
    }
}

fn differences<T: PartialEq + Debug>(
    kind: &str,
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    found: &mut Vec<String>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (one, other) = (before.get(name), after.get(name));
        if one != other {
            let told = |one: Option<&T>| {
                let text = one.map_or_else(|| "nothing".to_owned(), |one| format!("{one:?}"));
                text.chars().take(TOLD_CHARS).collect::<String>()
            };
            let name: String = name.chars().take(TOLD_CHARS).collect();
            found.push(format!("{kind} {name:?}\n  was {}\n  is  {}", told(one), told(other)));
        }
    }
}

/// A product.
pub(crate) struct Product<'a> {
    pub(crate) http: &'a reqwest::Client,
    /// The server's address.
    pub(crate) url: &'a str,
    pub(crate) credentials: &'a (String, String),
    /// What a failure begins with.
    pub(crate) when: &'a str,
}

impl Product<'_> {
    /// Reads everything.
    pub(crate) async fn read(&self) -> Served {
        let when = self.when;
        let ready = self.http.get(format!("{}/health/ready", self.url)).send().await;
        assert_eq!(ready.unwrap().status(), 200, "{when}: the server is ready");
        let users = self.records("user").await;
        let groups = self.records("group").await;
        let xml = self.fetch("group/membership", &[], None, XML).await;
        let members = memberships(&xml, when);
        assert!(members.keys().eq(groups.keys()), "{when}: every group is among the memberships");
        for (group, (inside, nested)) in &members {
            let odd = inside.iter().find(|name| !users.contains_key(*name));
            assert_eq!(odd, None, "{when}: {group:?} has somebody who is not there");
            let odd = nested.iter().find(|name| !groups.contains_key(*name));
            assert_eq!(odd, None, "{when}: {group:?} has a group that is not there");
        }
        let served = Served { users, groups, members };
        self.read_one_by_one(&served).await;
        served
    }

    async fn records(&self, kind: &str) -> BTreeMap<String, Value> {
        let query =
            [("entity-type", kind), ("start-index", "0"), ("max-results", "-1"), ("expand", kind)];
        let xml = self.fetch("search", &query, Some(EVERYTHING), XML).await;
        let text = self.fetch("search", &query, Some(EVERYTHING), JSON).await;
        let mut named = BTreeMap::new();
        for record in json(&text, self.when)[format!("{kind}s")].as_array().unwrap() {
            let name = record["name"].as_str().unwrap().to_owned();
            let twice = named.insert(name, without_links(record.clone()));
            assert_eq!(twice, None, "{}: a {kind} twice", self.when);
        }
        let mut in_xml = attributes(&xml, kind, "name", self.when);
        in_xml.sort();
        let in_json: Vec<String> = named.keys().cloned().collect();
        assert_eq!(in_xml, in_json, "{}: {kind}s in XML and JSON", self.when);
        named
    }

    /// Everybody can be addressed by their name, whatever is in it.
    async fn read_one_by_one(&self, served: &Served) {
        for (kind, parameter, all) in
            [("user", "username", &served.users), ("group", "groupname", &served.groups)]
        {
            for (name, record) in all {
                let query = [(parameter, name.as_str())];
                let xml = self.fetch(kind, &query, None, XML).await;
                assert_eq!(attributes(&xml, kind, "name", self.when), [name.as_str()]);
                let one = json(&self.fetch(kind, &query, None, JSON).await, self.when);
                let one = without_links(one);
                assert_eq!(one["name"], record["name"], "{}: {kind} by name", self.when);
                assert_eq!(one["active"], record["active"], "{}: {kind} by name", self.when);
            }
        }
        for (group, (inside, _)) in &served.members {
            let query = [("groupname", group.as_str()), ("max-results", "-1")];
            let xml = self.fetch("group/user/direct", &query, None, XML).await;
            let mut names = attributes(&xml, "user", "name", self.when);
            names.sort();
            assert_eq!(names, *inside, "{}: members of {group:?} by name", self.when);
        }
    }

    /// The present position among the events.
    pub(crate) async fn token(&self) -> String {
        let text = self.fetch("event", &[], None, JSON).await;
        json(&text, self.when)["newEventToken"].as_str().unwrap().to_owned()
    }

    /// Reads what happened since a position, in XML and in JSON; it may have expired.
    pub(crate) async fn read_events(&self, token: &str) {
        let path = format!("event/{token}");
        for accept in [XML, JSON] {
            let response = self.request(&path, &[], None, accept).send().await.unwrap();
            let status = response.status().as_u16();
            assert!(matches!(status, 200 | 410), "{}: {path}: {status}", self.when);
            let text = response.text().await.unwrap();
            if accept == JSON {
                json(&text, self.when);
            } else {
                attributes(&text, "", "", self.when);
            }
        }
    }

    fn request(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&'static str>,
        accept: &str,
    ) -> reqwest::RequestBuilder {
        let url = format!("{}/crowd/rest/usermanagement/1/{path}", self.url);
        let url = Url::parse_with_params(&url, query).unwrap();
        let request = match body {
            Some(body) => self.http.post(url).header("Content-Type", XML).body(body),
            None => self.http.get(url),
        };
        let (name, password) = self.credentials;
        let request = request.basic_auth(name, Some(password)).header("Accept", accept);
        request.header("X-Atlassian-Token", "no-check")
    }

    async fn fetch(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&'static str>,
        accept: &str,
    ) -> String {
        let when = self.when;
        let response = self.request(path, query, body, accept).send().await.unwrap();
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{when}: no UTF-8"));
        assert_eq!(status, 200, "{when}: {path} {query:?}: {text}");
        text
    }
}

/// A record without addresses, which have the port in them.
fn without_links(mut record: Value) -> Value {
    match &mut record {
        Value::Object(fields) => {
            fields.remove("link");
            for value in fields.values_mut() {
                *value = without_links(value.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_links(item.take());
            }
        }
        _ => {}
    }
    record
}

/// The groups of a membership document, each with the users and groups directly in it.
fn memberships(xml: &str, when: &str) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let mut all = BTreeMap::new();
    let names = attributes(xml, "membership", "group", when);
    // Strictly read above; the parts of one group follow each other.
    let parts: Vec<&str> = xml.split("<membership ").skip(1).collect();
    assert_eq!(parts.len(), names.len(), "{when}");
    for (name, part) in names.into_iter().zip(parts) {
        let part = part.split("</membership>").next().unwrap();
        let part = format!("<membership {part}</membership>");
        let mut users = attributes(&part, "user", "name", when);
        let mut groups = attributes(&part, "group", "name", when);
        users.sort();
        groups.sort();
        let twice = all.insert(name, (users, groups));
        assert!(twice.is_none(), "{when}: a group twice");
    }
    all
}
