//! The processes: the simulator, and a server that reads it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::Arguments;

const BINARY: &str = env!("CARGO_BIN_EXE_muster");

/// A process that ends with the benchmark.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulated tenant.
pub(crate) struct Tenant {
    process: Process,
    provider: String,
    control: String,
    pub(crate) reach: Value,
}

impl Tenant {
    pub(crate) fn start(arguments: &Arguments) -> Self {
        let number = |number: u64| number.to_string();
        let mut process = Process(
            Command::new(BINARY)
                .args(["simulate", "--listen", "127.0.0.1:0", "--providers", &arguments.provider])
                .args(["--users", &number(arguments.users.into())])
                .args(["--groups", &number(arguments.groups.into())])
                .args(["--memberships", &number(arguments.memberships)])
                .args(["--latency-ms", &number(arguments.latency_ms.into())])
                .args(["--quotas", &arguments.quotas])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let description: Value = serde_json::from_str(&line).unwrap();
        let provider = arguments.provider.clone();
        let control = format!("{}/{provider}", description["control"].as_str().unwrap());
        let reach = description[&provider].clone();
        Self { process, provider, control, reach }
    }

    pub(crate) fn cpu_s(&self) -> f64 {
        cpu_s(self.process.0.id())
    }

    /// Begins to count anew.
    pub(crate) async fn reset_counters(&self) {
        let http = connect::http::local_client().unwrap();
        http.delete(format!("{}/counters", self.control)).send().await.unwrap();
    }

    /// What was asked for since, as a line.
    pub(crate) async fn counted(&self) -> String {
        let http = connect::http::local_client().unwrap();
        let url = format!("{}/counters", self.control);
        let counters: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        let sum =
            |map: &Value| map.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
        format!(
            "{} requests, {:.1} MB, at most {} at once, {} refused for their number, {} violations",
            sum(&counters["requests"]),
            counters["bytes"].as_f64().unwrap() / 1e6,
            counters["peak_concurrency"],
            counters["throttled"],
            sum(&counters["violations"])
        )
    }

    /// The body that connects a directory to the tenant.
    fn directory(&self, arguments: &Arguments) -> Value {
        let text = |key: &str| self.reach[key].as_str().unwrap().to_owned();
        let free = arguments.quotas == "off";
        let (settings, secret) = match self.provider.as_str() {
            "entra" => {
                let keys = ["authority", "graph", "tenant", "client_id"];
                let settings = keys.map(|key| (key.to_owned(), json!(text(key))));
                let settings: serde_json::Map<String, Value> = settings.into_iter().collect();
                (Value::Object(settings), text("client_secret"))
            }
            "google" => {
                let mut settings = json!({
                    "token_uri": text("token_uri"), "api": text("api"), "subject": text("subject"),
                });
                if free {
                    settings["requests_per_minute"] = json!("0");
                }
                (settings, fs::read_to_string(text("key_file")).unwrap())
            }
            _ => (
                json!({"url": text("url"), "rate_share": arguments.okta_rate_share.to_string()}),
                text("token"),
            ),
        };
        json!({"name": "bench", "provider": self.provider, "settings": settings, "secret": secret})
    }
}

/// From `directory add` to served; seconds, and what it took.
pub(crate) async fn first_sync(tenant: &Tenant, arguments: &Arguments) -> (f64, String) {
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
    let body = tenant.directory(arguments);
    let began = Instant::now();
    let add = http.post(format!("{url}/api/v1/directories")).bearer_auth(&token).json(&body);
    let added = add.send().await.unwrap();
    assert!(added.status().is_success(), "{}", added.text().await.unwrap());
    let mut phases: Vec<(String, Instant)> = Vec::new();
    loop {
        let ask = http.get(format!("{url}/api/v1/directories/bench/status")).bearer_auth(&token);
        let status: Value = ask.send().await.unwrap().json().await.unwrap();
        let phase = status["phase"].as_str().unwrap_or_default();
        if phases.last().is_none_or(|(last, _)| last != phase) {
            phases.push((phase.to_owned(), Instant::now()));
        }
        if status["completed"].as_u64() >= Some(1) {
            let seconds = began.elapsed().as_secs_f64();
            return (seconds, told(&status, server.0.id(), &phases));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a read took, as a line.
fn told(status: &Value, server: u32, phases: &[(String, Instant)]) -> String {
    let applied = &status["last"]["applied"];
    assert!(applied["users_added"].as_u64() > Some(0), "{status}");
    let lengths = phases
        .windows(2)
        .map(|pair| format!("{} {:.2} s", pair[0].0, (pair[1].1 - pair[0].1).as_secs_f64()));
    let lengths: Vec<String> = lengths.collect();
    format!(
        "{:5.2} s CPU, peak {} MiB, {} people and {} memberships served ({})",
        cpu_s(server),
        peak_mib(server),
        applied["users_added"],
        applied["memberships_added"],
        lengths.join(", ")
    )
}

async fn admin(data: &Path) -> (String, String) {
    loop {
        if let Ok(text) = fs::read_to_string(data.join("admin.json")) {
            let admin: Value = serde_json::from_str(&text).unwrap();
            let text = |key: &str| admin[key].as_str().unwrap().to_owned();
            return (text("url"), text("token"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// CPU seconds that a process has used (`/proc`, 100 ticks a second).
pub(crate) fn cpu_s(pid: u32) -> f64 {
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
