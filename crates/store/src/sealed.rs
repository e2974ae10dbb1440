//! Secrets at rest: AES-256-GCM under a key that lies beside the database, readable by its owner only.
//!
//! Invariant: a sealed secret opens only with the key and for the purpose it was sealed for, so that one
//! connection's secret copied into another's row does not open.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::StoreError;

const KEY_LEN: usize = 32;
/// Version of the sealed form: version, nonce, text, tag.
const SEALED: u8 = 1;

/// A name that no other database has.
pub(crate) fn random_name() -> String {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).expect("the system gives random numbers: the key was made of them");
    uuid::Builder::from_random_bytes(bytes).into_uuid().simple().to_string()
}

/// The key under which secrets are sealed.
pub(crate) struct Key(RandomizedNonceKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads the key file; makes it when `fresh` says that nothing was sealed yet.
    pub(crate) fn open(path: &Path, fresh: bool) -> Result<Self, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && fresh => make(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Key(format!(
                    "the key file {} is missing, and the database holds secrets sealed with it; restore it from \
                     where you keep it",
                    path.display()
                )));
            }
            Err(error) => {
                return Err(StoreError::Key(format!(
                    "the key file {} cannot be read: {error}",
                    path.display()
                )));
            }
        };
        let mode = fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            return Err(StoreError::Key(format!(
                "the key file {} can be read by others; `chmod 600` it, and think about who read it",
                path.display()
            )));
        }
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).unwrap_or_default();
        if bytes.len() != KEY_LEN {
            return Err(StoreError::Key(format!(
                "the key file {} is not a key: it should hold {KEY_LEN} bytes in base64",
                path.display()
            )));
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("the length was checked");
        Ok(Self(key))
    }

    /// Seals a text for a purpose.
    pub(crate) fn seal(&self, purpose: &str, text: &SecretString) -> Vec<u8> {
        let mut text = text.expose_secret().as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(purpose), &mut text)
            .expect("a secret is far shorter than the cipher's limit");
        let mut sealed = vec![SEALED];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        sealed
    }

    /// Opens what was sealed for a purpose.
    pub(crate) fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<SecretString, StoreError> {
        let wrong = || {
            StoreError::Key(format!(
                "the {purpose} cannot be opened with this key file; put back the key file that belongs to this \
                 database"
            ))
        };
        let (version, rest) = sealed.split_first().ok_or_else(wrong)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        if *version != SEALED {
            return Err(wrong());
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(text.to_vec());
        let open =
            self.0.open_in_place(nonce, Aad::from(purpose), &mut text).map_err(|_| wrong())?;
        let open = std::str::from_utf8(open).map_err(|_| wrong())?;
        Ok(SecretString::from(open))
    }
}

fn make(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let mut bytes = Zeroizing::new([0_u8; KEY_LEN]);
    rand::fill(bytes.as_mut_slice())
        .map_err(|_| StoreError::Key("the system gives no random numbers".to_owned()))?;
    let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        StoreError::Key(format!("the key file {} cannot be written: {error}", path.display()))
    })?;
    Ok(text)
}
