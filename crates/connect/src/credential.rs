//! Credentials that we make ourselves: the administrator gives the provider the public part.
//!
//! Invariant: the private part exists in the secret only.

use std::fmt::Write as _;

use aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
use directory::id::{DAY_MS, Millis};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, PKCS_RSA_SHA256};
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    error::{ConnectError, Kind},
    signer::Signer,
};

/// How long a certificate is good, in days. Entra takes any; two years is what its secrets live.
const CERTIFICATE_DAYS: i64 = 730;

/// A credential of our making.
#[derive(Debug)]
pub struct Credential {
    /// What connecting takes as the secret.
    pub secret: SecretString,
    /// What the provider gets.
    pub public: String,
    /// How the provider will show it: the thumbprint of a certificate, the id of a key.
    pub name: String,
    /// When it stops working.
    pub expires: Option<Millis>,
}

impl Credential {
    /// A key with a self-signed certificate for an Entra app: the secret is both in PEM form, the public part is
    /// the `.cer` file to upload.
    ///
    /// # Errors
    /// When this machine cannot make a key.
    pub fn entra(now: Millis) -> Result<Self, ConnectError> {
        let failed = |_| {
            ConnectError::new(Kind::Protocol, None, "no certificate could be made on this machine")
        };
        let (_, der) = Signer::new_rsa()?;
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_RSA_SHA256)
            .map_err(failed)?;
        let expires = now.plus(CERTIFICATE_DAYS * DAY_MS);
        let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, "Muster");
        // A clock that is a little ahead must not make it not yet valid.
        parameters.not_before = day(now.plus(-DAY_MS))?;
        parameters.not_after = day(expires)?;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        let public = certificate.pem();
        Ok(Self {
            secret: SecretString::from(format!("{}{public}", key.serialize_pem())),
            name: thumbprint(certificate.der()),
            public,
            expires: Some(expires),
        })
    }

    /// A key for an Okta service app: the secret is a private JWK, the public part the JWK to paste.
    ///
    /// # Errors
    /// When this machine cannot make a key.
    pub fn okta() -> Result<Self, ConnectError> {
        let key = Signer::new_ec()?;
        let name = key.thumbprint();
        let secret = key.private_ec_jwk(&name).ok_or_else(|| {
            ConnectError::new(Kind::Protocol, None, "no key could be made on this machine")
        })?;
        let mut public = key.public_jwk();
        for (field, value) in [("kid", name.as_str()), ("use", "sig"), ("alg", "ES256")] {
            public[field] = Value::from(value);
        }
        let public = serde_json::to_string_pretty(&public).unwrap_or_default();
        Ok(Self { secret, public, name, expires: None })
    }
}

/// How Entra's portal shows a certificate: SHA-1, which names it and protects nothing.
pub(crate) fn thumbprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// The day of a time, as certificates have it.
fn day(at: Millis) -> Result<time::OffsetDateTime, ConnectError> {
    time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(DAY_MS) * (DAY_MS / 1_000))
        .map_err(|_| ConnectError::new(Kind::Protocol, None, "this server's clock is far off"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_public_part_holds_nothing_private() {
        let now = Millis(1_763_900_000_000);
        let entra = Credential::entra(now).unwrap();
        assert!(entra.public.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!entra.public.contains("PRIVATE KEY") && entra.name.len() == 40);
        let secret = entra.secret.expose_secret();
        assert!(secret.contains("PRIVATE KEY") && secret.contains(&entra.public));
        assert_eq!(entra.expires, Some(now.plus(730 * DAY_MS)));
        let okta = Credential::okta().unwrap();
        let public: Value = serde_json::from_str(&okta.public).unwrap();
        assert_eq!((public["kid"].as_str(), public.get("d")), (Some(okta.name.as_str()), None));
        assert!(okta.secret.expose_secret().contains("\"d\""));
        assert!(!format!("{okta:?}").contains("\"d\""));
    }
}
