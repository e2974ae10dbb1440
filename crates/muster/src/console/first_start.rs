//! One-time links: the first administrator, an invited one, and whoever lost a password.
//!
//! Invariants: of a link only the digest is kept; it works once, and a new one takes the old one's place.

use askama::Template;
use axum::{
    Form,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use directory::id::{DAY_MS, HOUR_MS};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use store::{InvitationRow, Role, Store};

use super::{
    page::{Frame, Refusal, Visit, show, show_with},
    password, session,
};
use crate::{
    api::application::hash,
    app::App,
    audit::{self, Actor},
    entropy,
};

/// How long the link of the first start works.
const FIRST_MS: i64 = 7 * DAY_MS;
/// How long other links work.
const LINK_MS: i64 = 24 * HOUR_MS;
/// The longest name.
const NAME_CHARS_MAX: usize = 100;

/// Where the first administrator is made.
#[derive(Debug, Clone)]
pub struct FirstLink(pub String);

/// A link for the first administrator, if there is none yet.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn first_link(app: &App, base: &str) -> anyhow::Result<Option<FirstLink>> {
    if app.store.read_only() || !app.blocking(Store::administrators).await?.is_empty() {
        return Ok(None);
    }
    make(app, base, (None, Role::Administrator), FIRST_MS).await.map(FirstLink).map(Some)
}

/// A link by which somebody gets in, in that role: by name, or under a name of their choice.
///
/// # Errors
/// When the store cannot be written.
pub async fn link_for(
    app: &App,
    base: &str,
    name: Option<String>,
    role: Role,
) -> anyhow::Result<String> {
    make(app, base, (name, role), LINK_MS).await
}

async fn make(
    app: &App,
    base: &str,
    (name, role): (Option<String>, Role),
    life_ms: i64,
) -> anyhow::Result<String> {
    let token = entropy::token();
    let now = app.clock.now();
    let row =
        InvitationRow { token: session::digest(&token), name, role, expires: now.plus(life_ms) };
    app.blocking(move |store| store.invite(&row, now)).await?;
    Ok(format!("{base}/first-start/{token}"))
}

#[derive(Debug, Template)]
#[template(path = "first_start.html")]
pub(super) struct FirstStartPage {
    frame: Frame,
    token: String,
    /// For whom the link is, if that is settled.
    name: Option<String>,
    typed: String,
    reader: bool,
    problem: Option<String>,
    characters_min: usize,
}

impl FirstStartPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            token: "t".to_owned(),
            name: None,
            typed: "ann".to_owned(),
            reader: false,
            problem: Some("The two passwords are not the same.".to_owned()),
            characters_min: password::CHARACTERS_MIN,
        }
    }

    fn of(visit: &Visit, token: String, invitation: &InvitationRow) -> Self {
        let title = match &invitation.name {
            None => "Make the first administrator",
            Some(_) => "Choose your password",
        };
        Self {
            frame: visit.frame(title, ""),
            token,
            name: invitation.name.clone(),
            typed: String::new(),
            reader: invitation.role == Role::Reader,
            problem: None,
            characters_min: password::CHARACTERS_MIN,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    name: String,
    password: SecretString,
    again: SecretString,
}

pub(super) async fn form(visit: Visit, Path(token): Path<String>) -> Result<Response, Refusal> {
    let invitation = invitation(&visit, &token).await?;
    show(&FirstStartPage::of(&visit, token, &invitation))
}

pub(super) async fn accept(
    visit: Visit,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Refusal> {
    let invitation = invitation(&visit, &token).await?;
    let name = invitation.name.clone().unwrap_or_else(|| chosen.name.trim().to_owned());
    let password = chosen.password.expose_secret();
    let problem = name_objection(&name)
        .or_else(|| password::objection(&name, password, chosen.again.expose_secret()));
    if let Some(problem) = problem {
        let page = FirstStartPage {
            typed: name,
            problem: Some(problem),
            ..FirstStartPage::of(&visit, token, &invitation)
        };
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (app, now) = (visit.app(), visit.now());
    let hashed = hash(password.to_owned()).await?;
    let used = session::digest(&token);
    if !app.blocking(move |store| store.use_up_invitation(&used)).await? {
        return Err(spent());
    }
    let (role, stored) = (invitation.role, name.clone());
    let made = app
        .blocking(move |store| {
            let made = store.put_administrator(&stored, role, &hashed, now)?;
            store.end_console_sessions(made.id, None)?;
            Ok(made)
        })
        .await?;
    let actor = Actor { who: name.clone(), origin: visit.caller.client };
    let detail = json!({"role": role.as_str(), "by": "one-time link"});
    audit::record(app, &actor, "administrator.password", &name, detail).await;
    let cookie = session::start(app, &made, &headers, &visit.caller).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// What is wrong with a name, if something is.
pub(crate) fn name_objection(name: &str) -> Option<String> {
    let fits =
        (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    (!fits).then(|| format!("A name has 1 to {NAME_CHARS_MAX} characters."))
}

async fn invitation(visit: &Visit, token: &str) -> Result<InvitationRow, Refusal> {
    let (digest, now) = (session::digest(token), visit.now());
    let found = visit.app().blocking(move |store| store.invitation(&digest, now)).await?;
    found.ok_or_else(spent)
}

fn spent() -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        title: "This link does not work any more".to_owned(),
        text: "It was used, replaced by a newer one, or is too old. Before the first administrator is made, a restart \
               of the server prints a new one; afterwards an administrator can make one, and so can `muster admin \
               reset` on the server."
            .to_owned(),
    }
}
