//! Access tokens: RS256 JWTs, signed with a key made at start and verified on every Graph request.
//!
//! Invariant: a token is judged by signature, audience, expiry by the virtual clock, and by whether control let it
//! expire. Verified tokens are remembered by their text so that a fast client does not pay for RSA on every page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::SimulatorError;

/// The name of our only signing key.
pub(crate) const KEY_ID: &str = "muster-simulator-1";
/// Most verified tokens that are remembered.
const VERIFIED_MAX: usize = 1000;

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: String,
    pub(crate) iss: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    pub(crate) app_displayname: String,
    pub(crate) appid: String,
    pub(crate) appidacr: String,
    pub(crate) idtyp: String,
    pub(crate) oid: String,
    /// Absent without consent, as at the vendor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    /// What a person delegated; absent in the application's own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scp: Option<String>,
    pub(crate) sub: String,
    pub(crate) tid: String,
    /// Whose token it is, if a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upn: Option<String>,
    pub(crate) uti: String,
    pub(crate) ver: String,
    /// Our own number of the token, under a name the vendor uses for internals.
    #[serde(rename = "xms_idrel")]
    pub(crate) number: String,
}

impl Claims {
    /// Whether the token carries any of these roles.
    pub(crate) fn any_role(&self, wanted: &[&str]) -> bool {
        self.roles.iter().any(|role| wanted.contains(&role.as_str()))
    }

    /// Whether it may read users.
    pub(crate) fn reads_users(&self) -> bool {
        self.any_role(&[
            "User.Read.All",
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ])
    }

    /// Whether it may read groups and their members.
    pub(crate) fn reads_groups(&self) -> bool {
        self.any_role(&[
            "GroupMember.Read.All",
            "GroupMember.ReadWrite.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ])
    }
}

impl Claims {
    /// Whether it may see who is in groups that hide their members.
    pub(crate) fn sees_hidden(&self) -> bool {
        self.any_role(&["Member.Read.Hidden"])
    }
}

/// Why a text is no token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is not a JWT.
    #[error("not a token")]
    Malformed,
    /// The signature is not ours.
    #[error("wrong signature")]
    Signature,
}

/// Signs and verifies.
#[derive(Debug)]
pub(crate) struct Signer {
    key: RsaKeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    verified: Mutex<HashMap<String, Arc<Claims>>>,
}

impl Signer {
    /// Makes a fresh 2048-bit key. The key is the one thing that does not come from the seed.
    pub(crate) fn new() -> Result<Self, SimulatorError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SimulatorError::Keys)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        Ok(Self { key, modulus: public.n, exponent: public.e, verified: Mutex::default() })
    }

    /// The token for these claims.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let header = serde_json::json!({ "typ": "JWT", "alg": "RS256", "kid": KEY_ID });
        let body = serde_json::to_vec(claims).expect("claims are plain data");
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(body, &mut token);
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .expect("the key fits the algorithm and the buffer fits the key");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// The claims of a token that we signed, whether or not it is still good.
    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(claims) = crate::lock(&self.verified).get(token) {
            return Ok(Arc::clone(claims));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (_, body) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        let public = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        public
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
            .map_err(|_| TokenError::Signature)?;
        let claims: Claims = serde_json::from_slice(&body).map_err(|_| TokenError::Malformed)?;
        let claims = Arc::new(claims);
        let mut verified = crate::lock(&self.verified);
        if verified.len() >= VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(token.to_owned(), Arc::clone(&claims));
        Ok(claims)
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn key_set(&self, issuer: &str) -> serde_json::Value {
        serde_json::json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "x5t": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(&self.modulus),
            "e": URL_SAFE_NO_PAD.encode(&self.exponent),
            "issuer": issuer,
        }]})
    }
}
