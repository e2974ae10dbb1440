//! Where a one-time link leads: the first administrator, an invited one, and whoever lost a password.
//!
//! Invariant: a link is used up by the password that it let somebody choose, and by nothing before that.

use askama::Template;
use axum::{
    Form,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::{Role, Store};

use super::{
    account::chosen_objection,
    page::{Frame, Refusal, Visit, sentence, show, show_with},
    session,
};
use crate::{
    hashing::hash,
    password_policy,
    service::{
        Actor,
        administrator::{self, Invited},
        name::{Named, new_name},
    },
};

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
            characters_min: password_policy::CHARACTERS_MIN,
        }
    }

    fn of(visit: &Visit, token: String, invitation: &Invited) -> Self {
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
            characters_min: password_policy::CHARACTERS_MIN,
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
    let (name, problem) = match &invitation.name {
        Some(name) => (name.clone(), None),
        None => chosen_name(&visit, &chosen.name).await?,
    };
    let password = chosen.password.expose_secret();
    let problem = problem
        .or_else(|| chosen_objection(&name, password, chosen.again.expose_secret(), &visit.caller));
    if let Some(problem) = problem {
        let page = FirstStartPage {
            typed: name,
            problem: Some(problem),
            ..FirstStartPage::of(&visit, token, &invitation)
        };
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (app, origin) = (visit.app(), visit.caller.client);
    let password_hash = hash(password.to_owned()).await?;
    let choice = administrator::Chosen { name, password_hash };
    let made = administrator::accept(app, origin, &token, choice).await?.ok_or_else(spent)?;
    let actor = Actor::administrator(&made.name, origin);
    let cookie = session::start(app, &actor, &made, (&headers, &visit.caller)).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// The name that somebody new chose, and what is wrong with it, if something is.
async fn chosen_name(visit: &Visit, typed: &str) -> Result<(String, Option<String>), Refusal> {
    let rows = visit.app().blocking(Store::administrators).await?;
    let others = rows.iter().map(|row| row.name.as_str());
    Ok(match new_name(Named::Administrator, typed, others) {
        Ok(name) => (name, None),
        Err(problem) => (typed.trim().to_owned(), Some(sentence(&problem.detail))),
    })
}

async fn invitation(visit: &Visit, token: &str) -> Result<Invited, Refusal> {
    administrator::invited(visit.app(), token).await?.ok_or_else(spent)
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
