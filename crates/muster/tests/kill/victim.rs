//! A server of its own process that is killed and started again, with a tenant that outlives it and a product that
//! keeps its copy and its event token all the while.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use directory::{
    rules::{Rules, limits::Limits},
    snapshot::Directory,
};
use muster::{api, cli::demo};
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};
use simulator::{Options, Provider, Running};
use store::{Schedule, Store};
use tempfile::TempDir;

use crate::{
    expected::{Oracle, Truth},
    product::Product,
    random::{Budget, Dice, assert_same, edit},
    text,
};

const BINARY: &str = env!("CARGO_BIN_EXE_muster");
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(1);

pub(crate) struct Victim {
    provider: Provider,
    running: Running,
    data: TempDir,
    child: Option<Child>,
    admin: Value,
    http: reqwest::Client,
    oracle: Oracle,
    product: Product,
    pub(crate) dice: Moments,
    deleted: Vec<String>,
    ticket: u64,
}

/// Chance, for edits and moments.
pub(crate) struct Moments(Dice);

impl Moments {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0.roll(below)
    }
}

/// Holds a database so that nobody else can begin to write it.
pub(crate) struct Lock(#[expect(dead_code, reason = "held until dropped")] Connection);

impl Lock {
    pub(crate) fn of(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }
}

impl Victim {
    /// A server that has read its tenant once, and a product that has all of it.
    pub(crate) async fn start(provider: Provider, seed: u64) -> Self {
        let options = Options {
            providers: vec![provider],
            users: 120,
            groups: 24,
            memberships: 600,
            seed,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        let running = simulator::start(options).await.unwrap();
        let mut oracle = Oracle::default();
        oracle.by_address = provider == Provider::Google;
        let mut victim = Self {
            provider,
            running,
            data: tempfile::tempdir().unwrap(),
            child: None,
            admin: Value::Null,
            http: connect::http::local_client().unwrap(),
            oracle,
            product: Product::new("", String::new(), String::new()),
            dice: Moments(Dice(seed)),
            deleted: Vec::new(),
            ticket: 1,
        };
        victim.revive().await;
        let mut add = demo::directories(victim.running.description()).unwrap().remove(0);
        let limits = Limits {
            leaving_min: u32::MAX,
            groups_min: u32::MAX,
            memberships_min: u32::MAX,
            emptied_group_min: u32::MAX,
            renames_min: u32::MAX,
            other_min: u32::MAX,
            ..Limits::default()
        };
        add.rules = Some(Rules { limits, ..api::directory::usual_rules(&add.provider) });
        let never = 10_000_000;
        add.schedule =
            Some(Schedule { pull_every_s: never, full_every_s: never, ..Schedule::default() });
        victim.api("POST", "/directories", json!(add)).await;
        victim.until_done(1).await;
        let product =
            json!({"name": "product", "directories": [provider.name()], "nested_groups": true});
        let told = victim.api("POST", "/applications", product).await;
        let url = format!("{}/crowd", text(&victim.admin, "url"));
        victim.product = Product::new(&url, text(&told, "name"), text(&told, "password"));
        victim.rest("at first").await;
        victim
    }

    /// Starts the server on its data, waits until it is ready, and for the run that every start brings.
    pub(crate) async fn revive(&mut self) {
        self.revive_quickly().await;
        let status = self.status().await;
        if status != Value::Null {
            self.until(|status| !status["last"].is_null() && status["phase"] == "idle").await;
        }
    }

    /// The same, without waiting for the run.
    pub(crate) async fn revive_quickly(&mut self) {
        let file = self.data.path().join("admin.json");
        let _ = std::fs::remove_file(&file);
        let said = self.data.path().join("said.txt");
        let child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.data.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let mut waited = Duration::ZERO;
        loop {
            assert!(waited < PATIENCE, "the server does not start");
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let last_words = || std::fs::read_to_string(&said).unwrap_or_default();
            assert!(ended.is_none(), "it ended early, {ended:?}: {}", last_words());
            if let Ok(admin) = std::fs::read_to_string(&file) {
                self.admin = serde_json::from_str(&admin).unwrap();
                let ready = format!("{}/health/ready", text(&self.admin, "url"));
                if self.http.get(ready).send().await.is_ok_and(|answer| answer.status() == 200) {
                    break;
                }
            }
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
        self.product.moved(Some(text(&self.admin, "url")));
        self.ticket = 0;
    }

    /// Kills it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// The end of the change log, read beside the server.
    pub(crate) fn head(&self) -> i64 {
        self.number("SELECT seq FROM head")
    }

    /// Where the change log begins.
    pub(crate) fn floor(&self) -> i64 {
        self.number("SELECT seq FROM base")
    }

    fn number(&self, select: &str) -> i64 {
        let database = Connection::open(self.database("muster.db")).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        database.query_row(select, (), |row| row.get(0)).unwrap()
    }

    /// What is stored fits together: log, base and what is served. The server must not run.
    pub(crate) fn check_log(&self) {
        let store = Store::open(self.data.path()).unwrap();
        for row in store.connections().unwrap() {
            let (head, served) = store.load_directory(row.id).unwrap();
            assert_eq!(head, store.head().unwrap());
            assert_eq!(store.folded(row.id).unwrap(), served);
            assert_ne!(served, Directory::default());
            assert_eq!(store.epoch(), 1, "a kill is no restore");
        }
        drop(store);
    }

    /// Starts it, reads the tenant and waits for the end.
    pub(crate) async fn read_to_the_end(&mut self) {
        if self.child.is_none() {
            self.revive().await;
        }
        self.ask_for_a_run(false).await;
        let ticket = self.ticket;
        self.until_done(ticket).await;
        let status = self.status().await;
        assert!(status["last"]["outcome"].get("failed").is_none(), "{status}");
    }

    pub(crate) async fn ask_for_a_run(&mut self, full: bool) {
        let path = format!("/directories/{}/sync", self.provider.name());
        let queued = self.api("POST", &path, json!({"full": full})).await;
        self.ticket = queued["ticket"].as_u64().unwrap();
    }

    async fn until_done(&self, ticket: u64) {
        self.until(|status| status["completed"].as_u64() >= Some(ticket)).await;
    }

    /// Waits for one of some phases.
    pub(crate) async fn until_phase(&self, phases: &str) {
        self.until(|status| phases.split('|').any(|phase| status["phase"] == phase)).await;
    }

    async fn until(&self, is: impl Fn(&Value) -> bool) {
        let mut waited = Duration::ZERO;
        loop {
            let status = self.status().await;
            if is(&status) {
                return;
            }
            assert!(waited < PATIENCE, "{status}");
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    async fn status(&self) -> Value {
        let path = format!("/directories/{}/status", self.provider.name());
        let (status, body) = self.try_api("GET", &path, Value::Null).await;
        if status == StatusCode::OK { body } else { Value::Null }
    }

    /// Requests that match hang from now on.
    pub(crate) async fn hang(&self, route: &str) {
        self.control("DELETE", "counters", Value::Null).await;
        self.faults(json!([{"route": route, "kind": "hang", "times": 10_000}])).await;
    }

    /// Waits until a request hangs.
    pub(crate) async fn until_asked(&self) {
        let mut waited = Duration::ZERO;
        while self.control("GET", "counters", Value::Null).await["faults"] == 0 {
            assert!(waited < PATIENCE, "nothing was asked");
            tokio::time::sleep(POLL).await;
            waited += POLL;
        }
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.control("POST", "faults", faults).await;
    }

    pub(crate) async fn no_faults(&self) {
        self.control("DELETE", "faults", Value::Null).await;
    }

    /// Random edits, of which those that are refused did not happen, and one that certainly does.
    pub(crate) async fn edits(&mut self, count: usize) {
        let domain = match self.provider {
            Provider::Google => "globex.example",
            Provider::Entra => "contoso.example",
            Provider::Okta => "initech.example",
        };
        // Renames cannot be told as events, which are what is to be seen here.
        let mut budget = Budget { domain, renames: 0, ..Budget::unlimited(200) };
        for _ in 0..count {
            let truth = self.truth().await;
            let dice = &mut self.dice.0;
            if let Some((method, path, body)) = edit(dice, &truth, &mut budget, &mut self.deleted) {
                let steps = json!([{"method": method, "path": path, "body": body}]);
                self.control("POST", "batch", steps).await;
            }
        }
        let number = self.dice.below(1_000_000);
        let login = format!("certain{number}@{domain}");
        self.control(
            "POST",
            "users",
            json!({"login": login, "display_name": login, "email": login}),
        )
        .await;
    }

    pub(crate) async fn synchronise(&mut self) {
        self.product.synchronise().await;
    }

    pub(crate) fn full_syncs(&self) -> u32 {
        self.product.full_syncs
    }

    /// The product follows, and has what it should.
    pub(crate) async fn rest(&mut self, when: &str) {
        let truth = self.truth().await;
        let expected = self.oracle.expect(&truth);
        self.product.synchronise().await;
        assert_same(&self.product.copy(), &expected, when);
    }

    async fn truth(&self) -> Truth {
        serde_json::from_value(self.control("GET", "truth", Value::Null).await).unwrap()
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let base = &self.running.description().control;
        let url = format!("{base}/{}/{path}", self.provider.name());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }

    async fn api(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_api(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    async fn try_api(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/api/v1{path}", text(&self.admin, "url"));
        let token = text(&self.admin, "token");
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or(Value::Null))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
