//! The vendor's quotas.

use serde_json::{Value, json};
use simulator::{Options, Quotas};

use crate::tenant::Tenant;

/// Spends 100 resource units a batch until something is refused.
async fn exhaust(tenant: &Tenant, group: &str) -> Value {
    let url = format!("/groups/{group}/transitiveMembers");
    let requests: Vec<Value> =
        (0..20).map(|id| json!({"id": id.to_string(), "method": "GET", "url": url})).collect();
    for _ in 0..500 {
        let answer = tenant.post("$batch", &json!({"requests": requests})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let responses = answer.body["responses"].as_array().unwrap();
        if let Some(refused) = responses.iter().find(|response| response["status"] != 200) {
            return refused.clone();
        }
    }
    panic!("the quota never ran out");
}

#[tokio::test]
async fn requests_cost_what_the_vendor_says_and_run_out() {
    let options = Options {
        users: 30,
        groups: 5,
        memberships: 60,
        quotas: Quotas::Vendor,
        ..Tenant::options()
    };
    let tenant = Tenant::with(options).await;
    let group = tenant.truth().await.groups.keys().next().unwrap().clone();
    for (path, cost) in [
        ("users?$top=20", "2"),
        ("users?$top=20&$select=id", "1"),
        ("users?$top=19", "1"),
        ("groups", "1"),
        ("users/delta", "1"),
        (&format!("groups/{group}/members"), "3"),
        (&format!("groups/{group}/members?$select=id&$top=999"), "2"),
        (&format!("groups/{group}/transitiveMembers"), "5"),
    ] {
        assert_eq!(tenant.get(path).await.header("x-ms-resource-unit"), cost, "{path}");
    }
    let refused = exhaust(&tenant, &group).await;
    assert_eq!(refused["status"], 429, "{refused}");
    let seconds: u32 = refused["headers"]["Retry-After"].as_str().unwrap().parse().unwrap();
    let answer = tenant.get(&format!("groups/{group}/transitiveMembers")).await;
    assert_eq!((answer.status, answer.code()), (429, "TooManyRequests"));
    assert!(answer.header("x-ms-throttle-scope").starts_with("Tenant_Application/ReadWrite/"));
    assert_eq!(answer.header("x-ms-throttle-information"), "ResourceUnitLimitExceeded");
    assert!(answer.header("x-ms-throttle-limit-percentage").parse::<f64>().unwrap() > 0.8);
    let longer: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&longer));
    tenant.advance(longer.max(seconds)).await;
    let answer = tenant.get("users?$top=1").await;
    assert_eq!(answer.status, 200, "who waits is served");
    let counters = tenant.tell("GET", "counters", Value::Null).await;
    assert!(counters["throttled"].as_u64().unwrap() >= 2);
    assert!(counters["resource_units"].as_u64().unwrap() > 3_000);
}

#[tokio::test]
async fn without_quotas_nobody_is_refused() {
    let options = Options { users: 30, groups: 5, memberships: 60, ..Tenant::options() };
    let tenant = Tenant::with(options).await;
    let group = tenant.truth().await.groups.keys().next().unwrap().clone();
    let url = format!("/groups/{group}/transitiveMembers");
    let requests: Vec<Value> =
        (0..20).map(|id| json!({"id": id.to_string(), "method": "GET", "url": url})).collect();
    for _ in 0..50 {
        let answer = tenant.post("$batch", &json!({"requests": requests})).await;
        assert!(!answer.text.contains("\"status\":429"));
    }
}
