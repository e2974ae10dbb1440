//! A Google Workspace organisation: the state that the token endpoint and the Admin SDK share.
//!
//! Invariant: nothing here waits on a client; locks are held for one page at most. Written from the vendor's documents
//! (`protocols/providers.md`, section B), not from any client, and shares no code with one. Left out: everything that
//! writes.

mod access;
mod account;
mod activities;
mod batch;
mod channels;
mod directory;
mod error;
mod groups;
mod listing;
mod login;
mod mask;
mod members;
mod order;
mod orgunits;
mod parameters;
mod person;
mod quota;
mod schema;
mod seal;
mod search;
mod users;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::Serialize;
use serde_json::Value;

use self::{account::Account, error::ApiError, order::Orders, quota::Buckets, seal::Seal};
use crate::{
    Options, Quotas, SimulatorError,
    chance::{draw, mix},
    exchange::{Call, Reply},
    generate::{self, Size},
    provider::{Expiring, Granted, Provider, Simulated},
    webhook::{Message, Tongue},
    world::World,
};

/// Tokens.
const LOGIN: &str = "/google/oauth2";
/// The Admin SDK.
const API: &str = "/google/api";
/// The organisation's first domain; `labs.` before it is the second.
const DOMAIN: &str = "globex.example";
/// The administrator whom clients impersonate. They are not among the people of the directory, so that edits of
/// people cannot lock the client out by accident; other administrators can be impersonated as well.
const SUBJECT: &str = "directory-admin@globex.example";

/// How a client reaches the organisation; a part of [`crate::Description`].
#[derive(Debug, Clone, Serialize)]
pub struct GoogleDescription {
    /// The token endpoint; the key file names it too.
    pub token_uri: String,
    /// Base of the Admin SDK: users are at `{api}/admin/directory/v1/users`.
    pub api: String,
    /// The service account's key, as a file that Google makes.
    pub key_file: PathBuf,
    /// The administrator to impersonate.
    pub subject: String,
}

/// One simulated Google Workspace organisation.
#[derive(Debug)]
pub(crate) struct Google {
    world: World,
    account: Account,
    customer: String,
    seal: Seal,
    /// Seals page tokens that lead nowhere, for faults.
    foreign_seal: Seal,
    quota: Option<Mutex<Buckets>>,
    report_quota: Option<Mutex<Buckets>>,
    orders: Orders,
    page_maximum: crate::PageMaximum,
    channels: channels::Channels,
}

impl Google {
    /// Generates the organisation and its key. Takes as long as it is large.
    pub(crate) fn new(options: &Options, foreign: String) -> Result<Self, SimulatorError> {
        let size =
            Size { users: options.users, groups: options.groups, memberships: options.memberships };
        let tenant = generate::tenant(Provider::Google, options.seed, DOMAIN, size);
        let world = World::new(options, tenant, foreign);
        let buckets = || match options.quotas {
            Quotas::Off => None,
            Quotas::Vendor => Some(Mutex::default()),
        };
        let started = world.clock.now_ms();
        Ok(Self {
            account: Account::new(options)?,
            customer: customer(options.seed),
            seal: Seal::new(options.seed, started),
            foreign_seal: Seal::new(mix(options.seed), started),
            quota: buckets(),
            report_quota: buckets(),
            orders: Orders::default(),
            page_maximum: options.google_page_maximum,
            channels: channels::Channels::default(),
            world,
        })
    }

    /// How to reach the organisation through a listener at `url`; writes the key file into a directory.
    pub(crate) fn describe(
        &self,
        url: &str,
        directory: &Path,
    ) -> Result<GoogleDescription, SimulatorError> {
        let token_uri = format!("{url}{LOGIN}/token");
        let path = directory.join("google-service-account.json");
        let text = format!("{:#}\n", self.account.key_file(&token_uri));
        crate::write_private(&path, &text)?;
        let (api, subject) = (format!("{url}{API}"), SUBJECT.to_owned());
        Ok(GoogleDescription { token_uri, api, key_file: path, subject })
    }
}

/// The content type of the Admin SDK's answers.
const JSON: &str = "application/json; charset=UTF-8";

/// The reply for an error.
fn api_error(error: &ApiError, route: &'static str) -> Reply {
    let mut reply = Reply::new(route, JSON, error.body());
    reply.status = error.status;
    reply.throttled = error.throttled;
    if error.status == 401 {
        let challenge = "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"";
        return reply.with_header("www-authenticate", challenge.to_owned());
    }
    reply
}

/// `C0` and seven signs.
fn customer(seed: u64) -> String {
    const SIGNS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let sign = |at| char::from(SIGNS[(draw(seed, 0xc057, at) % 36) as usize]);
    let tail: String = (0..7).map(sign).collect();
    format!("C0{tail}")
}

impl Simulated for Google {
    fn provider(&self) -> Provider {
        Provider::Google
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn hosts(&self) -> &'static [&'static str] {
        &[LOGIN, API]
    }

    fn answer(&self, call: &Call) -> Reply {
        match call.prefix {
            LOGIN => self.answer_login(call),
            _ => self.answer_api(call),
        }
    }

    fn failed(&self, call: &Call, status: u16) -> Reply {
        match call.prefix {
            LOGIN => login::login_status(status),
            _ => api_error(&ApiError::of_status(status, call.picked.reason.as_deref()), ""),
        }
    }

    fn compresses(&self, call: &Call) -> bool {
        // Google wants the word in both headers.
        ["accept-encoding", "user-agent"]
            .iter()
            .all(|name| call.header(name).is_some_and(|value| value.contains("gzip")))
    }

    fn expire(&self, what: Expiring) {
        match what {
            Expiring::Tokens => self.account.expire_tokens(),
            Expiring::Cursors => self.account.expire_cursors(),
            Expiring::Secret => {
                self.account.set_granted(Granted::Secret, false);
            }
        }
    }

    fn set_granted(&self, what: Granted, granted: bool) -> bool {
        self.account.set_granted(what, granted)
    }

    fn tell(&self, tongue: &mut Tongue) -> Vec<Message> {
        self.messages(tongue)
    }

    fn registered(&self) -> Value {
        self.channels_report()
    }
}
