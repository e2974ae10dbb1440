//! The Reports API as a hint whose members to read first (`protocols/providers.md` B3).
//!
//! Invariants: a hint decides only which groups are read, never what is in them; it comes late and may not come at
//! all, so groups have their turn and everything is read once a day without it too.

use std::{borrow::Cow, collections::HashSet};

use directory::id::Millis;
use serde::Deserialize;
use serde_json::Value;

use super::{Google, Turned, wire::NoError};
use crate::{
    error::{ConnectError, Kind},
    odd::{Record, What},
    progress::Progress,
    watch::written,
};

/// What reading the logs needs, in a token of its own.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";
/// The logs that tell of memberships.
const LOGS: [&str; 2] = ["admin", "groups_enterprise"];
/// How late an entry may come and still be found.
const OVERLAP_MS: i64 = 30 * 60_000;
/// What is asked for of an entry.
const FIELDS: &str = "nextPageToken,items(events(name,parameters(name,value)))";
/// Events that change who is in a group.
const EVENTS: [&str; 8] = [
    "ADD_GROUP_MEMBER",
    "REMOVE_GROUP_MEMBER",
    "UPDATE_GROUP_MEMBER",
    "CREATE_GROUP",
    "add_member",
    "remove_member",
    "add_member_role",
    "create_group",
];
/// Parameters that name the group, by address.
const NAMES: [&str; 2] = ["GROUP_EMAIL", "group_id"];

/// An entry of a log. It is a hint only, so nothing in it decides.
static ENTRY: Record = Record {
    noun: "entry of the audit log",
    id: None,
    mirrored: None,
    decides: &[],
    piece: None,
    members: None,
    accepts: |value: &Value| Activity::deserialize(value).is_ok(),
};
const ENTRIES: What<'_> = What::page("the audit log", "items", &ENTRY);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(default, rename = "error")]
    _error: NoError,
    next_page_token: Option<String>,
    #[serde(borrow, default)]
    items: Vec<Activity<'a>>,
}

#[derive(Deserialize)]
struct Activity<'a> {
    #[serde(borrow, default)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parameters: Vec<Parameter<'a>>,
}

#[derive(Deserialize)]
struct Parameter<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// The address of the group whose members it changed.
    fn group(&self) -> Option<String> {
        if !EVENTS.contains(&self.name.as_deref()?) {
            return None;
        }
        let named = |parameter: &&Parameter<'_>| {
            parameter.name.as_deref().is_some_and(|name| NAMES.contains(&name))
        };
        Some(self.parameters.iter().find(named)?.value.as_deref()?.to_lowercase())
    }
}

impl Google {
    /// Addresses of groups whose members changed since a time, as far as the logs tell; in lower case.
    pub(super) async fn hints(
        &self,
        since: Millis,
        progress: &Progress,
        notes: &mut Vec<String>,
    ) -> Result<HashSet<String>, ConnectError> {
        let mut groups = HashSet::new();
        if !self.settings.reports {
            return Ok(groups);
        }
        let from = written(since.plus(-OVERLAP_MS));
        for log in LOGS {
            let path = ["admin", "reports", "v1", "activity", "users", "all", "applications", log];
            let parameters = [("startTime", &*from), ("maxResults", "1000"), ("fields", FIELDS)];
            let url = self.settings.url(&path, &parameters);
            let mut read = HashSet::new();
            let done = self
                .pages(&url, ENTRIES, progress, |bytes, first| {
                    let page: Page<'_> = serde_json::from_slice(bytes)?;
                    if first {
                        read.clear();
                    }
                    let events = page.items.iter().flat_map(|item| &item.events);
                    read.extend(events.filter_map(Event::group));
                    Ok(Turned { next: page.next_page_token, items: page.items.len() })
                })
                .await;
            match done {
                Ok(()) => groups.extend(read),
                Err(error) if error.kind == Kind::Refused || error.is_about_one() => {
                    notes.push(format!(
                        "the audit log may not be read, so changed memberships are found in turns only: the delegation \
                         needs the scope {SCOPE}, and the administrator the privilege Reports ({error})"
                    ));
                    return Ok(groups);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memberships_hint() {
        let json = r#"{"items":[{"events":[
            {"name":"ADD_GROUP_MEMBER","parameters":[{"name":"USER_EMAIL","value":"a@x"},{"name":"GROUP_EMAIL","value":"G1@x"}]},
            {"name":"CHANGE_GROUP_NAME","parameters":[{"name":"GROUP_EMAIL","value":"g2@x"}]},
            {"name":"remove_member","parameters":[{"name":"group_id","value":"g3@x"},{"name":"n","intValue":"1"}]},
            {"name":"ADD_GROUP_MEMBER"}]},{}]}"#;
        let page: Page<'_> = serde_json::from_str(json).unwrap();
        let events = page.items.iter().flat_map(|item| &item.events);
        assert_eq!(events.filter_map(Event::group).collect::<Vec<_>>(), ["g1@x", "g3@x"]);
    }
}
