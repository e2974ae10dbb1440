//! What people changed: who, when, from where, what was before and what is after.
//!
//! Invariants: secrets are never part of an entry; a change is written down after it was made, and that it
//! could not be written down is an error in the log and no reason to undo it.

use directory::error_chain::joined;
use serde_json::Value;
use store::NewAudit;

use crate::{app::App, peer::Origin};

/// Somebody who changes something.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The administrator's name, or what a token is called.
    pub who: String,
    /// From where.
    pub origin: Origin,
}

/// Writes down what somebody did; `action` is `noun.verb`.
pub async fn record(app: &App, actor: &Actor, action: &str, object: &str, detail: Value) {
    let entry = NewAudit {
        at: app.clock.now(),
        who: actor.who.clone(),
        origin: actor.origin.to_string(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: detail.to_string(),
    };
    tracing::info!(
        who = entry.who,
        origin = entry.origin,
        action,
        object,
        "somebody changed something"
    );
    if let Err(error) = app.blocking(move |store| store.audit(&entry)).await {
        tracing::error!(
            error = joined(error.as_ref()),
            action,
            object,
            "the audit log could not be written"
        );
    }
}
