//! Odd data: what control makes odd is odd wherever the vendor shows it, byte by byte, and lists of changes tell of it.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Oddity, Options, Provider};

use crate::{
    org::{Org, rows},
    tenant::{Tenant, text},
    workspace::Workspace,
};

/// The bytes that are answered.
async fn bytes(tenant: &Tenant, path: &str) -> Vec<u8> {
    tenant.graph(Method::GET, path).send().await.unwrap().bytes().await.unwrap().to_vec()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn an_odd_object_is_odd_wherever_it_is_shown() {
    let small = Options { users: 500, groups: 40, memberships: 1_000, ..Tenant::options() };
    let tenant = Tenant::with(small).await;
    let truth = tenant.truth().await;
    let (group, row) = truth.groups.iter().find(|(_, row)| row["users"][0].is_string()).unwrap();
    let user = text(&row["users"][0]);
    let (_, link) = tenant.round("users/delta?$select=id,displayName").await;
    let odd = json!([{"id": user, "set": {"displayName": "\"\\ud83d\"", "mail": "7"}}]);
    tenant.tell("POST", "odd", odd).await;
    let wanted = br#""displayName":"\ud83d""#;
    for path in [
        "users?$top=999",
        &format!("users/{user}"),
        &format!("groups/{group}/members?$top=999"),
        link.split_once("/v1.0/").unwrap().1,
    ] {
        assert!(has(&bytes(&tenant, path).await, wanted), "{path}");
    }
    let requests = json!([{"id": "1", "method": "GET", "url": format!("/users/{user}")},
                          {"id": "2", "method": "GET", "url": format!("/groups/{group}")}]);
    let answer = tenant.post("$batch", &json!({"requests": requests})).await;
    assert!(
        answer.text.contains(r#""displayName":"\ud83d""#) && answer.text.contains(r#""mail":7"#)
    );
    tenant.tell("DELETE", &format!("odd/{user}"), Value::Null).await;
    assert_eq!(text(&tenant.get(&format!("users/{user}")).await.body["id"]), user);
    assert_eq!(tenant.tell("GET", "odd", Value::Null).await, json!([]));
}

#[tokio::test]
async fn anything_can_be_expressed() {
    let tenant = Tenant::start().await;
    let user = tenant.truth().await.users.keys().next().unwrap().clone();
    let path = format!("users/{user}");
    let cases: [(Value, &[u8]); 6] = [
        (json!({"id": user, "set_base64": {"mail": "Iv8i"}}), b"\"mail\":\"\xff\""),
        (json!({"id": user, "set": {"mail": "\"a\u{1}b\""}}), b"\"mail\":\"a\x01b\""),
        (json!({"id": user, "set": {"id": "null"}}), b"\"id\":null"),
        (json!({"id": user, "add": {"mail": "\"twice\""}}), b",\"mail\":\"twice\"}"),
        (json!({"id": user, "instead": "17"}), b"17"),
        (json!({"route": "users/", "set": {"id": "\" \""}}), b"\"id\":\" \""),
    ];
    for (odd, wanted) in cases {
        tenant.tell("POST", "odd", json!([odd])).await;
        let bytes = bytes(&tenant, &path).await;
        assert!(has(&bytes, wanted), "{odd}: {}", String::from_utf8_lossy(&bytes));
        tenant.tell("DELETE", "odd", Value::Null).await;
    }
    for refused in [json!([{}]), json!([{"route": "("}]), json!([{"id": "x", "unknown": 1}])] {
        assert_eq!(tenant.control("POST", "odd", &refused).await.status, 400);
    }
}

#[tokio::test]
async fn whole_answers_can_be_odd() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "byte_order_mark", "times": 1})).await;
    assert!(bytes(&tenant, "users?$top=5").await.starts_with(b"\xef\xbb\xbf{"));
    tenant
        .fault(json!({"route": "users", "kind": "error_in_200", "status": 503, "times": 1}))
        .await;
    let answer = tenant.get("users?$top=5").await;
    assert_eq!((answer.status, answer.code()), (200, "ServiceUnavailable"));
    assert_eq!(tenant.get("users?$top=5").await.rows().len(), 5);
}

#[tokio::test]
async fn google_and_okta_are_odd_too() {
    let odd = |id: &str, set: &[(&str, &str)]| Oddity {
        id: Some(id.to_owned()),
        set: set.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        ..Oddity::default()
    };
    let workspace = Workspace::start().await;
    let user = workspace.truth().await.users.keys().next().unwrap().clone();
    let set = [("aliases", "[null]"), ("name.givenName", "{}")];
    workspace.running.make_odd(Provider::Google, vec![odd(&user, &set)]).unwrap();
    assert!(workspace.running.make_odd(Provider::Okta, Vec::new()).is_err());
    let listed = workspace.all("users", "users?customer=my_customer&maxResults=500").await;
    let row = listed.iter().find(|row| row["id"] == user.as_str()).unwrap();
    assert_eq!((&row["aliases"], &row["name"]["givenName"]), (&json!([null]), &json!({})));
    workspace.running.end_odd(Provider::Google).unwrap();
    assert!(workspace.get(&format!("users/{user}")).await.body["name"]["givenName"].is_string());

    let org = Org::with(Options { users: 150, memberships: 500, ..Org::options() }).await;
    let user = org.truth().await.users.keys().next().unwrap().clone();
    let before = text(&org.get(&format!("users/{user}")).await.body["lastUpdated"]);
    org.running.make_odd(Provider::Okta, vec![odd(&user, &[("profile.login", "[7]")])]).unwrap();
    let listed = org.get("users?limit=200").await;
    let row = rows(&listed).iter().find(|row| row["id"] == user.as_str()).unwrap();
    assert_eq!(row["profile"]["login"], json!([7]));
    assert_ne!(text(&row["lastUpdated"]), before, "a filter by time finds it");
}
