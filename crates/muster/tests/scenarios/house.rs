//! One simulated tenant, a server that keeps a directory of it, and a product that reads the directory.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use directory::{
    id::{DirectoryId, Millis},
    report::{Outcome, RunReport},
    rules::{Rules, limits::Limits},
};
use muster::{api, cli::demo, clock::Clock, config::File, server::Server};
use serde_json::{Value, json};
use simulator::{Options, Provider, Quotas, Running};
use store::Schedule;
use tempfile::TempDir;

use crate::{
    expected::{Copy, Oracle, Truth},
    product::Product,
    random::{Budget, Dice, assert_same, edit},
};

#[path = "part.rs"]
mod part;
use self::part::Part;

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Names that people and groups get by edits: few enough to meet at times.
const NAMES: usize = 200;

/// How a house is built.
pub(crate) struct Plan {
    pub(crate) users: u32,
    pub(crate) groups: u32,
    pub(crate) memberships: u64,
    pub(crate) seed: u64,
    pub(crate) quotas: Quotas,
    /// Past which a plan waits; none for no limits.
    pub(crate) limits: Option<Limits>,
    /// Whether the provider is asked to tell of changes.
    pub(crate) notifications: bool,
    /// Delays in tenant, worker and store are drawn from this seed, so that schedules vary; none for no delays.
    pub(crate) delays: Option<u64>,
    /// Whether only some groups are read, with their people.
    pub(crate) in_part: bool,
}

impl Plan {
    /// A small tenant whose changes all flow.
    pub(crate) fn small(seed: u64) -> Self {
        let no_limits = Limits {
            leaving_min: u32::MAX,
            groups_min: u32::MAX,
            memberships_min: u32::MAX,
            emptied_group_min: u32::MAX,
            renames_min: u32::MAX,
            other_min: u32::MAX,
            ..Limits::default()
        };
        Self {
            users: 120,
            groups: 24,
            memberships: 600,
            seed,
            quotas: Quotas::Off,
            limits: Some(no_limits),
            notifications: false,
            delays: None,
            in_part: false,
        }
    }

    /// A small tenant under limits: a tenth of the people and of the groups, three tenths of the memberships.
    pub(crate) fn guarded(seed: u64) -> Self {
        let limits = Limits {
            leaving_share: 1_000,
            leaving_max: 0,
            groups_share: 1_000,
            groups_min: 10,
            groups_max: 0,
            memberships_share: 3_000,
            memberships_min: 10,
            ..Limits::default()
        };
        Self { limits: Some(limits), ..Self::small(seed) }
    }
}

pub(crate) struct House {
    pub(crate) provider: Provider,
    running: Running,
    pub(crate) clock: Arc<AtomicI64>,
    data: TempDir,
    listen: SocketAddr,
    server: Option<Server>,
    http: reqwest::Client,
    directory: DirectoryId,
    oracle: Oracle,
    pub(crate) product: Product,
    pub(crate) dice: Dice,
    deleted: Vec<String>,
    delays: Option<u64>,
    /// What is read, where it is not the whole tenant.
    part: Option<Part>,
}

impl House {
    pub(crate) async fn build(provider: Provider, plan: Plan) -> Self {
        let options = Options {
            providers: vec![provider],
            users: plan.users,
            groups: plan.groups,
            memberships: plan.memberships,
            seed: plan.seed,
            quotas: plan.quotas,
            ..Options::new(ANYWHERE)
        };
        let mut options = options;
        // Being told of groups needs one permission more than reading them.
        options.entra_roles.extend(plan.notifications.then(|| "Group.Read.All".to_owned()));
        let running = simulator::start(options).await.unwrap();
        let listen = if plan.notifications { free_port() } else { ANYWHERE };
        let clock = Arc::new(AtomicI64::new(0));
        let data = tempfile::tempdir().unwrap();
        let server = start(&data, listen, &clock, plan.delays).await;
        let mut add = demo::directories(running.description()).unwrap().remove(0);
        let part = if plan.in_part { Some(Part::chosen(&running, provider).await) } else { None };
        if let Some(part) = &part {
            add.settings.extend(part.settings());
        }
        let usual = api::directory::usual_rules(&add.provider);
        add.rules = Some(Rules { limits: plan.limits.unwrap_or_default(), ..usual });
        let never = 10_000_000;
        let (pull_every_s, full_every_s) = (never, never);
        let notifications = plan.notifications;
        add.schedule = Some(Schedule { pull_every_s, full_every_s, notifications });
        let name = add.name.clone();
        let row = api::directory::connect_directory(&server.app, add).await.unwrap();
        let application = muster::service::application::Add {
            name: "product".to_owned(),
            directories: vec![name],
            aggregate: false,
            nested_groups: true,
            frozen_names: false,
            addresses: Vec::new(),
            password: None,
            product: None,
        };
        let credentials = muster::service::application::add(
            &server.app,
            &muster::service::Actor::server("test"),
            application,
        )
        .await
        .unwrap();
        let url = format!("{}/crowd", server.url);
        let mut oracle = Oracle::default();
        oracle.by_address = provider == Provider::Google;
        let mut house = Self {
            provider,
            running,
            clock,
            data,
            listen,
            server: Some(server),
            http: connect::http::local_client().unwrap(),
            directory: row.id,
            oracle,
            product: Product::new(&url, credentials.name, credentials.password),
            dice: Dice(plan.seed),
            deleted: Vec::new(),
            delays: plan.delays,
            part,
        };
        // The first read was asked for when the directory was connected.
        let first = house.ended(1).await;
        assert!(!matches!(first.outcome, Outcome::Failed { .. }), "{first:?}");
        house.rest("at first").await;
        house
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn directory(&self) -> DirectoryId {
        self.directory
    }

    /// Asks for a read; gives the number to wait for.
    pub(crate) fn request(&self, full: bool) -> u64 {
        self.server().app.keeper(self.directory).unwrap().request(full)
    }

    /// Reads the tenant, whatever comes of it.
    pub(crate) async fn try_read(&mut self, full: bool) -> RunReport {
        let ticket = self.request(full);
        let report = self.ended(ticket).await;
        // Runs have times of their own.
        self.wait(1_000);
        report
    }

    /// Waits for the end of a read.
    pub(crate) async fn ended(&self, ticket: u64) -> RunReport {
        let keeper = self.server().app.keeper(self.directory).unwrap();
        loop {
            let status = keeper.status();
            if status.completed >= ticket {
                return status.last.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Reads the tenant, which must go well.
    pub(crate) async fn read(&mut self, full: bool) -> RunReport {
        let report = self.try_read(full).await;
        assert!(!matches!(report.outcome, Outcome::Failed { .. }), "{report:?}");
        report
    }

    /// What should be served once what is true now has been read.
    pub(crate) async fn expected(&mut self) -> Copy {
        let truth = self.truth_read().await;
        self.oracle.expect(&truth)
    }

    /// A read that lacked something shows nobody to be absent, but whoever has left may have lost memberships by it, of
    /// groups that were read: only the product knows which.
    pub(crate) async fn lost_in_part(&mut self) {
        let (found, truth) = (self.copy().await, self.truth_read().await);
        let there: BTreeSet<&str> = truth.users.iter().map(|user| user.id.as_str()).collect();
        let Oracle { people, groups, memberships, .. } = &mut self.oracle;
        for (id, (name, _)) in people.iter().filter(|(id, _)| !there.contains(id.as_str())) {
            let Some(memberships) = memberships.get_mut(id) else { continue };
            memberships.retain(|group| {
                let group = groups.get(group);
                group.is_none_or(|group| found.members.contains(&(group.clone(), name.clone())))
            });
        }
    }

    /// What is true of what is read.
    async fn truth_read(&mut self) -> Truth {
        let truth = self.truth().await;
        match &self.part {
            Some(part) => part.of(truth),
            None => truth,
        }
    }

    /// The product synchronises, and has what it should.
    pub(crate) async fn rest(&mut self, when: &str) -> Copy {
        let expected = self.expected().await;
        self.has(&expected, when).await;
        expected
    }

    /// The product synchronises, and has this.
    pub(crate) async fn has(&mut self, expected: &Copy, when: &str) {
        self.product.synchronise().await;
        assert_same(&self.product.copy(), expected, &format!("{:?}, {when}", self.provider));
    }

    /// The product synchronises; what it has then.
    pub(crate) async fn copy(&mut self) -> Copy {
        self.product.synchronise().await;
        self.product.copy()
    }

    /// Connects the tenant once more, as a second directory that the product sees after the first.
    pub(crate) async fn add_the_same_again(&mut self, name: &str) {
        let app = &self.server().app;
        let mut add = demo::directories(self.running.description()).unwrap().remove(0);
        let first = std::mem::replace(&mut add.name, name.to_owned());
        let row = api::directory::connect_directory(app, add).await.unwrap();
        let keeper = app.keeper(row.id).unwrap();
        while keeper.status().completed == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let application = muster::service::application::Add {
            name: "both".to_owned(),
            directories: vec![first, name.to_owned()],
            aggregate: false,
            nested_groups: true,
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
        let url = format!("{}/crowd", self.server().url);
        self.product = Product::new(&url, credentials.name, credentials.password);
    }

    /// Random edits; those that the tenant refuses did not happen.
    pub(crate) async fn edits(&mut self, count: usize) {
        let mut budget = Budget { domain: self.domain(), ..Budget::unlimited(NAMES) };
        let mut done = 0;
        while done < count {
            let truth = self.truth().await;
            self.purge_at_times().await;
            let Some((method, path, body)) =
                edit(&mut self.dice, &truth, &mut budget, &mut self.deleted)
            else {
                continue;
            };
            let part = self.part.as_ref();
            if method == "DELETE" && part.is_some_and(|part| part.would_be_empty(&truth, &path)) {
                continue;
            }
            let steps = json!([{"method": method, "path": path, "body": body}]);
            self.control("POST", "batch", steps).await;
            done += 1;
        }
    }

    /// Which requests are for a collection, as a regular expression; `.` is all of them.
    pub(crate) fn route(&self, collection: &'static str) -> &'static str {
        match (self.provider, collection) {
            // Okta's addresses of members end as those of users do, and a person's groups are asked for to confirm.
            (Provider::Okta, "users") => "/v1/users(\\?|$)",
            (Provider::Okta, "groups") => "/v1/groups(\\?|$)",
            (Provider::Okta, "members") => "/v1/groups/[^/]+/users",
            (_, route) => route,
        }
    }

    /// Somebody leaves, so that their login is free at the provider.
    pub(crate) async fn deletes(&self, user: &str) {
        let path = format!("users/{user}");
        self.control("DELETE", &path, Value::Null).await;
        if self.provider == Provider::Okta {
            // The login of somebody deactivated stays theirs.
            self.control("DELETE", &path, Value::Null).await;
        }
    }

    /// At Okta whoever is deactivated can be deleted for good, which no list shows.
    async fn purge_at_times(&mut self) {
        if self.provider == Provider::Okta && !self.deleted.is_empty() && self.dice.roll(25) == 0 {
            let at = self.dice.roll(self.deleted.len());
            let path = format!("users/{}", self.deleted.swap_remove(at));
            let steps = json!([{"method": "DELETE", "path": path}]);
            self.control("POST", "batch", steps).await;
        }
    }

    pub(crate) fn domain(&self) -> &'static str {
        match self.provider {
            Provider::Google => "globex.example",
            Provider::Entra => "contoso.example",
            Provider::Okta => "initech.example",
        }
    }

    /// The server goes and comes, with what it has on disk.
    pub(crate) async fn restart(&mut self) {
        self.server.take().unwrap().stop().await;
        self.server = Some(start(&self.data, self.listen, &self.clock, self.delays).await);
        self.product.moved(Some(self.server().url.clone()));
        let keeper = self.server().app.keeper(self.directory).unwrap();
        // A server reads at its start.
        while keeper.status().last.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The server stops.
    pub(crate) async fn stop(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    /// The server's data directory.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    /// Address and token of the server's admin API.
    pub(crate) fn admin(&self) -> Value {
        let file = std::fs::read_to_string(self.data.path().join("admin.json")).unwrap();
        serde_json::from_str(&file).unwrap()
    }

    /// Waits until the provider tells this server of changes.
    pub(crate) async fn is_told(&self) {
        loop {
            let webhooks = self.control("GET", "webhooks", Value::Null).await;
            let standing = self.server().app.watches.standing(self.directory);
            let registered = standing.is_some_and(|standing| !standing.registered.is_empty());
            if registered && webhooks["registered"].as_array().is_some_and(|all| !all.is_empty()) {
                // What is told at first is told.
                self.control("POST", "webhooks/flush", Value::Null).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Time passes.
    pub(crate) fn wait(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// Time passes for the provider too, so that it takes what the server signs with its clock.
    pub(crate) async fn wait_together(&mut self, ms: i64) {
        self.wait(ms);
        let skew_s = self.clock.load(Ordering::SeqCst) / 1_000;
        let body = json!({"advance_s": ms / 1_000, "skew_s": skew_s});
        self.control("POST", "clock", body).await;
    }

    /// When the reads began, the latest first.
    pub(crate) fn reads(&self) -> Vec<Millis> {
        let runs = self.server().app.store.latest_runs(self.directory, 1_000).unwrap();
        runs.into_iter().map(|run| run.started).collect()
    }

    pub(crate) async fn truth(&self) -> Truth {
        serde_json::from_value(self.control("GET", "truth", Value::Null).await).unwrap()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.control("POST", "faults", faults).await;
    }

    /// Nothing fails any more; what takes its time goes on to.
    pub(crate) async fn no_faults(&self) {
        self.control("DELETE", "faults", Value::Null).await;
        if let Some(seed) = self.delays {
            let slow = json!([{"route": ".", "kind": "delay", "jitter_ms": 12, "seed": seed,
                "probability": 0.5}]);
            self.faults(slow).await;
        }
    }

    pub(crate) async fn counters(&self) -> Value {
        self.control("GET", "counters", Value::Null).await
    }

    pub(crate) async fn new_user(&self, login: &str) -> String {
        let body = json!({"login": login, "display_name": login, "email": login});
        self.control("POST", "users", body).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn new_group(&self, name: &str) -> String {
        self.control("POST", "groups", json!({"name": name})).await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, text) = self.try_control(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn try_control(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> (reqwest::StatusCode, String) {
        let base = &self.running.description().control;
        let url = format!("{base}/{}/{path}", self.provider.name());
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

/// Every step of worker and store begins or ends with a look at the clock: one that takes its time at that varies how
/// they meet.
struct Stumbling {
    seed: Option<u64>,
    looks: AtomicU64,
}

impl Stumbling {
    #[expect(clippy::disallowed_methods, reason = "whoever looks at this clock is held up")]
    fn step(&self) {
        let Some(seed) = self.seed else { return };
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice(seed ^ look.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if dice.roll(6) == 0 {
            std::thread::sleep(Duration::from_millis(dice.roll(8) as u64));
        }
    }
}

/// A port that is free now, for a server whose address must be known before it starts.
fn free_port() -> SocketAddr {
    std::net::TcpListener::bind(ANYWHERE).unwrap().local_addr().unwrap()
}

async fn start(
    data: &TempDir,
    listen: SocketAddr,
    clock: &Arc<AtomicI64>,
    delays: Option<u64>,
) -> Server {
    let public_url = (listen.port() != 0).then(|| format!("http://{listen}"));
    let file = File { public_url, ..File::default() };
    let clock = Arc::clone(clock);
    let stumbling = Stumbling { seed: delays, looks: AtomicU64::new(0) };
    let clock = Clock::from_fn(move || {
        stumbling.step();
        Clock::system().now().plus(clock.load(Ordering::SeqCst))
    });
    // A commit that was under way when the server stopped comes to its end first.
    for _ in 0..500 {
        match Server::start(data.path(), listen, &file, clock.clone()).await {
            Ok(server) => return server,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Server::start(data.path(), listen, &file, clock).await.unwrap()
}
