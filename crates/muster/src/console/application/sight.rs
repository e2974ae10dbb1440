//! One application, and what it sees: changed after a look at what its product would do.

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    response::Response,
};
#[cfg(test)]
use directory::id::Millis;
use directory::{decisions::Digest, product_names::Product};

use super::{connect::light, everywhere, row};
use crate::{
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{count, segment},
    },
    service::application::{
        self, Summary,
        sight::{self, Change, Effect},
    },
};

/// Names shown of whoever would vanish.
const NAMES_MAX: usize = 100;

/// A directory that an application could see.
#[derive(Debug)]
struct Seen {
    name: String,
    /// Its place, from 1; none when it is not seen.
    place: Option<usize>,
}

/// What a change would do.
#[derive(Debug)]
struct Outcome {
    concerns: Vec<String>,
    digest: String,
    users_new: String,
    users_gone: String,
    groups_new: String,
    groups_gone: String,
    memberships_new: String,
    memberships_gone: String,
    names: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "application/show.html")]
pub(in crate::console) struct ApplicationPage {
    frame: Frame,
    name: String,
    path: String,
    seen: Vec<Seen>,
    aggregate: bool,
    nested: bool,
    frozen: bool,
    addresses: String,
    rules: String,
    webhooks: Vec<(String, String)>,
    products: Vec<(&'static str, &'static str)>,
    /// The key of the product that it was made for; empty when nobody said so.
    product: &'static str,
    light: String,
    /// How many people would have no access to the product without it.
    people: String,
    outcome: Option<Outcome>,
}

impl ApplicationPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let figure = || "1".to_owned();
        Self {
            frame: Frame::sample(),
            name: "jira".to_owned(),
            path: "/applications/jira".to_owned(),
            seen: vec![Seen { name: "entra".to_owned(), place: Some(1) }],
            aggregate: true,
            nested: true,
            frozen: true,
            addresses: "10.0.0.0/8".to_owned(),
            rules: "10.0.0.0/8".to_owned(),
            webhooks: vec![("jira.example.org".to_owned(), "told".to_owned())],
            products: vec![("jira", "Jira")],
            product: "jira",
            light: light(None, Millis(0)),
            people: figure(),
            outcome: Some(Outcome {
                concerns: vec!["Much would go.".to_owned()],
                digest: "abc".to_owned(),
                users_new: figure(),
                users_gone: figure(),
                groups_new: figure(),
                groups_gone: figure(),
                memberships_new: figure(),
                memberships_gone: figure(),
                names: vec!["ann".to_owned()],
            }),
        }
    }
}

impl Outcome {
    fn of(effect: Effect) -> Self {
        let difference = effect.difference;
        Self {
            concerns: effect.concerns.iter().map(|concern| sentence(concern)).collect(),
            digest: effect.digest.0,
            users_new: count(difference.users_new),
            users_gone: count(difference.users_gone.len()),
            groups_new: count(difference.groups_new),
            groups_gone: count(difference.groups_gone.len()),
            memberships_new: count(difference.memberships_new),
            memberships_gone: count(difference.memberships_gone),
            names: difference.users_gone.into_iter().take(NAMES_MAX).collect(),
        }
    }
}

async fn page(
    visit: &Visit,
    name: &str,
    changed: Option<(Change, Effect)>,
) -> Result<ApplicationPage, Refusal> {
    let row = row(visit, name).await?;
    let summaries = application::list(visit.app()).await?;
    let summary = summaries.into_iter().find(|summary| summary.name == row.name);
    let Some(summary) = summary else { return Err(Refusal::not_found("application")) };
    let Summary { mut directories, mut aggregate, mut nested_groups, mut frozen_names, .. } =
        summary;
    let mut outcome = None;
    // What was chosen stays chosen while its effect is looked at.
    if let Some((change, effect)) = changed {
        directories = change.directories.unwrap_or(directories);
        aggregate = change.aggregate.unwrap_or(aggregate);
        nested_groups = change.nested_groups.unwrap_or(nested_groups);
        frozen_names = change.frozen_names.unwrap_or(frozen_names);
        outcome = Some(Outcome::of(effect));
    }
    let published = visit.app().published.load_full();
    let mut seen: Vec<Seen> = published
        .directories
        .values()
        .map(|served| Seen {
            name: served.name.to_string(),
            place: directories.iter().position(|name| **name == *served.name).map(|at| at + 1),
        })
        .collect();
    seen.sort_by_key(|seen| seen.place.unwrap_or(usize::MAX));
    let people: usize = row
        .sight
        .directories
        .iter()
        .filter_map(|id| visit.app().served(*id))
        .map(|served| served.size().users)
        .sum();
    let caller = visit.app().applications.callers().get(row.id);
    let webhook = |webhook: crate::service::application::WebhookSummary| {
        let how = match (webhook.off, webhook.failures) {
            (true, _) => "left alone: it could not be told too often".to_owned(),
            (false, 0) => "told of changes".to_owned(),
            (false, failures) => {
                let times = crate::console::words::counted(failures.into(), "time");
                format!("could not be told, {times} in a row")
            }
        };
        (webhook.host, how)
    };
    Ok(ApplicationPage {
        frame: visit.frame(row.name.clone(), "applications"),
        path: format!("/applications/{}", segment(&row.name)),
        seen,
        aggregate,
        nested: nested_groups,
        frozen: frozen_names,
        rules: everywhere(&row.addresses),
        addresses: row.addresses.join("\n"),
        webhooks: summary.webhooks.into_iter().map(webhook).collect(),
        products: Product::ALL.map(|product| (product.key(), product.name())).to_vec(),
        product: summary.product.map_or("", Product::key),
        light: light(caller.as_ref(), visit.now()),
        people: count(people),
        outcome,
        name: row.name,
    })
}

pub(in crate::console) async fn show_application(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    show(&page(&visit, &name, None).await?)
}

/// Looks at what another sight would do; does it when nothing speaks against it, or when that was seen.
pub(in crate::console) async fn change(
    visit: Visit,
    Path(name): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response, Refusal> {
    let row = row(&visit, &name).await?;
    let path = format!("/applications/{}", segment(&row.name));
    let change = typed(&body);
    if change.directories.as_ref().is_some_and(Vec::is_empty) {
        let text = "An application sees at least one directory; give one of them the place 1.";
        return Ok(visit.failed(&path, text));
    }
    let asked = Change {
        directories: change.directories.clone(),
        aggregate: change.aggregate,
        nested_groups: change.nested_groups,
        frozen_names: change.frozen_names,
        digest: change.digest.clone(),
        dry_run: false,
    };
    let effect = match sight::change(visit.app(), &visit.actor(), &row.name, asked).await {
        Ok(effect) => effect,
        Err(problem) if problem.is_callers() => {
            return Ok(visit.failed(&path, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    if !effect.done {
        return show(&page(&visit, &name, Some((change, effect))).await?);
    }
    Ok(visit.done(&path, "It sees that now."))
}

/// The form's `place:NAME` fields in the order of their places, and its tick boxes.
fn typed(body: &[u8]) -> Change {
    let mut places: Vec<(usize, String)> = Vec::new();
    let mut change = Change {
        aggregate: Some(false),
        nested_groups: Some(false),
        frozen_names: Some(false),
        ..Change::default()
    };
    for (key, value) in url::form_urlencoded::parse(body) {
        match (key.strip_prefix("place:"), &*key) {
            (Some(name), _) => {
                places.extend(value.trim().parse().ok().map(|place| (place, name.to_owned())));
            }
            (None, "aggregate") => change.aggregate = Some(true),
            (None, "nested") => change.nested_groups = Some(true),
            (None, "frozen") => change.frozen_names = Some(true),
            (None, "digest") => change.digest = Some(Digest(value.into_owned())),
            _ => {}
        }
    }
    places.sort();
    change.directories = Some(places.into_iter().map(|(_, name)| name).collect());
    change
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn places_make_the_order() {
        let change = typed(b"place%3Aentra=2&place%3Aokta=&place%3Agoogle=1&nested=on");
        assert_eq!(change.directories.unwrap(), ["google", "entra"]);
        assert_eq!((change.aggregate, change.nested_groups), (Some(false), Some(true)));
    }
}
