//! Google's token endpoint and what tokens are good for: every refusal of the vendor's tables.

use aws_lc_rs::{rsa::KeySize, signature::RsaKeyPair};
use serde_json::{Value, json};
use simulator::Options;

use crate::{
    tenant::send,
    workspace::{Workspace, reason, scopes, sign},
};

const USERS: &str = "users?customer=my_customer&maxResults=1";

#[tokio::test]
async fn the_key_file_is_one_of_google() {
    let workspace = Workspace::start().await;
    let key = &workspace.key;
    assert_eq!(key["type"], "service_account");
    assert_eq!(key["token_uri"], workspace.google().token_uri);
    assert_eq!(key["universe_domain"], "googleapis.com");
    assert!(key["private_key"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let client = key["client_id"].as_str().unwrap();
    assert!(client.len() == 21 && client.bytes().all(|sign| sign.is_ascii_digit()), "{client}");
    assert!(key["client_email"].as_str().unwrap().ends_with(".iam.gserviceaccount.com"));
    let directory = tempfile::tempdir().unwrap();
    let options =
        Options { key_directory: Some(directory.path().to_owned()), ..Workspace::options() };
    let other = Workspace::with(options).await;
    assert!(other.google().key_file.starts_with(directory.path()));
    // Each organisation has a key of its own: the seed does not make it.
    assert_eq!(other.key["client_id"], key["client_id"]);
    assert_ne!(other.key["private_key"], key["private_key"]);
    let temporary = workspace.google().key_file.clone();
    assert!(temporary.exists());
    workspace.running.shutdown().await;
    assert!(!temporary.exists(), "a temporary directory ends with the simulator");
}

#[tokio::test]
async fn a_token_is_issued_for_googles_audiences_and_its_own() {
    let workspace = Workspace::start().await;
    for audience in ["https://oauth2.googleapis.com/token", &workspace.google().token_uri] {
        let answer = workspace.ask_with(&[("aud", json!(audience))]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            (&answer.body["token_type"], &answer.body["expires_in"]),
            (&json!("Bearer"), &json!(3_599))
        );
        assert!(answer.body["access_token"].as_str().unwrap().starts_with("ya29."));
        assert!(answer.body.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn refusals_are_those_of_the_vendors_table() {
    let workspace = Workspace::start().await;
    let now = workspace.claims()["iat"].as_i64().unwrap();
    let user = "admin.directory.user.readonly";
    let suspended = workspace.new_user("suspended@globex.example").await;
    workspace.tell("PATCH", &format!("users/{suspended}"), json!({"active": false})).await;
    let group = workspace.truth().await;
    let group = group.groups[group.group("All people")]["email"].clone();
    let cases: Vec<(&str, Value, u16, &str, &str)> = vec![
        ("iss", json!("nobody@x.example"), 400, "invalid_grant", "account not found"),
        ("aud", json!("https://x.example/token"), 400, "invalid_grant", "Failed audience check"),
        ("exp", json!(now + 3_700), 400, "invalid_grant", "short-lived token (60 minutes)"),
        ("exp", json!(now - 10), 400, "invalid_grant", "reasonable timeframe"),
        ("iat", json!(now + 900), 400, "invalid_grant", "Check your iat and exp values"),
        ("sub", json!("nobody@globex.example"), 400, "invalid_grant", "Invalid email or User ID"),
        ("sub", json!("nobody"), 400, "invalid_grant", "Not a valid email or user ID."),
        (
            "sub",
            json!("suspended@globex.example"),
            400,
            "invalid_grant",
            "Invalid email or User ID",
        ),
        ("sub", group, 401, "unauthorized_client", "Client is unauthorized"),
        ("scope", json!(""), 400, "invalid_scope", "Invalid OAuth scope"),
        ("scope", json!(scopes(&[user]).replace(' ', ",") + ",x"), 400, "invalid_scope", "Invalid"),
        (
            "scope",
            json!(scopes(&["admin.directory.userschema.readonly"])),
            401,
            "unauthorized_client",
            "any of the scopes requested",
        ),
        (
            "scope",
            json!(scopes(&[user, "admin.directory.userschema.readonly"])),
            403,
            "access_denied",
            "not authorized",
        ),
    ];
    for (name, value, status, error, text) in cases {
        let answer = workspace.ask_with(&[(name, value.clone())]).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (status, &json!(error)),
            "{name} {value}"
        );
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.contains(text), "{name} {value}: {description}");
    }
    let form = [("grant_type", "client_credentials")];
    let answer = send(workspace.http.post(&workspace.google().token_uri).form(&form)).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn a_signature_is_verified() {
    let workspace = Workspace::start().await;
    let good = workspace.signed(&workspace.claims());
    assert_eq!(workspace.ask_token(&good).await.status, 200);
    let stranger = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let kid = &workspace.key["private_key_id"];
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    let forged = sign(&stranger, &header, &workspace.claims());
    let (head, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = forged.rsplit_once('.').unwrap();
    let mut claims = workspace.claims();
    claims["sub"] = json!("other@globex.example");
    let other = workspace.signed(&claims);
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    for bad in [
        forged.clone(),
        format!("{head}.{signature}"),
        format!("{head}.{other_signature}"),
        format!("{head}."),
    ] {
        let answer = workspace.ask_token(&bad).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_grant")));
        assert_eq!(answer.body["error_description"], "Invalid JWT Signature.");
    }
    let answer = workspace.ask_token("nonsense").await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn what_is_taken_away_is_told_apart() {
    let workspace = Workspace::start().await;
    for (what, status, error) in [
        ("consent", 401, "unauthorized_client"),
        ("scope", 403, "access_denied"),
        ("policy", 400, "admin_policy_enforced"),
        ("account", 401, "disabled_client"),
        ("secret", 400, "invalid_grant"),
    ] {
        workspace.tell("POST", "revoke", json!({"what": what})).await;
        let answer = workspace.ask_with(&[]).await;
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)), "{what}");
        assert_eq!(workspace.get(USERS).await.status, 200, "{what}: the old token is good");
        workspace.tell("POST", "grant", json!({"what": what})).await;
        assert_eq!(workspace.ask_with(&[]).await.status, 200, "{what}");
    }
    workspace.tell("POST", "expire", json!({"what": "secret"})).await;
    let answer = workspace.ask_with(&[]).await;
    assert_eq!(answer.body["error_description"], "Invalid JWT Signature.");
}

#[tokio::test]
async fn what_is_taken_away_from_the_api_shows_at_once() {
    let workspace = Workspace::start().await;
    for (what, expected) in
        [("role", "forbidden"), ("api", "accessNotConfigured"), ("domain", "domainCannotUseApis")]
    {
        workspace.tell("POST", "revoke", json!({"what": what})).await;
        let answer = workspace.get(USERS).await;
        assert_eq!((answer.status, reason(&answer)), (403, expected));
        assert_eq!(workspace.ask_with(&[]).await.status, 200, "{what}: tokens are issued still");
        workspace.tell("POST", "grant", json!({"what": what})).await;
        assert_eq!(workspace.get(USERS).await.status, 200);
    }
    workspace.tell("POST", "revoke", json!({"what": "api"})).await;
    let error = workspace.get(USERS).await.body["error"].clone();
    assert_eq!(error["status"], "PERMISSION_DENIED");
    assert_eq!(error["details"][0]["reason"], "SERVICE_DISABLED");
    assert!(error["message"].as_str().unwrap().contains("Enable it by visiting https://"));
}

#[tokio::test]
async fn tokens_are_bound_to_scopes() {
    let mut workspace = Workspace::start().await;
    let group = workspace.truth().await.group("All people").to_owned();
    let members = format!("groups/{group}/members?maxResults=1");
    let paths = [USERS, "groups?customer=my_customer", &members, "customer/my_customer/orgunits"];
    for (scope, allowed) in [
        ("admin.directory.user.readonly", [true, false, false, false]),
        ("admin.directory.group.readonly", [false, true, true, false]),
        ("admin.directory.group.member.readonly", [false, false, true, false]),
        ("admin.directory.orgunit.readonly", [false, false, false, true]),
    ] {
        workspace.log_in_with(&[("scope", json!(scopes(&[scope])))]).await;
        for (path, allowed) in paths.iter().zip(allowed) {
            let answer = workspace.get(path).await;
            assert_eq!(answer.status, if allowed { 200 } else { 403 }, "{scope} {path}");
            if !allowed {
                assert_eq!(reason(&answer), "insufficientPermissions");
                let details = &answer.body["error"]["details"][0];
                assert_eq!(details["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
            }
        }
    }
    workspace.log_in().await;
    let url = format!("{}/admin/directory/v1/users/x", workspace.google().api);
    let answer = send(workspace.http.delete(url).bearer_auth(workspace.token())).await;
    assert_eq!((answer.status, reason(&answer)), (403, "insufficientPermissions"));
}

#[tokio::test]
async fn the_subject_decides_what_may_be_read() {
    let mut workspace = Workspace::start().await;
    let boss = workspace
        .tell("POST", "users", json!({"login": "boss@globex.example", "admin": true}))
        .await["id"]
        .clone();
    let boss = format!("users/{}", boss.as_str().unwrap());
    workspace.new_user("plain@globex.example").await;

    workspace.log_in_with(&[("sub", json!("plain@globex.example"))]).await;
    let answer = workspace.get(USERS).await;
    assert_eq!((answer.status, reason(&answer)), (403, "forbidden"));
    assert_eq!(answer.body["error"]["message"], "Not Authorized to access this resource/api");
    let public = workspace.get(&format!("{USERS}&viewType=domain_public")).await;
    assert_eq!(public.status, 200);
    assert!(public.body["users"][0].get("suspended").is_none());

    workspace.log_in_with(&[("sub", Value::Null)]).await;
    let answer = workspace.get(USERS).await;
    assert_eq!((answer.status, reason(&answer)), (400, "invalid"), "nobody's customer");
    assert_eq!(workspace.get("groups?customer=my_customer").await.status, 403);

    workspace.log_in_with(&[("sub", json!("BOSS@globex.example"))]).await;
    assert_eq!(workspace.get(USERS).await.status, 200);
    workspace.tell("PATCH", &boss, json!({"admin": false})).await;
    assert_eq!(reason(&workspace.get(USERS).await), "forbidden");
    workspace.tell("PATCH", &boss, json!({"admin": true, "active": false})).await;
    let answer = workspace.get(USERS).await;
    assert_eq!((answer.status, reason(&answer)), (401, "authError"));
}

#[tokio::test]
async fn tokens_expire() {
    let mut workspace = Workspace::start().await;
    assert_eq!(workspace.get(USERS).await.status, 200);
    let url = format!("{}/admin/directory/v1/{USERS}", workspace.google().api);
    let answer = send(workspace.http.get(&url)).await;
    assert_eq!((answer.status, reason(&answer)), (401, "required"));
    let altered = workspace.token().replacen("ya29.A", "ya29.B", 1) + "A";
    let answer = send(workspace.http.get(&url).bearer_auth(altered)).await;
    assert_eq!((answer.status, reason(&answer)), (401, "authError"));
    assert_eq!(answer.body["error"]["status"], "UNAUTHENTICATED");
    workspace.tell("POST", "expire", json!({"what": "tokens"})).await;
    assert_eq!(reason(&workspace.get(USERS).await), "authError");
    workspace.log_in().await;
    assert_eq!(workspace.get(USERS).await.status, 200);
    workspace.advance(3_599).await;
    assert_eq!(workspace.get(USERS).await.status, 401);
    workspace.log_in().await;
    assert_eq!(workspace.get(USERS).await.status, 200, "the client's clock did not advance");
}
