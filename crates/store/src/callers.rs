//! When each application last called: short-lived, written now and then.

use directory::id::Millis;

use crate::{
    Store, StoreError,
    db::{signed, small, unsigned},
    unreadable::readable,
};

/// How an application called so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerRow {
    /// The application.
    pub application: u32,
    /// When it first called.
    pub first: Millis,
    /// When it last called.
    pub last: Millis,
    /// How often it called.
    pub requests: u64,
    /// From which address it last called.
    pub client: String,
    /// What it called itself.
    pub agent: String,
}

impl Store {
    /// How applications called so far.
    pub fn callers(&self) -> Result<Vec<CallerRow>, StoreError> {
        self.0.state.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT application, first, last, requests, client, agent FROM caller",
            )?;
            readable(select.query(())?, |row| {
                Ok(CallerRow {
                    application: small(row.get(0)?)?,
                    first: Millis(row.get(1)?),
                    last: Millis(row.get(2)?),
                    requests: unsigned(row.get(3)?)?,
                    client: row.get(4)?,
                    agent: row.get(5)?,
                })
            })
        })
    }

    /// Remembers how applications called.
    pub fn record_callers(&self, callers: &[CallerRow]) -> Result<(), StoreError> {
        self.0.state.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO caller (application, first, last, requests, client, agent)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (application) DO UPDATE SET last = excluded.last, requests = excluded.requests,
                     client = excluded.client, agent = excluded.agent",
            )?;
            for caller in callers {
                insert.execute((
                    caller.application,
                    caller.first.0,
                    caller.last.0,
                    signed(caller.requests),
                    &caller.client,
                    &caller.agent,
                ))?;
            }
            Ok(())
        })
    }
}
