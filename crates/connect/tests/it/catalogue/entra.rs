//! D1: Microsoft Entra ID.

use serde_json::json;
use simulator::{Provider::Entra, TenantKind};

use super::{
    Case,
    Cause::{Certificate, Consent, ExpiredPosition, Fault, Options, Revoked, Setting, Text, Told},
    case,
};

const KNOWN_ADDRESS: &str = "https://sync.example.org/consented";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = named();
    cases.extend(credentials());
    cases.extend(permissions());
    cases.extend(pages());
    cases.extend(reading());
    cases
}

/// The login host answers with this number.
fn number(id: &'static str, number: &'static str, says: &'static [&'static str]) -> Case {
    let fault = json!({"route": "/token", "kind": "status", "status": 400, "reason": number});
    case(Entra, id, Fault(fault), says)
}

fn named() -> Vec<Case> {
    let somebody = "99999999-0000-4000-8000-000000000001";
    let audience = json!({"route": "v1.0/users", "kind": "status", "status": 401, "reason": "InvalidAudience"});
    vec![
        case(Entra, "E-TENANT", Setting("tenant", "other.example"), &["AADSTS90002", "Overview"]),
        number("E-TENANT", "90002", &["Overview"]),
        case(
            Entra,
            "E-TENANT-FMT",
            Setting("tenant", "abc"),
            &["AADSTS900023", "contoso.onmicrosoft.com"],
        ),
        case(Entra, "E-TENANT-FMT", Setting("tenant", "a tenant"), &["`a tenant`"]),
        case(Entra, "E-TENANT-FMT", Setting("tenant", "common"), &["your own tenant"]),
        number("E-TENANT-FMT", "50194", &["your own tenant"]),
        case(Entra, "E-CLOUD", Revoked("cloud"), &["AADSTS90038", "`cloud`"]),
        case(
            Entra,
            "E-CLOUD",
            Setting("graph", "http://127.0.0.1:1"),
            &["AADSTS500011", "`cloud`"],
        ),
        case(Entra, "E-CLOUD", Fault(audience), &["401", "`cloud`"]),
        number("E-CLOUD", "900382", &["AADSTS900382", "`cloud`"]),
        number("E-CLOUD", "900432", &["AADSTS900432", "`cloud`"]),
        case(Entra, "E-APP", Setting("client_id", somebody), &["AADSTS700016", "swapped"]),
        case(Entra, "E-APP", Revoked("existence"), &["AADSTS700016", "deleted"]),
        case(
            Entra,
            "E-APP-OFF",
            Revoked("account"),
            &["AADSTS7000112", "Enterprise apps > Properties"],
        ),
        case(Entra, "E-PUBLIC", Revoked("confidential"), &["AADSTS700025", "Web platform"]),
    ]
}

fn credentials() -> Vec<Case> {
    let late = || Told("clock", json!({"skew_s": 7_200}));
    let key_only = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    vec![
        case(Entra, "E-SECRET", Setting("secret", "wrong"), &["AADSTS7000215", "copy its Value"]),
        case(
            Entra,
            "E-SECRET-EXP",
            Told("expire", json!({"what": "secret"})),
            &["AADSTS7000222", "make a new one"],
        ),
        case(Entra, "E-SECRET-NONE", Setting("secret", " "), &["empty", "Value"]),
        number("E-SECRET-NONE", "7000218", &["fill in"]),
        case(
            Entra,
            "E-CERT",
            Certificate { uploaded: false },
            &["AADSTS700027", "thumbprint", "Upload certificate"],
        ),
        case(Entra, "E-CERT", Certificate { uploaded: true }, &["AADSTS700027"])
            .and(Told("clock", json!({"advance_s": 731 * 86_400}))),
        case(Entra, "E-CERT", Setting("secret", key_only), &["no certificate"]),
        number("E-CERT", "50012", &["AADSTS50012", "`authority`"]),
        number("E-CERT", "50013", &["AADSTS50013", "`authority`"]),
        case(Entra, "E-ASSERT-TIME", Certificate { uploaded: true }, &["AADSTS700024", "NTP"])
            .and(late()),
        number("E-SCOPE", "70011", &["report this"]),
        number("E-SCOPE", "1002012", &["report this"]),
        case(Entra, "E-CA", Revoked("policy"), &["AADSTS53003", "public IP"]),
        number("E-CA", "530032", &["public IP"]),
        number("E-CA", "530035", &["public IP"]),
    ]
}

fn permissions() -> Vec<Case> {
    let denied = json!({"route": "v1.0/users", "kind": "status", "status": 403});
    let unknown = json!({
        "route": "v1.0/users", "kind": "status", "status": 403, "reason": "Authorization_IdentityNotFound",
    });
    vec![
        case(
            Entra,
            "E-CONSENT",
            Revoked("consent"),
            &["User.Read.All, GroupMember.Read.All", "Grant admin consent"],
        ),
        case(
            Entra,
            "E-CONSENT",
            Fault(denied),
            &["Authorization_RequestDenied", "Grant admin consent"],
        ),
        case(Entra, "E-CONSENT", Fault(unknown), &["Authorization_IdentityNotFound"]),
        number("E-CONSENT", "65001", &["Grant admin consent"]),
        // No token tells this from a missing consent: the words name both.
        case(Entra, "E-CONSENT", Revoked("application"), &["Delegated", "Application permissions"]),
        case(
            Entra,
            "E-PERM-TYPE",
            Revoked("role"),
            &["lacks GroupMember.Read.All", "it has User.Read.All"],
        ),
        case(
            Entra,
            "E-PERM-TYPE",
            Revoked("scope"),
            &["lacks User.Read.All", "Application permissions"],
        ),
    ]
}

fn pages() -> Vec<Case> {
    let elsewhere = "https://sync.example.org/other";
    vec![
        case(Entra, "E-CONSENT-CANCEL", Consent(KNOWN_ADDRESS, "cancel"), &["cancelled", "again"]),
        case(
            Entra,
            "E-CONSENT-CANCEL",
            Text("AADSTS65004: User declined to consent"),
            &["AADSTS65004"],
        ),
        case(
            Entra,
            "E-CONSENT-ROLE",
            Consent(KNOWN_ADDRESS, "powerless"),
            &["AADSTS90094", "Privileged Role Administrator"],
        ),
        case(
            Entra,
            "E-CONSENT-ROLE",
            Text("Need admin approval\nDirectory sync"),
            &["Global Administrator"],
        ),
        case(
            Entra,
            "E-REDIRECT",
            Consent(elsewhere, "accept"),
            &["AADSTS50011", "Authentication > Web"],
        ),
    ]
}

fn reading() -> Vec<Case> {
    let hidden = || Told("groups", json!({"name": "Secret", "hidden": true}));
    let refused = json!({"route": "v1.0/users", "kind": "status", "status": 401});
    vec![
        case(Entra, "E-HIDDEN", hidden(), &["1 of the first", "Member.Read.Hidden"]),
        case(Entra, "E-B2C", Revoked("delta"), &["400", "read each time"]),
        case(Entra, "E-B2C", Options(|options| options.entra_tenant = TenantKind::B2c), &["400"]),
        case(
            Entra,
            "E-B2C",
            Options(|options| options.entra_tenant = TenantKind::External),
            &["501"],
        ),
        case(Entra, "E-TOKEN", Fault(refused), &["InvalidAuthenticationToken", "clock"]),
        case(Entra, "E-RESYNC", ExpiredPosition, &["everything was read again"]),
    ]
}
