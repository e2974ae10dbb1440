//! Whoever asks for a change.

use directory::id::Millis;
use serde_json::Value;
use store::NewAudit;

use crate::peer::Origin;

/// Somebody who changes something.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The administrator's name, or the token's with `token` before it.
    pub who: String,
    /// From where.
    pub origin: Origin,
}

impl Actor {
    /// The server itself, on behalf of one of its commands.
    pub fn server(command: &str) -> Self {
        Self { who: format!("muster {command}"), origin: Origin::Unknown }
    }

    /// The entry of the audit log for what is done at `at`; `action` is `noun.verb`, and a secret is never part of `detail`.
    pub fn entry(&self, at: Millis, action: &str, object: &str, detail: &Value) -> NewAudit {
        NewAudit {
            at,
            who: self.who.clone(),
            origin: self.origin.to_string(),
            action: action.to_owned(),
            object: object.to_owned(),
            detail: detail.to_string(),
        }
    }
}
