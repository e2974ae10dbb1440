//! The processes: simulator and server, and nginx as the yardstick.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::load::{Request, fetch};

const BINARY: &str = env!("CARGO_BIN_EXE_muster");
const API: &str = "/crowd/rest/usermanagement/1";

/// A process that ends with the benchmark.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that has read a simulated tenant.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) authorization: String,
    server: Process,
    _data: tempfile::TempDir,
}

impl Service {
    pub(crate) async fn start(users: u32, groups: u32, memberships: u64) -> Self {
        let mut simulator = Process(
            Command::new(BINARY)
                .args(["simulate", "--listen", "127.0.0.1:0", "--users", &users.to_string()])
                .args(["--groups", &groups.to_string()])
                .args(["--memberships", &memberships.to_string()])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut line = String::new();
        BufReader::new(simulator.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let description: Value = serde_json::from_str(&line).unwrap();
        let entra = &description["entra"];
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
        let (url, token) = admin(data.path());
        let settings: serde_json::Map<String, Value> =
            ["authority", "graph", "tenant", "client_id"]
                .map(|key| (key.to_owned(), entra[key].clone()))
                .into_iter()
                .collect();
        let http = connect::http::local_client().unwrap();
        let ask = async |method: &str, path: &str, body: Value| -> Value {
            let method = method.parse().unwrap();
            let request = http.request(method, format!("{url}/api/v1/{path}")).bearer_auth(&token);
            let response = if body.is_null() { request } else { request.json(&body) };
            let response = response.send().await.unwrap();
            assert!(response.status().is_success(), "{}", response.text().await.unwrap());
            response.json().await.unwrap()
        };
        let add = json!({"name": "entra", "provider": "entra", "settings": settings, "secret": entra["client_secret"]});
        ask("POST", "directories", add).await;
        while ask("GET", "directories/entra/status", Value::Null).await["completed"].as_u64()
            < Some(1)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let added =
            ask("POST", "applications", json!({"name": "bench", "directories": ["entra"]})).await;
        let credentials = format!("bench:{}", added["password"].as_str().unwrap());
        let authorization = format!("Basic {}", STANDARD.encode(credentials));
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { address, authorization, server, _data: data }
    }

    pub(crate) fn request(&self, path: &str) -> Request {
        Request::authorized(&format!("{API}{path}"), &self.authorization)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.0.id()
    }

    /// Lets the kernel count the most memory anew.
    pub(crate) fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.pid()), "5");
    }

    /// The name of somebody in the middle of the list.
    pub(crate) fn somebody(&self) -> String {
        let list = self.request("/search?entity-type=user&start-index=50&max-results=1");
        let body = String::from_utf8(fetch(self.address, &list)).unwrap();
        let href = body.split("user?username=").nth(1).unwrap();
        href.split('"').next().unwrap().to_owned()
    }
}

fn admin(data: &Path) -> (String, String) {
    loop {
        if let Ok(text) = fs::read_to_string(data.join("admin.json")) {
            let admin: Value = serde_json::from_str(&text).unwrap();
            let text = |key: &str| admin[key].as_str().unwrap().to_owned();
            return (text("url"), text("token"));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A line of `/proc`'s status in MiB.
pub(crate) fn resident_mib(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// CPU seconds that a process has used (`/proc`, 100 ticks a second).
pub(crate) fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

/// nginx that serves a folder.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    program: &'static str,
    configuration: PathBuf,
    process: Process,
}

/// Its master has to be asked: killed, it would leave its workers behind.
impl Drop for Nginx {
    fn drop(&mut self) {
        let mut stop = Command::new(self.program);
        let stop = stop.args(["-s", "stop", "-e", "stderr", "-c"]).arg(&self.configuration);
        if stop.status().is_ok_and(|status| status.success()) {
            let _ = self.process.0.wait();
        }
    }
}

impl Nginx {
    /// Starts it; `None` when it is not installed.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|at| Path::new(at).exists())?;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let root = folder.display();
        // Its workers are given up to another user when it is started by root, who could not read the folder.
        let configuration = format!(
            "daemon off;\nuser root;\nworker_processes auto;\npid {root}/nginx.pid;\nerror_log stderr crit;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000000;\n\
             \x20 open_file_cache max=16;\n  types {{ application/xml xml; }}\n  client_body_temp_path {root}/a;\n\
             \x20 proxy_temp_path {root}/b;\n  fastcgi_temp_path {root}/c;\n  uwsgi_temp_path {root}/d;\n\
             \x20 scgi_temp_path {root}/e;\n  server {{ listen {address}; root {root}; }}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let child =
            Command::new(program).arg("-e").arg("stderr").arg("-c").arg(&file).spawn().ok()?;
        let mut process = Process(child);
        while TcpStream::connect(address).is_err() {
            if process.0.try_wait().unwrap().is_some() {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { address, program, configuration: file, process })
    }
}
