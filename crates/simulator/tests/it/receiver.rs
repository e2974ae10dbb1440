//! A client's address for webhooks: it shakes hands and keeps what it is told.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As each vendor wants it.
    Good,
    /// Another word than the one that was said.
    WrongWord,
    /// The right word as a web page.
    Page,
    /// With that status, whatever is said.
    Status(u16),
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Shared = Arc<Mutex<(Mood, Vec<Told>)>>;

/// The address; it ends when dropped.
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "validationToken")]
    word: Option<String>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let shared: Shared = Arc::new(Mutex::new((Mood::Good, Vec::new())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        #[expect(clippy::disallowed_methods, reason = "the receiver owns its task")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.shared.lock().unwrap().0 = mood;
    }

    /// What it was told since it was last asked, handshakes aside.
    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.shared.lock().unwrap().1)
    }
}

async fn answer(
    State(shared): State<Shared>,
    Query(handshake): Query<Handshake>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mood = shared.lock().unwrap().0;
    if let Mood::Status(status) = mood {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    if let Some(word) = handshake.word {
        let kind = if mood == Mood::Page { "text/html" } else { "text/plain" };
        let word = if mood == Mood::WrongWord { "something else".to_owned() } else { word };
        return ([(CONTENT_TYPE, kind)], word).into_response();
    }
    let text = String::from_utf8(body.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    shared.lock().unwrap().1.push(Told { headers, body, text });
    StatusCode::ACCEPTED.into_response()
}
