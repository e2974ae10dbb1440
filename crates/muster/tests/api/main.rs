//! The admin API as programs use it: its description, tokens and scopes, pages, events, and the audit log.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../e2e/changed.rs"]
mod changed;
mod described;
mod events;
#[path = "../e2e/expected.rs"]
mod expected;
#[path = "../scenarios/house.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which use more of it")]
mod house;
mod lists;
mod names;
#[path = "../e2e/product.rs"]
mod product;
mod product_names;
#[path = "../e2e/random.rs"]
mod random;
mod references;
mod renames;
mod rights;
mod schedule;
mod shown;
mod take_over;
mod tasks;
mod tokens;

pub(crate) use self::changed::changed;

use reqwest::{Method, StatusCode, header};
use serde_json::Value;

use self::house::House;

/// An answer of the admin API.
struct Answer {
    status: StatusCode,
    kind: String,
    body: Value,
}

/// Calls the admin API with a token, or without one.
async fn ask(
    house: &House,
    token: Option<&str>,
    (method, path): (&str, &str),
    body: Value,
) -> Answer {
    let url = format!("{}/api/v1{path}", house.server().url);
    let http = connect::http::local_client().unwrap();
    let mut request = http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    Answer { status, kind, body: response.json().await.unwrap_or(Value::Null) }
}

/// Calls the admin API with the server's own token, which must go well; gives the body.
async fn did(house: &House, method: &str, path: &str, body: Value) -> Value {
    let token = house.server().token.clone();
    let answer = ask(house, Some(&token), (method, path), body).await;
    assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.body);
    answer.body
}

/// Looks something up with the server's own token.
async fn get(house: &House, path: &str) -> Value {
    did(house, "GET", path, Value::Null).await
}
