//! Which lists of all users each client read, and from which position of the change log.
//!
//! Invariants: before a whole list leaves, its position is recorded, so that a token fetched afterwards
//! tells again what changed in between (DESIGN.md 10.8); a list that cannot be recorded does not leave. A
//! list that is read in pages is one list, and counts from its first page on.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use directory::{
    id::{HOUR_MS, MINUTE_MS, Millis},
    view::View,
};

use super::{
    ApplicationId, FinishedLists, Floor, FloorsFailed, ReadLists, call::Call, document::Page,
    error::CrowdError, event,
};

/// How far a token points into the past at least.
pub(super) const OVERLAP_MS: i64 = 5 * MINUTE_MS;
/// How long a list may be read in pages.
const PAGES_MS: i64 = 2 * HOUR_MS;
/// Clients whose first page is remembered.
const CLIENTS_MAX: usize = 1024;

/// Records that a part of the list of all users is served.
pub(super) async fn record(call: &Call, view: &View, page: Page) -> Result<(), CrowdError> {
    let floor = Floor { seq: view.published().head, view: event::name_of(view) };
    let whole = page.start == 0 && page.max == usize::MAX;
    let floor = match (whole, page.start) {
        (true, _) => floor,
        (false, 0) => {
            call.state.pages().begin(call, floor);
            return Ok(());
        }
        (false, _) => match call.state.pages().go_on(call) {
            Going::Recorded => return Ok(()),
            Going::Begun(first) => first,
            // The first page was served before a restart, or by another replica.
            Going::Unknown => {
                let recent = view.published().recent.seq_at(call.now.plus(-OVERLAP_MS));
                Floor { seq: recent.min(floor.seq), ..floor }
            }
        },
    };
    let floors = Arc::clone(&call.state.surroundings().floors);
    let (application, client, now) = (call.application.id, call.client, call.now);
    let recording =
        tokio::task::spawn_blocking(move || floors.record(application, client, now, &floor));
    let recorded = recording.await.unwrap_or(Err(FloorsFailed));
    recorded.map_err(|error| CrowdError::failed(error.to_string()))?;
    if !whole {
        call.state.pages().recorded(call);
    }
    Ok(())
}

/// The lists that the caller may have read. They lie in a store, which async threads do not wait for.
pub(super) async fn lists(call: &Call) -> Result<Option<ReadLists>, CrowdError> {
    let floors = Arc::clone(&call.state.surroundings().floors);
    let (application, client, now) = (call.application.id, call.client, call.now);
    let looking = tokio::task::spawn_blocking(move || floors.lists(application, client, now));
    looking.await.map_err(|_| CrowdError::failed("the position is not known"))
}

/// The caller is done with these lists.
pub(super) async fn finish(call: &Call, done: FinishedLists) {
    let floors = Arc::clone(&call.state.surroundings().floors);
    let (application, client) = (call.application.id, call.client);
    let finishing = tokio::task::spawn_blocking(move || floors.finish(application, client, &done));
    // A list that goes on counting may cost one more reading, and nothing else.
    drop(finishing.await);
}

/// The positions of first pages, by client.
#[derive(Debug, Default)]
pub(super) struct FirstPages(Mutex<HashMap<(ApplicationId, IpAddr), FirstPage>>);

#[derive(Debug)]
struct FirstPage {
    at: Millis,
    floor: Floor,
    recorded: bool,
}

/// What is known of a list of which a later page is asked for.
enum Going {
    /// Its position is recorded.
    Recorded,
    /// Its first page was served at this position.
    Begun(Floor),
    /// Nothing.
    Unknown,
}

impl FirstPages {
    /// A first page is served. Of two that may both go on, the older counts: two clients may be at one address.
    fn begin(&self, call: &Call, floor: Floor) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|_, page| call.now.since(page.at) < PAGES_MS);
        let key = (call.application.id, call.client);
        if pages.len() >= CLIENTS_MAX && !pages.contains_key(&key) {
            return;
        }
        let goes_on = |page: &FirstPage| !page.recorded && call.now.since(page.at) <= OVERLAP_MS;
        if !pages.get(&key).is_some_and(goes_on) {
            pages.insert(key, FirstPage { at: call.now, floor, recorded: false });
        }
    }

    fn go_on(&self, call: &Call) -> Going {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pages.get(&(call.application.id, call.client)) {
            Some(page) if call.now.since(page.at) >= PAGES_MS => Going::Unknown,
            Some(page) if page.recorded => Going::Recorded,
            Some(page) => Going::Begun(page.floor.clone()),
            None => Going::Unknown,
        }
    }

    fn recorded(&self, call: &Call) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages.get_mut(&(call.application.id, call.client)) {
            page.recorded = true;
        }
    }
}
