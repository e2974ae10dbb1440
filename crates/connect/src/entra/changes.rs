//! Lists of changes: a round is read to its end and accumulated, since objects and members come in pieces,
//! repeatedly and in any order.
//!
//! Invariant: within a round the last word about an object or a membership counts.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use directory::{
    id::ProviderId,
    observation::{GroupRecord, Listing, Member, MemberSet, PersonRecord, Removed, Unread},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Entra,
    listing::links,
    pull::WHO,
    wire::{self, GROUP_SELECT, GroupItem, Page, Removal, USER_SELECT, UserItem},
};
use crate::{
    call::Links,
    error::{ConnectError, Kind},
    odd::What,
    progress::{Progress, add},
    unreadable::{Asked, Before, One, Part, Unreads, one},
};

/// How often a round is read from its start when its position within expires.
const ROUNDS: u32 = 3;

/// Objects that are read again side by side.
const ASKING: usize = 16;

/// What a round said about one object.
#[derive(Debug)]
pub(super) enum Word<R> {
    /// It is so now.
    Put(R),
    /// Something changed, and the item does not say what it is now.
    Partial,
    /// It is gone.
    Gone {
        /// It can come back under its id.
        restorable: bool,
    },
}

/// What a round said about a group's members: whether each is in it now.
pub(super) type MemberWords = HashMap<Member, bool>;

/// A round of changes of people.
#[derive(Debug, Default)]
pub(super) struct PeopleRound {
    pub(super) words: HashMap<ProviderId, Word<PersonRecord>>,
    pub(super) link: String,
}

/// A round of changes of groups and members.
#[derive(Debug, Default)]
pub(super) struct GroupsRound {
    pub(super) words: HashMap<ProviderId, Word<GroupRecord>>,
    pub(super) members: HashMap<ProviderId, MemberWords>,
    pub(super) link: String,
}

impl Entra {
    /// The links to all changes from now on.
    pub(super) async fn links_from_now(
        &self,
        progress: &Progress,
    ) -> Result<(String, String), ConnectError> {
        let users = self
            .settings
            .graph_url(&format!("users/delta?$select={USER_SELECT}&$deltatoken=latest"));
        let groups = self
            .settings
            .graph_url(&format!("groups/delta?$select={GROUP_SELECT},members&$deltatoken=latest"));
        tokio::try_join!(
            self.link_from_now(users, "changes of users".into(), progress),
            self.link_from_now(groups, "changes of groups".into(), progress)
        )
    }

    async fn link_from_now(
        &self,
        url: String,
        what: What<'_>,
        progress: &Progress,
    ) -> Result<String, ConnectError> {
        let link = self.pages(url, what, progress, |bytes| {
            let page: Page<'_, serde::de::IgnoredAny> = serde_json::from_slice(bytes)?;
            Ok(links(page.next, page.delta, page.value.len()))
        });
        link.await?.ok_or_else(|| no_link(what.name))
    }

    /// What changed about people since a link was given.
    pub(super) async fn people_since(
        &self,
        link: &str,
        progress: &Progress,
    ) -> Result<PeopleRound, ConnectError> {
        let read =
            self.round(link, wire::USER_CHANGES, progress, |round: &mut PeopleRound, bytes| {
                let page: Page<'_, UserItem<'_>> = serde_json::from_slice(bytes)?;
                for item in &page.value {
                    round.add(item);
                }
                progress.users.store(round.words.len() as u64, Relaxed);
                Ok(links(page.next, page.delta, page.value.len()))
            });
        let (mut round, link) = read.await?;
        round.link = link;
        Ok(round)
    }

    /// What changed about groups and members since a link was given.
    pub(super) async fn groups_since(
        &self,
        link: &str,
        progress: &Progress,
    ) -> Result<GroupsRound, ConnectError> {
        let read =
            self.round(link, wire::GROUP_CHANGES, progress, |round: &mut GroupsRound, bytes| {
                let page: Page<'_, GroupItem<'_>> = serde_json::from_slice(bytes)?;
                for item in &page.value {
                    add(&progress.memberships, item.members.len());
                    round.add(item);
                }
                progress.groups.store(round.words.len() as u64, Relaxed);
                Ok(links(page.next, page.delta, page.value.len()))
            });
        let (mut round, link) = read.await?;
        round.link = link;
        Ok(round)
    }

    /// Reads a round to its end, from its start again when a position within expires; gives it with the link
    /// to later changes.
    async fn round<R: Default>(
        &self,
        link: &str,
        what: What<'_>,
        progress: &Progress,
        mut page: impl FnMut(&mut R, &[u8]) -> serde_json::Result<Links>,
    ) -> Result<(R, String), ConnectError> {
        let mut starts = 1;
        loop {
            let mut round = R::default();
            match self.pages(link.to_owned(), what, progress, |bytes| page(&mut round, bytes)).await
            {
                Ok(Some(later)) => return Ok((round, later)),
                Ok(None) => return Err(no_link(what.name)),
                Err(error) if error.kind == Kind::PageExpired && starts < ROUNDS => starts += 1,
                Err(error) => return Err(expired(error)),
            }
        }
    }

    /// Reads the people again of whom the round only said that something changed.
    pub(super) async fn complete_people(
        &self,
        round: &mut PeopleRound,
        unread: (&Before, &mut Unreads),
        progress: &Progress,
    ) -> Result<(), ConnectError> {
        let partial = partial(&round.words);
        let found: Vec<One<PersonRecord>> = stream::iter(partial.iter().cloned())
            .map(|id| self.read_person(id, unread.0, progress))
            .buffered(ASKING)
            .try_collect()
            .await?;
        take(&mut round.words, &partial, found, (unread.1, Unread::Person));
        let (ids, before) = (partial.as_slice(), unread.0);
        unread.1.judge(&Asked { ids, part: Part::Some, before, who: WHO }, |_| None)
    }

    /// Reads the groups again of which the round only said that something changed.
    pub(super) async fn complete_groups(
        &self,
        round: &mut GroupsRound,
        unread: (&Before, &mut Unreads),
        progress: &Progress,
    ) -> Result<(), ConnectError> {
        let partial = partial(&round.words);
        let found: Vec<One<GroupRecord>> = stream::iter(partial.iter().cloned())
            .map(|id| self.read_group(id, unread.0, progress))
            .buffered(ASKING)
            .try_collect()
            .await?;
        take(&mut round.words, &partial, found, (unread.1, Unread::Group));
        let (ids, before) = (partial.as_slice(), unread.0);
        unread.1.judge(&Asked { ids, part: Part::Some, before, who: WHO }, |_| None)
    }

    pub(super) async fn read_person(
        &self,
        id: ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<One<PersonRecord>, ConnectError> {
        let url = self.settings.graph_url(&format!("users/{id}?$select={USER_SELECT}"));
        let read = self.get(&url, wire::ONE_USER, progress, |bytes| {
            let item: UserItem<'_> = serde_json::from_slice(bytes)?;
            Ok(item.record(id.clone()))
        });
        one(before, &Unread::Person(id.clone()), read).await
    }

    async fn read_group(
        &self,
        id: ProviderId,
        before: &Before,
        progress: &Progress,
    ) -> Result<One<GroupRecord>, ConnectError> {
        let url = self.settings.graph_url(&format!("groups/{id}?$select={GROUP_SELECT}"));
        let read = self.get(&url, wire::ONE_GROUP, progress, |bytes| {
            let item: GroupItem<'_> = serde_json::from_slice(bytes)?;
            Ok(item.record(id.clone()))
        });
        one(before, &Unread::Group(id.clone()), read).await
    }
}

/// The objects of which only is known that something changed.
fn partial<R>(words: &HashMap<ProviderId, Word<R>>) -> Vec<ProviderId> {
    let partial = words.iter().filter(|(_, word)| matches!(word, Word::Partial));
    partial.map(|(id, _)| id.clone()).collect()
}

/// Takes what was found when objects were read again. One that is not there any more was deleted meanwhile, as the next
/// round will tell.
fn take<R>(
    words: &mut HashMap<ProviderId, Word<R>>,
    ids: &[ProviderId],
    found: Vec<One<R>>,
    (unread, what): (&mut Unreads, fn(ProviderId) -> Unread),
) {
    for (id, found) in ids.iter().zip(found) {
        let word = match found {
            One::Read(record) => Word::Put(record),
            One::Missing(_) => Word::Gone { restorable: true },
            One::Unread(error) => {
                unread.add(what(id.clone()), error);
                continue;
            }
        };
        words.insert(id.clone(), word);
    }
}

impl PeopleRound {
    fn add(&mut self, item: &UserItem<'_>) {
        let id = item.id.0.clone();
        let word = match &item.removed {
            Some(removal) => gone(removal),
            // A sign-in name is never absent; an item without one tells only that something changed.
            None if item.partial || item.user_principal_name.is_none() => Word::Partial,
            None => Word::Put(item.record(id.clone())),
        };
        keep(&mut self.words, id, word);
    }
}

impl GroupsRound {
    fn add(&mut self, item: &GroupItem<'_>) {
        let id = item.id.0.clone();
        if let Some(removal) = &item.removed {
            self.members.remove(&id);
            self.words.insert(id, gone(removal));
            return;
        }
        if !item.members.is_empty() {
            let words = self.members.entry(id.clone()).or_default();
            for member in &item.members {
                if let Some(who) = member.member() {
                    words.insert(who, member.removed.is_none());
                }
            }
        }
        if item.display_name.is_some() {
            keep(&mut self.words, id.clone(), Word::Put(item.record(id)));
        } else if item.partial || !item.is_piece() {
            keep(&mut self.words, id, Word::Partial);
        }
    }
}

/// Keeps the last word; an item that does not say what the object is now does not replace one that does.
fn keep<R>(words: &mut HashMap<ProviderId, Word<R>>, id: ProviderId, word: Word<R>) {
    let superseded = matches!(word, Word::Partial) && matches!(words.get(&id), Some(Word::Partial));
    if !superseded {
        words.insert(id, word);
    }
}

fn gone<R>(removal: &Removal<'_>) -> Word<R> {
    Word::Gone { restorable: removal.restorable() }
}

/// The words of a round as a listing of what changed.
pub(super) fn listing<R>(words: HashMap<ProviderId, Word<R>>) -> Listing<R> {
    let (mut put, mut removed) = (Vec::new(), Vec::new());
    for (id, word) in words {
        match word {
            Word::Put(record) => put.push(record),
            Word::Gone { restorable } => removed.push(Removed { id, restorable }),
            Word::Partial => {}
        }
    }
    Listing::Delta { put, removed }
}

/// Members that came and members that went.
pub(super) fn member_sets(words: MemberWords) -> (MemberSet, MemberSet) {
    let (mut added, mut removed) = (MemberSet::default(), MemberSet::default());
    for (member, there) in words {
        let set = if there { &mut added } else { &mut removed };
        match member {
            Member::User(id) => set.users.push(id),
            Member::Group(id) => set.groups.push(id),
        }
    }
    (added, removed)
}

fn no_link(what: &str) -> ConnectError {
    let text = "a list of changes ended without saying where later changes are; it was not used";
    ConnectError::new(Kind::Protocol, "N-TRUNC", text).during(what)
}

/// A round that cannot be read from its start is as good as an expired position.
fn expired(mut error: ConnectError) -> ConnectError {
    if error.kind == Kind::PageExpired {
        error.kind = Kind::CursorExpired;
    }
    error
}
