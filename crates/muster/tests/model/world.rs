//! Two simulated tenants, a server, and products that see them in different ways.

use std::{
    collections::BTreeSet,
    fmt::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use directory::{
    id::{DirectoryId, MINUTE_MS, Millis},
    plan::HeldItem,
    report::{GuardKind, Outcome},
    rules::{Rules, limits::Limits},
};
use muster::{
    api,
    clock::Clock,
    config::File,
    server::Server,
    task::commit::{self, Choice, Decision, Step},
};
use serde_json::{Value, json};
use simulator::{Options, Running};
use store::Schedule;
use tempfile::TempDir;

use crate::{
    expected::{Copy, Oracle, Truth},
    product::Product,
    random::{Budget, Dice, assert_same, edit},
    shape::{Approved, Gone, OldNames, Shape, combine, leavers, remember},
};

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// One tenant and the directory made of it.
struct Tenant {
    running: Running,
    directory: DirectoryId,
    oracle: Oracle,
    deleted: Vec<String>,
}

/// One product and how it sees the directories.
struct Watcher {
    name: &'static str,
    product: Product,
    sees: Vec<usize>,
    shape: Shape,
    /// How many renames of each directory are in every list that the server takes for possibly the product's: all
    /// since the last token that it used. A product that starts anew looks like two at one address.
    read_renames: [u32; 2],
    /// Whether a list was read and no token used since.
    unfinished: bool,
    /// Who had made way to another account when the latest list was read: another set is another view.
    leavers: Gone,
}

impl Watcher {
    /// Everything was read, by a list that had these renames.
    fn has_read(&mut self, renames: [u32; 2], leavers: Gone) {
        if !self.unfinished {
            self.read_renames = renames;
        }
        self.unfinished = true;
        self.leavers = leavers;
    }

    /// Synchronises; a full one is the first, or owed to a rename that was not read yet, or to somebody who made way.
    async fn synchronise(&mut self, renames: [u32; 2], leavers: Gone) {
        let before = self.product.full_syncs;
        self.product.synchronise().await;
        self.unfinished = false;
        if self.product.full_syncs > before {
            let new = self.sees.iter().any(|no| renames[*no] > self.read_renames[*no]);
            let other_view = leavers != self.leavers;
            assert!(before == 0 || new || other_view, "{} reads a rename twice", self.name);
            self.has_read(renames, leavers);
        }
        self.read_renames = renames;
    }
}

pub(crate) struct World {
    dice: Dice,
    clock: Arc<AtomicI64>,
    data: TempDir,
    server: Option<Server>,
    http: reqwest::Client,
    tenants: Vec<Tenant>,
    /// What each directory should serve.
    copies: Vec<Copy>,
    /// People who are gone and still served.
    gone: Gone,
    /// Take-overs that were approved.
    approved: Approved,
    /// Under which names people who were renamed were served before.
    old_names: OldNames,
    watchers: Vec<Watcher>,
    /// The latest name of everybody who was ever served, by directory and id.
    names: OldNames,
    /// Reads of each directory that showed somebody under another name.
    renames: [u32; 2],
    done: [u32; 6],
    /// Views at rest points in which somebody had made way.
    made_way: u32,
    /// How many take-overs were approved.
    approvals: u32,
}

const DONE: [&str; 6] =
    ["edits", "reads", "synchronisations", "disturbed ones", "minutes", "restarts"];

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(Clock::system().now().0));
        let data = tempfile::tempdir().unwrap();
        let server = start(&data, &clock).await;
        let mut world = Self {
            dice: Dice(seed),
            clock,
            data,
            server: Some(server),
            http: connect::http::local_client().unwrap(),
            tenants: Vec::new(),
            copies: vec![Copy::default(); 2],
            gone: Gone::new(),
            approved: Approved::new(),
            old_names: OldNames::new(),
            watchers: Vec::new(),
            names: OldNames::new(),
            renames: [0; 2],
            done: [0; 6],
            made_way: 0,
            approvals: 0,
        };
        for no in 0..2 {
            world.connect(seed, no).await;
        }
        let usual = Shape::default();
        world.watch("both", &[0, 1], usual).await;
        world.watch("first", &[0], usual).await;
        world.watch("united", &[1, 0], Shape { aggregate: true, ..usual }).await;
        world.watch("flat", &[0, 1], Shape { flattened: true, ..usual }).await;
        let flat_united = Shape { aggregate: true, flattened: true, frozen: false };
        world.watch("flat-united", &[1, 0], flat_united).await;
        world.watch("frozen", &[0, 1], Shape { frozen: true, ..usual }).await;
        for no in 0..2 {
            world.read(no, true).await;
        }
        world
    }

    /// A tenant, and a directory of it; the second one's leavers go at once.
    async fn connect(&mut self, seed: u64, no: usize) {
        let size = Options {
            users: 40,
            groups: 12,
            memberships: 120,
            seed: seed * 2 + no as u64,
            ..Options::new(ANYWHERE)
        };
        let running = simulator::start(size).await.unwrap();
        let entra = running.description().entra.clone().unwrap();
        let settings = [
            ("authority", entra.authority),
            ("graph", entra.graph),
            ("tenant", entra.tenant),
            ("client_id", entra.client_id),
        ];
        // What waits for a person is the subject of other tests.
        let limits = Limits {
            leaving_min: u32::MAX,
            groups_min: u32::MAX,
            memberships_min: u32::MAX,
            emptied_group_min: u32::MAX,
            renames_min: u32::MAX,
            other_min: u32::MAX,
            ..Limits::default()
        };
        let usual = Rules::default();
        let grace_ms = if no == 0 { usual.grace_ms } else { 0 };
        let add = api::directory::Add {
            name: format!("directory {no}"),
            provider: "entra".to_owned(),
            settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
            secret: entra.client_secret,
            rules: Some(Rules { limits, grace_ms, ..usual }),
            schedule: Some(Schedule {
                pull_every_s: 10_000_000,
                full_every_s: 10_000_000,
                ..Schedule::default()
            }),
            key: None,
        };
        let row = api::directory::connect_directory(&self.server().app, add).await.unwrap();
        let mut oracle = Oracle::default();
        oracle.without_grace = no == 1;
        self.tenants.push(Tenant { running, directory: row.id, oracle, deleted: Vec::new() });
    }

    async fn watch(&mut self, name: &'static str, sees: &[usize], shape: Shape) {
        let add = muster::service::application::Add {
            name: name.to_owned(),
            directories: sees.iter().map(|no| format!("directory {no}")).collect(),
            aggregate: shape.aggregate,
            nested_groups: !shape.flattened,
            frozen_names: shape.frozen,
            addresses: Vec::new(),
            password: None,
            product: None,
        };
        let credentials = muster::service::application::add(
            &self.server().app,
            &muster::service::Actor::server("test"),
            add,
        )
        .await
        .unwrap();
        let url = format!("{}/crowd", self.server().url);
        let product = Product::new(&url, credentials.name, credentials.password);
        let sees = sees.to_vec();
        self.watchers.push(Watcher {
            name,
            product,
            sees,
            shape,
            read_renames: [0; 2],
            unfinished: false,
            leavers: Gone::new(),
        });
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// One thing happens.
    pub(crate) async fn step(&mut self, step: u64) {
        let tenant = self.dice.roll(2);
        match self.dice.roll(100) {
            0..55 => self.edit(tenant).await,
            55..70 => {
                let full = self.dice.roll(8) == 0;
                self.read(tenant, full).await;
            }
            70..88 => {
                self.done[2] += 1;
                let at = self.dice.roll(self.watchers.len());
                let full = self.dice.roll(6) == 0;
                let leavers = self.leavers(&self.watchers[at]);
                let watcher = &mut self.watchers[at];
                if full {
                    watcher.product.full().await;
                    watcher.has_read(self.renames, leavers);
                } else {
                    watcher.synchronise(self.renames, leavers).await;
                }
            }
            88..94 => self.disturbed(step).await,
            94..98 => {
                let minutes = self.dice_minutes();
                self.pass(1 + minutes).await;
            }
            _ => self.restart().await,
        }
    }

    /// Everything is read, every product synchronises, and has what it should.
    pub(crate) async fn rest(&mut self, step: u64) {
        for no in 0..2 {
            self.read(no, false).await;
        }
        // What waits is seen behind its leaver at every other rest point.
        if step / 40 % 2 == 1 {
            self.approve().await;
        }
        for at in 0..self.watchers.len() {
            let leavers = self.leavers(&self.watchers[at]);
            self.made_way += u32::from(!leavers.is_empty());
            let watcher = &mut self.watchers[at];
            watcher.synchronise(self.renames, leavers.clone()).await;
            let seen = (watcher.shape, &self.old_names);
            let expected = combine(&self.copies, &watcher.sees, seen, &leavers);
            let when = format!("step {step}, {}", watcher.name);
            assert_same(&watcher.product.copy(), &expected, &when);
        }
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for (count, what) in self.done.iter().zip(DONE) {
            write!(text, "{count} {what}, ").unwrap();
        }
        let full: u32 = self.watchers.iter().map(|watcher| watcher.product.full_syncs).sum();
        let made_way = self.made_way;
        let approvals = self.approvals;
        text + &format!(
            "{full} lists read in full, {made_way} views in which somebody made way, {approvals} take-overs approved"
        )
    }

    /// Somebody leaves the first tenant who has an account in the second that nothing but the name says to be theirs; and
    /// whoever left may come back.
    pub(crate) async fn somebody_moves(&mut self) {
        let (truth, other) = (self.truth(0).await, self.truth(1).await);
        let is_new = |login: &str| {
            let same = |name: &String| name.to_lowercase() == login.to_lowercase();
            !other.users.iter().any(|user| user.login.to_lowercase() == login.to_lowercase())
                && !self.copies[1].users.keys().any(same)
        };
        let mut people = truth.users.iter().filter(|user| user.active && !user.guest);
        let user = people.find(|user| is_new(&user.login)).unwrap().clone();
        let account = json!({"login": user.login, "display_name": user.login,
            "email": format!("moved{}@elsewhere.example", self.approvals)});
        self.control(1, "POST", "users", account).await;
        let step = json!([{"method": "DELETE", "path": format!("users/{}", user.id)}]);
        self.control(0, "POST", "batch", step).await;
        if self.dice.roll(3) == 0 && !self.tenants[0].deleted.is_empty() {
            let back = self.tenants[0].deleted.remove(0);
            let path = format!("users/{back}/restore");
            let step = json!([{"method": "POST", "path": path}]);
            self.control(0, "POST", "batch", step).await;
        }
        self.tenants[0].deleted.push(user.id);
        self.pass(1).await;
    }

    pub(crate) fn assert_take_overs_were_approved(&self, min: u32) {
        assert!(self.approvals >= min, "{} take-overs were approved", self.approvals);
    }

    /// Accounts of the second directory take the places of leavers of the first, if nothing else waits with them.
    async fn approve(&mut self) {
        let app = self.server().app.clone();
        let keeper = app.keeper(self.tenants[1].directory).unwrap();
        let preview = commit::foretell(&app, &keeper, None).await.unwrap();
        let held = preview.held.into_iter().find(|held| held.kind == GuardKind::TakeOver);
        let Some(held) = held else { return };
        let in_place = |item: &HeldItem| item.what.starts_with("would take the place");
        if !held.items.iter().all(in_place) {
            return;
        }
        for item in &held.items {
            let named = |name: &&String| name.to_lowercase() == item.name.to_lowercase();
            let users = &self.copies[0].users;
            let leaver = &users[users.keys().find(named).unwrap()];
            let pair = ((0, leaver.id.clone()), (1, item.id.to_string()));
            assert!(self.gone.contains(&pair.0) && !leaver.active, "{item:?} hides nobody");
            self.approved.insert(pair);
            self.approvals += 1;
        }
        let choice = Choice { digest: held.digest, kind: Some(held.kind) };
        let decision = Decision { approve: Some(choice), ..Decision::default() };
        commit::commit(&app, &keeper, Step::Decision(decision)).await.unwrap();
    }

    /// Who makes way in what a product sees.
    fn leavers(&self, watcher: &Watcher) -> Gone {
        leavers(
            &self.copies,
            &watcher.sees,
            (watcher.shape, &self.old_names),
            (&self.gone, &self.approved),
        )
    }

    pub(crate) fn assert_somebody_made_way(&self) {
        assert!(self.made_way > 0, "nobody made way");
    }

    fn dice_minutes(&mut self) -> i64 {
        i64::try_from(self.dice.roll(12)).unwrap()
    }

    async fn edit(&mut self, tenant: usize) {
        let truth = self.truth(tenant).await;
        let mut budget = Budget::unlimited(40);
        let deleted = &mut self.tenants[tenant].deleted;
        if let Some((method, path, body)) = edit(&mut self.dice, &truth, &mut budget, deleted) {
            self.done[0] += 1;
            // A refusal (a name that is taken) is an edit that did not happen.
            let step = json!([{"method": method, "path": path, "body": body}]);
            self.control(tenant, "POST", "batch", step).await;
        }
    }

    async fn rename(&mut self, tenant: usize) {
        let truth = self.truth(tenant).await;
        let user = &truth.users[self.dice.roll(truth.users.len())];
        let body = json!({"login": format!("renamed.{}@contoso.example", self.dice.roll(40))});
        let path = format!("users/{}", user.id);
        let step = json!([{"method": "PATCH", "path": path, "body": body}]);
        self.control(tenant, "POST", "batch", step).await;
    }

    /// Reads a tenant; from then on its directory should be as the oracle says.
    async fn read(&mut self, tenant: usize, full: bool) {
        self.done[1] += 1;
        let truth = self.truth(tenant).await;
        let keeper = self.server().app.keeper(self.tenants[tenant].directory).unwrap();
        let ticket = keeper.request(full);
        let report = loop {
            let status = keeper.status();
            if status.completed >= ticket {
                break status.last.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        assert!(!matches!(report.outcome, Outcome::Failed { .. }), "{report:?}");
        let copy = self.tenants[tenant].oracle.expect(&truth);
        remember(&mut self.old_names, tenant, &self.copies[tenant], &copy);
        let mut renamed = false;
        for (name, person) in &copy.users {
            let known = self.names.insert((tenant, person.id.clone()), name.clone());
            renamed |= known.is_some_and(|known| known != *name);
        }
        self.renames[tenant] += u32::from(renamed);
        self.gone.retain(|(directory, _)| *directory != tenant);
        let there: BTreeSet<&str> = truth.users.iter().map(|user| user.id.as_str()).collect();
        let gone = copy.users.values().filter(|person| !there.contains(person.id.as_str()));
        self.gone.extend(gone.map(|person| (tenant, person.id.clone())));
        // Whoever is back has nobody in their place any more, also after they left again.
        self.approved.retain(|(leaver, _)| self.gone.contains(leaver));
        self.copies[tenant] = copy;
        self.clock.fetch_add(100, Ordering::SeqCst);
    }

    /// A product reads everything while minutes pass, people are renamed and the server restarts.
    async fn disturbed(&mut self, step: u64) {
        self.done[3] += 1;
        let at = self.dice.roll(self.watchers.len());
        let mut watcher = self.watchers.swap_remove(at);
        let restarts = self.dice.roll(4) == 0;
        let (mut read_renames, mut read_leavers) = ([0; 2], Gone::new());
        let (sees, shape) = (watcher.sees.clone(), watcher.shape);
        watcher
            .product
            .full_between(async |request| {
                // The list of people is the second request.
                if request == 3 {
                    read_renames = self.renames;
                    let seen = (shape, &self.old_names);
                    read_leavers = leavers(&self.copies, &sees, seen, (&self.gone, &self.approved));
                }
                if self.dice.roll(2) == 0 {
                    return None;
                }
                let minutes = self.dice_minutes();
                self.pass(minutes).await;
                let tenant = self.dice.roll(2);
                self.edit(tenant).await;
                self.rename(tenant).await;
                self.edit(tenant).await;
                self.read(tenant, false).await;
                if restarts && request == 4 {
                    self.restart().await;
                    return Some(self.server().url.clone());
                }
                None
            })
            .await;
        watcher.has_read(read_renames, read_leavers);
        println!("step {step}: {} was disturbed", watcher.name);
        self.watchers.push(watcher);
    }

    /// DESIGN.md 10.8, to the letter: minutes and three edits, one a rename, between requests 2 and 5.
    pub(crate) async fn disturb_every_product(&mut self) {
        for _ in 0..self.watchers.len() {
            let mut watcher = self.watchers.remove(0);
            let (mut read_renames, mut read_leavers) = ([0; 2], Gone::new());
            let (sees, shape) = (watcher.sees.clone(), watcher.shape);
            let disturbance = async |request| {
                if request == 3 {
                    read_renames = self.renames;
                    let seen = (shape, &self.old_names);
                    read_leavers = leavers(&self.copies, &sees, seen, (&self.gone, &self.approved));
                }
                if request > 2 {
                    self.pass(2).await;
                    for tenant in 0..2 {
                        self.edit(tenant).await;
                        self.rename(tenant).await;
                        self.edit(tenant).await;
                        self.read(tenant, false).await;
                    }
                }
                None
            };
            watcher.product.full_between(disturbance).await;
            watcher.has_read(read_renames, read_leavers);
            self.watchers.push(watcher);
        }
    }

    /// Somebody of each directory is renamed, and minutes pass.
    pub(crate) async fn rename_somebody(&mut self, minutes: u64) {
        for tenant in 0..2 {
            self.rename(tenant).await;
        }
        self.pass(i64::try_from(minutes).unwrap()).await;
    }

    pub(crate) fn assert_full_synchronisations_at_most(&self, max: u32) {
        for watcher in &self.watchers {
            let (name, full) = (watcher.name, watcher.product.full_syncs);
            assert!(full <= max, "{name} read everything {full} times");
            assert!(!watcher.shape.frozen || full == 1, "{name} has to read no rename");
        }
    }

    async fn pass(&mut self, minutes: i64) {
        self.done[4] += u32::try_from(minutes).unwrap();
        self.clock.fetch_add(minutes * MINUTE_MS, Ordering::SeqCst);
        for no in 0..2 {
            self.control(no, "POST", "clock", json!({"advance_s": minutes * 60})).await;
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.done[5] += 1;
        self.server.take().unwrap().stop().await;
        self.server = Some(start(&self.data, &self.clock).await);
        let url = self.server().url.clone();
        for watcher in &mut self.watchers {
            watcher.product.moved(Some(url.clone()));
        }
        // A server reads at its start; so that nobody edits meanwhile, it is waited for.
        for no in 0..2 {
            self.read(no, false).await;
        }
    }

    async fn truth(&self, tenant: usize) -> Truth {
        serde_json::from_value(self.control(tenant, "GET", "truth", Value::Null).await).unwrap()
    }

    async fn control(&self, tenant: usize, method: &str, path: &str, body: Value) -> Value {
        let base = &self.tenants[tenant].running.description().control;
        let request = self.http.request(method.parse().unwrap(), format!("{base}/entra/{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

async fn start(data: &TempDir, clock: &Arc<AtomicI64>) -> Server {
    let clock = Arc::clone(clock);
    let clock = Clock::from_fn(move || Millis(clock.load(Ordering::SeqCst)));
    // What was under way beside the async threads when the server stopped comes to its end first.
    for _ in 0..500 {
        match Server::start(data.path(), ANYWHERE, &File::default(), clock.clone()).await {
            Ok(server) => return server,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Server::start(data.path(), ANYWHERE, &File::default(), clock).await.unwrap()
}
