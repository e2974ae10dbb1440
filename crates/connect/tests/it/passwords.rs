//! Checks of passwords against simulated tenants: verdicts as they come about, and one request for each.

use connect::{ConnectError, Connector, Credential, PasswordCheck, PasswordVerdict as Verdict};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::tenant::{Tenant, id, now};

const ANN: &str = "ann@contoso.example";

async fn check(
    connector: &Connector,
    person: &str,
    login: &str,
    password: &str,
) -> Result<PasswordCheck, ConnectError> {
    connector.check_password(&id(person), login, &SecretString::from(password)).await
}

async fn verdict(connector: &Connector, person: &str, login: &str, password: &str) -> Verdict {
    check(connector, person, login, password).await.unwrap().verdict
}

/// Requests that the tenant got since it was last asked.
async fn requests(tenant: &Tenant) -> u64 {
    let counters = tenant.control("GET", "counters", Value::Null).await;
    tenant.control("DELETE", "counters", Value::Null).await;
    let by_route = counters["requests"].as_object().unwrap();
    by_route.values().map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_password_is_right_for_its_person_only() {
    let tenant = Tenant::with_roles(&["User.Read.All"]).await;
    let ann = tenant.new_user(ANN).await;
    let bob = tenant.new_user("bob@contoso.example").await;
    let (hers, his) = (format!("Passw0rd-{ann}"), format!("Passw0rd-{bob}"));
    let connector = tenant.connector();
    assert_eq!(verdict(&connector, &ann, ANN, &hers).await, Verdict::Right);
    assert_eq!(verdict(&connector, &ann, "Ann@Contoso.Example", &hers).await, Verdict::Right);
    assert_eq!(verdict(&connector, &ann, ANN, &his).await, Verdict::Wrong);
    assert_eq!(verdict(&connector, &ann, ANN, &format!("{hers} ")).await, Verdict::Wrong);
    assert_eq!(verdict(&connector, &ann, ANN, &format!(" {hers}")).await, Verdict::Wrong);
    assert_eq!(verdict(&connector, &ann, ANN, "ä+&=%20").await, Verdict::Wrong);
    let theirs = check(&connector, &bob, ANN, &hers).await.unwrap_err();
    assert_eq!(theirs.code(), Some("E-ROPC-OTHER"));
    // A login that changed hands: what was read is not true any more.
    tenant.control("PATCH", &format!("users/{ann}"), json!({"login": "eve@contoso.example"})).await;
    assert_eq!(verdict(&connector, &ann, ANN, &hers).await, Verdict::NoSuchPerson);
    tenant.control("PATCH", &format!("users/{bob}"), json!({"login": ANN})).await;
    assert_eq!(check(&connector, &ann, ANN, &his).await.unwrap_err().code(), Some("E-ROPC-OTHER"));
}

#[tokio::test]
async fn an_app_with_a_certificate_checks_passwords_too() {
    let tenant = Tenant::with_roles(&["User.Read.All"]).await;
    let ann = tenant.new_user(ANN).await;
    let made = Credential::entra(now()).unwrap();
    tenant.control("POST", "certificates", json!({"pem": made.public})).await;
    let connector = tenant.connector_with(&[("secret", made.secret.expose_secret())]).unwrap();
    assert_eq!(verdict(&connector, &ann, ANN, &format!("Passw0rd-{ann}")).await, Verdict::Right);
    assert_eq!(verdict(&connector, &ann, ANN, "wrong").await, Verdict::Wrong);
}

#[tokio::test]
async fn the_state_of_an_account_is_told() {
    let tenant = Tenant::with_roles(&["User.Read.All"]).await;
    let ann = tenant.new_user(ANN).await;
    let right = format!("Passw0rd-{ann}");
    let connector = tenant.connector();
    for (change, expected) in [
        (json!({"active": false}), Verdict::Disabled),
        (json!({"active": true, "guest": true}), Verdict::NotCheckable),
        (json!({"guest": false}), Verdict::Right),
    ] {
        tenant.control("PATCH", &format!("users/{ann}"), change).await;
        assert_eq!(verdict(&connector, &ann, ANN, &right).await, expected);
    }
    for number in 0..10 {
        let wrong = format!("wrong {number}");
        assert_eq!(verdict(&connector, &ann, ANN, &wrong).await, Verdict::Wrong);
    }
    assert_eq!(verdict(&connector, &ann, ANN, &right).await, Verdict::Locked);
    tenant.control("DELETE", &format!("users/{ann}"), Value::Null).await;
    assert_eq!(verdict(&connector, &ann, ANN, &right).await, Verdict::NoSuchPerson);
}

fn tells_no_secret(told: &Result<PasswordCheck, ConnectError>, password: &str) {
    let shown = match told {
        Ok(check) => format!("{check:?} {check}"),
        Err(error) => format!("{error:?} {error}"),
    };
    assert!(!shown.contains(password) && !shown.contains("eyJ"), "{shown}");
}

#[tokio::test]
async fn one_request_is_sent_whatever_comes_of_it() {
    let tenant = Tenant::with_roles(&["User.Read.All"]).await;
    let ann = tenant.new_user(ANN).await;
    let right = format!("Passw0rd-{ann}");
    let connector = tenant.connector();
    requests(&tenant).await;
    let status = |status: u16| json!({"route": "/token", "kind": "status", "status": status});
    let kind = |kind: &str| json!({"route": "/token", "kind": kind});
    for fault in [
        status(500),
        status(429),
        status(400),
        kind("truncate"),
        kind("reset"),
        kind("html"),
        kind("invalid_json"),
    ] {
        tenant.faults(json!([fault])).await;
        for (before, password) in [(0, right.as_str()), (1, "wrong")] {
            let told = check(&connector, &ann, ANN, password).await;
            tells_no_secret(&told, &right);
            let hits = tenant.control("GET", "faults", Value::Null).await[0]["hits"].clone();
            assert_eq!(hits, before + 1, "{fault} {told:?}");
        }
        tenant.control("DELETE", "faults", Value::Null).await;
    }
    requests(&tenant).await;
    for password in [&right, "wrong"] {
        tells_no_secret(&check(&connector, &ann, ANN, password).await, &right);
        assert_eq!(requests(&tenant).await, 1);
    }
    assert_eq!(verdict(&connector, &ann, ANN, "").await, Verdict::Wrong);
    assert_eq!(requests(&tenant).await, 0, "an empty password is no question");
}

#[tokio::test]
async fn okta_checks_passwords_by_its_own_api() {
    let tenant = Tenant::okta().await;
    let login = "ann@initech.example";
    let ann = tenant.new_user(login).await;
    let bob = tenant.new_user("bob@initech.example").await;
    let right = format!("Passw0rd-{ann}");
    let connector = tenant.connector();
    let other = check(&connector, &bob, login, &right).await.unwrap_err().to_string();
    assert!(other.contains("somebody else"), "{other}");
    for (status, expected) in [
        ("ACTIVE", Verdict::Right),
        ("PASSWORD_EXPIRED", Verdict::Expired),
        ("RECOVERY", Verdict::Expired),
        ("LOCKED_OUT", Verdict::Locked),
        // Okta does not say why.
        ("SUSPENDED", Verdict::Wrong),
    ] {
        tenant.control("PATCH", &format!("users/{ann}"), json!({"status": status})).await;
        tenant.control("POST", "clock", json!({"advance_s": 1})).await;
        requests(&tenant).await;
        assert_eq!(verdict(&connector, &ann, login, &right).await, expected, "{status}");
        assert_eq!(verdict(&connector, &ann, login, "wrong").await, Verdict::Wrong);
        assert_eq!(requests(&tenant).await, 2);
    }
    for (reason, status, code) in
        [("E0000047", 429, Some("O-RATE")), ("E0000010", 503, Some("O-MAINT"))]
    {
        let fault =
            json!([{"route": "/authn", "kind": "status", "status": status, "reason": reason}]);
        tenant.faults(fault).await;
        let error = check(&connector, &ann, login, &right).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("not judged"), "{error}");
        assert_eq!(requests(&tenant).await, 1);
        tenant.control("DELETE", "faults", Value::Null).await;
    }
}

#[tokio::test]
async fn google_has_no_password_check() {
    let tenant = Tenant::google().await;
    let error = check(&tenant.connector(), "1", "ann@globex.example", "x").await.unwrap_err();
    assert!(error.to_string().starts_with("Google has no password check"), "{error}");
}
