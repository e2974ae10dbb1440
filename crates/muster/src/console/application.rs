//! Applications: the products that read from here, what they see, and from where they may call.

pub(super) mod connect;
mod product;
pub(super) mod sight;

use askama::Template;
use axum::{
    Form,
    extract::{Path, RawForm},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use directory::{product_names::Product, resource_name};
use serde::Deserialize;
use store::{ApplicationRow, Store};

use self::product::PRODUCTS;
use super::{
    page::{Frame, Refusal, Visit, sentence, show, show_with},
    words::{When, count, query_part, segment},
};
use crate::service::application::{self as service, Add, NewPassword, Summary};

/// An application in a list.
#[derive(Debug)]
struct Line {
    name: String,
    path: String,
    directories: String,
    addresses: String,
    last: Option<When>,
    requests: String,
}

#[derive(Debug, Template)]
#[template(path = "application/list.html")]
pub(super) struct ListPage {
    frame: Frame,
    applications: Vec<Line>,
    /// Whether there is a directory that could be read.
    any: bool,
}

impl ListPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let line = Line {
            name: "jira".to_owned(),
            path: "/applications/jira".to_owned(),
            directories: "entra, google".to_owned(),
            addresses: "everywhere".to_owned(),
            last: None,
            requests: "0".to_owned(),
        };
        Self { frame: Frame::sample(), applications: vec![line], any: true }
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Refusal> {
    let (app, now) = (visit.app(), visit.now());
    let summaries = service::list(app).await?;
    let rows = app.blocking(Store::applications).await?;
    let line = |summary: Summary| {
        let row = rows.iter().find(|row| row.name == summary.name);
        let caller = row.and_then(|row| app.applications.callers().get(row.id));
        Line {
            path: format!("/applications/{}", segment(&summary.name)),
            name: summary.name,
            directories: summary.directories.join(", "),
            addresses: everywhere(&summary.addresses),
            last: caller.as_ref().map(|caller| When::new(caller.last, now)),
            requests: count(caller.map_or(0, |caller| caller.requests)),
        }
    };
    show(&ListPage {
        frame: visit.frame("Applications", "applications"),
        applications: summaries.into_iter().map(line).collect(),
        any: !app.published.load().directories.is_empty(),
    })
}

fn everywhere(addresses: &[String]) -> String {
    if addresses.is_empty() { "everywhere".to_owned() } else { addresses.join(", ") }
}

#[derive(Debug, Template)]
#[template(path = "application/new.html")]
pub(super) struct NewPage {
    frame: Frame,
    products: Vec<(&'static str, &'static str)>,
    directories: Vec<String>,
    typed: NewForm,
    problem: Option<String>,
}

/// What the form of a new application sends.
#[derive(Debug, Clone, Default)]
struct NewForm {
    product: String,
    name: String,
    directories: Vec<String>,
    addresses: String,
    nested: bool,
}

impl NewForm {
    fn of(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in url::form_urlencoded::parse(body) {
            match &*key {
                "product" => form.product = value.into_owned(),
                "name" => value.trim().clone_into(&mut form.name),
                "directory" => form.directories.push(value.into_owned()),
                "addresses" => form.addresses = value.into_owned(),
                "nested" => form.nested = true,
                _ => {}
            }
        }
        form
    }

    fn has(&self, directory: &str) -> bool {
        self.directories.iter().any(|chosen| chosen == directory)
    }
}

impl NewPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            products: vec![("jira", "Jira"), ("other", "Something else")],
            directories: vec!["entra".to_owned()],
            typed: NewForm { product: "jira".to_owned(), ..NewForm::default() },
            problem: Some("The name is taken.".to_owned()),
        }
    }

    fn of(visit: &Visit, typed: NewForm, problem: Option<String>) -> Self {
        let published = visit.app().published.load();
        Self {
            frame: visit.frame("Connect a product", "applications"),
            products: PRODUCTS.iter().map(|product| (product.key, product.name)).collect(),
            directories: published.directories.values().map(|d| d.name.to_string()).collect(),
            typed,
            problem,
        }
    }
}

pub(super) async fn new(visit: Visit) -> Result<Response, Refusal> {
    let mut page = NewPage::of(&visit, NewForm::default(), None);
    // Who has one directory means that one.
    if let [only] = page.directories.as_slice() {
        page.typed.directories.push(only.clone());
    }
    "jira".clone_into(&mut page.typed.product);
    show(&page)
}

pub(super) async fn add(visit: Visit, RawForm(body): RawForm) -> Result<Response, Refusal> {
    let mut form = NewForm::of(&body);
    if form.name.is_empty() {
        form.name.clone_from(&form.product);
    }
    let add = Add {
        name: form.name.clone(),
        directories: form.directories.clone(),
        aggregate: false,
        nested_groups: form.nested,
        frozen_names: false,
        addresses: addresses(&form.addresses),
        password: None,
        product: Product::of_key(&form.product),
    };
    let made = match service::add(visit.app(), &visit.actor(), add).await {
        Ok(made) => made,
        Err(problem) if problem.is_callers() => {
            let page = NewPage::of(&visit, form, Some(sentence(&problem.detail)));
            return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
        Err(problem) => return Err(problem.into()),
    };
    Ok(reveal(&visit, &made.name, made.password, &form.product))
}

/// Goes to the page that shows a password once.
fn reveal(visit: &Visit, name: &str, password: String, product: &str) -> Response {
    if let Some(who) = &visit.who {
        visit.console.once.put(who.token, name, password, visit.now());
    }
    let to = format!("/applications/{}/connect?product={}", segment(name), query_part(product));
    Redirect::to(&to).into_response()
}

/// Address rules, as they were typed.
fn addresses(text: &str) -> Vec<String> {
    let rules = text.split([',', ';', '\n', ' ']).map(str::trim);
    rules.filter(|rule| !rule.is_empty()).map(str::to_owned).collect()
}

/// An application by its name in any case.
pub(super) async fn row(visit: &Visit, name: &str) -> Result<ApplicationRow, Refusal> {
    let rows = visit.app().blocking(Store::applications).await?;
    let found = resource_name::find(rows, name, |row| &row.name);
    found.ok_or_else(|| Refusal::not_found("application of that name"))
}

pub(super) async fn new_password(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let wanted = NewPassword::default();
    let made = service::new_password(visit.app(), &visit.actor(), &name, wanted).await?;
    Ok(reveal(&visit, &made.name, made.password, "jira"))
}

#[derive(Deserialize)]
pub(super) struct MadeFor {
    #[serde(default)]
    product: String,
}

pub(super) async fn set_product(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<MadeFor>,
) -> Result<Response, Refusal> {
    let row = row(&visit, &name).await?;
    let path = format!("/applications/{}", segment(&row.name));
    let product = Product::of_key(&typed.product);
    service::set_product(visit.app(), &visit.actor(), &row.name, service::MadeFor { product })
        .await?;
    Ok(visit.done(&path, "The product is saved."))
}

#[derive(Deserialize)]
pub(super) struct Addresses {
    #[serde(default)]
    addresses: String,
}

pub(super) async fn set_addresses(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<Addresses>,
) -> Result<Response, Refusal> {
    let row = row(&visit, &name).await?;
    let path = format!("/applications/{}", segment(&row.name));
    let wanted = service::Addresses { addresses: addresses(&typed.addresses) };
    let done = service::set_addresses(visit.app(), &visit.actor(), &row.name, wanted).await;
    visit.told(&path, done, "The address rules are saved.")
}

pub(super) async fn remove(
    visit: Visit,
    Path(name): Path<String>,
    Form(confirmed): Form<Confirmed>,
) -> Result<Response, Refusal> {
    let row = row(&visit, &name).await?;
    if !resource_name::confirms(&confirmed.name, &row.name) {
        let path = format!("/applications/{}", segment(&row.name));
        return Ok(visit.failed(&path, "The name that was typed is not the application's."));
    }
    service::remove(visit.app(), &visit.actor(), &row.name).await?;
    Ok(visit.done("/applications", format!("{} gets no answer any more.", row.name)))
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    name: String,
}
