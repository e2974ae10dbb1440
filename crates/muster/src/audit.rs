//! What people changed: who, when, from where, what was before and what is after.
//!
//! Invariants: secrets are never part of an entry; a change is written down after it was made, and that it
//! could not be written down is an error in the log and no reason to undo it.

use directory::error_chain::joined;
use serde_json::Value;
use store::Changed;

use crate::{app::App, service::Actor};

/// Writes down what somebody did; `action` is `noun.verb`.
pub async fn record(app: &App, actor: &Actor, action: &str, object: &str, detail: Value) {
    let entry = actor.entry(app.clock.now(), action, object, &detail);
    tracing::info!(
        who = entry.who,
        origin = entry.origin,
        action,
        object,
        "somebody changed something"
    );
    if let Err(error) =
        app.blocking(move |store| store.change(|_| Ok(Changed::Kept((), entry)))).await
    {
        tracing::error!(
            error = joined(error.as_ref()),
            action,
            object,
            "the audit log could not be written"
        );
    }
}
