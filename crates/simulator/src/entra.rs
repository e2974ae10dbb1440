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
mod token;
mod write;

use std::sync::Mutex;

use serde::Serialize;

use self::app::App;
use self::error::GraphError;
use self::quota::Bucket;
use self::token::Signer;
use crate::SimulatorError;
use crate::exchange::{Call, Reply};
use crate::generate::{self, Size};
use crate::provider::{Expiring, Granted, Provider, Simulated};
use crate::tenant::id::{Guid, Ids, Kind};
use crate::world::World;
use crate::{Options, Quotas};

/// Tokens and discovery.
const LOGIN: &str = "/entra/login";
/// The directory.
const GRAPH: &str = "/entra/graph";
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
    world: World,
    app: App,
    signer: Signer,
    bucket: Option<Mutex<Bucket>>,
    cursors: cursor::Seal,
    delta_replay: f64,
}

impl Entra {
    /// Generates the tenant and its keys. Takes as long as the tenant is large.
    pub(crate) fn new(options: &Options, foreign: String) -> Result<Self, SimulatorError> {
        let size =
            Size { users: options.users, groups: options.groups, memberships: options.memberships };
        let tenant = generate::tenant(Provider::Entra, options.seed, DOMAIN, size);
        let world = World::new(options, tenant, foreign);
        let bucket = match options.quotas {
            Quotas::Off => None,
            Quotas::Vendor => Some(Mutex::new(Bucket::default())),
        };
        Ok(Self {
            app: App::new(options),
            signer: Signer::new()?,
            bucket,
            cursors: cursor::Seal::new(options.seed, world.clock.now_ms()),
            delta_replay: options.delta_replay,
            world,
        })
    }

    /// How to reach the tenant through a listener at `url`.
    pub(crate) fn describe(&self, url: &str) -> EntraDescription {
        EntraDescription {
            authority: format!("{url}{LOGIN}"),
            graph: format!("{url}{GRAPH}"),
            tenant: self.app.tenant_id.to_string(),
            client_id: self.app.client_id.to_string(),
            client_secret: self.app.secret.clone(),
        }
    }

    /// A fresh GUID for a request, from the seed.
    fn request_id(&self) -> Guid {
        let number = self.world.next_number();
        Ids::new(self.world.seed ^ 0x4e9).guid(Kind::Fixed, number as u32)
    }
}

impl Simulated for Entra {
    fn provider(&self) -> Provider {
        Provider::Entra
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn hosts(&self) -> &'static [&'static str] {
        &[LOGIN, GRAPH]
    }

    fn answer(&self, call: &Call) -> Reply {
        match call.prefix {
            LOGIN => self.answer_login(call),
            _ => self.answer_graph(call),
        }
    }

    fn failed(&self, call: &Call, status: u16) -> Reply {
        match call.prefix {
            LOGIN => self.login_status(status, call),
            _ => self.graph_error(&GraphError::of_status(status), call, ""),
        }
    }

    fn expire(&self, what: Expiring) {
        match what {
            Expiring::Tokens => self.app.expire_tokens(),
            Expiring::Cursors => self.app.expire_cursors(),
            Expiring::Secret => {
                self.app.set_granted(Granted::Secret, false);
            }
        }
    }

    fn set_granted(&self, what: Granted, granted: bool) -> bool {
        self.app.set_granted(what, granted)
    }
}
