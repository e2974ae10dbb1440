//! Administrators of the console: who there is, and the one-time links by which they come in.
//!
//! Invariants: nobody learns or chooses somebody else's password; a link works once, for whom it was made, while who made it
//! still may make one, and it dies with another password, another role or the removal of whom it is for (DESIGN.md 11.7).

use directory::{
    id::{DAY_MS, HOUR_MS, Millis},
    resource_name,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{
    AdministratorRow, Change, Changed, ConsoleSessionRow, InvitationRow, Maker, Role, Store,
};
use utoipa::ToSchema;

use super::{
    Actor, ServiceError,
    actor::called,
    name::{Named, new_name},
};
use crate::{app::App, entropy};

/// How long the link of the first start works.
const FIRST_MS: i64 = 7 * DAY_MS;
/// How long other links work.
const LINK_MS: i64 = 24 * HOUR_MS;

/// Somebody who may sign in to the console.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Administrator)]
pub struct Summary {
    /// Their name.
    pub name: String,
    /// `administrator` or `reader`.
    pub role: Role,
    /// When they were made.
    pub created: Millis,
    /// When they last signed in.
    pub last_sign_in: Option<Millis>,
    /// What of them in the database cannot be read: they do not get in, and `muster repair` takes them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// Somebody who is to sign in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Their name; without one, whoever follows the link chooses it.
    #[serde(default)]
    pub name: Option<String>,
    /// As what.
    pub role: Role,
}

/// What somebody is to be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// As what they sign in.
    pub role: Role,
}

/// A one-time link.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Where the password is chosen, once, within 24 hours.
    pub link: String,
}

/// A one-time link that was not used yet.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Invitation)]
pub struct Open {
    /// Its id.
    pub id: String,
    /// The user's name; without one, it is chosen by following the link.
    pub name: Option<String>,
    /// What somebody new may do; somebody who is there already keeps their own role.
    pub role: Role,
    /// When it stops working.
    pub expires: Millis,
    /// Its maker.
    pub made_by: String,
}

impl Open {
    fn of(row: &InvitationRow) -> Self {
        let made_by = called(&row.made_by);
        let (id, name) = (row.id(), row.name.clone());
        Self { id, name, role: row.role, expires: row.expires, made_by }
    }
}

/// Who may sign in to the console.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(app: &App) -> Result<Vec<Summary>, ServiceError> {
    let rows = app.blocking(Store::administrators).await?;
    let all = rows.into_iter().map(|row| Summary {
        name: row.name,
        role: row.role,
        created: row.created,
        last_sign_in: row.last_sign_in,
        unreadable: super::texts(&row.unreadable),
    });
    Ok(all.collect())
}

/// Links that still work.
///
/// # Errors
/// When the store cannot be read.
pub async fn invitations(app: &App) -> Result<Vec<Open>, ServiceError> {
    let now = app.clock.now();
    let rows = app.blocking(move |store| store.invitations(now)).await?;
    Ok(rows.iter().map(Open::of).collect())
}

/// Revokes a link.
///
/// # Errors
/// When no such link works.
pub async fn revoke(app: &App, actor: &Actor, id: &str) -> Result<(), ServiceError> {
    let (actor, id, now) = (actor.clone(), id.to_owned(), app.clock.now());
    let revoking = move |change: &Change<'_>| {
        let row = change.revoke_invitation(&id, now)?.ok_or_else(|| {
            let detail =
                format!("no link `{id}` works; `muster admin invitations` lists those that do");
            ServiceError::not_found(detail)
        })?;
        let before = json!({"before": {"name": row.name, "role": row.role.as_str()}});
        let object = row.name.unwrap_or_default();
        Ok(Changed::Kept((), actor.entry(now, "invitation.revoke", &object, &before)))
    };
    app.change(revoking).await
}

/// A link for the first administrator, if there is none yet; `base` is how people reach this server.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn first_link(app: &App, base: &str) -> Result<Option<String>, ServiceError> {
    if app.store.read_only() || app.blocking(Store::has_administrators).await? {
        return Ok(None);
    }
    let (token, now) = (entropy::token(), app.clock.now());
    let row = InvitationRow {
        token: entropy::digest(&token),
        name: None,
        role: Role::Administrator,
        expires: now.plus(FIRST_MS),
        made_by: Maker::FirstStart,
    };
    let actor = Actor::server("serve");
    let inviting = move |change: &Change<'_>| {
        if !change.administrators()?.is_empty() {
            return Ok(Changed::Nothing(false));
        }
        change.invite(&row, now)?;
        let detail = json!({"role": row.role.as_str()});
        Ok(Changed::Kept(true, actor.entry(now, "administrator.invite", "", &detail)))
    };
    let made = app.change(inviting).await?;
    Ok(made.then(|| address(base, &token)))
}

fn address(base: &str, token: &str) -> String {
    format!("{base}/first-start/{token}")
}

/// Invites somebody: makes a one-time link where they choose a password; `base` is how people reach this server.
///
/// # Errors
/// When the name cannot be used, or is somebody's already.
pub async fn invite(
    app: &App,
    actor: &Actor,
    base: &str,
    wanted: Invite,
) -> Result<Link, ServiceError> {
    let making = move |change: &Change<'_>| {
        let Some(name) = wanted.name else { return Ok((None, wanted.role)) };
        let rows = change.administrators()?;
        let others = rows.iter().map(|row| row.name.as_str());
        Ok((Some(new_name(Named::Administrator, &name, others)?), wanted.role))
    };
    make(app, actor, (base, "administrator.invite"), making).await
}

/// Makes a one-time link where somebody who is there already chooses a password anew.
///
/// # Errors
/// When they are not there.
pub async fn link(app: &App, actor: &Actor, base: &str, name: &str) -> Result<Link, ServiceError> {
    let name = name.to_owned();
    let making = move |change: &Change<'_>| {
        let row = found(change.administrators()?, &name)?;
        Ok((Some(row.name), row.role))
    };
    make(app, actor, (base, "administrator.link"), making).await
}

async fn make(
    app: &App,
    actor: &Actor,
    (base, action): (&str, &'static str),
    whom: impl FnOnce(&Change<'_>) -> Result<(Option<String>, Role), ServiceError> + Send + 'static,
) -> Result<Link, ServiceError> {
    let (actor, now) = (actor.clone(), app.clock.now());
    let token = entropy::token();
    let link = address(base, &token);
    let making = move |change: &Change<'_>| {
        let (name, role) = whom(change)?;
        let row = InvitationRow {
            token: entropy::digest(&token),
            name,
            role,
            expires: now.plus(LINK_MS),
            made_by: actor.maker.clone(),
        };
        change.invite(&row, now)?;
        let detail = json!({"role": role.as_str()});
        let object = row.name.unwrap_or_default();
        Ok(Changed::Kept((), actor.entry(now, action, &object, &detail)))
    };
    app.change(making).await?;
    Ok(Link { link })
}

/// The user whom a link lets in, and their role.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Their name; none when they choose one.
    pub name: Option<String>,
    /// As what they sign in.
    pub role: Role,
}

/// For whom the link of a token works; none when it does not work.
///
/// # Errors
/// When the store cannot be read.
pub async fn invited(app: &App, token: &str) -> Result<Option<Invited>, ServiceError> {
    let (digest, now) = (entropy::digest(token), app.clock.now());
    let read = move |store: &Store| Ok((store.invitation(&digest, now)?, store.administrators()?));
    let (row, rows) = app.blocking(read).await?;
    Ok(row.map(|row| invited_as(&rows, row)))
}

/// The role is read when the link is used.
fn invited_as(rows: &[AdministratorRow], row: InvitationRow) -> Invited {
    let there = rows.iter().find(|there| row.name.as_ref() == Some(&there.name));
    Invited { role: there.map_or(row.role, |there| there.role), name: row.name }
}

/// The choices of a user who follows a link.
#[derive(Debug)]
pub struct Chosen {
    /// The name, if the link has none.
    pub name: String,
    /// The hash of the password.
    pub password_hash: String,
}

/// Lets somebody in by a one-time link, which is used up by it: they are new, or have another password from then on and are
/// signed out everywhere. None when the link does not work.
///
/// # Errors
/// When the name cannot be used, or is somebody's already.
pub async fn accept(
    app: &App,
    origin: crate::peer::Origin,
    token: &str,
    chosen: Chosen,
) -> Result<Option<AdministratorRow>, ServiceError> {
    let (running, digest, now) = (app.clone(), entropy::digest(token), app.clock.now());
    let accepting = move |change: &Change<'_>| {
        let Some(row) = change.invitation(&digest, now)? else { return Ok(Changed::Nothing(None)) };
        change.use_up_invitation(&digest)?;
        let rows = change.administrators()?;
        let Invited { name, role } = invited_as(&rows, row);
        let there = rows.iter().find(|there| name.as_ref() == Some(&there.name));
        let (action, name) = match (there, name) {
            (Some(there), _) => ("administrator.password", there.name.clone()),
            (None, name) => {
                // What was meant for somebody new never becomes somebody who is there.
                let wanted = name.unwrap_or(chosen.name);
                let others = rows.iter().map(|row| row.name.as_str());
                ("administrator.add", new_name(Named::Administrator, &wanted, others)?)
            }
        };
        let made = change.put_administrator(&name, role, &chosen.password_hash, now)?;
        let detail = json!({"role": role.as_str(), "by": "one-time link"});
        let entry = Actor::administrator(&name, origin).entry(now, action, &name, &detail);
        Ok(Changed::Kept(Some(made), entry))
    };
    app.to_the_end(async move {
        let made = running.change(accepting).await?;
        if let Some(id) = made.as_ref().map(|made| made.id) {
            running.blocking(move |store| store.end_console_sessions(id, None)).await?;
        }
        Ok(made)
    })
    .await
}

/// Somebody signed in changes their own password; everywhere else they are signed out. `session` is theirs.
///
/// # Errors
/// When they were removed meanwhile.
pub async fn set_own_password(
    app: &App,
    actor: &Actor,
    (id, session): (u32, [u8; 32]),
    password_hash: String,
) -> Result<(), ServiceError> {
    let (running, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let setting = move |change: &Change<'_>| {
        change.set_administrator_password(id, &password_hash)?;
        let entry = actor.entry(now, "administrator.password", &actor.who, &json!({}));
        Ok(Changed::Kept((), entry))
    };
    app.to_the_end(async move {
        running.change(setting).await?;
        let ending = move |store: &Store| store.end_console_sessions(id, Some(&session));
        Ok(running.blocking(ending).await?)
    })
    .await
}

/// Signs somebody in; sessions that were last used or began before `past` are cleared away.
///
/// # Errors
/// When the store cannot be written.
pub async fn start_session(
    app: &App,
    actor: &Actor,
    session: ConsoleSessionRow,
    past: (Millis, Millis),
) -> Result<(), ServiceError> {
    let (running, actor, id) = (app.clone(), actor.clone(), session.administrator);
    let now = session.created;
    let noting = move |change: &Change<'_>| {
        change.signed_in(id, now)?;
        let entry = actor.entry(now, "session.start", &actor.who, &json!({}));
        Ok(Changed::Kept((), entry))
    };
    app.to_the_end(async move {
        running.change(noting).await?;
        Ok(running.blocking(move |store| store.start_console_session(&session, past)).await?)
    })
    .await
}

/// Gives somebody another role.
///
/// # Errors
/// When they are not there, or nobody could change anything any more.
pub async fn set_role(
    app: &App,
    actor: &Actor,
    name: &str,
    NewRole { role }: NewRole,
) -> Result<(), ServiceError> {
    let now = app.clock.now();
    let setting = move |change: &Change<'_>, row: &AdministratorRow| {
        if !change.set_administrator_role(row.id, role)? {
            return Err(last());
        }
        let ended = match role {
            Role::Administrator => Vec::new(),
            Role::Reader => end_tokens(change, row, now)?,
        };
        let (before, after) = (row.role.as_str(), role.as_str());
        Ok(json!({"before": before, "after": after, "tokens_revoked": ended}))
    };
    change_one(app, actor, (name, "administrator.role"), (false, setting)).await
}

/// Ends all of somebody's sessions.
///
/// # Errors
/// When they are not there.
pub async fn sign_out(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let nothing = |_: &Change<'_>, _: &AdministratorRow| Ok(json!({}));
    change_one(app, actor, (name, "session.end_all"), (true, nothing)).await
}

/// Removes somebody: they cannot sign in any more.
///
/// # Errors
/// When they are not there, or nobody could change anything any more.
pub async fn remove(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let now = app.clock.now();
    let removing = move |change: &Change<'_>, row: &AdministratorRow| {
        if !change.remove_administrator(row.id)? {
            return Err(last());
        }
        let ended = end_tokens(change, row, now)?;
        Ok(json!({"before": {"role": row.role.as_str()}, "tokens_revoked": ended}))
    };
    change_one(app, actor, (name, "administrator.remove"), (true, removing)).await
}

/// Revokes the tokens that an administrator made; returns their names.
fn end_tokens(
    change: &Change<'_>,
    maker: &AdministratorRow,
    now: Millis,
) -> Result<Vec<String>, ServiceError> {
    let mut ended = Vec::new();
    for token in change.api_tokens()? {
        if token.revoked.is_none() && resource_name::same(&token.made_by, &maker.name) {
            change.revoke_api_token(&token.name, now)?;
            ended.push(token.name);
        }
    }
    Ok(ended)
}

fn last() -> ServiceError {
    ServiceError::conflict("that is the last administrator: nobody could change anything any more")
}

fn found(rows: Vec<AdministratorRow>, name: &str) -> Result<AdministratorRow, ServiceError> {
    resource_name::find(rows, name, |row| &row.name).ok_or_else(|| {
        ServiceError::not_found(format!(
            "there is no administrator `{name}`; without a name `muster admin reset` makes a new one"
        ))
    })
}

/// Changes an administrator in the store, and ends their sessions if that is part of it.
async fn change_one(
    app: &App,
    actor: &Actor,
    (name, action): (&str, &'static str),
    (sign_out, work): (
        bool,
        impl FnOnce(&Change<'_>, &AdministratorRow) -> Result<serde_json::Value, ServiceError>
        + Send
        + 'static,
    ),
) -> Result<(), ServiceError> {
    let (running, name, actor, now) =
        (app.clone(), name.to_owned(), actor.clone(), app.clock.now());
    let changing = move |change: &Change<'_>| {
        let row = found(change.administrators()?, &name)?;
        let detail = work(change, &row)?;
        Ok(Changed::Kept(row.id, actor.entry(now, action, &row.name, &detail)))
    };
    app.to_the_end(async move {
        let id = running.change(changing).await?;
        if sign_out {
            running.blocking(move |store| store.end_console_sessions(id, None)).await?;
        }
        Ok(())
    })
    .await
}
