//! A Microsoft Entra tenant: the state that the login host and Graph share.
//!
//! Invariant: nothing here waits on a client; locks are held for one page at most. Written from the vendor's
//! documents (`protocols/providers.md`, section A), not from any client, and shares no code with one.

mod app;
mod batch;
mod check;
mod cursor;
mod delta;
mod delta_groups;
mod directory;
mod error;
mod filter;
mod graph;
mod json;
mod listing;
mod login;
mod members;
mod property;
mod query;
mod quota;
mod serve;
mod token;
mod write;

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::Serialize;

use self::app::App;
use self::quota::Bucket;
use self::token::Signer;
pub(crate) use self::{app::Grant, serve::Host};
use crate::SimulatorError;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::generate::{self, Size};
use crate::tenant::Tenant;
use crate::tenant::id::{Guid, Ids, Kind};
use crate::{Options, Quotas};

/// The tenant's first domain.
const DOMAIN: &str = "contoso.example";
/// The tenant's initial domain, in which guests have their names.
const INITIAL_DOMAIN: &str = "contoso.onmicrosoft.com";

/// How a client reaches the tenant; a part of [`crate::Description`].
#[derive(Debug, Clone, Serialize)]
pub struct EntraDescription {
    /// Base of the login host: tokens come from `{authority}/{tenant}/oauth2/v2.0/token`.
    pub authority: String,
    /// Base of Graph: users are at `{graph}/v1.0/users`.
    pub graph: String,
    /// The tenant's id.
    pub tenant: String,
    /// The registered application's id.
    pub client_id: String,
    /// Its secret, which must be form-encoded.
    pub client_secret: String,
}

/// One simulated Entra tenant.
#[derive(Debug)]
pub(crate) struct Entra {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) app: App,
    tenant: RwLock<Tenant>,
    signer: Signer,
    bucket: Option<Mutex<Bucket>>,
    cursors: cursor::Seal,
    latency_ms: u32,
    delta_replay: f64,
    /// `http://host:port` of the listener that plays a foreign host.
    foreign: String,
    requests: std::sync::atomic::AtomicU64,
}

impl Entra {
    /// Generates the tenant and its keys. Takes as long as the tenant is large.
    pub(crate) fn new(options: &Options, foreign: String) -> Result<Self, SimulatorError> {
        let size =
            Size { users: options.users, groups: options.groups, memberships: options.memberships };
        let tenant = generate::tenant(options.seed, DOMAIN, size);
        let clock = Clock::default();
        let cursors = cursor::Seal::new(options.seed, clock.now_ms());
        let bucket = match options.quotas {
            Quotas::Off => None,
            Quotas::Vendor => Some(Mutex::new(Bucket::default())),
        };
        Ok(Self {
            seed: options.seed,
            faults: Faults::default(),
            counters: Counters::default(),
            app: App::new(options),
            tenant: RwLock::new(tenant),
            signer: Signer::new()?,
            bucket,
            cursors,
            latency_ms: options.latency_ms,
            delta_replay: options.delta_replay,
            foreign,
            requests: std::sync::atomic::AtomicU64::new(0),
            clock,
        })
    }

    /// How to reach the tenant through a listener at `url`.
    pub(crate) fn describe(&self, url: &str) -> EntraDescription {
        EntraDescription {
            authority: format!("{url}/entra/login"),
            graph: format!("{url}/entra/graph"),
            tenant: self.app.tenant_id.to_string(),
            client_id: self.app.client_id.to_string(),
            client_secret: self.app.secret.clone(),
        }
    }

    /// The model, for reading.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tenant> {
        self.tenant.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, for editing.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Tenant> {
        self.tenant.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, for reading, with the look-ups by login and by member.
    fn read_with_lookup(&self) -> RwLockReadGuard<'_, Tenant> {
        if !self.read().has_lookup() {
            self.write().ensure_lookup();
        }
        self.read()
    }

    /// A fresh GUID for a request, from the seed.
    fn request_id(&self) -> Guid {
        let number = self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ids::new(self.seed ^ 0x4e9).guid(Kind::Fixed, number as u32)
    }
}
