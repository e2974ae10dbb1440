//! What lets a request in: an API token, or an access token of a service app, bound to a key of ours where the app
//! demands that (DPoP).
//!
//! Invariants: neither a secret nor a token is ever formatted; what is signed is good for one request; scopes that
//! reading does not need are asked for in a token of their own, since one that is missing fails the whole token.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use directory::id::Millis;
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{catalogue, settings::Settings};
use crate::{
    bearer::{self, Bearers, Granted, TokenDocument},
    call::Admission,
    error::{ConnectError, Kind},
    http::{Answer, Http, Setback},
    progress::Progress,
    scope::Scope,
    signer::{Jwk, Padding, Signer, digest},
};

/// What reading needs.
pub(super) const SCOPES: &str = "okta.users.read okta.groups.read";
/// What reading by assignment needs.
const ASSIGNED_SCOPES: &str = "okta.users.read okta.groups.read okta.apps.read";
/// What the System Log needs.
pub(super) const LOG_SCOPE: &str = "okta.logs.read";
/// What registering an event hook needs.
const HOOK_SCOPE: &str = "okta.eventHooks.manage";
/// How long an assertion is good, in seconds.
const LIFE_S: i64 = 300;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const PROOF: HeaderName = HeaderName::from_static("dpop");

/// What a request is for, which decides its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Reading,
    Log,
    Hooks,
}

/// How we show who we are.
pub(super) enum Credential {
    /// An API token: the whole header.
    Token(HeaderValue),
    /// A service app.
    App(Box<App>),
}

/// A service app with its key.
pub(super) struct App {
    url: String,
    client_id: String,
    key: Signer,
    key_id: Option<String>,
    /// Signs the proofs of possession; made anew at each start.
    proof: Signer,
    proof_wanted: AtomicBool,
    nonce: Mutex<Option<String>>,
    reading: Bearers<Bound>,
    log: Bearers<Bound>,
    hooks: Bearers<Bound>,
}

/// The digest of a token that needs a proof with each request.
#[derive(Clone)]
struct Bound(Option<String>);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Credential(API token)",
            Self::App(_) => "Credential(service app)",
        })
    }
}

impl Credential {
    /// Reads the secret: a private key (JWK or PEM) of a service app, or an API token.
    pub(super) fn read(settings: &Settings, secret: &SecretString) -> Result<Self, ConnectError> {
        let refused = |code, text: &str| ConnectError::new(Kind::Setting, code, text);
        let text = secret.expose_secret().trim_start_matches('\u{feff}').trim();
        let is_key = text.starts_with('{') || text.starts_with("-----BEGIN");
        let Some(client_id) = settings.client_id.clone() else {
            if is_key {
                return Err(ConnectError::setting(
                    "the secret is a private key, but the setting `client_id` is missing: the Client ID of the API \
                     Services app that knows the key; give it with --set client_id=…",
                ));
            }
            let token = text.strip_prefix("SSWS").unwrap_or(text).trim();
            if token.is_empty() {
                return Err(refused(
                    "O-TOKEN",
                    "the API token is empty; Security > API > Tokens makes one",
                ));
            }
            let mut header = HeaderValue::from_str(&format!("SSWS {token}")).map_err(|_| {
                refused("O-TOKEN", "the API token has characters that no token has; copy it again")
            })?;
            header.set_sensitive(true);
            return Ok(Self::Token(header));
        };
        let not_a_key = "the secret is not a private key (a JWK or PEM of type RSA or P-256); a service app's client \
                         secret does not let it read, and an API token goes without the setting `client_id`";
        if !is_key {
            return Err(refused("O-KEY", not_a_key));
        }
        let (key, kid) = if text.starts_with('{') {
            let jwk: Jwk = serde_json::from_str(text).map_err(|_| refused("O-KEY", not_a_key))?;
            (Signer::from_jwk(&jwk), jwk.kid)
        } else {
            (Signer::from_pem(text), None)
        };
        let key = key.ok_or_else(|| {
            refused(
                "O-KEY",
                "the private key is damaged, is only the public part, or is not of type RSA or P-256",
            )
        })?;
        Ok(Self::App(Box::new(App {
            url: settings.address(&["oauth2", "v1", "token"], &[]),
            client_id,
            key,
            key_id: settings.key_id.clone().or(kid),
            proof: Signer::new_ec()?,
            proof_wanted: AtomicBool::new(false),
            nonce: Mutex::default(),
            reading: Bearers::default(),
            log: Bearers::default(),
            hooks: Bearers::default(),
        })))
    }

    /// The headers of a request.
    pub(super) async fn admit(
        &self,
        purpose: Purpose,
        (method, url): (&str, &str),
        (http, settings): (&Http, &Settings),
        progress: &Progress,
    ) -> Result<Admission, ConnectError> {
        let app = match self {
            Self::Token(header) => {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, header.clone())]);
                return Ok(Admission { headers, generation: 0 });
            }
            Self::App(app) => app,
        };
        let ask = app.ask(purpose, (http, settings), progress);
        let token = app.bearers(purpose).get(|| http.now(), ask).await?;
        let digest = token.said.0.clone();
        let mut admission = token.admission();
        if let Some(digest) = digest {
            let proof = app.proof(method, url, http, Some(&digest))?;
            admission.headers.insert(PROOF, proof);
        }
        Ok(admission)
    }

    /// A token was refused: it is not used any more.
    pub(super) async fn refused(&self, purpose: Purpose, generation: u64) {
        if let Self::App(app) = self {
            app.bearers(purpose).refused(generation).await;
        }
    }
}

impl App {
    fn bearers(&self, purpose: Purpose) -> &Bearers<Bound> {
        match purpose {
            Purpose::Reading => &self.reading,
            Purpose::Log => &self.log,
            Purpose::Hooks => &self.hooks,
        }
    }

    async fn ask(
        &self,
        purpose: Purpose,
        (http, settings): (&Http, &Settings),
        progress: &Progress,
    ) -> Result<Granted<Bound>, ConnectError> {
        let scope = match (purpose, &settings.scope) {
            (Purpose::Reading, Scope::Assigned(_)) => ASSIGNED_SCOPES,
            (Purpose::Reading, _) => SCOPES,
            (Purpose::Log, _) => LOG_SCOPE,
            (Purpose::Hooks, _) => HOOK_SCOPE,
        };
        let request = || {
            let assertion = self.assertion(http)?;
            let form = [
                ("grant_type", "client_credentials"),
                ("scope", scope),
                ("client_assertion_type", ASSERTION),
                ("client_assertion", assertion.expose_secret()),
            ];
            let mut request = http.request(Method::POST, &self.url).form(&form);
            if self.proof_wanted.load(Relaxed) {
                request = request.header(PROOF, self.proof("POST", &self.url, http, None)?);
            }
            Ok(request)
        };
        bearer::ask(http, progress, request, |answer| match TokenDocument::read(answer) {
            Some(document) if document.token_type.eq_ignore_ascii_case("DPoP") => {
                let digest = digest(document.access_token.expose_secret().as_bytes());
                let bound = Bound(Some(URL_SAFE_NO_PAD.encode(digest)));
                Ok(document.granted("DPoP", bound))
            }
            Some(document) => Ok(document.granted("Bearer", Bound(None))),
            None => Err(self
                .proof_demanded(answer)
                .unwrap_or_else(|| catalogue::token(answer, settings, scope, http.now()))),
        })
        .await
    }

    /// Whether the endpoint only wants a proof of possession, or a fresh one: then the request is made anew at once.
    fn proof_demanded(&self, answer: &Answer) -> Option<Setback> {
        let error = catalogue::token_error(answer);
        let again = |code| {
            let text = "Okta goes on demanding another proof of possession (DPoP); check this server's clock";
            Setback::Failed(ConnectError::new(Kind::Temporary, code, text), Some(Duration::ZERO))
        };
        match error.as_str() {
            "use_dpop_nonce" => {
                let nonce = answer.headers.get("dpop-nonce")?.to_str().ok()?.to_owned();
                *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce);
                self.proof_wanted.store(true, Relaxed);
                Some(again("O-NONCE"))
            }
            "invalid_dpop_proof" if !self.proof_wanted.swap(true, Relaxed) => Some(again("O-DPOP")),
            _ => None,
        }
    }

    fn assertion(&self, http: &Http) -> Result<SecretString, ConnectError> {
        let mut header = json!({"typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let issued = seconds(vendor_now(http));
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.url,
            "iat": issued,
            "exp": issued + LIFE_S,
            "jti": http.unique(),
        });
        self.key.jwt(Padding::Pkcs1, header, &claims)
    }

    /// A proof that we hold the key that a token is bound to, for one request.
    fn proof(
        &self,
        method: &str,
        url: &str,
        http: &Http,
        token: Option<&str>,
    ) -> Result<HeaderValue, ConnectError> {
        let address = url.split(['?', '#']).next().unwrap_or(url);
        let mut claims = json!({
            "htm": method,
            "htu": address,
            "iat": seconds(vendor_now(http)),
            "jti": http.unique(),
        });
        match token {
            Some(digest) => claims["ath"] = json!(digest),
            None => {
                if let Some(nonce) = &*self.nonce.lock().unwrap_or_else(PoisonError::into_inner) {
                    claims["nonce"] = json!(nonce);
                }
            }
        }
        let header = json!({"typ": "dpop+jwt", "jwk": self.proof.public_jwk()});
        let proof = self.proof.jwt(Padding::Pkcs1, header, &claims)?;
        let mut value = HeaderValue::from_str(proof.expose_secret())
            .map_err(|_| ConnectError::new(Kind::Protocol, None, "a proof cannot be sent"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Okta judges by its own clock, which its answers tell: a server whose clock is wrong is let in nonetheless once it
/// has heard one.
fn vendor_now(http: &Http) -> Millis {
    http.now().plus(http.skew_ms())
}

fn seconds(now: Millis) -> i64 {
    now.0 / 1_000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn said(pairs: &[(&str, &str)], secret: &str) -> String {
        let url = ("url".to_owned(), "https://example.okta.com".to_owned());
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings = Settings::read(&pairs.chain([url]).collect::<BTreeMap<_, _>>()).unwrap();
        match Credential::read(&settings, &SecretString::from(secret)) {
            Ok(credential) => format!("{credential:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn secrets_are_told_apart_and_never_shown() {
        let app = [("client_id", "0oa1")];
        assert_eq!(said(&[], "00hush\n"), "Credential(API token)");
        assert_eq!(said(&[], "SSWS 00hush"), "Credential(API token)");
        assert!(said(&[], " ").contains("[O-TOKEN]"));
        assert!(said(&[], "00h\u{1}ush").contains("[O-TOKEN]"));
        let jwk = Signer::new_ec().unwrap().private_ec_jwk("k").unwrap();
        assert_eq!(said(&app, jwk.expose_secret()), "Credential(service app)");
        assert!(said(&[], jwk.expose_secret()).contains("`client_id` is missing"));
        for bad in ["00hush", r#"{"kty":"EC","hush":1}"#, "-----BEGIN PRIVATE KEY-----\nhush"] {
            let text = said(&app, bad);
            assert!(text.contains("[O-KEY]") && !text.contains("hush"), "{text}");
        }
    }
}
