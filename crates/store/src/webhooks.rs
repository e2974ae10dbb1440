//! Webhooks: where applications want to be told that there is something new.

use directory::id::Millis;
use rusqlite::{OptionalExtension, Row, Transaction};
use secrecy::SecretString;

use crate::{StoreError, db::small, sealed::Key, unreadable::readable};

/// Webhooks of one application.
const OF_APPLICATION_MAX: i64 = 20;

/// A webhook.
#[derive(Debug, Clone)]
pub struct WebhookRow {
    /// Its number, never given again.
    pub id: u32,
    /// The application that wants to be told.
    pub application: u32,
    /// The address that is told.
    pub endpoint: String,
    /// What the address wants to see in the `Authorization` header.
    pub token: Option<SecretString>,
    /// How often in a row it could not be told.
    pub failures: u32,
    /// When the first of these failures was.
    pub failing_since: Option<Millis>,
}

const COLUMNS: &str = "id, application, endpoint, token, failures, failing_since";

/// Keeps a webhook; the same address of the same application is the same webhook, with a fresh start.
/// `None` when the application has too many.
pub(crate) fn add(
    transaction: &Transaction<'_>,
    key: &Key,
    application: u32,
    (endpoint, token): (&str, Option<&SecretString>),
) -> Result<Option<WebhookRow>, StoreError> {
    let there: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM application WHERE id = ?1)")?
        .query_row([application], |row| row.get(0))?;
    if !there {
        return Err(StoreError::Removed);
    }
    let known: Option<i64> = transaction
        .prepare_cached("SELECT id FROM webhook WHERE application = ?1 AND endpoint = ?2")?
        .query_row((application, endpoint), |row| row.get(0))
        .optional()?;
    let id = if let Some(id) = known {
        small(id)?
    } else {
        let count: i64 = transaction
            .prepare_cached("SELECT COUNT(*) FROM webhook WHERE application = ?1")?
            .query_row([application], |row| row.get(0))?;
        if count >= OF_APPLICATION_MAX {
            return Ok(None);
        }
        transaction.execute("UPDATE head SET webhook = webhook + 1", ())?;
        small(transaction.query_row("SELECT webhook FROM head", (), |row| row.get(0))?)?
    };
    let sealed = token.map(|token| key.seal(&purpose(id), token));
    transaction.execute(
        "INSERT INTO webhook (id, application, endpoint, token, failures) VALUES (?1, ?2, ?3, ?4, 0)
         ON CONFLICT (id) DO UPDATE SET token = excluded.token, failures = 0, failing_since = NULL",
        (id, application, endpoint, sealed),
    )?;
    let (endpoint, token) = (endpoint.to_owned(), token.cloned());
    let (failures, failing_since) = (0, None);
    Ok(Some(WebhookRow { id, application, endpoint, token, failures, failing_since }))
}

/// One webhook; none that cannot be read.
pub(crate) fn get(
    transaction: &Transaction<'_>,
    key: &Key,
    id: u32,
) -> Result<Option<WebhookRow>, StoreError> {
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM webhook WHERE id = ?1"))?;
    Ok(readable(select.query([id])?, |row| webhook(row, key))?.pop())
}

/// All webhooks that can be read.
pub(crate) fn list(
    transaction: &Transaction<'_>,
    key: &Key,
) -> Result<Vec<WebhookRow>, StoreError> {
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM webhook ORDER BY id"))?;
    let rows = select.query(())?;
    readable(rows, |row| webhook(row, key))
}

pub(crate) fn remove(transaction: &Transaction<'_>, id: u32) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM webhook WHERE id = ?1", [id])?;
    Ok(())
}

/// Remembers that a webhook was told, or that it could not be.
pub(crate) fn told(
    transaction: &Transaction<'_>,
    id: u32,
    well: bool,
    now: Millis,
) -> Result<(), StoreError> {
    // Counted here, so that a fresh start in between stays one.
    let update = if well {
        "UPDATE webhook SET failures = 0, failing_since = NULL WHERE id = ?1 AND ?2 IS NOT NULL"
    } else {
        "UPDATE webhook SET failures = failures + 1, failing_since = COALESCE(failing_since, ?2) WHERE id = ?1"
    };
    transaction.prepare_cached(update)?.execute((id, now.0))?;
    Ok(())
}

fn webhook(row: &Row<'_>, key: &Key) -> Result<WebhookRow, StoreError> {
    let id = small(row.get(0)?)?;
    let sealed: Option<Vec<u8>> = row.get(3)?;
    Ok(WebhookRow {
        id,
        application: small(row.get(1)?)?,
        endpoint: row.get(2)?,
        token: sealed.map(|sealed| key.unseal(&purpose(id), &sealed)).transpose()?,
        failures: row.get(4).unwrap_or_default(),
        failing_since: row.get::<_, Option<i64>>(5).unwrap_or_default().map(Millis),
    })
}

fn purpose(id: u32) -> String {
    format!("token of webhook {id}")
}
