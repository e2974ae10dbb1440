//! A webhook's other end: it keeps what is posted and answers as it is told to.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;

#[derive(Clone, Default)]
struct Kept {
    told: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
}

/// The other end of a webhook.
pub(crate) struct Receiver {
    pub(crate) url: String,
    kept: Kept,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Starts one that answers 200.
    #[expect(clippy::disallowed_methods, reason = "the receiver belongs to the test")]
    pub(crate) async fn start() -> Self {
        let kept = Kept::default();
        kept.status.store(200, Relaxed);
        let answer = async |State(kept): State<Kept>, Json(body): Json<Value>| {
            let status = StatusCode::from_u16(kept.status.load(Relaxed)).unwrap();
            if status.is_success() {
                kept.told.lock().unwrap().push(body);
            }
            status
        };
        let router = Router::new().route("/a-secret-path", post(answer)).with_state(kept.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a-secret-path", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, kept, serving }
    }

    /// Answers with this status from now on; what is not 2xx is not kept.
    pub(crate) fn answer(&self, status: u16) {
        self.kept.status.store(status, Relaxed);
    }

    pub(crate) fn told(&self) -> Vec<Value> {
        self.kept.told.lock().unwrap().clone()
    }

    /// Waits until it was told so often; gives everything.
    pub(crate) async fn is_told(&self, times: usize) -> Vec<Value> {
        for _ in 0..400 {
            let told = self.told();
            if told.len() >= times {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("told {} times in 20 s, not {times}: {:?}", self.told().len(), self.told());
    }
}
