//! An Okta organisation: the state that the token endpoint and the management API share.
//!
//! Invariant: nothing here waits on a client; locks are held for one page at most. Written from the vendor's documents
//! (`protocols/providers.md`, section C), not from any client, and shares no code with one. Left out: everything that
//! edits people and groups, and logins through a browser.

mod access;
mod app;
mod apps;
mod authn;
mod directory;
mod error;
mod events;
mod filter;
mod groups;
mod hooks;
mod jwt;
mod listing;
mod login;
mod logs;
mod members;
mod organization;
mod person;
mod proof;
mod quota;
mod seal;
mod token;
mod users;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use self::{
    app::App, error::ApiError, hooks::Hooks, jwt::PublicKey, proof::Seen, quota::Limits,
    quota::Verdict, seal::Seal, token::Signer, users::Orders,
};
use crate::{
    LinkHeaders, Options, SimulatorError,
    chance::draw,
    counters::Violation,
    exchange::{Call, Reply},
    generate::{self, Size},
    provider::{Controlled, Expiring, Granted, Provider, Simulated},
    tenant::{Member, key::okta_signs},
    webhook::{Message, Tongue},
    world::World,
};

/// The organisation.
const ORG: &str = "/okta";
/// The organisation's domain.
const DOMAIN: &str = "initech.example";
/// The content type of its answers.
const JSON: &str = "application/json";

/// How a client reaches the organisation; a part of [`crate::Description`].
#[derive(Debug, Clone, Serialize)]
pub struct OktaDescription {
    /// The organisation's address: users are at `{url}/api/v1/users`.
    pub url: String,
    /// An API token.
    pub token: String,
    /// The service app's id.
    pub client_id: String,
    /// The service app's private key, between the usual lines (PKCS#8).
    pub key_file: PathBuf,
    /// The same key as a JSON web key.
    pub jwk_file: PathBuf,
    /// The key's id, which assertions name.
    pub key_id: String,
    /// An application that some people and groups are assigned to.
    pub app_id: String,
}

/// One simulated Okta organisation.
#[derive(Debug)]
pub(crate) struct Okta {
    world: World,
    app: App,
    org_id: String,
    signer: Signer,
    /// Ids of proofs of possession.
    proofs: Seen,
    /// Ids of assertions.
    assertions: Seen,
    seal: Seal,
    limits: Limits,
    orders: Orders,
    hooks: Hooks,
    attempts: authn::Attempts,
    links: LinkHeaders,
}

impl Okta {
    /// Generates the organisation and its keys. Takes as long as it is large.
    pub(crate) fn new(options: &Options, foreign: String) -> Result<Self, SimulatorError> {
        let size =
            Size { users: options.users, groups: options.groups, memberships: options.memberships };
        let tenant = generate::tenant(Provider::Okta, options.seed, DOMAIN, size);
        let world = World::new(options, tenant, foreign);
        let started = world.clock.now_ms();
        let draws = |topic: u64| move |at: u64| draw(options.seed ^ 0x0c7b, topic, at);
        Ok(Self {
            app: App::new(options, started)?,
            org_id: okta_signs("00o", 14, draws(1)) + "5d7",
            signer: Signer::new(okta_signs("", 43, draws(2)))?,
            proofs: Seen::default(),
            assertions: Seen::default(),
            seal: Seal::new(options.seed, started),
            limits: Limits::new(options.quotas, options.okta_rate_percent),
            orders: Orders::default(),
            hooks: Hooks::default(),
            attempts: authn::Attempts::default(),
            links: options.okta_links,
            world,
        })
    }

    /// How to reach the organisation through a listener at `url`; writes the key files into a directory.
    pub(crate) fn describe(
        &self,
        url: &str,
        directory: &Path,
    ) -> Result<OktaDescription, SimulatorError> {
        let key_file = directory.join("okta-service-app.pem");
        crate::write_private(&key_file, &self.app.private_key_pem())?;
        let jwk_file = directory.join("okta-service-app.jwk.json");
        let jwk = self.app.private_key_jwk().ok_or(SimulatorError::Keys)?;
        crate::write_private(&jwk_file, &format!("{jwk:#}\n"))?;
        Ok(OktaDescription {
            url: format!("{url}{ORG}"),
            token: self.app.token.clone(),
            client_id: self.app.client_id.clone(),
            key_file,
            jwk_file,
            key_id: self.app.key_id.clone(),
            app_id: apps::app_id(&self.world.read()),
        })
    }

    /// Registers a public key, as the app's page lets an administrator do.
    fn register_key(&self, body: &[u8]) -> Controlled {
        let bad = |text: String| (400, text);
        let jwk: Value = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
        let key = PublicKey::read(&jwk).map_err(|error| bad(error.to_owned()))?;
        let id = jwk["kid"].as_str().unwrap_or(&key.thumbprint).to_owned();
        if self.app.add_key(&id, key) {
            return Ok(json!({"kid": id}));
        }
        Err(bad(format!("an app holds at most {} keys", app::KEYS_MAX)))
    }

    /// Assigns the application to a person or a group, or takes it away.
    fn assign(&self, (kind, id): (&str, &str), on: bool) -> Controlled {
        let now = self.world.clock.now_ms();
        let mut tenant = self.world.write();
        let member = match kind {
            "users" => tenant.user_by_key(id).map(Member::User),
            _ => tenant.group_by_key(id).map(Member::Group),
        };
        let member = member.ok_or_else(|| (404, format!("there is nothing with the id {id:?}")))?;
        let changed = tenant.assign(member, on, now).map_err(|error| (400, error.to_string()))?;
        Ok(json!({"changed": changed}))
    }
}

impl Simulated for Okta {
    fn provider(&self) -> Provider {
        Provider::Okta
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn hosts(&self) -> &'static [&'static str] {
        &[ORG]
    }

    fn answer(&self, call: &Call) -> Reply {
        self.answer_call(call)
    }

    fn failed(&self, call: &Call, status: u16) -> Reply {
        let reason = call.picked.reason.as_deref();
        let oauth =
            if call.path.ends_with("/token") { login::status(status, reason) } else { None };
        let reply =
            oauth.unwrap_or_else(|| self.refuse(&ApiError::of_status(status, reason), call, ""));
        let now = self.world.clock.now_ms();
        let bucket = directory::bucket_of(call);
        let limit = if reason == Some("concurrency") { 0 } else { bucket.limit() / 2 };
        let remaining = if status == 429 { 0 } else { limit.saturating_sub(1) };
        let reset_s = now / 1000 + 1;
        self.dress(reply, Verdict { limit, remaining, reset_s, refused: true, impatient: false })
    }

    fn expire(&self, what: Expiring) {
        match what {
            Expiring::Tokens => self.app.expire_tokens(),
            Expiring::Cursors => self.app.expire_cursors(),
            Expiring::Secret => {
                self.app.set_granted(Granted::Secret, false, self.world.clock.now_ms());
            }
        }
    }

    fn set_granted(&self, what: Granted, granted: bool) -> bool {
        self.app.set_granted(what, granted, self.world.clock.now_ms())
    }

    fn asks_to_wait(&self, mut reply: Reply, call: &Call, seconds: u32) -> Reply {
        let now = self.world.clock.now_ms();
        let until = now + i64::from(seconds) * 1000;
        if reply.status != 429 {
            // Whatever stands before Okta says so.
            self.world.counters.told_to_wait(call.fingerprint(), now, until);
            return reply.with_header("retry-after", seconds.to_string());
        }
        // Okta itself names a time, and means only what is counted together.
        let (bucket, who) = (directory::bucket_of(call), directory::who_says(call));
        let verdict = self.limits.pause(bucket, who, now, until);
        if verdict.impatient {
            self.world.counters.violation(Violation::RetryBeforeRetryAfter);
        }
        for (name, value) in &mut reply.headers {
            if *name == "x-rate-limit-reset" {
                *value = verdict.reset_s.to_string();
            }
        }
        reply
    }

    fn own_control(&self, method: &str, path: &[&str], body: &[u8]) -> Option<Controlled> {
        Some(match (method, path) {
            ("POST", ["keys"]) => self.register_key(body),
            ("DELETE", ["keys", id]) => Ok(json!({"changed": self.app.remove_key(id)})),
            ("PUT" | "DELETE", ["assignments", kind @ ("users" | "groups"), id]) => {
                self.assign((kind, id), method == "PUT")
            }
            _ => return None,
        })
    }

    fn shakes(&self, call: &Call) -> Vec<Message> {
        self.challenge(call).into_iter().collect()
    }

    fn tell(&self, tongue: &mut Tongue) -> Vec<Message> {
        self.hook_messages(tongue)
    }

    fn registered(&self) -> Value {
        self.hooks_report()
    }
}
