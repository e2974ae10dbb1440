//! Connecting a product: each value beside the name of its field, and a light that turns green.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use directory::id::Millis;
use serde::Deserialize;

use super::product::{PRODUCTS, Value, named};
use crate::{
    app::App,
    console::{
        html,
        page::{Frame, Refusal, Visit, show},
        words::{When, counted, segment},
    },
    crowd::Caller,
    http::stream::{Told, stream},
};

/// How often it is looked whether the product called.
const PERIOD: Duration = Duration::from_millis(500);
/// What stands in the place of a password that is not shown any more.
const HIDDEN: &str = "the application's password";

#[derive(Debug)]
struct Field {
    id: String,
    name: &'static str,
    value: String,
    /// Whether it is copied rather than chosen.
    copied: bool,
    secret: bool,
}

#[derive(Debug, Template)]
#[template(path = "application/connect.html")]
pub(in crate::console) struct ConnectPage {
    frame: Frame,
    name: String,
    path: String,
    key: &'static str,
    product: &'static str,
    products: Vec<(&'static str, &'static str)>,
    menu: Vec<&'static str>,
    older: &'static str,
    fields: Vec<Field>,
    then: &'static str,
    snippet: Option<String>,
    /// Whether the password can be seen.
    shown: bool,
    /// Whether only this machine can use the address.
    local: bool,
    since: i64,
    light: String,
}

impl ConnectPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let field = Field {
            id: "f0".to_owned(),
            name: "Server URL",
            value: "http://127.0.0.1/crowd".to_owned(),
            copied: true,
            secret: true,
        };
        Self {
            frame: Frame::sample(),
            name: "jira".to_owned(),
            path: "/applications/jira".to_owned(),
            key: "jira",
            product: "Jira",
            products: vec![("jira", "Jira")],
            menu: vec!["A", "B"],
            older: "older",
            fields: vec![field],
            then: "Then.",
            snippet: Some("x".to_owned()),
            shown: false,
            local: true,
            since: 0,
            light: light(None, Millis(0)),
        }
    }
}

#[derive(Deserialize)]
pub(in crate::console) struct Chosen {
    #[serde(default)]
    product: String,
}

pub(in crate::console) async fn show_connect(
    visit: Visit,
    Path(name): Path<String>,
    Query(Chosen { product }): Query<Chosen>,
) -> Result<Response, Refusal> {
    let row = super::row(&visit, &name).await?;
    let product = named(&product);
    let now = visit.now();
    let session = visit.who.as_ref().map(|who| who.token).unwrap_or_default();
    let password = visit.console.once.get(session, &row.name, now);
    let url = format!("{}/crowd", visit.base());
    let shown = password.is_some();
    let password = password.unwrap_or_else(|| HIDDEN.to_owned());
    let field = |(at, (name, value)): (usize, &(&'static str, Value))| {
        let (value, copied, secret) = match value {
            Value::Url => (url.clone(), true, false),
            Value::Name => (row.name.clone(), true, false),
            Value::Password => (password.clone(), shown, true),
            Value::Fixed(text) => ((*text).to_owned(), false, false),
        };
        Field { id: format!("field-{at}"), name, value, copied, secret }
    };
    let fields = product.fields.iter().enumerate().map(field).collect();
    let snippet = product.snippet.map(|snippet| {
        let snippet = snippet.replace("{url}", &url).replace("{name}", &row.name);
        snippet.replace("{password}", &password)
    });
    let caller = visit.app().applications.callers().get(row.id);
    let local = visit.app().public_url.is_none() && visit.caller.names_this_machine();
    show(&ConnectPage {
        frame: visit.frame(format!("Connect {} as {}", product.name, row.name), "applications"),
        path: format!("/applications/{}", segment(&row.name)),
        key: product.key,
        product: product.name,
        products: PRODUCTS.iter().map(|product| (product.key, product.name)).collect(),
        menu: product.menu.to_vec(),
        older: product.older,
        fields,
        then: product.then,
        snippet,
        shown,
        local,
        // With a new password, what called with the old one says nothing.
        since: if shown { now.0 } else { 0 },
        light: light(caller.filter(|_| !shown).as_ref(), now),
        name: row.name,
    })
}

/// The light, as a piece of a page.
#[derive(Debug, Template)]
#[template(path = "application/light.html")]
struct Light {
    call: Option<(When, String, String, String)>,
}

/// The light: on once the application called.
pub(in crate::console) fn light(caller: Option<&Caller>, now: Millis) -> String {
    let call = caller.map(|caller| {
        let last = When::new(caller.last, now);
        let requests = counted(caller.requests, "request");
        (last, caller.client.clone(), caller.agent.clone(), requests)
    });
    html::piece(&Light { call })
}

#[derive(Deserialize)]
pub(in crate::console) struct Since {
    #[serde(default)]
    since: i64,
}

pub(in crate::console) async fn follow(
    visit: Visit,
    Path(name): Path<String>,
    Query(Since { since }): Query<Since>,
) -> Result<Response, Refusal> {
    let id = super::row(&visit, &name).await?.id;
    let app = visit.app().clone();
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, id, Millis(since), told)))
}

async fn tell(app: App, id: u32, since: Millis, told: Told) {
    let mut before = String::new();
    loop {
        let caller = app.applications.callers().get(id).filter(|caller| caller.last >= since);
        let now = light(caller.as_ref(), app.clock.now());
        if now != before && !told.tell("replace", &now).await {
            return;
        }
        before = now;
        tokio::time::sleep(PERIOD).await;
    }
}
