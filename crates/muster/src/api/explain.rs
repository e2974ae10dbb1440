//! Why somebody is or is not there, and when that last changed.

use axum::extract::State;
use directory::{
    decisions::Node,
    explain::{self, Explanation, GroupExplanation},
    reference,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem,
    change::{self, Entry},
    extract::{Json, Path, Query},
    product_names,
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::{
        commit::{self, person},
        take_over,
    },
};

/// Whom to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Whom {
    /// User name, sign-in name, mail address or the provider's id.
    user: String,
}

/// What is known of one person, and what decided.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// The answer.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// The last change that products were told of, with its run; none of whoever was never served, or whose changes are
    /// older than the history.
    #[serde(default)]
    pub last_change: Option<Entry>,
}

impl Whom {
    pub(super) fn of(user: &str) -> Self {
        Self { user: user.to_owned() }
    }
}

/// Why somebody is or is not there.
#[utoipa::path(get, path = "/directories/{name}/explain", tag = "people", params(Whom), responses(
    (status = 200, description = "What was asked for.", body = Explained),
    (status = 409, description = "Several users fit, who are listed; or the directory is being removed."),
))]
pub(super) async fn explain(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(Whom { user }): Query<Whom>,
) -> Result<Json<Explained>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    let issues = commit::issues(&app, &keeper).await?;
    let mut fit = person::find(&app, &keeper, reference::Kind::User, &user).await?;
    if fit.len() > 1 {
        let candidates = fit.into_iter().map(|(_, candidate)| candidate).collect();
        return Err(Problem::ambiguous(user.trim(), candidates));
    }
    let only = fit.pop();
    let matched = only.as_ref().map(|(_, candidate)| candidate.clone()).unwrap_or_default();
    let Some(no) = only.and_then(|(node, _)| match node {
        Node::User(no) => Some(no),
        Node::Group(_) => None,
    }) else {
        let near = person::near(&app, &keeper, reference::Kind::User, &user).await?;
        return Err(Problem::not_found(format!(
            "nobody in `{name}` has the name, mail address or provider id `{user}`, and the provider's list has none \
             either; check the spelling, or synchronise first{}",
            person::did_you_mean(&near)
        )));
    };
    let explaining =
        commit::with_basis(&app, &keeper, move |basis| explain::explain_user(basis, &issues, no));
    let Some(mut explanation) = explaining.await? else {
        return Err(Problem::not_found(format!(
            "`{}` was served once and is not known to the provider any more; `muster directory history {name}` tells what \
             became of them",
            user.trim()
        )));
    };
    if matched.is_marked() {
        let how: Vec<String> = matched.matched.iter().map(ToString::to_string).collect();
        explanation.because.push(format!(
            "found by `{}`, their {}",
            user.trim(),
            how.join(" and ")
        ));
    }
    if !person::find(&app, &keeper, reference::Kind::Group, &user).await?.is_empty() {
        let told = format!("a group is called `{}` too; `--group` explains it", user.trim());
        explanation.because.push(told);
    }
    // What the rules want is not what is served, as long as it waits.
    if !keeper.status().state.held.is_empty() {
        let preview = commit::foretell(&app, &keeper, None).await?;
        let items = preview.held.iter().flat_map(|held| &held.items);
        let own = items.filter(|item| item.node == Node::User(no));
        explanation.because.extend(own.map(|item| {
            format!("it waits for a decision: {}; until then it is served as it was", item.what)
        }));
    }
    let (published, at) = (app.published.load_full(), (row.id, no));
    let told = app.blocking(move |store| take_over::told(store, &published, at)).await?;
    explanation.because.extend(told);
    if let Some(pin) = &row.pin {
        explanation.because.push(format!(
            "the directory was put back to how it was after change {} and stays so: what is served is from then, and what the \
             rules make of the provider's record now is not served",
            pin.to
        ));
    }
    if let Some(name) = &explanation.name {
        let products = product_names::products(&app, row.id).await?;
        explanation.because.extend(product_names::of_user(&products, name));
    }
    let last_change = change::of(&app, row.id, Node::User(no), 1).await?.pop();
    Ok(Json(Explained { explanation, last_change }))
}

/// Which group to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Name, address, former name or the provider's id.
    group: String,
}

/// What is known of one group, and what decided.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupExplained {
    /// The answer.
    #[serde(flatten)]
    pub explanation: GroupExplanation,
    /// The last change that products were told of, with its run.
    #[serde(default)]
    pub last_change: Option<Entry>,
}

/// Why a group is or is not there.
#[utoipa::path(
    get,
    path = "/directories/{name}/explain/group",
    operation_id = "explain_group",
    tag = "people",
    params(Which),
    responses(
        (status = 200, description = "The group, what decided, and what of it waits.", body = GroupExplained),
        (status = 404, description = "No group is called so; names that are nearly the same are told."),
        (status = 409, description = "Several groups fit, who are listed; or the directory is being removed."),
    ),
)]
pub(super) async fn explain_group(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(Which { group }): Query<Which>,
) -> Result<Json<GroupExplained>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    let issues = commit::issues(&app, &keeper).await?;
    let mut fit = person::find(&app, &keeper, reference::Kind::Group, &group).await?;
    if fit.len() > 1 {
        let candidates = fit.into_iter().map(|(_, candidate)| candidate).collect();
        return Err(Problem::ambiguous(group.trim(), candidates));
    }
    let Some((Node::Group(no), matched)) = fit.pop() else {
        let near = person::near(&app, &keeper, reference::Kind::Group, &group).await?;
        return Err(Problem::not_found(format!(
            "no group in `{name}` is called `{}`; check the spelling, or synchronise first{}",
            group.trim(),
            person::did_you_mean(&near)
        )));
    };
    let explaining =
        commit::with_basis(&app, &keeper, move |basis| explain::explain_group(basis, &issues, no));
    let Some(mut explanation) = explaining.await? else {
        return Err(Problem::not_found(format!(
            "the group `{}` was served once and is not known to the provider any more; `muster directory history {name}` \
             tells what became of it",
            group.trim()
        )));
    };
    if matched.is_marked() {
        let how: Vec<String> = matched.matched.iter().map(ToString::to_string).collect();
        let told = format!("found by `{}`, its {}", group.trim(), how.join(" and "));
        explanation.because.push(told);
    }
    if !keeper.status().state.held.is_empty() {
        let preview = commit::foretell(&app, &keeper, None).await?;
        let items = preview.held.iter().flat_map(|held| &held.items);
        let own = items.filter(|item| item.node == Node::Group(no));
        explanation.because.extend(own.map(|item| {
            format!("it waits for a decision: {}; until then it is served as it was", item.what)
        }));
    }
    let last_change = change::of(&app, row.id, Node::Group(no), 1).await?.pop();
    Ok(Json(GroupExplained { explanation, last_change }))
}
