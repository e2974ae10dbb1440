//! The change log in the admin API: by directory, person, group, run and time, with positions to page by.

use std::{fmt, str::FromStr, sync::Arc};

use axum::extract::State;
use directory::{
    decisions::Node,
    id::{ChangeSeq, DirectoryId, Millis, RunId},
};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogOrder};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Problem,
        entry::{self, Reader},
        extract::{Json, Query},
        history::{Who, find},
        page::{self, Page},
    },
    app::App,
};

/// Which changes. Answers are in the order of their numbers: whoever pages back asks for what is `before` the first
/// one shown, whoever follows for what is `after` the last.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Of this directory only.
    pub directory: Option<String>,
    /// Of this person only, by user name, mail address or provider id; former ones too.
    pub user: Option<String>,
    /// Of this group only, by name or provider id; former ones too.
    pub group: Option<String>,
    /// Of this run only.
    pub run: Option<u64>,
    /// Committed at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Committed at this time or earlier, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Numbered above this: the first ones that follow it.
    pub after: Option<u64>,
    /// Numbered below this: the last ones before it.
    pub before: Option<u64>,
    /// All names of members that an entry is about, not only the first six.
    pub all_members: Option<bool>,
    /// At the most so many on one page, up to 10000; 200 otherwise.
    pub limit: Option<usize>,
    /// Where to go on: the `next` of the page before; it comes before `after` and `before`.
    pub cursor: Option<String>,
}

/// One change, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Change)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
    /// The run that made it.
    #[serde(default)]
    pub run: u64,
    /// When it was committed, in milliseconds since 1970.
    pub at: Millis,
    /// The directory's name.
    pub directory: String,
    /// `user`, `group` or `members`.
    pub kind: String,
    /// The name of the person or group.
    pub name: String,
    /// What happened, in words.
    pub what: String,
}

/// Entries of the change log.
#[utoipa::path(get, path = "/changes", tag = "changes", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Page<Entry>),
    (status = 404, description = "There is no such directory, person or group."),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Entry>>, Problem> {
    let directory = match &wanted.directory {
        None => None,
        Some(name) => {
            let missing = || Problem::not_found(format!("there is no directory `{name}`"));
            Some(app.connection_named(name).await?.ok_or_else(missing)?.id)
        }
    };
    let node = match (&wanted.user, &wanted.group) {
        (None, None) => None,
        (Some(user), None) => Some(find(&app, directory, Who::User(user.clone())).await?),
        (None, Some(group)) => Some(find(&app, directory, Who::Group(group.clone())).await?),
        (Some(_), Some(_)) => {
            let detail = "either a person's changes or a group's can be asked for, not both";
            return Err(Problem::bad_request(detail));
        }
    };
    let place = match page::position(wanted.cursor.as_deref())? {
        Some(place) => place,
        None => Place::of(&wanted),
    };
    let limit = page::limit(wanted.limit);
    let filter = LogFilter {
        directory,
        node,
        run: wanted.run.map(RunId),
        since: wanted.since.map(Millis),
        until: wanted.until.map(Millis),
        after: place.after.map(ChangeSeq),
        before: place.before.map(ChangeSeq),
        // Whoever follows wants what comes next; whoever looks back wants the latest.
        order: if place.after.is_some() { LogOrder::OldestFirst } else { LogOrder::NewestFirst },
        limit: limit + 1,
    };
    let all = wanted.all_members.unwrap_or_default();
    let names_max = if all { entry::ALL_NAMES_MAX } else { entry::NAMES_MAX };
    let mut items = read(&app, filter, names_max).await?;
    let more = items.len() > limit;
    let next = if place.after.is_some() {
        items.truncate(limit);
        items.last().map(|last| Place { after: Some(last.seq), ..place })
    } else {
        items.drain(..items.len().saturating_sub(limit));
        items.first().map(|first| Place { before: Some(first.seq), ..place })
    };
    Ok(Json(Page { items, next: next.filter(|_| more).map(page::after) }))
}

/// Between which numbers changes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    after: Option<u64>,
    before: Option<u64>,
}

impl Place {
    fn of(wanted: &Wanted) -> Self {
        Self { after: wanted.after, before: wanted.before }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        write!(f, "{}-{}", shown(self.after), shown(self.before))
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        let (after, before) = text.split_once('-').unwrap_or((text, "-"));
        Ok(Self { after: number(after)?, before: number(before)? })
    }
}

/// What happened to a person or group, newest first.
pub(super) async fn of(
    app: &App,
    directory: DirectoryId,
    node: Node,
    limit: usize,
) -> anyhow::Result<Vec<Entry>> {
    let order = LogOrder::NewestFirst;
    let node = Some((directory, node));
    let filter =
        LogFilter { directory: Some(directory), node, order, limit, ..LogFilter::default() };
    let mut entries = read(app, filter, entry::NAMES_MAX).await?;
    entries.reverse();
    Ok(entries)
}

/// Entries of the log ready to be read, oldest first.
pub(super) async fn read(
    app: &App,
    filter: LogFilter,
    names_max: usize,
) -> anyhow::Result<Vec<Entry>> {
    let published = app.published.load_full();
    let about = filter.node.map(|(_, node)| node);
    let read = move |store: &store::Store| {
        let mut entries = store.log_of(&filter)?;
        entries.sort_by_key(|entry| entry.seq);
        Reader { store, published: Arc::clone(&published), about, names_max }.entries(&entries)
    };
    app.blocking(read).await
}
