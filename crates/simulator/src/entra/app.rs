//! The registered application: its credential, what it was granted, and which of its tokens still count.
//!
//! Invariant: a change of consent shows in tokens issued afterwards, as at the vendor; tokens issued before keep their
//! roles until they expire or are made to.

use std::sync::Mutex;

use super::certificate::Certificate;
use crate::chance::draw;
use crate::provider::Granted;
use crate::tenant::id::{Guid, Ids, Kind};
use crate::{Options, SimulatorError};

/// Signs that a generated secret is made of; those that forms must encode are frequent.
const SECRET_SIGNS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789~.+/_-";

/// What can be withdrawn from an app in Entra.
const KNOWN: [Granted; 11] = [
    Granted::Consent,
    Granted::Scope,
    Granted::Role,
    Granted::Secret,
    Granted::Existence,
    Granted::Cloud,
    Granted::Confidential,
    Granted::Application,
    Granted::Delta,
    Granted::Account,
    Granted::Policy,
];

/// What was granted and what was withdrawn.
#[derive(Debug, Default)]
struct Standing {
    revoked: Vec<Granted>,
    roles: Vec<String>,
    certificates: Vec<Certificate>,
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
    /// The id of its service principal in the tenant.
    pub(crate) object_id: Guid,
    pub(crate) secret: String,
    /// Life of a token in seconds.
    pub(crate) token_life_s: u32,
    standing: Mutex<Standing>,
}

impl App {
    /// The application of the tenant with this seed.
    pub(crate) fn new(options: &Options) -> Result<Self, SimulatorError> {
        let ids = Ids::new(options.seed ^ 0xa99);
        let mut secret = String::from("k~8Q.+/");
        for at in 0..33 {
            let pick = draw(options.seed, 0x5ec, at) as usize % SECRET_SIGNS.len();
            secret.push(char::from(SECRET_SIGNS[pick]));
        }
        let certificates = options.entra_certificate.iter().map(|text| Certificate::read(text));
        let certificates: Option<Vec<Certificate>> = certificates.collect();
        let standing = Standing {
            roles: options.entra_roles.clone(),
            certificates: certificates.ok_or(SimulatorError::Certificate)?,
            ..Standing::default()
        };
        Ok(Self {
            tenant_id: ids.guid(Kind::Fixed, 0),
            client_id: ids.guid(Kind::Fixed, 1),
            object_id: ids.guid(Kind::Fixed, 2),
            secret,
            token_life_s: options.token_life_s,
            standing: Mutex::new(standing),
        })
    }

    /// The roles that a token issued now carries.
    pub(crate) fn roles(&self) -> Vec<String> {
        let standing = crate::lock(&self.standing);
        let lacks = |what: Granted| standing.revoked.contains(&what);
        let (scope, role) = (lacks(Granted::Scope), lacks(Granted::Role));
        let withdrawn = |name: &str| {
            lacks(Granted::Consent)
                || lacks(Granted::Application)
                || (scope && name.starts_with("User."))
                || (role && name.starts_with("Group"))
                || ((scope || role) && name.starts_with("Directory."))
        };
        standing.roles.iter().filter(|name| !withdrawn(name)).cloned().collect()
    }

    /// Replaces the permissions that were asked for and consented to.
    pub(crate) fn set_roles(&self, roles: Vec<String>) {
        crate::lock(&self.standing).roles = roles;
    }

    /// Registers a certificate, or with `None` takes all away.
    pub(crate) fn set_certificate(&self, certificate: Option<Certificate>) {
        let known = &mut crate::lock(&self.standing).certificates;
        match certificate {
            Some(certificate) => known.push(certificate),
            None => known.clear(),
        }
    }

    /// The registered certificate that passes a test.
    pub(crate) fn certificate(&self, wanted: impl Fn(&Certificate) -> bool) -> Option<Certificate> {
        crate::lock(&self.standing).certificates.iter().find(|known| wanted(known)).cloned()
    }

    /// Takes something away or gives it back; whether there is such a thing.
    pub(crate) fn set_granted(&self, what: Granted, granted: bool) -> bool {
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

    /// Whether something was taken away.
    pub(crate) fn is_revoked(&self, what: Granted) -> bool {
        crate::lock(&self.standing).revoked.contains(&what)
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
