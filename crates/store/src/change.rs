//! Changes that somebody makes: each is written in one transaction with its entry of the audit log, or not at all.
//!
//! Invariant: what an administrator changes is reached only through a [`Change`], and a [`Change`] only through
//! [`Store::change`], which wants the entry before it commits; [`Store::quietly`] is for what is not moved there yet.

use std::collections::BTreeMap;

use directory::{
    id::{DirectoryId, Millis},
    rules::Rules,
};
use rusqlite::Transaction;
use secrecy::SecretString;

use crate::{
    ApplicationRow, ConnectionRow, NewApplication, NewAudit, NewConnection, Schedule, Sight, Store,
    StoreError, applications, audit, connections, json, sealed::Key,
};

/// A change that is being made.
#[derive(Debug)]
pub struct Change<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    pub(crate) key: &'a Key,
}

/// The outcome of a change.
#[derive(Debug)]
pub enum Changed<T> {
    /// It is kept, with this entry of the audit log.
    Kept(T, NewAudit),
    /// Nothing is kept: it was not possible, or nothing was to be done.
    Nothing(T),
}

impl Store {
    /// Makes a change as the one writer: all of it is kept with its entry of the audit log, or nothing.
    ///
    /// # Errors
    /// What `work` says, or that the store cannot be written; nothing is kept then.
    pub fn change<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Change<'_>) -> Result<Changed<T>, E>,
    ) -> Result<T, E> {
        self.0.main.write_if(|transaction| {
            let change = Change { transaction, key: &self.0.key };
            match work(&change)? {
                Changed::Kept(done, entry) => {
                    audit::append(transaction, &entry)?;
                    Ok((done, true))
                }
                Changed::Nothing(done) => Ok((done, false)),
            }
        })
    }

    /// Makes a change without an entry: for what does not go through the service yet.
    pub fn quietly<T>(
        &self,
        work: impl FnOnce(&Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.main.write(|transaction| work(&Change { transaction, key: &self.0.key }))
    }
}

impl Change<'_> {
    /// Adds a directory.
    pub fn add_connection(
        &self,
        new: &NewConnection,
        now: Millis,
    ) -> Result<ConnectionRow, StoreError> {
        connections::add(self.transaction, self.key, new, now)
    }

    /// Removes a directory and everything in it; its number is never given again, and its key is kept.
    pub fn remove_connection(&self, id: DirectoryId) -> Result<(), StoreError> {
        connections::remove(self.transaction, id)
    }

    /// Replaces a directory's rules.
    pub fn set_rules(&self, id: DirectoryId, rules: &Rules) -> Result<(), StoreError> {
        let json = json::write("these rules", rules)?;
        connections::set(self.transaction, id, "rules", json)
    }

    /// Replaces how a directory's provider is reached, and its credential if one is given.
    pub fn reconnect(
        &self,
        id: DirectoryId,
        settings: &BTreeMap<String, String>,
        secret: Option<&SecretString>,
    ) -> Result<(), StoreError> {
        let given = (settings, secret);
        connections::reconnect(self.transaction, self.key, id, given)
    }

    /// Remembers when the provider's credential stops working.
    pub fn set_expires(&self, id: DirectoryId, expires: Option<Millis>) -> Result<(), StoreError> {
        let at = expires.map(|at| at.0);
        connections::set(self.transaction, id, "expires", at)
    }

    /// Replaces a directory's schedule.
    pub fn set_schedule(&self, id: DirectoryId, schedule: &Schedule) -> Result<(), StoreError> {
        let json = json::write("this schedule", schedule)?;
        connections::set(self.transaction, id, "schedule", json)
    }

    /// Stops or starts a directory's schedule.
    pub fn set_paused(&self, id: DirectoryId, paused: bool) -> Result<(), StoreError> {
        connections::set(self.transaction, id, "paused", paused)
    }

    /// All applications.
    pub fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        applications::list(self.transaction)
    }

    /// All directories, by number.
    pub fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        connections::list(self.transaction, self.key)
    }

    /// Adds an application; gives its number.
    pub fn add_application(&self, new: &NewApplication, now: Millis) -> Result<u32, StoreError> {
        applications::add(self.transaction, new, now)
    }

    /// Replaces from where an application may call.
    pub fn set_addresses(&self, id: u32, addresses: &[String]) -> Result<(), StoreError> {
        applications::set_addresses(self.transaction, id, addresses)
    }

    /// Says which product an application was made for.
    ///
    /// # Errors
    /// When there is no such application, or the store cannot be written.
    pub fn set_application_product(
        &self,
        id: u32,
        product: Option<&str>,
    ) -> Result<(), StoreError> {
        applications::set_product(self.transaction, id, product)
    }

    /// Changes what an application sees, and how.
    pub fn set_sight(&self, id: u32, sight: &Sight) -> Result<(), StoreError> {
        applications::set_sight(self.transaction, id, sight)
    }

    /// Removes an application.
    pub fn remove_application(&self, id: u32) -> Result<(), StoreError> {
        applications::remove(self.transaction, id)
    }

    /// Replaces the hash of an application's password.
    pub fn set_application_password(&self, id: u32, hash: &str) -> Result<(), StoreError> {
        applications::set_password(self.transaction, id, hash)
    }
}
