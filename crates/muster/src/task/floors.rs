//! From which position of the change log an application has to be told again, kept in the store.
//!
//! Invariant: a position that cannot be written keeps the list back, and one that cannot be read makes the
//! next synchronisation a whole one; neither lets a change go untold.

use std::net::IpAddr;

use directory::id::{ChangeSeq, Millis};
use store::{FloorRow, Store};

use crate::crowd::{ApplicationId, Floor, Floors, FloorsFailed};

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

    fn oldest(&self, application: ApplicationId, client: IpAddr, at: Millis) -> Option<Floor> {
        let read =
            tokio::task::block_in_place(|| self.0.floor(application, &client.to_string(), at));
        match read {
            Ok(row) => row.map(|FloorRow { seq, view }| Floor { seq, view }),
            Err(error) => {
                tracing::error!(%error, "a product's position could not be read; its next synchronisation is whole");
                Some(Floor { seq: ChangeSeq(0), view: String::new() })
            }
        }
    }
}
