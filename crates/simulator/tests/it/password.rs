//! Entra's grant that checks a password (A5): tokens, refusals, what an account's state hides and shows, and locks.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::tenant::{Answer, Tenant, send, text};

const LOGIN: &str = "ann@contoso.example";

/// A tenant with one person more, and that person's id.
async fn with_ann() -> (Tenant, String) {
    let tenant = Tenant::start().await;
    let ann = tenant.new_user(LOGIN).await;
    (tenant, ann)
}

fn form(tenant: &Tenant, login: &str, password: &str) -> BTreeMap<&'static str, String> {
    let mut form = tenant.form();
    form.insert("grant_type", "password".to_owned());
    form.insert("scope", "openid profile".to_owned());
    form.insert("username", login.to_owned());
    form.insert("password", password.to_owned());
    form
}

async fn check(tenant: &Tenant, login: &str, password: &str) -> Answer {
    tenant.ask_token(&tenant.entra().tenant, &form(tenant, login, password)).await
}

/// Status, error and number of a refusal.
fn refusal(answer: &Answer) -> (u16, String, u64) {
    let code = answer.body["error_codes"][0].as_u64().unwrap_or_default();
    let description = answer.body["error_description"].as_str().unwrap_or_default();
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{}", answer.text);
    (answer.status, text(&answer.body["error"]), code)
}

fn grant(code: u64) -> (u16, String, u64) {
    (400, "invalid_grant".to_owned(), code)
}

/// The claims of a token that the tenant's published key signed.
async fn verified(tenant: &Tenant, token: &str) -> Value {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, body) = message.split_once('.').unwrap();
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&decoded(part)).unwrap() };
    let entra = tenant.entra();
    let url = format!("{}/{}/discovery/v2.0/keys", entra.authority, entra.tenant);
    let keys = send(tenant.http.get(url)).await;
    let header = read(header);
    assert_eq!(header["alg"], "RS256");
    let keys = keys.body["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let part = |name: &str| decoded(key[name].as_str().unwrap());
    let public = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    let good = public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decoded(signature));
    assert!(good.is_ok(), "the key that is published signs");
    read(body)
}

#[tokio::test]
async fn the_right_password_gets_a_persons_tokens() {
    let (mut tenant, ann) = with_ann().await;
    let answer = check(&tenant, "ANN@contoso.example", &format!("Passw0rd-{ann}")).await;
    assert_eq!((answer.status, &answer.body["scope"]), (200, &json!("openid profile")));
    assert!(answer.body.get("refresh_token").is_none());
    let entra = tenant.entra().clone();
    let id = verified(&tenant, answer.body["id_token"].as_str().unwrap()).await;
    let access = verified(&tenant, answer.body["access_token"].as_str().unwrap()).await;
    assert_eq!(id["iss"], format!("{}/{}/v2.0", entra.authority, entra.tenant));
    assert_eq!(id["aud"], entra.client_id);
    assert_eq!(id["preferred_username"], LOGIN);
    assert_eq!(access["upn"], LOGIN);
    assert_eq!(access["scp"], "openid profile");
    assert!(access.get("roles").is_none(), "what the application may is not the person's");
    for claims in [&id, &access] {
        assert_eq!((&claims["oid"], &claims["tid"]), (&json!(ann), &json!(entra.tenant)));
    }
    assert!(id["sub"].is_string() && id["sub"] != access["sub"] && id["sub"] != id["oid"]);
    // Neither lets anybody read the directory.
    let url = format!("{}/v1.0/users?$top=1", entra.graph);
    let read = async |token: &str| send(tenant.http.get(&url).bearer_auth(token)).await.status;
    assert_eq!(read(answer.body["access_token"].as_str().unwrap()).await, 403);
    assert_eq!(read(answer.body["id_token"].as_str().unwrap()).await, 401);
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 200, "the application's own token can");
}

#[tokio::test]
async fn tokens_have_what_was_asked_for() {
    let (tenant, ann) = with_ann().await;
    let own = tenant.entra().tenant.clone();
    let graph = "https://graph.microsoft.com";
    let everything = "openid profile email User.Read";
    for (scope, granted) in [
        ("openid", "openid"),
        ("openid profile offline_access", "openid profile"),
        ("User.Read", "User.Read"),
        (&format!("{graph}/User.Read openid"), "User.Read openid"),
        (&format!("{graph}/.default"), everything),
    ] {
        let mut form = form(&tenant, LOGIN, &format!("Passw0rd-{ann}"));
        form.insert("scope", scope.to_owned());
        let answer = tenant.ask_token(&own, &form).await;
        assert_eq!((answer.status, &answer.body["scope"]), (200, &json!(granted)), "{scope}");
        let token = answer.body["id_token"].as_str();
        assert_eq!(token.is_some(), granted.contains("openid"), "{scope}");
        let Some(token) = token else { continue };
        let id = verified(&tenant, token).await;
        assert!(id["sub"].is_string(), "{scope}");
        for claim in ["oid", "name", "preferred_username"] {
            assert_eq!(id.get(claim).is_some(), granted.contains("profile"), "{scope}: {claim}");
        }
    }
}

/// Fields of the form to set or, without a value, to leave out.
type Changes<'a> = &'a [(&'static str, Option<&'a str>)];

#[tokio::test]
async fn requests_are_refused_as_by_the_vendor() {
    let (tenant, ann) = with_ann().await;
    let own = tenant.entra().tenant.clone();
    let right = format!("Passw0rd-{ann}");
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    let mixed = "https://graph.microsoft.com/.default User.Read";
    let invalid = "invalid_request";
    let cases: [(&str, Changes<'_>, u16, &str, u64); 18] = [
        ("common", &[], 400, invalid, 9_001_023),
        ("consumers", &[], 400, invalid, 9_001_023),
        ("organizations", &[], 400, invalid, 50_194),
        ("other.example", &[], 400, invalid, 90_002),
        (&own, &[("client_secret", Some("wrong"))], 401, "invalid_client", 7_000_215),
        (&own, &[("client_secret", None)], 401, "invalid_client", 7_000_218),
        (&own, &[("client_id", Some(elsewhere))], 400, "unauthorized_client", 700_016),
        (&own, &[("username", None)], 400, invalid, 900_144),
        (&own, &[("password", None)], 400, invalid, 900_144),
        (&own, &[("password", Some(""))], 400, invalid, 900_144),
        (&own, &[("scope", None)], 400, invalid, 900_144),
        (&own, &[("scope", Some("openid Fly.High"))], 400, "invalid_scope", 70_011),
        (&own, &[("scope", Some(mixed))], 400, "invalid_scope", 70_011),
        (&own, &[("scope", Some("https://x.example/Read"))], 400, "invalid_resource", 500_011),
        (&own, &[("scope", Some("openid User.Read.All"))], 400, "invalid_grant", 65_001),
        (&own, &[("username", Some("bob@contoso.example"))], 400, "invalid_grant", 50_034),
        (&own, &[("password", Some("wrong"))], 400, "invalid_grant", 50_126),
        // Passwords are taken as they are.
        (&own, &[("password", Some(&format!(" {right}")))], 400, "invalid_grant", 50_126),
    ];
    for (named, changes, status, error, code) in cases {
        let mut form = form(&tenant, LOGIN, &right);
        for (name, value) in changes {
            form.remove(name);
            if let Some(value) = value {
                form.insert(name, (*value).to_owned());
            }
        }
        let answer = tenant.ask_token(named, &form).await;
        assert_eq!(refusal(&answer), (status, error.to_owned(), code), "{named} {changes:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_account_takes_the_right_password_to_learn() {
    let (tenant, ann) = with_ann().await;
    let right = format!("Passw0rd-{ann}");
    let only_with_it = [
        50_055, 50_144, 50_057, 50_072, 50_074, 50_076, 50_079, 50_158, 53_000, 53_003, 530_032,
        50_135, 65_001,
    ];
    let anyway = [50_053, 50_056, 50_196, 80_001, 80_007, 80_014];
    for (code, told) in
        only_with_it.map(|code| (code, false)).into_iter().chain(anyway.map(|code| (code, true)))
    {
        tenant.tell("POST", "passwords", json!({"login": LOGIN, "code": code})).await;
        let (status, _, said) = refusal(&check(&tenant, LOGIN, &right).await);
        assert_eq!((status, said), (400, code));
        let (.., said) = refusal(&check(&tenant, LOGIN, "wrong").await);
        assert_eq!(said, if told { code } else { 50_126 });
    }
    for (code, error) in [(50_076, "invalid_grant"), (50_158, "interaction_required")] {
        tenant.tell("POST", "passwords", json!({"login": LOGIN, "code": code})).await;
        assert_eq!(check(&tenant, LOGIN, &right).await.body["error"], error);
    }
    tenant.tell("POST", "passwords", json!({"login": LOGIN})).await;
    assert_eq!(check(&tenant, LOGIN, &right).await.status, 200);
    for (body, status) in [
        (json!({"login": LOGIN, "code": 7_000_215}), 400),
        (json!({"login": "bob@contoso.example", "code": 50_076}), 404),
        (json!({"code": 50_076}), 400),
    ] {
        assert_eq!(tenant.control("POST", "passwords", &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_disabled_the_deleted_and_guests_get_nothing() {
    let (tenant, ann) = with_ann().await;
    let right = format!("Passw0rd-{ann}");
    let path = format!("users/{ann}");
    tenant.tell("PATCH", &path, json!({"active": false})).await;
    assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(50_057));
    assert_eq!(refusal(&check(&tenant, LOGIN, "wrong").await), grant(50_126));
    tenant.tell("PATCH", &path, json!({"active": true, "guest": true})).await;
    assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(50_056));
    tenant.tell("PATCH", &path, json!({"guest": false, "email": "ann@mail.example"})).await;
    assert_eq!(refusal(&check(&tenant, "ann@mail.example", &right).await), grant(50_034));
    tenant.tell("DELETE", &path, Value::Null).await;
    assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(50_034));
}

#[tokio::test]
async fn what_the_application_lost_is_told_after_the_password() {
    let (tenant, ann) = with_ann().await;
    let right = format!("Passw0rd-{ann}");
    for (what, code) in [("consent", 65_001), ("policy", 53_003)] {
        tenant.tell("POST", "revoke", json!({"what": what})).await;
        assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(code));
        assert_eq!(refusal(&check(&tenant, LOGIN, "wrong").await), grant(50_126));
        tenant.tell("POST", "grant", json!({"what": what})).await;
    }
    // A public client asks without a credential, and must.
    tenant.tell("POST", "revoke", json!({"what": "confidential"})).await;
    let (status, _, code) = refusal(&check(&tenant, LOGIN, &right).await);
    assert_eq!((status, code), (401, 700_025));
    let mut bare = form(&tenant, LOGIN, &right);
    bare.remove("client_secret");
    assert_eq!(tenant.ask_token(&tenant.entra().tenant, &bare).await.status, 200);
}

#[tokio::test]
async fn wrong_passwords_lock_an_account_for_a_while() {
    let (tenant, ann) = with_ann().await;
    let right = format!("Passw0rd-{ann}");
    for _ in 0..20 {
        assert_eq!(refusal(&check(&tenant, LOGIN, "the same").await), grant(50_126));
    }
    assert_eq!(check(&tenant, LOGIN, &right).await.status, 200, "repetitions do not count");
    let wrong = async |number: u32| check(&tenant, LOGIN, &format!("wrong {number}")).await;
    for number in 0..10 {
        assert_eq!(refusal(&wrong(number).await), grant(50_126));
    }
    assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(50_053));
    tenant.advance(61).await;
    assert_eq!(refusal(&wrong(10).await), grant(50_126));
    tenant.advance(61).await;
    assert_eq!(refusal(&check(&tenant, LOGIN, &right).await), grant(50_053), "longer now");
    tenant.advance(61).await;
    assert_eq!(check(&tenant, LOGIN, &right).await.status, 200);
    assert_eq!(refusal(&wrong(11).await), grant(50_126));
    assert_eq!(check(&tenant, LOGIN, &right).await.status, 200, "counted from the start");
    for number in 20..30 {
        wrong(number).await;
    }
    tenant.tell("DELETE", "passwords", Value::Null).await;
    assert_eq!(check(&tenant, LOGIN, &right).await.status, 200);
}

#[tokio::test]
async fn who_checks_a_password_is_told_first() {
    let tenant = Tenant::start().await;
    for (login, kind) in [
        (LOGIN, "Managed"),
        ("x@CONTOSO.onmicrosoft.com", "Managed"),
        ("x@elsewhere.example", "Unknown"),
    ] {
        let url = format!("{}/common/userrealm/{login}?api-version=1.0", tenant.entra().authority);
        let answer = send(tenant.http.get(url)).await;
        assert_eq!((answer.status, &answer.body["account_type"]), (200, &json!(kind)), "{login}");
    }
}
