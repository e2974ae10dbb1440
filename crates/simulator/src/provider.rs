//! What a simulated provider is to the listener and to the control API.
//!
//! Law: the wire code of a provider is its own. Only this trait is shared, so that a provider that is plugged in has
//! the whole control API at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    exchange::{Call, Reply},
    webhook::{Message, Tongue},
    world::World,
};

/// The providers that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Microsoft Entra ID through Microsoft Graph.
    Entra,
    /// Google Workspace through the Admin SDK.
    Google,
    /// Okta through its management API.
    Okta,
}

impl Provider {
    /// All of them, in the order in which they are described.
    pub const ALL: [Self; 3] = [Self::Entra, Self::Google, Self::Okta];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Google => "google",
            Self::Okta => "okta",
        }
    }
}

/// What can be made to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expiring {
    /// All access tokens issued so far.
    Tokens,
    /// What a listing or a delta is continued with.
    Cursors,
    /// The credential.
    Secret,
}

/// What can be revoked and granted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Granted {
    /// All permissions.
    Consent,
    /// The permission to read users.
    Scope,
    /// The right to read groups (Entra), or whatever the reader has by a role.
    Role,
    /// The credential; revoking it is the same as letting it expire.
    Secret,
    /// The app, or the service account: without it, it was deleted (Entra, Google).
    Existence,
    /// That the tenant lives in this cloud (Entra).
    Cloud,
    /// That the app is a confidential client (Entra).
    Confidential,
    /// That permissions are application permissions; without it they are delegated ones (Entra).
    Application,
    /// Lists of changes, which tenants for customers do not have (Entra).
    Delta,
    /// The API of the project (Google).
    Api,
    /// The service account (Google), the app (Entra), or the app and the token's creator (Okta): without it, it is
    /// disabled.
    Account,
    /// The organisation's policy for apps (Google, Okta), or conditional access (Entra).
    Policy,
    /// The domain's access to APIs (Google).
    Domain,
    /// The app's public key (Okta); without it, it is inactive.
    Key,
    /// The API token (Okta).
    Token,
    /// That the app logs in by its key and not by a secret (Okta).
    Method,
    /// That the app is one for API services (Okta).
    AppType,
    /// That tokens without proof of possession are issued (Okta).
    Bearer,
    /// The objects that the admin role covers (Okta); without them, lists are empty.
    Resources,
    /// That requests from here are within the network zone (Okta).
    Zone,
    /// That the organisation is not in maintenance (Okta).
    Availability,
    /// The search engine (Okta).
    Search,
    /// The feature behind the API (Okta).
    Feature,
}

/// How a control request of one provider went: a document, or a status and what is wrong.
pub(crate) type Controlled = Result<Value, (u16, String)>;

/// A provider as the listener and the control API see it.
pub(crate) trait Simulated: Send + Sync + 'static {
    /// Which one it is.
    fn provider(&self) -> Provider;

    /// Its state.
    fn world(&self) -> &World;

    /// The paths below which its hosts are, such as `/entra/graph`.
    fn hosts(&self) -> &'static [&'static str];

    /// The true answer to a request.
    fn answer(&self, call: &Call) -> Reply;

    /// The vendor's error body for a status that a fault asks for.
    fn failed(&self, call: &Call, status: u16) -> Reply;

    /// Whether the vendor would compress the answer to this request.
    fn compresses(&self, call: &Call) -> bool {
        call.header("accept-encoding").is_some_and(|list| list.contains("gzip"))
    }

    /// Lets something expire.
    fn expire(&self, what: Expiring);

    /// Takes something away or gives it back; whether this provider knows such a thing.
    fn set_granted(&self, what: Granted, granted: bool) -> bool;

    /// Tells a client, with a reply, to wait so long before it asks again.
    fn asks_to_wait(&self, reply: Reply, call: &Call, seconds: u32) -> Reply {
        let world = self.world();
        let now = world.clock.now_ms();
        let until = now + i64::from(seconds) * 1000;
        world.counters.told_to_wait(call.fingerprint(), now, until);
        reply.with_header("retry-after", seconds.to_string())
    }

    /// Answers a control request that only this provider has: status and document, or what is wrong with it.
    fn own_control(&self, _method: &str, _path: &[&str], _body: &[u8]) -> Option<Controlled> {
        None
    }

    /// The calls that a client must answer before this request can be answered; see [`crate::webhook`].
    fn shakes(&self, _call: &Call) -> Vec<Message> {
        Vec::new()
    }

    /// Messages to registered addresses about what came since it was last asked.
    fn tell(&self, _tongue: &mut Tongue) -> Vec<Message> {
        Vec::new()
    }

    /// The registered addresses, as control shows them; without secrets.
    fn registered(&self) -> Value {
        Value::Array(Vec::new())
    }
}
