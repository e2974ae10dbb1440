//! A running tenant and a plain client for it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};
use simulator::{EntraDescription, Options, Running};

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, or null if it is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Graph's error code.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn rows(&self) -> &[Value] {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body["value"].as_array().unwrap()
    }

    pub(crate) fn next(&self) -> Option<&str> {
        self.body["@odata.nextLink"].as_str()
    }

    pub(crate) fn delta(&self) -> Option<&str> {
        self.body["@odata.deltaLink"].as_str()
    }
}

/// A running tenant.
pub(crate) struct Tenant {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    token: String,
}

impl Tenant {
    pub(crate) fn options() -> Options {
        Options {
            users: 1_300,
            groups: 60,
            memberships: 6_000,
            delta_replay: 0.0,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        }
    }

    pub(crate) async fn start() -> Self {
        Self::with(Self::options()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let running = simulator::start(options).await.unwrap();
        let mut tenant = Self { running, http: client(), token: String::new() };
        tenant.log_in().await;
        tenant
    }

    pub(crate) fn entra(&self) -> &EntraDescription {
        self.running.description().entra.as_ref().unwrap()
    }

    /// The form of a token request that is as it should be.
    pub(crate) fn form(&self) -> BTreeMap<&'static str, String> {
        let entra = self.entra();
        BTreeMap::from([
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", entra.client_id.clone()),
            ("client_secret", entra.client_secret.clone()),
            ("scope", "https://graph.microsoft.com/.default".to_owned()),
        ])
    }

    pub(crate) async fn ask_token(&self, tenant: &str, form: &BTreeMap<&str, String>) -> Answer {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.entra().authority);
        send(self.http.post(url).form(form)).await
    }

    /// Takes a fresh token for the requests that follow.
    pub(crate) async fn log_in(&mut self) {
        let answer = self.ask_token(&self.entra().tenant, &self.form()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request to Graph: a path below the version, or a whole link.
    pub(crate) fn graph(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}/v1.0/{path}", self.entra().graph)
        };
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.graph(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.graph(Method::POST, path).json(body)).await
    }

    /// All rows of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut page = self.get(path).await;
        let mut rows = page.rows().to_vec();
        while let Some(next) = page.next().map(str::to_owned) {
            page = self.get(&next).await;
            rows.extend_from_slice(page.rows());
        }
        rows
    }

    /// A whole round of a delta: its rows and the link that follows.
    pub(crate) async fn round(&self, path: &str) -> (Vec<Value>, String) {
        let mut page = self.get(path).await;
        let mut rows = page.rows().to_vec();
        while let Some(next) = page.next().map(str::to_owned) {
            assert!(page.delta().is_none(), "a page has one link");
            page = self.get(&next).await;
            rows.extend_from_slice(page.rows());
        }
        (rows, page.delta().unwrap().to_owned())
    }

    /// A request to the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/entra/{path}", self.running.description().control);
        let request = self.http.request(method.parse().unwrap(), url);
        send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// A request to the control API that must succeed.
    pub(crate) async fn tell(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.control(method, path, &body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer.body
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.tell("POST", "faults", json!([fault])).await;
    }

    pub(crate) async fn advance(&self, seconds: u32) {
        self.tell("POST", "clock", json!({"advance_s": seconds})).await;
    }

    pub(crate) async fn violations(&self, kind: &str) -> u64 {
        let counters = self.tell("GET", "counters", Value::Null).await;
        counters["violations"][kind].as_u64().unwrap()
    }

    pub(crate) async fn new_user(&self, login: &str) -> String {
        let user = json!({"login": login, "display_name": login});
        text(&self.tell("POST", "users", user).await["id"])
    }

    pub(crate) async fn new_group(&self, name: &str) -> String {
        text(&self.tell("POST", "groups", json!({"name": name})).await["id"])
    }

    pub(crate) async fn truth(&self) -> Truth {
        Truth::read(&self.tell("GET", "truth", Value::Null).await)
    }
}

/// What is true.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) users: BTreeMap<String, Value>,
    pub(crate) groups: BTreeMap<String, Value>,
}

impl Truth {
    /// The control API's document.
    pub(crate) fn read(truth: &Value) -> Self {
        let by_id = |rows: &Value| -> BTreeMap<String, Value> {
            rows.as_array().unwrap().iter().map(|row| (text(&row["id"]), row.clone())).collect()
        };
        Self { users: by_id(&truth["users"]), groups: by_id(&truth["groups"]) }
    }

    /// The id of the group with this name.
    pub(crate) fn group(&self, name: &str) -> &str {
        let found = self.groups.iter().find(|(_, group)| group["name"] == name);
        found.unwrap_or_else(|| panic!("no group {name:?}")).0
    }

    /// People and groups in a group.
    pub(crate) fn members(&self, group: &str) -> BTreeSet<String> {
        let group = &self.groups[group];
        let kinds = ["users", "groups"].map(|kind| group[kind].as_array().unwrap());
        kinds.into_iter().flatten().map(text).collect()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

#[expect(clippy::disallowed_methods, reason = "a client that shares nothing with the connectors")]
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().no_gzip().redirect(Policy::none());
    builder.user_agent("simulator-tests").build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, body, text }
}
