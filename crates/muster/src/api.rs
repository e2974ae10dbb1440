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
pub mod openapi;
pub mod page;
pub mod people;
pub mod person;
pub mod preview;
mod problem;
pub mod product_names;
pub mod rename;
mod right;
pub mod run;
pub mod secret;
pub mod server_info;
pub mod task;
pub mod token;
pub mod undo;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use store::Scope;
use utoipa_axum::routes;

use self::right::Routes;
pub use self::{bearer::TokenHash, problem::Problem, right::Declared};
use crate::app::App;

/// The largest request body: settings and secrets are small.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest rules: they may name many people.
const RULES_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;
/// The largest product: its people with their groups.
const PRODUCT_BYTES_MAX: usize = 256 * BODY_BYTES_MAX;

use crate::service::texts;

/// All routes of the admin API.
pub fn router(app: App, token: TokenHash) -> Router {
    let (routes, _) = routes().router.split_for_parts();
    let closed = routes
        .layer(from_fn_with_state(app.clone(), audit::write_down))
        .fallback(async || Problem::not_found("there is no such address in the admin API"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state((app.clone(), token), bearer::authenticate));
    let (open, _) = open().router.split_for_parts();
    let open = open.method_not_allowed_fallback(async || Problem::method_not_allowed());
    Router::new().nest(openapi::BASE, closed.merge(open)).with_state(app)
}

/// What all routes need and do.
pub fn declared() -> Vec<Declared> {
    every().declared
}

/// All routes, for whoever asks and for whoever has a token.
fn every() -> Routes {
    let mut all = routes();
    all += open();
    all
}

/// Routes for whoever asks, token or not.
fn open() -> Routes {
    Routes::default().open(routes!(openapi::openapi))
}

/// All routes for whoever has a token, each with its description and its right.
fn routes() -> Routes {
    let mut all = directories();
    all += applications();
    all += alerts();
    all += administrators();
    all += Routes::default()
        .look(Scope::Read, routes!(secret::compare))
        .look(Scope::Read, routes!(change::list))
        .look(Scope::Read, routes!(event::follow))
        .look(Scope::Read, routes!(audit::list))
        .look(Scope::Read, routes!(server_info::show))
        .look(Scope::Read, routes!(task::list));
    all
}

fn applications() -> Routes {
    Routes::default()
        .look(Scope::Read, routes!(application::list))
        .change(Scope::Write, routes!(application::add))
        .look(Scope::Read, routes!(application::show))
        .change(Scope::Write, routes!(application::remove))
        .change(Scope::Write, routes!(application::sight::change))
        .change(Scope::Write, routes!(application::set_addresses))
        .change(Scope::Write, routes!(application::set_product))
        .change(Scope::Write, routes!(application::new_password))
}

fn alerts() -> Routes {
    Routes::default()
        .look(Scope::Read, routes!(alert::list))
        .change(Scope::Write, routes!(alert::acknowledge))
        .look(Scope::Read, routes!(alert::channel::list))
        .change(Scope::Write, routes!(alert::channel::add))
        .change(Scope::Write, routes!(alert::channel::change))
        .change(Scope::Write, routes!(alert::channel::remove))
        .look(Scope::Write, routes!(alert::channel::test))
}

fn administrators() -> Routes {
    Routes::default()
        .look(Scope::Admin, routes!(administrator::list))
        .change(Scope::Admin, routes!(administrator::invite))
        .change(Scope::Admin, routes!(administrator::remove))
        .change(Scope::Admin, routes!(administrator::link))
        .change(Scope::Admin, routes!(administrator::set_role))
        .change(Scope::Admin, routes!(administrator::sign_out))
        .look(Scope::Admin, routes!(administrator::invitations))
        .change(Scope::Admin, routes!(administrator::revoke))
        .look(Scope::Admin, routes!(token::list))
        .change(Scope::Admin, routes!(token::add))
        .change(Scope::Admin, routes!(token::revoke))
}

fn directories() -> Routes {
    let mut all = Routes::default()
        .look(Scope::Read, routes!(directory::list))
        .change(Scope::Write, routes!(directory::add))
        .look(Scope::Read, routes!(directory::show))
        .change(Scope::Write, routes!(directory::remove))
        .look(Scope::Read, routes!(directory::status))
        .look(Scope::Write, routes!(directory::check))
        .change(Scope::Write, routes!(directory::sync))
        .change(Scope::Write, routes!(directory::pause))
        .change(Scope::Write, routes!(directory::resume))
        .change(Scope::Write, routes!(connection::set_schedule))
        .change(Scope::Write, routes!(connection::change))
        .look(Scope::Write, routes!(connection::check));
    all += Routes::default()
        .change(Scope::Write, routes!(directory::set_rules))
        .look(Scope::Read, routes!(preview::pending, preview::of_rules))
        .bodies_up_to(RULES_BYTES_MAX);
    all += Routes::default()
        .look(Scope::Read, routes!(migration::check))
        .bodies_up_to(PRODUCT_BYTES_MAX);
    all += decisions();
    all += people();
    all
}

fn decisions() -> Routes {
    Routes::default()
        .change(Scope::Write, routes!(undo::undo))
        .change(Scope::Write, routes!(undo::unpin))
        .change(Scope::Write, routes!(directory::approve))
        .change(Scope::Write, routes!(directory::discard))
        .look(Scope::Read, routes!(discard::list))
        .change(Scope::Write, routes!(discard::withdraw))
        .look(Scope::Read, routes!(rename::list))
        .change(Scope::Write, routes!(rename::decide))
}

fn people() -> Routes {
    Routes::default()
        .change(Scope::Write, routes!(person::sync))
        .look(Scope::Read, routes!(explain::explain))
        .look(Scope::Read, routes!(explain::explain_group))
        .look(Scope::Read, routes!(people::users))
        .look(Scope::Read, routes!(people::user))
        .look(Scope::Read, routes!(people::groups))
        .look(Scope::Read, routes!(people::group))
        .look(Scope::Read, routes!(people::members))
        .look(Scope::Read, routes!(run::list))
        .look(Scope::Read, routes!(run::issues))
        .look(Scope::Read, routes!(product_names::list))
        .look(Scope::Read, routes!(history::show))
}
