//! Which whole lists were served, in memory.

use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use directory::id::{DAY_MS, HOUR_MS, Millis};
use muster::crowd::{ApplicationId, FinishedLists, Floor, Floors, FloorsFailed, ReadLists};

/// A whole list that was served.
#[derive(Debug)]
struct ServedList {
    application: ApplicationId,
    client: IpAddr,
    at: Millis,
    floor: Floor,
    number: u64,
    finished: bool,
}

/// Positions in memory; none while they are said to be full.
#[derive(Debug, Default)]
pub(crate) struct MemoryFloors(Mutex<Vec<ServedList>>, pub(crate) AtomicBool, AtomicU64);

impl Floors for MemoryFloors {
    fn record(
        &self,
        application: ApplicationId,
        client: IpAddr,
        at: Millis,
        floor: &Floor,
    ) -> Result<(), FloorsFailed> {
        if self.1.load(Ordering::SeqCst) {
            return Err(FloorsFailed);
        }
        let number = self.2.fetch_add(1, Ordering::SeqCst) + 1;
        let floor = floor.clone();
        self.0.lock().unwrap().push(ServedList {
            application,
            client,
            at,
            floor,
            number,
            finished: false,
        });
        Ok(())
    }

    fn lists(&self, application: ApplicationId, client: IpAddr, at: Millis) -> Option<ReadLists> {
        let known = self.0.lock().unwrap();
        let own = known.iter().rfind(|l| (l.application, l.client) == (application, client));
        let own = own.map(|list| list.number);
        let counts = |list: &&ServedList| {
            let age = at.since(list.at);
            list.application == application
                && ((age <= 2 * HOUR_MS && !list.finished)
                    || (own == Some(list.number) && age <= DAY_MS))
        };
        let counted: Vec<_> = known.iter().filter(counts).collect();
        let seq = counted.iter().map(|list| list.floor.seq).min()?;
        let last = counted.iter().max_by_key(|list| (list.client == client, list.number))?;
        let oldest = Floor { seq, view: last.floor.view.clone() };
        let latest = counted.iter().map(|list| list.number).max()?;
        Some(ReadLists { oldest, latest, single: counted.len() == 1 })
    }

    fn finish(&self, application: ApplicationId, client: IpAddr, done: &FinishedLists) {
        for list in self.0.lock().unwrap().iter_mut() {
            let older = list.number <= done.latest && list.at <= done.at;
            let own = list.client == client || (done.single && list.number == done.latest);
            list.finished |= list.application == application && older && own;
        }
    }
}
