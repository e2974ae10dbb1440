//! Events: what changes is told as it happens, from where one left off, until the server stops.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    ask, get,
    house::{House, Plan},
};

/// How long an event is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One who listens.
struct Listener {
    bytes:
        std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    read: String,
}

impl Listener {
    async fn new(house: &House, query: &str, last: Option<u64>) -> Self {
        let server = house.server();
        let url = format!("{}/api/v1/events{query}", server.url);
        let http = connect::http::local_client().unwrap();
        let mut request = http.get(url).bearer_auth(&server.token);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { bytes: Box::pin(response.bytes_stream()), read: String::new() }
    }

    /// The next event: what it is, its number, its data; none at the end.
    async fn next(&mut self) -> Option<(String, Option<u64>, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name).map(str::trim))
                };
                let Some(data) = field("data:") else { continue };
                let data = serde_json::from_str(data).unwrap();
                let number = field("id:").map(|id| id.parse().unwrap());
                return Some((field("event:").unwrap().to_owned(), number, data));
            }
            let chunk = tokio::time::timeout(PATIENCE, self.bytes.next()).await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk.ok()?).unwrap());
        }
    }

    /// The next change.
    async fn change(&mut self) -> (u64, Value) {
        loop {
            let (kind, number, data) = self.next().await.unwrap();
            if kind == "change" {
                return (number.unwrap(), data);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_and_runs_are_told_and_taken_up_again() {
    let mut house = House::build(Provider::Entra, Plan::small(91)).await;
    let head = get(&house, "/server").await["head"].as_u64().unwrap();
    let mut listener = Listener::new(&house, "?directory=entra", None).await;
    let (kind, _, data) = listener.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), &data["directory"]),
        ("directory", &json!("entra")),
        "first how it stands"
    );
    assert_eq!(data["status"]["phase"], "idle");

    let login = format!("zoe@{}", house.domain());
    house.new_user(&login).await;
    house.read(false).await;
    let (number, data) = listener.change().await;
    assert_eq!((number, &data["name"]), (head + 1, &json!(login)));
    assert_eq!(get(&house, "/changes?limit=1").await["items"][0], data, "as the list has it");
    drop(listener);

    house.new_group("Zebras").await;
    house.read(false).await;
    let mut listener = Listener::new(&house, "", Some(head)).await;
    assert_eq!(listener.change().await.0, head + 1, "what was told already is asked for again");
    let mut listener = Listener::new(&house, "?after=1", Some(head + 1)).await;
    assert_eq!(listener.change().await.0, head + 2);

    house.server().app.stop.cancel();
    while listener.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_cannot_begin_is_refused() {
    let house = House::build(Provider::Entra, Plan::small(92)).await;
    let token = house.server().token.clone();
    for (path, status) in [("/events?directory=nobody", 404), ("/events?after=x", 400)] {
        let answer = ask(&house, Some(&token), ("GET", path), Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
    }
    assert_eq!(ask(&house, None, ("GET", "/events"), Value::Null).await.status, 401);
}
