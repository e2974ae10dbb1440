//! Schedules that cannot be kept are refused, for a new directory and for one that is there.

use serde_json::json;
use simulator::Provider;

use crate::{
    ask,
    house::{House, Plan},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_period_out_of_bounds_is_refused_everywhere() {
    let house = House::build(Provider::Entra, Plan::small(78)).await;
    let token = Some(house.server().token.as_str());
    let bad = [(0, 600), (9, 600), (600, 599), (600, u64::MAX), (u64::MAX, u64::MAX)];
    for (pull_every_s, full_every_s) in bad {
        let schedule = json!({
            "pull_every_s": pull_every_s, "full_every_s": full_every_s, "notifications": false,
        });
        let settings = json!({"tenant": "contoso.example", "client_id": "a"});
        let new = json!({
            "name": "other", "provider": "entra", "settings": settings, "secret": "a",
            "schedule": schedule,
        });
        let calls =
            [(("PUT", "/directories/entra/schedule"), schedule), (("POST", "/directories"), new)];
        for (call, body) in calls {
            let answer = ask(&house, token, call, body).await;
            assert_eq!(answer.status, 400, "{call:?}: {}", answer.body);
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains("_every_s is "), "{call:?}: {detail}");
        }
    }
}
