//! Where reading members in turns goes on: Google has no list of changes.
//!
//! Invariant: a position of other settings is not one of these; what it does not know is read.

use std::collections::{BTreeMap, HashSet};

use directory::{
    id::{Millis, ProviderId},
    observation::{Attribute, Cursor, Unread},
};
use serde::{Deserialize, Serialize};

use super::{listing::GroupsRead, settings::Settings};
use crate::{
    turns,
    unreadable::{Before, ToDo, Unreads},
};

/// The form of the position.
const VERSION: u32 = 1;
/// The position.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    /// For which settings it was made.
    scope: String,
    /// When it was made, in milliseconds.
    at: i64,
    /// The vendor's clock minus ours then, in milliseconds.
    #[serde(default)]
    skew: i64,
    /// The group up to which the turn has come.
    after: String,
    /// What showed of each group when its members were last read.
    seen: BTreeMap<String, String>,
    /// Groups that have everybody as a member: they change with the people.
    everybody: Vec<String>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "ToDo::is_empty")]
    to_do: ToDo,
}

impl Position {
    /// Reads a position; `None` when it was made for other settings.
    pub(super) fn read(settings: &Settings, cursor: &Cursor) -> Option<Self> {
        let position: Self = serde_json::from_str(&cursor.0).ok()?;
        (position.version == VERSION && position.scope == scope(settings)).then_some(position)
    }

    /// When it was made, by the vendor's clock.
    pub(super) fn vendor_at(&self) -> Millis {
        Millis(self.at + self.skew)
    }

    /// What could not be read before.
    pub(super) fn unread(&self) -> Before {
        Before::new(self.to_do.all())
    }

    /// The groups whose members are to be read now: those that look different, those that a log tells of, those that
    /// have everybody as a member, and as many in turn as the time since the last pull allows.
    pub(super) fn due(
        &self,
        settings: &Settings,
        groups: &GroupsRead,
        hints: &HashSet<String>,
        now: Millis,
    ) -> (Vec<ProviderId>, String) {
        let mut due: BTreeMap<String, ProviderId> = BTreeMap::new();
        let to_do = self.to_do.all().filter_map(|what| match what {
            Unread::Members(id) => Some((id.to_string(), id)),
            Unread::Person(_) | Unread::Group(_) | Unread::Memberships(_) => None,
        });
        due.extend(to_do.filter(|(_, id)| groups.contains_key(id)));
        for (id, (group, sign)) in groups {
            let text = id.to_string();
            let mail = group.attributes.get(Attribute::Mail).unwrap_or_default();
            let hinted = !hints.is_empty() && hints.contains(&mail.to_lowercase());
            if hinted || self.seen.get(&text) != Some(sign) || self.everybody.contains(&text) {
                due.insert(text, id.clone());
            }
        }
        let ids: BTreeMap<String, ProviderId> =
            groups.keys().map(|id| (id.to_string(), id.clone())).collect();
        let budget = match settings.requests_per_minute {
            None => usize::MAX,
            Some(rate) => turns::budget(rate, settings.members_share, now.since(Millis(self.at))),
        };
        let (turn, after) = turns::next(&ids, &self.after, budget);
        due.extend(turn.into_iter().map(|id| (id.to_string(), id)));
        (due.into_values().collect(), after)
    }

    /// The position after a pull that read the members of some groups.
    pub(super) fn next(
        settings: &Settings,
        before: Option<Self>,
        groups: &GroupsRead,
        (read, unread): (&[(ProviderId, bool)], &Unreads),
        (after, now, skew): (String, Millis, i64),
    ) -> Self {
        let before = before.unwrap_or_default();
        let read_now: BTreeMap<String, bool> =
            read.iter().map(|(id, everybody)| (id.to_string(), *everybody)).collect();
        let mut seen = BTreeMap::new();
        let mut everybody = Vec::new();
        for (id, (_, sign)) in groups {
            let text = id.to_string();
            let has_everybody = if let Some(has) = read_now.get(&text) {
                seen.insert(text.clone(), sign.clone());
                *has
            } else {
                if let Some(old) = before.seen.get(&text) {
                    seen.insert(text.clone(), old.clone());
                }
                before.everybody.contains(&text)
            };
            if has_everybody {
                everybody.push(text);
            }
        }
        everybody.sort_unstable();
        let (scope, to_do) = (scope(settings), ToDo::of(unread));
        Self { version: VERSION, scope, at: now.0, skew, after, seen, everybody, to_do }
    }

    /// Groups that have everybody as a member, each with its sign when that was seen.
    pub(super) fn everybody(&self) -> impl Iterator<Item = (ProviderId, String)> {
        self.everybody.iter().filter_map(|id| {
            Some((ProviderId::parse(id).ok()?, self.seen.get(id).cloned().unwrap_or_default()))
        })
    }

    pub(super) fn cursor(&self) -> Option<Cursor> {
        serde_json::to_string(self).ok().map(Cursor)
    }
}

fn scope(settings: &Settings) -> String {
    format!("{} {} {}", settings.api, settings.customer, settings.expand_everyone)
}
