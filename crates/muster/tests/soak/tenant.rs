//! One tenant of odd data and the server that reads it, in one process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
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
use simulator::{Oddity, Options, Provider, Running};
use store::Schedule;
use tempfile::TempDir;

use crate::{
    odd::Odd,
    served::{Product, Served},
};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Edits in one round.
const EDITS: usize = 30;
/// Pairs of groups, and of people, that are made alike or put into each other.
const PAIRS: usize = 5;
/// One of so many tenants has people and groups that share an id, and one of so many has odd answers to questions.
const SHARING: usize = 8;
/// Characters that are told of an edit.
const TOLD_CHARS: usize = 300;
/// What user names are made of.
const NAMED_BY: [Attribute; 3] = [Attribute::Login, Attribute::Mail, Attribute::DisplayName];

pub(crate) struct Tenant {
    provider: Provider,
    running: Running,
    clock: Arc<AtomicI64>,
    data: TempDir,
    server: Server,
    http: reqwest::Client,
    directory: Option<DirectoryId>,
    credentials: (String, String),
    /// Whether two objects have one id: what is said last of it counts then, and that is chance.
    pub(crate) shares_ids: bool,
    /// Whether answers in batches and entries of logs are odd: some questions have no answer then, others at another time.
    pub(crate) odd_answers: bool,
    /// It is the only one, and what is done to it is told.
    alone: bool,
}

impl Tenant {
    pub(crate) async fn start(seed: u64, odd: &mut Odd, alone: bool) -> Self {
        let provider = odd.provider;
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
        Self {
            server: serve(data.path(), &clock).await,
            provider,
            running,
            clock,
            data,
            http: connect::http::local_client().unwrap(),
            directory: None,
            credentials: (String::new(), String::new()),
            shares_ids: odd.once_in(SHARING),
            odd_answers: odd.once_in(SHARING),
            alone,
        }
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.running.shutdown().await;
    }

    /// The same server after a stop and a start; it reads no more, so that what it serves is what it had.
    pub(crate) async fn restarted(self) -> Self {
        let name = self.provider.name();
        muster::service::connection::set_paused(
            &self.server.app,
            &muster::service::Actor::server("test"),
            name,
            true,
        )
        .await
        .unwrap();
        self.server.stop().await;
        Self { server: serve(self.data.path(), &self.clock).await, ..self }
    }

    /// Odd texts, odd records, duplicates and circles.
    pub(crate) async fn spoil(&self, odd: &mut Odd) {
        let truth = self.truth().await;
        let (users, groups) = (ids(&truth["users"]), ids(&truth["groups"]));
        for user in &users {
            if odd.once_in(2) {
                self.control("PATCH", &format!("users/{user}"), odd.person()).await;
            }
        }
        for group in &groups {
            if odd.once_in(2) {
                self.control("PATCH", &format!("groups/{group}"), odd.group()).await;
            }
        }
        for _ in 0..PAIRS {
            let (one, other) = (odd.one_of(&groups), odd.one_of(&groups));
            let (first, second) = odd.pair();
            for (group, name) in [(&one, first), (&other, second)] {
                self.control("PATCH", &format!("groups/{group}"), json!({"name": name})).await;
            }
            for (outer, inner) in [(&one, &other), (&other, &one), (&one, &one)] {
                self.control("PUT", &format!("groups/{outer}/groups/{inner}"), Value::Null).await;
            }
            let user = odd.one_of(&users);
            for group in [&one, &other] {
                self.control("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
            }
            let (first, second) = odd.pair();
            for name in [first, second] {
                let body = json!({"display_name": name});
                self.control("PATCH", &format!("users/{}", odd.one_of(&users)), body).await;
            }
        }
        self.make_odd(odd, &users, &groups);
    }

    /// Lets some of what is there be odd on the wire from now on.
    fn make_odd(&self, odd: &mut Odd, users: &[String], groups: &[String]) {
        let mut all = if self.odd_answers { odd.answers() } else { Vec::new() };
        for (ids, is_user) in [(users, true), (groups, false)] {
            for id in ids {
                if odd.once_in(3) {
                    all.push(odd.record(id, is_user));
                }
                if odd.once_in(8) {
                    all.push(odd.passage(id, is_user));
                }
            }
            let (one, other) = (odd.one_of(ids), odd.one_of(ids));
            all.extend(odd.same_name(&one, &other, is_user));
            if self.shares_ids {
                all.push(odd.twice(&one, &other));
            }
        }
        if self.provider == Provider::Google {
            all.extend(circle(odd, users, groups));
        }
        self.tell(|| all.iter().map(|one| json!(one).to_string()).collect::<Vec<_>>().join("\n"));
        self.running.make_odd(self.provider, all).unwrap();
    }

    /// Says what is done to a tenant that is looked at alone.
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.alone {
            let text = what();
            let lines = text.lines().map(|line| line.chars().take(TOLD_CHARS).collect::<String>());
            println!("{}", lines.collect::<Vec<_>>().join("\n"));
        }
    }

    /// Changes somebody, with the change told without a usable id.
    pub(crate) async fn lose_a_change(&self, last_name: &str) {
        let truth = self.truth().await;
        let employee = |row: &&Value| row["guest"] != true;
        let row = truth["users"].as_array().unwrap().iter().find(employee).unwrap();
        let id = row["id"].as_str().unwrap().to_owned();
        let body = json!({"last_name": last_name});
        self.control("PATCH", &format!("users/{id}"), body).await;
        let lost = Oddity {
            id: Some(id),
            route: Some("/delta|filter=lastUpdated".to_owned()),
            set: [("id".to_owned(), "null".to_owned())].into(),
            ..Oddity::default()
        };
        self.running.make_odd(self.provider, vec![lost]).unwrap();
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
        let application = muster::service::application::Add {
            name: "product".to_owned(),
            directories: vec![name],
            aggregate: false,
            nested_groups: odd.once_in(2),
            frozen_names: false,
            addresses: Vec::new(),
            password: None,
            product: None,
        };
        let credentials = muster::service::application::add(
            app,
            &muster::service::Actor::server("test"),
            application,
        )
        .await
        .unwrap();
        self.credentials = (credentials.name, credentials.password);
        self.directory = Some(row.id);
        self.ended(1).await
    }

    pub(crate) async fn read(&self, full: bool) -> RunReport {
        let keeper = self.server.app.keeper(self.directory.unwrap()).unwrap();
        self.tell(|| format!("READ, full: {full}"));
        self.ended(keeper.request(full)).await
    }

    async fn ended(&self, ticket: u64) -> RunReport {
        let keeper = self.server.app.keeper(self.directory.unwrap()).unwrap();
        loop {
            let status = keeper.status();
            if status.completed >= ticket {
                let report = status.last.unwrap();
                let issues = keeper.issues().unwrap_or_default();
                let lines = issues.iter().map(|issue| format!("{issue:?}"));
                self.tell(|| lines.chain(report.notes.clone()).collect::<Vec<_>>().join("\n"));
                self.tell(|| format!("HELD {:?}", report.held));
                return report;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Time passes, for the server and for the provider.
    pub(crate) async fn wait(&self, seconds: i64) {
        let ahead_ms = self.clock.fetch_add(seconds * 1_000, Ordering::SeqCst) + seconds * 1_000;
        let body = json!({"advance_s": seconds, "skew_s": ahead_ms / 1_000});
        self.control("POST", "clock", body).await;
    }

    /// One round of edits; some records become well, others odd.
    pub(crate) async fn edit(&self, odd: &mut Odd) {
        let truth = self.truth().await;
        let (users, groups) = (ids(&truth["users"]), ids(&truth["groups"]));
        for _ in 0..EDITS {
            let (user, group) = (odd.one_of(&users), odd.one_of(&groups));
            let other = odd.one_of(&groups);
            let (method, path, body) = match odd.roll(12) {
                0 | 1 => ("PATCH", format!("users/{user}"), odd.person()),
                2 | 3 => ("PATCH", format!("groups/{group}"), odd.group()),
                4 => ("PUT", format!("groups/{group}/users/{user}"), Value::Null),
                5 | 6 => {
                    // Whoever is in it, rather than anybody.
                    let row = truth["groups"].as_array().into_iter().flatten();
                    let row = row.into_iter().find(|row| row["id"] == group.as_str()).unwrap();
                    let Some(member) = strings(&row["users"]).first().cloned() else { continue };
                    ("DELETE", format!("groups/{group}/users/{member}"), Value::Null)
                }
                7 => ("PUT", format!("groups/{group}/groups/{other}"), Value::Null),
                8 => ("DELETE", format!("groups/{group}/groups/{other}"), Value::Null),
                9 => ("DELETE", format!("users/{user}"), Value::Null),
                10 => ("DELETE", format!("groups/{group}"), Value::Null),
                _ => {
                    self.control("POST", "users", odd.person()).await;
                    ("POST", "groups".to_owned(), odd.group())
                }
            };
            self.control(method, &path, body).await;
        }
        if odd.once_in(2) {
            self.running.end_odd(self.provider).unwrap();
        }
        let truth = self.truth().await;
        self.make_odd(odd, &ids(&truth["users"]), &ids(&truth["groups"]));
    }

    /// What the product is served, read strictly.
    pub(crate) async fn check(&self, when: &str) -> Served {
        self.product(when).read().await
    }

    /// The product that reads the tenant's directory.
    pub(crate) fn product<'a>(&'a self, when: &'a str) -> Product<'a> {
        let (http, url, credentials) = (&self.http, self.server.url.as_str(), &self.credentials);
        Product { http, url, credentials, when }
    }

    async fn truth(&self) -> Value {
        let url = format!("{}/truth", self.control_url());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn control_url(&self) -> String {
        format!("{}/{}", self.running.description().control, self.provider.name())
    }

    /// An edit; what the tenant refuses did not happen.
    async fn control(&self, method: &str, path: &str, body: Value) {
        let url = format!("{}/{path}", self.control_url());
        let told = body.to_string();
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let status = request.send().await.unwrap().status();
        self.tell(|| format!("{method} {path} {told}: {status}"));
        assert!(!status.is_server_error(), "{method} {path} {told}: {status}");
    }
}

async fn serve(data: &Path, clock: &Arc<AtomicI64>) -> Server {
    let later = Arc::clone(clock);
    let now = Clock::from_fn(move || Clock::system().now().plus(later.load(Ordering::SeqCst)));
    Server::start(data, ANYWHERE, &File::default(), now).await.unwrap()
}

/// Google refuses circles of groups, so members of lists are shown as groups that close some.
fn circle(odd: &mut Odd, users: &[String], groups: &[String]) -> Vec<Oddity> {
    let (one, other) = (odd.one_of(groups), odd.one_of(groups));
    let pairs = [(&one, &other), (&other, &one)];
    let closing = pairs.map(|(outer, inner)| Oddity {
        id: Some(odd.one_of(users)),
        route: Some(format!("/groups/{outer}/members")),
        set: [("id", json!(inner)), ("type", json!("GROUP"))]
            .map(|(field, value)| (field.to_owned(), value.to_string()))
            .into(),
        ..Oddity::default()
    });
    closing.into()
}

fn ids(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

fn strings(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}
