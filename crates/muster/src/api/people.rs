//! People and groups of a directory as products see them: found, listed in pages, looked at.
//!
//! Invariant: read from one snapshot; nobody is served here whom a product would not be served.

use std::sync::Arc;

use axum::extract::State;
use directory::{
    group::Group,
    id::{GroupNo, Millis, ProviderId, UserNo},
    query::{Filter, Folded, TextMatch, TextProperty},
    resource_name::from_path_form,
    snapshot::Directory,
    user::User,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem,
    extract::{Json, Path, Query},
    page::{self, Page},
};
use crate::{app::App, service::connection::named};

/// Words of one search.
const WORDS_MAX: usize = 8;

/// Which people.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedPeople {
    /// Words that are all in the name, the display name or the address.
    pub(super) q: Option<String>,
    /// Those who may log in only, or those who may not.
    pub(super) active: Option<bool>,
    /// At the most so many on one page, up to 10000; 200 otherwise.
    pub(super) limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// Which groups.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedGroups {
    /// Words that are all in the name.
    pub(super) q: Option<String>,
    /// At the most so many on one page, up to 10000; 200 otherwise.
    pub(super) limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// Which page of members.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedMembers {
    /// At the most so many on one page, up to 10000; 200 otherwise.
    pub(super) limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// A person as products see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The provider's id.
    pub id: String,
    /// What Crowd calls them for ever: the directory's number and the provider's id.
    pub key: String,
    /// User name.
    pub name: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Display name.
    pub display_name: String,
    /// Mail address.
    pub email: String,
    /// Whether they may log in.
    pub active: bool,
    /// In how many groups they are directly.
    pub groups_total: usize,
    /// When they were first served.
    pub created: Millis,
    /// When something of them last changed.
    pub updated: Millis,
}

/// A person with their groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonDetail {
    /// What the list says.
    #[serde(flatten)]
    pub person: Person,
    /// The groups that they are in directly, by name.
    pub groups: Vec<Named>,
}

/// A group as products see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Group)]
pub struct GroupLine {
    /// The provider's id.
    pub id: String,
    /// What Crowd calls it for ever: the directory's number and the provider's id.
    pub key: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// How many people are directly in it.
    pub users_total: usize,
    /// How many groups are directly in it.
    pub groups_total: usize,
    /// When it was first served.
    pub created: Millis,
    /// When something of it last changed.
    pub updated: Millis,
}

/// A group with the groups around it; its people are a list of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupDetail {
    /// What the list says.
    #[serde(flatten)]
    pub group: GroupLine,
    /// The groups directly in it, by name.
    pub groups: Vec<Named>,
    /// The groups that it is directly in, by name.
    pub parents: Vec<Named>,
}

/// A group that another thing names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NamedGroup)]
pub struct Named {
    /// The provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// People of a directory, by user name.
#[utoipa::path(get, path = "/directories/{name}/users", tag = "people", params(WantedPeople), responses(
    (status = 200, description = "What was asked for.", body = Page<Person>),
))]
pub(super) async fn users(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<WantedPeople>,
) -> Result<Json<Page<Person>>, Problem> {
    let (key, served) = served(&app, &name).await?;
    let last: String = page::position(wanted.cursor.as_deref())?.unwrap_or_default();
    let limit = page::limit(wanted.limit);
    let mut parts = words(wanted.q.as_deref().unwrap_or_default());
    parts.extend(wanted.active.map(Filter::Active));
    let filter = Filter::All(parts);
    // A search looks at everybody: not on a thread that others wait for.
    let looking = tokio::task::spawn_blocking(move || {
        let found = if filter.is_everything() {
            served.users_after(&last).take(limit + 1).collect()
        } else {
            served.users_fitting_after(&last, limit + 1, |user| filter.admits_user(user, &key))
        };
        paged(
            found.into_iter(),
            limit,
            |(_, user)| user.folded_name(),
            |(no, user)| person(&key, &served, *no, user),
        )
    });
    Ok(Json(looking.await.map_err(anyhow::Error::from)?))
}

/// One person of a directory, by the provider's id.
#[utoipa::path(get, path = "/directories/{name}/users/{id}", tag = "people", responses(
    (status = 200, description = "What was asked for.", body = PersonDetail),
))]
pub(super) async fn user(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<PersonDetail>, Problem> {
    let (directory, served) = served(&app, &name).await?;
    let provider_id = ProviderId::parse(&from_path_form(&id)).ok();
    let found = provider_id.and_then(|id| served.user_by_id(&id));
    let (no, user) = found.ok_or_else(|| {
        Problem::not_found(format!("nobody in `{name}` has the id `{id}`; `explain` says why"))
    })?;
    let groups = named_groups(&served, served.groups_of(no));
    Ok(Json(PersonDetail { person: person(&directory, &served, no, user), groups }))
}

/// Groups of a directory, by name.
#[utoipa::path(get, path = "/directories/{name}/groups", tag = "people", params(WantedGroups), responses(
    (status = 200, description = "What was asked for.", body = Page<GroupLine>),
))]
pub(super) async fn groups(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<WantedGroups>,
) -> Result<Json<Page<GroupLine>>, Problem> {
    let (key, served) = served(&app, &name).await?;
    let last: String = page::position(wanted.cursor.as_deref())?.unwrap_or_default();
    let limit = page::limit(wanted.limit);
    let filter = Filter::All(words(wanted.q.as_deref().unwrap_or_default()));
    let looking = tokio::task::spawn_blocking(move || {
        let found =
            served.groups_after(&last).filter(|(_, group)| filter.admits_group(group, &key));
        paged(
            found,
            limit,
            |(_, group)| group.folded_name(),
            |(no, group)| line(&key, &served, *no, group),
        )
    });
    Ok(Json(looking.await.map_err(anyhow::Error::from)?))
}

/// One group of a directory, by the provider's id.
#[utoipa::path(get, path = "/directories/{name}/groups/{id}", tag = "people", responses(
    (status = 200, description = "What was asked for.", body = GroupDetail),
))]
pub(super) async fn group(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<GroupDetail>, Problem> {
    let (directory, served) = served(&app, &name).await?;
    let (no, group) = group_of(&served, &name, &id)?;
    Ok(Json(GroupDetail {
        group: line(&directory, &served, no, group),
        groups: named_groups(&served, served.children_of(no)),
        parents: named_groups(&served, served.parents_of(no)),
    }))
}

/// The people directly in a group, by user name.
#[utoipa::path(get, path = "/directories/{name}/groups/{id}/users", tag = "people", params(WantedMembers), responses(
    (status = 200, description = "What was asked for.", body = Page<Person>),
))]
pub(super) async fn members(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Query(wanted): Query<WantedMembers>,
) -> Result<Json<Page<Person>>, Problem> {
    let (directory, served) = served(&app, &name).await?;
    let (no, _) = group_of(&served, &name, &id)?;
    let last: String = page::position(wanted.cursor.as_deref())?.unwrap_or_default();
    let limit = page::limit(wanted.limit);
    let looking = tokio::task::spawn_blocking(move || {
        let numbers = served.users_of(no).iter().map(|user| UserNo(*user));
        let users = numbers.filter_map(|user| Some((user, served.user(user)?)));
        let mut found: Vec<(UserNo, &Arc<User>)> =
            users.filter(|(_, user)| user.folded_name() > last.as_str()).collect();
        found.sort_by(|a, b| a.1.folded_name().cmp(b.1.folded_name()));
        paged(
            found.into_iter(),
            limit,
            |(_, user)| user.folded_name(),
            |(no, user)| person(&directory, &served, *no, user),
        )
    });
    Ok(Json(looking.await.map_err(anyhow::Error::from)?))
}

/// Every word must be in the name, the display name or the address.
pub(crate) fn words(q: &str) -> Vec<Filter> {
    let word = |word: &str| {
        let text = |property| Filter::Text(property, TextMatch::Contains, Folded::new(word));
        Filter::Any(vec![
            text(TextProperty::Name),
            text(TextProperty::DisplayName),
            text(TextProperty::Email),
        ])
    };
    q.split_whitespace().take(WORDS_MAX).map(word).collect()
}

/// The first page of what is found; looks no further than one item past it.
fn paged<T, U>(
    found: impl Iterator<Item = T>,
    limit: usize,
    name: impl Fn(&T) -> &str,
    shown: impl Fn(&T) -> U,
) -> Page<U> {
    let mut page: Vec<T> = found.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| page::after(name(last)));
    Page { items: page.iter().map(shown).collect(), next }
}

/// The first part of a directory's keys, and what is served of it.
async fn served(app: &App, name: &str) -> Result<(String, Arc<Directory>), Problem> {
    let row = named(app, name).await?;
    Ok((row.key, app.served(row.id).unwrap_or_default()))
}

fn group_of<'a>(
    served: &'a Directory,
    name: &str,
    id: &str,
) -> Result<(GroupNo, &'a Arc<Group>), Problem> {
    let found = ProviderId::parse(&from_path_form(id)).ok().and_then(|id| served.group_by_id(&id));
    found.ok_or_else(|| Problem::not_found(format!("no group in `{name}` has the id `{id}`")))
}

fn person(directory: &str, served: &Directory, no: UserNo, user: &User) -> Person {
    Person {
        id: user.id().to_string(),
        key: format!("{directory}:{}", user.id()),
        name: user.name().to_owned(),
        first_name: user.first_name().to_owned(),
        last_name: user.last_name().to_owned(),
        display_name: user.display_name().to_owned(),
        email: user.email().to_owned(),
        active: user.active(),
        groups_total: served.groups_of(no).len(),
        created: user.created(),
        updated: user.updated(),
    }
}

fn line(directory: &str, served: &Directory, no: GroupNo, group: &Group) -> GroupLine {
    GroupLine {
        id: group.id().to_string(),
        key: format!("{directory}:{}", group.id()),
        name: group.name().to_string(),
        description: group.description().to_owned(),
        users_total: served.users_of(no).len(),
        groups_total: served.children_of(no).len(),
        created: group.created(),
        updated: group.updated(),
    }
}

fn named_groups(served: &Directory, numbers: &[u32]) -> Vec<Named> {
    let groups = numbers.iter().filter_map(|no| served.group(GroupNo(*no)));
    let mut named: Vec<Named> = groups
        .map(|group| Named { id: group.id().to_string(), name: group.name().to_string() })
        .collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    named
}
