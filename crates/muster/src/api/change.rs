//! The change log in the admin API.

use axum::{
    Json,
    extract::{Query, State},
};
use directory::{
    change::{Change, LogEntry},
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, UserNo},
    name::fold,
    snapshot::Directory,
    user::User,
};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogOrder};

use crate::{api::Problem, app::App};

/// Entries in one answer, unless asked for fewer.
const LIMIT: usize = 200;
/// Entries in one answer at the most.
const LIMIT_MAX: usize = 10_000;
/// Member names shown of one entry.
const NAMES_MAX: usize = 6;

/// Which changes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Of this directory only.
    pub directory: Option<String>,
    /// Of this person only, by user name.
    pub user: Option<String>,
    /// Committed at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Numbered above this.
    pub after: Option<u64>,
    /// At the most so many.
    pub limit: Option<usize>,
}

/// One change, ready to be read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
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

pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let directory = match &wanted.directory {
        None => None,
        Some(name) => {
            let missing = || Problem::not_found(format!("there is no directory `{name}`"));
            Some(app.connection_named(name).await?.ok_or_else(missing)?.id)
        }
    };
    let person = match &wanted.user {
        None => None,
        Some(name) => Some(person(&app, directory, name).ok_or_else(|| {
            let detail = format!(
                "nobody is served under the name `{name}`; removed people are found by `directory`"
            );
            Problem::not_found(detail)
        })?),
    };
    let filter = LogFilter {
        directory: person.map(|(directory, _)| directory).or(directory),
        node: person.map(|(_, no)| Node::User(no)),
        since: wanted.since.map(Millis),
        after: wanted.after.map(ChangeSeq),
        // Whoever follows wants what comes next; whoever looks back wants the latest.
        order: if wanted.after.is_some() { LogOrder::OldestFirst } else { LogOrder::NewestFirst },
        limit: wanted.limit.unwrap_or(LIMIT).min(LIMIT_MAX),
    };
    let mut entries = app.blocking(move |store| store.log_of(&filter)).await?;
    entries.sort_by_key(|entry| entry.seq);
    let shown = entries.iter().map(|entry| shown(&app, entry, person.map(|(_, no)| no)));
    Ok(Json(shown.collect()))
}

fn person(app: &App, directory: Option<DirectoryId>, name: &str) -> Option<(DirectoryId, UserNo)> {
    let published = app.published.load();
    let folded = fold(name);
    let mut found =
        published.directories.iter().filter(|(id, _)| directory.is_none_or(|d| d == **id));
    found.find_map(|(id, served)| served.directory.user_by_name(&folded).map(|(no, _)| (*id, no)))
}

pub(super) fn shown(app: &App, entry: &LogEntry, person: Option<UserNo>) -> Entry {
    let published = app.published.load();
    let served = published.directories.get(&entry.directory);
    let nothing = Directory::default();
    let now = served.map_or(&nothing, |served| &served.directory);
    let (kind, name, what) = match &entry.change {
        Change::User { before, after, .. } => {
            let name = after.as_ref().or(before.as_ref()).map(|user| user.name().to_owned());
            ("user", name.unwrap_or_default(), user_change(before.as_deref(), after.as_deref()))
        }
        Change::Group { before, after, .. } => {
            let name = after.as_ref().or(before.as_ref()).map(|group| group.name().to_string());
            ("group", name.unwrap_or_default(), group_change(before.as_deref(), after.as_deref()))
        }
        Change::Members(members) => {
            let own = |users: &[UserNo]| -> Vec<UserNo> {
                users
                    .iter()
                    .filter(|no| person.is_none_or(|person| person == **no))
                    .copied()
                    .collect()
            };
            let mut parts = Vec::new();
            parts.extend(listed("added", &user_names(now, &own(&members.users_added))));
            parts.extend(listed("removed", &user_names(now, &own(&members.users_removed))));
            if person.is_none() {
                parts.extend(listed("nested", &group_names(now, &members.groups_added)));
                parts
                    .extend(listed("no longer nested", &group_names(now, &members.groups_removed)));
            }
            ("members", group_names(now, &[members.group]).remove(0), parts.join("; "))
        }
    };
    Entry {
        seq: entry.seq.0,
        at: entry.at,
        directory: served
            .map_or_else(|| format!("#{}", entry.directory), |served| served.name.to_string()),
        kind: kind.to_owned(),
        name,
        what,
    }
}

fn user_change(before: Option<&User>, after: Option<&User>) -> String {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(after)) if after.active() => return "added".to_owned(),
        (None, Some(_)) => return "added, inactive".to_owned(),
        (_, None) => return "removed".to_owned(),
    };
    let mut parts = Vec::new();
    if before.active() != after.active() {
        parts.push(if after.active() { "reactivated" } else { "deactivated" }.to_owned());
    }
    let texts = [
        ("name", before.name(), after.name()),
        ("first name", before.first_name(), after.first_name()),
        ("last name", before.last_name(), after.last_name()),
        ("display name", before.display_name(), after.display_name()),
        ("email", before.email(), after.email()),
    ];
    parts.extend(texts.iter().filter(|(_, before, after)| before != after).map(turned));
    parts.join("; ")
}

fn group_change(before: Option<&Group>, after: Option<&Group>) -> String {
    match (before, after) {
        (None, _) => "added".to_owned(),
        (_, None) => "removed".to_owned(),
        (Some(before), Some(after)) => {
            let texts = [
                ("name", before.name().as_str(), after.name().as_str()),
                ("description", before.description(), after.description()),
            ];
            let parts: Vec<String> = texts.iter().filter(|(_, b, a)| b != a).map(turned).collect();
            parts.join("; ")
        }
    }
}

fn turned((what, before, after): &(&str, &str, &str)) -> String {
    format!("{what} `{before}` became `{after}`")
}

fn listed(verb: &str, names: &[String]) -> Option<String> {
    let shown = names.get(..NAMES_MAX).unwrap_or(names).join(", ");
    match names.len() {
        0 => None,
        count if count > NAMES_MAX => Some(format!("{verb} {count}: {shown}, …")),
        count => Some(format!("{verb} {count}: {shown}")),
    }
}

fn user_names(now: &Directory, users: &[UserNo]) -> Vec<String> {
    let name = |no: &UserNo| {
        now.user(*no).map_or_else(|| format!("#{}", no.0), |user| user.name().to_owned())
    };
    users.iter().map(name).collect()
}

fn group_names(now: &Directory, groups: &[GroupNo]) -> Vec<String> {
    let name = |no: &GroupNo| {
        now.group(*no).map_or_else(|| format!("#{}", no.0), |g| g.name().to_string())
    };
    groups.iter().map(name).collect()
}
