//! Channels through which administrators are told of alerts: webhooks and mailboxes.
//!
//! Invariant: what lets somebody use a channel (a webhook's address, a mailbox's password) is sealed.

use std::collections::BTreeMap;

use directory::{id::Millis, name::fold};
use rusqlite::{Row, Transaction};
use secrecy::SecretString;

use crate::{
    Change, Store, StoreError,
    connections::refuse_taken,
    db::small,
    sealed::Key,
    unreadable::{Lenient, readable},
};

/// A channel to be added.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// Its name, unique in any case.
    pub name: String,
    /// What it is: `webhook`, `email`.
    pub kind: String,
    /// How it is reached, without what is secret.
    pub settings: BTreeMap<String, String>,
    /// The kinds of alert that it is told of; all when empty.
    pub alerts: Vec<String>,
    /// The address of a webhook, the password of a mailbox.
    pub secret: SecretString,
}

/// A channel and how it stands.
#[derive(Debug, Clone)]
pub struct ChannelRow {
    /// Its number, never given again.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// How it is reached, without what is secret.
    pub settings: BTreeMap<String, String>,
    /// The kinds of alert that it is told of; all when empty.
    pub alerts: Vec<String>,
    /// The address of a webhook, the password of a mailbox.
    pub secret: SecretString,
    /// How often in a row it could not be told.
    pub failures: u32,
    /// When the first of these failures was.
    pub failing_since: Option<Millis>,
    /// Why it could not be told.
    pub problem: Option<String>,
    /// Not to be tried again before.
    pub retry_at: Option<Millis>,
    /// When it was last told something.
    pub told_at: Option<Millis>,
    /// The columns that cannot be read.
    pub unreadable: Vec<&'static str>,
}

impl ChannelRow {
    /// The columns that cannot be read and without which nobody can be told.
    pub fn lacks(&self) -> Vec<&'static str> {
        const NEEDED: [&str; 3] = ["kind", "settings", "secret"];
        self.unreadable.iter().copied().filter(|column| NEEDED.contains(column)).collect()
    }
}

const COLUMNS: &str =
    "id, name, kind, settings, alerts, secret, failures, failing_since, problem, retry_at, told_at";

impl Store {
    /// All channels, by number.
    pub fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        self.0.main.read(|transaction| list(transaction, &self.0.key))
    }

    /// Remembers that a channel was told something.
    pub fn channel_told(&self, id: u32, now: Millis) -> Result<(), StoreError> {
        let update = "UPDATE alert_channel SET failures = 0, failing_since = NULL, problem = NULL, retry_at = NULL,
                             told_at = ?2 WHERE id = ?1";
        self.0.main.write(|transaction| Ok(transaction.execute(update, (id, now.0)).map(drop)?))
    }

    /// Remembers why a channel could not be told, and when to try again.
    pub fn channel_failed(
        &self,
        id: u32,
        problem: &str,
        now: Millis,
        retry_at: Millis,
    ) -> Result<(), StoreError> {
        let update = "UPDATE alert_channel SET failures = failures + 1, failing_since = COALESCE(failing_since, ?2),
                             problem = ?3, retry_at = ?4 WHERE id = ?1";
        self.0.main.write(|transaction| {
            Ok(transaction.execute(update, (id, now.0, problem, retry_at.0)).map(drop)?)
        })
    }
}

impl Change<'_> {
    /// All channels, by number.
    pub fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        list(self.transaction, self.key)
    }

    /// Adds a channel; gives its number.
    pub fn add_channel(&self, new: &NewChannel) -> Result<u32, StoreError> {
        add(self.transaction, self.key, new)
    }

    /// Replaces everything of a channel but its name, and its secret only if one is given. Past failures are forgotten.
    pub fn change_channel(
        &self,
        id: u32,
        new: &NewChannel,
        secret: Option<&SecretString>,
    ) -> Result<(), StoreError> {
        change(self.transaction, self.key, (id, new, secret))
    }

    /// Removes a channel.
    pub fn remove_channel(&self, id: u32) -> Result<(), StoreError> {
        let transaction = self.transaction;
        transaction.execute("DELETE FROM alert_channel WHERE id = ?1", [id])?;
        transaction.execute("DELETE FROM alert_told WHERE channel = ?1", [id])?;
        Ok(())
    }
}

fn list(transaction: &Transaction<'_>, key: &Key) -> Result<Vec<ChannelRow>, StoreError> {
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM alert_channel ORDER BY id"))?;
    let rows = select.query(())?;
    readable(rows, |row| channel(row, key))
}

fn add(transaction: &Transaction<'_>, key: &Key, new: &NewChannel) -> Result<u32, StoreError> {
    refuse_taken(transaction, "alert_channel", &new.name)?;
    transaction.execute("UPDATE head SET channel = channel + 1", ())?;
    let id = small(transaction.query_row("SELECT channel FROM head", (), |row| row.get(0))?)?;
    transaction.execute(
        "INSERT INTO alert_channel (id, name, folded_name, kind, settings, alerts, secret, failures)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
        (
            id,
            &new.name,
            fold(&new.name),
            &new.kind,
            json(&new.settings)?,
            json(&new.alerts)?,
            key.seal(&purpose(id), &new.secret),
        ),
    )?;
    Ok(id)
}

fn change(
    transaction: &Transaction<'_>,
    key: &Key,
    (id, new, secret): (u32, &NewChannel, Option<&SecretString>),
) -> Result<(), StoreError> {
    let changed = transaction.execute(
        "UPDATE alert_channel SET kind = ?2, settings = ?3, alerts = ?4, failures = 0, failing_since = NULL,
                problem = NULL, retry_at = NULL WHERE id = ?1",
        (id, &new.kind, json(&new.settings)?, json(&new.alerts)?),
    )?;
    if changed == 0 {
        return Err(StoreError::Removed);
    }
    if let Some(secret) = secret {
        let sealed = key.seal(&purpose(id), secret);
        transaction.execute("UPDATE alert_channel SET secret = ?2 WHERE id = ?1", (id, sealed))?;
    }
    Ok(())
}

fn channel(row: &Row<'_>, key: &Key) -> Result<ChannelRow, StoreError> {
    let id = small(row.get(0)?)?;
    let mut row = Lenient::new(row);
    let time =
        |row: &mut Lenient<'_, '_>, column| row.get::<Option<i64>>(column, || None).map(Millis);
    let name = row.get((1, "name"), || format!("channel-{id}"));
    let kind = row.get((2, "kind"), String::new);
    let settings =
        row.parsed((3, "settings"), |json| serde_json::from_str(json).ok(), BTreeMap::new);
    let alerts = row.parsed((4, "alerts"), |json| serde_json::from_str(json).ok(), Vec::new);
    let secret = row.unsealed((5, "secret"), (key, &purpose(id)));
    let failures = row.get((6, "failures"), || 0);
    let failing_since = time(&mut row, (7, "failing_since"));
    let problem = row.get((8, "problem"), || None);
    let retry_at = time(&mut row, (9, "retry_at"));
    let told_at = time(&mut row, (10, "told_at"));
    let unreadable = row.unreadable;
    Ok(ChannelRow {
        id,
        name,
        kind,
        settings,
        alerts,
        secret,
        failures,
        failing_since,
        problem,
        retry_at,
        told_at,
        unreadable,
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::damaged("an alert channel"))
}

fn purpose(id: u32) -> String {
    format!("secret of alert channel {id}")
}
