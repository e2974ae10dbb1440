//! JSON web tokens that clients sign, and the public keys that verify them.
//!
//! Invariant: the algorithm must be one of those Okta takes (RS and ES with 256, 384, 512) and fit the key; a key
//! whose private part is shown is none.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RsaPublicKeyComponents, UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The algorithms that clients may sign with.
pub(super) const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/// Longest token that is looked at.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// A token in its compact form, taken apart; nothing is verified yet.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    pub(super) header: Value,
    pub(super) claims: Value,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let object = |part: &str| -> Option<Value> {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice(&bytes).ok().filter(Value::is_object)
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            message,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The algorithm, if it is one that Okta takes.
    pub(super) fn algorithm(&self) -> Option<&'static str> {
        let named = self.header["alg"].as_str()?;
        ALGORITHMS.into_iter().find(|known| *known == named)
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }

    /// A claim that is a time, in seconds since 1970.
    pub(super) fn seconds(&self, name: &str) -> Option<i64> {
        self.claims[name].as_i64()
    }

    /// Whether this key signed it.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Some(algorithm) = self.algorithm() else {
            return false;
        };
        let message = self.message.as_bytes();
        match (&key.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let parameters = match algorithm {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, &self.signature).is_ok()
            }
            (Material::Ec { curve, point }, _) => {
                let parameters = match (*curve, algorithm) {
                    ("P-256", "ES256") => &ECDSA_P256_SHA256_FIXED,
                    ("P-384", "ES384") => &ECDSA_P384_SHA384_FIXED,
                    ("P-521", "ES512") => &ECDSA_P521_SHA512_FIXED,
                    _ => return false,
                };
                UnparsedPublicKey::new(parameters, point).verify(message, &self.signature).is_ok()
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ec {
        curve: &'static str,
        /// Uncompressed.
        point: Vec<u8>,
    },
}

/// A public key, as a JSON web key describes it.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    material: Material,
    /// Its thumbprint (RFC 7638).
    pub(super) thumbprint: String,
}

impl PublicKey {
    /// The key of a JSON web key, or what is wrong with that.
    pub(super) fn read(jwk: &Value) -> Result<Self, &'static str> {
        if ["d", "p", "q", "k"].iter().any(|name| jwk.get(*name).is_some()) {
            return Err("the key shows its private part");
        }
        let bytes = |name: &str| {
            let text = jwk[name].as_str()?;
            URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty())
        };
        let incomplete = "the key is not complete";
        let (material, canonical) = match jwk["kty"].as_str() {
            Some("RSA") => {
                let (n, e) = bytes("n").zip(bytes("e")).ok_or(incomplete)?;
                let canonical = json!({"e": jwk["e"], "kty": "RSA", "n": jwk["n"]});
                (Material::Rsa { n, e }, canonical)
            }
            Some("EC") => {
                let known = [("P-256", 32), ("P-384", 48), ("P-521", 66)];
                let named = jwk["crv"].as_str();
                let (curve, size) = known
                    .into_iter()
                    .find(|(curve, _)| Some(*curve) == named)
                    .ok_or("the curve is not supported")?;
                let (x, y) = bytes("x").zip(bytes("y")).ok_or(incomplete)?;
                if x.len() != size || y.len() != size {
                    return Err(incomplete);
                }
                let point = [&[4][..], &x, &y].concat();
                let canonical = json!({"crv": curve, "kty": "EC", "x": jwk["x"], "y": jwk["y"]});
                (Material::Ec { curve, point }, canonical)
            }
            _ => return Err("the key type is not supported"),
        };
        // Objects are written with sorted names, as the thumbprint wants them.
        let print = digest(&SHA256, canonical.to_string().as_bytes());
        Ok(Self { material, thumbprint: URL_SAFE_NO_PAD.encode(print) })
    }
}

/// The members of an RSA private key from its PKCS#8 form, as a JSON web key names them.
pub(super) fn private_members(pkcs8: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let mut whole = pkcs8;
    let mut info = take(&mut whole, 0x30)?;
    take(&mut info, 0x02)?;
    take(&mut info, 0x30)?;
    let mut inner = take(&mut info, 0x04)?;
    let mut key = take(&mut inner, 0x30)?;
    take(&mut key, 0x02)?;
    ["n", "e", "d", "p", "q", "dp", "dq", "qi"]
        .into_iter()
        .map(|name| {
            let number = take(&mut key, 0x02)?;
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            Some((name, URL_SAFE_NO_PAD.encode(&number[zeros..])))
        })
        .collect()
}

/// Takes one element of DER with this tag from the front; its content.
fn take<'a>(from: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (first, rest) = from.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    (*first == tag).then_some(content)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::KeySize,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
            ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
            RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
        },
    };

    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_standard() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
                 BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR\
                 0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTW\
                 hAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::read(&json!({"kty": "RSA", "n": n, "e": "AQAB"})).unwrap();
        assert_eq!(key.thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    fn unsigned(algorithm: &str) -> String {
        let header = json!({"alg": algorithm}).to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"))
    }

    fn check(message: &str, signature: &[u8], key: &PublicKey) {
        let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert!(Jwt::read(&text).unwrap().is_signed_by(key), "{message}");
        let mut other = signature.to_vec();
        other[7] ^= 1;
        let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(other));
        assert!(!Jwt::read(&text).unwrap().is_signed_by(key), "{message}");
    }

    #[test]
    fn all_algorithms_are_verified_with_keys_that_fit() {
        let random = SystemRandom::new();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
        let [n, e] = [&public.n, &public.e].map(|part| URL_SAFE_NO_PAD.encode(part));
        let key = PublicKey::read(&json!({"kty": "RSA", "n": n, "e": e})).unwrap();
        let encodings: [(&str, &dyn RsaEncoding); 3] = [
            ("RS256", &RSA_PKCS1_SHA256),
            ("RS384", &RSA_PKCS1_SHA384),
            ("RS512", &RSA_PKCS1_SHA512),
        ];
        for (algorithm, encoding) in encodings {
            let message = unsigned(algorithm);
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
            check(&message, &signature, &key);
        }
        for (algorithm, curve, signing) in [
            ("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            ("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            ("ES512", "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
        ] {
            let pair = EcdsaKeyPair::generate(signing).unwrap();
            let point = &pair.public_key().as_ref()[1..];
            let [x, y] = [&point[..point.len() / 2], &point[point.len() / 2..]];
            let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
            let jwk = json!({"kty": "EC", "crv": curve, "x": x, "y": y});
            let message = unsigned(algorithm);
            let signature = pair.sign(&random, message.as_bytes()).unwrap();
            check(&message, signature.as_ref(), &PublicKey::read(&jwk).unwrap());
            let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature));
            assert!(!Jwt::read(&text).unwrap().is_signed_by(&key), "another kind of key");
        }
        assert!(Jwt::read(&format!("{}.AA", unsigned("PS256"))).unwrap().algorithm().is_none());
    }

    #[test]
    fn odd_keys_are_refused() {
        for jwk in [
            json!({"kty": "RSA", "n": "AQ"}),
            json!({"kty": "RSA", "n": "AQ", "e": "AQAB", "d": "AQ"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"}),
            json!({"kty": "oct", "k": "AQ"}),
            json!({}),
        ] {
            assert!(PublicKey::read(&jwk).is_err(), "{jwk}");
        }
        assert!(Jwt::read("a.b").is_none() && Jwt::read("").is_none());
    }
}
