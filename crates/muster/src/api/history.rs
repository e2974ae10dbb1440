//! What became of one person or group, and how they were at a time.
//!
//! Invariant: what is older than the log goes back is refused, never guessed.

use std::sync::Arc;

use axum::extract::State;
use directory::{
    decisions::Node,
    id::{ChangeSeq, DirectoryId, Millis},
    past::{GroupThen, PersonThen},
    reference::{self, Candidate},
    snapshot::Directory,
    view::Published,
};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogOrder, Store, StoreError};
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem,
    change::Entry,
    entry::{self, Reader},
    extract::{Json, Path, Query},
    page,
};
use crate::{app::App, service::connection::named, task::commit::person};

/// Members listed of a group.
const MEMBERS_MAX: usize = 1_000;

/// Whose history, and of what time.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// A person, by user name, mail address or provider id; former ones too.
    pub user: Option<String>,
    /// A group, by name or provider id; former ones too.
    pub group: Option<String>,
    /// How they were at this time, in milliseconds since 1970; now otherwise.
    pub at: Option<i64>,
    /// Entries numbered below this.
    pub before: Option<u64>,
    /// At the most so many entries.
    pub limit: Option<usize>,
}

/// What became of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The time of which `state` is.
    pub at: Millis,
    /// How they were then.
    pub state: Then,
    /// The entries up to then, the latest last; the last one made the state.
    pub entries: Vec<Entry>,
    /// The entry after that, which ended the state.
    pub ended_by: Option<Entry>,
    /// From when on the history is kept; from the beginning if there is no time.
    pub kept_since: Option<Millis>,
}

/// How somebody was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Products did not see them.
    Nowhere,
    /// A person.
    User {
        /// The provider's id.
        id: String,
        /// User name.
        name: String,
        /// First name.
        first_name: String,
        /// Last name.
        last_name: String,
        /// Display name.
        display_name: String,
        /// Mail address.
        email: String,
        /// Whether they could log in.
        active: bool,
        /// The groups that they were directly in.
        groups: Vec<String>,
    },
    /// A group.
    Group {
        /// The provider's id.
        id: String,
        /// Name.
        name: String,
        /// Description.
        description: String,
        /// How many people and groups were directly in it.
        members_total: usize,
        /// Some of the people.
        users: Vec<String>,
        /// Some of the groups.
        groups: Vec<String>,
        /// The groups around it.
        parents: Vec<String>,
    },
}

/// A person or a group, as an administrator names them.
#[derive(Debug, Clone)]
pub(super) enum Who {
    User(String),
    Group(String),
}

impl Who {
    fn text(&self) -> &str {
        let (Self::User(text) | Self::Group(text)) = self;
        text.trim()
    }
}

/// What became of one person or group, and how they were at a time.
#[utoipa::path(get, path = "/directories/{name}/history", operation_id = "history", tag = "people", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = History),
))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<History>, Problem> {
    let id = named(&app, &name).await?.id;
    let who = match (&wanted.user, &wanted.group) {
        (Some(user), None) => Who::User(user.clone()),
        (None, Some(group)) => Who::Group(group.clone()),
        _ => {
            let detail = "name either a person (`user`) or a group (`group`)";
            return Err(Problem::bad_request(detail));
        }
    };
    let (_, node) = find(&app, Some(id), who).await?;
    let floor = app.blocking(Store::floor_of_log).await?;
    let kept_since = (floor.seq > ChangeSeq(0)).then_some(floor.at);
    let at = wanted.at.map_or_else(|| app.clock.now(), Millis);
    if kept_since.is_some_and(|since| at < since) {
        let detail = format!(
            "the history goes back to change {} only, of the time {}; older ones are not kept (`history_days`)",
            floor.seq, floor.at.0
        );
        return Err(Problem::not_found(detail));
    }
    let published = app.published.load_full();
    let read = move |store: &Store| {
        let told = Told { store, published: Arc::clone(&published), of: (id, node), at };
        told.history(&wanted, kept_since)
    };
    Ok(Json(app.blocking(read).await?))
}

/// Reads the history of one object; calls block.
struct Told<'a> {
    store: &'a Store,
    published: Arc<Published>,
    of: (DirectoryId, Node),
    at: Millis,
}

impl Told<'_> {
    fn history(&self, wanted: &Wanted, kept_since: Option<Millis>) -> Result<History, StoreError> {
        let node = Some(self.of);
        // What the snapshot does not show yet is not turned round either.
        let shown = Some(ChangeSeq(self.published.head.0 + 1));
        let position = self.store.seq_at(self.at)?.min(self.published.head);
        let newer = LogFilter {
            node,
            after: Some(position),
            before: shown,
            order: LogOrder::NewestFirst,
            limit: usize::MAX,
            ..LogFilter::default()
        };
        let newer = self.store.log_of(&newer)?;
        let up_to = ChangeSeq(position.0 + 1);
        let before = wanted.before.map_or(up_to, |before| up_to.min(ChangeSeq(before)));
        let older = LogFilter {
            node,
            before: Some(before),
            order: LogOrder::NewestFirst,
            limit: page::limit(wanted.limit),
            ..LogFilter::default()
        };
        let mut older = self.store.log_of(&older)?;
        older.reverse();
        let published = Arc::clone(&self.published);
        let reader = Reader {
            store: self.store,
            published,
            about: Some(self.of.1),
            names_max: entry::NAMES_MAX,
        };
        let ended_by = reader.entries(&newer.last().cloned().into_iter().collect::<Vec<_>>())?;
        Ok(History {
            at: self.at,
            state: self.state(&reader, newer.iter().map(|entry| &entry.change), position)?,
            entries: reader.entries(&older)?,
            ended_by: ended_by.into_iter().next(),
            kept_since,
        })
    }

    /// The state at a position, from what is served now and all newer entries.
    fn state<'a>(
        &self,
        reader: &Reader<'_>,
        newer: impl Iterator<Item = &'a directory::change::Change>,
        position: ChangeSeq,
    ) -> Result<Then, StoreError> {
        let (id, node) = self.of;
        let nothing = Directory::default();
        let served = self.published.directories.get(&id);
        let now: &Directory = served.map_or(&nothing, |served| &served.directory);
        let names = |nodes: Vec<Node>| {
            let mut names = reader.names((id, position), &nodes)?;
            names.sort();
            Ok::<_, StoreError>(names)
        };
        match node {
            Node::User(no) => {
                let mut then = PersonThen::now(now, no);
                newer.for_each(|change| then.take_back(change));
                let Some(user) = then.user else { return Ok(Then::Nowhere) };
                Ok(Then::User {
                    id: user.id().to_string(),
                    name: user.name().to_owned(),
                    first_name: user.first_name().to_owned(),
                    last_name: user.last_name().to_owned(),
                    display_name: user.display_name().to_owned(),
                    email: user.email().to_owned(),
                    active: user.active(),
                    groups: names(then.groups.into_iter().map(Node::Group).collect())?,
                })
            }
            Node::Group(no) => {
                let mut then = GroupThen::now(now, no);
                newer.for_each(|change| then.take_back(change));
                let Some(group) = then.group else { return Ok(Then::Nowhere) };
                let members_total = then.members.len();
                let (users, groups): (Vec<Node>, Vec<Node>) = then
                    .members
                    .into_iter()
                    .take(MEMBERS_MAX)
                    .partition(|member| matches!(member, Node::User(_)));
                Ok(Then::Group {
                    id: group.id().to_string(),
                    name: group.name().to_string(),
                    description: group.description().to_owned(),
                    members_total,
                    users: names(users)?,
                    groups: names(groups)?,
                    parents: names(then.parents.into_iter().map(Node::Group).collect())?,
                })
            }
        }
    }
}

/// Finds somebody who is served, or was: served names first, then ids, former names, and mail addresses.
pub(super) async fn find(
    app: &App,
    directory: Option<DirectoryId>,
    who: Who,
) -> Result<(DirectoryId, Node), Problem> {
    let kind = match who {
        Who::User(_) => reference::Kind::User,
        Who::Group(_) => reference::Kind::Group,
    };
    let (text, mut found, mut keepers) = (who.text(), Vec::new(), Vec::new());
    let published = app.published.load_full();
    for (id, served) in &published.directories {
        let Some(keeper) = app.keeper(*id).filter(|_| directory.is_none_or(|only| only == *id))
        else {
            continue;
        };
        for (node, candidate) in person::find(app, &keeper, kind, text).await? {
            let directory = Some(served.name.to_string());
            found.push(((*id, node), Candidate { directory, ..candidate }));
        }
        keepers.push(keeper);
    }
    match found.len() {
        0 => {
            let mut near: Vec<String> = Vec::new();
            for keeper in &keepers {
                near.extend(person::near(app, keeper, kind, text).await?);
            }
            let noun = if kind == reference::Kind::User { "user" } else { "group" };
            Err(Problem::not_found(format!(
                "no {noun} in the history is called `{text}`; check the spelling, or name the provider's id{}",
                person::did_you_mean(&near)
            )))
        }
        1 => Ok(found.remove(0).0),
        _ => {
            let candidates = found.into_iter().map(|(_, candidate)| candidate).collect();
            Err(Problem::ambiguous(text, candidates))
        }
    }
}
