//! Checks a password by the resource owner's grant (`protocols/providers.md` A5).
//!
//! Catalogue: E-ROPC-WRONG, -USER, -LOCKED, -EXPIRED, -DISABLED, -NONE, -MFA, -POLICY and -RISK are verdicts;
//! -CONSENT (nobody consented), -AGENT (pass-through authentication) and -OTHER (somebody else's tokens) are errors.
//! What is wrong with the app, its credential or the tenant has the entry that it has when reading (E-SECRET, …).
//!
//! Invariants: one request, whatever comes of it, since failed checks lock accounts; the password is sent as it was
//! typed; the tokens are dropped once they have told whose they are.

use std::time::Duration;

use directory::id::ProviderId;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    Entra,
    catalogue::{self, LoginError},
    token::payload,
};
use crate::{
    error::{ConnectError, Kind},
    garbled::unreadable,
    http::{Answer, Setback},
    password::{PasswordCheck, PasswordVerdict as Verdict},
};

/// How long somebody waits who signs in.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What the id token needs to tell whose it is.
const SCOPE: &str = "openid profile";

/// The vendor's number, verdict, catalogue entry, what it means and what to do.
type Known = (&'static [u32], Verdict, &'static str, &'static str);

const KNOWN: [Known; 11] = [
    (&[50_126], Verdict::Wrong, "E-ROPC-WRONG", "the password is wrong"),
    (
        &[50_034, 51_004],
        Verdict::NoSuchPerson,
        "E-ROPC-USER",
        "nobody in the tenant has this user principal name; was it changed since the last pull?",
    ),
    (
        &[50_053],
        Verdict::Locked,
        "E-ROPC-LOCKED",
        "the account is locked after too many wrong passwords, or Microsoft distrusts this server's address; it ends by \
         itself, and further attempts prolong it",
    ),
    (
        &[50_055, 50_144],
        Verdict::Expired,
        "E-ROPC-EXPIRED",
        "the password has expired; the person must choose another one, at Microsoft or in Active Directory",
    ),
    (&[50_057], Verdict::Disabled, "E-ROPC-DISABLED", "the account is disabled"),
    (
        &[50_056],
        Verdict::NotCheckable,
        "E-ROPC-NONE",
        "Entra has no password of this person: a guest, a federated account (needs a Home Realm Discovery policy with \
         AllowCloudPasswordValidation), or one without a password",
    ),
    (
        &[50_076, 50_079, 50_074, 50_072, 50_158],
        Verdict::FactorRequired,
        "E-ROPC-MFA",
        "the password is right, but Entra also wants a second factor or its enrolment, which only a sign-in at Microsoft's \
         page can ask for",
    ),
    (
        &[53_003, 53_000, 530_032, 53_001, 53_002, 530_035],
        Verdict::Blocked,
        "E-ROPC-POLICY",
        "Conditional Access or the security defaults do not let the person in this way",
    ),
    (
        &[50_105],
        Verdict::Blocked,
        "E-ROPC-POLICY",
        "the person is not assigned to the app; Enterprise apps > Users and groups, or Properties > Assignment required = No",
    ),
    // Numbered among the agents' troubles, but it is a decision about the person.
    (
        &[80_012],
        Verdict::Blocked,
        "E-ROPC-POLICY",
        "Active Directory does not let the person in at this hour",
    ),
    (
        &[50_135, 53_004, 53_011],
        Verdict::AtRisk,
        "E-ROPC-RISK",
        "Entra takes the account for compromised; the person must change the password at Microsoft's page",
    ),
];

/// What an administrator must consent to first.
const NO_CONSENT: u32 = 65_001;

/// The tokens are for us to look into only: they are not kept, and no request is made with them.
#[derive(Deserialize)]
struct Tokens {
    id_token: SecretString,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    oid: String,
}

impl Entra {
    pub(crate) async fn check_password(
        &self,
        person: &ProviderId,
        login: &str,
        password: &SecretString,
    ) -> Result<PasswordCheck, ConnectError> {
        let fields = [
            ("grant_type", "password"),
            ("scope", SCOPE),
            ("username", login),
            ("password", password.expose_secret()),
        ];
        let request = self.tokens.request(&self.http, &fields)?.header(ACCEPT, "application/json");
        let answer = self.http.at_once(request.timeout(TIMEOUT)).await?;
        if answer.status.is_success() {
            return right(&answer, person, &self.settings.client_id);
        }
        failed(&answer).map_err(|error| self.tokens.shown(error))
    }
}

/// The password is somebody's: the person's, if the tokens are theirs.
fn right(
    answer: &Answer,
    person: &ProviderId,
    client_id: &str,
) -> Result<PasswordCheck, ConnectError> {
    let tokens: Option<Tokens> = serde_json::from_slice(&answer.body).ok();
    // The signature is not looked at: the token came from the login host itself.
    let claims = tokens.and_then(|tokens| payload::<Claims>(tokens.id_token.expose_secret()));
    let claims =
        claims.ok_or_else(|| unreadable(answer, "the login host", "what it said of a password"))?;
    let is_theirs = ProviderId::parse(&claims.oid).is_ok_and(|id| id == *person);
    if is_theirs && claims.aud.eq_ignore_ascii_case(client_id) {
        return Ok(PasswordCheck::new(Verdict::Right, None, "the password is right"));
    }
    let text = "the tokens are for somebody else: who has this user principal name is not the person that was asked about; \
                the next pull shows who it is";
    Err(ConnectError::new(Kind::Refused, "E-ROPC-OTHER", text))
}

/// What a failed answer means.
fn failed(answer: &Answer) -> Result<PasswordCheck, ConnectError> {
    let said = LoginError::read(answer);
    let unjudged = |code, why: &str| {
        let details = if said.is_empty() { answer.status.to_string() } else { said.details() };
        let text = format!("{why}; the password was not judged, try again later ({details})");
        Err(ConnectError::new(Kind::Temporary, code, text))
    };
    if answer.status.as_u16() == 429 || said.asks_to_wait() {
        return unjudged("N-429", "the login host asks us to slow down");
    }
    if answer.status.is_server_error() || said.is_temporary() {
        return unjudged("N-5XX", "the login host has a temporary problem");
    }
    let code = said.code();
    let known = KNOWN.iter().find(|(codes, ..)| code.is_some_and(|code| codes.contains(&code)));
    if let Some((_, verdict, entry, say)) = known {
        let text = format!("{say} ({})", said.details());
        return Ok(PasswordCheck::new(*verdict, *entry, text));
    }
    match code {
        Some(80_001..=80_014) => unjudged(
            "E-ROPC-AGENT",
            "no agent of pass-through authentication validates passwords; Entra Connect > Pass-through authentication \
             shows how they are",
        ),
        Some(NO_CONSENT) => {
            let text = format!(
                "nobody consented that the app signs people in; API permissions > Add a permission > Microsoft Graph > \
                 Delegated permissions: openid, profile > Grant admin consent ({})",
                said.details()
            );
            Err(ConnectError::new(Kind::Refused, "E-ROPC-CONSENT", text))
        }
        _ => Err(match catalogue::login(answer, directory::id::Millis(0)) {
            Setback::Failed(error, _) | Setback::Unauthorised(error) => error,
            // Answered above.
            Setback::Throttled(_) => ConnectError::new(Kind::Temporary, "N-429", said.details()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use bytes::Bytes;
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            latency: Duration::ZERO,
        }
    }

    #[test]
    fn tokens_must_be_the_persons_and_ours() {
        let person = ProviderId::parse("11111111-2222-4333-8444-555555555555").unwrap();
        let check = |aud: &str, oid: &str| {
            let claims = json!({"aud": aud, "oid": oid}).to_string();
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            right(&answer(200, json!({"id_token": token}).to_string()), &person, "Client")
        };
        let verdict = check("client", "11111111-2222-4333-8444-555555555555").unwrap().verdict;
        assert_eq!(verdict, Verdict::Right);
        for (aud, oid) in [
            ("client", "11111111-2222-4333-8444-555555555556"),
            ("another", "11111111-2222-4333-8444-555555555555"),
            ("client", ""),
        ] {
            assert_eq!(check(aud, oid).unwrap_err().code(), Some("E-ROPC-OTHER"), "{aud} {oid}");
        }
        for (body, code) in [
            ("{}", "N-TRUNC"),
            (r#"{"access_token":"a.b.c"}"#, "N-TRUNC"),
            (r#"{"id_token":"e30.e30.e30"}"#, "N-TRUNC"),
            (r#"{"id_token":"#, "N-TRUNC"),
            ("<html>", "N-HTML"),
        ] {
            let error = right(&answer(200, body), &person, "client").unwrap_err();
            assert_eq!((error.code(), error.kind), (Some(code), Kind::Temporary), "{body}");
        }
    }

    #[test]
    fn numbers_stand_in_one_row_each() {
        let mut all: Vec<u32> =
            KNOWN.iter().flat_map(|(codes, ..)| codes.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn what_is_not_about_the_password_is_an_error() {
        for (status, body, code, kind) in [
            (401, r#"{"error_codes":[7000215]}"#, Some("E-SECRET"), Kind::Refused),
            (400, r#"{"error_codes":[50059]}"#, Some("E-TENANT"), Kind::Refused),
            (400, r#"{"error_codes":[9001023]}"#, Some("E-TENANT-FMT"), Kind::Refused),
            (400, r#"{"error_codes":[65001]}"#, Some("E-ROPC-CONSENT"), Kind::Refused),
            (
                400,
                r#"{"error_description":"AADSTS80005: x"}"#,
                Some("E-ROPC-AGENT"),
                Kind::Temporary,
            ),
            (400, r#"{"error_codes":[90055]}"#, Some("N-429"), Kind::Temporary),
            (400, r#"{"error_codes":[90033]}"#, Some("N-5XX"), Kind::Temporary),
            (400, r#"{"error":"invalid_grant","error_codes":[99]}"#, None, Kind::Refused),
            (429, "", Some("N-429"), Kind::Temporary),
            (502, "<html>", Some("N-5XX"), Kind::Temporary),
            (407, "<html>", Some("N-PROXY"), Kind::Refused),
            (302, "", Some("N-HTML"), Kind::Temporary),
        ] {
            let error = failed(&answer(status, body)).unwrap_err();
            assert_eq!((error.code(), error.kind), (code, kind), "{status} {body}");
            assert!(!error.to_string().contains("it is tried again"), "{error}");
        }
    }
}
