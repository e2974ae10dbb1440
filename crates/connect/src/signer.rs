//! Private keys, and the signed texts (JWT) that prove to a provider who is asking.
//!
//! Invariant: a private key is never formatted, and never leaves except as the secret that is sealed.

use std::fmt;

use aws_lc_rs::{
    digest::SHA256,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPairComponents, KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ConnectError, Kind};

/// Bytes of one coordinate of a P-256 key.
const COORDINATE: usize = 32;

/// A private key that signs.
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// How an RSA key pads what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// `RS256`.
    Pkcs1,
    /// `PS256`.
    Pss,
}

/// A private JSON Web Key (RFC 7518 section 6).
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dq: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qi: Option<String>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "Signer(RSA)",
            Self::Ec(_) => "Signer(P-256)",
        })
    }
}

impl Signer {
    /// A new P-256 key.
    pub(crate) fn new_ec() -> Result<Self, ConnectError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Ec).map_err(|_| no_key())
    }

    /// A new RSA key of 2,048 bits, with its PKCS#8 form.
    pub(crate) fn new_rsa() -> Result<(Self, Vec<u8>), ConnectError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| no_key())?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| no_key())?.as_ref().to_vec();
        Ok((Self::Rsa(key), der))
    }

    /// Reads a PKCS#8 key in PEM form; `None` if it is none, or of a kind that is not used.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let der = der.secret_pkcs8_der();
        if let Ok(key) = RsaKeyPair::from_pkcs8(der) {
            return Some(Self::Rsa(key));
        }
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::Ec)
    }

    /// Reads a private JSON Web Key; `None` if it is none, or of a kind that is not used.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let part = |text: &Option<String>| {
            URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok()
        };
        match jwk.kty.as_str() {
            "EC" if jwk.crv.as_deref() == Some("P-256") => {
                let mut public = vec![4];
                public.extend(part(&jwk.x)?);
                public.extend(part(&jwk.y)?);
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let key = EcdsaKeyPair::from_private_key_and_public_key(
                    algorithm,
                    &part(&jwk.d)?,
                    &public,
                );
                key.ok().map(Self::Ec)
            }
            "RSA" => {
                // Some writers keep a sign byte that is not part of the number.
                let number = |text| {
                    let bytes: Vec<u8> = part(text)?;
                    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
                    Some(bytes[start..].to_vec())
                };
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n: number(&jwk.n)?, e: number(&jwk.e)? },
                    d: number(&jwk.d)?,
                    p: number(&jwk.p)?,
                    q: number(&jwk.q)?,
                    dP: number(&jwk.dp)?,
                    dQ: number(&jwk.dq)?,
                    qInv: number(&jwk.qi)?,
                };
                RsaKeyPair::from_components(&components).ok().map(Self::Rsa)
            }
            _ => None,
        }
    }

    /// The public part as a JSON Web Key.
    pub(crate) fn public_jwk(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(key) => {
                let public = key.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let number = |bytes: &[u8]| part(bytes);
                json!({
                    "kty": "RSA",
                    "n": number(n.big_endian_without_leading_zero()),
                    "e": number(e.big_endian_without_leading_zero()),
                })
            }
            Self::Ec(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(COORDINATE);
                json!({"kty": "EC", "crv": "P-256", "x": part(x), "y": part(y)})
            }
        }
    }

    /// The digest that names the public key (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        // The required members in the order of their names, which is how they are written.
        URL_SAFE_NO_PAD.encode(digest(self.public_jwk().to_string().as_bytes()))
    }

    /// The whole P-256 key as a JSON Web Key with this id; `None` for an RSA key.
    pub(crate) fn private_ec_jwk(&self, kid: &str) -> Option<SecretString> {
        use aws_lc_rs::encoding::EcPrivateKeyBin;
        let Self::Ec(key) = self else { return None };
        let bytes: EcPrivateKeyBin<'static> =
            aws_lc_rs::encoding::AsBigEndian::as_be_bytes(&key.private_key()).ok()?;
        let mut jwk = self.public_jwk();
        jwk["d"] = json!(URL_SAFE_NO_PAD.encode(bytes.as_ref()));
        jwk["kid"] = json!(kid);
        Some(SecretString::from(jwk.to_string()))
    }

    /// The name of the algorithm in a JWT's header.
    pub(crate) fn algorithm(&self, padding: Padding) -> &'static str {
        match (self, padding) {
            (Self::Ec(_), _) => "ES256",
            (Self::Rsa(_), Padding::Pkcs1) => "RS256",
            (Self::Rsa(_), Padding::Pss) => "PS256",
        }
    }

    /// A signed JWT; `alg` is added to the header.
    pub(crate) fn jwt(
        &self,
        padding: Padding,
        mut header: Value,
        claims: &Value,
    ) -> Result<SecretString, ConnectError> {
        header["alg"] = json!(self.algorithm(padding));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let failed = |_| {
            ConnectError::new(Kind::Protocol, None, "a request for a token could not be signed")
        };
        let signature = match self {
            Self::Rsa(key) => {
                let encoding = match padding {
                    Padding::Pkcs1 => &RSA_PKCS1_SHA256,
                    Padding::Pss => &RSA_PSS_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature)
                    .map_err(failed)?;
                signature
            }
            Self::Ec(key) => {
                let signature = key.sign(&SystemRandom::new(), text.as_bytes()).map_err(failed)?;
                signature.as_ref().to_vec()
            }
        };
        Ok(SecretString::from(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref());
    digest
}

fn no_key() -> ConnectError {
    ConnectError::new(Kind::Protocol, None, "no key could be made on this machine")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
        UnparsedPublicKey, VerificationAlgorithm,
    };

    use secrecy::ExposeSecret;

    use super::*;

    fn text(jwt: &SecretString) -> &str {
        jwt.expose_secret()
    }

    fn verifies(jwt: &SecretString, algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) {
        let (signed, signature) = text(jwt).rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn an_ec_key_survives_its_jwk_and_signs() {
        let signer = Signer::new_ec().unwrap();
        let jwk: Jwk = serde_json::from_str(text(&signer.private_ec_jwk("k1").unwrap())).unwrap();
        assert_eq!(jwk.kid.as_deref(), Some("k1"));
        let again = Signer::from_jwk(&jwk).unwrap();
        assert_eq!(again.public_jwk(), signer.public_jwk());
        assert!(signer.public_jwk().get("d").is_none());
        let Signer::Ec(key) = &signer else { panic!("an EC key") };
        let jwt = again.jwt(Padding::Pkcs1, json!({"kid": "k1"}), &json!({"iss": "c"})).unwrap();
        verifies(&jwt, &ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
        assert!(!format!("{signer:?} {jwt:?}").contains("iss"));
    }

    #[test]
    fn an_rsa_key_signs_with_either_padding() {
        let (signer, der) = Signer::new_rsa().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::engine::general_purpose::STANDARD.encode(der)
        );
        let signer_again = Signer::from_pem(&pem).unwrap();
        assert_eq!(signer_again.public_jwk(), signer.public_jwk());
        let Signer::Rsa(key) = &signer else { panic!("an RSA key") };
        let public = key.public_key().as_ref();
        let sign = |padding| signer.jwt(padding, json!({}), &json!({"a": 1})).unwrap();
        verifies(&sign(Padding::Pkcs1), &RSA_PKCS1_2048_8192_SHA256, public);
        verifies(&sign(Padding::Pss), &RSA_PSS_2048_8192_SHA256, public);
    }

    /// The next element of DER: its content, and what follows it.
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (start, length) = match der[1] {
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            0x81 => (3, usize::from(der[2])),
            short => (2, usize::from(short)),
        };
        der[start..].split_at(length)
    }

    #[test]
    fn an_rsa_key_is_read_from_a_jwk() {
        let (signer, der) = Signer::new_rsa().unwrap();
        // PKCS#8: version, algorithm, and a PKCS#1 key whose numbers are in a JWK's order.
        let (_, rest) = element(element(&der).0);
        let (key, _) = element(element(rest).1);
        let (_, mut rest) = element(element(key).0);
        let mut jwk = json!({"kty": "RSA", "kid": "k"});
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            let (number, next) = element(rest);
            jwk[name] = json!(URL_SAFE_NO_PAD.encode(number));
            rest = next;
        }
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let again = Signer::from_jwk(&jwk).unwrap();
        assert_eq!(again.public_jwk(), signer.public_jwk());
        assert_eq!(again.algorithm(Padding::Pss), "PS256");
        assert!(Signer::from_jwk(&Jwk { d: None, ..jwk }).is_none());
        assert!(Signer::from_pem("-----BEGIN PRIVATE KEY-----\nhush\n").is_none());
    }
}
