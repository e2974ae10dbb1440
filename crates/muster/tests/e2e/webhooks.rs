//! Applications are told that there is something new, and only then.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::json;

use crate::service::Demo;

/// What an endpoint was told: the `Authorization` header and how long the body was.
type Told = Arc<Mutex<Vec<(String, usize)>>>;

/// An endpoint that refuses its first calls.
struct Endpoint {
    url: String,
    told: Told,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the endpoint belongs to the test")]
async fn endpoint(refusals: usize) -> Endpoint {
    let told = Told::default();
    let answer = move |State(told): State<Told>, headers: HeaderMap, body: Bytes| async move {
        let authorization =
            headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let mut told = told.lock().unwrap();
        told.push((authorization.unwrap_or_default(), body.len()));
        if told.len() <= refusals { 500 } else { 204 }
    };
    let answer = async move |state, headers, body| {
        let status: u16 = answer(state, headers, body).await;
        axum::http::StatusCode::from_u16(status).unwrap()
    };
    let router = Router::new().route("/hook", post(answer)).with_state(Arc::clone(&told));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Endpoint { url, told, serving }
}

impl Endpoint {
    /// Waits until it was told so often.
    async fn is_told(&self, times: usize) {
        for _ in 0..400 {
            if self.told.lock().unwrap().len() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("told {} times in 20 s, not {times}", self.told.lock().unwrap().len());
    }
}

async fn register(demo: &Demo, url: &str, token: &str) -> u64 {
    let crowd = &demo.file["crowd"];
    let text = |key: &str| crowd[key].as_str().unwrap();
    let http = connect::http::local_client().unwrap();
    let response = http
        .post(format!("{}/rest/usermanagement/1/webhook", text("url")))
        .basic_auth(text("application"), Some(text("password")))
        .header("Accept", "application/json")
        .json(&json!({"endpointUrl": url, "token": token}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let webhook: serde_json::Value = response.json().await.unwrap();
    webhook["id"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_come_together_are_told_once_and_again_until_heard() {
    let demo = Demo::start(40, 5, 100, 41).await;
    let (steady, shy) = (endpoint(0).await, endpoint(1).await);
    let first = register(&demo, &steady.url, "raw=token").await;
    assert_eq!(register(&demo, &steady.url, "raw=token").await, first, "the same address");
    register(&demo, &shy.url, "").await;
    for no in 0..3 {
        demo.new_user(&format!("joiner{no}@contoso.example")).await;
        assert_eq!(demo.sync(false).0, 0);
    }
    steady.is_told(1).await;
    shy.is_told(2).await;
    // Nothing is new: nobody is told.
    assert_eq!(demo.sync(false).0, 0);
    assert_eq!(demo.sync(true).0, 0);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(*steady.told.lock().unwrap(), [("Basic raw=token".to_owned(), 0)]);
    assert_eq!(shy.told.lock().unwrap().len(), 2, "told again after a refusal, then no more");

    let list = demo.muster(&["application", "list"]);
    assert!(list.stdout.contains("2 webhooks"), "{list:?}");
    let data = std::fs::read(demo.data.path().join("muster.db")).unwrap();
    let wal = std::fs::read(demo.data.path().join("muster.db-wal")).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(9).any(|window| window == b"raw=token");
    assert!(!holds(&data) && !holds(&wal), "a token is never stored in the clear");
}
