//! What people changed: appended, never altered.

use directory::id::Millis;
use rusqlite::{Row, Transaction, named_params};

use crate::{
    Store, StoreError,
    db::{signed, unsigned},
    runs,
    unreadable::readable,
};

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Millis,
    /// Who: an administrator's name, or what a token is called.
    pub who: String,
    /// From which address.
    pub origin: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// To what.
    pub object: String,
    /// What was before and what is after, as JSON; never a secret.
    pub detail: String,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number.
    pub id: u64,
    /// What it says.
    pub entry: NewAudit,
}

/// Which entries of the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Numbered below this.
    pub before: Option<u64>,
    /// By this person only.
    pub who: Option<String>,
    /// With this text in who, action or object.
    pub text: Option<String>,
    /// At the most so many.
    pub limit: usize,
}

impl Store {
    /// What people did, newest first.
    pub fn audit_log(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.0.main.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT id, at, who, origin, action, object, detail FROM audit
                 WHERE (:before IS NULL OR id < :before) AND (:who IS NULL OR who = :who)
                   AND (:text IS NULL OR instr(lower(who || ' ' || action || ' ' || object), lower(:text)) > 0)
                 ORDER BY id DESC LIMIT :limit",
            )?;
            let rows = select.query(named_params! {
                ":before": filter.before.map(signed),
                ":who": filter.who,
                ":text": filter.text,
                ":limit": signed(filter.limit as u64),
            })?;
            readable(rows, entry)
        })
    }
}

/// Appends an entry.
pub(crate) fn append(transaction: &Transaction<'_>, entry: &NewAudit) -> Result<(), StoreError> {
    let NewAudit { at, who, origin, action, object, detail } = entry;
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, who, origin, action, object, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((at.0, who, origin, action, object, detail))?;
    Ok(())
}

/// An entry, with what can be read of it: that somebody did something is never left out.
fn entry(row: &Row<'_>) -> Result<AuditRow, StoreError> {
    let text = |at| runs::text(row, at);
    let entry = NewAudit {
        at: Millis(row.get(1).unwrap_or_default()),
        who: text(2)?,
        origin: text(3)?,
        action: text(4)?,
        object: text(5)?,
        detail: text(6)?,
    };
    Ok(AuditRow { id: unsigned(row.get(0)?)?, entry })
}
