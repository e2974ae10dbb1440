//! The first synchronisation of a large tenant, beside a bare client that downloads the same pages.
//!
//! `cargo bench -p muster --bench first_sync -- --users 100000 --groups 10000 --memberships 1000000`
//!
//! Everything runs as processes of its own on loopback: the simulator, the bare client (this process: same
//! requests, same concurrency, gzip, bodies parsed and dropped) and the server. Prints seconds, CPU seconds
//! and peak memory; asserts nothing.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and ends at the first thing that goes wrong"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_muster");
/// In flight at the most, as the connector.
const CONCURRENCY: usize = 64;
const USER_SELECT: &str = "id,userPrincipalName,accountEnabled,userType,externalUserState,displayName,givenName,\
    surname,mail,otherMails,proxyAddresses,employeeId,department,jobTitle,companyName,officeLocation,mobilePhone,\
    preferredLanguage,mailNickname,onPremisesSamAccountName,onPremisesUserPrincipalName,onPremisesImmutableId,\
    createdDateTime";
const GROUP_SELECT: &str = "id,displayName,description,mail,mailNickname,mailEnabled,securityEnabled,groupTypes,\
    visibility,onPremisesSamAccountName,createdDateTime";

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 100_000)]
    users: u32,
    #[arg(long, default_value_t = 10_000)]
    groups: u32,
    #[arg(long, default_value_t = 1_000_000)]
    memberships: u64,
    #[arg(long, default_value_t = 0)]
    latency_ms: u32,
    #[arg(long, default_value = "off")]
    quotas: String,
    /// How often each is measured; the best counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(arguments));
}

async fn run(arguments: Arguments) {
    let (simulator, entra) = simulate(&arguments);
    println!(
        "{} users, {} groups, {} memberships, latency {} ms, quotas {}",
        arguments.users,
        arguments.groups,
        arguments.memberships,
        arguments.latency_ms,
        arguments.quotas
    );
    let mut bare = Vec::new();
    let mut ours = Vec::new();
    for _ in 0..arguments.rounds {
        let before = cpu_s(simulator.0.id());
        let own = cpu_s(std::process::id());
        let began = Instant::now();
        let pages = bare_client(&entra).await;
        let seconds = began.elapsed().as_secs_f64();
        bare.push(seconds);
        println!(
            "bare client      {seconds:6.2} s  {:5.2} s CPU  (simulator {:.2} s CPU, {pages} requests)",
            cpu_s(std::process::id()) - own,
            cpu_s(simulator.0.id()) - before,
        );
        let before = cpu_s(simulator.0.id());
        let (seconds, line) = first_sync(&entra).await;
        ours.push(seconds);
        println!(
            "first sync       {seconds:6.2} s  {line}  (simulator {:.2} s CPU)",
            cpu_s(simulator.0.id()) - before
        );
    }
    let best = |list: &[f64]| list.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "best of {}: bare client {:.2} s, first sync to committed and served {:.2} s: {:.2} times",
        arguments.rounds,
        best(&bare),
        best(&ours),
        best(&ours) / best(&bare)
    );
}

/// A process that ends with the benchmark.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulate(arguments: &Arguments) -> (Process, Value) {
    let mut process = Process(
        Command::new(BINARY)
            .args(["simulate", "--listen", "127.0.0.1:0", "--users", &arguments.users.to_string()])
            .args(["--groups", &arguments.groups.to_string()])
            .args(["--memberships", &arguments.memberships.to_string()])
            .args([
                "--latency-ms",
                &arguments.latency_ms.to_string(),
                "--quotas",
                &arguments.quotas,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let description: Value = serde_json::from_str(&line).unwrap();
    (process, description["entra"].clone())
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    value: Vec<T>,
}

#[derive(Deserialize)]
struct WithId {
    id: String,
}

/// Downloads what a first synchronisation downloads; gives the number of requests.
async fn bare_client(entra: &Value) -> usize {
    let text = |key: &str| entra[key].as_str().unwrap();
    let http = connect::http::local_client().unwrap();
    let url = format!("{}/{}/oauth2/v2.0/token", text("authority"), text("tenant"));
    let scope = format!("{}/.default", text("graph"));
    let form = [
        ("client_id", text("client_id")),
        ("client_secret", text("client_secret")),
        ("scope", &scope),
        ("grant_type", "client_credentials"),
    ];
    let token: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    let bare = Bare {
        http,
        token: token["access_token"].as_str().unwrap().to_owned(),
        graph: text("graph").to_owned(),
    };
    let people = bare.list::<IgnoredAny>(format!("users?$select={USER_SELECT}&$top=999"));
    let groups = async {
        let (groups, pages) =
            bare.list::<WithId>(format!("groups?$select={GROUP_SELECT}&$top=999")).await;
        let members = stream::iter(groups)
            .map(|group| {
                let bare = &bare;
                async move {
                    let (_, pages) = bare
                        .list::<IgnoredAny>(format!(
                            "groups/{}/members?$select=id&$top=999",
                            group.id
                        ))
                        .await;
                    Ok::<_, ()>(pages)
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_fold(0, async |sum, pages| Ok(sum + pages));
        pages + members.await.unwrap()
    };
    let ((_, pages), more) = tokio::join!(people, groups);
    1 + pages + more
}

struct Bare {
    http: reqwest::Client,
    token: String,
    graph: String,
}

impl Bare {
    async fn list<T: for<'de> Deserialize<'de>>(&self, path: String) -> (Vec<T>, usize) {
        let mut url = format!("{}/v1.0/{path}", self.graph);
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            pages += 1;
            let response = self.http.get(&url).bearer_auth(&self.token).send().await.unwrap();
            if response.status() == 429 {
                let pause = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(pause)).await;
                continue;
            }
            assert!(response.status().is_success(), "{}", response.status());
            let page: Page<T> = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            all.extend(page.value);
            match page.next {
                Some(next) => url = next,
                None => return (all, pages),
            }
        }
    }
}

/// From `directory add` to served; seconds, and what it took.
async fn first_sync(entra: &Value) -> (f64, String) {
    let data = tempfile::tempdir().unwrap();
    let server = Process(
        Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let http = connect::http::local_client().unwrap();
    let (url, token) = admin(data.path()).await;
    let settings =
        ["authority", "graph", "tenant", "client_id"].map(|key| (key, entra[key].clone()));
    let settings: serde_json::Map<String, Value> =
        settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let body = json!({"name": "entra", "provider": "entra", "settings": settings, "secret": entra["client_secret"]});
    let began = Instant::now();
    let added = http
        .post(format!("{url}/api/v1/directories"))
        .bearer_auth(&token)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(added.status().is_success(), "{}", added.text().await.unwrap());
    let mut phases: Vec<(String, Instant)> = Vec::new();
    loop {
        let status = http
            .get(format!("{url}/api/v1/directories/entra/status"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        let status: Value = status.json().await.unwrap();
        let phase = status["phase"].as_str().unwrap_or_default();
        if phases.last().is_none_or(|(last, _)| last != phase) {
            phases.push((phase.to_owned(), Instant::now()));
        }
        if status["completed"].as_u64() >= Some(1) {
            let seconds = began.elapsed().as_secs_f64();
            let peak = peak_mib(server.0.id());
            let applied = &status["last"]["applied"];
            assert!(applied["users_added"].as_u64() > Some(0), "{status}");
            let line = format!(
                "{:5.2} s CPU, peak {peak} MiB, {} people and {} memberships served",
                cpu_s(server.0.id()),
                applied["users_added"],
                applied["memberships_added"]
            );
            let lengths = phases.windows(2).map(|pair| {
                format!("{} {:.2} s", pair[0].0, (pair[1].1 - pair[0].1).as_secs_f64())
            });
            let lengths: Vec<String> = lengths.collect();
            return (seconds, format!("{line} ({})", lengths.join(", ")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn admin(data: &Path) -> (String, String) {
    loop {
        if let Ok(text) = fs::read_to_string(data.join("admin.json")) {
            let admin: Value = serde_json::from_str(&text).unwrap();
            return (
                admin["url"].as_str().unwrap().to_owned(),
                admin["token"].as_str().unwrap().to_owned(),
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// CPU seconds that a process has used (`/proc`, 100 ticks a second).
fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

/// The most memory that a process ever had resident.
fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
