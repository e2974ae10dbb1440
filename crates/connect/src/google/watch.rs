//! Google's watch channels for users (`protocols/providers.md` B7); nothing tells of groups.
//!
//! Invariant: a channel cannot be prolonged: all new ones are opened before the old ones are closed.

use directory::id::{DAY_MS, Millis};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Google;
use crate::{
    call::Ask,
    error::ConnectError,
    watch::{self, Callback, Subscription, Watched},
};

/// What is told, in a channel each.
const ABOUT: [&str; 4] = ["add", "delete", "undelete", "update"];
/// How long a channel is asked to last: the vendor's maximum.
const LIFE_MS: i64 = 2 * DAY_MS;

/// A channel as Google writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    resource_id: Option<String>,
    /// Milliseconds, as a text or a number.
    expiration: Option<Value>,
}

impl Watched for Google {
    async fn subscribe(
        &self,
        callback: &Callback<'_>,
        have: Vec<Subscription>,
    ) -> Result<Vec<Subscription>, ConnectError> {
        let now = self.http.now();
        let (mut all, mut fresh) = (Vec::with_capacity(ABOUT.len()), Vec::new());
        let mut old = Vec::new();
        for about in ABOUT {
            let known = have.iter().find(|one| one.about == about);
            if let Some(one) = known.filter(|one| !one.is_due(now, LIFE_MS)) {
                all.push(one.clone());
                continue;
            }
            match self.open(about, callback, now).await {
                Ok(one) => {
                    fresh.push(one.clone());
                    all.push(one);
                    old.extend(known.cloned());
                }
                Err(error) => {
                    watch::undo(self, &fresh).await;
                    return Err(error);
                }
            }
        }
        // Those that do not end now end by themselves.
        watch::undo(self, &old).await;
        Ok(all)
    }

    async fn unsubscribe(&self, have: &[Subscription]) -> Result<(), ConnectError> {
        for one in have {
            // The vendor's own path, odd as it is.
            let url = self.settings.url(&["admin", "directory_v1", "channels", "stop"], &[]);
            let body = json!({"id": one.id, "resourceId": one.resource});
            let ask = Ask::post(url.as_str(), &body);
            watch::end(self, ask, "a channel").await?;
        }
        Ok(())
    }
}

impl Google {
    async fn open(
        &self,
        about: &str,
        callback: &Callback<'_>,
        now: Millis,
    ) -> Result<Subscription, ConnectError> {
        let parameters = [("customer", self.settings.customer.as_str()), ("event", about)];
        let url = self.settings.directory_url(&["users", "watch"], &parameters);
        let body = json!({
            "id": self.http.unique(),
            "type": "web_hook",
            "address": callback.url,
            "token": callback.secret.expose_secret(),
            "params": {"ttl": (LIFE_MS / 1_000).to_string()},
        });
        let ask = Ask::post(url.as_str(), &body);
        let made = watch::ask::<_, Item>(self, ask, "a channel");
        let made = made.await.map_err(|error| {
            let text = format!(
                "Google could not be told to call {}: that address must be reachable from the internet with a valid \
                 certificate, and its domain may have to be verified; reading on schedule goes on ({error})",
                callback.url
            );
            ConnectError::new(error.kind, None, text)
        })?;
        let expires = match &made.expiration {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_i64(),
            _ => None,
        };
        let expires = Some(expires.map_or_else(|| now.plus(LIFE_MS), Millis));
        let (about, resource) = (about.to_owned(), made.resource_id);
        Ok(Subscription { id: made.id, about, resource, expires })
    }
}
