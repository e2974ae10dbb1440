//! Where reading goes on: Okta says when an object or a group's membership last changed, not what changed.
//!
//! Invariants: a position of other settings is not one of these; times are the vendor's; the stretch before a read is
//! asked for again, since changes show late.

use std::collections::BTreeMap;

use directory::{
    id::{HOUR_MS, Millis, ProviderId},
    observation::{Cursor, Unread},
};
use serde::{Deserialize, Serialize};

use super::{listing::GroupsRead, settings::Settings};
use crate::{
    unreadable::{ToDo, Unreads},
    watch::{stamped, written},
};

/// The form of the position.
const VERSION: u32 = 1;
/// How late a change may show and still be found by the next read.
const OVERLAP_MS: i64 = 5 * 60_000;
/// A membership that changed so shortly before it was read is read once more: stamps are coarse, and lag.
const SETTLE_MS: i64 = 60_000;

/// The position.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    /// For which settings it was made.
    scope: String,
    /// When it was made, by our clock.
    at: i64,
    /// Later changes are asked for, by the vendor's clock.
    since: i64,
    /// When all people were last listed, by our clock.
    listed: i64,
    /// The group up to which the turn has come.
    pub(super) after: String,
    /// Stamps of recently changed groups whose members were read since.
    read: BTreeMap<String, String>,
    /// Where the System Log goes on.
    pub(super) log: Option<String>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "ToDo::is_empty")]
    to_do: ToDo,
}

/// A read that is going on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// When it began, by our clock.
    pub(super) begun: Millis,
    /// When it began, by the vendor's clock.
    pub(super) vendor_begun: Millis,
}

impl Position {
    /// Reads a position; `None` when it was made for other settings.
    pub(super) fn read(settings: &Settings, cursor: &Cursor) -> Option<Self> {
        let position: Self = serde_json::from_str(&cursor.0).ok()?;
        (position.version == VERSION && position.scope == scope(settings)).then_some(position)
    }

    /// After which time changes are asked for, as the vendor writes times.
    pub(super) fn since(&self) -> String {
        written(Millis(self.since))
    }

    /// How long ago the last pull was.
    pub(super) fn pause_ms(&self, now: Millis) -> i64 {
        now.since(Millis(self.at))
    }

    /// Whether all people should be listed again, because nothing else tells who was deleted for good.
    pub(super) fn listing_due(&self, now: Millis) -> bool {
        !(0..HOUR_MS).contains(&now.since(Millis(self.listed)))
    }

    /// What could not be read before.
    pub(super) fn unread(&self) -> impl Iterator<Item = Unread> {
        self.to_do.all()
    }

    /// The groups of a list whose members changed since they were read.
    pub(super) fn changed<'a>(
        &'a self,
        groups: &'a GroupsRead,
    ) -> impl Iterator<Item = ProviderId> + 'a {
        groups.iter().filter_map(|(id, group)| {
            let stamp = group.stamp.as_deref()?;
            let recent = stamped(stamp).is_none_or(|at| at.0 >= self.since);
            let read = self.read.get(&id.to_string()).is_some_and(|read| read == stamp);
            (recent && !read && !group.everyone).then(|| id.clone())
        })
    }

    /// The position after a read.
    pub(super) fn next(
        settings: &Settings,
        before: Option<&Self>,
        reading: Reading,
        (groups, turned, unread): (&GroupsRead, &[ProviderId], &Unreads),
        (after, log, listed): (String, Option<String>, bool),
    ) -> Self {
        let since = reading.vendor_begun.plus(-OVERLAP_MS);
        let settled = reading.vendor_begun.plus(-SETTLE_MS);
        let mut read: BTreeMap<String, String> =
            before.map(|before| before.read.clone()).unwrap_or_default();
        let stamps = turned.iter().filter_map(|id| Some((id, groups.get(id)?.stamp.clone()?)));
        read.extend(stamps.map(|(id, stamp)| (id.to_string(), stamp)));
        read.retain(|_, stamp| stamped(stamp).is_some_and(|at| at >= since && at <= settled));
        let listed = match before {
            Some(before) if !listed => before.listed,
            _ => reading.begun.0,
        };
        let scope = scope(settings);
        let (at, since) = (reading.begun.0, since.0);
        let to_do = ToDo::of(unread);
        Self { version: VERSION, scope, at, since, listed, after, read, log, to_do }
    }

    pub(super) fn cursor(&self) -> Option<Cursor> {
        serde_json::to_string(self).ok().map(Cursor)
    }
}

fn scope(settings: &Settings) -> String {
    format!("{} {}", settings.url, settings.expand_everyone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_vendor_does() {
        let at = Millis(1_763_900_000_007);
        assert_eq!(written(at), "2025-11-23T12:13:20.007Z");
        assert_eq!(stamped(&written(at)), Some(at));
        assert_eq!(stamped("2025-11-23T12:13:20.000Z"), Some(Millis(1_763_900_000_000)));
        assert_eq!(stamped("yesterday"), None);
    }
}
