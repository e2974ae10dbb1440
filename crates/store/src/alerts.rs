//! Alerts: what administrators are told of, and which channel was told how much of it.
//!
//! Invariants: one matter of one directory is open once; what was told is remembered with the matter, so that neither a
//! restart nor the next run tells it again.

use std::collections::BTreeSet;

use directory::id::{DAY_MS, DirectoryId, Millis};
use rusqlite::{Row, Transaction};

use crate::{
    Change, Store, StoreError,
    db::small,
    unreadable::{Lenient, readable},
};

/// How long alerts are kept after their end.
const KEPT_MS: i64 = 400 * DAY_MS;

/// What there is to say of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertText {
    /// What of it, each told once for as long as the alert is open.
    pub aspects: BTreeSet<String>,
    /// What is the matter, in one sentence.
    pub title: String,
    /// More about it, and what to do.
    pub details: Vec<String>,
}

/// Which matter of which directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matter<'a> {
    /// The directory.
    pub directory: DirectoryId,
    /// The directory's name.
    pub directory_name: &'a str,
    /// The kind of alert.
    pub kind: &'a str,
}

/// Whether the channels are to be told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// There is something new.
    Again,
    /// Only numbers and words have changed.
    Quietly,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its number, never given again.
    pub id: u32,
    /// The directory.
    pub directory: DirectoryId,
    /// The directory's name when it was raised.
    pub directory_name: String,
    /// The kind of alert.
    pub kind: String,
    /// What is the matter.
    pub text: AlertText,
    /// Counts what there was to tell of it; 1 when it was raised.
    pub version: u32,
    /// When it was raised.
    pub raised: Millis,
    /// When there was last something to tell.
    pub changed: Millis,
    /// When it ended.
    pub resolved: Option<Millis>,
    /// When somebody said that they look after it.
    pub acknowledged: Option<Millis>,
}

/// Up to which version of an alert a channel was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The alert.
    pub alert: u32,
    /// The channel.
    pub channel: u32,
    /// The version.
    pub version: u32,
}

const COLUMNS: &str = "id, directory, directory_name, kind, aspects, title, details, version, raised, changed, \
                       resolved, acknowledged";

impl Store {
    /// Alerts that are open or ended at this time or later; the open ones first, then the newest.
    pub fn alerts(&self, since: Millis) -> Result<Vec<AlertRow>, StoreError> {
        self.0.main.read(|transaction| {
            let mut select = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM alert WHERE resolved IS NULL OR resolved >= ?1
                 ORDER BY resolved IS NOT NULL, id DESC"
            ))?;
            let rows = select.query([since.0])?;
            readable(rows, alert)
        })
    }

    /// What the channels were told of alerts that are open or ended at this time or later.
    pub fn alerts_told(&self, since: Millis) -> Result<Vec<Told>, StoreError> {
        self.0.main.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT alert, channel, alert_told.version FROM alert_told JOIN alert ON alert.id = alert
                 WHERE resolved IS NULL OR resolved >= ?1",
            )?;
            let rows = select.query([since.0])?;
            readable(rows, |row| {
                let [alert, channel, version] =
                    [small(row.get(0)?)?, small(row.get(1)?)?, small(row.get(2)?)?];
                Ok(Told { alert, channel, version })
            })
        })
    }

    /// Raises an alert, and forgets those that ended long ago. Nothing is done when the matter is open already.
    pub fn raise_alert(
        &self,
        matter: Matter<'_>,
        text: &AlertText,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.0.main.write(|transaction| raise(transaction, matter, text, now))
    }

    /// Changes what there is to say of an open alert. With something new in it, nobody looks after it any more.
    pub fn change_alert(
        &self,
        id: u32,
        text: &AlertText,
        telling: Telling,
        now: Millis,
    ) -> Result<(), StoreError> {
        let update = "UPDATE alert SET aspects = ?2, title = ?3, details = ?4 WHERE id = ?1 AND resolved IS NULL";
        let renew = "UPDATE alert SET version = version + 1, changed = ?2, acknowledged = NULL
                     WHERE id = ?1 AND resolved IS NULL";
        self.0.main.write(|transaction| {
            let (aspects, details) = (json(&text.aspects)?, json(&text.details)?);
            transaction.execute(update, (id, aspects, &text.title, details))?;
            if telling == Telling::Again {
                transaction.execute(renew, (id, now.0))?;
            }
            Ok(())
        })
    }

    /// Ends an alert; the channels that were told of it are told that.
    pub fn resolve_alert(
        &self,
        id: u32,
        title: &str,
        details: &[String],
        now: Millis,
    ) -> Result<(), StoreError> {
        self.0.main.write(|transaction| {
            transaction.execute(
                "UPDATE alert SET title = ?2, details = ?3, version = version + 1, changed = ?4, resolved = ?4
                 WHERE id = ?1 AND resolved IS NULL",
                (id, title, json(&details)?, now.0),
            )?;
            Ok(())
        })
    }

    /// Remembers up to which version a channel was told.
    pub fn alert_told(&self, told: Told) -> Result<(), StoreError> {
        self.0.main.write(|transaction| {
            transaction.execute(
                "INSERT INTO alert_told (alert, channel, version) VALUES (?1, ?2, ?3)
                 ON CONFLICT (alert, channel) DO UPDATE SET version = excluded.version",
                (told.alert, told.channel, told.version),
            )?;
            Ok(())
        })
    }
}

impl Change<'_> {
    /// Remembers that somebody looks after an alert; says whether it is open.
    pub fn acknowledge_alert(&self, id: u32, now: Millis) -> Result<bool, StoreError> {
        let transaction = self.transaction;
        let changed = transaction.execute(
                "UPDATE alert SET acknowledged = COALESCE(acknowledged, ?2) WHERE id = ?1 AND resolved IS NULL",
                (id, now.0),
            )?;
        Ok(changed == 1)
    }
}

fn raise(
    transaction: &Transaction<'_>,
    matter: Matter<'_>,
    text: &AlertText,
    now: Millis,
) -> Result<(), StoreError> {
    let past = now.plus(-KEPT_MS).0;
    transaction.execute(
        "DELETE FROM alert_told WHERE alert IN (SELECT id FROM alert WHERE resolved < ?1)",
        [past],
    )?;
    transaction.execute("DELETE FROM alert WHERE resolved < ?1", [past])?;
    transaction.execute("UPDATE head SET alert = alert + 1", ())?;
    transaction.execute(
        "INSERT INTO alert (id, directory, directory_name, kind, aspects, title, details, version, raised, changed)
         VALUES ((SELECT alert FROM head), ?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)
         ON CONFLICT (directory, kind) WHERE resolved IS NULL DO NOTHING",
        (
            matter.directory.0,
            matter.directory_name,
            matter.kind,
            json(&text.aspects)?,
            &text.title,
            json(&text.details)?,
            now.0,
        ),
    )?;
    Ok(())
}

/// Without its directory, kind or end an alert is none; the rest is told anew by the next look.
fn alert(row: &Row<'_>) -> Result<AlertRow, StoreError> {
    let (id, directory) = (small(row.get(0)?)?, DirectoryId(small(row.get(1)?)?));
    let (kind, resolved) = (row.get(3)?, row.get::<_, Option<i64>>(10)?.map(Millis));
    let mut row = Lenient::new(row);
    let aspects = |json: &str| serde_json::from_str(json).ok();
    let details = |json: &str| serde_json::from_str(json).ok();
    Ok(AlertRow {
        id,
        directory,
        directory_name: row.get((2, "directory_name"), String::new),
        kind,
        text: AlertText {
            aspects: row.parsed((4, "aspects"), aspects, BTreeSet::new),
            title: row.get((5, "title"), String::new),
            details: row.parsed((6, "details"), details, Vec::new),
        },
        version: row.get((7, "version"), || 1),
        raised: Millis(row.get((8, "raised"), || 0)),
        changed: Millis(row.get((9, "changed"), || 0)),
        resolved,
        acknowledged: row.get::<Option<i64>>((11, "acknowledged"), || None).map(Millis),
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::damaged("an alert"))
}
