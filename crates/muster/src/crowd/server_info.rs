//! `GET /rest/admin/1.0/server-info`: which server this is (`protocols/crowd.md` 3.12). Load-test tools ask.
//!
//! Invariant: told to applications only, in JSON.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, header},
};
use serde_json::json;

use super::{
    CrowdState, date,
    error::CrowdError,
    links::{API, Links},
    negotiate::Representation,
};
use crate::peer::Peer;

/// Its path behind the context.
pub(super) const PATH: &str = "/rest/admin/1.0/server-info";

/// Answers, behind a context path.
pub(super) async fn show(
    context: &'static str,
    State(state): State<CrowdState>,
    request: Request,
) -> Response<Body> {
    let told = tell(context, &state, request).await;
    told.unwrap_or_else(|error| error.respond(Representation::Json))
}

async fn tell(
    context: &'static str,
    state: &CrowdState,
    request: Request,
) -> Result<Response<Body>, CrowdError> {
    let (parts, _) = request.into_parts();
    let surroundings = state.surroundings();
    let peer = Peer::of(&parts);
    let authenticator = &state.0.authenticator;
    let now = (surroundings.clock)();
    authenticator
        .authenticate(&surroundings.applications, &parts.headers, peer.client, now)
        .await?;
    let links = Links::of(&parts, peer, context);
    let version = env!("CARGO_PKG_VERSION");
    let time = date::to_text(now);
    let info = json!({
        "version": version,
        "versions": version.split('.').collect::<Vec<_>>(),
        "deploymentTitle": "Muster",
        "deploymentType": "Server",
        "baseUrl": links.base().strip_suffix(API).unwrap_or_default(),
        "serverTime": String::from_utf8_lossy(&time),
    });
    let mut response = Response::new(Body::from(info.to_string()));
    let kind: HeaderValue = Representation::Json.content_type();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
