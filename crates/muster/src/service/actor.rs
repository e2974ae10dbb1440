//! The actor who asks for a change.

use directory::id::Millis;
use serde_json::Value;
use store::{Maker, NewAudit};

use crate::peer::Origin;

/// Returns the name that the audit log and lists have for somebody.
pub fn called(maker: &Maker) -> String {
    match maker {
        Maker::FirstStart => "the first start".to_owned(),
        Maker::Server => "admin token".to_owned(),
        Maker::Administrator(name) => name.clone(),
        Maker::Token(name) => format!("token {name}"),
    }
}

/// An administrator, a token's holder or the server, at an address.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The administrator's name, or the token's with `token` before it.
    pub who: String,
    /// From where.
    pub origin: Origin,
    /// The same as a value: links and tokens end with their maker.
    pub maker: Maker,
}

impl Actor {
    /// Returns the server itself as the actor, on behalf of one of its commands.
    pub fn server(command: &str) -> Self {
        Self { who: format!("muster {command}"), origin: Origin::Unknown, maker: Maker::Server }
    }

    /// Returns an administrator or a reader as the actor.
    pub fn administrator(name: &str, origin: Origin) -> Self {
        Self::new(Maker::Administrator(name.to_owned()), origin)
    }

    /// Returns an actor; the name follows from the maker.
    pub fn new(maker: Maker, origin: Origin) -> Self {
        Self { who: called(&maker), origin, maker }
    }

    /// Returns the entry of the audit log for a change at `at`; `action` is `noun.verb`, and a secret is never part of `detail`.
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
