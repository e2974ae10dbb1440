//! A running Okta organisation and a plain client for it, which signs its own assertions and proofs.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::{OktaDescription, Options, Provider, Running};

use crate::tenant::{Answer, Truth, client, send, text};

pub(crate) const SCOPES: &str = "okta.users.read okta.groups.read";
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Makes ids of assertions and proofs differ.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A running organisation.
pub(crate) struct Org {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    /// The service app's key.
    pub(crate) key: RsaKeyPair,
    /// The key that tokens are bound to.
    pub(crate) proof_key: EcdsaKeyPair,
    /// The service app's access token.
    pub(crate) access: String,
}

impl Org {
    pub(crate) fn options() -> Options {
        Options {
            providers: vec![Provider::Okta],
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
        let okta = running.description().okta.as_ref().unwrap();
        let pem = std::fs::read_to_string(&okta.key_file).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        let proof_key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { running, http: client(), key, proof_key, access: String::new() }
    }

    pub(crate) fn okta(&self) -> &OktaDescription {
        self.running.description().okta.as_ref().unwrap()
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/oauth2/v1/token", self.okta().url)
    }

    /// The claims of an assertion that is as it should be.
    pub(crate) fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.okta().client_id,
            "sub": self.okta().client_id,
            "aud": self.token_url(),
            "iat": now,
            "exp": now + 300,
            "jti": unique(),
        })
    }

    /// Signs claims with the service app's key.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": self.okta().key_id});
        crate::workspace::sign(&self.key, &header, claims)
    }

    /// The form of a token request with this assertion.
    pub(crate) fn form(assertion: &str, scope: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("scope", scope.to_owned()),
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion.to_owned()),
        ]
    }

    /// A token request without a proof of possession, with these claims instead of the usual ones; null takes one away.
    pub(crate) async fn ask_with(&self, changes: &[(&str, Value)]) -> Answer {
        let mut claims = self.claims();
        for (name, value) in changes {
            claims[*name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(*name);
            }
        }
        self.ask(&self.signed(&claims), SCOPES).await
    }

    pub(crate) async fn ask(&self, assertion: &str, scope: &str) -> Answer {
        send(self.http.post(self.token_url()).form(&Self::form(assertion, scope))).await
    }

    /// A token request with a proof of possession.
    pub(crate) async fn ask_bound(&self, scope: &str, proof: &Value) -> Answer {
        let assertion = self.signed(&self.claims());
        let request = self.http.post(self.token_url()).form(&Self::form(&assertion, scope));
        send(request.header("DPoP", self.prove(proof))).await
    }

    /// The claims of a proof for a request.
    pub(crate) fn proof(method: &str, url: &str) -> Value {
        let url = url.split('?').next().unwrap();
        json!({"htm": method, "htu": url, "iat": now(), "jti": unique()})
    }

    /// Signs a proof.
    pub(crate) fn prove(&self, claims: &Value) -> String {
        prove_with(&self.proof_key, claims)
    }

    /// Takes a bound access token for the requests that follow.
    pub(crate) async fn log_in(&mut self, scope: &str) {
        let mut proof = Self::proof("POST", &self.token_url());
        let first = self.ask_bound(scope, &proof).await;
        assert_eq!(first.body["error"], "use_dpop_nonce", "{}", first.text);
        proof["nonce"] = json!(first.header("dpop-nonce"));
        proof["jti"] = json!(unique());
        let answer = self.ask_bound(scope, &proof).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.access = text(&answer.body["access_token"]);
    }

    /// A request to the API with the API token: a path below `/api/v1`, or a whole link.
    pub(crate) fn api(&self, method: Method, path: &str) -> RequestBuilder {
        let token = format!("SSWS {}", self.okta().token);
        self.http.request(method, self.url(path)).header("Authorization", token)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with("http://") {
            return path.to_owned();
        }
        format!("{}/api/v1/{path}", self.okta().url)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.api(Method::GET, path)).await
    }

    /// Asks with the service app's bound token.
    pub(crate) async fn get_bound(&self, path: &str) -> Answer {
        let url = self.url(path);
        let mut proof = Self::proof("GET", &url);
        proof["ath"] = json!(URL_SAFE_NO_PAD.encode(digest(&SHA256, self.access.as_bytes())));
        self.get_with(&url, &self.access, &self.prove(&proof)).await
    }

    pub(crate) async fn get_with(&self, url: &str, access: &str, proof: &str) -> Answer {
        let request = self.http.get(url).header("Authorization", format!("DPoP {access}"));
        send(request.header("DPoP", proof)).await
    }

    /// All rows of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut page = self.get(path).await;
        let mut rows = rows(&page).to_vec();
        while let Some(next) = next(&page) {
            page = self.get(&next).await;
            rows.extend_from_slice(self::rows(&page));
        }
        rows
    }

    /// All rows of a filtered list.
    pub(crate) async fn filtered(&self, list: &str, filter: &str) -> Vec<Value> {
        self.all(&format!("{list}?filter={}", encoded(filter))).await
    }

    /// A request to the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/okta/{path}", self.running.description().control);
        let request = self.http.request(method.parse().unwrap(), url);
        send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// A request to the control API that must succeed.
    pub(crate) async fn tell(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.control(method, path, &body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer.body
    }

    pub(crate) async fn revoke(&self, what: &str) {
        self.tell("POST", "revoke", json!({"what": what})).await;
    }

    pub(crate) async fn grant(&self, what: &str) {
        self.tell("POST", "grant", json!({"what": what})).await;
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
        text(&self.tell("POST", "users", json!({"login": login})).await["id"])
    }

    pub(crate) async fn new_group(&self, name: &str) -> String {
        text(&self.tell("POST", "groups", json!({"name": name})).await["id"])
    }
}

/// The error code of Okta's envelope, whose other parts must be there too.
pub(crate) fn code(answer: &Answer) -> &str {
    let begin: String = answer.text.chars().take(300).collect();
    for name in ["errorSummary", "errorLink", "errorId"] {
        assert!(answer.body[name].is_string(), "{name}: {} {begin}", answer.status);
    }
    assert!(answer.body["errorCauses"].is_array(), "{begin}");
    answer.body["errorCode"].as_str().unwrap()
}

/// The rows of a page.
pub(crate) fn rows(answer: &Answer) -> &[Value] {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body.as_array().unwrap()
}

/// Where a `Link` header with this relation leads; each link has a header of its own.
pub(crate) fn link(answer: &Answer, relation: &str) -> Option<String> {
    let mark = format!(">; rel=\"{relation}\"");
    let all = answer.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
    let found = all.into_iter().find_map(|value| value.strip_suffix(&mark));
    found.map(|value| value.strip_prefix('<').unwrap().to_owned())
}

/// Where the next page is.
pub(crate) fn next(answer: &Answer) -> Option<String> {
    link(answer, "next")
}

pub(crate) fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "an assertion is made by the real time")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs().cast_signed()
}

pub(crate) fn unique() -> String {
    format!("id-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The public part of a P-256 key as a JSON web key.
pub(crate) fn public_jwk(key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
}

/// A proof signed with ES256.
pub(crate) fn prove_with(key: &EcdsaKeyPair, claims: &Value) -> String {
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(key)});
    sign_es256(key, &header, claims)
}

/// A JWT signed with ES256.
pub(crate) fn sign_es256(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
