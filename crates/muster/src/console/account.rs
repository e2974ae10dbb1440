//! One's own affairs: password, sessions, theme.

use askama::Template;
use axum::{
    Form,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    page::{Frame, Refusal, THEME_COOKIE, Theme, Visit, show, show_with},
    password::{Given, Judged},
    request::Caller,
    session,
    sign_in::own_path,
    words::{self, When},
};
use crate::{
    hashing::hash,
    password_policy::{self, Owner, objection},
    service::administrator,
};

/// How long the theme is remembered.
const YEAR: &str = "; Max-Age=31536000";

#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(super) struct AccountPage {
    frame: Frame,
    role: &'static str,
    sessions: Vec<SessionLine>,
    problem: Option<String>,
    characters_min: usize,
}

#[derive(Debug)]
struct SessionLine {
    origin: String,
    agent: String,
    used: When,
    ends: When,
    this: bool,
}

impl AccountPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        let line = SessionLine {
            origin: "127.0.0.1".to_owned(),
            agent: "Browser".to_owned(),
            used: when,
            ends: when,
            this: true,
        };
        Self {
            frame: Frame::sample(),
            role: "administrator",
            sessions: vec![line],
            problem: Some("The password is wrong.".to_owned()),
            characters_min: password_policy::CHARACTERS_MIN,
        }
    }

    async fn of(visit: &Visit, problem: Option<String>) -> Result<Self, Refusal> {
        let Some(who) = visit.who.clone() else { return Err(Refusal::not_found("such account")) };
        let id = who.administrator.id;
        let sessions = visit.app().blocking(move |store| store.console_sessions(id)).await?;
        let now = visit.now();
        let lines = sessions.iter().filter(|session| session::ends(session) > now).map(|session| {
            SessionLine {
                origin: session.origin.clone(),
                agent: browser(&session.agent),
                used: When::new(session.used, now),
                ends: When::new(session::ends(session), now),
                this: session.token == who.token,
            }
        });
        Ok(Self {
            frame: visit.frame("Your account", "account"),
            role: who.administrator.role.as_str(),
            sessions: lines.collect(),
            problem,
            characters_min: password_policy::CHARACTERS_MIN,
        })
    }
}

/// A browser's name, short.
fn browser(agent: &str) -> String {
    let known = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems =
        [("Windows", "Windows"), ("Android", "Android"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&known), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => agent.chars().take(40).collect(),
    }
}

pub(super) async fn show_account(visit: Visit) -> Result<Response, Refusal> {
    show(&AccountPage::of(&visit, None).await?)
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: SecretString,
    password: SecretString,
    again: SecretString,
}

/// What is wrong with a password that somebody typed twice, if something is.
pub(super) fn chosen_objection(
    name: &str,
    password: &str,
    again: &str,
    caller: &Caller,
) -> Option<String> {
    let host = caller.host.split(':').next().unwrap_or_default();
    // A label such as `www` says nothing; the longest one is what people put into passwords.
    let label = host.split('.').max_by_key(|label| label.len()).unwrap_or_default();
    objection(Owner::Administrator, password, &[name, label])
        .or_else(|| (password != again).then(|| "The two passwords are not the same.".to_owned()))
}

pub(super) async fn set_password(
    visit: Visit,
    Form(new): Form<NewPassword>,
) -> Result<Response, Refusal> {
    let Some(who) = visit.who.clone() else { return Err(Refusal::not_found("such account")) };
    let (name, client) = (who.administrator.name.as_str(), visit.caller.client);
    let passwords = &visit.console.passwords;
    let mut problem = chosen_objection(
        name,
        new.password.expose_secret(),
        new.again.expose_secret(),
        &visit.caller,
    );
    if problem.is_none() {
        let password = new.current.expose_secret();
        let given = Given { name, account: Some(&who.administrator), password, origin: client };
        problem = match passwords.judge(visit.app(), given, visit.now()).await? {
            Judged::Right => None,
            Judged::Wrong => Some("The current password is wrong.".to_owned()),
            Judged::Wait(wait) => Some(format!(
                "Too many wrong passwords. Try again in {}.",
                words::length(wait.max(1_000))
            )),
        };
    }
    if problem.is_some() {
        let page = AccountPage::of(&visit, problem).await?;
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let hashed = hash(new.password.expose_secret().to_owned()).await?;
    let whose = (who.administrator.id, who.token);
    administrator::set_own_password(visit.app(), &visit.actor(), whose, hashed).await?;
    Ok(visit.done("/account", "Your password is changed; everywhere else you are signed out."))
}

pub(super) async fn sign_out_everywhere(visit: Visit) -> Result<Response, Refusal> {
    if let Some(who) = &visit.who {
        let name = &who.administrator.name;
        administrator::sign_out(visit.app(), &visit.actor(), name).await?;
    }
    let cookie = session::no_cookie(&visit.caller);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    theme: String,
    #[serde(default)]
    back: String,
}

pub(super) async fn set_theme(visit: Visit, Form(wanted): Form<Wanted>) -> Response {
    let theme = Theme::parse(&wanted.theme).as_str();
    let cookie = session::set_cookie(THEME_COOKIE, theme, YEAR, &visit.caller);
    ([(header::SET_COOKIE, cookie)], Redirect::to(own_path(&wanted.back))).into_response()
}
