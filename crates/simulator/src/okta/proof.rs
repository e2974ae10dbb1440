//! Proofs of possession (DPoP, RFC 9449): signed by the key that a token is or will be bound to, for one request.
//!
//! Invariants: a proof is good once, for its method and address, and near its time; at the token endpoint it carries a
//! nonce of ours that is at most three days old. Its time may be by the real clock or by the virtual one.

use std::{collections::HashMap, sync::Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    jwt::{Jwt, PublicKey},
    seal::{Purpose, Seal, take_word},
};
use crate::{chance::hash_bytes, clock, exchange::decoded_path};

const DAY_MS: i64 = 86_400_000;
/// How many days a nonce is still accepted after its own.
const NONCE_DAYS: i64 = 3;
/// How far a proof's time may be from ours, in seconds.
const SKEW_S: i64 = 300;
/// Most ids that are remembered before old ones are dropped.
const SEEN_MAX: usize = 50_000;

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProofError {
    /// There is none.
    Missing,
    /// It is not one, or not for this request.
    Invalid(&'static str),
    /// It has no nonce of ours, or an old one.
    Nonce,
}

/// Ids that were used: each is good once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By hash of the id: until when it must be remembered.
    until_ms: Mutex<HashMap<u64, i64>>,
}

impl Seen {
    /// Notes an id; whether it is new.
    pub(super) fn is_new(&self, owner: &str, id: &str, now_ms: i64, until_ms: i64) -> bool {
        let mut seen = crate::lock(&self.until_ms);
        if seen.len() >= SEEN_MAX {
            seen.retain(|_, until| *until > now_ms);
        }
        let hash = hash_bytes(format!("{owner}\0{id}").as_bytes());
        seen.insert(hash, until_ms).is_none()
    }
}

/// What a proof is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// The address without query.
    pub(super) url: &'a str,
    /// The access token that is shown with it.
    pub(super) token: Option<&'a str>,
}

/// The nonce of this time.
pub(super) fn nonce(seal: &Seal, now_ms: i64) -> String {
    seal.seal(Purpose::Nonce, &now_ms.div_euclid(DAY_MS).to_le_bytes())
}

fn nonce_counts(seal: &Seal, nonce: &str, now_ms: i64) -> bool {
    let bytes = seal.open(Purpose::Nonce, nonce);
    let day = bytes.and_then(|bytes| take_word(&mut bytes.as_slice()));
    day.is_some_and(|day| {
        let age = now_ms.div_euclid(DAY_MS) - day.cast_signed();
        (0..=NONCE_DAYS).contains(&age)
    })
}

/// Whether a time in seconds is near now, by either clock.
pub(super) fn is_near(seconds: i64, now_ms: i64, skew_s: i64) -> bool {
    let clocks = [clock::real_ms(), now_ms];
    clocks.iter().any(|clock| (clock / 1000 - seconds).abs() <= skew_s)
}

/// The thumbprint of the key that made a proof for this request. `seal` if a nonce is wanted.
pub(super) fn verify(
    proof: Option<&str>,
    request: Request<'_>,
    seen: &Seen,
    now_ms: i64,
    seal: Option<&Seal>,
) -> Result<String, ProofError> {
    let invalid = ProofError::Invalid;
    let text = proof.ok_or(ProofError::Missing)?;
    let jwt = Jwt::read(text).ok_or(invalid("The DPoP proof JWT is malformed."))?;
    if jwt.header["typ"] != "dpop+jwt" {
        return Err(invalid("The DPoP proof JWT header 'typ' must be 'dpop+jwt'."));
    }
    if jwt.algorithm().is_none() {
        return Err(invalid("The DPoP proof JWT header 'alg' is not supported."));
    }
    let key = PublicKey::read(&jwt.header["jwk"])
        .map_err(|_| invalid("The DPoP proof JWT header 'jwk' is not a public key."))?;
    if !jwt.is_signed_by(&key) {
        return Err(invalid("The DPoP proof JWT signature is invalid."));
    }
    if jwt.text("htm") != Some(request.method) {
        return Err(invalid("The DPoP proof JWT claim 'htm' does not match the HTTP method."));
    }
    if !jwt.text("htu").is_some_and(|url| same_address(url, request.url)) {
        return Err(invalid("The DPoP proof JWT claim 'htu' does not match the HTTP URI."));
    }
    let made = jwt.seconds("iat").ok_or(invalid("The DPoP proof JWT claim 'iat' is missing."))?;
    if !is_near(made, now_ms, SKEW_S) {
        return Err(invalid("The DPoP proof JWT was issued too long ago or in the future."));
    }
    if let Some(token) = request.token {
        let print = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        if jwt.text("ath") != Some(&print) {
            return Err(invalid("The DPoP proof JWT claim 'ath' does not match the access token."));
        }
    }
    if let Some(seal) = seal
        && !jwt.text("nonce").is_some_and(|nonce| nonce_counts(seal, nonce, now_ms))
    {
        return Err(ProofError::Nonce);
    }
    let id = jwt.text("jti").filter(|id| !id.is_empty());
    let id = id.ok_or(invalid("The DPoP proof JWT claim 'jti' is missing."))?;
    if !seen.is_new(&key.thumbprint, id, now_ms, now_ms + 2 * SKEW_S * 1000) {
        return Err(invalid("The DPoP proof JWT has already been used."));
    }
    Ok(key.thumbprint)
}

/// Whether two addresses are the same, however they are written. Query and fragment do not belong to either, and `%40`
/// and `@` are one: clients encode what they sign and what they send each in their way.
fn same_address(claimed: &str, asked: &str) -> bool {
    if claimed == asked {
        return true;
    }
    let parse = |text: &str| url::Url::parse(text).ok();
    parse(claimed).zip(parse(asked)).is_some_and(|(claimed, asked)| {
        claimed.query().is_none()
            && claimed.fragment().is_none()
            && claimed.origin() == asked.origin()
            && decoded_path(claimed.path()) == decoded_path(asked.path())
    })
}
