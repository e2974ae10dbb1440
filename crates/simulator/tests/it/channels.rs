//! Google's push channels: what is told, and how they end (B7).

use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Told},
    tenant::{Answer, send, text},
    workspace::{Workspace, reason},
};

fn wanted(receiver: &Receiver, id: &str) -> Value {
    json!({
        "id": id, "type": "web_hook", "address": receiver.url, "token": "hush",
        "params": {"ttl": "172800"},
    })
}

async fn post(workspace: &Workspace, path: &str, body: &Value) -> Answer {
    let url = format!("{}/admin/{path}", workspace.google().api);
    send(workspace.http.post(url).bearer_auth(workspace.token()).json(body)).await
}

async fn watch(workspace: &Workspace, query: &str, body: &Value) -> Answer {
    post(workspace, &format!("directory/v1/users/watch?{query}"), body).await
}

async fn told(workspace: &Workspace, receiver: &Receiver) -> Vec<Told> {
    workspace.tell("POST", "webhooks/flush", Value::Null).await;
    receiver.take()
}

#[tokio::test]
async fn a_channel_says_that_it_is_there_and_then_what_happens() {
    let workspace = Workspace::start().await;
    let receiver = Receiver::start().await;
    let made = watch(&workspace, "customer=my_customer", &wanted(&receiver, "one")).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!((&made.body["kind"], &made.body["id"]), (&json!("api#channel"), &json!("one")));
    assert!(text(&made.body["expiration"]).parse::<i64>().unwrap() > 0);
    let calls = told(&workspace, &receiver).await;
    assert_eq!(calls.len(), 1);
    let sync = &calls[0];
    assert_eq!(
        (sync.header("x-goog-resource-state"), sync.header("x-goog-message-number")),
        ("sync", "1")
    );
    assert_eq!(
        (sync.header("x-goog-channel-id"), sync.header("x-goog-channel-token")),
        ("one", "hush")
    );
    assert_eq!(sync.header("x-goog-resource-id"), made.body["resourceId"].as_str().unwrap());
    assert!(sync.header("x-goog-resource-uri").contains("/admin/directory/v1/users?"));
    assert!(sync.header("x-goog-channel-expiration").ends_with(" GMT"));
    assert_eq!(sync.text, "");

    let ann = workspace.new_user("ann@globex.example").await;
    let path = format!("users/{ann}");
    let mut number = 1;
    for (method, path, body, state) in [
        ("GET", "truth".to_owned(), Value::Null, "add"),
        ("PATCH", path.clone(), json!({"last_name": "Other"}), "update"),
        ("PATCH", path.clone(), json!({"admin": true}), "makeAdmin"),
        ("DELETE", path.clone(), Value::Null, "delete"),
        ("POST", format!("{path}/restore"), Value::Null, "undelete"),
    ] {
        workspace.tell(method, &path, body).await;
        let calls = told(&workspace, &receiver).await;
        assert_eq!(calls.len(), 1, "{state}");
        assert_eq!(calls[0].header("x-goog-resource-state"), state);
        assert_eq!(calls[0].body["id"], ann);
        assert_eq!(calls[0].body["primaryEmail"], "ann@globex.example");
        let next = calls[0].header("x-goog-message-number").parse().unwrap();
        assert!(next > number);
        number = next;
    }
    // Nothing tells of groups.
    let group = workspace.new_group("Team").await;
    workspace.tell("PUT", &format!("groups/{group}/users/{ann}"), Value::Null).await;
    assert!(told(&workspace, &receiver).await.is_empty());
}

#[tokio::test]
async fn a_channel_is_about_one_event_and_ends() {
    let mut workspace = Workspace::start().await;
    let receiver = Receiver::start().await;
    let mut first = wanted(&receiver, "adds");
    // A number will do.
    first["params"]["ttl"] = json!(3_600);
    let made = watch(&workspace, "customer=my_customer&event=add", &first).await;
    watch(&workspace, "customer=my_customer&event=delete", &wanted(&receiver, "deletes")).await;
    told(&workspace, &receiver).await;
    workspace.new_user("ann@globex.example").await;
    let calls = told(&workspace, &receiver).await;
    assert_eq!(
        calls.iter().map(|one| one.header("x-goog-channel-id")).collect::<Vec<_>>(),
        ["adds"]
    );

    let stop = json!({"id": "adds", "resourceId": made.body["resourceId"]});
    let other = json!({"id": "adds", "resourceId": "other"});
    assert_eq!(post(&workspace, "directory_v1/channels/stop", &other).await.status, 404);
    assert_eq!(post(&workspace, "directory_v1/channels/stop", &stop).await.status, 204);
    assert_eq!(post(&workspace, "directory_v1/channels/stop", &stop).await.status, 404);
    workspace.new_user("ben@globex.example").await;
    assert!(told(&workspace, &receiver).await.is_empty());

    let made = watch(&workspace, "customer=my_customer", &wanted(&receiver, "all")).await;
    assert_eq!(made.status, 200);
    told(&workspace, &receiver).await;
    workspace.advance(3 * 86_400).await;
    workspace.log_in().await;
    workspace.new_user("cas@globex.example").await;
    assert!(told(&workspace, &receiver).await.is_empty(), "nobody prolongs a channel");
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let workspace = Workspace::start().await;
    let receiver = Receiver::start().await;
    for (field, value, expected) in [
        ("id", json!(""), "invalid"),
        ("id", json!("x".repeat(65)), "invalid"),
        ("type", json!("mail"), "channelUnknown"),
        ("address", json!("http://sync.example.org/hooks"), "push.webhookUrlNotHttps"),
        ("token", json!("x".repeat(257)), "invalid"),
        ("params", json!({"ttl": "long"}), "invalid"),
    ] {
        let mut body = wanted(&receiver, "one");
        body[field] = value.clone();
        let answer = watch(&workspace, "customer=my_customer", &body).await;
        assert_eq!((answer.status, reason(&answer)), (400, expected), "{field} {value}");
    }
    let body = wanted(&receiver, "one");
    assert_eq!(watch(&workspace, "event=add", &body).await.status, 400, "whose users?");
    assert_eq!(watch(&workspace, "customer=my_customer&event=dance", &body).await.status, 400);
    assert_eq!(watch(&workspace, "customer=my_customer", &body).await.status, 200);
    let twice = watch(&workspace, "customer=my_customer", &body).await;
    assert_eq!(reason(&twice), "channelIdNotUnique");
    workspace.tell("POST", "revoke", json!({"what": "role"})).await;
    let answer = watch(&workspace, "customer=my_customer", &wanted(&receiver, "two")).await;
    assert_eq!(reason(&answer), "forbidden");
}
