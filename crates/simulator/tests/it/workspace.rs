//! A running Google organisation and a plain client for it, which signs its own assertions.

use std::collections::BTreeSet;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use simulator::{GoogleDescription, Options, Provider, Running};

use crate::tenant::{Answer, Truth, client, send};

pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/";

/// Scopes by their last parts, as an assertion names them.
pub(crate) fn scopes(names: &[&str]) -> String {
    names.iter().map(|name| format!("{SCOPE}{name}")).collect::<Vec<_>>().join(" ")
}

/// A running organisation.
pub(crate) struct Workspace {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) key: Value,
    token: String,
}

impl Workspace {
    pub(crate) fn options() -> Options {
        Options {
            providers: vec![Provider::Google],
            users: 1_300,
            groups: 60,
            memberships: 6_000,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        }
    }

    pub(crate) async fn start() -> Self {
        Self::with(Self::options()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let running = simulator::start(options).await.unwrap();
        let file = &running.description().google.as_ref().unwrap().key_file;
        let key = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut workspace = Self { running, http: client(), key, token: String::new() };
        workspace.log_in().await;
        workspace
    }

    pub(crate) fn google(&self) -> &GoogleDescription {
        self.running.description().google.as_ref().unwrap()
    }

    /// The claims of an assertion that is as it should be.
    pub(crate) fn claims(&self) -> Value {
        #[expect(clippy::disallowed_methods, reason = "an assertion is made by the real time")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        json!({
            "iss": self.key["client_email"],
            "sub": self.google().subject,
            "scope": scopes(&[
                "admin.directory.user.readonly",
                "admin.directory.group.readonly",
                "admin.directory.orgunit.readonly",
                "admin.reports.audit.readonly",
            ]),
            "aud": self.google().token_uri,
            "iat": now,
            "exp": now + 3_600,
        })
    }

    /// Signs claims with the key of the key file.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        let pem = self.key["private_key"].as_str().unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        sign(
            &key,
            &json!({"alg": "RS256", "typ": "JWT", "kid": self.key["private_key_id"]}),
            claims,
        )
    }

    pub(crate) async fn ask_token(&self, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
        ];
        send(self.http.post(&self.google().token_uri).form(&form)).await
    }

    /// A token request with these claims instead of the usual ones; null takes one away.
    pub(crate) async fn ask_with(&self, changes: &[(&str, Value)]) -> Answer {
        let mut claims = self.claims();
        for (name, value) in changes {
            claims[*name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(*name);
            }
        }
        self.ask_token(&self.signed(&claims)).await
    }

    /// Takes a fresh token for the requests that follow.
    pub(crate) async fn log_in(&mut self) {
        self.log_in_with(&[]).await;
    }

    pub(crate) async fn log_in_with(&mut self, changes: &[(&str, Value)]) {
        let answer = self.ask_with(changes).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Asks the Directory API.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let url = format!("{}/admin/directory/v1/{path}", self.google().api);
        send(self.http.get(url).bearer_auth(&self.token)).await
    }

    /// All rows of a list, page by page.
    pub(crate) async fn all(&self, list: &str, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut next = None;
        loop {
            let page = self.page(path, next.as_deref()).await;
            assert_eq!(page.status, 200, "{}", page.text);
            rows.extend(page.body[list].as_array().into_iter().flatten().cloned());
            match page.body["nextPageToken"].as_str() {
                Some(token) => next = Some(token.to_owned()),
                None => return rows,
            }
        }
    }

    /// One page of a list.
    pub(crate) async fn page(&self, path: &str, token: Option<&str>) -> Answer {
        let Some(token) = token else {
            return self.get(path).await;
        };
        let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let glue = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{glue}pageToken={token}")).await
    }

    /// A request to the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/google/{path}", self.running.description().control);
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

    pub(crate) async fn truth(&self) -> Truth {
        Truth::read(&self.tell("GET", "truth", Value::Null).await)
    }

    pub(crate) async fn new_user(&self, login: &str) -> String {
        let made = self.tell("POST", "users", json!({"login": login})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn new_group(&self, name: &str) -> String {
        let made = self.tell("POST", "groups", json!({"name": name})).await;
        made["id"].as_str().unwrap().to_owned()
    }
}

/// A JWT signed with RS256.
pub(crate) fn sign(key: &RsaKeyPair, header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The reason of an error, in the old part of the envelope.
pub(crate) fn reason(answer: &Answer) -> &str {
    let error = &answer.body["error"];
    let begin: String = answer.text.chars().take(400).collect();
    assert_eq!(error["code"], answer.status, "{begin}");
    assert!(error["message"].is_string(), "{begin}");
    error["errors"][0]["reason"].as_str().unwrap()
}

/// One field of all rows, each once.
pub(crate) fn set(rows: &[Value], field: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}
