//! What goes over the wire: connections that break, compression, protocols.

use std::io::ErrorKind;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::tenant::{Tenant, send};

const LIST: &str = "users?$top=999&$select=id";

/// Asks over a connection of its own and reads until it ends.
async fn raw(tenant: &Tenant, path: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let host = tenant.running.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let token = tenant.token();
    let request = format!(
        "GET /entra/graph/v1.0/{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: raw\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.err().map(|error| error.kind());
    (bytes, end)
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_end() {
    let tenant = Tenant::start().await;
    let whole = tenant.get(LIST).await.text.len();
    tenant.fault(json!({"route": "users", "kind": "truncate"})).await;
    let (mut promised, mut chunked) = (0, 0);
    for top in 990..999 {
        let (bytes, _) = raw(&tenant, &format!("users?$select=id&$top={top}")).await;
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        let body = bytes.len() - head - 4;
        let head = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(body > whole / 3 && body < whole * 2 / 3, "{body} of {whole}");
        if head.contains("content-length") {
            promised += 1;
        } else {
            assert!(head.contains("transfer-encoding: chunked") && !bytes.ends_with(b"0\r\n\r\n"));
            chunked += 1;
        }
    }
    assert!(promised > 0 && chunked > 0, "both ways of ending early: {promised}, {chunked}");
    let response = tenant.graph(reqwest::Method::GET, LIST).send().await.unwrap();
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_reset_ends_the_connection_without_a_word() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "reset"})).await;
    let (bytes, end) = raw(&tenant, LIST).await;
    assert!(bytes.is_empty());
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert!(tenant.graph(reqwest::Method::GET, LIST).send().await.is_err());
    assert_eq!(tenant.get("groups").await.status, 200);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a client of its own, that unpacks")]
async fn bodies_are_compressed_when_asked_for() {
    let tenant = Tenant::start().await;
    let plain = tenant.get(LIST).await;
    tenant.tell("DELETE", "counters", serde_json::Value::Null).await;
    let request = tenant.graph(reqwest::Method::GET, LIST).header("Accept-Encoding", "gzip");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() < plain.text.len() * 3 / 4);
    let counters = tenant.tell("GET", "counters", serde_json::Value::Null).await;
    assert_eq!(counters["bytes"], bytes.len());
    let unpacking = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1.0/{LIST}", tenant.entra().graph);
    let answer = send(unpacking.get(url).bearer_auth(tenant.token())).await;
    assert_eq!(answer.body["value"], plain.body["value"]);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a client of its own, for HTTP/2")]
async fn http_2_is_understood_and_its_connections_break_too() {
    let tenant = Tenant::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let url = format!("{}/v1.0/{LIST}", tenant.entra().graph);
    let ask = || client.get(&url).bearer_auth(tenant.token());
    let answer = send(ask()).await;
    assert_eq!(answer.rows().len(), 999);
    let next = answer.next().unwrap();
    assert!(next.starts_with(&tenant.entra().graph), "{next}");
    tenant.fault(json!({"route": "users", "kind": "reset", "times": 1})).await;
    assert!(ask().send().await.is_err());
    assert_eq!(send(ask()).await.status, 200);
}

#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let tenant = Tenant::start().await;
    let url = format!("{}/v1.0/users", tenant.entra().graph);
    let Tenant { running, http, .. } = tenant;
    running.shutdown().await;
    assert!(http.get(url).send().await.unwrap_err().is_connect());
}
