//! The access token: asked for with the client secret or a certificate, renewed in time, shared by all requests.
//!
//! Invariant: neither secret nor token is ever formatted; a token that was refused is not used again.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{catalogue, settings::Settings};
use crate::{
    bearer::{self, Bearer, Bearers, Granted, TokenDocument},
    credential::thumbprint,
    error::{ConnectError, Kind},
    http::Http,
    progress::Progress,
    signer::{Padding, Signer, digest},
};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good, in seconds.
const ASSERTION_LIFE_S: i64 = 300;

/// Gets and keeps the token.
pub(super) struct Tokens {
    url: String,
    scope: String,
    client_id: String,
    credential: Credential,
    current: Bearers<Said>,
}

/// What shows that we are the app.
enum Credential {
    Secret(SecretString),
    Certificate {
        key: Signer,
        /// The digest of the certificate, which tells Entra which one it is.
        digest: String,
        /// How the portal shows it.
        thumbprint: String,
    },
}

/// What a token says of itself.
#[derive(Clone)]
pub(super) struct Said {
    /// The granted application permissions; `None` if the token cannot be looked into.
    pub(super) roles: Option<Vec<String>>,
    /// The tenant's id, if the token says.
    pub(super) tenant: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What is looked at in the token; nothing of it is trusted.
#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
    tid: Option<String>,
}

impl Tokens {
    pub(super) fn new(settings: &Settings, secret: &SecretString) -> Result<Self, ConnectError> {
        let authority = settings.authority.as_str().trim_end_matches('/');
        Ok(Self {
            url: format!("{authority}/{}/oauth2/v2.0/token", settings.tenant),
            scope: format!("{}/.default", settings.graph.as_str().trim_end_matches('/')),
            client_id: settings.client_id.clone(),
            credential: Credential::read(secret)?,
            current: Bearers::default(),
        })
    }

    /// The current token, asked for anew when it is about to expire.
    pub(super) async fn get(
        &self,
        http: &Http,
        progress: &Progress,
    ) -> Result<Bearer<Said>, ConnectError> {
        self.current.get(|| http.now(), self.ask(http, progress)).await
    }

    /// A token was refused: it is not used any more.
    pub(super) async fn refused(&self, generation: u64) {
        self.current.refused(generation).await;
    }

    async fn ask(&self, http: &Http, progress: &Progress) -> Result<Granted<Said>, ConnectError> {
        let fields = [("scope", self.scope.as_str()), ("grant_type", "client_credentials")];
        let request = || self.request(http, &fields);
        bearer::ask(http, progress, request, |answer| match TokenDocument::read(answer) {
            Some(granted) => {
                let said = said(granted.access_token.expose_secret());
                Ok(granted.granted("Bearer", said))
            }
            None => Err(catalogue::login(answer, http.now())),
        })
        .await
        .map_err(|error| self.shown(error))
    }

    /// A request to the token endpoint with these fields, and with what shows that we are the app.
    pub(super) fn request(
        &self,
        http: &Http,
        fields: &[(&str, &str)],
    ) -> Result<RequestBuilder, ConnectError> {
        let mut form = vec![("client_id", self.client_id.as_str())];
        form.extend(fields);
        let assertion;
        match &self.credential {
            Credential::Secret(secret) => form.push(("client_secret", secret.expose_secret())),
            Credential::Certificate { key, digest, .. } => {
                assertion = self.assertion(key, digest, http)?;
                form.push(("client_assertion_type", ASSERTION));
                form.push(("client_assertion", assertion.expose_secret()));
            }
        }
        Ok(http.request(Method::POST, &self.url).form(&form))
    }

    /// An error of the token endpoint, with what belongs to it of the credential.
    pub(super) fn shown(&self, error: ConnectError) -> ConnectError {
        self.credential.shown(error)
    }

    /// A signed statement that we are the app.
    fn assertion(
        &self,
        key: &Signer,
        digest: &str,
        http: &Http,
    ) -> Result<SecretString, ConnectError> {
        let now = http.now().0 / 1_000;
        let header = json!({"typ": "JWT", "x5t#S256": digest});
        let claims = json!({
            "aud": self.url,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": http.unique(),
            "nbf": now,
            "iat": now,
            "exp": now + ASSERTION_LIFE_S,
        });
        key.jwt(Padding::Pss, header, &claims)
    }
}

impl Credential {
    /// Reads the secret: a client secret's value, or a private key and its certificate in PEM form.
    fn read(secret: &SecretString) -> Result<Self, ConnectError> {
        let refused = |code, text: &str| ConnectError::new(Kind::Setting, code, text);
        // A line end that came with a file is not part of it.
        let text = secret.expose_secret().trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(refused(
                "E-SECRET-NONE",
                "the client secret is empty; copy the Value (not the Secret ID) of a client secret",
            ));
        }
        if !text.starts_with("-----BEGIN") {
            return Ok(Self::Secret(SecretString::from(text)));
        }
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| {
            refused(
                "E-CERT",
                "the secret has no certificate beside the private key; it is the file that `muster directory key` made, \
                 or a PEM file with both",
            )
        })?;
        let key = Signer::from_pem(text).filter(|key| matches!(key, Signer::Rsa(_)));
        let key = key.ok_or_else(|| {
            refused(
                "E-CERT",
                "the secret has no private key beside the certificate, or one that is damaged or no RSA key; it is the \
                 file that `muster directory key` made, or a PEM file with both",
            )
        })?;
        let thumbprint = thumbprint(&certificate);
        Ok(Self::Certificate {
            key,
            digest: URL_SAFE_NO_PAD.encode(digest(&certificate)),
            thumbprint,
        })
    }

    /// An error about the certificate, with what the portal should show of it.
    fn shown(&self, error: ConnectError) -> ConnectError {
        match self {
            Self::Certificate { thumbprint, .. } if error.code() == Some("E-CERT") => {
                error.adding(&format!("this server's certificate has the thumbprint {thumbprint}"))
            }
            _ => error,
        }
    }
}

/// What a token says of itself, which is Graph's to judge.
fn said(token: &str) -> Said {
    let claims: Option<Claims> = payload(token);
    Said {
        tenant: claims.as_ref().and_then(|claims| claims.tid.clone()),
        roles: claims.map(|claims| claims.roles),
    }
}

/// The middle part of a JWT, read without checking the signature.
pub(super) fn payload<T: DeserializeOwned>(token: &str) -> Option<T> {
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use directory::id::Millis;

    use super::*;

    #[test]
    fn credentials_are_told_apart() {
        let said = |text: &str| match Credential::read(&SecretString::from(text)) {
            Ok(Credential::Secret(_)) => "secret".to_owned(),
            Ok(Credential::Certificate { digest, .. }) => digest,
            Err(error) => error.to_string(),
        };
        let made = crate::Credential::entra(Millis(1_763_900_000_000)).unwrap();
        let (secret, public) = (made.secret.expose_secret(), made.public.as_str());
        assert_eq!(said("a~secret\n"), "secret");
        assert_eq!(URL_SAFE_NO_PAD.decode(said(secret)).unwrap().len(), 32);
        assert!(said(public).contains("no private key"));
        assert!(said(&secret.replace(public, "")).contains("no certificate"));
        assert!(said(" ").contains("[E-SECRET-NONE]"));
    }
}
