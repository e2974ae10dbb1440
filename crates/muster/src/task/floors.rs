//! From which position of the change log an application has to be told again, kept in the store.
//!
//! Invariant: a position that cannot be written keeps the list back, and one that cannot be read makes the
//! next synchronisation a whole one; neither lets a change go untold.

use std::net::IpAddr;

use directory::id::{ChangeSeq, Millis};
use store::Store;

use crate::crowd::{ApplicationId, Floors, FloorsFailed};

/// Floors in the store; calls block.
#[derive(Debug)]
pub struct StoredFloors(Store);

impl StoredFloors {
    /// Floors in this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Floors for StoredFloors {
    fn record(
        &self,
        application: ApplicationId,
        client: IpAddr,
        at: Millis,
        seq: ChangeSeq,
    ) -> Result<(), FloorsFailed> {
        let recorded = tokio::task::block_in_place(|| {
            self.0.record_floor(application, &client.to_string(), at, seq)
        });
        recorded.map_err(|error| {
            tracing::error!(%error, "a product's position could not be written; it is refused the list of people");
            FloorsFailed
        })
    }

    fn oldest(&self, application: ApplicationId, client: IpAddr, at: Millis) -> Option<ChangeSeq> {
        let read =
            tokio::task::block_in_place(|| self.0.floor(application, &client.to_string(), at));
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "a product's position could not be read; its next synchronisation is whole");
            Some(ChangeSeq(0))
        })
    }
}
