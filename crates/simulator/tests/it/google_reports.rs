//! The Reports API, and batches.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    tenant::{Answer, send, text},
    workspace::{Workspace, reason},
};

async fn activities(workspace: &Workspace, application: &str, options: &str) -> Answer {
    let path = format!("admin/reports/v1/activity/users/all/applications/{application}{options}");
    let url = format!("{}/{path}", workspace.google().api);
    send(workspace.http.get(url).bearer_auth(workspace.token())).await
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| text(&item["events"][0]["name"])).collect()
}

#[tokio::test]
async fn edits_are_in_the_log_newest_first() {
    let workspace = Workspace::start().await;
    let empty = activities(&workspace, "admin", "").await;
    assert!(empty.status == 200 && empty.body.get("items").is_none());
    let user = workspace.new_user("logged@globex.example").await;
    let group = workspace.new_group("Logged").await;
    let edge = format!("groups/{group}/users/{user}");
    workspace.tell("PUT", &edge, Value::Null).await;
    workspace
        .tell(
            "PATCH",
            &format!("users/{user}"),
            json!({"login": "re@globex.example", "active": false}),
        )
        .await;
    workspace.tell("DELETE", &edge, Value::Null).await;
    workspace.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    workspace.tell("POST", &format!("users/{user}/restore"), Value::Null).await;
    workspace.tell("DELETE", &format!("groups/{group}"), Value::Null).await;
    let log = activities(&workspace, "admin", "").await;
    assert_eq!(
        names(&log),
        [
            "DELETE_GROUP",
            "UNDELETE_USER",
            "DELETE_USER",
            "REMOVE_GROUP_MEMBER",
            "RENAME_USER",
            "ADD_GROUP_MEMBER",
            "CREATE_GROUP",
            "CREATE_USER"
        ]
    );
    let renamed = &log.body["items"][4];
    assert_eq!(renamed["events"][1]["name"], "SUSPEND_USER");
    assert_eq!(
        renamed["events"][0]["parameters"],
        json!([{"name": "USER_EMAIL", "value": "logged@globex.example"},
               {"name": "NEW_VALUE", "value": "re@globex.example"}])
    );
    let ids: BTreeSet<String> =
        log.body["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect();
    assert_eq!(ids.len(), 8, "time and qualifier tell entries apart");
    let groups = activities(&workspace, "groups_enterprise", "").await;
    assert_eq!(names(&groups), ["delete_group", "remove_member", "add_member", "create_group"]);
    let one = activities(&workspace, "admin", "?eventName=CREATE_USER").await;
    assert_eq!(names(&one), ["CREATE_USER"]);
}

#[tokio::test]
async fn the_log_is_paged_bounded_and_late() {
    let workspace = Workspace::start().await;
    for at in 0..5 {
        workspace.new_user(&format!("new.{at}@globex.example")).await;
    }
    let first = activities(&workspace, "admin", "?maxResults=3").await;
    assert_eq!(names(&first).len(), 3);
    let token = text(&first.body["nextPageToken"]);
    let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let second = activities(&workspace, "admin", &format!("?maxResults=3&pageToken={token}")).await;
    assert_eq!(names(&second).len(), 2);
    assert!(second.body.get("nextPageToken").is_none());
    let newest = text(&first.body["items"][0]["id"]["time"]);
    workspace.advance(5).await;
    workspace.new_user("later@globex.example").await;
    let since = activities(&workspace, "admin", &format!("?startTime={newest}")).await;
    assert!(!names(&since).is_empty() && names(&since).len() < 6);
    workspace.tell("POST", "lag", json!({"list_ms": 0, "delta_ms": 60_000})).await;
    assert!(names(&activities(&workspace, "admin", "").await).is_empty());
    workspace.advance(60).await;
    assert_eq!(names(&activities(&workspace, "admin", "").await).len(), 6);
    for (application, options) in
        [("admin", "?startTime=yesterday"), ("admin", "?maxResults=1001"), ("payroll", "")]
    {
        let answer = activities(&workspace, application, options).await;
        assert_eq!((answer.status, reason(&answer)), (400, "invalid"), "{application} {options}");
    }
}

#[tokio::test]
async fn a_batch_answers_part_by_part() {
    let workspace = Workspace::start().await;
    let user = workspace.new_user("batched@globex.example").await;
    workspace.fault(json!({"route": "/groups\\?", "kind": "status", "status": 503})).await;
    let part = |id: &str, target: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <{id}>\r\n\r\nGET {target} HTTP/1.1\r\n\r\n"
        )
    };
    let base = "/admin/directory/v1";
    let body = [
        part("one", &format!("{base}/users/{user}?fields=id")),
        part("two", &format!("{base}/users/nobody@globex.example")),
        part("three", &format!("{base}/groups?customer=my_customer")),
        "--b--".to_owned(),
    ]
    .concat();
    let url = format!("{}/batch/admin/directory_v1", workspace.google().api);
    let request = workspace.http.post(&url).bearer_auth(workspace.token());
    let request = request.header("content-type", "multipart/mixed; boundary=\"b\"");
    let answer = send(request.body(body)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("multipart/mixed; boundary=batch_"));
    let parts: Vec<&str> = answer.text.split("HTTP/1.1 ").collect();
    assert_eq!(parts.len(), 4);
    assert!(parts[0].contains("Content-ID: <response-one>"));
    assert!(parts[1].starts_with("200 OK") && parts[1].contains(&format!("{{\"id\":\"{user}\"}}")));
    assert!(parts[2].starts_with("404 Not Found") && parts[2].contains("userKey"));
    assert!(parts[3].starts_with("503 Service Unavailable"));
    let request = workspace.http.post(&url).bearer_auth(workspace.token());
    let broken =
        send(request.header("content-type", "multipart/mixed; boundary=b").body("--x")).await;
    assert_eq!(broken.status, 400);
}
