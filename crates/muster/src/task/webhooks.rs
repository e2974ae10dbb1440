//! Webhooks, kept in the store.

use secrecy::SecretString;
use store::{Store, StoreError, WebhookRow};

use crate::crowd::{ApplicationId, Webhook, Webhooks, WebhooksFailed};

/// Webhooks in the store; calls block.
#[derive(Debug)]
pub struct StoredWebhooks(Store);

impl StoredWebhooks {
    /// Webhooks in this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, WebhooksFailed> {
        tokio::task::block_in_place(|| work(&self.0)).map_err(|error| {
            tracing::error!(%error, "webhooks cannot be kept");
            WebhooksFailed
        })
    }
}

impl Webhooks for StoredWebhooks {
    fn add(
        &self,
        application: ApplicationId,
        endpoint: &str,
        token: Option<&SecretString>,
    ) -> Result<Option<Webhook>, WebhooksFailed> {
        let row = self.with(|store| store.add_webhook(application, endpoint, token))?;
        Ok(row.map(webhook))
    }

    fn find(&self, id: u32) -> Result<Option<Webhook>, WebhooksFailed> {
        Ok(self.with(|store| store.webhook(id))?.map(webhook))
    }

    fn remove(&self, id: u32) -> Result<(), WebhooksFailed> {
        self.with(|store| store.remove_webhook(id))
    }
}

fn webhook(row: WebhookRow) -> Webhook {
    let WebhookRow { id, application, endpoint, token, .. } = row;
    Webhook { id, application, endpoint, token }
}
