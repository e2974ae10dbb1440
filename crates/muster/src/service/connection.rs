//! Directories: how and when a provider is read, and the end of a directory.

use std::{collections::BTreeMap, sync::Arc};

use directory::id::{DirectoryId, Millis};
use directory::resource_name;
use secrecy::SecretString;
use serde_json::{Value, json};
use store::{Change, Changed, ConnectionRow, NewConnection, Schedule};

use super::{Actor, ServiceError};
use crate::{
    app::App,
    task::{keeper::Keeper, stopped::Stopped, watch},
};

/// One directory, by its name.
///
/// # Errors
/// When it is not there.
pub async fn named(app: &App, name: &str) -> Result<ConnectionRow, ServiceError> {
    app.connection_named(name).await?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ServiceError {
    let detail = format!("there is no directory `{name}`; `muster directory list` shows all");
    ServiceError::not_found(detail)
}

/// The writer of a directory.
///
/// # Errors
/// When the directory is being removed.
pub fn keeper(app: &App, id: DirectoryId) -> Result<Arc<Keeper>, ServiceError> {
    app.keeper(id).ok_or_else(|| ServiceError::conflict("this directory is being removed"))
}

/// Changes a directory's settings in the store; `work` says what was before and what is after.
async fn change_one(
    app: &App,
    actor: &Actor,
    (name, action): (&str, &'static str),
    work: impl FnOnce(&Change<'_>, &ConnectionRow) -> Result<Value, ServiceError> + Send + 'static,
) -> Result<ConnectionRow, ServiceError> {
    let (name, actor, now) = (name.to_owned(), actor.clone(), app.clock.now());
    app.change(move |change| {
        let found = resource_name::find(change.connections()?, &name, |row| &row.name);
        let row = found.ok_or_else(|| missing(&name))?;
        let detail = work(change, &row)?;
        let entry = actor.entry(now, action, &row.name, &detail);
        Ok(Changed::Kept(row, entry))
    })
    .await
}

/// Stops a directory's schedule, or starts it.
///
/// # Errors
/// When it is not there, or is being removed.
pub async fn set_paused(
    app: &App,
    actor: &Actor,
    name: &str,
    paused: bool,
) -> Result<(), ServiceError> {
    let (running, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    app.to_the_end(async move {
        let action = if paused { "directory.pause" } else { "directory.resume" };
        let setting = move |change: &Change<'_>, row: &ConnectionRow| {
            change.set_paused(row.id, paused)?;
            Ok(json!({"before": {"paused": row.paused}, "after": {"paused": paused}}))
        };
        let row = change_one(&running, &actor, (&name, action), setting).await?;
        let keeper = keeper(&running, row.id)?;
        if paused {
            keeper.stop(Stopped::Paused);
        }
        keeper.settings_changed().await;
        Ok(())
    })
    .await
}

/// Changes when the provider is read.
///
/// # Errors
/// When it is not there, or the provider cannot reach this server to tell of changes.
pub async fn set_schedule(
    app: &App,
    actor: &Actor,
    name: &str,
    schedule: Schedule,
) -> Result<(), ServiceError> {
    let schedule = schedule.checked().map_err(|error| ServiceError::invalid(error.to_string()))?;
    if schedule.notifications && app.public_url.is_none() {
        let detail = "a provider can tell of changes only if it can reach this server: set `public_url` in the \
                      configuration file (https://…), start the server again, and then switch notifications on";
        return Err(ServiceError::conflict(detail));
    }
    let (running, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    app.to_the_end(async move {
        let setting = move |change: &Change<'_>, row: &ConnectionRow| {
            change.set_schedule(row.id, &schedule)?;
            Ok(json!({"before": row.schedule, "after": schedule}))
        };
        let row = change_one(&running, &actor, (&name, "directory.schedule"), setting).await?;
        keeper(&running, row.id)?.settings_changed().await;
        running.watches.changed();
        Ok(())
    })
    .await
}

/// How a provider is to be reached.
#[derive(Debug, Default)]
pub struct Reconnect {
    /// Settings that change; none takes one away.
    pub settings: BTreeMap<String, Option<String>>,
    /// A new credential.
    pub secret: Option<SecretString>,
    /// When the credential stops working, or that this is not known.
    pub expires: Option<Option<Millis>>,
}

/// Changes how the provider is reached, and reads everything with it; gives all settings.
///
/// # Errors
/// When it is not there, or the settings cannot be used; the message names the setting.
pub async fn reconnect(
    app: &App,
    actor: &Actor,
    name: &str,
    wanted: Reconnect,
) -> Result<BTreeMap<String, String>, ServiceError> {
    let (running, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    app.to_the_end(async move { reconnected(&running, &actor, &name, wanted).await }).await
}

async fn reconnected(
    app: &App,
    actor: &Actor,
    name: &str,
    wanted: Reconnect,
) -> Result<BTreeMap<String, String>, ServiceError> {
    let Reconnect { settings: changed, secret, expires } = wanted;
    let only_expires = expires.is_some() && changed.is_empty() && secret.is_none();
    // What was known of the old credential's end does not hold for a new one.
    let expires = expires.or_else(|| secret.as_ref().map(|_| None));
    let checking = app.clone();
    let setting = move |change: &Change<'_>, row: &ConnectionRow| {
        let settings = merged(&row.settings, changed);
        let checked = NewConnection {
            name: row.name.clone(),
            provider: row.provider.clone(),
            settings: settings.clone(),
            secret: secret.clone().unwrap_or_else(|| row.secret.clone()),
            rules: row.rules.clone(),
            schedule: row.schedule,
            key: None,
        };
        let usable = checking.check_settings(&checked);
        usable.map_err(|error| ServiceError::invalid(error.to_string()))?;
        if let Some(expires) = expires {
            change.set_expires(row.id, expires)?;
        }
        if !only_expires {
            change.reconnect(row.id, &settings, secret.as_ref())?;
        }
        Ok(json!({"before": row.settings, "after": settings, "new_credential": secret.is_some()}))
    };
    let row = change_one(app, actor, (name, "directory.connection"), setting).await?;
    app.alerts.look();
    if !only_expires {
        let keeper = keeper(app, row.id)?;
        keeper.stop(Stopped::Reconnected);
        keeper.settings_changed().await;
        app.watches.changed();
        if !row.paused {
            keeper.request(true);
        }
    }
    Ok(app.connection(row.id).await?.settings)
}

fn merged(
    before: &BTreeMap<String, String>,
    changed: BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    let mut settings = before.clone();
    for (key, value) in changed {
        match value {
            Some(value) => drop(settings.insert(key, value)),
            None => drop(settings.remove(&key)),
        }
    }
    settings
}

/// Asks for a run; gives the number to wait for.
///
/// # Errors
/// When it is not there, or paused.
pub async fn sync(app: &App, actor: &Actor, name: &str, full: bool) -> Result<u64, ServiceError> {
    let (running, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    app.to_the_end(async move {
        let asking = {
            let name = name.clone();
            move |_: &Change<'_>, row: &ConnectionRow| {
                if row.paused {
                    let detail =
                        format!("`{name}` is paused; `muster directory resume {name}` first");
                    return Err(ServiceError::conflict(detail));
                }
                Ok(json!({"full": full}))
            }
        };
        let row = change_one(&running, &actor, (&name, "directory.sync"), asking).await?;
        Ok(keeper(&running, row.id)?.request(full))
    })
    .await
}

/// Removes a directory that no application reads.
///
/// # Errors
/// When it is not there, or applications read it: its people would vanish from them.
pub async fn remove(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let (running, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    app.to_the_end(async move {
        let row = named(&running, &name).await?;
        let readers = running.blocking(store::Store::applications).await?;
        unread(&readers, &row)?;
        watch::forget(&running, &row).await?;
        let removing = |change: &Change<'_>, row: &ConnectionRow| {
            // Whoever was let in meanwhile reads it.
            unread(&change.applications()?, row)?;
            change.remove_connection(row.id)?;
            Ok(json!({"before": {"provider": row.provider, "settings": row.settings}}))
        };
        let row = change_one(&running, &actor, (&row.name, "directory.remove"), removing).await?;
        // What writes it ends once it is gone: had the removal failed, it would go on.
        running.let_go(row.id);
        Ok(running.published_up_to_date().await?)
    })
    .await
}

fn unread(applications: &[store::ApplicationRow], row: &ConnectionRow) -> Result<(), ServiceError> {
    let readers: Vec<&str> = applications
        .iter()
        .filter(|application| application.sight.directories.contains(&row.id))
        .map(|application| application.name.as_str())
        .collect();
    if readers.is_empty() {
        return Ok(());
    }
    Err(ServiceError::conflict(format!(
        "applications read this directory: {}; its people would vanish from them, so remove those first",
        readers.join(", ")
    )))
}
