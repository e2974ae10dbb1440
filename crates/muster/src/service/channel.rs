//! Alert channels: who is told of alerts.
//!
//! Invariant: a channel's secret goes in and never comes out.

use std::collections::BTreeMap;

use directory::{id::Millis, resource_name};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Change, Changed, ChannelRow, NewChannel, Store};
use utoipa::ToSchema;

use super::{
    Actor, ServiceError,
    name::{Named, new_name},
};
use crate::{
    alert::{Message, channel::Channel, check_wanted},
    app::App,
};

/// Channels at the most.
const CHANNELS_MAX: usize = 50;

/// A channel in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Channel)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// What it is: `webhook`, `slack`, `teams`, `email`.
    pub kind: String,
    /// How it is reached, without what is secret.
    pub settings: BTreeMap<String, String>,
    /// The alerts that it is told of; all when empty.
    pub alerts: Vec<String>,
    /// Where it leads: a webhook's host, a mailbox.
    pub target: String,
    /// How often in a row it could not be told.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Millis>,
    /// Why.
    pub problem: Option<String>,
    /// When it is tried again.
    pub retry_at: Option<Millis>,
    /// When it was last told something.
    pub told_at: Option<Millis>,
    /// What of it in the database cannot be read: it is told nothing; remove it and add it again, or see `muster repair`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// How a channel is to be.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ChannelDefinition)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name, unique in any case; a channel that is changed keeps its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is: `webhook`, `slack`, `teams`, `email`.
    pub kind: String,
    /// How it is reached, without what is secret.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The alerts that it is told of; all when empty.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// The address of a webhook, the password of a mailbox; what it was, when a channel is changed without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// How a try went.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChannelTried)]
pub struct Tried {
    /// Whether the channel was told.
    pub told: bool,
    /// Why not.
    pub problem: Option<String>,
}

/// All channels, by number.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(app: &App) -> Result<Vec<Summary>, ServiceError> {
    let rows = app.blocking(Store::channels).await?;
    Ok(rows.into_iter().map(summary).collect())
}

fn summary(row: ChannelRow) -> Summary {
    let channel = Channel::read(&row.kind, &row.settings, &row.secret);
    Summary {
        target: channel.map(|channel| channel.target()).unwrap_or_default(),
        name: row.name,
        kind: row.kind,
        settings: row.settings,
        alerts: row.alerts,
        failures: row.failures,
        failing_since: row.failing_since,
        problem: row.problem,
        retry_at: row.retry_at,
        told_at: row.told_at,
        unreadable: super::texts(&row.unreadable),
    }
}

/// Tells somebody else too.
///
/// # Errors
/// When name or settings cannot be used, or there are too many.
pub async fn add(app: &App, actor: &Actor, wanted: Definition) -> Result<Summary, ServiceError> {
    let (running, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let adding = move |change: &Change<'_>| {
        let rows = change.channels()?;
        let others = rows.iter().map(|row| row.name.as_str());
        let name = new_name(Named::Channel, &wanted.name, others)?;
        if rows.len() >= CHANNELS_MAX {
            let detail = format!("there are {CHANNELS_MAX} channels already; remove one first");
            return Err(ServiceError::conflict(detail));
        }
        let secret = SecretString::from(wanted.secret.clone().unwrap_or_default());
        let new = checked(name, wanted, secret)?;
        let id = change.add_channel(&new)?;
        let after =
            json!({"after": {"kind": new.kind, "settings": new.settings, "alerts": new.alerts}});
        let entry = actor.entry(now, "channel.add", &new.name, &after);
        Ok(Changed::Kept(one(change, id)?, entry))
    };
    app.to_the_end(async move {
        let row = running.change(adding).await?;
        running.alerts.look();
        Ok(summary(row))
    })
    .await
}

/// Changes a channel; its name stays, and its secret unless one is given.
///
/// # Errors
/// When it is not there, or settings cannot be used.
pub async fn change(
    app: &App,
    actor: &Actor,
    name: &str,
    wanted: Definition,
) -> Result<Summary, ServiceError> {
    let changing = move |change: &Change<'_>, row: ChannelRow| {
        let (id, before) = (row.id, row.settings.clone());
        let secret = wanted.secret.clone().map(SecretString::from);
        let new = checked(row.name, wanted, secret.clone().unwrap_or(row.secret))?;
        change.change_channel(id, &new, secret.as_ref())?;
        let detail = json!({"before": {"kind": row.kind, "settings": before, "alerts": row.alerts},
            "after": {"kind": new.kind, "settings": new.settings, "alerts": new.alerts},
            "new_secret": secret.is_some()});
        Ok((one(change, id)?, detail))
    };
    Ok(summary(change_one(app, actor, (name, "channel.change"), changing).await?))
}

fn checked(
    name: String,
    definition: Definition,
    secret: SecretString,
) -> Result<NewChannel, ServiceError> {
    let Definition { name: _, kind, settings, alerts, secret: _ } = definition;
    check_wanted(&alerts).map_err(ServiceError::invalid)?;
    Channel::read(&kind, &settings, &secret).map_err(ServiceError::invalid)?;
    Ok(NewChannel { name, kind, settings, alerts, secret })
}

fn one(change: &Change<'_>, id: u32) -> Result<ChannelRow, ServiceError> {
    let found = change.channels()?.into_iter().find(|row| row.id == id);
    found.ok_or_else(|| store::StoreError::Removed.into())
}

/// Tells a channel nothing any more.
///
/// # Errors
/// When it is not there.
pub async fn remove(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let removing = |change: &Change<'_>, row: ChannelRow| {
        change.remove_channel(row.id)?;
        Ok(((), json!({"before": {"kind": row.kind, "settings": row.settings}})))
    };
    change_one(app, actor, (name, "channel.remove"), removing).await
}

/// Tells a channel something now; what waits for it is told too if that goes well. Nothing is changed by it.
///
/// # Errors
/// When it is not there, or its settings cannot be used.
pub async fn test(app: &App, name: &str) -> Result<Tried, ServiceError> {
    let rows = app.blocking(Store::channels).await?;
    let row = resource_name::find(rows, name, |row| &row.name).ok_or_else(|| missing(name))?;
    let channel =
        Channel::read(&row.kind, &row.settings, &row.secret).map_err(ServiceError::invalid)?;
    let client = connect::http::outside_client()
        .map_err(|_| anyhow::anyhow!("no HTTP client can be made"))?;
    let now = app.clock.now();
    if let Err(failure) = channel.tell(&client, &Message::test(&row.name, now)).await {
        return Ok(Tried { told: false, problem: Some(failure.why) });
    }
    let id = row.id;
    app.blocking(move |store| store.channel_told(id, now)).await?;
    app.alerts.look();
    Ok(Tried { told: true, problem: None })
}

/// Changes a channel in the store, and has alerts looked at anew.
async fn change_one<T: Send + 'static>(
    app: &App,
    actor: &Actor,
    (name, action): (&str, &'static str),
    work: impl FnOnce(&Change<'_>, ChannelRow) -> Result<(T, serde_json::Value), ServiceError>
    + Send
    + 'static,
) -> Result<T, ServiceError> {
    let (running, name, actor, now) =
        (app.clone(), name.to_owned(), actor.clone(), app.clock.now());
    let changing = move |change: &Change<'_>| {
        let found = resource_name::find(change.channels()?, &name, |row| &row.name);
        let row = found.ok_or_else(|| missing(&name))?;
        let called = row.name.clone();
        let (done, detail) = work(change, row)?;
        Ok(Changed::Kept(done, actor.entry(now, action, &called, &detail)))
    };
    app.to_the_end(async move {
        let done = running.change(changing).await?;
        running.alerts.look();
        Ok(done)
    })
    .await
}

fn missing(name: &str) -> ServiceError {
    let detail = format!("there is no channel `{name}`; `muster alert channel list` shows all");
    ServiceError::not_found(detail)
}
