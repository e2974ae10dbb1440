//! `POST /search` and `GET /search`: people and groups that match, and the lists of full synchronisations.
//!
//! Invariant: what leaves of the list of all people is recorded first (see `reading`).

use axum::{body::Body, http::Response};
use directory::view::{GroupAt, UserAt};

use super::{
    call::Call,
    cql,
    document::{List, Source, respond},
    error::CrowdError,
    reading,
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
    let view = call.whole_view()?;
    let links = call.links.clone();
    match searched {
        Searched::Users => {
            if filter.is_everything() {
                reading::record(call, &view, page).await?;
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
