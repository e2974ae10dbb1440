//! From which position of the change log an application has to be told again, kept in the store.
//!
//! Invariant: a position that cannot be written keeps the list back, and one that cannot be read makes the
//! next synchronisation a whole one; neither lets a change go untold.

use std::net::IpAddr;

use directory::id::{ChangeSeq, Millis};
use store::{FloorLists, FloorRow, Store};

use crate::crowd::{ApplicationId, FinishedLists, Floor, Floors, FloorsFailed, ReadLists};

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
        floor: &Floor,
    ) -> Result<(), FloorsFailed> {
        let row = FloorRow { seq: floor.seq, view: floor.view.clone() };
        let recorded = tokio::task::block_in_place(|| {
            self.0.record_floor(application, &client.to_string(), at, &row)
        });
        recorded.map_err(|error| {
            tracing::error!(%error, "a product's position could not be written; it is refused the list of people");
            FloorsFailed
        })
    }

    fn lists(&self, application: ApplicationId, client: IpAddr, at: Millis) -> Option<ReadLists> {
        let client = client.to_string();
        let read = tokio::task::block_in_place(|| self.0.floor_lists(application, &client, at));
        match read {
            Ok(lists) => {
                lists.map(|FloorLists { oldest: FloorRow { seq, view }, latest, single }| {
                    ReadLists { oldest: Floor { seq, view }, latest, single }
                })
            }
            Err(error) => {
                tracing::error!(%error, "a product's position could not be read; its next synchronisation is whole");
                let oldest = Floor { seq: ChangeSeq(0), view: String::new() };
                Some(ReadLists { oldest, latest: 0, single: false })
            }
        }
    }

    fn finish(&self, application: ApplicationId, client: IpAddr, done: &FinishedLists) {
        let FinishedLists { latest, single, at } = *done;
        let done = store::FinishedLists { latest, single, at };
        let client = client.to_string();
        let finished =
            tokio::task::block_in_place(|| self.0.finish_floor_lists(application, &client, &done));
        if let Err(error) = finished {
            tracing::warn!(%error, "a product's finished reading could not be noted; a rename may cost it one more");
        }
    }
}
