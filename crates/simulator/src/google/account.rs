//! The service account: its key, what the administrator delegated to it, and which of its tokens still count.
//!
//! Invariant: what is delegated shows in tokens issued afterwards, as at Google; the subject's role, the API and the
//! domain are looked at in every request. The key is the one thing that does not come from the seed.

use std::sync::Mutex;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{Options, SimulatorError, chance::draw, provider::Granted};

/// Where keys of this simulator are not sent: Google's own addresses, as they stand in every key file.
const AUTH_URI: &str = "https://accounts.google.com/o/oauth2/auth";
const CERTIFICATES: &str = "https://www.googleapis.com/oauth2/v1/certs";
const CERTIFICATE_OF: &str = "https://www.googleapis.com/robot/v1/metadata/x509";

/// What can be taken away.
const KNOWN: [Granted; 9] = [
    Granted::Consent,
    Granted::Scope,
    Granted::Role,
    Granted::Secret,
    Granted::Existence,
    Granted::Api,
    Granted::Account,
    Granted::Policy,
    Granted::Domain,
];

/// What was taken away, by [`Granted`], and which tokens still count.
#[derive(Debug, Default)]
struct Standing {
    revoked: Vec<Granted>,
    next_token: u64,
    /// Tokens with lower numbers count as expired.
    first_valid_token: u64,
    /// Page tokens of older epochs are refused.
    cursor_epoch: u64,
}

/// The service account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) email: String,
    /// The numeric id, by which delegation names it.
    pub(super) client_id: String,
    pub(super) key_id: String,
    /// The project's number.
    pub(super) project: String,
    /// Life of a token in seconds.
    pub(super) token_life_s: u32,
    scopes: Vec<String>,
    private_key_pem: String,
    public: RsaPublicKeyComponents<Vec<u8>>,
    standing: Mutex<Standing>,
}

const PROJECT_ID: &str = "directory-sync";

impl Account {
    /// Makes a service account with a fresh key.
    pub(super) fn new(options: &Options) -> Result<Self, SimulatorError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SimulatorError::Keys)?;
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| SimulatorError::Keys)?;
        let word = |topic: u64| draw(options.seed, topic, 0);
        Ok(Self {
            email: format!("directory-sync@{PROJECT_ID}.iam.gserviceaccount.com"),
            client_id: format!("1{:020}", word(0xc11)),
            key_id: format!("{:016x}{:016x}{:08x}", word(0xc12), word(0xc13), word(0xc14) as u32),
            project: format!("{:012}", word(0xc15) % 1_000_000_000_000),
            token_life_s: options.token_life_s,
            scopes: options.google_scopes.clone(),
            private_key_pem: pem(der.as_ref()),
            public: RsaPublicKeyComponents::from(key.public_key()),
            standing: Mutex::default(),
        })
    }

    /// The key file, as Google lets it be downloaded; `token_uri` is the simulator's.
    pub(super) fn key_file(&self, token_uri: &str) -> Value {
        let email = self.email.replace('@', "%40");
        json!({
            "type": "service_account",
            "project_id": PROJECT_ID,
            "private_key_id": self.key_id,
            "private_key": self.private_key_pem,
            "client_email": self.email,
            "client_id": self.client_id,
            "auth_uri": AUTH_URI,
            "token_uri": token_uri,
            "auth_provider_x509_cert_url": CERTIFICATES,
            "client_x509_cert_url": format!("{CERTIFICATE_OF}/{email}"),
            "universe_domain": "googleapis.com",
        })
    }

    /// Whether a text was signed with the key, and the key still counts.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        !self.is_revoked(Granted::Secret)
            && self.public.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// Whether something was taken away.
    pub(super) fn is_revoked(&self, what: Granted) -> bool {
        crate::lock(&self.standing).revoked.contains(&what)
    }

    /// Takes something away or gives it back; whether Google has such a thing.
    pub(super) fn set_granted(&self, what: Granted, granted: bool) -> bool {
        if !KNOWN.contains(&what) {
            return false;
        }
        let revoked = &mut crate::lock(&self.standing).revoked;
        revoked.retain(|one| *one != what);
        if !granted {
            revoked.push(what);
        }
        true
    }

    /// The scopes that are delegated now. A revoked scope is the one for users.
    pub(super) fn delegated(&self) -> Vec<&str> {
        if self.is_revoked(Granted::Consent) {
            return Vec::new();
        }
        let less = self.is_revoked(Granted::Scope);
        let scopes = self.scopes.iter().map(String::as_str);
        scopes.filter(|scope| !(less && scope.contains("directory.user"))).collect()
    }

    /// Numbers a new token.
    pub(super) fn number_token(&self) -> u64 {
        let mut standing = crate::lock(&self.standing);
        standing.next_token += 1;
        standing.next_token
    }

    /// Whether a token with this number still counts.
    pub(super) fn token_counts(&self, number: u64) -> bool {
        number >= crate::lock(&self.standing).first_valid_token
    }

    /// Lets all tokens issued so far expire.
    pub(super) fn expire_tokens(&self) {
        let mut standing = crate::lock(&self.standing);
        standing.first_valid_token = standing.next_token + 1;
    }

    /// The epoch that new page tokens belong to.
    pub(super) fn cursor_epoch(&self) -> u64 {
        crate::lock(&self.standing).cursor_epoch
    }

    /// Makes all page tokens issued so far useless.
    pub(super) fn expire_cursors(&self) {
        crate::lock(&self.standing).cursor_epoch += 1;
    }
}

/// PKCS#8 between the usual lines, 64 signs a line.
fn pem(der: &[u8]) -> String {
    let mut out = String::from("-----BEGIN PRIVATE KEY-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END PRIVATE KEY-----\n");
    out
}
