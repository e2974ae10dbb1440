//! The server itself: what it is, and how it stands.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, extract::Json};
use crate::app::App;

/// The server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// How it is reached from outside, if the configuration says so.
    pub public_url: Option<String>,
    /// What tells its data from that of others.
    pub instance: String,
    /// How often its data was put back to an earlier state.
    pub epoch: u64,
    /// The position of the change log that is served.
    pub head: u64,
    /// Whether it only reads, since a newer version wrote its data.
    pub read_only: bool,
}

/// What the server is, and how it stands.
#[utoipa::path(get, path = "/server", tag = "server", responses(
    (status = 200, description = "What was asked for.", body = ServerInfo),
))]
pub(super) async fn show(State(app): State<App>) -> Result<Json<ServerInfo>, Problem> {
    Ok(Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public_url: app.public_url.as_ref().map(ToString::to_string),
        instance: app.store.instance().to_owned(),
        epoch: app.store.epoch(),
        head: app.published.load().head.0,
        read_only: app.store.read_only(),
    }))
}
