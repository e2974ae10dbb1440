//! Signing in and out.

use askama::Template;
use axum::{
    Form,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::Store;

use super::{
    page::{Frame, Refusal, Visit, show, show_with},
    password::{Given, Judged},
    session, words,
};
use crate::service::Actor;

#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage {
    frame: Frame,
    name: String,
    next: String,
    problem: Option<String>,
    /// Whether there is nobody yet who could sign in.
    nobody: bool,
}

impl SignInPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame { who: None, directories: Vec::new(), ..Frame::sample() },
            name: "ann".to_owned(),
            next: "/".to_owned(),
            problem: Some("Name or password is wrong.".to_owned()),
            nobody: true,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: SecretString,
    #[serde(default)]
    next: String,
}

pub(super) async fn form(
    visit: Visit,
    Query(Back { next }): Query<Back>,
) -> Result<Response, Refusal> {
    if visit.who.is_some() {
        return Ok(Redirect::to(own_path(&next)).into_response());
    }
    let nobody = !visit.app().blocking(Store::has_administrators).await?;
    let frame = visit.frame("Sign in", "");
    show(&SignInPage { frame, name: String::new(), next, problem: None, nobody })
}

pub(super) async fn sign_in(
    visit: Visit,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Result<Response, Refusal> {
    let Credentials { name, password, next } = given;
    let name = name.trim().to_owned();
    let (app, passwords) = (visit.app(), &visit.console.passwords);
    let again = |problem: String, status| {
        let frame = visit.frame("Sign in", "");
        let page = SignInPage {
            frame,
            name: name.clone(),
            next: next.clone(),
            problem: Some(problem),
            nobody: false,
        };
        show_with(status, &page)
    };
    let wanted = name.clone();
    let found = app.blocking(move |store| store.administrator_named(&wanted)).await?;
    let given = Given {
        name: &name,
        account: found.as_ref(),
        password: password.expose_secret(),
        origin: visit.caller.client,
    };
    let judged = passwords.judge(app, given, visit.now()).await?;
    if let Judged::Wait(wait) = judged {
        let problem =
            format!("Too many wrong passwords. Try again in {}.", words::length(wait.max(1_000)));
        return again(problem, StatusCode::TOO_MANY_REQUESTS);
    }
    let Some(administrator) = found.filter(|_| judged == Judged::Right) else {
        return again("Name or password is wrong.".to_owned(), StatusCode::UNAUTHORIZED);
    };
    let actor = Actor::administrator(&administrator.name, visit.caller.client);
    let cookie = session::start(app, &actor, &administrator, (&headers, &visit.caller)).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(own_path(&next))).into_response())
}

pub(super) async fn sign_out(visit: Visit) -> Result<Response, Refusal> {
    if let Some(who) = &visit.who {
        let token = who.token;
        visit.app().blocking(move |store| store.end_console_session(&token)).await?;
    }
    let cookie = session::no_cookie(&visit.caller);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

/// Where to go on; never to another host.
pub(super) fn own_path(next: &str) -> &str {
    let bytes = next.as_bytes();
    let own = bytes.first() == Some(&b'/')
        && !matches!(bytes.get(1), Some(b'/' | b'\\'))
        && !next.chars().any(char::is_control);
    if own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn going_on_stays_on_this_server() {
        for (next, to) in [
            ("/changes?user=a", "/changes?user=a"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\tb", "/"),
            ("", "/"),
        ] {
            assert_eq!(own_path(next), to);
        }
    }
}
