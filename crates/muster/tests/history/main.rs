//! History, undo and one person now, over the admin API, with a simulated tenant and a product that follows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../e2e/providers.rs"]
mod providers;
mod alone;
#[path = "../e2e/expected.rs"]
mod expected;
#[path = "../scenarios/house.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which use more of it")]
mod house;
#[path = "../e2e/product.rs"]
mod product;
#[path = "../e2e/random.rs"]
mod random;
mod told;
mod undo;

use directory::id::Millis;
use reqwest::StatusCode;
use serde_json::{Value, json};

use self::house::House;

/// Calls the admin API.
async fn api(house: &House, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let server = house.server();
    let url = format!("{}/api/v1{path}", server.url);
    let http = connect::http::local_client().unwrap();
    let request = http.request(method.parse().unwrap(), url).bearer_auth(&server.token);
    let request = if body.is_null() { request } else { request.json(&body) };
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or(Value::Null))
}

/// Looks something up in the admin API.
async fn get(house: &House, path: &str) -> Value {
    let (status, body) = api(house, "GET", path, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

/// Entries of the change log.
async fn changes(house: &House, path: &str) -> Value {
    get(house, path).await["items"].take()
}

/// Lets time pass, here and at the provider; gives what it is then.
async fn later(house: &House, ms: i64) -> Millis {
    house.control("POST", "clock", json!({"advance_s": ms / 1_000})).await;
    house.wait(ms);
    house.server().app.clock.now()
}
