//! D3: Okta.

use serde_json::json;
use simulator::Provider::Okta;

use super::{
    Case,
    Cause::{Fault, Options, Revoked, Setting},
    case,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = app();
    cases.extend(proof());
    cases.extend(token());
    cases.extend(organisation());
    cases
}

/// The check reads with the API token.
fn with_token(case: Case) -> Case {
    case.and(Setting("client_id", "")).and(Setting("key_id", "")).and(Setting("secret", "{token}"))
}

/// A fault of the token endpoint: an OAuth error of this name.
fn refusal(error: &str, status: u16) -> super::Cause {
    Fault(json!({"route": "oauth2/v1/token", "kind": "status", "status": status, "reason": error,
        "times": 1_000}))
}

fn app() -> Vec<Case> {
    let no_logs = |options: &mut simulator::Options| {
        options.okta_scopes.retain(|scope| scope != "okta.groups.read");
    };
    vec![
        case(Okta, "O-CLIENT", Setting("client_id", "0oanobody"), &["0oanobody"]),
        case(Okta, "O-KEY", Setting("key_id", "another-key"), &["public JWK", "active"]),
        case(Okta, "O-KEY", Revoked("key"), &["public JWK", "active"]),
        case(Okta, "O-KEY", Setting("secret", "00not-a-key"), &["not a private key"]),
        case(Okta, "O-AUTHMETHOD", Revoked("method"), &["Public key / Private key"]),
        case(Okta, "O-APPTYPE", Revoked("app_type"), &["API Services"]),
        case(Okta, "O-SCOPE", Revoked("consent"), &["Okta API Scopes", "okta.users.read"]),
        case(Okta, "O-SCOPE", Options(no_logs), &["Okta API Scopes", "okta.groups.read"]),
        case(Okta, "O-AUD", refusal("audience", 401), &["address"]),
        // A clock that is wrong is heard of beforehand, and allowed for; unless the answers' times are wrong as well.
        case(Okta, "O-CLOCK", refusal("expired", 401), &["NTP"]),
    ]
}

/// Proofs of possession; where all is well the check says nothing of them.
fn proof() -> Vec<Case> {
    vec![
        case(
            Okta,
            "O-DPOP",
            refusal("invalid_dpop_proof", 400),
            &["Demonstrating Proof of Possession"],
        ),
        case(Okta, "O-NONCE", refusal("use_dpop_nonce", 400), &["DPoP", "clock"]),
    ]
}

fn token() -> Vec<Case> {
    vec![
        with_token(case(Okta, "O-TOKEN", Revoked("token"), &["API > Tokens"])),
        with_token(case(Okta, "O-ZONE", Revoked("zone"), &["zone"])),
        with_token(case(Okta, "O-ROLE", Revoked("role"), &["Read-only Administrator"])),
        case(Okta, "O-ROLE", Revoked("role"), &["Read-only Administrator"]),
        case(Okta, "O-ROLE", Revoked("resources"), &["no users", "Read-only Administrator"]),
        case(Okta, "O-ZONE", Revoked("zone"), &["zone"]),
    ]
}

fn organisation() -> Vec<Case> {
    let failing = |route: &str, status: u16, reason: &str| {
        Fault(json!({"route": route, "kind": "status", "status": status, "reason": reason,
            "retry_after_s": 0, "times": 1_000}))
    };
    vec![
        case(Okta, "O-URL", Setting("url", "{url}/nowhere"), &["organisation"]),
        case(
            Okta,
            "O-ADMINHOST",
            Setting("url", "https://example-admin.okta.com"),
            &["https://example.okta.com"],
        ),
        case(Okta, "O-MAINT", Revoked("availability"), &["maintenance"]),
        case(Okta, "O-FEATURE", Revoked("feature"), &["Okta"]),
        case(Okta, "O-RATE", failing("api/v1/users", 429, "E0000047"), &["limit"]),
        case(Okta, "O-CONC", failing("api/v1/users", 429, "concurrency"), &["at one time"]),
        case(
            Okta,
            "O-INSUFF",
            failing("api/v1/users", 403, "insufficient_scope"),
            &["Okta API Scopes > Grant"],
        ),
    ]
}
