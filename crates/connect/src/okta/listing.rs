//! Lists: people, groups, the members of a group, the System Log.
//!
//! Invariant: a list whose position expires is read again from its start; what was read of it before is dropped.

use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering::Relaxed,
};

use directory::{
    id::{Millis, ProviderId},
    observation::{
        GroupMembers, GroupRecord, MemberSet, MembersListing, PersonRecord, Removed, Unread,
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{HeaderMap, LINK};

use super::{
    Okta,
    wire::{
        self, GroupItem, LogItem, MemberItem, MembershipEvent, Standing, USER_FIELDS, UserItem,
    },
};
use crate::{
    call::{Api, Ask, Links, call, follow},
    error::{ConnectError, Kind},
    http::Answer,
    odd::What,
    progress::{Progress, add},
    unreadable::{Before, One, one},
    watch::written,
};

/// Lists of members that are asked for side by side; the pace decides how many are in flight.
const ASKING: usize = 32;
/// How often a list is read from its start.
const STARTS: u32 = 5;
/// Members of a page that are asked for; less when the vendor fails at that.
const MEMBERS_SIZES: [&str; 3] = ["200", "100", "50"];
/// Entries of a page of the System Log.
const LOG_SIZE: usize = 1_000;
/// Pages of the System Log that are read to find memberships.
const MEMBERSHIP_LOG_PAGES: usize = 20;
/// What of the System Log tells something that the lists do not, or tells it earlier.
const LOG_EVENTS: [&str; 5] = [
    "user.lifecycle.delete.completed",
    "group.lifecycle.delete",
    "group.user_membership.add",
    "group.user_membership.remove",
    "group.lifecycle.create",
];

/// What was listed of people.
#[derive(Debug, Default)]
pub(super) struct PeopleRead {
    pub(super) people: HashMap<ProviderId, PersonRecord>,
    /// Those who were deactivated.
    pub(super) gone: Vec<Removed>,
    /// People with a status that did not exist when this was written.
    pub(super) unknown: usize,
}

/// A group with what tells whether its members changed.
#[derive(Debug)]
pub(super) struct GroupRead {
    pub(super) record: GroupRecord,
    pub(super) everyone: bool,
    /// When its members last changed, as the vendor writes it.
    pub(super) stamp: Option<String>,
}

/// Groups by id.
pub(super) type GroupsRead = HashMap<ProviderId, GroupRead>;

/// What the System Log tells.
#[derive(Debug, Default)]
pub(super) struct LogRead {
    /// People who were deleted for good, as far as the log goes.
    pub(super) deleted: BTreeSet<ProviderId>,
    /// Groups whose members changed, and groups that are gone.
    pub(super) groups: BTreeSet<ProviderId>,
    /// Where it goes on.
    pub(super) next: Option<String>,
}

impl Okta {
    /// Everybody, or those who changed after a time.
    pub(super) async fn people(
        &self,
        since: Option<&str>,
        progress: &Progress,
    ) -> Result<PeopleRead, ConnectError> {
        let filter = since.map(|since| format!("lastUpdated gt \"{since}\""));
        let mut parameters = vec![("limit", "200"), ("fields", USER_FIELDS)];
        parameters.extend(filter.as_deref().map(|filter| ("filter", filter)));
        let url = self.settings.api(&["users"], &parameters);
        let mut read = PeopleRead::default();
        self.whole_list(&url, wire::USERS, progress, |answer, first| {
            let page: Vec<UserItem<'_>> = serde_json::from_slice(&answer.body)?;
            if first {
                read = PeopleRead::default();
            }
            for item in &page {
                let id = item.id();
                match item.standing() {
                    Standing::Deactivated => read.gone.push(Removed { id, restorable: true }),
                    standing => {
                        read.unknown += usize::from(standing == Standing::Unknown);
                        read.people.insert(id.clone(), item.record(id));
                    }
                }
            }
            progress.users.store(read.people.len() as u64, Relaxed);
            Ok(links(&answer.headers, page.len()))
        })
        .await?;
        Ok(read)
    }

    /// All groups, or those that changed or whose members changed after a time.
    pub(super) async fn groups(
        &self,
        since: Option<&str>,
        progress: &Progress,
    ) -> Result<GroupsRead, ConnectError> {
        let filter = since.map(|since| {
            format!("lastUpdated gt \"{since}\" or lastMembershipUpdated gt \"{since}\"")
        });
        let mut parameters = vec![("limit", "200")];
        parameters.extend(filter.as_deref().map(|filter| ("filter", filter)));
        let url = self.settings.api(&["groups"], &parameters);
        let mut groups = GroupsRead::new();
        self.whole_list(&url, wire::GROUPS, progress, |answer, first| {
            let page: Vec<GroupItem<'_>> = serde_json::from_slice(&answer.body)?;
            if first {
                groups.clear();
            }
            for item in &page {
                let stamp = item.last_membership_updated.get().map(str::to_owned);
                let everyone = item.is_everyone();
                let record = item.record(item.id());
                groups.insert(item.id(), GroupRead { record, everyone, stamp });
            }
            progress.groups.store(groups.len() as u64, Relaxed);
            Ok(links(&answer.headers, page.len()))
        })
        .await?;
        Ok(groups)
    }

    /// The members of many groups, several at a time.
    pub(super) async fn members_of(
        &self,
        groups: &[ProviderId],
        before: &Before,
        progress: &Progress,
    ) -> Result<Vec<(ProviderId, One<MemberSet>)>, ConnectError> {
        stream::iter(groups.iter().cloned())
            .map(|group| self.members_ids(group, before, progress))
            .buffer_unordered(ASKING)
            .try_collect()
            .await
    }

    /// The members of one group; of them no more than their ids is read.
    async fn members_ids(
        &self,
        group: ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<(ProviderId, One<MemberSet>), ConnectError> {
        let mut users = Vec::new();
        let read = self
            .members_pages((&group, wire::MEMBERS), before, progress, |body, first| {
                let page: Vec<MemberItem> = serde_json::from_slice(body)?;
                if first {
                    users.clear();
                }
                users.extend(page.iter().map(MemberItem::id));
                Ok(page.len())
            })
            .await?;
        Ok((group, read.map(|()| MemberSet { users, groups: Vec::new() })))
    }

    /// The members of one group, with their records.
    pub(super) async fn members_of_one(
        &self,
        group: ProviderId,
        progress: &Progress,
        people: &mut HashMap<ProviderId, PersonRecord>,
    ) -> Result<(ProviderId, One<MemberSet>), ConnectError> {
        let before = Before::default();
        let read = self
            .members_pages((&group, wire::WHOLE_MEMBERS), &before, progress, |body, first| {
                let page: Vec<UserItem<'_>> = serde_json::from_slice(body)?;
                if first {
                    people.clear();
                }
                let there = page.iter().filter(|item| item.standing() != Standing::Deactivated);
                people.extend(there.map(|item| (item.id(), item.record(item.id()))));
                Ok(page.len())
            })
            .await?;
        let users = people.keys().cloned().collect();
        Ok((group, read.map(|()| MemberSet { users, groups: Vec::new() })))
    }

    /// Reads all pages of a group's members. `page` gets the body and whether it is the first of a (new) start, and gives
    /// the number of members.
    async fn members_pages(
        &self,
        (group, list): (&ProviderId, What<'_>),
        before: &Before,
        progress: &Progress,
        mut page: impl FnMut(&[u8], bool) -> serde_json::Result<usize>,
    ) -> Result<One<()>, ConnectError> {
        let id = group.to_string();
        let what = Unread::Members(group.clone());
        let mut sizes = MEMBERS_SIZES.iter();
        let mut size = sizes.next().copied().unwrap_or_default();
        // With smaller pages it works soon, or not at all.
        let again = Before::new([what.clone()]);
        let mut before = before;
        loop {
            let url = self.settings.api(&["groups", &id, "users"], &[("limit", size)]);
            let mut count = 0;
            let read = self.whole_list(&url, list, progress, |answer, first| {
                let items = page(&answer.body, first)?;
                count = if first { items } else { count + items };
                Ok(links(&answer.headers, items))
            });
            match one(before, &what, read).await? {
                One::Read(()) => {
                    add(&progress.memberships, count);
                    add(&progress.groups_with_members, 1);
                    return Ok(One::Read(()));
                }
                // Deleted between the list of groups and now, or so it seems.
                One::Missing(error) => {
                    let there = one(before, &what, self.group_is_there(group)).await?;
                    return Ok(match there {
                        One::Missing(gone) => One::Missing(gone),
                        One::Read(_) | One::Unread(_) => One::Unread(error),
                    });
                }
                // Large groups fail at times when large pages are asked for.
                One::Unread(error) => match sizes.next() {
                    Some(smaller) if error.code() == Some("N-5XX") => {
                        (size, before) = (smaller, &again);
                    }
                    _ => return Ok(One::Unread(error)),
                },
            }
        }
    }

    /// Reads the members of some groups again.
    pub(crate) async fn members(
        &self,
        groups: &[ProviderId],
    ) -> Result<Vec<GroupMembers>, ConnectError> {
        let progress = Progress::default();
        let (everyone, others): (Vec<_>, Vec<_>) =
            groups.iter().cloned().partition(|group| self.is_everyone(group));
        let mut members: Vec<GroupMembers> = self
            .members_of(&others, &Before::default(), &progress)
            .await?
            .into_iter()
            .filter_map(|(group, set)| {
                let what = Unread::Members(group.clone());
                Some(complete(group, set.read_or_note(what, <Self as Api>::WHO)?))
            })
            .collect();
        if let Some(group) = everyone.into_iter().next().filter(|_| self.settings.expand_everyone) {
            let users = self.people(None, &progress).await?.people.into_keys().collect();
            members.push(complete(group, MemberSet { users, groups: Vec::new() }));
        }
        Ok(members)
    }

    /// Reads the System Log from a position, or from a time, to its present end.
    pub(super) async fn log(
        &self,
        position: Option<&str>,
        since: &str,
        progress: &Progress,
    ) -> Result<LogRead, ConnectError> {
        let wanted: Vec<String> =
            LOG_EVENTS.iter().map(|event| format!("eventType eq \"{event}\"")).collect();
        let parameters = [
            ("since", since),
            ("sortOrder", "ASCENDING"),
            ("limit", "1000"),
            ("filter", &wanted.join(" or ")),
        ];
        let first = self.settings.api(&["logs"], &parameters);
        let mut read = LogRead::default();
        let mut url = position.map_or(first, str::to_owned);
        loop {
            let ask = Ask::get(&url);
            let (items, next) = call(self, ask, wire::LOG, progress, |answer| {
                let page: Vec<LogItem<'_>> = serde_json::from_slice(&answer.body)?;
                for item in &page {
                    if item.is_deletion() {
                        read.deleted.extend(item.targets("User"));
                    }
                    read.groups.extend(item.targets("UserGroup"));
                }
                Ok((page.len(), next_link(&answer.headers)))
            })
            .await?;
            // The log always leads on, to what will come.
            let ended = items < LOG_SIZE || next.as_ref() == Some(&url);
            read.next.clone_from(&next);
            match next {
                Some(next) if !ended => url = next,
                _ => return Ok(read),
            }
        }
    }

    /// Reads what the System Log says of memberships since a time, the latest first, until `each` has enough.
    pub(super) async fn membership_log(
        &self,
        since: Millis,
        mut each: impl FnMut(MembershipEvent) -> bool,
    ) -> Result<(), ConnectError> {
        let since = written(since);
        let parameters = [
            ("since", since.as_str()),
            ("sortOrder", "DESCENDING"),
            ("limit", "1000"),
            (
                "filter",
                "eventType eq \"group.user_membership.add\" or eventType eq \"group.user_membership.remove\" or \
                 eventType eq \"user.lifecycle.deactivate\"",
            ),
        ];
        let mut url = self.settings.api(&["logs"], &parameters);
        for _ in 0..MEMBERSHIP_LOG_PAGES {
            let progress = Progress::default();
            let ask = Ask::get(&url);
            let (entries, next) = call(self, ask, wire::LOG, &progress, |answer| {
                let page: Vec<LogItem<'_>> = serde_json::from_slice(&answer.body)?;
                let entries: Vec<_> = page.iter().filter_map(LogItem::membership).collect();
                Ok((entries, next_link(&answer.headers)))
            })
            .await?;
            // What cannot be read of an entry might be that somebody came back.
            if !progress.odd().is_nothing() {
                return Ok(());
            }
            for entry in entries {
                if !each(entry) {
                    return Ok(());
                }
            }
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads all pages of a list. `page` gets the answer and whether it is the first of a (new) start.
    pub(super) async fn whole_list(
        &self,
        url: &str,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut page: impl FnMut(&Answer, bool) -> serde_json::Result<Links>,
    ) -> Result<(), ConnectError> {
        let what = what.into();
        let mut starts = 1;
        loop {
            let mut first = true;
            let read = follow(self, url.to_owned(), what, progress, |answer| {
                let links = page(answer, first)?;
                first = false;
                Ok(links)
            });
            match read.await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == Kind::PageExpired && starts < STARTS => starts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

pub(super) fn complete(group: ProviderId, members: MemberSet) -> GroupMembers {
    GroupMembers { group, listing: MembersListing::Complete(members) }
}

pub(super) fn links(headers: &HeaderMap, items: usize) -> Links {
    Links { next: next_link(headers), later: None, items }
}

/// The address of the next page: one of several headers, or one of several entries of one.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|value| {
        let mut rest = value;
        while let Some(start) = rest.find('<') {
            let (address, after) = rest[start + 1..].split_once('>')?;
            let end = after.find('<').unwrap_or(after.len());
            let is_next = after[..end]
                .split([';', ','])
                .filter_map(|parameter| parameter.split_once('='))
                .any(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
                });
            if is_next {
                return Some(address.to_owned());
            }
            rest = &after[end..];
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_found_in_either_form() {
        let of = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (LINK, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value);
            }
            next_link(&headers)
        };
        let (own, next) =
            (r#"<https://x/u?a=1,2>; rel="self""#, r#"<https://x/u?a=3>; rel="next""#);
        assert_eq!(of(&[own, next]).as_deref(), Some("https://x/u?a=3"));
        let joined = r#"<https://x/u?a=1,2>; rel="self", <https://x/u?a=3>; rel="next""#;
        assert_eq!(of(&[joined]).as_deref(), Some("https://x/u?a=3"));
        assert_eq!(of(&[own]), None);
        assert_eq!(of(&["nonsense", "<unclosed"]), None);
        assert_eq!(of(&[]), None);
    }
}
