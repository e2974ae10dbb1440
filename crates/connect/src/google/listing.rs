//! Complete lists: all people, all groups, all members of a group.
//!
//! Invariant: a list whose position expires is read again from its start; what was read of it before is
//! dropped.

use std::{
    collections::{HashMap, hash_map::RandomState},
    sync::atomic::Ordering::Relaxed,
};

use directory::{
    id::ProviderId,
    observation::{
        GroupMembers, GroupRecord, Member, MemberSet, MembersListing, PersonRecord, Unread, Verdict,
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::{
    Google, Turned,
    wire::{
        self, GROUP_FIELDS, Groups, IdItem, Listed, MEMBER_FIELDS, Members, USER_FIELDS, Users,
    },
};
use crate::{
    call::Api,
    error::ConnectError,
    progress::{Progress, add},
    unreadable::{Before, One, one},
};

/// Lists of members that are asked for side by side; the pace decides how many are in flight.
const ASKING: usize = 32;

/// All groups, with a sign of each that changes when its members may have.
pub(super) type GroupsRead = HashMap<ProviderId, (GroupRecord, String), RandomState>;

/// The members of one group.
#[derive(Debug, Default, Clone)]
pub(super) struct MembersRead {
    pub(super) members: MemberSet,
    /// Everybody in the organisation is a member.
    pub(super) everybody: bool,
    /// Members of other organisations.
    pub(super) outsiders: usize,
}

impl Google {
    /// Everybody, once each.
    pub(super) async fn people(
        &self,
        progress: &Progress,
    ) -> Result<HashMap<ProviderId, PersonRecord>, ConnectError> {
        let url = self.settings.directory_url(
            &["users"],
            &[
                ("customer", &self.settings.customer),
                ("maxResults", "500"),
                ("orderBy", "email"),
                ("projection", "basic"),
                ("fields", USER_FIELDS),
            ],
        );
        let mut people = HashMap::new();
        self.pages(&url, wire::USERS, progress, |bytes, first| {
            let page: Users<'_> = serde_json::from_slice(bytes)?;
            if first {
                people.clear();
            }
            for item in &page.users {
                people.insert(item.id.0.clone(), item.record(item.id.0.clone()));
            }
            progress.users.store(people.len() as u64, Relaxed);
            Ok(Turned { next: page.next_page_token, items: page.users.len() })
        })
        .await?;
        Ok(people)
    }

    /// All groups, once each.
    pub(super) async fn groups(&self, progress: &Progress) -> Result<GroupsRead, ConnectError> {
        let url = self.settings.directory_url(
            &["groups"],
            &[
                ("customer", &self.settings.customer),
                ("maxResults", "200"),
                ("fields", GROUP_FIELDS),
            ],
        );
        let mut groups = GroupsRead::default();
        self.pages(&url, wire::GROUPS, progress, |bytes, first| {
            let page: Groups<'_> = serde_json::from_slice(bytes)?;
            if first {
                groups.clear();
            }
            for item in &page.groups {
                let count = item.direct_members_count.as_deref().unwrap_or_default();
                let etag = item.etag.as_deref().unwrap_or_default();
                let etag: String = etag.chars().filter(char::is_ascii_alphanumeric).collect();
                let tail = etag.len().saturating_sub(8);
                let sign = format!("{count}.{}", &etag[tail..]);
                groups.insert(item.id.0.clone(), (item.record(item.id.0.clone()), sign));
            }
            progress.groups.store(groups.len() as u64, Relaxed);
            Ok(Turned { next: page.next_page_token, items: page.groups.len() })
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
    ) -> Result<Vec<(ProviderId, One<MembersRead>)>, ConnectError> {
        stream::iter(groups.iter().cloned())
            .map(|group| self.members_of_one(group, before, progress))
            .buffer_unordered(ASKING)
            .try_collect()
            .await
    }

    async fn members_of_one(
        &self,
        group: ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<(ProviderId, One<MembersRead>), ConnectError> {
        let id = group.to_string();
        let parameters = [("maxResults", "200"), ("fields", MEMBER_FIELDS)];
        let url = self.settings.directory_url(&["groups", &id, "members"], &parameters);
        let mut read = MembersRead::default();
        let what = Unread::Members(group.clone());
        let done = self.pages(&url, wire::MEMBERS, progress, |bytes, first| {
            let page: Members<'_> = serde_json::from_slice(bytes)?;
            if first {
                read = MembersRead::default();
            }
            for item in &page.members {
                match item.listed() {
                    Some(Listed::Member(Member::User(id))) => read.members.users.push(id),
                    Some(Listed::Member(Member::Group(id))) => read.members.groups.push(id),
                    Some(Listed::Everybody) => read.everybody = true,
                    Some(Listed::Outsider) => read.outsiders += 1,
                    None => {}
                }
            }
            Ok(Turned { next: page.next_page_token, items: page.members.len() })
        });
        let read = match one(before, &what, done).await? {
            One::Read(()) => {
                add(&progress.memberships, read.members.users.len() + read.members.groups.len());
                add(&progress.groups_with_members, 1);
                One::Read(read)
            }
            // Deleted between the list of groups and now, or so it seems.
            One::Missing(error) => match self.exists(&["groups", &id], &group).await {
                Verdict::Gone => One::Missing(error),
                Verdict::Exists | Verdict::Unlisted | Verdict::Unknown => One::Unread(error),
            },
            One::Unread(error) => One::Unread(error),
        };
        Ok((group, read))
    }

    /// Reads the members of some groups again. A group that has everybody is read with everybody.
    pub(crate) async fn members(
        &self,
        groups: &[ProviderId],
    ) -> Result<Vec<GroupMembers>, ConnectError> {
        let progress = Progress::default();
        let read = self.members_of(groups, &Before::default(), &progress).await?;
        let read: Vec<(ProviderId, MembersRead)> = read
            .into_iter()
            .filter_map(|(group, read)| {
                let what = Unread::Members(group.clone());
                Some((group, read.read_or_note(what, <Self as Api>::WHO)?))
            })
            .collect();
        let everybody = read.iter().any(|(_, read)| read.everybody);
        let people = if everybody && self.settings.expand_everyone {
            self.people(&progress).await?.into_keys().collect()
        } else {
            Vec::new()
        };
        let complete = |(group, read): (ProviderId, MembersRead)| {
            let members = self.expanded(read, &people);
            GroupMembers { group, listing: MembersListing::Complete(members) }
        };
        Ok(read.into_iter().map(complete).collect())
    }

    /// The members, with everybody in the place of "everybody" if that is wanted.
    pub(super) fn expanded(&self, read: MembersRead, people: &[ProviderId]) -> MemberSet {
        let mut members = read.members;
        if read.everybody && self.settings.expand_everyone {
            members.users.extend_from_slice(people);
            members.users.sort_unstable();
            members.users.dedup();
        }
        members
    }

    /// Whether there is a first object at all in a list, asked for with as little as possible.
    pub(super) async fn first(
        &self,
        segments: &[&str],
        parameters: &[(&str, &str)],
        list: &'static str,
    ) -> Result<Option<String>, ConnectError> {
        let mut all = vec![("maxResults", "1")];
        all.extend(parameters);
        let url = self.settings.directory_url(segments, &all);
        self.get(&url, "the first object", &Progress::default(), |bytes| {
            let document: serde_json::Value = serde_json::from_slice(bytes)?;
            let first = document.get(list).and_then(|list| list.get(0)).cloned();
            let item = first.and_then(|first| IdItem::deserialize(first).ok());
            Ok(item.map(|item| item.id.0.to_string()))
        })
        .await
    }
}
