//! Access tokens: JWTs signed with the organisation's key and verified on every request.
//!
//! Invariant: a token is judged by signature, expiry by the virtual clock, and by whether control let it expire.
//! Verified tokens are remembered by their text so that a fast client does not pay for RSA on every page.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SimulatorError;

/// Most verified tokens that are remembered.
const VERIFIED_MAX: usize = 1000;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) ver: u32,
    pub(super) jti: String,
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) cid: String,
    pub(super) scp: Vec<String>,
    /// The key that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Confirmation>,
    /// Our own number of the token.
    pub(super) number: u64,
}

/// Which key must prove possession.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmation {
    /// Its thumbprint.
    pub(super) jkt: String,
}

/// Signs and verifies.
#[derive(Debug)]
pub(super) struct Signer {
    key: RsaKeyPair,
    public: RsaPublicKeyComponents<Vec<u8>>,
    key_id: String,
    verified: Mutex<HashMap<String, Arc<Claims>>>,
}

impl Signer {
    /// Makes a fresh 2048-bit key with this id.
    pub(super) fn new(key_id: String) -> Result<Self, SimulatorError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SimulatorError::Keys)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        Ok(Self { key, public, key_id, verified: Mutex::default() })
    }

    /// The token for these claims.
    pub(super) fn sign(&self, claims: &Claims) -> String {
        let header =
            json!({"typ": "application/okta-internal-at+jwt", "alg": "RS256", "kid": self.key_id});
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
    pub(super) fn verify(&self, token: &str) -> Option<Arc<Claims>> {
        if let Some(claims) = crate::lock(&self.verified).get(token) {
            return Some(Arc::clone(claims));
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (_, body) = message.split_once('.')?;
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signed =
            self.public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature);
        signed.ok()?;
        let claims: Arc<Claims> = Arc::new(serde_json::from_slice(&body).ok()?);
        let mut verified = crate::lock(&self.verified);
        if verified.len() >= VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(token.to_owned(), Arc::clone(&claims));
        Some(claims)
    }

    /// The public key as a JSON Web Key Set.
    pub(super) fn key_set(&self) -> Value {
        json!({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id,
            "n": URL_SAFE_NO_PAD.encode(&self.public.n),
            "e": URL_SAFE_NO_PAD.encode(&self.public.e),
        }]})
    }
}
