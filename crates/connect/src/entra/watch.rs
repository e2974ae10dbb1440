//! Graph subscriptions for users and groups (`protocols/providers.md` A7).

use directory::id::{DAY_MS, Millis};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::Entra;
use crate::{
    call::Ask,
    error::{ConnectError, Kind},
    watch::{self, Callback, Subscription, Watched, stamped, written},
};

/// What is told: `updated` covers new and soft-deleted objects too. Groups first: they take one permission more.
const ABOUT: [&str; 2] = ["groups", "users"];
/// How long a registration is asked to last; the vendor allows 29 days.
const LIFE_MS: i64 = 3 * DAY_MS;

/// A registration as Graph writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    expiration_date_time: Option<String>,
}

impl Item {
    fn subscription(self, about: &str) -> Subscription {
        let expires = self.expiration_date_time.as_deref().and_then(stamped);
        Subscription { id: self.id, about: about.to_owned(), resource: None, expires }
    }
}

impl Watched for Entra {
    async fn subscribe(
        &self,
        callback: &Callback<'_>,
        have: Vec<Subscription>,
    ) -> Result<Vec<Subscription>, ConnectError> {
        let now = self.http.now();
        let mut all = Vec::with_capacity(ABOUT.len());
        let mut fresh = Vec::new();
        for about in ABOUT {
            match self.one(about, callback, &have, now).await {
                Ok(one) => {
                    if !have.iter().any(|known| known.id == one.id) {
                        fresh.push(one.clone());
                    }
                    all.push(one);
                }
                Err(error) => {
                    watch::undo(self, &fresh).await;
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    async fn unsubscribe(&self, have: &[Subscription]) -> Result<(), ConnectError> {
        for one in have {
            let url = self.settings.graph_url(&format!("subscriptions/{}", one.id));
            let ask = Ask { method: Method::DELETE, ..Ask::get(&url) };
            watch::end(self, ask, "a registration").await?;
        }
        Ok(())
    }
}

impl Entra {
    /// A registration that lasts: what there is, prolonged when that is due, or a new one.
    async fn one(
        &self,
        about: &str,
        callback: &Callback<'_>,
        have: &[Subscription],
        now: Millis,
    ) -> Result<Subscription, ConnectError> {
        let known = have.iter().find(|one| one.about == about);
        let kept = match known {
            Some(one) if !one.is_due(now, LIFE_MS) => Some(one.clone()),
            Some(one) => self.prolong(one, now).await?,
            None => None,
        };
        match kept {
            Some(one) => Ok(one),
            None => self.register(about, callback, now).await,
        }
    }

    async fn register(
        &self,
        about: &str,
        callback: &Callback<'_>,
        now: Millis,
    ) -> Result<Subscription, ConnectError> {
        let url = self.settings.graph_url("subscriptions");
        let body = json!({
            "changeType": "updated,deleted",
            "notificationUrl": callback.url,
            "lifecycleNotificationUrl": callback.url,
            "resource": about,
            "expirationDateTime": written(now.plus(LIFE_MS)),
            "clientState": callback.secret.expose_secret(),
        });
        let made = watch::ask::<_, Item>(self, Ask::post(&url, &body), "a registration");
        let made = made.await.map_err(|error| explained(&error, about, callback))?;
        Ok(made.subscription(about))
    }

    /// Prolongs a registration; `None` when it is gone.
    async fn prolong(
        &self,
        one: &Subscription,
        now: Millis,
    ) -> Result<Option<Subscription>, ConnectError> {
        let url = self.settings.graph_url(&format!("subscriptions/{}", one.id));
        let body = json!({"expirationDateTime": written(now.plus(LIFE_MS))});
        let ask = Ask { method: Method::PATCH, ..Ask::post(&url, &body) };
        let read = watch::ask::<_, Item>(self, ask, "a registration");
        match read.await {
            Ok(item) => Ok(Some(item.subscription(&one.about))),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn explained(error: &ConnectError, about: &str, callback: &Callback<'_>) -> ConnectError {
    if error.kind == Kind::Refused {
        let permission = if about == "groups" { "Group.Read.All" } else { "User.Read.All" };
        let text = format!(
            "Microsoft does not let this app be told of changes of {about}: that needs the application permission \
             {permission} with admin consent; reading on schedule goes on ({error})"
        );
        return ConnectError::new(Kind::Refused, "E-CONSENT", text);
    }
    let text = format!(
        "Microsoft could not be told to call {}: it calls that address first, so it must be reachable from the \
         internet with a valid certificate; reading on schedule goes on ({error})",
        callback.url
    );
    ConnectError::new(error.kind, None, text)
}
