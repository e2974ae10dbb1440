//! The admin REST API under `/api/v1`: what the command line uses, JSON, bearer token.
//!
//! Invariant: every answer that is not a success is `application/problem+json` with a `detail` that names
//! the thing and the next step; internals never leave.

pub mod actions;
pub mod administrator;
pub mod alert;
pub mod application;
mod audit;
mod bearer;
pub mod change;
pub mod connection;
pub mod directory;
pub mod discard;
mod entry;
pub mod event;
pub mod explain;
mod extract;
pub mod history;
pub mod migration;
pub(crate) mod name;
pub mod openapi;
pub mod page;
pub mod people;
pub mod person;
pub mod preview;
mod problem;
pub mod product_names;
pub mod rename;
pub mod run;
pub mod secret;
pub mod server_info;
pub mod task;
pub mod token;
pub mod undo;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

pub use self::{bearer::TokenHash, problem::Problem};
use crate::app::App;

/// The largest request body: settings and secrets are small.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest rules: they may name many people.
const RULES_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;
/// The largest product: its people with their groups.
const PRODUCT_BYTES_MAX: usize = 256 * BODY_BYTES_MAX;

/// The columns of a row that cannot be read, as they are told.
fn texts(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

/// All routes of the admin API.
pub fn router(app: App, token: TokenHash) -> Router {
    let (routes, _) = routes().split_for_parts();
    let (looks, _) = looks().split_for_parts();
    let closed = routes
        .layer(from_fn_with_state(app.clone(), audit::write_down))
        .merge(looks)
        .fallback(async || Problem::not_found("there is no such address in the admin API"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state((app.clone(), token), bearer::authenticate));
    let (open, _) = open().split_for_parts();
    let open = open.method_not_allowed_fallback(async || Problem::method_not_allowed());
    Router::new().nest(openapi::BASE, closed.merge(open)).with_state(app)
}

/// Routes for whoever asks, token or not.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi::openapi))
}

/// Routes of whoever only looks, though with a body: not written down.
fn looks() -> OpenApiRouter<App> {
    large(routes!(preview::pending, preview::of_rules), RULES_BYTES_MAX)
        .merge(large(routes!(migration::check), PRODUCT_BYTES_MAX))
}

/// Routes that take larger bodies than others.
fn large(routes: UtoipaMethodRouter<App>, bytes_max: usize) -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes).layer(DefaultBodyLimit::max(bytes_max))
}

/// All routes, each with its description.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(directories())
        .routes(routes!(application::list, application::add))
        .routes(routes!(application::show, application::remove))
        .routes(routes!(application::sight::change))
        .routes(routes!(application::set_addresses))
        .routes(routes!(application::set_product))
        .routes(routes!(application::new_password))
        .routes(routes!(alert::list))
        .routes(routes!(alert::acknowledge))
        .routes(routes!(alert::channel::list, alert::channel::add))
        .routes(routes!(alert::channel::change, alert::channel::remove))
        .routes(routes!(alert::channel::test))
        .routes(routes!(secret::compare))
        .routes(routes!(change::list))
        .routes(routes!(event::follow))
        .routes(routes!(audit::list))
        .routes(routes!(administrator::list, administrator::invite))
        .routes(routes!(administrator::remove))
        .routes(routes!(administrator::link))
        .routes(routes!(administrator::set_role))
        .routes(routes!(administrator::sign_out))
        .routes(routes!(token::list, token::add))
        .routes(routes!(token::revoke))
        .routes(routes!(server_info::show))
        .routes(routes!(task::list))
}

fn directories() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, directory::add))
        .routes(routes!(directory::show, directory::remove))
        .routes(routes!(directory::status))
        .routes(routes!(directory::check))
        .routes(routes!(directory::sync))
        .routes(routes!(person::sync))
        .routes(routes!(undo::undo))
        .routes(routes!(undo::unpin))
        .routes(routes!(directory::approve))
        .routes(routes!(directory::discard))
        .routes(routes!(discard::list))
        .routes(routes!(discard::withdraw))
        .routes(routes!(rename::list, rename::decide))
        .routes(routes!(explain::explain))
        .routes(routes!(explain::explain_group))
        .routes(routes!(people::users))
        .routes(routes!(people::user))
        .routes(routes!(people::groups))
        .routes(routes!(people::group))
        .routes(routes!(people::members))
        .routes(routes!(run::list))
        .routes(routes!(run::issues))
        .routes(routes!(product_names::list))
        .routes(routes!(history::show))
        .routes(routes!(directory::pause))
        .routes(routes!(directory::resume))
        .merge(large(routes!(directory::set_rules), RULES_BYTES_MAX))
        .routes(routes!(connection::set_schedule))
        .routes(routes!(connection::change))
        .routes(routes!(connection::check))
}
