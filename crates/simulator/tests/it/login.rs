//! The token endpoint and the documents beside it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::tenant::{Tenant, send};

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[tokio::test]
async fn a_good_secret_gets_a_token() {
    let tenant = Tenant::start().await;
    let answer = tenant.ask_token(&tenant.entra().tenant, &tenant.form()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3599);
    assert!(answer.body.get("refresh_token").is_none());
    let claims = claims(answer.body["access_token"].as_str().unwrap());
    assert_eq!(claims["tid"], tenant.entra().tenant);
    assert_eq!(claims["appid"], tenant.entra().client_id);
    assert_eq!(claims["roles"], json!(["User.Read.All", "GroupMember.Read.All"]));
    // A verified domain names the tenant as well as its id does, and the secret may come in Basic.
    let mut form = tenant.form();
    let secret = form.remove("client_secret").unwrap();
    let id = form.remove("client_id").unwrap();
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let url = format!("{}/contoso.example/oauth2/v2.0/token", tenant.entra().authority);
    let answer = send(tenant.http.post(url).basic_auth(id, Some(encoded)).form(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Fields of the form to set or, without a value, to leave out.
type Changes<'a> = &'a [(&'static str, Option<&'a str>)];

#[tokio::test]
async fn errors_are_those_of_the_vendors_table() {
    let tenant = Tenant::start().await;
    let own = tenant.entra().tenant.clone();
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    let cases: [(&str, Changes<'_>, u16, &str, u32); 12] = [
        (&own, &[("client_secret", Some("wrong"))], 401, "invalid_client", 7_000_215),
        (&own, &[("client_secret", None)], 401, "invalid_client", 7_000_218),
        (&own, &[("client_id", Some(elsewhere))], 400, "unauthorized_client", 700_016),
        (&own, &[("client_id", None)], 400, "invalid_request", 900_144),
        (&own, &[("grant_type", None)], 400, "invalid_request", 900_144),
        (&own, &[("scope", Some("a b"))], 400, "invalid_scope", 70_011),
        (&own, &[("scope", Some("User.Read"))], 400, "invalid_scope", 1_002_012),
        (&own, &[("scope", Some("https://x.example/.default"))], 400, "invalid_resource", 500_011),
        (elsewhere, &[], 400, "invalid_request", 90_002),
        ("other.example", &[], 400, "invalid_request", 90_002),
        ("no~tenant", &[], 400, "invalid_request", 900_023),
        ("common", &[], 400, "invalid_request", 50_194),
    ];
    for (named, changes, status, error, code) in cases {
        let mut form = tenant.form();
        for (name, value) in changes {
            form.remove(name);
            if let Some(value) = value {
                form.insert(name, (*value).to_owned());
            }
        }
        let answer = tenant.ask_token(named, &form).await;
        let body = &answer.body;
        assert_eq!((answer.status, body["error"].as_str()), (status, Some(error)), "{changes:?}");
        assert_eq!(body["error_codes"], json!([code]), "{changes:?}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        for field in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(body[field].is_string(), "{field}");
        }
    }
}

#[tokio::test]
async fn an_expired_secret_is_refused_until_it_is_granted_again() {
    let tenant = Tenant::start().await;
    let own = tenant.entra().tenant.clone();
    tenant.tell("POST", "expire", json!({"what": "secret"})).await;
    let answer = tenant.ask_token(&own, &tenant.form()).await;
    assert_eq!((answer.status, &answer.body["error_codes"]), (401, &json!([7_000_222])));
    tenant.tell("POST", "grant", json!({"what": "secret"})).await;
    assert_eq!(tenant.ask_token(&own, &tenant.form()).await.status, 200);
}

#[tokio::test]
async fn discovery_leads_to_the_token_endpoint_and_its_keys() {
    let tenant = Tenant::start().await;
    let entra = tenant.entra();
    let base = format!("{}/{}", entra.authority, entra.tenant);
    let url = format!("{base}/v2.0/.well-known/openid-configuration");
    let answer = send(tenant.http.get(url)).await;
    assert_eq!(answer.body["token_endpoint"], format!("{base}/oauth2/v2.0/token"));
    assert_eq!(answer.body["issuer"], format!("{base}/v2.0"));
    let keys = send(tenant.http.get(answer.body["jwks_uri"].as_str().unwrap())).await;
    assert_eq!(keys.body["keys"][0]["kty"], "RSA");
}

#[tokio::test]
async fn graph_wants_a_token_that_is_good() {
    let mut tenant = Tenant::start().await;
    let url = format!("{}/v1.0/users", tenant.entra().graph);
    let altered = tenant.token().replacen("eyJ", "eyK", 1);
    for token in [None, Some("nonsense"), Some(altered.as_str())] {
        let request = tenant.http.get(&url);
        let request = token.iter().fold(request, RequestBuilder::bearer_auth);
        let answer = send(request).await;
        assert_eq!((answer.status, answer.code()), (401, "InvalidAuthenticationToken"));
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
        assert!(answer.body["error"]["innerError"]["request-id"].is_string());
        assert_eq!(answer.header("request-id").len(), 36);
    }
    assert_eq!(tenant.get("users?$top=1").await.status, 200);
    tenant.tell("POST", "expire", json!({"what": "tokens"})).await;
    let answer = tenant.get("users?$top=1").await;
    assert_eq!((answer.status, answer.code()), (401, "InvalidAuthenticationToken"));
    assert!(answer.text.contains("Lifetime validation failed, the token is expired."));
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 200);
    tenant.advance(3_600).await;
    assert_eq!(tenant.get("users?$top=1").await.status, 401);
}

#[tokio::test]
async fn roles_decide_what_may_be_read() {
    let mut tenant = Tenant::start().await;
    let group = tenant.truth().await.group("Exactly one page").to_owned();
    let members = format!("groups/{group}/members?$select=id,displayName");
    let denied = |status: u16, code: &str| {
        (status, code.to_owned()) == (403, "Authorization_RequestDenied".to_owned())
    };

    tenant.tell("POST", "revoke", json!({"what": "consent"})).await;
    assert_eq!(tenant.get("users?$top=1").await.status, 200, "the old token keeps its roles");
    tenant.log_in().await;
    assert!(claims(tenant.token())["roles"].as_array().is_none_or(Vec::is_empty));
    for path in ["users?$top=1", "groups?$top=1", "users/delta", "groups/delta", &members] {
        let answer = tenant.get(path).await;
        assert!(denied(answer.status, answer.code()), "{path}: {}", answer.text);
    }
    tenant.tell("POST", "grant", json!({"what": "consent"})).await;

    tenant.tell("POST", "revoke", json!({"what": "scope"})).await;
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 403);
    assert_eq!(tenant.get("groups?$top=1").await.status, 200);
    let page = tenant.get(&members).await;
    assert!(page.rows().iter().all(|row| row["displayName"].is_null()), "types and ids only");
    tenant.tell("POST", "grant", json!({"what": "scope"})).await;

    tenant.tell("POST", "revoke", json!({"what": "role"})).await;
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 200);
    assert_eq!(tenant.get(&members).await.status, 403);
    tenant.tell("POST", "grant", json!({"what": "role"})).await;
    tenant.log_in().await;
    assert_eq!(tenant.get(&members).await.status, 200);
    assert_eq!(send(tenant.graph(Method::DELETE, "users")).await.status, 405);
}
