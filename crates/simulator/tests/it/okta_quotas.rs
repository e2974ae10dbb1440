//! Okta's rate limits and their headers.

use serde_json::{Value, json};
use simulator::{Options, Quotas};

use crate::{
    org::{Org, SCOPES, code, rows},
    tenant::{Answer, send},
};

fn limits(answer: &Answer) -> (i64, i64, i64) {
    let number = |name: &str| answer.header(name).parse().unwrap_or(-1);
    (number("x-rate-limit-limit"), number("x-rate-limit-remaining"), number("x-rate-limit-reset"))
}

async fn strict() -> Org {
    let options =
        Options { users: 30, groups: 5, memberships: 60, quotas: Quotas::Vendor, ..Org::options() };
    Org::with(options).await
}

#[tokio::test]
async fn all_answers_have_the_headers() {
    let org = strict().await;
    let group = org.truth().await.group("Everyone").to_owned();
    let app = &org.okta().app_id;
    for (path, limit) in [
        ("users".to_owned(), 300),
        ("users/x".to_owned(), 1_000),
        ("groups".to_owned(), 250),
        (format!("groups/{group}"), 500),
        (format!("groups/{group}/users?limit=200"), 250),
        ("apps".to_owned(), 50),
        (format!("apps/{app}/users"), 250),
        ("logs".to_owned(), 60),
        ("eventHooks".to_owned(), 600),
        ("shoes".to_owned(), 1_200),
    ] {
        let answer = org.get(&path).await;
        let (given, remaining, reset) = limits(&answer);
        assert_eq!(given, limit, "{path}");
        assert!((0..limit).contains(&remaining), "{path}: {remaining}");
        assert!(reset > crate::org::now() && reset <= crate::org::now() + 62, "{path}: {reset}");
        assert!(
            !answer.header("x-okta-request-id").is_empty() && !answer.header("date").is_empty()
        );
    }
    let unknown = send(org.http.get(org.url("users"))).await;
    assert_eq!(limits(&unknown).0, 600, "the organisation's own");
}

#[tokio::test]
async fn one_token_has_half_and_waits_for_the_reset() {
    let mut org = strict().await;
    let mut reset = 0;
    for at in 0..120 {
        let answer = org.get("logs?limit=1").await;
        if answer.status == 429 {
            assert!(at >= 60, "{at}");
            assert_eq!(code(&answer), "E0000047");
            assert_eq!((limits(&answer).0, limits(&answer).1), (60, 0));
            assert_eq!(answer.header("retry-after"), "", "Okta does not send it");
            reset = limits(&answer).2;
            break;
        }
        assert_eq!(answer.status, 200);
    }
    assert!(reset > 0, "the limit never ran out");
    assert_eq!(org.get("groups").await.status, 200, "others are counted by themselves");
    org.log_in(&format!("{SCOPES} okta.logs.read")).await;
    assert_eq!(org.get_bound("logs?limit=1").await.status, 200, "the app has its own half");
    assert_eq!(org.violations("retry_before_retry_after").await, 0);
    org.advance(5).await;
    assert_eq!(org.get("logs?limit=1").await.status, 429);
    assert_eq!(org.violations("retry_before_retry_after").await, 1);
    org.advance(60).await;
    let answer = org.get("logs?limit=1").await;
    assert_eq!((answer.status, limits(&answer).1), (200, 59));
    assert_eq!(org.violations("retry_before_retry_after").await, 1, "who waits is served");
    let counters = org.tell("GET", "counters", Value::Null).await;
    assert_eq!(counters["throttled"], 2);
}

#[tokio::test]
async fn the_share_can_be_raised() {
    let options = Options {
        users: 30,
        groups: 5,
        memberships: 60,
        quotas: Quotas::Vendor,
        okta_rate_percent: 100,
        ..Org::options()
    };
    let org = Org::with(options).await;
    assert_eq!(limits(&org.get("logs").await).0, 120);
}

#[tokio::test]
async fn too_many_at_once_get_zeros() {
    let options = Options {
        users: 30,
        groups: 5,
        memberships: 60,
        latency_ms: 400,
        quotas: Quotas::Vendor,
        ..Org::options()
    };
    let org = Org::with(options).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..150 {
        let request = org.api(reqwest::Method::GET, "users?limit=1");
        asked.spawn(send(request));
    }
    let answers = asked.join_all().await;
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!((limits(answer).0, limits(answer).1, code(answer)), (0, 0, "E0000047"));
    }
}

#[tokio::test]
async fn without_quotas_nobody_is_refused_and_nothing_runs_out() {
    let org = Org::with(Options { users: 30, groups: 5, memberships: 60, ..Org::options() }).await;
    for _ in 0..150 {
        let answer = org.get("logs?limit=1").await;
        assert_eq!(rows(&answer).len(), 0);
        // It names no limit that it does not enforce.
        assert_eq!((limits(&answer).0, limits(&answer).1), (1_000_000, 999_999));
    }
}

#[tokio::test]
async fn a_fault_names_the_time_to_wait_for() {
    let org = Org::with(Options { users: 30, groups: 5, memberships: 60, ..Org::options() }).await;
    let fault = json!({"route": "/groups", "kind": "status", "status": 429, "retry_after_s": 20, "times": 1});
    org.fault(fault).await;
    let answer = org.get("groups").await;
    assert_eq!((answer.status, code(&answer)), (429, "E0000047"));
    assert_eq!((limits(&answer).1, answer.header("retry-after")), (0, ""));
    let wait = limits(&answer).2 - crate::org::now();
    assert!((18..=21).contains(&wait), "{wait}");
    org.advance(5).await;
    assert_eq!(org.get("users").await.status, 200);
    assert_eq!(org.violations("retry_before_retry_after").await, 0, "another bucket may go on");
    assert_eq!(org.get("groups").await.status, 200);
    assert_eq!(org.violations("retry_before_retry_after").await, 1);
    org.advance(20).await;
    assert_eq!(org.get("groups").await.status, 200);
    assert_eq!(org.violations("retry_before_retry_after").await, 1);
}

#[tokio::test]
async fn the_date_is_the_organisations() {
    let org = Org::with(Options { users: 30, groups: 5, memberships: 60, ..Org::options() }).await;
    let before = org.get("users").await.header("date").to_owned();
    org.advance(40 * 86_400).await;
    org.grant("token").await;
    let after = org.get("users").await;
    assert_ne!(before[5..16], after.header("date")[5..16]);
    assert!(after.header("date").ends_with(" GMT"));
    assert!(limits(&after).2 > crate::org::now() + 39 * 86_400);
}
