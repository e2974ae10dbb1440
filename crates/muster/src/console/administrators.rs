//! Who may sign in, and as what.
//!
//! Invariant: nobody learns or chooses somebody else's password; whoever is invited gets a one-time link.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use directory::resource_name;
use serde::Deserialize;
use store::{AdministratorRow, Role, Store};

use super::{
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, segment},
};
use crate::service::administrator::{self, Invite, Link, Open};

#[derive(Debug, Template)]
#[template(path = "administrators.html")]
pub(super) struct AdministratorsPage {
    frame: Frame,
    people: Vec<Line>,
    /// Links that nobody followed yet.
    open: Vec<OpenLine>,
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

#[derive(Debug)]
struct OpenLine {
    id: String,
    name: Option<String>,
    reader: bool,
    made_by: String,
    expires: When,
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
            open: vec![OpenLine {
                id: "00ff".to_owned(),
                name: None,
                reader: true,
                made_by: "ann".to_owned(),
                expires: when,
            }],
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
        let open = administrator::invitations(visit.app()).await?.into_iter();
        let open = open.map(|Open { id, name, role, expires, made_by }| OpenLine {
            id,
            name,
            reader: role == Role::Reader,
            made_by,
            expires: When::new(expires, now),
        });
        Ok(Self {
            open: open.collect(),
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
    match administrator::invite(visit.app(), &visit.actor(), &visit.base(), wanted).await {
        Ok(Link { link }) => {
            let page = AdministratorsPage::of(&visit).await?;
            show(&AdministratorsPage { link: Some((name, link)), ..page })
        }
        Err(error) if error.is_callers() => {
            let problem = Some(sentence(&error.detail));
            let page = AdministratorsPage::of(&visit).await?;
            show(&AdministratorsPage { problem, typed: name, ..page })
        }
        Err(error) => Err(error.into()),
    }
}

/// A new link for somebody who lost their password.
pub(super) async fn link(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    let (actor, base) = (visit.actor(), visit.base());
    let Link { link } = administrator::link(visit.app(), &actor, &base, &row.name).await?;
    let page = AdministratorsPage::of(&visit).await?;
    show(&AdministratorsPage { link: Some((row.name, link)), ..page })
}

#[derive(Deserialize)]
pub(super) struct Revoked {
    id: String,
}

/// Revokes a one-time link.
pub(super) async fn revoke(
    visit: Visit,
    Form(revoked): Form<Revoked>,
) -> Result<Response, Refusal> {
    let done = administrator::revoke(visit.app(), &visit.actor(), &revoked.id).await;
    visit.told("/administrators", done, "The link is revoked.")
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
    let wanted = administrator::NewRole { role };
    let done = administrator::set_role(visit.app(), &visit.actor(), &row.name, wanted).await;
    visit.told("/administrators", done, format!("{} is {} now.", row.name, article(role)))
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Administrator => "an administrator",
        Role::Reader => "a reader",
    }
}

pub(super) async fn sign_out(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    let done = administrator::sign_out(visit.app(), &visit.actor(), &row.name).await;
    visit.told("/administrators", done, format!("{} is signed out everywhere.", row.name))
}

pub(super) async fn remove(visit: Visit, Path(name): Path<String>) -> Result<Response, Refusal> {
    let row = named(&visit, name).await?;
    let done = administrator::remove(visit.app(), &visit.actor(), &row.name).await;
    visit.told("/administrators", done, format!("{} cannot sign in any more.", row.name))
}

async fn named(visit: &Visit, name: String) -> Result<AdministratorRow, Refusal> {
    let rows = visit.app().blocking(Store::administrators).await?;
    let found = resource_name::find(rows, &name, |row| &row.name);
    found.ok_or_else(|| Refusal::not_found("administrator of that name"))
}
