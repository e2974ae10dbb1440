//! What is shown is true: every number on pages, in answers, in metrics and in what commands print is that of the
//! snapshot and of the last run, along random stories of each provider.

use directory::counted::counted;
use std::process::Command;

use directory::{
    figures::Exceptions,
    id::ProviderId,
    report::{Outcome, RunKind, RunReport},
    snapshot::Size,
};
use muster::{hashing::hash, task::state::DirectoryState};
use reqwest::Method;
use serde_json::{Value, json};
use simulator::Provider;
use store::Role;

use crate::{
    did, get,
    house::{House, Plan},
};

const PASSWORD: &str = "four quiet green lamps";

/// Somebody at the console.
pub(crate) struct Browser {
    http: reqwest::Client,
    cookie: String,
}

impl Browser {
    pub(crate) async fn sign_in(house: &House) -> Self {
        let hash = hash(PASSWORD.to_owned()).await.unwrap();
        let app = &house.server().app;
        let now = app.clock.now();
        app.blocking(move |store| {
            crate::changed(store, |change| {
                change.put_administrator("ann", Role::Administrator, &hash, now)
            })
        })
        .await
        .unwrap();
        let http = connect::http::local_client().unwrap();
        let form = format!("name=ann&password={}", PASSWORD.replace(' ', "+"));
        let url = format!("{}/sign-in", house.server().url);
        let answer = http
            .post(url)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { http, cookie }
    }

    pub(crate) async fn page(&self, house: &House, path: &str) -> String {
        self.ask(house, (Method::GET, path), String::new()).await
    }

    async fn ask(&self, house: &House, (method, path): (Method, &str), form: String) -> String {
        let answer = self.send(house, (method, path), form).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    /// Sends a form; gives the page that it leads to.
    pub(crate) async fn post(&self, house: &House, path: &str, form: String) -> String {
        let answer = self.send(house, (Method::POST, path), form).await;
        assert_eq!(answer.status(), 303, "{path}");
        let to = answer.headers()["location"].to_str().unwrap().to_owned();
        self.page(house, &to).await
    }

    async fn send(
        &self,
        house: &House,
        (method, path): (Method, &str),
        form: String,
    ) -> reqwest::Response {
        let request = self.http.request(method, format!("{}{path}", house.server().url));
        let request =
            request.header("cookie", &self.cookie).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form).send().await.unwrap()
    }
}

/// The text between two marks, without tags.
fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let rest = html.split_once(from).unwrap_or_else(|| panic!("no {from} in {html}")).1;
    rest.split_once(to).unwrap().0
}

fn digits(text: &str) -> usize {
    let inside = text.rsplit_once("\">").map_or(text, |(_, inside)| inside);
    let digits: String = inside.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number in {text}"))
}

/// A figure of a page, by what stands above it.
fn figure(html: &str, name: &str) -> usize {
    let cell = between(html, &format!("<dt>{name}</dt><dd>"), "</dd>");
    digits(cell.trim_end_matches("</a>"))
}

/// A cell of a table of figures, by its row and column.
fn cell(html: &str, row: &str, column: usize) -> usize {
    let row = between(html, &format!("<th scope=\"row\">{row}</th>"), "</tr>");
    digits(row.split("</td>").nth(column).unwrap())
}

fn figures_of(html: &str) -> [usize; 4] {
    ["People", "Inactive", "Groups", "Memberships"].map(|name| figure(html, name))
}

fn of_size(size: &Size) -> [usize; 4] {
    [size.users, size.users - size.active_users, size.groups, size.memberships + size.nestings]
}

fn muster(house: &House, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .env("MUSTER_URL", &house.server().url)
        .env("MUSTER_TOKEN", &house.server().token)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A value of a directory in the metrics.
fn gauge(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// What is true of the directory, from the snapshot and from the reports that the store keeps.
struct Truth {
    name: &'static str,
    size: Size,
    reports: Vec<RunReport>,
}

impl Truth {
    fn of(house: &House) -> Self {
        let app = &house.server().app;
        let size = app.served(house.directory()).unwrap().size();
        let reports = app.store.latest_runs(house.directory(), 1_000).unwrap();
        Self { name: house.provider.name(), size, reports }
    }

    fn last_read(&self) -> Option<&RunReport> {
        self.reports.iter().find(|run| matches!(run.kind, RunKind::Full | RunKind::Delta))
    }

    fn last_read_to_the_end(&self) -> Option<&RunReport> {
        let read = |run: &&RunReport| {
            matches!(run.kind, RunKind::Full | RunKind::Delta)
                && !matches!(run.outcome, Outcome::Failed { .. })
        };
        self.reports.iter().find(read)
    }

    fn fails(&self) -> bool {
        self.last_read().is_some_and(|run| matches!(run.outcome, Outcome::Failed { .. }))
    }

    fn last_look(&self) -> &RunReport {
        self.reports.iter().find(|run| run.exceptions.is_some()).unwrap()
    }
}

async fn check(house: &House, browser: &Browser, when: &str) {
    let truth = Truth::of(house);
    let name = truth.name;
    let numbers = of_size(&truth.size);
    let look = truth.last_look();
    assert_eq!(of_size(&look.size_after), numbers, "{when}: the last run's report");
    let exceptions: Exceptions = look.exceptions.unwrap();
    // The API.
    let shown = get(house, &format!("/directories/{name}")).await;
    let size: Size = serde_json::from_value(shown["size"].clone()).unwrap();
    assert_eq!(size, truth.size, "{when}");
    let state: DirectoryState = serde_json::from_value(shown["state"].clone()).unwrap();
    let status = get(house, &format!("/directories/{name}/status")).await;
    assert_eq!(shown["state"], status["state"], "{when}");
    assert_eq!(state.exceptions, Some(exceptions), "{when}");
    assert_eq!(state.held, look.held, "{when}");
    assert_eq!(state.read_failure.is_some(), truth.fails(), "{when}");
    let read = truth.last_read_to_the_end().unwrap();
    let at = state.last_read.unwrap();
    assert!(read.started <= at && at <= read.finished, "{when}: {at:?} {read:?}");
    let preview = get(house, &format!("/directories/{name}/preview?limit=0")).await;
    let told = |field: &str| -> Size { serde_json::from_value(preview[field].clone()).unwrap() };
    assert_eq!(told("size_before"), truth.size, "{when}");
    assert_eq!(preview["flowing"], 0, "{when}: {preview}");
    assert_eq!(told("size_after"), truth.size, "{when}");
    assert_eq!(preview["exceptions"], json!(exceptions), "{when}");
    assert_eq!(preview["set_aside"], exceptions.set_aside.total(), "{when}");
    let issues = get(house, &format!("/directories/{name}/issues?limit=10000")).await;
    let issues = issues["items"].as_array().unwrap();
    let mut aside: Vec<(&str, &str)> = issues
        .iter()
        .filter(|issue| issue["served"] == false)
        .map(|issue| (issue["kind"].as_str().unwrap(), issue["id"].as_str().unwrap()))
        .collect();
    aside.sort_unstable();
    aside.dedup();
    assert_eq!(aside.len() as u64, exceptions.set_aside.total(), "{when}: {issues:?}");
    check_pages(house, browser, (&truth, &exceptions, when)).await;
    check_metrics(house, (&truth, &exceptions, when)).await;
    check_commands(house, (&truth, &exceptions, when));
    check_explanations(house, (&truth, when)).await;
}

async fn check_pages(
    house: &House,
    browser: &Browser,
    (truth, exceptions, when): (&Truth, &Exceptions, &str),
) {
    let (name, numbers) = (truth.name, of_size(&truth.size));
    let path = format!("/directories/{name}");
    let overview = browser.page(house, "/").await;
    assert_eq!(figures_of(&overview), numbers, "{when}: the overview");
    let summary = browser.page(house, &path).await;
    assert_eq!(figures_of(&summary), numbers, "{when}: the directory's page");
    assert!(!overview.contains("Last run"), "a run is no news of the provider");
    let says = if truth.fails() { "last read failed" } else { "last read" };
    assert!(summary.contains(says), "{when}");
    for (list, number) in [("people", numbers[0]), ("groups", numbers[2])] {
        let page = browser.page(house, &format!("{path}/{list}")).await;
        let words = page.split(" of ").find_map(|part| {
            let digits: String =
                part.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
            (!digits.is_empty()).then(|| digits.replace(',', ""))
        });
        assert_eq!(words, Some(number.to_string()), "{when}: {list}");
    }
    let waiting = browser.page(house, &format!("{path}/waiting")).await;
    let all_is_served = exceptions.is_empty() && !truth.fails();
    assert_eq!(
        waiting.contains("Everything that the provider said is served"),
        all_is_served,
        "{when}: {exceptions:?}"
    );
    let aside = browser.page(house, &format!("{path}/set-aside")).await;
    let nobody = aside.contains("Nobody. Everyone whom the rules let in is served");
    let others = [exceptions.set_aside, exceptions.other_name, exceptions.discarded];
    assert_eq!(nobody, others.iter().all(|count| count.total() == 0), "{when}");
    // Other rules: what they would do stands beside what is served.
    let mut rules = get(house, &path).await["rules"].clone();
    let app = &house.server().app;
    let served = app.served(house.directory()).unwrap();
    let some: Vec<Value> = served
        .groups_from(0)
        .step_by(3)
        .map(|(_, group)| json!({"id": group.id().to_string()}))
        .collect();
    rules["groups"] = json!({"only": some});
    let form = format!("then=preview&text={}", form_value(&rules.to_string()));
    let preview = (Method::POST, &*format!("{path}/rules/text/preview"));
    let outlook = browser.ask(house, preview, form).await;
    let asked = did(house, "POST", &format!("{path}/preview?limit=0"), rules).await;
    for (row, field) in [("People", "users"), ("Groups", "groups")] {
        assert_eq!(json!(cell(&outlook, row, 0)), asked["size_before"][field], "{when}");
        assert_eq!(json!(cell(&outlook, row, 1)), asked["size_after"][field], "{when}");
        if asked["size_after"] != asked["size_approved"] {
            assert_eq!(json!(cell(&outlook, row, 2)), asked["size_approved"][field], "{when}");
        }
    }
    // Groups whose changes were discarded stay, whatever the rules are.
    let least = json!(some.len());
    if exceptions.discarded.groups == 0 {
        assert_eq!(asked["size_approved"]["groups"], least, "{when}: under the rule");
    }
}

fn form_value(text: &str) -> String {
    let octets: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    octets.concat()
}

async fn check_metrics(house: &House, (truth, exceptions, when): (&Truth, &Exceptions, &str)) {
    let url = format!("{}/metrics", house.server().url);
    let http = connect::http::local_client().unwrap();
    let metrics = http.get(url).send().await.unwrap().text().await.unwrap();
    let seconds = truth.last_read_to_the_end().unwrap().finished.0 as f64 / 1_000.0;
    let numbers = [
        ("muster_directory_users", truth.size.users as f64),
        ("muster_directory_active_users", truth.size.active_users as f64),
        ("muster_directory_groups", truth.size.groups as f64),
        ("muster_directory_memberships", of_size(&truth.size)[3] as f64),
        ("muster_directory_set_aside", exceptions.set_aside.total() as f64),
        ("muster_directory_other_name", exceptions.other_name.total() as f64),
        ("muster_directory_discarded", exceptions.discarded.total() as f64),
        ("muster_directory_waiting", exceptions.waiting.total() as f64),
        ("muster_pull_failed", f64::from(u8::from(truth.fails()))),
        ("muster_plan_held", f64::from(u8::from(!truth.last_look().held.is_empty()))),
    ];
    for (name, number) in numbers {
        assert!((gauge(&metrics, name) - number).abs() < 0.5, "{when}: {name} {number} {metrics}");
    }
    let read = gauge(&metrics, "muster_directory_read_seconds");
    assert!((-60.0..=0.0).contains(&(read - seconds)), "{when}: {read} {seconds}");
}

fn check_commands(house: &House, (truth, exceptions, when): (&Truth, &Exceptions, &str)) {
    let name = truth.name;
    let size = truth.size;
    let served = format!(
        "{} ({} active), {}, {}",
        counted(size.users, "person"),
        size.active_users,
        counted(size.groups, "group"),
        counted(size.memberships + size.nestings, "membership")
    );
    let list = muster(house, &["directory", "list"]);
    let row = list.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    let numbers = of_size(&size);
    assert_eq!(cells[2..5], [numbers[0], numbers[2], numbers[3]].map(|n| n.to_string()), "{when}");
    let show = muster(house, &["directory", "show", name]);
    assert!(show.contains(&format!("served: {served}")), "{when}: {show}");
    let preview = muster(house, &["directory", "preview", name]);
    assert!(preview.contains(&format!("served now:    {served}")), "{when}: {preview}");
    assert!(preview.contains(&format!("served then:   {served}")), "{when}: {preview}");
    for line in exceptions.sentences() {
        assert!(show.contains(&line) && preview.contains(&line), "{when}: {line}\n{show}{preview}");
    }
    let said = show.matches("not served as the provider said").count();
    assert_eq!(said, exceptions.sentences().len() + usize::from(truth.fails()), "{when}: {show}");
}

/// Some people, as the API explains them and shows them.
async fn check_explanations(house: &House, (truth, when): (&Truth, &str)) {
    let served = house.server().app.served(house.directory()).unwrap();
    for (no, user) in served.users_from(0).step_by(17) {
        let id: &ProviderId = user.id();
        let path = format!("/directories/{}/explain?user={id}", truth.name);
        let explained: Value = get(house, &path).await;
        assert_eq!(explained["served"], true, "{when}");
        assert_eq!(explained["name"], user.name(), "{when}");
        assert_eq!(explained["active"], user.active(), "{when}");
        let groups = served.groups_of(no).len();
        assert_eq!(explained["groups"].as_array().unwrap().len(), groups, "{when}");
        let person = get(house, &format!("/directories/{}/users/{id}", truth.name)).await;
        assert_eq!(person["groups_total"], groups, "{when}");
    }
}

/// The right to read is taken away, or given back.
async fn consent(house: &House, verb: &str) {
    house.control("POST", verb, json!({"what": "consent"})).await;
    house.control("POST", "expire", json!({"what": "tokens"})).await;
}

async fn told(provider: Provider, seed: u64) {
    let mut house = House::build(provider, Plan::guarded(seed)).await;
    let browser = Browser::sign_in(&house).await;
    let name = provider.name();
    check(&house, &browser, "at first").await;
    for chapter in 0..4 {
        let when = |what: &str| format!("{provider:?} {seed}, chapter {chapter}: {what}");
        house.edits(25).await;
        house.read(chapter % 2 == 0).await;
        check(&house, &browser, &when("after edits")).await;
        // A read that fails, and a saved rule, are no news of the provider.
        consent(&house, "revoke").await;
        house.edits(3).await;
        house.try_read(false).await;
        check(&house, &browser, &when("after a read that failed")).await;
        let rules = get(&house, &format!("/directories/{name}")).await["rules"].clone();
        did(&house, "PUT", &format!("/directories/{name}/rules"), rules).await;
        check(&house, &browser, &when("after a saved rule")).await;
        consent(&house, "grant").await;
        house.read(false).await;
        let held = get(&house, &format!("/directories/{name}/preview")).await["digest"].clone();
        if !held.is_null() {
            let decide = ["discard", "approve"][chapter % 2];
            let path = format!("/directories/{name}/{decide}");
            did(&house, "POST", &path, json!({"digest": held})).await;
            check(&house, &browser, &when(decide)).await;
        }
    }
    house.restart().await;
    check(&house, &browser, "after a restart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_shown_of_an_entra_directory_are_true() {
    told(Provider::Entra, 41).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_shown_of_a_google_directory_are_true() {
    told(Provider::Google, 42).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_shown_of_an_okta_directory_are_true() {
    told(Provider::Okta, 43).await;
}

/// What waits, is discarded or set aside is known after a restart too, when nothing can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_known_after_a_restart_without_the_provider() {
    let mut house = House::build(Provider::Entra, Plan::guarded(44)).await;
    let browser = Browser::sign_in(&house).await;
    let rules = json!({"people": {"filter": "user.login.startsWith('a')"}});
    did(&house, "PUT", "/directories/entra/rules", rules).await;
    let digest = get(&house, "/directories/entra/preview").await["digest"].clone();
    did(&house, "POST", "/directories/entra/discard", json!({"digest": digest})).await;
    check(&house, &browser, "once people were discarded").await;
    consent(&house, "revoke").await;
    house.restart().await;
    check(&house, &browser, "after a restart without the provider").await;
    let waiting = browser.page(&house, "/directories/entra/waiting").await;
    assert!(waiting.contains("because changes were discarded"), "{waiting}");
}
