//! Whoever asks for a change.

use directory::id::Millis;
use serde_json::Value;
use store::{Maker, NewAudit};

use crate::peer::Origin;

/// Somebody who changes something.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The administrator's name, or the token's with `token` before it.
    pub who: String,
    /// From where.
    pub origin: Origin,
    /// The same, for what lives no longer than its maker.
    pub maker: Maker,
}

impl Actor {
    /// The server itself, on behalf of one of its commands.
    pub fn server(command: &str) -> Self {
        Self { who: format!("muster {command}"), origin: Origin::Unknown, maker: Maker::Server }
    }

    /// The holder of the server's own token.
    pub fn own_token(origin: Origin) -> Self {
        Self { who: "admin token".to_owned(), origin, maker: Maker::Server }
    }

    /// The holder of a token.
    pub fn token(name: &str, origin: Origin) -> Self {
        Self { who: format!("token {name}"), origin, maker: Maker::Token(name.to_owned()) }
    }

    /// An administrator, or a reader.
    pub fn administrator(name: &str, origin: Origin) -> Self {
        Self { who: name.to_owned(), origin, maker: Maker::Administrator(name.to_owned()) }
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
