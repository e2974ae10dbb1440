//! The registered application: its credential, what it was granted, and which of its tokens still count.
//!
//! Invariant: a change of consent shows in tokens issued afterwards, as at the vendor; tokens issued before keep their
//! roles until they expire or are made to.

use std::sync::Mutex;

use crate::Options;
use crate::chance::draw;
use crate::provider::Granted;
use crate::tenant::id::{Guid, Ids, Kind};

/// Signs that a generated secret is made of; those that forms must encode are frequent.
const SECRET_SIGNS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789~.+/_-";

/// What was granted and what was withdrawn.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is withdrawn and granted on its own")]
struct Standing {
    consent_revoked: bool,
    scope_revoked: bool,
    role_revoked: bool,
    secret_expired: bool,
    /// Number of the next token.
    next_token: u64,
    /// Tokens with lower numbers count as expired.
    first_valid_token: u64,
    /// Delta cursors of older epochs are refused.
    cursor_epoch: u64,
}

/// The application.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) tenant_id: Guid,
    pub(crate) client_id: Guid,
    pub(crate) secret: String,
    /// Life of a token in seconds.
    pub(crate) token_life_s: u32,
    roles: Vec<String>,
    standing: Mutex<Standing>,
}

impl App {
    /// The application of the tenant with this seed.
    pub(crate) fn new(options: &Options) -> Self {
        let ids = Ids::new(options.seed ^ 0xa99);
        let mut secret = String::from("k~8Q.+/");
        for at in 0..33 {
            let pick = draw(options.seed, 0x5ec, at) as usize % SECRET_SIGNS.len();
            secret.push(char::from(SECRET_SIGNS[pick]));
        }
        Self {
            tenant_id: ids.guid(Kind::Fixed, 0),
            client_id: ids.guid(Kind::Fixed, 1),
            secret,
            token_life_s: options.token_life_s,
            roles: options.entra_roles.clone(),
            standing: Mutex::default(),
        }
    }

    /// The roles that a token issued now carries.
    pub(crate) fn roles(&self) -> Vec<String> {
        let standing = crate::lock(&self.standing);
        let withdrawn = |role: &str| {
            standing.consent_revoked
                || (standing.scope_revoked && role.starts_with("User."))
                || (standing.role_revoked && role.starts_with("Group"))
                || ((standing.scope_revoked || standing.role_revoked)
                    && role.starts_with("Directory."))
        };
        self.roles.iter().filter(|role| !withdrawn(role)).cloned().collect()
    }

    /// Takes a consent away or gives it back; whether there is such a one.
    pub(crate) fn set_granted(&self, what: Granted, granted: bool) -> bool {
        let mut standing = crate::lock(&self.standing);
        *match what {
            Granted::Consent => &mut standing.consent_revoked,
            Granted::Scope => &mut standing.scope_revoked,
            Granted::Role => &mut standing.role_revoked,
            Granted::Secret => &mut standing.secret_expired,
            _ => return false,
        } = !granted;
        true
    }

    /// Whether the secret has expired.
    pub(crate) fn secret_expired(&self) -> bool {
        crate::lock(&self.standing).secret_expired
    }

    /// Numbers a new token.
    pub(crate) fn number_token(&self) -> u64 {
        let mut standing = crate::lock(&self.standing);
        standing.next_token += 1;
        standing.next_token
    }

    /// Whether a token with this number still counts.
    pub(crate) fn token_counts(&self, number: u64) -> bool {
        number >= crate::lock(&self.standing).first_valid_token
    }

    /// Lets all tokens issued so far expire.
    pub(crate) fn expire_tokens(&self) {
        let mut standing = crate::lock(&self.standing);
        standing.first_valid_token = standing.next_token + 1;
    }

    /// The epoch that new delta cursors belong to.
    pub(crate) fn cursor_epoch(&self) -> u64 {
        crate::lock(&self.standing).cursor_epoch
    }

    /// Makes all delta cursors issued so far useless.
    pub(crate) fn expire_cursors(&self) {
        crate::lock(&self.standing).cursor_epoch += 1;
    }
}
