//! Certificate credentials: a JWT that the app signed in the place of a secret (A1.2).
//!
//! Invariant: what MSAL and other libraries send is good: RS256 or PS256, either digest of the certificate, with padding
//! or without, times with decimals. Times are judged by the wall clock, since the client's does not advance with the
//! virtual one; the certificate ends by the virtual clock. Libraries reuse assertions, so replays are let pass.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    DOMAIN, Entra, INITIAL_DOMAIN,
    login::{LoginError, refuse},
};
use crate::{exchange::Call, tenant::id::Guid};

/// The one kind of assertion.
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The login host's own name, which some libraries keep wherever it is.
const PUBLIC: &str = "https://login.microsoftonline.com";
/// How far clocks may differ, in seconds.
const SKEW_S: f64 = 300.0;
/// Longest life of an assertion, in seconds.
const LIFE_S: f64 = 86_400.0;

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    #[serde(default)]
    jti: String,
    exp: f64,
    #[serde(default)]
    nbf: f64,
}

fn unregistered(reason: &str) -> LoginError {
    let text = format!(
        "The certificate with identifier used to sign the client assertion is not registered on \
         application. [Reason - {reason}]"
    );
    refuse(401, "invalid_client", 700_027, text)
}

impl Entra {
    /// Whether the app signed this assertion, for this endpoint and this time.
    pub(super) fn check_assertion(
        &self,
        assertion: &str,
        tenant: &str,
        call: &Call,
    ) -> Result<(), LoginError> {
        let malformed =
            || refuse(401, "invalid_client", 50_027, "JWT token is invalid or malformed.");
        let (message, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let header = decode(header).and_then(|text| serde_json::from_slice::<Header>(&text).ok());
        let claims = decode(claims).and_then(|text| serde_json::from_slice::<Claims>(&text).ok());
        let (header, claims) = header.zip(claims).ok_or_else(malformed)?;
        let named = self
            .app
            .certificate(|known| known.is_named(header.x5t.as_deref(), header.x5t_s256.as_deref()));
        let certificate = named.ok_or_else(|| unregistered("The key was not found."))?;
        let signature = decode(signature).unwrap_or_default();
        if !certificate.signed(&header.alg, message.as_bytes(), &signature) {
            return Err(unregistered(
                "The key was found, but use of the key to verify the signature failed.",
            ));
        }
        if certificate.until_ms <= self.world.clock.now_ms() {
            return Err(unregistered("The key used is expired."));
        }
        let now = self.world.clock.wall_ms() as f64 / 1000.0;
        if claims.exp <= now || claims.nbf > now + SKEW_S || claims.exp > now + LIFE_S {
            let text = "Client assertion is not within its valid time range. Current time and expiry time of the \
                        assertion differ, check the clock of the machine that made it.";
            return Err(refuse(401, "invalid_client", 700_024, text));
        }
        if !self.is_own_endpoint(&claims.aud, tenant, call) {
            let text = format!(
                "Authentication failed: the audience '{}' of the assertion is not this endpoint.",
                claims.aud
            );
            return Err(refuse(401, "invalid_client", 50_012, text));
        }
        let own = |text: &str| Guid::parse(text) == Some(self.app.client_id);
        if !own(&claims.iss) || !own(&claims.sub) || claims.jti.is_empty() {
            let text = "Assertion is invalid: issuer and subject must be the application, and it must have an id (jti).";
            return Err(refuse(401, "invalid_client", 50_013, text));
        }
        Ok(())
    }

    /// Whether an audience is this token endpoint, or the issuer that it belongs to.
    fn is_own_endpoint(&self, audience: &str, tenant: &str, call: &Call) -> bool {
        let id = self.app.tenant_id.to_string();
        let tenants = [tenant, id.as_str(), DOMAIN, INITIAL_DOMAIN];
        let hosts = [call.base.as_str(), PUBLIC];
        let all = tenants.iter().flat_map(|tenant| hosts.map(|host| format!("{host}/{tenant}")));
        all.into_iter().any(|base| {
            let rest = audience.strip_prefix(base.as_str());
            rest.is_some_and(|rest| matches!(rest, "/oauth2/v2.0/token" | "/v2.0"))
        })
    }
}
