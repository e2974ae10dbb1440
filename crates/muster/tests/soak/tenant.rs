//! One tenant of odd data, the server that reads it, and a strict client that reads the server; all in one process.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use directory::{
    id::DirectoryId,
    observation::Attribute,
    report::RunReport,
    rules::{Rules, limits::Limits, names::TextRule},
};
use muster::{api, cli::demo, clock::Clock, config::File, server::Server};
use serde_json::{Value, json};
use simulator::{Options, Provider, Running};
use store::Schedule;
use tempfile::TempDir;

use crate::{
    odd::Odd,
    strict::{attributes, json},
};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const EVERYTHING: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><null-search-restriction/>";
/// Edits in one round.
const EDITS: usize = 30;

/// What user names are made of.
const NAMED_BY: [Attribute; 3] = [Attribute::Login, Attribute::Mail, Attribute::DisplayName];

pub(crate) struct Tenant {
    provider: Provider,
    running: Running,
    clock: Arc<AtomicI64>,
    _data: TempDir,
    server: Server,
    http: reqwest::Client,
    directory: Option<DirectoryId>,
    credentials: (String, String),
}

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

impl Tenant {
    pub(crate) async fn start(provider: Provider, seed: u64, odd: &mut Odd) -> Self {
        let options = Options {
            providers: vec![provider],
            users: 12 + u32::try_from(odd.roll(12)).unwrap(),
            groups: 30,
            memberships: 60,
            seed,
            ..Options::new(ANYWHERE)
        };
        let running = simulator::start(options).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let later = Arc::clone(&clock);
        let now = Clock::from_fn(move || Clock::system().now().plus(later.load(Ordering::SeqCst)));
        let server = Server::start(data.path(), ANYWHERE, &File::default(), now).await.unwrap();
        let http = connect::http::local_client().unwrap();
        let credentials = (String::new(), String::new());
        Self { provider, running, clock, _data: data, server, http, directory: None, credentials }
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.running.shutdown().await;
    }

    /// Odd texts, odd records, duplicates and circles.
    pub(crate) async fn spoil(&self, odd: &mut Odd) {
        let truth = self.truth().await;
        let (users, groups) = (ids(&truth["users"]), ids(&truth["groups"]));
        for user in &users {
            if odd.roll(2) == 0 {
                self.try_control("PATCH", &format!("users/{user}"), odd.person()).await;
            }
        }
        for group in &groups {
            if odd.roll(2) == 0 {
                self.try_control("PATCH", &format!("groups/{group}"), odd.group()).await;
            }
        }
        for _ in 0..6 {
            // The same name twice, a circle, somebody in a group twice over.
            let (one, other) = (odd.roll(groups.len()), odd.roll(groups.len()));
            let (one, other) = (&groups[one], &groups[other]);
            let name = odd.text();
            for group in [one, other] {
                self.try_control("PATCH", &format!("groups/{group}"), json!({"name": name})).await;
            }
            for (outer, inner) in [(one, other), (other, one), (one, one)] {
                let path = format!("groups/{outer}/groups/{inner}");
                self.try_control("PUT", &path, Value::Null).await;
            }
            let user = &users[odd.roll(users.len())];
            for group in [one, other] {
                let path = format!("groups/{group}/users/{user}");
                self.try_control("PUT", &path, Value::Null).await;
            }
            let (display, user) = (odd.text(), users[odd.roll(users.len())].clone());
            for user in [&user, &users[odd.roll(users.len())]] {
                let body = json!({"display_name": display});
                self.try_control("PATCH", &format!("users/{user}"), body).await;
            }
        }
        self.make_odd(odd, &users, &groups);
    }

    fn make_odd(&self, odd: &mut Odd, users: &[String], groups: &[String]) {
        let mut records = Vec::new();
        for (all, is_user) in [(users, true), (groups, false)] {
            for id in all {
                if odd.roll(3) == 0 {
                    records.push(odd.record(id, is_user));
                }
            }
        }
        self.running.make_odd(self.provider, records).unwrap();
    }

    /// Connects the tenant; gives the report of the first read.
    pub(crate) async fn connect(&mut self, odd: &mut Odd) -> RunReport {
        let app = &self.server.app;
        let mut add = demo::directories(self.running.description()).unwrap().remove(0);
        let no_limits = Limits {
            leaving_min: u32::MAX,
            groups_min: u32::MAX,
            memberships_min: u32::MAX,
            emptied_group_min: u32::MAX,
            renames_min: u32::MAX,
            other_min: u32::MAX,
            ..Limits::default()
        };
        let usual = api::directory::usual_rules(&add.provider);
        let user_name = TextRule::Attribute(odd.one_of(&NAMED_BY));
        add.rules = Some(Rules { limits: no_limits, user_name, ..usual });
        let never = 10_000_000;
        let schedule = Schedule { pull_every_s: never, full_every_s: never, notifications: false };
        add.schedule = Some(schedule);
        let name = add.name.clone();
        let row = api::directory::connect_directory(app, add).await.unwrap();
        let application = api::application::Add {
            name: "product".to_owned(),
            directories: vec![name],
            aggregate: false,
            nested_groups: odd.roll(2) == 0,
            frozen_names: false,
            addresses: Vec::new(),
            password: None,
        };
        let credentials = api::application::admit(app, application).await.unwrap();
        self.credentials = (credentials.name, credentials.password);
        self.directory = Some(row.id);
        self.ended(1).await
    }

    pub(crate) async fn read(&self, full: bool) -> RunReport {
        let keeper = self.server.app.keeper(self.directory.unwrap()).unwrap();
        let report = self.ended(keeper.request(full)).await;
        self.clock.fetch_add(1_000, Ordering::SeqCst);
        report
    }

    async fn ended(&self, ticket: u64) -> RunReport {
        let keeper = self.server.app.keeper(self.directory.unwrap()).unwrap();
        loop {
            let status = keeper.status();
            if status.completed >= ticket {
                return status.last.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// One round of edits; some records become well, others odd.
    pub(crate) async fn edit(&self, odd: &mut Odd) {
        let truth = self.truth().await;
        let (users, groups) = (ids(&truth["users"]), ids(&truth["groups"]));
        for _ in 0..EDITS {
            let user = &users[odd.roll(users.len())];
            let group = &groups[odd.roll(groups.len())];
            let other = &groups[odd.roll(groups.len())];
            let (method, path, body) = match odd.roll(9) {
                0 | 1 => ("PATCH", format!("users/{user}"), odd.person()),
                2 | 3 => ("PATCH", format!("groups/{group}"), odd.group()),
                4 => ("PUT", format!("groups/{group}/users/{user}"), Value::Null),
                5 => ("DELETE", format!("groups/{group}/users/{user}"), Value::Null),
                6 => ("PUT", format!("groups/{group}/groups/{other}"), Value::Null),
                7 => ("DELETE", format!("users/{user}"), Value::Null),
                _ => ("POST", "groups".to_owned(), odd.group()),
            };
            self.try_control(method, &path, body).await;
        }
        if odd.roll(2) == 0 {
            self.running.end_odd(self.provider).unwrap();
        }
        self.make_odd(odd, &users, &groups);
    }

    /// Reads everything strictly, in XML and in JSON, which say the same.
    pub(crate) async fn check(&self, when: &str) -> Served {
        let ready = self.http.get(format!("{}/health/ready", self.server.url)).send().await;
        assert_eq!(ready.unwrap().status(), 200, "{when}: the server is ready");
        let mut records = Vec::new();
        for kind in ["user", "group"] {
            let path =
                format!("search?entity-type={kind}&start-index=0&max-results=-1&expand={kind}");
            let xml = self.fetch(&path, Some(EVERYTHING), "application/xml", when).await;
            let text = self.fetch(&path, Some(EVERYTHING), "application/json", when).await;
            let mut named = BTreeMap::new();
            for record in json(&text, when)[format!("{kind}s")].as_array().unwrap() {
                let name = record["name"].as_str().unwrap().to_owned();
                let twice = named.insert(name, record.clone());
                assert_eq!(twice, None, "{when}: a {kind} twice");
            }
            let mut in_xml = attributes(&xml, kind, "name", when);
            in_xml.sort();
            let in_json: Vec<String> = named.keys().cloned().collect();
            assert_eq!(in_xml, in_json, "{when}: {kind}s in XML and JSON");
            records.push(named);
        }
        let xml = self.fetch("group/membership", None, "application/xml", when).await;
        let members = memberships(&xml, when);
        let (groups, users) = (records.pop().unwrap(), records.pop().unwrap());
        assert!(members.keys().eq(groups.keys()), "{when}: every group is among the memberships");
        for (group, (inside, nested)) in &members {
            let odd = inside.iter().find(|name| !users.contains_key(*name));
            assert_eq!(odd, None, "{when}: {group:?} has somebody who is not there");
            let odd = nested.iter().find(|name| !groups.contains_key(*name));
            assert_eq!(odd, None, "{when}: {group:?} has a group that is not there");
        }
        Served { users, groups, members }
    }

    async fn fetch(
        &self,
        path: &str,
        body: Option<&'static str>,
        accept: &str,
        when: &str,
    ) -> String {
        let url = format!("{}/crowd/rest/usermanagement/1/{path}", self.server.url);
        let request = match body {
            Some(body) => self.http.post(url).header("Content-Type", "application/xml").body(body),
            None => self.http.get(url),
        };
        let (name, password) = &self.credentials;
        let request = request.basic_auth(name, Some(password)).header("Accept", accept);
        let response = request.header("X-Atlassian-Token", "no-check").send().await.unwrap();
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{when}: no UTF-8"));
        assert_eq!(status, 200, "{when}: {path}: {text}");
        text
    }

    async fn truth(&self) -> Value {
        let url = format!("{}/truth", self.control());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn control(&self) -> String {
        format!("{}/{}", self.running.description().control, self.provider.name())
    }

    /// An edit; what the tenant refuses did not happen.
    async fn try_control(&self, method: &str, path: &str, body: Value) {
        let url = format!("{}/{path}", self.control());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let status = request.send().await.unwrap().status();
        assert!(!status.is_server_error(), "{method} {path} {body}: {status}");
    }
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

fn ids(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}
