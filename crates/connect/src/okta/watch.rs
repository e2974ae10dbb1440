//! Okta's event hooks (`protocols/providers.md` C7).

use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::Okta;
use crate::{
    call::Ask,
    error::{ConnectError, Kind},
    watch::{self, Callback, Subscription, Watched},
};

/// What is told.
const EVENTS: [&str; 15] = [
    "user.lifecycle.create",
    "user.lifecycle.activate",
    "user.lifecycle.deactivate",
    "user.lifecycle.suspend",
    "user.lifecycle.unsuspend",
    "user.lifecycle.reactivate",
    "user.lifecycle.delete.completed",
    "user.account.update_profile",
    "user.account.update_primary_email",
    "group.lifecycle.create",
    "group.lifecycle.delete",
    "group.profile.update",
    "group.user_membership.add",
    "group.user_membership.remove",
    "application.user_membership.add",
];
const ABOUT: &str = "events";

/// A hook as Okta writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    verification_status: String,
}

impl Watched for Okta {
    async fn subscribe(
        &self,
        callback: &Callback<'_>,
        have: Vec<Subscription>,
    ) -> Result<Vec<Subscription>, ConnectError> {
        if let Some(one) = have.first()
            && self.works(&one.id).await?
        {
            return Ok(have);
        }
        self.unsubscribe(&have).await?;
        let url = self.settings.api(&["eventHooks"], &[]);
        let body = json!({
            "name": "Muster",
            "events": {"type": "EVENT_TYPE", "items": EVENTS},
            "channel": {"type": "HTTP", "version": "1.0.0", "config": {
                "uri": callback.url,
                "headers": [],
                "method": "POST",
                "authScheme": {
                    "type": "HEADER",
                    "key": "Authorization",
                    "value": callback.secret.expose_secret(),
                },
            }},
        });
        let made = watch::ask::<_, Item>(self, Ask::post(&url, &body), "an event hook");
        let made = made.await.map_err(|error| explained(&error, callback))?;
        let verify = self.settings.api(&["eventHooks", &made.id, "lifecycle", "verify"], &[]);
        let ask = Ask { method: Method::POST, ..Ask::get(&verify) };
        let verified = watch::ask::<_, Item>(self, ask, "an event hook").await;
        let hook =
            Subscription { id: made.id, about: ABOUT.to_owned(), resource: None, expires: None };
        if let Err(error) = verified {
            // A hook that is not verified is never called.
            self.unsubscribe(&[hook]).await?;
            return Err(explained(&error, callback));
        }
        Ok(vec![hook])
    }

    async fn unsubscribe(&self, have: &[Subscription]) -> Result<(), ConnectError> {
        for one in have {
            // Only what is switched off can be deleted.
            let off = self.settings.api(&["eventHooks", &one.id, "lifecycle", "deactivate"], &[]);
            let gone = self.settings.api(&["eventHooks", &one.id], &[]);
            for ask in [
                Ask { method: Method::POST, ..Ask::get(&off) },
                Ask { method: Method::DELETE, ..Ask::get(&gone) },
            ] {
                watch::end(self, ask, "an event hook").await?;
            }
        }
        Ok(())
    }
}

impl Okta {
    /// Whether a hook is there, on and verified.
    async fn works(&self, id: &str) -> Result<bool, ConnectError> {
        let url = self.settings.api(&["eventHooks", id], &[]);
        let read = watch::ask::<_, Item>(self, Ask::get(&url), "an event hook");
        match read.await {
            Ok(hook) => Ok(hook.status == "ACTIVE" && hook.verification_status == "VERIFIED"),
            Err(error) if error.kind == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn explained(error: &ConnectError, callback: &Callback<'_>) -> ConnectError {
    if error.kind == Kind::Refused {
        let text = format!(
            "Okta does not let this app register an event hook: that needs the scope okta.eventHooks.manage and a role \
             that may manage hooks; reading on schedule goes on ({error})"
        );
        return ConnectError::new(Kind::Refused, "O-SCOPE", text);
    }
    let text = format!(
        "Okta could not be told to call {}: it calls that address first, so it must be reachable from the internet \
         with a valid certificate; reading on schedule goes on ({error})",
        callback.url
    );
    ConnectError::new(error.kind, None, text)
}
