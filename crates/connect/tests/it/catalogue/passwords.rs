//! A5: the rows `E-ROPC-*`, and what else is wrong when Entra is asked about a password.

use serde_json::{Value, json};
use simulator::Provider::Entra;

use super::{
    Case,
    Cause::{Fault, Password, Revoked, Setting, Told},
    case,
};
use crate::tenant::Tenant;

/// Whose password is checked.
pub(super) const LOGIN: &str = "ann@contoso.example";

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Attempt {
    Right,
    Wrong,
    /// The right password, with a login that nobody has.
    Unknown,
    /// The right password, of another person than the one that is meant.
    Other,
}

impl Attempt {
    /// The person's id, the login and the password to ask with; `ann` is who was made for it.
    pub(super) async fn of(self, tenant: &Tenant, ann: String) -> (String, &'static str, String) {
        let right = format!("Passw0rd-{ann}");
        match self {
            Self::Right => (ann, LOGIN, right),
            Self::Wrong => (ann, LOGIN, "wrong".to_owned()),
            Self::Unknown => (ann, "nobody@contoso.example", right),
            Self::Other => (tenant.new_user("bob@contoso.example").await, LOGIN, right),
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(ways());
    cases.extend(elsewhere());
    cases
}

fn asked(id: &'static str, attempt: Attempt, says: &'static [&'static str]) -> Case {
    case(Entra, id, Password(attempt), says)
}

/// Each number of A5 that a person's account meets, with the right password.
fn numbers() -> Vec<Case> {
    const ROWS: [(&str, &[u32], &[&str]); 11] = [
        ("E-ROPC-LOCKED", &[50_053], &["AADSTS50053", "correlation id", "prolong"]),
        ("E-ROPC-EXPIRED", &[50_055, 50_144], &["AADSTS50", "another one"]),
        ("E-ROPC-DISABLED", &[50_057], &["AADSTS50057"]),
        ("E-ROPC-NONE", &[50_056], &["AADSTS50056", "AllowCloudPasswordValidation"]),
        ("E-ROPC-MFA", &[50_076, 50_079, 50_074, 50_072, 50_158], &["is right", "second factor"]),
        ("E-ROPC-POLICY", &[53_003, 53_000, 530_032], &["AADSTS53", "Conditional Access"]),
        ("E-ROPC-POLICY", &[80_012], &["AADSTS80012", "hour"]),
        ("E-ROPC-RISK", &[50_135], &["AADSTS50135", "compromised"]),
        ("E-ROPC-CONSENT", &[65_001], &["AADSTS65001", "openid, profile"]),
        (
            "E-ROPC-AGENT",
            &[
                80_001, 80_002, 80_003, 80_004, 80_005, 80_006, 80_007, 80_008, 80_009, 80_010,
                80_011, 80_013, 80_014,
            ],
            &["AADSTS800", "not judged", "Pass-through authentication"],
        ),
        ("N-429", &[50_196], &["AADSTS50196", "not judged"]),
    ];
    let each = |(id, codes, says): (&'static str, &'static [u32], &'static [&'static str])| {
        codes.iter().map(move |code| {
            let condition = json!({"login": LOGIN, "code": code});
            asked(id, Attempt::Right, says).and(Told("passwords", condition))
        })
    };
    ROWS.into_iter().flat_map(each).collect()
}

/// The same and more, as they come about.
fn ways() -> Vec<Case> {
    use Attempt::{Other, Right, Unknown, Wrong};
    let condition = |code: u32| Told("passwords", json!({"login": LOGIN, "code": code}));
    vec![
        asked("E-ROPC-WRONG", Wrong, &["AADSTS50126", "correlation id"]),
        // A second factor, a policy and the rest are not told to who does not know the password.
        asked("E-ROPC-WRONG", Wrong, &["AADSTS50126"]).and(condition(50_076)),
        asked("E-ROPC-USER", Unknown, &["AADSTS50034", "user principal name"]),
        asked("E-ROPC-OTHER", Other, &["somebody else"]),
        asked("E-ROPC-POLICY", Right, &["AADSTS53003"]).and(Revoked("policy")),
        asked("E-ROPC-CONSENT", Right, &["AADSTS65001", "Grant admin consent"])
            .and(Revoked("consent")),
        asked("E-ROPC-POLICY", Right, &["not assigned"]).and(reason("50105")),
        asked("E-ROPC-POLICY", Right, &["security defaults"]).and(reason("530035")),
    ]
}

/// The login host answers with this number.
fn reason(number: &str) -> super::Cause {
    Fault(json!({"route": "/token", "kind": "status", "status": 400, "reason": number}))
}

/// What is about the app and the tenant has the row that it has when reading.
fn elsewhere() -> Vec<Case> {
    let right = |id, says| asked(id, Attempt::Right, says);
    let fault = |fault: Value| Fault(fault);
    vec![
        right("E-SECRET", &["AADSTS7000215", "copy its Value"]).and(Setting("secret", "wrong")),
        right("E-SECRET-EXP", &["AADSTS7000222"]).and(Told("expire", json!({"what": "secret"}))),
        right("E-SECRET-NONE", &["AADSTS7000218"]).and(reason("7000218")),
        right("E-CERT", &["AADSTS700027", "thumbprint"])
            .and(super::Cause::Certificate { uploaded: false }),
        right("E-APP", &["AADSTS700016"]).and(Revoked("existence")),
        right("E-TENANT", &["AADSTS90002"]).and(Setting("tenant", "other.example")),
        right("E-TENANT", &["AADSTS50059", "Overview"]).and(reason("50059")),
        right("E-TENANT-FMT", &["AADSTS9001023", "your own tenant"]).and(reason("9001023")),
        right("N-429", &["not judged"])
            .and(fault(json!({"route": "/token", "kind": "status", "status": 429}))),
        right("N-5XX", &["AADSTS90033", "not judged"])
            .and(fault(json!({"route": "/token", "kind": "status", "status": 503}))),
        right("N-HTML", &["the login host"]).and(fault(json!({"route": "/token", "kind": "html"}))),
        right("N-TRUNC", &["not used"]).and(fault(json!({"route": "/token", "kind": "truncate"}))),
    ]
}
