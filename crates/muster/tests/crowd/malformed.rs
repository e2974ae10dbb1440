//! Requests that are wrong on purpose, over real sockets: refused cheaply, never with 5xx, never with a
//! panic, and the server goes on.
//!
//! Where time passes it is tokio's, stopped and moved on by hand, so nothing waits.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    wire::{Reply, Wire, authorization, request},
    world::World,
};

const XML: &str = "Content-Type: application/xml";
const JSON: &str = "Content-Type: application/json";
const SEARCH: &str = "/search?entity-type=user";

async fn post(wire: &Wire, kind: &str, body: &str) -> Reply {
    wire.exchange(&request("POST", SEARCH, &[kind], body)).await
}

#[tokio::test]
async fn a_body_that_says_it_is_huge_is_refused_unread() {
    let wire = Wire::of(&World::usual()).await;
    for length in ["1048577", "1099511627776", "9223372036854775807"] {
        let length = format!("Content-Length: {length}");
        // Not one byte of the body is ever sent.
        wire.exchange(&request("POST", SEARCH, &[XML, &length], "")).await.is_ours(413);
        let expects = [XML, &length, "Expect: 100-continue"];
        wire.exchange(&request("POST", SEARCH, &expects, "")).await.is_ours(413);
    }
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let endless = chunk.repeat(64);
    let chunked = request("POST", SEARCH, &[XML, "Transfer-Encoding: chunked"], &endless);
    let reply = wire.exchange(&chunked).await;
    reply.is_refused("a body without end");
    wire.is_well().await;
}

#[tokio::test]
async fn document_types_and_entities_are_refused() {
    let wire = Wire::of(&World::usual()).await;
    let laugh = |no| format!("<!ENTITY l{no} \"{}\">", format!("&l{};", no - 1).repeat(10));
    let laughs = (1..10).map(laugh).collect::<Vec<_>>().concat();
    let restriction = "<null-search-restriction/>";
    for body in [
        format!("<!DOCTYPE a>{restriction}"),
        format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{restriction}"),
        format!("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">{restriction}"),
        format!("<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1:1/x\"> %x;]>{restriction}"),
        format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]><a>&l9;</a>"),
        "<a>&l9;</a>".to_owned(),
        "<a b=\"&x;\"/>".to_owned(),
        "<a>&#0;</a>".to_owned(),
        "<a>&#x110000;</a>".to_owned(),
        "<a>&#xffffffffffffffffffff;</a>".to_owned(),
        "<!ENTITY x \"y\"><a/>".to_owned(),
        "<!DOCTYPE".to_owned(),
    ] {
        post(&wire, XML, &body).await.is_ours(400);
    }
    wire.is_well().await;
}

#[tokio::test]
async fn trees_too_deep_or_too_large_are_refused() {
    let wire = Wire::of(&World::usual()).await;
    let boolean = "<boolean-search-restriction boolean-logic=\"and\"><restrictions>";
    let wide = format!("{boolean}{}", "<a/>".repeat(100_000));
    let attributes = (0..50_000).map(|no| format!(" a{no}=''")).collect::<Vec<_>>().concat();
    for body in [
        "<a>".repeat(100_000),
        format!("{}{}", "<a>".repeat(90_000), "</a>".repeat(90_000)),
        boolean.repeat(10_000),
        format!("{wide}</restrictions></boolean-search-restriction>"),
        format!("<a{attributes}/>"),
        "<a ".repeat(300_000),
        "<".repeat(1_000_000),
    ] {
        post(&wire, XML, &body).await.is_ours(400);
    }
    let boolean = r#"{"restriction-type":"boolean-search-restriction","boolean-logic":"or""#;
    for body in [
        "[".repeat(1_000_000),
        "{\"a\":".repeat(150_000),
        format!("{}{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!("{}{}", "[".repeat(100), "]".repeat(100)),
        format!("{boolean},\"restrictions\":[{}0]}}", "0,".repeat(100_000)),
        format!("{boolean},\"restrictions\":[]}}"),
        "9".repeat(1_000_000),
        "1e999999999".to_owned(),
        "\"\\ud800\"".to_owned(),
    ] {
        post(&wire, JSON, &body).await.is_ours(400);
    }
    wire.is_well().await;
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_are_refused() {
    let wire = Wire::of(&World::usual()).await;
    for bad in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc3"] {
        for kind in [XML, JSON] {
            let length = format!("Content-Length: {}", bad.len() + 7);
            let mut bytes = request("POST", SEARCH, &[kind, &length], "");
            bytes.extend_from_slice(b"<a>");
            bytes.extend_from_slice(bad);
            bytes.extend_from_slice(b"</a>");
            wire.exchange(&bytes).await.is_ours(400);
        }
        let escaped = bad.iter().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        for path in [
            format!("/{escaped}"),
            format!("/user?username={escaped}"),
            format!("/group?groupname={escaped}&{escaped}"),
        ] {
            wire.exchange(&request("GET", &path, &[], "")).await.is_ours(404);
        }
        let path = format!("/event/{escaped}");
        wire.exchange(&request("GET", &path, &[], "")).await.is_ours(410);
        for place in ["/user?username=@@", "/@@", "/event/@@"] {
            let bytes = request("GET", place, &[], "");
            let at = bytes.windows(2).position(|two| two == b"@@").unwrap();
            let bytes = [&bytes[..at], bad, &bytes[at + 2..]].concat();
            wire.exchange(&bytes).await.is_refused(place);
        }
    }
    wire.is_well().await;
}

#[tokio::test]
async fn absurd_numbers_and_names_are_refused() {
    let wire = Wire::of(&World::usual()).await;
    let huge = "99999999999999999999";
    let nul = "/user?username=%00";
    let cases = [
        (400, format!("{SEARCH}&max-results={huge}")),
        (400, format!("{SEARCH}&max-results=-{huge}")),
        (400, format!("{SEARCH}&max-results=-0")),
        (400, format!("{SEARCH}&max-results=1e9")),
        (400, format!("{SEARCH}&max-results=0x10")),
        (400, format!("{SEARCH}&max-results=1.0")),
        (400, format!("{SEARCH}&max-results=NaN")),
        (400, format!("{SEARCH}&max-results=%D9%A1")),
        (400, format!("{SEARCH}&start-index={huge}")),
        (400, format!("{SEARCH}&start-index=9223372036854775808")),
        (400, format!("{SEARCH}&start-index=-1")),
        (400, format!("{SEARCH}&start-index=-9223372036854775808")),
        (200, format!("{SEARCH}&start-index=9223372036854775807&max-results=9223372036854775807")),
        (200, format!("{SEARCH}&start-index=-0")),
        (400, "/search?entity-type=%00".to_owned()),
        (404, nul.to_owned()),
        (404, "/user?username=alice%00".to_owned()),
        (404, format!("/user?username={}", "a".repeat(60_000))),
        (404, "/user?key=99999999999999999999:x".to_owned()),
        (404, "/user?key=-1:%00".to_owned()),
        (404, "/user?username=%zz".to_owned()),
        (404, "/user?username=%".to_owned()),
        (404, "/user?username=%4".to_owned()),
        (404, "/%zz".to_owned()),
        (404, "/%".to_owned()),
        (404, "/user%00".to_owned()),
        (404, "/user/../user".to_owned()),
        (404, "/..%2f..%2fetc/passwd".to_owned()),
        (404, "//user?username=alice".to_owned()),
        (410, "/event/%00".to_owned()),
        (410, format!("/event/1:{huge}:{huge}:{huge}")),
        (410, format!("/event/{}", "9".repeat(50_000))),
        (404, format!("/session/{}?duration={huge}", "A".repeat(50_000))),
        (400, "/user?username=".to_owned()),
        (400, "/user?&&&=&==&%3d".to_owned()),
    ];
    for (status, path) in cases {
        wire.exchange(&request("GET", &path, &[], "")).await.is_ours(status);
    }
    wire.is_well().await;
}

#[tokio::test]
async fn queries_too_long_or_too_deep_are_refused() {
    let wire = Wire::of(&World::usual()).await;
    let cql = |cql: &str| request("GET", &format!("{SEARCH}&restriction={cql}"), &[], "");
    let many = vec!["name=a"; 1_001].join("+or+");
    for query in [
        format!("{}name=a{}", "(".repeat(10_000), ")".repeat(10_000)),
        "(".repeat(50_000),
        "%22".to_owned(),
        "%5Cu12".to_owned(),
        "name=%00".to_owned(),
        "createdDate=99999-99-99".to_owned(),
        "createdDate=-1".to_owned(),
        "createdDate=2010-12-08T16:11:21.181%2B9999".to_owned(),
        "active=maybe".to_owned(),
        many,
    ] {
        wire.exchange(&cql(&query)).await.is_ours(400);
    }
    let long = vec!["name=a"; 100_000].join("+or+");
    let refused = wire.exchange(&cql(&long)).await;
    refused.is_refused("a query of 1 MB");
    wire.is_well().await;
}

#[tokio::test]
async fn broken_credentials_are_401() {
    let wire = Wire::of(&World::usual()).await;
    let with = |value: &str| {
        let path = "/crowd/rest/usermanagement/1/user?username=alice";
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {value}\r\n\r\n"
        )
    };
    let long = format!("Basic {}", "QUFB".repeat(10_000));
    for value in
        ["", "Basic", "Basic ", "Basic ***", "Basic amlyYQ==", "Basic /w==", "Bearer x", &long]
    {
        wire.exchange(with(value).as_bytes()).await.is_ours(401);
    }
    let megabyte = with(&format!("Basic {}", "QUFB".repeat(262_144)));
    wire.exchange(megabyte.as_bytes()).await.is_refused("credentials of 1 MB");
    wire.is_well().await;
}

#[tokio::test]
async fn heads_too_long_are_refused_and_forgotten() {
    let wire = Wire::of(&World::usual()).await;
    let headers: Vec<String> = (0..10_000).map(|no| format!("X-{no}: y")).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let path = "/user?username=alice";
    let long_value = format!("X-Long: {}", "y".repeat(1 << 20));
    let long_name = format!("{}: y", "X".repeat(1 << 20));
    let wrong = [
        request("GET", path, &headers, ""),
        request("GET", path, &headers[..101], ""),
        request("GET", path, &[&long_value], ""),
        request("GET", path, &[&long_name], ""),
        request("GET", &format!("/{}", "a".repeat(1 << 20)), &[], ""),
        request(&"A".repeat(1 << 20), path, &[], ""),
        vec![b'\n'; 1 << 20],
        vec![0; 1 << 20],
    ];
    for bytes in &wrong {
        wire.exchange(bytes).await.is_refused("a long head");
    }
    let before = resident_mib();
    for _ in 0..25 {
        let all = wrong.iter().map(|bytes| wire.exchange(bytes));
        futures_util::future::join_all(all).await;
    }
    let grown = resident_mib().saturating_sub(before);
    // 200 MB were sent; the rest is room for tests that run at the same time.
    assert!(grown < 160, "{grown} MiB more are resident");
    wire.is_well().await;
}

/// Memory that the process holds.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let wire = Wire::of(&World::usual()).await;
    let path = "/crowd/rest/usermanagement/1/user?username=alice";
    let rest = format!("Host: x\r\nConnection: close\r\n{}", authorization());
    for bytes in [
        format!("GET {path}\r\n\r\n"),
        format!("GET {path} HTTP/9.9\r\n{rest}\r\n"),
        format!("GET {path} HTTP/2.0\r\n{rest}\r\n"),
        format!("GET {path} HTTP/1.1\r\n{rest}no colon\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{rest}X: \0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{rest}X : y\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{rest}X: y\r\n folded\r\n\r\n"),
        format!("G\0T {path} HTTP/1.1\r\n{rest}\r\n"),
        format!("GET {path}\0 HTTP/1.1\r\n{rest}\r\n"),
        format!("GET  {path} HTTP/1.1\r\n{rest}\r\n"),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense, not frames".to_owned(),
    ] {
        let reply = wire.exchange_and_close(bytes.as_bytes()).await;
        // HTTP/2 says farewell in frames.
        if !bytes.starts_with("PRI") {
            reply.is_refused(&bytes);
        }
    }
    for (method, target) in [("CONNECT", "x:1"), ("OPTIONS", "*"), ("GET", "http://x/y")] {
        let bytes = format!("{method} {target} HTTP/1.1\r\n{rest}\r\n");
        wire.exchange(bytes.as_bytes()).await.is_refused(&bytes);
    }
    wire.is_well().await;
}

#[tokio::test]
async fn an_old_client_is_answered_and_a_pipelined_one_up_to_its_garbage() {
    let wire = Wire::of(&World::usual()).await;
    let path = "/crowd/rest/usermanagement/1/user?username=alice";
    let old = format!("GET {path} HTTP/1.0\r\n{}\r\n", authorization());
    wire.exchange(old.as_bytes()).await.is_ours(200);
    let good = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n", authorization());
    let reply = wire.exchange(format!("{good}{good}\0\u{1}garbage\r\n\r\n").as_bytes()).await;
    reply.is_ours(200);
    assert_eq!(reply.text().matches("HTTP/1.1 200").count(), 2, "{}", reply.text());
    assert_eq!(reply.text().matches("HTTP/1.1 400").count(), 1, "{}", reply.text());
    wire.is_well().await;
}

#[tokio::test]
async fn a_body_has_one_length() {
    let wire = Wire::of(&World::usual()).await;
    let inner = format!(
        "GET /crowd/rest/usermanagement/1/user?username=bob HTTP/1.1\r\nHost: x\r\n{}\r\n",
        authorization()
    );
    let outer = |lengths: &str| {
        format!(
            "POST /crowd/rest/usermanagement/1{SEARCH} HTTP/1.1\r\nHost: x\r\n{XML}\r\n{lengths}{}\r\n",
            authorization()
        )
    };
    let both = ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"];
    for [first, second] in [both, [both[1], both[0]]] {
        let bytes = format!("{}0\r\n\r\n{inner}", outer(&format!("{first}{second}")));
        let reply = wire.exchange(bytes.as_bytes()).await;
        reply.is_refused("two lengths");
        let answers = reply.text().matches("HTTP/1.1").count();
        assert_eq!(answers, 1, "the connection ends after it: {}", reply.text());
    }
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 1e3\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
    ] {
        let bytes = format!("{}0\r\n\r\n{inner}", outer(lengths));
        wire.exchange(bytes.as_bytes()).await.is_refused(lengths);
    }
    for chunks in ["zz\r\n", "ffffffffffffffffff\r\nx", "-1\r\n", "5;\0\r\nhello\r\n", "5\r\nab"] {
        let bytes = format!("{}{chunks}", outer(both[1]));
        wire.exchange_and_close(bytes.as_bytes()).await.is_refused(chunks);
    }
    let truncated = request("POST", SEARCH, &[XML, "Content-Length: 100"], "<null-");
    wire.exchange_and_close(&truncated).await.is_refused("a truncated body");
    wire.is_well().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_its_head_is_let_go() {
    let wire = Wire::of(&World::usual()).await;
    let half = "GET /crowd/rest/usermanagement/1/user HTTP/1.1\r\nHost: x\r\nX: ";
    for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", half] {
        let mut socket = wire.connect().await;
        socket.write_all(start.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let _ = socket.read_to_end(&mut got).await;
    }
    // A byte now and then buys no more time.
    let (mut reading, mut writing) = wire.connect().await.into_split();
    writing.write_all(half.as_bytes()).await.unwrap();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if writing.write_all(b"y").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let began = tokio::time::Instant::now();
    let mut got = Vec::new();
    tokio::select! {
        _ = reading.read_to_end(&mut got) => {}
        () = dripping => {}
    }
    assert!(began.elapsed() < Duration::from_mins(1), "of the stopped clock");
    wire.is_well().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_body_is_let_go() {
    let wire = Wire::of(&World::usual()).await;
    let head = request("POST", SEARCH, &[XML, "Content-Length: 1000"], "");
    let (mut reading, mut writing) = wire.connect().await.into_split();
    writing.write_all(&head).await.unwrap();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            if writing.write_all(b" ").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut got = vec![0; 12];
    tokio::select! {
        read = reading.read_exact(&mut got) => drop(read.unwrap()),
        () = dripping => {}
    }
    assert_eq!(got, b"HTTP/1.1 408");
    wire.is_well().await;
}
