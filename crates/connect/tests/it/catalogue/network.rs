//! D0: what can be between us and any provider.

use serde_json::json;
use simulator::Provider::{Entra, Google};

use super::{
    Case,
    Cause::{Fault, Setting, Told},
    case,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = unreachable();
    cases.extend(refusing());
    cases.extend(troubled());
    cases
}

fn unreachable() -> Vec<Case> {
    vec![
        case(
            Entra,
            "N-DNS",
            Setting("authority", "https://login.invalid"),
            &["login.invalid", "DNS"],
        ),
        case(
            Google,
            "N-DNS",
            Setting("token_uri", "https://oauth2.invalid/token"),
            &["oauth2.invalid"],
        ),
        case(
            Entra,
            "N-CONN",
            Setting("authority", "http://127.0.0.1:1"),
            &["127.0.0.1:1", "firewall"],
        ),
        case(Google, "N-CONN", Setting("api", "http://127.0.0.1:1"), &["127.0.0.1:1", "firewall"]),
        case(
            Entra,
            "N-TLS",
            Setting("authority", "{untrusted}/entra/login"),
            &["not trusted", "add its CA"],
        ),
        case(
            Google,
            "N-TLS",
            Setting("api", "{untrusted}/google/api"),
            &["not trusted", "add its CA"],
        ),
    ]
}

fn refusing() -> Vec<Case> {
    let proxy = |route: &str| Fault(json!({"route": route, "kind": "status", "status": 407}));
    let page = |route: &str| Fault(json!({"route": route, "kind": "html", "status": 403}));
    let portal = |route: &str| Fault(json!({"route": route, "kind": "html"}));
    vec![
        case(Entra, "N-PROXY", proxy("openid-configuration"), &["407", "allow-list"]),
        case(Entra, "N-PROXY", proxy("/token"), &["407", "allow-list"]),
        case(Entra, "N-PROXY", page("v1.0/users"), &["403", "allow-list"]),
        case(Google, "N-PROXY", proxy("/token"), &["407", "allow-list"]),
        case(Google, "N-PROXY", page("v1/users"), &["403", "allow-list"]),
        case(Entra, "N-HTML", portal("openid-configuration"), &["captive portal"]),
        case(Entra, "N-HTML", portal("v1.0/groups"), &["captive portal", "Graph"]),
        case(Google, "N-HTML", portal("v1/groups"), &["captive portal", "Google"]),
    ]
}

fn troubled() -> Vec<Case> {
    let status = |route: &str, status: u16| {
        Fault(json!({"route": route, "kind": "status", "status": status, "retry_after_s": 0}))
    };
    let reason = |status: u16, reason: &str| {
        let fault = json!({"route": "/token", "kind": "status", "status": status, "reason": reason, "retry_after_s": 0});
        Fault(fault)
    };
    vec![
        case(Entra, "N-CLOCK", Told("clock", json!({"skew_s": 200})), &["NTP", "Microsoft"]),
        case(Google, "N-CLOCK", Told("clock", json!({"skew_s": 200})), &["NTP", "Google"]),
        case(Entra, "N-5XX", status("/token", 503), &["tried again", "AADSTS90033"]),
        case(Entra, "N-5XX", reason(400, "90024"), &["tried again", "AADSTS90024"]),
        case(Entra, "N-5XX", reason(400, "50033"), &["tried again", "AADSTS50033"]),
        case(Entra, "N-5XX", status("v1.0/users", 504), &["504", "tried again"]),
        case(Google, "N-5XX", status("v1/users", 503), &["503", "tried again"]),
        case(Google, "N-5XX", status("/token", 500), &["tried again"]),
        case(Entra, "N-429", status("v1.0/users", 429), &["slow down", "interval"]),
        case(Entra, "N-429", status("/token", 429), &["slow down"]),
        // The identity service says so with other statuses too.
        case(Entra, "N-429", reason(400, "90055"), &["slow down"]),
        case(Entra, "N-429", reason(400, "50196"), &["slow down"]),
        case(Google, "N-429", status("/token", 429), &["slow down"]),
        case(
            Entra,
            "N-TRUNC",
            Fault(json!({"route": "v1.0/users", "kind": "invalid_json"})),
            &["garbled"],
        ),
        case(
            Entra,
            "N-TRUNC",
            Fault(json!({"route": "v1.0/groups", "kind": "truncate"})),
            &["broke off"],
        ),
        case(
            Google,
            "N-TRUNC",
            Fault(json!({"route": "v1/users", "kind": "truncate"})),
            &["broke off"],
        ),
    ]
}
