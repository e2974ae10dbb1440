//! A service account's key file, and the assertions that it signs.
//!
//! Invariants: the private key is never formatted; the address for tokens that the file names is not
//! trusted, since whoever gives a file could have assertions sent anywhere.

use std::fmt;

use directory::id::Millis;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{ConnectError, Kind},
    signer::{Padding, Signer},
};

/// How long an assertion is good, in seconds; Google's maximum.
const LIFE_S: i64 = 3_600;

/// What is used of a key file.
pub(super) struct KeyFile {
    key: Signer,
    key_id: String,
    /// The service account's address.
    pub(super) email: String,
    /// Its numeric id, which the delegation names.
    pub(super) client_id: String,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("email", &self.email).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    private_key_id: String,
    private_key: Option<SecretString>,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    client_id: String,
}

impl KeyFile {
    /// Reads a key file as Google's console makes it.
    pub(super) fn read(secret: &SecretString) -> Result<Self, ConnectError> {
        let refused = |text: &str| ConnectError::new(Kind::Setting, "G-KEYFILE", text);
        let text = secret.expose_secret().trim_start_matches('\u{feff}').trim();
        // PKCS#12 begins with a DER sequence.
        if text.starts_with('0') {
            let text =
                "P12 key files are not supported; make a key of type JSON (Keys > Add key > JSON)";
            return Err(ConnectError::new(Kind::Setting, "G-P12", text));
        }
        let document: Document = serde_json::from_str(text).map_err(|_| {
            refused("the secret is not a service account's key file; it is the JSON file that Keys > Add key > JSON gave")
        })?;
        let (true, Some(pem)) = (document.kind == "service_account", document.private_key) else {
            return Err(refused(
                "this is not a service account's key file (an OAuth client's begins with `web` or `installed`); \
                 Service accounts > the account > Keys > Add key > JSON makes one",
            ));
        };
        let key = Signer::from_pem(pem.expose_secret())
            .filter(|key| matches!(key, Signer::Rsa(_)))
            .ok_or_else(|| {
                refused("the key file's private key is damaged or no RSA key; make a new key")
            })?;
        if document.client_email.is_empty() {
            return Err(refused("the key file names no service account; make a new key"));
        }
        Ok(Self {
            key,
            key_id: document.private_key_id,
            email: document.client_email,
            client_id: document.client_id,
        })
    }

    /// A signed request for a token: to act as `subject` with `scopes`.
    pub(super) fn assertion(
        &self,
        subject: &str,
        scopes: &str,
        audience: &str,
        now: Millis,
    ) -> Result<SecretString, ConnectError> {
        let issued = now.0 / 1_000;
        let header = json!({"typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "sub": subject,
            "scope": scopes,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFE_S,
        });
        self.key.jwt(Padding::Pkcs1, header, &claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<String>, String) {
        let error = KeyFile::read(&SecretString::from(text)).unwrap_err();
        (error.code().map(str::to_owned), error.to_string())
    }

    #[test]
    fn files_that_are_no_keys_are_told_apart() {
        let code = |text: &str| said(text).0.unwrap();
        assert_eq!(code("not json"), "G-KEYFILE");
        assert_eq!(code("0\u{82}\u{9}"), "G-P12");
        assert_eq!(code(r#"{"web":{"client_id":"x"}}"#), "G-KEYFILE");
        assert_eq!(code(r#"{"type":"authorized_user"}"#), "G-KEYFILE");
        let broken = r#"{"type":"service_account","private_key":"hush","client_email":"a@b"}"#;
        let (code, text) = said(broken);
        assert_eq!(code.unwrap(), "G-KEYFILE");
        assert!(text.contains("damaged") && !text.contains("hush"), "{text}");
    }
}
