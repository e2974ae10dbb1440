//! A Microsoft Entra tenant: the state that the login host and Graph share.
//!
//! Invariant: nothing here waits on a client; locks are held for one page at most. Written from the vendor's
//! documents (`protocols/providers.md`, section A), not from any client, and shares no code with one.

mod app;
mod assertion;
mod assignments;
mod batch;
mod certificate;
mod check;
mod consent;
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
mod password;
mod property;
mod query;
mod quota;
mod route;
mod subscriptions;
mod token;
mod write;

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::app::App;
use self::certificate::Certificate;
use self::error::GraphError;
use self::quota::Bucket;
use self::token::Signer;
use crate::SimulatorError;
use crate::exchange::{Call, Reply};
use crate::generate::{self, Size};
use crate::provider::{Controlled, Expiring, Granted, Provider, Simulated};
use crate::tenant::id::{Guid, Ids, Kind};
use crate::webhook::{Message, Tongue};
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
    subscriptions: subscriptions::Subscriptions,
    assignments: assignments::Assignments,
    pages: consent::Pages,
    passwords: password::Passwords,
    kind: crate::TenantKind,
    hidden: crate::HiddenMembers,
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
            app: App::new(options)?,
            signer: Signer::new()?,
            bucket,
            cursors: cursor::Seal::new(options.seed, world.clock.now_ms()),
            delta_replay: options.delta_replay,
            subscriptions: subscriptions::Subscriptions::default(),
            assignments: assignments::Assignments::default(),
            pages: consent::Pages::default(),
            passwords: password::Passwords::default(),
            kind: options.entra_tenant,
            hidden: options.entra_hidden_members,
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

    /// Registers a certificate with the app.
    fn register(&self, pem: &str) -> Controlled {
        let certificate = Certificate::read(pem)
            .ok_or_else(|| (400, "that is no certificate with an RSA key".to_owned()))?;
        let thumbprint = certificate.thumbprint();
        self.app.set_certificate(Some(certificate));
        Ok(json!({"thumbprint": thumbprint}))
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
        if call.prefix == LOGIN {
            return self.login_status(status, call);
        }
        let reason = call.picked.reason.as_deref();
        self.graph_error(&GraphError::of_status(status, reason), call, "")
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

    fn own_control(&self, method: &str, path: &[&str], body: &[u8]) -> Option<Controlled> {
        let parsed = |error: serde_json::Error| (400, format!("the body cannot be read: {error}"));
        Some(match (method, path) {
            ("POST", ["certificates"]) => serde_json::from_slice::<Pem>(body)
                .map_err(parsed)
                .and_then(|file| self.register(&file.pem)),
            ("DELETE", ["certificates"]) => {
                self.app.set_certificate(None);
                Ok(json!({}))
            }
            ("POST", ["roles"]) => {
                serde_json::from_slice::<Roles>(body).map_err(parsed).map(|new| {
                    self.app.set_roles(new.roles);
                    json!({})
                })
            }
            ("POST", [page @ ("redirects" | "consent")]) => self.pages.control(page, body),
            ("POST", ["passwords"]) => self.set_password_standing(body),
            ("DELETE", ["passwords"]) => {
                self.clear_password_standings();
                Ok(json!({}))
            }
            ("POST", ["webhooks", "lifecycle"]) => self.lifecycle(body),
            (method, ["apps", app, kind @ ("users" | "groups"), id]) => {
                self.assign(method, (app, kind, id))
            }
            _ => return None,
        })
    }

    fn shakes(&self, call: &Call) -> Vec<Message> {
        if call.prefix == GRAPH { self.handshakes(call) } else { Vec::new() }
    }

    fn tell(&self, tongue: &mut Tongue) -> Vec<Message> {
        self.notifications(tongue)
    }

    fn registered(&self) -> Value {
        self.subscriptions_report()
    }
}

/// A certificate that control registers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pem {
    pem: String,
}

/// Permissions that control gives the app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: Vec<String>,
}
