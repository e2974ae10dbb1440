//! Applications: products that may read directories.

pub mod sight;

use directory::{
    id::{DirectoryId, Millis},
    product_names::Product,
    resource_name,
    view::Shape,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{
    ApplicationRow, Change, Changed, ConnectionRow, NewApplication, Sight, Store, StoreError,
};
use utoipa::ToSchema;

use super::{
    Actor, ServiceError,
    name::{Named, new_name},
};
use crate::{
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
    /// The product that it is made for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Product>,
}

/// What to type into the product.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// The application's name.
    pub name: String,
    /// Its password; shown once.
    pub password: String,
}

/// From where an application may call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Addresses, networks and host names; everywhere when empty.
    pub addresses: Vec<String>,
}

/// Which product an application was made for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MadeFor {
    /// The product; none when that is not known.
    pub product: Option<Product>,
}

/// A new password.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewPassword {
    /// The password; one is made when there is none.
    pub password: Option<String>,
}

/// All applications.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(app: &App) -> Result<Vec<Summary>, ServiceError> {
    let read = |store: &Store| Ok((store.connections()?, store.applications()?, store.webhooks()?));
    let (directories, rows, webhooks) = app.blocking(read).await?;
    let name = |id| {
        let row = directories.iter().find(|row| row.id == id);
        row.map_or_else(|| format!("#{id}"), |row| row.name.clone())
    };
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
    Ok(summaries.collect())
}

/// One application.
///
/// # Errors
/// When it is not there.
pub async fn show(app: &App, name: &str) -> Result<Summary, ServiceError> {
    let all = list(app).await?;
    resource_name::find(all, name, |application| &application.name).ok_or_else(|| missing(name))
}

/// One application's row.
///
/// # Errors
/// When it is not there.
pub async fn row_named(app: &App, name: &str) -> Result<ApplicationRow, ServiceError> {
    let rows = app.blocking(Store::applications).await?;
    resource_name::find(rows, name, |row| &row.name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ServiceError {
    let detail = format!("there is no application `{name}`; `muster application list` shows all");
    ServiceError::not_found(detail)
}

/// A rule as it is listed; one that cannot be read is said to be so.
fn shown_rule(text: String) -> String {
    match text.parse::<AddressRule>() {
        Ok(_) => text,
        Err(_) => format!("{text} (cannot be read: admits nobody)"),
    }
}

/// Lets an application in.
///
/// # Errors
/// When name, directories or addresses cannot be used.
pub async fn add(app: &App, actor: &Actor, add: Add) -> Result<Credentials, ServiceError> {
    check_addresses(&add.addresses)?;
    let existing = app.blocking(Store::applications).await?;
    // Before the password is hashed, which takes a while; the store has the last word.
    let wanted =
        new_name(Named::Application, &add.name, existing.iter().map(|row| row.name.as_str()))?;
    let password = password(&wanted, add.password)?;
    let password_hash = hash(password.clone()).await?;
    let (actor, now) = (actor.clone(), app.clock.now());
    let (aggregate, flattened) = (add.aggregate, !add.nested_groups);
    let (frozen_names, addresses, product) = (add.frozen_names, add.addresses, add.product);
    let admitting = move |change: &Change<'_>| {
        let directories = numbers(&change.connections()?, &add.directories)?;
        let sight = Sight { directories, aggregate, flattened, frozen_names };
        let new = NewApplication { name: wanted, password_hash, sight, addresses };
        let id = change.add_application(&new, now)?;
        let product = product.map(Product::key);
        change.set_application_product(id, product)?;
        let after = json!({"after": {"sight": told(&new.sight), "addresses": new.addresses, "product": product}});
        let entry = actor.entry(now, "application.add", &new.name, &after);
        Ok(Changed::Kept(new.name, entry))
    };
    let name = app.change(admitting).await?;
    Ok(Credentials { name, password })
}

/// Finds directories by name.
fn numbers(rows: &[ConnectionRow], names: &[String]) -> Result<Vec<DirectoryId>, ServiceError> {
    if names.is_empty() {
        return Err(ServiceError::invalid(
            "an application sees one directory at least; name it with --directory",
        ));
    }
    let mut directories = Vec::new();
    for name in names {
        let row =
            resource_name::find(rows.iter().collect(), name, |row: &&ConnectionRow| &row.name)
                .ok_or_else(|| {
                    let detail = format!(
                        "there is no directory `{name}`; `muster directory list` shows all"
                    );
                    ServiceError::not_found(detail)
                })?;
        if !directories.contains(&row.id) {
            directories.push(row.id);
        }
    }
    Ok(directories)
}

/// Changes an application in the store; `work` says what was before and what is after.
async fn change_one(
    app: &App,
    actor: &Actor,
    (name, action): (&str, &'static str),
    work: impl FnOnce(&Change<'_>, &ApplicationRow) -> Result<Value, ServiceError> + Send + 'static,
) -> Result<ApplicationRow, ServiceError> {
    let (name, actor, now) = (name.to_owned(), actor.clone(), app.clock.now());
    let changing = move |change: &Change<'_>| {
        let found = resource_name::find(change.applications()?, &name, |row| &row.name);
        let row = found.ok_or_else(|| missing(&name))?;
        let detail = work(change, &row)?;
        let entry = actor.entry(now, action, &row.name, &detail);
        Ok(Changed::Kept(row, entry))
    };
    app.change(changing).await
}

/// Shuts an application out: it is refused from the moment on that this returns.
///
/// # Errors
/// When it is not there.
pub async fn remove(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let removing = |change: &Change<'_>, row: &ApplicationRow| {
        change.remove_application(row.id)?;
        Ok(json!({"before": {"sight": told(&row.sight), "addresses": row.addresses}}))
    };
    change_one(app, actor, (name, "application.remove"), removing).await.map(drop)
}

/// Replaces from where an application may call.
///
/// # Errors
/// When it is not there, or an address cannot be read.
pub async fn set_addresses(
    app: &App,
    actor: &Actor,
    name: &str,
    Addresses { addresses }: Addresses,
) -> Result<(), ServiceError> {
    check_addresses(&addresses)?;
    let setting = move |change: &Change<'_>, row: &ApplicationRow| {
        change.set_addresses(row.id, &addresses)?;
        Ok(json!({"before": row.addresses, "after": addresses}))
    };
    change_one(app, actor, (name, "application.addresses"), setting).await.map(drop)
}

fn check_addresses(addresses: &[String]) -> Result<(), ServiceError> {
    for address in addresses {
        let rule = address.parse::<AddressRule>();
        rule.map_err(|error| ServiceError::invalid(error.to_string()))?;
    }
    Ok(())
}

/// Says which product an application was made for, so that names which it refuses are told.
///
/// # Errors
/// When it is not there.
pub async fn set_product(
    app: &App,
    actor: &Actor,
    name: &str,
    MadeFor { product }: MadeFor,
) -> Result<(), ServiceError> {
    let key = product.map(Product::key);
    let setting = move |change: &Change<'_>, row: &ApplicationRow| {
        change.set_application_product(row.id, key)?;
        Ok(json!({"before": row.product, "after": key}))
    };
    change_one(app, actor, (name, "application.product"), setting).await.map(drop)
}

/// Gives an application another password.
///
/// # Errors
/// When it is not there, or the password would be guessed.
pub async fn new_password(
    app: &App,
    actor: &Actor,
    name: &str,
    wanted: NewPassword,
) -> Result<Credentials, ServiceError> {
    let name = row_named(app, name).await?.name;
    let password = password(&name, wanted.password)?;
    let hash = hash(password.clone()).await?;
    let setting = move |change: &Change<'_>, row: &ApplicationRow| {
        change.set_application_password(row.id, &hash)?;
        Ok(json!({}))
    };
    let row = change_one(app, actor, (&name, "application.password"), setting).await?;
    Ok(Credentials { name: row.name, password })
}

/// The password that was chosen, unless somebody would guess it; else one that is made.
fn password(name: &str, chosen: Option<String>) -> Result<String, ServiceError> {
    let Some(password) = chosen else { return Ok(entropy::token()) };
    match objection(Owner::Application, &password, &[name]) {
        Some(objection) => Err(ServiceError::invalid(objection)),
        None => Ok(password),
    }
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

/// Has the registry of the Crowd server follow the store.
///
/// # Errors
/// When the store cannot be read.
pub fn follow(app: &App) -> Result<(), StoreError> {
    app.applications.follow(|| registered(&app.store))
}
