//! Checks a password by the authentication API (`protocols/providers.md` C5), which needs no token.
//!
//! Invariants: one request, whatever comes of it, since failed checks lock accounts; what the answer would let us do
//! next (session and state tokens) is not read. Okta says by default neither who exists nor who is locked: that is
//! [`Verdict::Wrong`]. Identity Engine lets a password alone do only if the organisation's policy does.

use std::time::Duration;

use directory::id::ProviderId;
use reqwest::{Method, header::ACCEPT};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{
    Okta,
    catalogue::{self, ErrorDocument},
    settings::Settings,
};
use crate::{
    error::{ConnectError, Kind},
    garbled::{not_json, redirected, unreadable},
    http::Answer,
    password::{PasswordCheck, PasswordVerdict as Verdict},
};

/// How long somebody waits who signs in.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Transaction {
    status: String,
    #[serde(default, rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Default, Deserialize)]
struct Embedded {
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

impl Okta {
    pub(crate) async fn check_password(
        &self,
        person: &ProviderId,
        login: &str,
        password: &SecretString,
    ) -> Result<PasswordCheck, ConnectError> {
        let body = json!({
            "username": login,
            "password": password.expose_secret(),
            "options": {"multiOptionalFactorEnroll": false, "warnBeforePasswordExpired": true},
        });
        let request = self.http.request(Method::POST, &self.settings.api(&["authn"], &[]));
        let request = request.header(ACCEPT, "application/json").json(&body).timeout(TIMEOUT);
        let answer = self.http.at_once(request).await?;
        if answer.status.is_success() {
            return answered(&answer, person);
        }
        failed(&answer, &self.settings)
    }
}

fn answered(answer: &Answer, person: &ProviderId) -> Result<PasswordCheck, ConnectError> {
    let transaction: Transaction = serde_json::from_slice(&answer.body)
        .map_err(|_| unreadable(answer, "Okta", "what it said of a password"))?;
    let (verdict, say) = match transaction.status.as_str() {
        "SUCCESS" => (Verdict::Right, "the password is right"),
        "PASSWORD_WARN" => (Verdict::Right, "the password is right, and expires soon"),
        "MFA_REQUIRED" | "MFA_ENROLL" | "MFA_ENROLL_ACTIVATE" | "MFA_CHALLENGE" => (
            Verdict::FactorRequired,
            "the password is right, but Okta also wants a second factor or its enrolment, which only a sign-in at Okta's \
             page can ask for",
        ),
        "PASSWORD_EXPIRED" | "PASSWORD_RESET" => (
            Verdict::Expired,
            "the password has expired; the person must choose another one at Okta",
        ),
        "LOCKED_OUT" => (
            Verdict::Locked,
            "the account is locked after too many wrong passwords; an administrator, or the person at Okta's page, \
             unlocks it",
        ),
        _ => (Verdict::Blocked, "Okta lets nobody in with a password in this state"),
    };
    let id = transaction.embedded.user.and_then(|user| ProviderId::parse(&user.id).ok());
    let proves = matches!(verdict, Verdict::Right | Verdict::FactorRequired);
    if id.as_ref().is_some_and(|id| id != person) || (proves && id.is_none()) {
        let text = "Okta's answer is about somebody else: who has this login is not the person that was asked about; the \
                    next pull shows who it is";
        return Err(ConnectError::new(Kind::Refused, None, text));
    }
    let status = crate::garbled::shortened(&transaction.status);
    Ok(PasswordCheck::new(verdict, None, format!("{say} ({status})")))
}

fn failed(answer: &Answer, settings: &Settings) -> Result<PasswordCheck, ConnectError> {
    let said = ErrorDocument::read(answer);
    let status = answer.status.as_u16();
    let unjudged = |code, why: &str| {
        let text = format!(
            "{why}; the password was not judged, try again later ({status} {})",
            said.details()
        );
        Err(ConnectError::new(Kind::Temporary, code, text))
    };
    let verdict = |verdict, say: &str| {
        Ok(PasswordCheck::new(verdict, None, format!("{say} ({status} {})", said.details())))
    };
    let refused = |code: Option<&'static str>, say: &str| {
        let text = format!("{say} ({status} {})", said.details());
        Err(ConnectError::new(Kind::Refused, code, text))
    };
    match (status, said.code()) {
        (401, "E0000004") => verdict(
            Verdict::Wrong,
            "Okta does not let the person in: the password is wrong, nobody has this login, the account is locked or not \
             active, or a policy refuses; Okta does not say which",
        ),
        (_, "E0000069") => {
            verdict(Verdict::Locked, "the account is locked after too many wrong passwords")
        }
        (403, "E0000006") => verdict(
            Verdict::Blocked,
            "a policy of the organisation does not let the person in this way",
        ),
        (429, _) => unjudged("O-RATE", "Okta asks us to slow down"),
        (_, "E0000010") => unjudged("O-MAINT", "Okta is in read-only mode for maintenance"),
        (500.., _) => unjudged("N-5XX", "Okta has a temporary problem"),
        (_, "E0000015") => refused(
            Some("O-FEATURE"),
            "the organisation lets nobody check passwords through the authentication API; ask Okta",
        ),
        (404, _) | (_, "E0000008") => Err(catalogue::no_organisation(settings)),
        _ => match redirected(answer, "Okta", "url").or_else(|| not_json(answer, "Okta")) {
            Some(error) => Err(error),
            None => refused(None, "Okta refused to check a password"),
        },
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::{StatusCode, header::HeaderMap};

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
    fn each_status_has_its_verdict() {
        let person = ProviderId::parse("00u1").unwrap();
        let check = |status: &str, id: Option<&str>| {
            let user = id.map(|id| json!({"id": id}));
            let body = json!({"status": status, "_embedded": {"user": user}}).to_string();
            answered(&answer(200, body), &person).map(|check| check.verdict).ok()
        };
        for (status, verdict) in [
            ("SUCCESS", Verdict::Right),
            ("PASSWORD_WARN", Verdict::Right),
            ("MFA_REQUIRED", Verdict::FactorRequired),
            ("MFA_ENROLL", Verdict::FactorRequired),
            ("MFA_ENROLL_ACTIVATE", Verdict::FactorRequired),
            ("MFA_CHALLENGE", Verdict::FactorRequired),
            ("PASSWORD_EXPIRED", Verdict::Expired),
            ("PASSWORD_RESET", Verdict::Expired),
            ("LOCKED_OUT", Verdict::Locked),
            ("RECOVERY", Verdict::Blocked),
            ("UNAUTHENTICATED", Verdict::Blocked),
            ("NEW_STATUS", Verdict::Blocked),
        ] {
            assert_eq!(check(status, Some("00u1")), Some(verdict), "{status}");
            assert_eq!(check(status, Some("00u2")), None, "{status} of somebody else");
            let proves = [Verdict::Right, Verdict::FactorRequired].contains(&verdict);
            assert_eq!(check(status, None), (!proves).then_some(verdict), "{status} of nobody");
        }
    }

    #[test]
    fn each_refusal_has_its_meaning() {
        let pairs = [("url".to_owned(), "https://example.okta.com".to_owned())];
        let settings = Settings::read(&pairs.into()).unwrap();
        for (status, code, expected) in [
            (401, "E0000004", Ok(Verdict::Wrong)),
            (403, "E0000069", Ok(Verdict::Locked)),
            (403, "E0000006", Ok(Verdict::Blocked)),
            (401, "E0000015", Err((Some("O-FEATURE"), Kind::Refused))),
            (404, "E0000008", Err((Some("O-URL"), Kind::Refused))),
            (429, "E0000047", Err((Some("O-RATE"), Kind::Temporary))),
            (503, "E0000010", Err((Some("O-MAINT"), Kind::Temporary))),
            (500, "E0000009", Err((Some("N-5XX"), Kind::Temporary))),
            (400, "E0000001", Err((None, Kind::Refused))),
        ] {
            let body = json!({"errorCode": code, "errorSummary": "x"}).to_string();
            let check = failed(&answer(status, body), &settings);
            let found = check.as_ref().map(|check| check.verdict);
            let found = found.map_err(|error| (error.code(), error.kind));
            assert_eq!(found, expected, "{status} {code}");
        }
    }
}
