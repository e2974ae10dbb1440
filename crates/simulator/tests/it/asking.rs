//! Questions about single objects, and batches.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::tenant::{Tenant, text};

#[tokio::test]
async fn memberships_can_be_confirmed() {
    let tenant = Tenant::start().await;
    let truth = tenant.truth().await;
    let top = truth.group("Chain level 1").to_owned();
    let deep = truth.group("Chain level 5").to_owned();
    let other = tenant.new_group("Other").await;
    let user = tenant.new_user("deep@contoso.example").await;
    tenant.tell("PUT", &format!("groups/{deep}/users/{user}"), Value::Null).await;
    let path = format!("users/{user}/checkMemberGroups");
    let answer = tenant.post(&path, &json!({"groupIds": [top, deep, other]})).await;
    let found: BTreeSet<String> = answer.rows().iter().map(text).collect();
    assert_eq!(found, BTreeSet::from([top.clone(), deep.clone()]), "nested ones too");
    let many: Vec<&str> = std::iter::repeat_n(top.as_str(), 21).collect();
    assert_eq!(tenant.post(&path, &json!({"groupIds": many})).await.status, 400);
    tenant.tell("DELETE", &format!("groups/{deep}/users/{user}"), Value::Null).await;
    let answer = tenant.post(&path, &json!({"groupIds": [top, deep]})).await;
    assert!(answer.rows().is_empty());
    tenant.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    let answer = tenant.post(&path, &json!({"groupIds": [top]})).await;
    assert_eq!((answer.status, answer.code()), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn ids_can_be_looked_up() {
    let tenant = Tenant::start().await;
    let user = tenant.new_user("here@contoso.example").await;
    let gone = tenant.new_user("gone@contoso.example").await;
    tenant.tell("DELETE", &format!("users/{gone}"), Value::Null).await;
    let body = json!({"ids": [user, gone], "types": ["user"]});
    let answer = tenant.post("directoryObjects/getByIds?$select=id", &body).await;
    assert_eq!(answer.rows().len(), 1);
    assert_eq!(answer.rows()[0]["id"], user);
    let binned = tenant.get(&format!("directory/deletedItems/{gone}")).await;
    assert_eq!(binned.status, 200);
    let bin = tenant.all("directory/deletedItems/microsoft.graph.user?$select=id").await;
    assert_eq!(bin.len(), 1);
}

#[tokio::test]
async fn a_batch_answers_each_request_for_itself() {
    let tenant = Tenant::start().await;
    let requests = json!([
        {"id": "1", "method": "GET", "url": "/users?$top=1&$select=id"},
        {"id": "2", "method": "GET", "url": "/groups/nonsense"},
        {"id": "3", "method": "GET", "url": "/groups?$top=1&$select=id", "dependsOn": ["2"]},
        {"id": "4", "method": "GET", "url": "/users/delta?$deltatoken=latest&$select=id"},
        {"id": "5", "method": "GET", "url": "/users?$top=5000"},
    ]);
    let answer = tenant.post("$batch", &json!({"requests": requests})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let of = |id: &str| {
        let all = answer.body["responses"].as_array().unwrap();
        all.iter().find(|response| response["id"] == id).unwrap()
    };
    let statuses = ["1", "2", "3", "4", "5"].map(|id| of(id)["status"].as_u64().unwrap());
    assert_eq!(statuses, [200, 404, 424, 200, 400]);
    assert_eq!(of("1")["body"]["value"].as_array().unwrap().len(), 1);
    assert!(of("4")["body"]["@odata.deltaLink"].is_string());
    assert_eq!(of("2")["body"]["error"]["code"], "Request_ResourceNotFound");
    let many: Vec<Value> = (0..21)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/organization"}))
        .collect();
    assert_eq!(tenant.post("$batch", &json!({"requests": many})).await.status, 400);
    assert_eq!(tenant.violations("batch_too_large").await, 1);
}

#[tokio::test]
async fn faults_meet_requests_inside_a_batch() {
    let tenant = Tenant::start().await;
    let fault = json!({"route": "/groups", "kind": "status", "status": 429, "retry_after_s": 7});
    tenant.fault(fault).await;
    let requests = json!([
        {"id": "a", "method": "GET", "url": "/users?$top=1&$select=id"},
        {"id": "b", "method": "GET", "url": "/groups?$top=1&$select=id"},
    ]);
    let answer = tenant.post("$batch", &json!({"requests": requests})).await;
    let all = answer.body["responses"].as_array().unwrap();
    let refused = all.iter().find(|response| response["id"] == "b").unwrap();
    assert_eq!(
        (&refused["status"], &refused["headers"]["Retry-After"]),
        (&json!(429), &json!("7"))
    );
    assert_eq!(all.iter().find(|response| response["id"] == "a").unwrap()["status"], 200);
}
