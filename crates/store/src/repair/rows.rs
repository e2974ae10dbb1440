//! Repairs what belongs to no user or group: settings, counters, the index of the log, and rows of nobody.

use directory::name::fold;
use rusqlite::Transaction;

use super::{Repair, TAKEN_OUT_OF_LOG};
use crate::{StoreError, connections, meta, unreadable};

/// A table with its rows that cannot be read.
type Hits = Vec<(&'static unreadable::Table, Vec<unreadable::Hit>)>;

/// Counts anew what the counters do not say any more; in words, each.
pub(crate) fn mend_counters(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let mut told = Vec::new();
    if let Some(floor) = meta::mended_floor(transaction)? {
        meta::set_floor(transaction, floor)?;
        told.push(format!("where the change log begins: after entry {}", floor.0));
    }
    let counters = meta::wrong_counters(transaction)?;
    meta::set_counters(transaction, &counters)?;
    let counters = counters
        .iter()
        .map(|(column, value)| format!("the counter `{column}`: it goes on after {value}"));
    told.extend(counters);
    Ok(told)
}

impl Repair<'_> {
    pub(super) fn counters(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction;
        if let Some(floor) = meta::mended_floor(transaction)? {
            self.found("where the change log begins", "told by the log; written anew");
            if self.apply {
                meta::set_floor(transaction, floor)?;
            }
        }
        let counters = meta::wrong_counters(transaction)?;
        for (column, _) in &counters {
            self.found(format!("the counter `{column}`"), "counted anew");
        }
        if self.apply {
            meta::set_counters(transaction, &counters)?;
        }
        Ok(())
    }

    /// A directory whose row lost its number: the rows of its users have it still. Nothing else is looked at before it
    /// has it back, since they would be taken for nobody's.
    pub(super) fn number_of_directory(&mut self) -> Result<bool, StoreError> {
        let numbers = |select: &str| {
            let mut select = self.transaction.prepare(select)?;
            let numbers: Result<Vec<i64>, _> = select.query_map((), |row| row.get(0))?.collect();
            Ok::<_, StoreError>(numbers?)
        };
        let lost = numbers(
            "SELECT id FROM connection WHERE id NOT BETWEEN 0 AND 4294967295
                OR (served_once AND NOT EXISTS (SELECT 1 FROM mirror_person WHERE directory = connection.id))",
        )?;
        let free = numbers(
            "SELECT DISTINCT directory FROM mirror_person WHERE typeof(directory) = 'integer'
                AND directory BETWEEN 0 AND 4294967295 AND directory NOT IN (SELECT id FROM connection)",
        )?;
        let (&[lost], &[free]) = (lost.as_slice(), free.as_slice()) else { return Ok(false) };
        self.found(
            format!("the number of a directory, which is {lost}"),
            format!(
                "it gets back the number {free}, which the rows of its users have; look again then"
            ),
        );
        self.execute("UPDATE connection SET id = ?2 WHERE id = ?1", (lost, free))?;
        Ok(true)
    }

    pub(super) fn hits(&self, tables: &'static [unreadable::Table]) -> Result<Hits, StoreError> {
        let scan = |table| Ok((table, unreadable::scan(self.transaction, self.key, table)?));
        tables.iter().map(scan).collect()
    }

    /// Rows of settings and the like.
    pub(super) fn rows(&mut self, found: Hits) -> Result<(), StoreError> {
        for (table, hits) in found {
            for hit in &hits {
                self.found(hit.row.what(), hit.row.remedy.clone());
                if self.apply {
                    unreadable::mend(self.transaction, self.key, (table, hit))?;
                }
            }
            let noted = match table.name {
                "gone_user" => "gone_entered",
                "log_run" | "log_member" | "log_key" => "log_indexed",
                _ => continue,
            };
            if !hits.is_empty() {
                self.execute("DELETE FROM meta WHERE name = ?1", [noted])?;
            }
        }
        Ok(())
    }

    /// Rows of directories that are not there.
    pub(super) fn strangers(&mut self) -> Result<(), StoreError> {
        for table in connections::TABLES {
            let of_none = format!(
                "FROM {table} WHERE typeof(directory) = 'integer' AND directory BETWEEN 0 AND 4294967295 AND directory NOT \
                 IN (SELECT id FROM connection)"
            );
            let count: i64 =
                self.transaction
                    .query_row(&format!("SELECT COUNT(*) {of_none}"), (), |row| row.get(0))?;
            if count > 0 {
                self.found(
                    format!("{count} in the table {table}, of a directory that is not there"),
                    "taken out, after what they said was written anew as far as other rows tell it",
                );
                self.execute(&format!("DELETE {of_none}"), ())?;
            }
        }
        Ok(())
    }

    /// Names in the form in which they are looked up.
    pub(super) fn folded_names(&mut self) -> Result<(), StoreError> {
        for (table, kind) in [
            ("connection", "directory"),
            ("application", "application"),
            ("alert_channel", "alert channel"),
            ("administrator", "administrator"),
            ("api_token", "token"),
        ] {
            let mut wrong = Vec::new();
            {
                let select = format!("SELECT id, name, CAST(folded_name AS BLOB) FROM {table}");
                let mut select = self.transaction.prepare(&select)?;
                let mut rows = select.query(())?;
                while let Some(row) = rows.next()? {
                    // One whose name cannot be read is told of as that.
                    let Ok(name) = row.get::<_, String>(1) else { continue };
                    let folded = fold(&name).into_owned();
                    if row.get_ref(2)?.as_bytes_or_null().ok().flatten() != Some(folded.as_bytes())
                    {
                        wrong.push((row.get::<_, i64>(0)?, name, folded));
                    }
                }
            }
            for (id, name, folded) in wrong {
                self.found(format!("how {kind} `{name}` is looked up"), "written anew");
                let update = format!("UPDATE OR IGNORE {table} SET folded_name = ?2 WHERE id = ?1");
                self.execute(&update, (id, folded))?;
            }
        }
        Ok(())
    }

    /// Entries of the log that do not say of which directory they are.
    pub(super) fn entries_of_nobody(&mut self) -> Result<(), StoreError> {
        let of_nobody =
            "FROM change_log WHERE seq <= 0 OR directory NOT IN (SELECT id FROM connection)";
        let count: i64 =
            self.transaction
                .query_row(&format!("SELECT COUNT(*) {of_nobody}"), (), |row| row.get(0))?;
        if count > 0 {
            let what = format!("{count} of the change log do not say of which directory they are");
            self.found(what, TAKEN_OUT_OF_LOG);
            self.execute(&format!("DELETE {of_nobody}"), ())?;
            self.expire()?;
        }
        Ok(())
    }
}
