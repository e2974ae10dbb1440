//! D2: Google Workspace.

use serde_json::json;
use simulator::Provider::Google;

use super::{
    Case,
    Cause::{Fault, Options, Revoked, Setting, Text, Told},
    case,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = keys();
    cases.extend(delegation());
    cases.extend(reading());
    cases
}

fn keys() -> Vec<Case> {
    let client = r#"{"installed": {"client_id": "x"}}"#;
    let bare = r#"{"type": "service_account", "client_email": "a@b"}"#;
    vec![
        case(Google, "G-KEYFILE", Setting("secret", "not json"), &["Add key > JSON"]),
        case(Google, "G-KEYFILE", Setting("secret", client), &["`installed`", "Add key > JSON"]),
        case(Google, "G-KEYFILE", Setting("secret", bare), &["Add key > JSON"]),
        case(Google, "G-P12", Setting("secret", "0\u{82}\u{9}"), &["P12", "JSON"]),
        case(
            Google,
            "G-KEY",
            Told("expire", json!({"what": "secret"})),
            &["Invalid JWT Signature.", "new key"],
        ),
        case(Google, "G-SA-GONE", Revoked("existence"), &["account not found", "new one"]),
        case(Google, "G-SA-OFF", Revoked("account"), &["disabled_client", "enable it"]),
        case(
            Google,
            "G-CLOCK",
            Told("clock", json!({"skew_s": 7_200})),
            &["reasonable timeframe", "NTP"],
        ),
        case(
            Google,
            "G-KEYPOLICY",
            Text(
                "Service account key creation is disabled. An Organization Policy that blocks service accounts key \
                  creation has been enforced on your organization.",
            ),
            &["iam.disableServiceAccountKeyCreation", "Organization Policy Administrator"],
        ),
        case(
            Google,
            "G-KEYPOLICY",
            Text("Enforced Organization Policies IDs: iam.disableServiceAccountKeyCreation"),
            &["Not enforced"],
        ),
    ]
}

fn delegation() -> Vec<Case> {
    let without_log = |options: &mut simulator::Options| {
        options.google_scopes.retain(|scope| !scope.contains("reports"));
    };
    vec![
        case(
            Google,
            "G-DWD",
            Revoked("consent"),
            &["unauthorized_client", "client ID 1", "up to 24 h"],
        ),
        case(
            Google,
            "G-SCOPE-PART",
            Revoked("scope"),
            &["access_denied", "admin.directory.user.readonly"],
        ),
        case(
            Google,
            "G-SCOPE-PART",
            Options(without_log),
            &["admin.reports.audit.readonly", "delegation"],
        )
        .and(Setting("reports", "on")),
        case(
            Google,
            "G-POLICY",
            Revoked("policy"),
            &["admin_policy_enforced", "App access control"],
        ),
        case(
            Google,
            "G-SUBJECT",
            Setting("subject", "nobody@globex.example"),
            &["Invalid email or User ID", "nobody@globex.example", "primary address"],
        ),
        case(Google, "G-SUBJECT-ADMIN", Revoked("role"), &["forbidden", "Users > Read"]),
    ]
}

fn reading() -> Vec<Case> {
    let refused = |reason: &str| {
        Fault(
            json!({"route": "v1/users", "kind": "status", "status": 403, "reason": reason, "retry_after_s": 0}),
        )
    };
    let many = json!({"route": "v1/users", "kind": "status", "status": 429, "retry_after_s": 0});
    vec![
        case(Google, "G-API-OFF", Revoked("api"), &["accessNotConfigured", "Enable"]),
        case(
            Google,
            "G-SCOPE-TOK",
            refused("insufficientPermissions"),
            &["delegation", "insufficient"],
        ),
        case(Google, "G-DOMAIN", Revoked("domain"), &["domainCannotUseApis", "edition"]),
        case(Google, "G-CUSTOMER", Setting("customer", "C0nowhere"), &["invalid", "`customer`"]),
        case(Google, "G-QUOTA", refused("quotaExceeded"), &["slow down", "larger quota"]),
        case(Google, "G-QUOTA", refused("userRateLimitExceeded"), &["larger quota"]),
        case(Google, "G-QUOTA", Fault(many), &["larger quota"]),
        case(
            Google,
            "G-ZERO",
            Fault(json!({"route": "v1/users", "kind": "empty"})),
            &["no users", "role"],
        ),
    ]
}
