//! The service app and the API token: their keys, what was granted, and what still counts.
//!
//! Invariant: scopes that are taken away show in tokens issued afterwards, as at Okta; roles, zones and the state of
//! the organisation are looked at in every request. Keys are the one thing that does not come from the seed.

use std::sync::Mutex;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use super::jwt::{PublicKey, private_members};
use crate::{
    Dpop, Options, SimulatorError, chance::draw, provider::Granted, tenant::key::okta_signs,
};

/// An API token that is not used for so long expires.
const IDLE_MS: i64 = 30 * 86_400_000;
/// Most keys that an app may have.
pub(super) const KEYS_MAX: usize = 50;
/// What can be taken away.
const KNOWN: [Granted; 16] = [
    Granted::Consent,
    Granted::Scope,
    Granted::Role,
    Granted::Secret,
    Granted::Account,
    Granted::Policy,
    Granted::Key,
    Granted::Token,
    Granted::Method,
    Granted::AppType,
    Granted::Bearer,
    Granted::Resources,
    Granted::Zone,
    Granted::Availability,
    Granted::Search,
    Granted::Feature,
];

/// What was taken away, by [`Granted`], and which tokens still count.
#[derive(Debug, Default)]
struct Standing {
    revoked: Vec<Granted>,
    next_token: u64,
    /// Access tokens with lower numbers count as expired.
    first_valid_token: u64,
    /// Cursors of older epochs are refused.
    cursor_epoch: u64,
    /// When the API token was used last; it begins with the organisation.
    token_used_ms: i64,
    /// Whether the API token expired for not being used.
    token_idle: bool,
    /// Public keys by their ids.
    keys: Vec<(String, PublicKey)>,
}

/// The service app and the API token.
#[derive(Debug)]
pub(super) struct App {
    pub(super) client_id: String,
    pub(super) key_id: String,
    /// The API token.
    pub(super) token: String,
    /// Life of an access token in seconds.
    pub(super) token_life_s: u32,
    scopes: Vec<String>,
    private_key: Vec<u8>,
    standing: Mutex<Standing>,
}

impl App {
    /// Makes the app with a fresh key, at that time.
    pub(super) fn new(options: &Options, now_ms: i64) -> Result<Self, SimulatorError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SimulatorError::Keys)?;
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| SimulatorError::Keys)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let jwk = json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(&public.n),
            "e": URL_SAFE_NO_PAD.encode(&public.e),
        });
        let public = PublicKey::read(&jwk).map_err(|_| SimulatorError::Keys)?;
        let draws = |topic: u64| move |at: u64| draw(options.seed ^ 0x0c7a, topic, at);
        let key_id = okta_signs("", 43, draws(2));
        let mut revoked = Vec::new();
        if options.okta_dpop == Dpop::Required {
            revoked.push(Granted::Bearer);
        }
        let keys = vec![(key_id.clone(), public)];
        let standing = Standing { revoked, token_used_ms: now_ms, keys, ..Standing::default() };
        Ok(Self {
            client_id: okta_signs("0oa", 14, draws(1)) + "5d7",
            key_id,
            token: okta_signs("00", 40, draws(3)),
            token_life_s: options.token_life_s,
            scopes: options.okta_scopes.clone(),
            private_key: der.as_ref().to_vec(),
            standing: Mutex::new(standing),
        })
    }

    /// The private key between the usual lines, as Okta's console shows it.
    pub(super) fn private_key_pem(&self) -> String {
        let mut out = String::from("-----BEGIN PRIVATE KEY-----\n");
        let encoded = STANDARD.encode(&self.private_key);
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

    /// The same key as a JSON web key, the other form in which Okta shows it.
    pub(super) fn private_key_jwk(&self) -> Option<Value> {
        let mut jwk = Map::new();
        for (name, value) in private_members(&self.private_key)? {
            jwk.insert(name.to_owned(), Value::String(value));
        }
        for (name, value) in
            [("kty", "RSA"), ("use", "sig"), ("alg", "RS256"), ("kid", self.key_id.as_str())]
        {
            jwk.insert(name.to_owned(), Value::String(value.to_owned()));
        }
        Some(Value::Object(jwk))
    }

    /// The active public key with this id; without an id, the only one.
    pub(super) fn key(&self, id: Option<&str>) -> Option<PublicKey> {
        if self.is_revoked(Granted::Key) || self.is_revoked(Granted::Secret) {
            return None;
        }
        let standing = crate::lock(&self.standing);
        let found = match id {
            Some(id) => standing.keys.iter().find(|(one, _)| one == id),
            None => standing.keys.first().filter(|_| standing.keys.len() == 1),
        };
        found.map(|(_, key)| key.clone())
    }

    /// Registers a public key; whether there was room.
    pub(super) fn add_key(&self, id: &str, key: PublicKey) -> bool {
        let keys = &mut crate::lock(&self.standing).keys;
        keys.retain(|(one, _)| one != id);
        let room = keys.len() < KEYS_MAX;
        if room {
            keys.push((id.to_owned(), key));
        }
        room
    }

    /// Removes a public key; whether it was there.
    pub(super) fn remove_key(&self, id: &str) -> bool {
        let keys = &mut crate::lock(&self.standing).keys;
        let before = keys.len();
        keys.retain(|(one, _)| one != id);
        keys.len() < before
    }

    /// Whether a text is the API token and still good; using it keeps it alive.
    pub(super) fn use_token(&self, text: &str, now_ms: i64) -> bool {
        let revoked = [Granted::Token, Granted::Secret, Granted::Account]
            .into_iter()
            .any(|what| self.is_revoked(what));
        if text != self.token || revoked {
            return false;
        }
        let standing = &mut crate::lock(&self.standing);
        standing.token_idle |= now_ms > standing.token_used_ms + IDLE_MS;
        if !standing.token_idle {
            standing.token_used_ms = now_ms;
        }
        !standing.token_idle
    }

    /// Whether something was taken away.
    pub(super) fn is_revoked(&self, what: Granted) -> bool {
        crate::lock(&self.standing).revoked.contains(&what)
    }

    /// Takes something away or gives it back; whether Okta has such a thing. A token that is given back is as new.
    pub(super) fn set_granted(&self, what: Granted, granted: bool, now_ms: i64) -> bool {
        if !KNOWN.contains(&what) {
            return false;
        }
        let standing = &mut crate::lock(&self.standing);
        standing.revoked.retain(|one| *one != what);
        if !granted {
            standing.revoked.push(what);
        } else if matches!(what, Granted::Token | Granted::Secret) {
            standing.token_idle = false;
            standing.token_used_ms = now_ms;
        }
        true
    }

    /// The scopes that are granted now. A revoked scope is the one for users.
    pub(super) fn granted(&self) -> Vec<&str> {
        if self.is_revoked(Granted::Consent) {
            return Vec::new();
        }
        let less = self.is_revoked(Granted::Scope);
        let scopes = self.scopes.iter().map(String::as_str);
        scopes.filter(|scope| !(less && scope.starts_with("okta.users."))).collect()
    }

    /// Numbers a new access token.
    pub(super) fn number_token(&self) -> u64 {
        let standing = &mut crate::lock(&self.standing);
        standing.next_token += 1;
        standing.next_token
    }

    /// Whether an access token with this number still counts.
    pub(super) fn token_counts(&self, number: u64) -> bool {
        number >= crate::lock(&self.standing).first_valid_token
            && !self.is_revoked(Granted::Account)
    }

    /// Lets all access tokens issued so far expire.
    pub(super) fn expire_tokens(&self) {
        let standing = &mut crate::lock(&self.standing);
        standing.first_valid_token = standing.next_token + 1;
    }

    /// The epoch that new cursors belong to.
    pub(super) fn cursor_epoch(&self) -> u64 {
        crate::lock(&self.standing).cursor_epoch
    }

    /// Makes all cursors issued so far useless.
    pub(super) fn expire_cursors(&self) {
        crate::lock(&self.standing).cursor_epoch += 1;
    }
}
