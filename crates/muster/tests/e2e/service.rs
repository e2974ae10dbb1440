//! The binary as an operator runs it, and the simulated tenant's control API.

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{expected::Truth, product::Product};

const BINARY: &str = env!("CARGO_BIN_EXE_muster");

/// A running demo.
pub(crate) struct Demo {
    child: Child,
    /// Whose tenant it has; the directory is called so.
    provider: &'static str,
    pub(crate) data: TempDir,
    pub(crate) file: Value,
    http: reqwest::Client,
}

impl Demo {
    /// Starts a demo with a tenant of this size and waits until it is ready.
    pub(crate) async fn start(users: u32, groups: u32, memberships: u32, seed: u64) -> Self {
        Self::of("entra", [users, groups, memberships], seed).await
    }

    /// The same with a tenant of another provider; people, groups and memberships.
    pub(crate) async fn of(provider: &'static str, size: [u32; 3], seed: u64) -> Self {
        let [users, groups, memberships] = size;
        let data = tempfile::tempdir().unwrap();
        let child = Command::new(BINARY)
            .args(["demo", "--providers", provider, "--listen", "127.0.0.1:0"])
            .args(["--sim-listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .args(["--users", &users.to_string(), "--groups", &groups.to_string()])
            .args(["--memberships", &memberships.to_string(), "--seed", &seed.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut demo = Self {
            child,
            provider,
            data,
            file: Value::Null,
            http: connect::http::local_client().unwrap(),
        };
        demo.file = demo.ready().await;
        demo
    }

    async fn ready(&mut self) -> Value {
        for _ in 0..600 {
            if let Ok(text) = std::fs::read_to_string(self.data.path().join("demo.json")) {
                return serde_json::from_str(&text).unwrap();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the demo ended early");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the demo is not ready after 30 s");
    }

    /// Runs a command against it.
    pub(crate) fn muster(&self, arguments: &[&str]) -> Ran {
        muster_in(self.data.path(), arguments)
    }

    /// Starts a command against it that goes on.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(BINARY);
        command.args(arguments).arg("--data").arg(self.data.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Synchronises and gives exit code and report.
    pub(crate) fn sync(&self, full: bool) -> (i32, Value) {
        let mut arguments = vec!["directory", "sync", self.provider, "--wait", "--json"];
        if full {
            arguments.push("--full");
        }
        let ran = self.muster(&arguments);
        let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        (ran.code, report)
    }

    /// Calls the control API of the simulated tenant.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let control = self.file["simulator"]["control"].as_str().unwrap();
        let url = format!("{control}/{}/{path}", self.provider);
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn truth(&self) -> Truth {
        serde_json::from_value(self.control("GET", "truth", Value::Null).await).unwrap()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.control("POST", "faults", faults).await;
    }

    pub(crate) async fn no_faults(&self) {
        self.control("DELETE", "faults", Value::Null).await;
    }

    pub(crate) async fn new_user(&self, login: &str) -> String {
        let body = json!({"login": login, "display_name": login});
        self.control("POST", "users", body).await["id"].as_str().unwrap().to_owned()
    }

    /// A product that knows nothing yet.
    pub(crate) fn product(&self) -> Product {
        let crowd = &self.file["crowd"];
        let text = |key: &str| crowd[key].as_str().unwrap().to_owned();
        Product::new(&text("url"), text("application"), text("password"))
    }

    /// Kills it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command with a data directory.
pub(crate) fn muster_in(data: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(BINARY).args(arguments).arg("--data").arg(data).output().unwrap();
    ran(output)
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server and waits until it answers; gives it with its address.
pub(crate) async fn serve(data: &Path) -> (Server, String) {
    let _ = std::fs::remove_file(data.join("admin.json"));
    let child = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let http = connect::http::local_client().unwrap();
    for _ in 0..600 {
        if let Ok(text) = std::fs::read_to_string(data.join("admin.json")) {
            let admin: Value = serde_json::from_str(&text).unwrap();
            let url = admin["url"].as_str().unwrap().to_owned();
            let ready = http.get(format!("{url}/health/ready")).send().await;
            if ready.is_ok_and(|response| response.status().is_success()) {
                return (server, url);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server is not ready after 30 s");
}
