//! What the app may do and what becomes of it: words of control, permissions, consent, assignments, kinds of tenant.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::{HiddenMembers, Options, TenantKind};

use crate::tenant::{Tenant, ids, send, text};

#[tokio::test]
async fn what_is_taken_from_an_app_has_its_number() {
    let tenant = Tenant::start().await;
    let own = tenant.entra().tenant.clone();
    for (what, status, code) in [
        ("account", 400, 7_000_112),
        ("existence", 400, 700_016),
        ("cloud", 400, 90_038),
        ("confidential", 401, 700_025),
        ("policy", 400, 53_003),
        ("secret", 401, 7_000_222),
    ] {
        tenant.tell("POST", "revoke", json!({"what": what})).await;
        let answer = tenant.ask_token(&own, &tenant.form()).await;
        assert_eq!(
            (answer.status, &answer.body["error_codes"]),
            (status, &json!([code])),
            "{what}"
        );
        tenant.tell("POST", "grant", json!({"what": what})).await;
        assert_eq!(tenant.ask_token(&own, &tenant.form()).await.status, 200, "{what}");
    }
    for (code, status, error) in [
        (50_012, 400, "invalid_client"),
        (65_001, 400, "invalid_grant"),
        (90_055, 429, "temporarily_unavailable"),
        (90_002, 400, "invalid_tenant"),
        (900_382, 400, "invalid_request"),
    ] {
        let reason = code.to_string();
        tenant.fault(json!({"route": "/token", "kind": "status", "status": status, "reason": reason, "times": 1})).await;
        let answer = tenant.ask_token(&own, &tenant.form()).await;
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)));
        assert_eq!(answer.body["error_codes"], json!([code]));
    }
}

#[tokio::test]
async fn delegated_permissions_are_not_in_the_token() {
    let mut tenant = Tenant::start().await;
    tenant.tell("POST", "revoke", json!({"what": "application"})).await;
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 403);
    tenant.tell("POST", "grant", json!({"what": "application"})).await;
    tenant.tell("POST", "roles", json!({"roles": ["User.Read.All"]})).await;
    tenant.log_in().await;
    assert_eq!(tenant.get("users?$top=1").await.status, 200);
    assert_eq!(tenant.get("groups?$top=1").await.status, 403);
}

#[tokio::test]
async fn consent_is_given_cancelled_or_not_possible() {
    let tenant = Tenant::start().await;
    let entra = tenant.entra();
    tenant.tell("POST", "redirects", json!({"uri": "https://sync.example.org/consented"})).await;
    let page = async |version: &str, redirect: &str| {
        let url = format!("{}/{}{version}/adminconsent", entra.authority, entra.tenant);
        let query = [
            ("client_id", entra.client_id.as_str()),
            ("redirect_uri", redirect),
            ("state", "a b&c"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        send(tenant.http.get(url).query(&query)).await
    };
    let good = "https://sync.example.org/consented";
    let elsewhere = page("", "https://evil.example/").await;
    assert!(elsewhere.text.contains("AADSTS50011") && elsewhere.header("location").is_empty());
    tenant.tell("POST", "revoke", json!({"what": "consent"})).await;
    for (answer, expected) in [
        ("cancel", "state=a+b%26c&error=permission_denied&error_description=The+admin+canceled+the+request".to_owned()),
        ("accept", format!("state=a+b%26c&tenant={}&admin_consent=True", entra.tenant)),
    ] {
        tenant.tell("POST", "consent", json!({"answer": answer})).await;
        let sent = page("", good).await;
        assert_eq!((sent.status, sent.header("location")), (302, format!("{good}?{expected}").as_str()));
    }
    assert!(page("/v2.0", good).await.header("location").contains("&scope="));
    let mut again = tenant;
    again.log_in().await;
    assert_eq!(again.get("users?$top=1").await.status, 200, "consent was given");
    again.tell("POST", "consent", json!({"answer": "powerless"})).await;
    let url = format!("{}/contoso.example/adminconsent", again.entra().authority);
    let query = [("client_id", again.entra().client_id.as_str()), ("redirect_uri", good)];
    let sent = send(again.http.get(url).query(&query)).await;
    assert!(sent.text.contains("AADSTS90094") && sent.text.contains("Need admin approval"));
}

#[tokio::test]
async fn who_is_assigned_to_an_app_can_be_read() {
    let mut options = Tenant::options();
    options.entra_roles.push("Application.Read.All".to_owned());
    let tenant = Tenant::with(options).await;
    let app = tenant.entra().client_id.clone();
    let key = format!("servicePrincipals(appId='{app}')");
    let principal = tenant.get(&key).await;
    assert_eq!((principal.status, &principal.body["appId"]), (200, &json!(app)));
    let by_id = format!("servicePrincipals/{}/appRoleAssignedTo", text(&principal.body["id"]));
    assert!(tenant.get(&by_id).await.rows().is_empty());
    let (ann, ben) = (
        tenant.new_user("ann@contoso.example").await,
        tenant.new_user("ben@contoso.example").await,
    );
    let team = tenant.new_group("Team").await;
    for path in [format!("users/{ann}"), format!("users/{ben}"), format!("groups/{team}")] {
        let done = tenant.tell("PUT", &format!("apps/{app}/{path}"), Value::Null).await;
        assert_eq!(done["changed"], true);
    }
    let rows = tenant.all(&format!("{key}/appRoleAssignedTo?$top=2")).await;
    let kinds: BTreeSet<(String, String)> =
        rows.iter().map(|row| (text(&row["principalType"]), text(&row["principalId"]))).collect();
    let user = |id: &String| ("User".to_owned(), id.clone());
    assert_eq!(kinds, BTreeSet::from([user(&ann), user(&ben), ("Group".to_owned(), team.clone())]));
    assert_eq!(ids(&rows).len(), 3, "each assignment has an id");
    let one = tenant.get(&format!("{by_id}?$select=principalId")).await;
    assert_eq!(one.rows()[0].as_object().unwrap().len(), 1);
    assert_eq!(tenant.get(&format!("{by_id}?$select=colour")).await.status, 400);
    tenant.tell("DELETE", &format!("apps/{app}/users/{ann}"), Value::Null).await;
    tenant.tell("DELETE", &format!("users/{ben}"), Value::Null).await;
    assert_eq!(tenant.get(&by_id).await.rows().len(), 1);
    let nobody = "servicePrincipals(appId='11111111-2222-4333-8444-555555555555')";
    assert_eq!(tenant.get(nobody).await.status, 404);
    let other = "11111111-2222-4333-8444-555555555555";
    tenant.tell("PUT", &format!("apps/{other}/groups/{team}"), Value::Null).await;
    assert_eq!(tenant.get(nobody).await.status, 200);
    let plain = Tenant::start().await;
    let answer =
        plain.get(&format!("servicePrincipals(appId='{}')", plain.entra().client_id)).await;
    assert_eq!((answer.status, answer.code()), (403, "Authorization_RequestDenied"));
}

#[tokio::test]
async fn groups_may_hide_their_members() {
    for (setting, status) in [(HiddenMembers::Refused, 403), (HiddenMembers::Empty, 200)] {
        let options = Options { entra_hidden_members: setting, ..Tenant::options() };
        let mut tenant = Tenant::with(options).await;
        let (_, link) =
            tenant.round("groups/delta?$select=id,visibility,members&$deltatoken=latest").await;
        let made = tenant.tell("POST", "groups", json!({"name": "Secret", "hidden": true})).await;
        let group = text(&made["id"]);
        let ann = tenant.new_user("ann@contoso.example").await;
        tenant.tell("PUT", &format!("groups/{group}/users/{ann}"), Value::Null).await;
        let shown = tenant.get(&format!("groups/{group}?$select=visibility")).await;
        assert_eq!(shown.body["visibility"], "HiddenMembership");
        let members = format!("groups/{group}/members");
        let answer = tenant.get(&members).await;
        assert_eq!(answer.status, status);
        assert!(status == 403 || answer.rows().is_empty());
        let of = format!("users/{ann}/memberOf");
        assert!(tenant.get(&of).await.rows().is_empty());
        let check = (format!("users/{ann}/checkMemberGroups"), json!({"groupIds": [group]}));
        assert!(tenant.post(&check.0, &check.1).await.rows().is_empty());
        let (rows, _) = tenant.round(&link).await;
        let row = rows.iter().find(|row| row["id"] == group).unwrap();
        assert!(row.get("members@delta").is_none(), "{row}");
        let roles = ["User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"];
        tenant.tell("POST", "roles", json!({"roles": roles})).await;
        tenant.log_in().await;
        assert_eq!(tenant.get(&members).await.rows().len(), 1);
        assert_eq!(tenant.get(&of).await.rows().len(), 1);
        assert_eq!(tenant.post(&check.0, &check.1).await.rows().len(), 1);
        let (rows, _) = tenant.round(&link).await;
        let row = rows.iter().find(|row| row["id"] == group).unwrap();
        assert_eq!(row["members@delta"][0]["id"], ann);
    }
}

#[tokio::test]
async fn tenants_for_customers_have_no_lists_of_changes() {
    for (kind, status, code) in [
        (TenantKind::B2c, 400, "Request_UnsupportedQuery"),
        (TenantKind::External, 501, "NotImplemented"),
    ] {
        let tenant = Tenant::with(Options { entra_tenant: kind, ..Tenant::options() }).await;
        for path in ["users/delta", "groups/delta?$deltatoken=latest"] {
            let answer = tenant.get(path).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{path}");
        }
        assert_eq!(tenant.get("users?$top=1").await.status, 200);
    }
    let tenant = Tenant::start().await;
    tenant.tell("POST", "revoke", json!({"what": "delta"})).await;
    assert_eq!(tenant.get("users/delta").await.status, 400);
}

#[tokio::test]
async fn what_is_between_client_and_vendor_can_be_met() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "status", "status": 407, "times": 1})).await;
    let answer = tenant.get("users").await;
    assert_eq!(
        (answer.status, answer.header("proxy-authenticate")),
        (407, "Basic realm=\"proxy\"")
    );
    tenant.fault(json!({"route": "users", "kind": "html", "status": 403, "times": 1})).await;
    let answer = tenant.get("users").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.starts_with("<!DOCTYPE html>"));
    let untrusted = &tenant.running.description().untrusted;
    let refused = tenant.http.get(format!("{untrusted}/entra/login/x")).send().await;
    assert!(refused.unwrap_err().is_connect());
    // Whoever takes the certificate, or comes through a proxy that opens TLS, is led on by https.
    #[expect(clippy::disallowed_methods, reason = "a client of its own, that trusts anybody")]
    let trusting =
        reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let document = |base: &str| {
        format!(
            "{base}/entra/login/{}/v2.0/.well-known/openid-configuration",
            tenant.entra().tenant
        )
    };
    let answer = send(trusting.get(document(untrusted))).await;
    assert!(text(&answer.body["token_endpoint"]).starts_with(untrusted), "{}", answer.text);
    let plain = tenant.http.get(document(tenant.running.url()));
    let answer = send(plain.header("X-Forwarded-Proto", "https")).await;
    assert!(text(&answer.body["token_endpoint"]).starts_with("https://127.0.0.1:"));
    for (reason, status, code) in [
        ("InvalidAudience", 401, "InvalidAuthenticationToken"),
        ("Request_ThrottledTemporarily", 503, "Request_ThrottledTemporarily"),
        ("syncStateNotFound", 410, "syncStateNotFound"),
    ] {
        tenant.fault(json!({"route": "users", "kind": "status", "status": status, "reason": reason, "times": 1})).await;
        let answer = tenant.get("users").await;
        assert_eq!((answer.status, answer.code()), (status, code));
    }
}
