//! Complete lists: all people, all groups, all members of a group.
//!
//! Invariant: a list whose position expires, or whose page is too large, is read again from its start; what
//! was read of it before is dropped.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use directory::{
    id::ProviderId,
    observation::{
        GroupMembers, GroupRecord, Member, MemberSet, MembersListing, PersonRecord, Unread,
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Entra, SPEED,
    pull::WHO,
    wire::{self, GROUP_SELECT, GroupItem, IdItem, MemberItem, Page, Text, USER_SELECT, UserItem},
};
use crate::{
    call::Links,
    error::{ConnectError, Kind},
    odd::What,
    progress::{Progress, add},
    unreadable::{Before, One, one},
};

/// Items of a page that are asked for: the vendor's maximum, and what it gives when it gives less.
const PAGE_SIZES: [u32; 4] = [999, 500, 120, 100];
/// How often a list is read from its start.
const STARTS: u32 = 5;

/// The permission that shows the members of groups with hidden membership. None of the larger ones is sure to, and
/// without it such a group's list may come empty instead of refused.
const HIDDEN_ROLE: &str = "Member.Read.Hidden";

/// Members as they were read.
type Read = (ProviderId, One<MemberSet>);

impl Entra {
    /// Everybody, once each.
    pub(super) async fn people(
        &self,
        progress: &Progress,
    ) -> Result<HashMap<ProviderId, PersonRecord>, ConnectError> {
        let mut people = HashMap::new();
        let path = format!("users?$select={USER_SELECT}");
        self.whole_list(&path, wire::USERS, progress, |bytes, first| {
            let page: Page<'_, UserItem<'_>> = serde_json::from_slice(bytes)?;
            if first {
                people.clear();
            }
            for item in &page.value {
                people.insert(item.id.0.clone(), item.record(item.id.0.clone()));
            }
            progress.users.store(people.len() as u64, Relaxed);
            Ok(links(page.next, None, page.value.len()))
        })
        .await?;
        Ok(people)
    }

    /// All groups, once each.
    pub(super) async fn groups(
        &self,
        progress: &Progress,
    ) -> Result<HashMap<ProviderId, GroupRecord>, ConnectError> {
        let mut groups = HashMap::new();
        let path = format!("groups?$select={GROUP_SELECT}");
        self.whole_list(&path, wire::GROUPS, progress, |bytes, first| {
            let page: Page<'_, GroupItem<'_>> = serde_json::from_slice(bytes)?;
            if first {
                groups.clear();
            }
            for item in &page.value {
                groups.insert(item.id.0.clone(), item.record(item.id.0.clone()));
            }
            progress.groups.store(groups.len() as u64, Relaxed);
            Ok(links(page.next, None, page.value.len()))
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
    ) -> Result<Vec<Read>, ConnectError> {
        // Twice as many as may be in flight, so that the pace alone decides.
        stream::iter(groups.iter().cloned())
            .map(|group| self.members_of_one(group, before, progress))
            .buffer_unordered(2 * SPEED.most as usize)
            .try_collect()
            .await
    }

    async fn members_of_one(
        &self,
        group: ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<Read, ConnectError> {
        let mut members = MemberSet::default();
        let path = format!("groups/{group}/members?$select=id");
        let own = Progress::default();
        let what = Unread::Members(group.clone());
        let read = self.whole_list(&path, wire::MEMBERS, &own, |bytes, first| {
            let page: Page<'_, MemberItem<'_>> = serde_json::from_slice(bytes)?;
            if first {
                members = MemberSet::default();
            }
            for item in &page.value {
                match item.member() {
                    Some(Member::User(id)) => members.users.push(id),
                    Some(Member::Group(id)) => members.groups.push(id),
                    None => {}
                }
            }
            Ok(links(page.next, None, page.value.len()))
        });
        let read = one(before, &what, read).await;
        if own.lost_some() {
            own.odd().read_in_part(&group);
        }
        progress.absorb_requests(&own);
        let read = match read? {
            One::Read(()) => {
                add(&progress.memberships, members.users.len() + members.groups.len());
                add(&progress.groups_with_members, 1);
                One::Read(members)
            }
            // Deleted between the list of groups and now, or so it seems.
            One::Missing(error) => match self.group_is_there(&group, before, progress).await? {
                One::Missing(gone) => One::Missing(gone),
                One::Read(()) | One::Unread(_) => One::Unread(error),
            },
            One::Unread(error) => One::Unread(error),
        };
        Ok((group, read))
    }

    async fn group_is_there(
        &self,
        group: &ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<One<()>, ConnectError> {
        let url = self.settings.graph_url(&format!("groups/{group}?$select=id"));
        let read = self.get(&url, "a group", progress, |bytes| {
            serde_json::from_slice::<IdItem>(bytes).map(drop)
        });
        one(before, &Unread::Members(group.clone()), read).await
    }

    /// Reads a list with the largest page that Graph gives at present. `page` gets the body and whether it
    /// is the first page of a (new) start.
    pub(super) async fn whole_list(
        &self,
        path: &str,
        what: impl Into<What<'_>>,
        progress: &Progress,
        mut page: impl FnMut(&[u8], bool) -> serde_json::Result<Links>,
    ) -> Result<(), ConnectError> {
        let what = what.into();
        let mut starts = 1;
        loop {
            let size = self.page_size.load(Relaxed);
            let url = format!("{}&$top={}", self.settings.graph_url(path), PAGE_SIZES[size]);
            let mut first = true;
            let read = self.pages(url, what, progress, |bytes| {
                let links = page(bytes, first)?;
                first = false;
                Ok(links)
            });
            let Err(error) = read.await else { return Ok(()) };
            match error.kind {
                Kind::PageSize if size + 1 < PAGE_SIZES.len() => {
                    self.page_size.fetch_max(size + 1, Relaxed);
                }
                Kind::PageExpired if starts < STARTS => starts += 1,
                _ => return Err(error),
            }
        }
    }

    /// Whether the token shows the members of groups that hide them.
    pub(super) async fn shows_hidden(&self, progress: &Progress) -> Result<bool, ConnectError> {
        let token = self.tokens.get(&self.http, progress).await?;
        let roles = token.said.roles.unwrap_or_default();
        Ok(roles.iter().any(|role| role == HIDDEN_ROLE))
    }

    /// Reads the members of some groups again.
    pub(crate) async fn members(
        &self,
        groups: &[ProviderId],
    ) -> Result<Vec<GroupMembers>, ConnectError> {
        let read = self.members_of(groups, &Before::default(), &Progress::default()).await?;
        let complete = |(group, members): Read| {
            let members = members.read_or_note(Unread::Members(group.clone()), WHO)?;
            let listing = MembersListing::Complete(members);
            Some(GroupMembers { group, listing })
        };
        Ok(read.into_iter().filter_map(complete).collect())
    }
}

pub(super) fn links(next: Option<Text<'_>>, later: Option<Text<'_>>, items: usize) -> Links {
    Links {
        next: next.map(|text| text.0.into_owned()),
        later: later.map(|text| text.0.into_owned()),
        items,
    }
}
