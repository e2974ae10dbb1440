//! The console: pages for the people who look after the service.
//!
//! Invariants: server-rendered, and of use without scripts; people and groups are read only from what is
//! published; what changes something goes through the functions of the admin API, and into the audit log.

mod account;
mod administrators;
mod alerts;
mod api_reference;
mod application;
mod assets;
mod audit_log;
mod changes;
mod chart;
mod directory;
mod first_start;
mod flash;
mod gate;
mod html;
mod once;
mod overview;
mod page;
mod password;
mod request;
mod session;
mod settings;
mod sign_in;
mod tasks;
#[cfg(test)]
mod templates;
mod tokens;
mod wizard;
mod words;

use std::{fmt, ops::Deref, sync::Arc};

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use self::{
    application as applications, directory as directories, flash::Flashes, once::Once,
    password::Passwords, wizard::Readings,
};
use crate::{app::App, config::File, peer::Proxies};

/// The largest form: a service account's key file, a list of groups.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// The console's state; clones share it.
#[derive(Clone)]
pub struct Console(Arc<Parts>);

/// What the console keeps beside the service.
pub struct Parts {
    pub(crate) app: App,
    pub(crate) proxies: Proxies,
    pub(crate) allow_plain_http: bool,
    pub(crate) passwords: Passwords,
    pub(crate) flash: Flashes,
    pub(crate) once: Once,
    pub(crate) readings: Readings,
}

impl Console {
    /// A console of a service.
    pub fn new(app: App, file: &File) -> Self {
        Self(Arc::new(Parts {
            app,
            proxies: file.proxies(),
            allow_plain_http: file.allow_plain_http,
            passwords: Passwords::new(),
            flash: Flashes::default(),
            once: Once::default(),
            readings: Readings::default(),
        }))
    }
}

impl Deref for Console {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("console::Parts")
    }
}

/// All pages.
pub fn router(console: Console) -> Router {
    let open = Router::new()
        .route("/assets/{version}/{name}", get(assets::serve))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/first-start/{token}", get(first_start::form).post(first_start::accept))
        .route("/theme", post(account::set_theme))
        .layer(from_fn_with_state(console.clone(), gate::open));
    let closed = Router::new()
        .route("/", get(overview::show_overview))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::show_account))
        .route("/account/password", post(account::set_password))
        .route("/account/sign-out-everywhere", post(account::sign_out_everywhere))
        .route("/changes", get(changes::list))
        .route("/changes/live", get(changes::follow))
        .route("/changes/{file}", get(changes::export))
        .route("/audit", get(audit_log::list))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/alerts/channels", post(alerts::add_channel))
        .route("/alerts/channels/{name}/test", post(alerts::test_channel))
        .route("/alerts/channels/{name}/remove", post(alerts::remove_channel))
        .route("/settings", get(settings::show_settings))
        .route("/tasks", get(tasks::show_tasks))
        .route("/tasks/live", get(tasks::follow))
        .route("/api", get(api_reference::show_api))
        .merge(administrator_pages())
        .merge(directory_pages())
        .merge(application_pages())
        .merge(wizard::pages())
        .fallback(gate::nowhere)
        .layer(from_fn_with_state(console, gate::closed));
    open.merge(closed).layer(axum::extract::DefaultBodyLimit::max(FORM_BYTES_MAX))
}

fn administrator_pages() -> Router {
    Router::new()
        .route("/administrators", get(administrators::list).post(administrators::invite))
        .route("/administrators/{name}/role", post(administrators::set_role))
        .route("/administrators/{name}/link", post(administrators::link))
        .route("/administrators/{name}/sign-out", post(administrators::sign_out))
        .route("/administrators/{name}/remove", post(administrators::remove))
        .route("/invitations/revoke", post(administrators::revoke))
        .route("/tokens", get(tokens::list).post(tokens::add))
        .route("/tokens/{name}/revoke", post(tokens::revoke))
}

fn directory_pages() -> Router {
    use directories::{
        danger, discards, group, live, people, person, renames, rules, runs, undo, waiting,
    };
    let pages = Router::new()
        .route("/", get(directories::summary))
        .route("/live", get(live::follow))
        .route("/people", get(people::people))
        .route("/people/{id}", get(person::person))
        .route("/people/{id}/sync", post(person::sync))
        .route("/groups", get(people::groups))
        .route("/groups/{id}", get(group::group))
        .route("/explain", get(person::explain))
        .route("/rules", get(rules::form).post(rules::save))
        .route("/rules/preview", post(rules::preview))
        .route("/rules/text", post(rules::save_text))
        .route("/rules/usual-limits", post(rules::usual_limits))
        .route("/rules/text/preview", post(rules::preview_text))
        .route("/runs", get(runs::list))
        .route("/set-aside", get(runs::set_aside))
        .route("/renames", post(renames::decide))
        .route("/waiting", get(waiting::show_waiting))
        .route("/approve", post(waiting::approve))
        .route("/discard", post(waiting::discard))
        .route("/discards", get(discards::look).post(discards::withdraw))
        .route("/undo", get(undo::look).post(undo::put_back))
        .route("/unpin", post(undo::go_on))
        .route("/settings", get(danger::settings))
        .route("/check", post(danger::check))
        .route("/schedule", post(danger::set_schedule))
        .route("/credential", post(danger::set_credential))
        .route("/sync", post(danger::sync))
        .route("/pause", post(danger::pause))
        .route("/resume", post(danger::resume))
        .route("/remove", post(danger::remove));
    Router::new().nest("/directories/{name}", pages)
}

fn application_pages() -> Router {
    use applications::{connect, sight};
    Router::new()
        .route("/applications", get(applications::list).post(applications::add))
        .route("/applications/new", get(applications::new))
        .route("/applications/{name}", get(sight::show_application))
        .route("/applications/{name}/connect", get(connect::show_connect))
        .route("/applications/{name}/live", get(connect::follow))
        .route("/applications/{name}/sight", post(sight::change))
        .route("/applications/{name}/addresses", post(applications::set_addresses))
        .route("/applications/{name}/product", post(applications::set_product))
        .route("/applications/{name}/password", post(applications::new_password))
        .route("/applications/{name}/remove", post(applications::remove))
}
