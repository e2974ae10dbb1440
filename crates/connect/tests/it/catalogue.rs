//! The error catalogue (`protocols/providers.md` D), row by row: each is provoked in a simulated tenant, or by its
//! input, and the check of the connection (or of a password) recognises it, with evidence and with what to do.
//!
//! A provider's rows are added by its ids in [`IDS`] and its cases, in a list of its own.

use std::collections::BTreeSet;

use connect::{Credential, Progress};
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simulator::{Options, Provider};

use crate::tenant::{Tenant, id, now};

mod entra;
mod google;
mod network;
mod okta;
mod passwords;

/// All rows; of `E-ROPC-*` those that `connect::PasswordCheck` and its errors have.
const IDS: [&str; 80] = [
    "N-DNS",
    "N-CONN",
    "N-TLS",
    "N-PROXY",
    "N-HTML",
    "N-CLOCK",
    "N-5XX",
    "N-429",
    "N-TRUNC",
    "E-TENANT",
    "E-TENANT-FMT",
    "E-CLOUD",
    "E-APP",
    "E-APP-OFF",
    "E-SECRET",
    "E-SECRET-EXP",
    "E-SECRET-NONE",
    "E-PUBLIC",
    "E-CERT",
    "E-ASSERT-TIME",
    "E-SCOPE",
    "E-CA",
    "E-CONSENT",
    "E-PERM-TYPE",
    "E-CONSENT-CANCEL",
    "E-CONSENT-ROLE",
    "E-REDIRECT",
    "E-HIDDEN",
    "E-B2C",
    "E-TOKEN",
    "E-RESYNC",
    "E-ROPC-WRONG",
    "E-ROPC-USER",
    "E-ROPC-LOCKED",
    "E-ROPC-EXPIRED",
    "E-ROPC-DISABLED",
    "E-ROPC-NONE",
    "E-ROPC-MFA",
    "E-ROPC-POLICY",
    "E-ROPC-RISK",
    "E-ROPC-CONSENT",
    "E-ROPC-AGENT",
    "E-ROPC-OTHER",
    "G-KEYFILE",
    "G-P12",
    "G-DWD",
    "G-SCOPE-PART",
    "G-POLICY",
    "G-SUBJECT",
    "G-SUBJECT-ADMIN",
    "G-KEY",
    "G-SA-GONE",
    "G-SA-OFF",
    "G-CLOCK",
    "G-API-OFF",
    "G-SCOPE-TOK",
    "G-DOMAIN",
    "G-CUSTOMER",
    "G-QUOTA",
    "G-KEYPOLICY",
    "G-ZERO",
    "O-URL",
    "O-ADMINHOST",
    "O-TOKEN",
    "O-ZONE",
    "O-ROLE",
    "O-CLIENT",
    "O-KEY",
    "O-AUTHMETHOD",
    "O-APPTYPE",
    "O-AUD",
    "O-SCOPE",
    "O-INSUFF",
    "O-DPOP",
    "O-NONCE",
    "O-CLOCK",
    "O-CONC",
    "O-RATE",
    "O-MAINT",
    "O-FEATURE",
];

/// How a row is provoked.
enum Cause {
    /// Something is taken away.
    Revoked(&'static str),
    /// A request to the control API.
    Told(&'static str, Value),
    /// A fault, for good.
    Fault(Value),
    /// A setting; `{untrusted}` is where the tenant is behind a certificate that nobody trusts, `{url}` and `{token}` are
    /// Okta's.
    Setting(&'static str, &'static str),
    /// The credential is a certificate of our making, which is uploaded or not.
    Certificate { uploaded: bool },
    /// The tenant was made otherwise.
    Options(fn(&mut Options)),
    /// The position in the changes expires, and the next pull says so.
    ExpiredPosition,
    /// The administrator follows the link for consent, with this redirect address, and does that.
    Consent(&'static str, &'static str),
    /// A person met this text in the browser.
    Text(&'static str),
    /// A password of somebody new, called [`passwords::LOGIN`], is checked once all else is so.
    Password(passwords::Attempt),
}

/// One way to come to a row.
struct Case {
    provider: Provider,
    id: &'static str,
    causes: Vec<Cause>,
    /// What the words hold: evidence and the fix.
    says: &'static [&'static str],
}

fn case(provider: Provider, id: &'static str, cause: Cause, says: &'static [&'static str]) -> Case {
    Case { provider, id, causes: vec![cause], says }
}

impl Case {
    fn and(mut self, cause: Cause) -> Self {
        self.causes.push(cause);
        self
    }

    async fn tenant(&self) -> Tenant {
        let mut options = Options {
            providers: vec![self.provider],
            users: 30,
            groups: 30,
            memberships: 60,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        for cause in &self.causes {
            if let Cause::Options(change) = cause {
                change(&mut options);
            }
        }
        Tenant::with(options).await
    }

    /// What is recognised: entries of the catalogue, each with the words.
    async fn recognised(&self) -> Vec<(String, String)> {
        let tenant = self.tenant().await;
        let mut settings: Vec<(&str, String)> = Vec::new();
        let mut attempt = None;
        for cause in &self.causes {
            match cause {
                Cause::Revoked(what) => {
                    tenant.control("POST", "revoke", json!({"what": what})).await;
                }
                Cause::Told(path, body) => drop(tenant.control("POST", path, body.clone()).await),
                Cause::Fault(fault) => tenant.faults(json!([fault])).await,
                Cause::Setting(name, value) => {
                    settings.push((name, filled(&tenant, value)));
                }
                Cause::Certificate { uploaded } => {
                    let made = Credential::entra(now()).unwrap();
                    if *uploaded {
                        let body = json!({"pem": made.public});
                        tenant.control("POST", "certificates", body).await;
                    }
                    settings.push(("secret", made.secret.expose_secret().to_owned()));
                }
                Cause::Options(_) => {}
                Cause::ExpiredPosition => return expired(&tenant).await,
                Cause::Consent(redirect, answer) => {
                    return read(self.provider, &consented(&tenant, redirect, answer).await);
                }
                Cause::Text(text) => return read(self.provider, text),
                Cause::Password(of) => {
                    attempt = Some((*of, tenant.new_user(passwords::LOGIN).await));
                }
            }
        }
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match tenant.connector_with(&settings) {
            Err(error) => vec![(error.code().unwrap_or_default().to_owned(), error.to_string())],
            Ok(connector) if let Some((attempt, person)) = attempt => {
                let (person, login, password) = attempt.of(&tenant, person).await;
                let password = SecretString::from(password);
                let told = match connector.check_password(&id(&person), login, &password).await {
                    Ok(check) => (check.code().map(str::to_owned), check.to_string()),
                    Err(error) => (error.code().map(str::to_owned), error.to_string()),
                };
                vec![(told.0.unwrap_or_default(), told.1)]
            }
            Ok(connector) => {
                let report = connector.probe(|_| {}).await;
                let steps = report.steps.into_iter();
                steps.filter_map(|step| Some((step.code?, step.detail))).collect()
            }
        }
    }
}

/// A setting in which `{…}` stand for what the simulator tells.
fn filled(tenant: &Tenant, value: &str) -> String {
    let told = tenant.running.description();
    let value = value.replace("{untrusted}", &told.untrusted);
    match &told.okta {
        Some(okta) => value.replace("{url}", &okta.url).replace("{token}", &okta.token),
        None => value,
    }
}

/// What is read out of a text.
fn read(provider: Provider, text: &str) -> Vec<(String, String)> {
    let error = connect::recognise(provider.name(), text);
    let error = error.unwrap_or_else(|| panic!("{text}"));
    vec![(error.code().unwrap_or_default().to_owned(), error.to_string())]
}

/// Where the browser is sent, and what it shows.
async fn consented(tenant: &Tenant, redirect: &str, answer: &str) -> String {
    let entra = tenant.running.description().entra.clone().unwrap();
    let known = "https://sync.example.org/consented";
    tenant.control("POST", "redirects", json!({"uri": known})).await;
    tenant.control("POST", "consent", json!({"answer": answer})).await;
    let url = format!("{}/{}/adminconsent", entra.authority, entra.tenant);
    let query = [("client_id", entra.client_id.as_str()), ("redirect_uri", redirect)];
    let answer = tenant.http.get(url).query(&query).send().await.unwrap();
    let location = answer.headers().get("location").map(|at| at.to_str().unwrap().to_owned());
    format!("{} {}", location.unwrap_or_default(), answer.text().await.unwrap())
}

/// What a pull says whose position is not known any more.
async fn expired(tenant: &Tenant) -> Vec<(String, String)> {
    let connector = tenant.connector();
    let cursor = connector.pull(None, &Progress::default()).await.unwrap().cursor;
    tenant.control("POST", "expire", json!({"what": "cursors"})).await;
    let notes = connector.pull(cursor.as_ref(), &Progress::default()).await.unwrap().notes;
    let code = |note: &str| Some(note.rsplit_once('[')?.1.trim_end_matches(']').to_owned());
    notes.into_iter().filter_map(|note| Some((code(&note)?, note))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_provoked_and_recognised() {
    let cases: Vec<Case> = network::cases()
        .into_iter()
        .chain(entra::cases())
        .chain(passwords::cases())
        .chain(google::cases())
        .chain(okta::cases())
        .collect();
    let met: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
    let rows: BTreeSet<&str> = IDS.into_iter().collect();
    assert_eq!(met, rows, "each row has a case, and each case a row");
    // Side by side, since what is temporary is tried several times.
    let failures: Vec<String> = stream::iter(&cases)
        .map(|case| async move {
            let found = case.recognised().await;
            let right = found.iter().any(|(id, words)| {
                id == case.id && case.says.iter().all(|say| words.contains(say))
            });
            (!right).then(|| format!("{} {:?}: {found:?}", case.id, case.says))
        })
        .buffer_unordered(12)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
