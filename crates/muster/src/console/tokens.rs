//! Tokens for the admin API: made, listed, revoked.
//!
//! Invariant: a token is shown once, on the page that follows its making.

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    response::Response,
};
use directory::resource_name::{from_path_form, path_form};
use store::Scope;

use super::{
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, segment},
};
use crate::service::token::{self, Add, Summary};

/// Lives that are offered, in days, and in words.
const LIVES: [(u32, &str); 4] =
    [(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "for ever")];

#[derive(Debug, Template)]
#[template(path = "tokens.html")]
pub(super) struct TokensPage {
    frame: Frame,
    tokens: Vec<Line>,
    /// A token that was just made: its name, and the token.
    made: Option<(String, String)>,
    problem: Option<String>,
    typed: String,
    lives: [(u32, &'static str); 4],
}

#[derive(Debug)]
struct Line {
    name: String,
    path: String,
    scopes: String,
    made_by: String,
    made: When,
    expires: Option<When>,
    last_used: Option<When>,
    /// `good`, `off` or `bad`, and that in words.
    state: &'static str,
    words: &'static str,
    revoked: bool,
}

impl TokensPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        let line = |revoked: bool| Line {
            name: "ci".to_owned(),
            path: "ci".to_owned(),
            scopes: "read, write".to_owned(),
            made_by: "ann".to_owned(),
            made: when,
            expires: (!revoked).then_some(when),
            last_used: revoked.then_some(when),
            state: if revoked { "off" } else { "good" },
            words: if revoked { "revoked" } else { "works" },
            revoked,
        };
        Self {
            frame: Frame::sample(),
            tokens: vec![line(false), line(true)],
            made: Some(("ci".to_owned(), "muster_t".to_owned())),
            problem: Some("There is a token of that name.".to_owned()),
            typed: "ci".to_owned(),
            lives: LIVES,
        }
    }

    async fn of(visit: &Visit) -> Result<Self, Refusal> {
        let now = visit.now();
        let line = |token: Summary| {
            let ended = token.expires.is_some_and(|expires| expires <= now);
            let (state, words) = match (token.revoked.is_some(), ended) {
                (true, _) => ("off", "revoked"),
                (false, true) => ("bad", "ended"),
                (false, false) => ("good", "works"),
            };
            Line {
                path: segment(&token.name),
                name: token.name,
                scopes: token
                    .scopes
                    .iter()
                    .map(|scope| scope.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
                made_by: token.made_by,
                made: When::new(token.made, now),
                expires: token.expires.map(|at| When::new(at, now)),
                last_used: token.last_used.map(|at| When::new(at, now)),
                state,
                words,
                revoked: token.revoked.is_some(),
            }
        };
        Ok(Self {
            frame: visit.frame("API tokens", "administrators"),
            tokens: token::list(visit.app()).await?.into_iter().map(line).collect(),
            made: None,
            problem: None,
            typed: String::new(),
            lives: LIVES,
        })
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Refusal> {
    show(&TokensPage::of(&visit).await?)
}

pub(super) async fn add(visit: Visit, RawForm(form): RawForm) -> Result<Response, Refusal> {
    let (mut name, mut scopes, mut days) = (String::new(), Vec::new(), None);
    for (key, value) in url::form_urlencoded::parse(&form) {
        match &*key {
            "name" => name = value.into_owned(),
            "scope" => scopes.extend(Scope::parse(&value)),
            "days" => days = value.parse().ok().filter(|days| *days > 0),
            _ => {}
        }
    }
    let actor = visit.actor();
    let add = Add { name: name.clone(), scopes, days };
    // Whoever may open this form may hand out every scope.
    match token::add(visit.app(), &actor, &Scope::ALL, add).await {
        Ok(made) => {
            let name = made.summary.name.clone();
            let page = TokensPage::of(&visit).await?;
            show(&TokensPage { made: Some((name, made.token)), ..page })
        }
        Err(problem) if problem.is_callers() => {
            let problem = Some(sentence(&problem.detail));
            let page = TokensPage::of(&visit).await?;
            show(&TokensPage { problem, typed: name, ..page })
        }
        Err(problem) => Err(problem.into()),
    }
}

pub(super) async fn revoke(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let name = from_path_form(&name).into_owned();
    token::revoke(visit.app(), &visit.actor(), &path_form(&name)).await?;
    Ok(visit.done("/tokens", format!("The token {name} never works again.")))
}
