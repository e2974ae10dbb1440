//! Alert channels in the admin API.
//!
//! Invariant: a channel's secret goes in and never comes out.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use directory::{id::Millis, resource_name};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ChannelRow, NewChannel, Store};
use utoipa::ToSchema;

use crate::{
    alert::{Message, channel::Channel, check_wanted},
    api::{
        Problem, audit,
        extract::{Json, Path},
    },
    app::App,
    service::name::{Named, new_name},
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

/// Who is told of alerts.
#[utoipa::path(get, path = "/alerts/channels", operation_id = "list_channels", tag = "alerts", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(in crate::api) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let rows = app.blocking(Store::channels).await?;
    Ok(Json(rows.into_iter().map(summary).collect()))
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
        unreadable: crate::api::texts(&row.unreadable),
    }
}

/// Tells somebody else too.
#[utoipa::path(post, path = "/alerts/channels", operation_id = "add_channel", tag = "alerts", responses(
    (status = 201, description = "Made.", body = Summary),
    (status = 409, description = "There is a channel of that name, or there are too many."),
))]
pub(in crate::api) async fn add(
    State(app): State<App>,
    Json(add): Json<Definition>,
) -> Result<(StatusCode, Json<Summary>), Problem> {
    let rows = app.blocking(Store::channels).await?;
    let others = rows.iter().map(|row| row.name.as_str());
    let name = new_name(Named::Channel, &add.name, others)?;
    if rows.len() >= CHANNELS_MAX {
        let detail = format!("there are {CHANNELS_MAX} channels already; remove one first");
        return Err(Problem::conflict(detail));
    }
    let secret = SecretString::from(add.secret.clone().unwrap_or_default());
    let new = checked(name, add, secret)?;
    let added = new.name.clone();
    app.blocking(move |store| crate::audit::quietly(store, |change| change.add_channel(&new)))
        .await?;
    app.alerts.look();
    Ok((StatusCode::CREATED, Json(summary(named(&app, &added).await?))))
}

/// Changes a channel.
#[utoipa::path(put, path = "/alerts/channels/{name}", operation_id = "change_channel", tag = "alerts", responses(
    (status = 200, description = "Done.", body = Summary),
))]
pub(in crate::api) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(definition): Json<Definition>,
) -> Result<Json<Summary>, Problem> {
    let row = named(&app, &name).await?;
    let secret = definition.secret.clone().map(SecretString::from);
    let new = checked(row.name.clone(), definition, secret.clone().unwrap_or(row.secret))?;
    audit::say(
        || json!({"before": row.settings, "after": new.settings, "new_secret": secret.is_some()}),
    );
    let id = row.id;
    app.blocking(move |store| {
        crate::audit::quietly(store, |change| change.change_channel(id, &new, secret.as_ref()))
    })
    .await?;
    app.alerts.look();
    Ok(Json(summary(named(&app, &name).await?)))
}

fn checked(
    name: String,
    definition: Definition,
    secret: SecretString,
) -> Result<NewChannel, Problem> {
    let Definition { name: _, kind, settings, alerts, secret: _ } = definition;
    check_wanted(&alerts).map_err(Problem::bad_request)?;
    Channel::read(&kind, &settings, &secret).map_err(Problem::bad_request)?;
    Ok(NewChannel { name, kind, settings, alerts, secret })
}

/// Tells a channel nothing any more.
#[utoipa::path(delete, path = "/alerts/channels/{name}", operation_id = "remove_channel", tag = "alerts", responses(
    (status = 204, description = "Done."),
))]
pub(in crate::api) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = named(&app, &name).await?.id;
    app.blocking(move |store| crate::audit::quietly(store, |change| change.remove_channel(id)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a channel something now; what waits for it is told too if that goes well.
#[utoipa::path(post, path = "/alerts/channels/{name}/test", operation_id = "test_channel", tag = "alerts", responses(
    (status = 200, description = "Done.", body = Tried),
))]
pub(in crate::api) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Tried>, Problem> {
    let row = named(&app, &name).await?;
    let channel =
        Channel::read(&row.kind, &row.settings, &row.secret).map_err(Problem::bad_request)?;
    let client = connect::http::outside_client()
        .map_err(|_| anyhow::anyhow!("no HTTP client can be made"))?;
    let now = app.clock.now();
    if let Err(failure) = channel.tell(&client, &Message::test(&row.name, now)).await {
        return Ok(Json(Tried { told: false, problem: Some(failure.why) }));
    }
    let id = row.id;
    app.blocking(move |store| store.channel_told(id, now)).await?;
    app.alerts.look();
    Ok(Json(Tried { told: true, problem: None }))
}

async fn named(app: &App, name: &str) -> Result<ChannelRow, Problem> {
    let rows = app.blocking(Store::channels).await?;
    let missing = || {
        Problem::not_found(format!(
            "there is no channel `{name}`; `muster alert channel list` shows all"
        ))
    };
    resource_name::find(rows, name, |row| &row.name).ok_or_else(missing)
}
