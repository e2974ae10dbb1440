//! Microsoft Entra ID through Microsoft Graph v1.0 (`protocols/providers.md` A).
//!
//! Invariants: the token goes to the configured Graph host only; a list counts when its last page was read;
//! members are accumulated over a whole round, never taken from one item.

mod ask;
mod batch;
pub(crate) mod catalogue;
mod changes;
mod cursor;
mod graph;
mod listing;
mod password;
mod person;
mod probe;
mod pull;
mod scope;
mod settings;
mod tenant;
mod token;
mod watch;
mod wire;

use std::{collections::BTreeMap, sync::atomic::AtomicUsize};

use secrecy::SecretString;

pub use self::tenant::{entra_authority, entra_tenant_id};
use self::{settings::Settings, token::Tokens};
use crate::{Surroundings, error::ConnectError, http::Http, pace::Speed, scope::LastScope};

/// Graph counts the cost of requests, not their number: throttling tells.
const SPEED: Speed = Speed { start: 8, most: 64, least: 4, per_minute: None };

/// A connection to one Entra tenant.
#[derive(Debug)]
pub(crate) struct Entra {
    settings: Settings,
    http: Http,
    tokens: Tokens,
    last_scope: LastScope,
    /// Index into `listing::PAGE_SIZES`: the vendor lowers its maximum at times.
    page_size: AtomicUsize,
}

impl Entra {
    pub(crate) fn new(
        settings: &BTreeMap<String, String>,
        secret: &SecretString,
        surroundings: Surroundings,
    ) -> Result<Self, ConnectError> {
        let settings = Settings::read(settings)?;
        let http = Http::new("Microsoft", surroundings, &settings.graph, SPEED)?;
        let tokens = Tokens::new(&settings, secret)?;
        let (last_scope, page_size) = (LastScope::default(), AtomicUsize::new(0));
        Ok(Self { settings, http, tokens, last_scope, page_size })
    }
}
