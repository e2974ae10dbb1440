//! `POST /search` and `GET /search`: people and groups that match, and the lists of full synchronisations.
//!
//! Invariant: before a whole list of people leaves, its position is recorded, so that a token fetched
//! afterwards tells again what changed in between (DESIGN.md 10.8); a list that cannot be recorded does not
//! leave.

use std::sync::Arc;

use axum::{body::Body, http::Response};
use directory::view::{GroupAt, UserAt, View};

use super::{
    Floor, FloorsFailed,
    call::Call,
    cql,
    document::{List, Source, respond},
    error::CrowdError,
    event,
    restriction::{self, Searched},
};

/// Answers a search; `by_query` says whether it is CQL in the address or a restriction in the body.
pub(super) async fn show(call: &Call, by_query: bool) -> Result<Response<Body>, CrowdError> {
    let searched = searched(call)?;
    let filter = if by_query {
        cql::parse(call.parameters.get("restriction").unwrap_or_default(), searched)?
    } else {
        let missing = || CrowdError::illegal_argument("a search restriction must be sent");
        restriction::of_body(call.body.as_ref().ok_or_else(missing)?, searched)?
    };
    let page = call.parameters.page()?;
    let view = call.view()?;
    let links = call.links.clone();
    match searched {
        Searched::Users => {
            let whole = filter.is_everything() && page.start == 0 && page.max == usize::MAX;
            if whole {
                record(call, &view).await?;
            }
            let detail = call.parameters.detail("user");
            let source = Source::<UserAt>::Filtered(filter);
            Ok(respond(List::new(view, links, detail, source, page), call.representation))
        }
        Searched::Groups => {
            let detail = call.parameters.detail("group");
            let source = Source::<GroupAt>::Filtered(filter);
            Ok(respond(List::new(view, links, detail, source, page), call.representation))
        }
    }
}

fn searched(call: &Call) -> Result<Searched, CrowdError> {
    let Some(kind) = call.parameters.get("entity-type") else {
        return Err(CrowdError::illegal_argument("entity-type query parameter required."));
    };
    match kind.to_ascii_lowercase().as_str() {
        "user" => Ok(Searched::Users),
        "group" => Ok(Searched::Groups),
        _ => Err(CrowdError::illegal_argument(format!("Unknown type: {kind}"))),
    }
}

/// Records that a whole list is served; floors may lie in a store, which async threads do not wait for.
async fn record(call: &Call, view: &View) -> Result<(), CrowdError> {
    let floor = Floor { seq: view.published().head, view: event::name_of(view) };
    let floors = Arc::clone(&call.state.surroundings().floors);
    let (application, client, now) = (call.application.id, call.client, call.now);
    let recording =
        tokio::task::spawn_blocking(move || floors.record(application, client, now, &floor));
    let recorded = recording.await.unwrap_or(Err(FloorsFailed));
    recorded.map_err(|error| CrowdError::failed(error.to_string()))
}
