//! Who may sign in, and as what.
//!
//! Invariant: nobody learns or chooses somebody else's password; whoever is invited gets a one-time link.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use directory::resource_name;
use serde::Deserialize;
use serde_json::json;
use store::{AdministratorRow, Role, Store};

use super::{
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, segment},
};
use crate::{
    api::{Problem, actions, administrator::Invite},
    audit,
    invitation::link_for,
};

#[derive(Debug, Template)]
#[template(path = "administrators.html")]
pub(super) struct AdministratorsPage {
    frame: Frame,
    people: Vec<Line>,
    /// A link that was just made: for whom, and the link.
    link: Option<(String, String)>,
    problem: Option<String>,
    typed: String,
}

#[derive(Debug)]
struct Line {
    name: String,
    path: String,
    reader: bool,
    created: When,
    last: Option<When>,
    this: bool,
}

impl AdministratorsPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        let line = |this: bool| Line {
            name: "ann".to_owned(),
            path: "ann".to_owned(),
            reader: !this,
            created: when,
            last: this.then_some(when),
            this,
        };
        Self {
            frame: Frame::sample(),
            people: vec![line(true), line(false)],
            link: Some(("bob".to_owned(), "http://127.0.0.1/first-start/t".to_owned())),
            problem: Some("There is somebody of that name.".to_owned()),
            typed: "bob".to_owned(),
        }
    }

    async fn of(visit: &Visit) -> Result<Self, Refusal> {
        let rows = visit.app().blocking(Store::administrators).await?;
        let own = visit.who.as_ref().map(|who| who.administrator.id);
        let now = visit.now();
        let line = |row: &AdministratorRow| Line {
            name: row.name.clone(),
            path: segment(&row.name),
            reader: row.role == Role::Reader,
            created: When::new(row.created, now),
            last: row.last_sign_in.map(|at| When::new(at, now)),
            this: Some(row.id) == own,
        };
        Ok(Self {
            frame: visit.frame("Administrators", "administrators"),
            people: rows.iter().map(line).collect(),
            link: None,
            problem: None,
            typed: String::new(),
        })
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Refusal> {
    show(&AdministratorsPage::of(&visit).await?)
}

#[derive(Deserialize)]
pub(super) struct Typed {
    name: String,
    role: String,
}

pub(super) async fn invite(visit: Visit, Form(invite): Form<Typed>) -> Result<Response, Refusal> {
    let name = invite.name.trim().to_owned();
    let role = Role::parse(&invite.role).unwrap_or(Role::Reader);
    let wanted = Invite { name: Some(name.clone()), role };
    match actions::invite(visit.app(), &visit.base(), wanted).await {
        Ok(link) => {
            let detail = json!({"role": role.as_str()});
            audit::record(visit.app(), &visit.actor(), "administrator.invite", &name, detail).await;
            let page = AdministratorsPage::of(&visit).await?;
            show(&AdministratorsPage { link: Some((name, link)), ..page })
        }
        Err(problem) if problem.status < 500 => {
            let problem = Some(sentence(&problem.detail));
            let page = AdministratorsPage::of(&visit).await?;
            show(&AdministratorsPage { problem, typed: name, ..page })
        }
        Err(problem) => Err(problem.into()),
    }
}

/// A new link for somebody who lost their password.
pub(super) async fn link(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    let link = link_for(visit.app(), &visit.base(), Some(row.name.clone()), row.role).await?;
    audit::record(visit.app(), &visit.actor(), "administrator.link", &row.name, json!({})).await;
    let page = AdministratorsPage::of(&visit).await?;
    show(&AdministratorsPage { link: Some((row.name, link)), ..page })
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    role: String,
}

pub(super) async fn set_role(
    visit: Visit,
    Path(name): Path<String>,
    Form(new): Form<NewRole>,
) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    let role =
        Role::parse(&new.role).ok_or_else(|| Refusal::bad_request("There is no such role."))?;
    if let Err(problem) = actions::set_role(visit.app(), &row.name, role).await {
        return refused(&visit, problem);
    }
    let detail = json!({"before": row.role.as_str(), "after": role.as_str()});
    audit::record(visit.app(), &visit.actor(), "administrator.role", &row.name, detail).await;
    let text = format!("{} is {} now.", row.name, article(role));
    Ok(visit.done("/administrators", text))
}

/// What the page says when something does not fit how things stand.
fn refused(visit: &Visit, problem: Problem) -> Result<Response, Refusal> {
    if problem.status < 500 {
        return Ok(visit.failed("/administrators", sentence(&problem.detail)));
    }
    Err(problem.into())
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Administrator => "an administrator",
        Role::Reader => "a reader",
    }
}

pub(super) async fn sign_out(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    actions::sign_out(visit.app(), &row.name).await?;
    audit::record(visit.app(), &visit.actor(), "session.end_all", &row.name, json!({})).await;
    Ok(visit.done("/administrators", format!("{} is signed out everywhere.", row.name)))
}

pub(super) async fn remove(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    if let Err(problem) = actions::remove_administrator(visit.app(), &row.name).await {
        return refused(&visit, problem);
    }
    let detail = json!({"before": {"role": row.role.as_str()}});
    audit::record(visit.app(), &visit.actor(), "administrator.remove", &row.name, detail).await;
    Ok(visit.done("/administrators", format!("{} cannot sign in any more.", row.name)))
}

async fn named(visit: &Visit, name: String) -> Result<AdministratorRow, Refusal> {
    let rows = visit.app().blocking(Store::administrators).await?;
    let found = resource_name::find(rows, &name, |row| &row.name);
    found.ok_or_else(|| Refusal::not_found("administrator of that name"))
}
