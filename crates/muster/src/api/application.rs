//! Applications in the admin API: products that may read directories.

pub mod sight;

use axum::{extract::State, http::StatusCode};
use directory::{
    id::{DirectoryId, Millis},
    product_names::Product,
    resource_name,
    view::Shape,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApplicationRow, NewApplication, Sight, Store, StoreError};
use utoipa::ToSchema;

use crate::{
    api::{
        Problem, audit,
        extract::{Json, Path},
        name::{Named, new_name},
    },
    app::App,
    crowd::{AddressRule, Application, Caller},
    entropy,
    hashing::hash,
    password_policy::{Owner, objection},
    task::notify,
};

/// An application in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Application)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its directories, in the order in which it sees them.
    pub directories: Vec<String>,
    /// Whether memberships come from all directories.
    pub aggregate: bool,
    /// Whether it is shown groups in groups; otherwise everybody in them is in the groups around.
    pub nested_groups: bool,
    /// Whether people keep the names under which it first knew them.
    pub frozen_names: bool,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<String>,
    /// The product that it was made for, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Product>,
    /// The addresses that it wants to be told at.
    #[serde(default)]
    pub webhooks: Vec<WebhookSummary>,
    /// How it called so far, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Calls>,
    /// What of it in the database cannot be read: nobody gets in by it or it sees nothing until that is set again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// How an application called.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Calls {
    /// When it first called.
    pub first: Millis,
    /// When it last called.
    pub last: Millis,
    /// How often it called.
    pub requests: u64,
    /// From which address it last called.
    pub client: String,
    /// What it called itself.
    pub agent: String,
}

/// A webhook in a list; its token and the rest of its address are its application's own.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookSummary {
    /// Its number.
    pub id: u32,
    /// The host that is told.
    pub host: String,
    /// How often in a row it could not be told.
    pub failures: u32,
    /// Whether it is left alone until the application registers it again.
    pub off: bool,
}

/// An application to be let in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = NewApplication)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Its name, unique in any case.
    pub name: String,
    /// Its directories, in the order in which it sees them.
    pub directories: Vec<String>,
    /// Whether memberships come from all directories.
    #[serde(default)]
    pub aggregate: bool,
    /// Whether it is shown groups in groups, as a product with nested groups switched on wants.
    #[serde(default)]
    pub nested_groups: bool,
    /// Whether people keep the names under which it first knew them, for clients that know only names.
    #[serde(default)]
    pub frozen_names: bool,
    /// From where it may call, as addresses or networks; everywhere when empty.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Its password; one is made when there is none.
    #[serde(default)]
    pub password: Option<String>,
}

/// What to type into the product.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// The application's name.
    pub name: String,
    /// Its password; shown once.
    pub password: String,
}

/// All applications.
#[utoipa::path(get, path = "/applications", tag = "applications", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let directories = app.blocking(Store::connections).await?;
    let rows = app.blocking(Store::applications).await?;
    let name = |id| {
        let row = directories.iter().find(|row| row.id == id);
        row.map_or_else(|| format!("#{id}"), |row| row.name.clone())
    };
    let webhooks = app.blocking(Store::webhooks).await?;
    let now = app.clock.now();
    let callers = app.applications.callers();
    let calls = |id| {
        let Caller { first, last, requests, client, agent } = callers.get(id)?;
        Some(Calls { first, last, requests, client, agent })
    };
    let summaries = rows.into_iter().map(|row| Summary {
        calls: calls(row.id),
        webhooks: webhooks
            .iter()
            .filter(|webhook| webhook.application == row.id)
            .map(|webhook| WebhookSummary {
                id: webhook.id,
                host: notify::host(webhook),
                failures: webhook.failures,
                off: notify::is_off(webhook, now),
            })
            .collect(),
        directories: row.sight.directories.iter().map(|id| name(*id)).collect(),
        unreadable: super::texts(&row.unreadable),
        name: row.name,
        aggregate: row.sight.aggregate,
        nested_groups: !row.sight.flattened,
        frozen_names: row.sight.frozen_names,
        product: row.product.as_deref().and_then(Product::of_key),
        addresses: row.addresses.into_iter().map(shown_rule).collect(),
    });
    Ok(Json(summaries.collect()))
}

/// One application.
#[utoipa::path(get, path = "/applications/{name}", tag = "applications", responses(
    (status = 200, description = "What was asked for.", body = Summary),
))]
pub(super) async fn show(
    state: State<App>,
    Path(name): Path<String>,
) -> Result<Json<Summary>, Problem> {
    let row = row_named(&state.0, &name).await?;
    let Json(all) = list(state).await?;
    let found = all.into_iter().find(|application| application.name == row.name);
    // It may have been removed in between.
    found.map(Json).ok_or_else(|| Problem::not_found(format!("there is no application `{name}`")))
}

/// Lets an application in.
#[utoipa::path(post, path = "/applications", tag = "applications", responses(
    (status = 201, description = "Made.", body = Credentials),
    (status = 404, description = "There is no such directory."),
    (status = 409, description = "There is an application of that name."),
))]
pub(super) async fn add(
    State(app): State<App>,
    Json(add): Json<Add>,
) -> Result<(StatusCode, Json<Credentials>), Problem> {
    audit::say(|| json!({"directories": add.directories, "addresses": add.addresses}));
    Ok((StatusCode::CREATED, Json(admit(&app, add).await?)))
}

/// Lets an application in.
///
/// # Errors
/// When name, directories or addresses cannot be used.
pub async fn admit(app: &App, add: Add) -> Result<Credentials, Problem> {
    let existing = app.blocking(Store::applications).await?;
    let others = existing.iter().map(|row| row.name.as_str());
    let name = new_name(Named::Application, &add.name, others)?;
    let directories = numbers(app, &add.directories).await?;
    check_addresses(&add.addresses)?;
    let password = password(&name, add.password)?;
    let new = NewApplication {
        name: name.clone(),
        password_hash: hash(password.clone()).await?,
        sight: Sight {
            directories,
            aggregate: add.aggregate,
            flattened: !add.nested_groups,
            frozen_names: add.frozen_names,
        },
        addresses: add.addresses,
    };
    let now = app.clock.now();
    app.blocking(move |store| store.add_application(&new, now)).await?;
    refresh(app).await?;
    Ok(Credentials { name, password })
}

/// A rule as it is listed; one that cannot be read is said to be so.
fn shown_rule(text: String) -> String {
    match text.parse::<AddressRule>() {
        Ok(_) => text,
        Err(_) => format!("{text} (cannot be read: admits nobody)"),
    }
}

/// Finds directories by name.
async fn numbers(app: &App, names: &[String]) -> Result<Vec<DirectoryId>, Problem> {
    if names.is_empty() {
        return Err(Problem::bad_request(
            "an application sees one directory at least; name it with --directory",
        ));
    }
    let mut directories = Vec::new();
    for name in names {
        let row = app.connection_named(name).await?.ok_or_else(|| {
            let detail =
                format!("there is no directory `{name}`; `muster directory list` shows all");
            Problem::not_found(detail)
        })?;
        if !directories.contains(&row.id) {
            directories.push(row.id);
        }
    }
    Ok(directories)
}

/// Shuts an application out.
#[utoipa::path(delete, path = "/applications/{name}", tag = "applications", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let row = row_named(&app, &name).await?;
    app.blocking(move |store| store.remove_application(row.id)).await?;
    refresh(&app).await?;
    audit::say(|| json!({"before": told(&row.sight)}));
    Ok(StatusCode::NO_CONTENT)
}

/// From where an application may call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Addresses, networks and host names; everywhere when empty.
    pub addresses: Vec<String>,
}

/// Replaces from where an application may call.
#[utoipa::path(put, path = "/applications/{name}/addresses", tag = "applications", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn set_addresses(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(Addresses { addresses }): Json<Addresses>,
) -> Result<StatusCode, Problem> {
    check_addresses(&addresses)?;
    let row = row_named(&app, &name).await?;
    audit::say(|| json!({"before": row.addresses, "after": addresses}));
    app.blocking(move |store| store.set_addresses(row.id, &addresses)).await?;
    refresh(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_addresses(addresses: &[String]) -> Result<(), Problem> {
    for address in addresses {
        address.parse::<AddressRule>().map_err(|error| Problem::bad_request(error.to_string()))?;
    }
    Ok(())
}

/// Which product an application was made for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MadeFor {
    /// The product; none when that is not known.
    pub product: Option<Product>,
}

/// Says which product an application was made for, so that names which it refuses are told.
#[utoipa::path(put, path = "/applications/{name}/product", tag = "applications", responses(
    (status = 204, description = "The product is kept."),
))]
pub(super) async fn set_product(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(MadeFor { product }): Json<MadeFor>,
) -> Result<StatusCode, Problem> {
    let row = row_named(&app, &name).await?;
    let key = product.map(Product::key);
    audit::say(|| json!({"before": row.product, "after": key}));
    app.blocking(move |store| store.set_application_product(row.id, key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewPassword {
    /// The password; one is made when there is none.
    pub password: Option<String>,
}

/// The password that was chosen, unless somebody would guess it; else one that is made.
fn password(name: &str, chosen: Option<String>) -> Result<String, Problem> {
    let Some(password) = chosen else { return Ok(entropy::token()) };
    match objection(Owner::Application, &password, &[name]) {
        Some(objection) => Err(Problem::bad_request(objection)),
        None => Ok(password),
    }
}

/// Gives an application another password.
#[utoipa::path(post, path = "/applications/{name}/password", tag = "applications", responses(
    (status = 200, description = "Done.", body = Credentials),
))]
pub(super) async fn new_password(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(wanted): Json<NewPassword>,
) -> Result<Json<Credentials>, Problem> {
    let row = row_named(&app, &name).await?;
    let password = password(&row.name, wanted.password)?;
    let hash = hash(password.clone()).await?;
    app.blocking(move |store| store.set_application_password(row.id, &hash)).await?;
    refresh(&app).await?;
    Ok(Json(Credentials { name: row.name, password }))
}

/// The applications as the Crowd server knows them.
///
/// # Errors
/// When the store cannot be read.
pub fn registered(store: &Store) -> Result<Vec<Application>, StoreError> {
    let rows = store.applications()?;
    Ok(rows.into_iter().map(application).collect())
}

fn application(row: ApplicationRow) -> Application {
    // Addresses were checked when they were written; without those that cannot be read any more, an
    // application might be open to everybody.
    let addresses = row.addresses.iter().map(|text| {
        text.parse().unwrap_or_else(|error| {
            tracing::error!(application = row.name, %error, "an address rule admits nobody; add the application anew");
            AddressRule::Unreadable
        })
    });
    Application {
        id: row.id,
        addresses: addresses.collect(),
        name: row.name,
        password_hash: row.password_hash,
        shape: shape(row.id, &row.sight),
        directories: row.sight.directories,
    }
}

/// A sight as the audit log says it.
fn told(sight: &Sight) -> serde_json::Value {
    let Sight { directories, aggregate, flattened, frozen_names } = sight;
    json!({"directories": directories, "aggregate": aggregate, "nested_groups": !flattened, "frozen_names": frozen_names})
}

/// How the Crowd server lays an application's directories over each other.
fn shape(application: u32, sight: &Sight) -> Shape {
    Shape {
        aggregate: sight.aggregate,
        flattened: sight.flattened,
        frozen: sight.frozen_names.then_some(application),
    }
}

pub(super) async fn refresh(app: &App) -> anyhow::Result<()> {
    let applications = app.blocking(registered).await?;
    app.applications.replace(applications);
    Ok(())
}

pub(super) async fn row_named(app: &App, name: &str) -> Result<ApplicationRow, Problem> {
    let rows = app.blocking(Store::applications).await?;
    let missing = || {
        Problem::not_found(format!(
            "there is no application `{name}`; `muster application list` shows all"
        ))
    };
    resource_name::find(rows, name, |row| &row.name).ok_or_else(missing)
}
