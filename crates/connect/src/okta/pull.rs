//! A pull: everything, or what changed (`protocols/providers.md` C3).
//!
//! Invariants: what is said to be complete was read to its last page in this pull; a deactivated person is one who
//! left; what the System Log says is a hint that is asked about, never believed.

use directory::counted::{agreeing, counted};
use std::collections::{BTreeMap, BTreeSet};

use directory::{
    id::ProviderId,
    observation::{
        Cursor, GroupMembers, Listing, MemberSet, MembersListing, Observation, PersonRecord,
        Removed, Unread,
    },
};

use super::{
    Okta,
    cursor::{Position, Reading},
    limits::Bucket,
    listing::{GroupsRead, LogRead, PeopleRead, complete},
};
use crate::{
    call::Api,
    error::{ConnectError, Kind},
    notes,
    odd::Mirrored,
    progress::Progress,
    scope::{self, Scope},
    turns,
    unreadable::{Asked, Before, One, Part, Unreads},
};

/// Requests a minute for members, where the vendor has not told yet.
pub(super) const USUAL_PER_MINUTE: u32 = 250;

impl Okta {
    pub(crate) async fn pull(
        &self,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        let scoped = self.settings.scope != Scope::Everything;
        let cursor = cursor.filter(|_| !scoped);
        let position = cursor.and_then(|cursor| Position::read(&self.settings, cursor));
        let mut observation = match &position {
            _ if scoped => scope::read(self, progress).await?,
            Some(position) => self.since(position, progress).await?,
            None => self.everything(progress).await?,
        };
        if cursor.is_some() && position.is_none() {
            let note = "the settings are others than before: everything was read";
            observation.notes.push(note.to_owned());
        }
        notes::add(&mut observation, "Okta", self.http.skew_ms(), progress);
        Ok(observation)
    }

    /// Everything there is.
    async fn everything(&self, progress: &Progress) -> Result<Observation, ConnectError> {
        let begun = self.http.now();
        let groups_and_members = async {
            let groups = self.groups(None, progress).await?;
            // A group that is kept as it was has members all the same. One of these may be the group of everybody.
            let unread: Vec<ProviderId> = progress.odd().unread_groups().cloned().collect();
            let may_be_read = self.settings.expand_everyone || self.everyone().is_some();
            let unread = unread.into_iter().filter(|id| may_be_read && !self.is_everyone(id));
            let readable = groups.iter().filter(|(_, group)| !group.everyone);
            let others: Vec<ProviderId> =
                readable.map(|(id, _)| id.clone()).chain(unread).collect();
            let members = self.members_of(&others, &Before::default(), progress).await?;
            Ok((groups, members, others))
        };
        let (people, (mut groups, read, asked)) =
            tokio::try_join!(self.people(None, progress), groups_and_members)?;
        let mut unread = Unreads::default();
        let (mut members, turned) = Self::members_read(read, &mut groups, &mut unread);
        let label = |id: &ProviderId| groups.get(id).map(|group| group.record.label());
        let (part, before, who) = (Part::Whole, &Before::default(), <Self as Api>::WHO);
        unread.judge(&Asked { ids: &asked, part, before, who }, label)?;
        members.extend(self.everybody(&groups, &people.people));
        self.know(&groups);
        let mut notes = people_notes(&people);
        let position = Position::next(
            &self.settings,
            None,
            self.reading(begun),
            (&groups, &turned, &unread),
            (String::new(), None, true),
        );
        if people.people.is_empty() {
            notes.push(
                "Okta showed no users at all: does the app or the token have the role Read-only Administrator? [O-ROLE]"
                    .to_owned(),
            );
        }
        Ok(Observation {
            people: Listing::Complete(people.people.into_values().collect()),
            groups: Listing::Complete(groups.into_values().map(|group| group.record).collect()),
            members,
            everything: true,
            cursor: position.cursor(),
            notes,
            unreadable: unread.told(<Self as Api>::WHO),
            ..Observation::default()
        })
    }

    /// What changed since a position.
    async fn since(
        &self,
        position: &Position,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        let begun = self.http.now();
        let mut notes = Vec::new();
        let log = self.log_since(position, progress, &mut notes).await?;
        let all_people = log.is_none() && position.listing_due(begun);
        let all_groups = log.is_none() || self.known().is_empty();
        let since = position.since();
        let (people, mut groups) = tokio::try_join!(
            self.people((!all_people).then_some(since.as_str()), progress),
            self.groups((!all_groups).then_some(since.as_str()), progress)
        )?;
        if all_groups {
            self.know(&groups);
        } else {
            self.know_more(&groups);
        }
        let hints = log.unwrap_or_default();
        let (due, after) = self.due(position, &groups, &hints, begun);
        let (before, mut unread) = (Before::new(position.unread()), Unreads::default());
        let read = self.members_of(&due, &before, progress).await?;
        let is_missing = |set: &One<MemberSet>| matches!(set, One::Missing(_));
        let nowhere: Vec<ProviderId> =
            read.iter().filter(|(_, set)| is_missing(set)).map(|(id, _)| id.clone()).collect();
        let (mut members, turned) = Self::members_read(read, &mut groups, &mut unread);
        let all = due.len() >= self.known().len();
        let label = |id: &ProviderId| groups.get(id).map(|group| group.record.label());
        let part = if all { Part::Whole } else { Part::Some };
        unread
            .judge(&Asked { ids: &due, part, before: &before, who: <Self as Api>::WHO }, label)?;
        members.extend(self.everybody_since(&people.people));
        notes.extend(people_notes(&people));
        let mut removed = people.gone;
        let said: BTreeSet<&ProviderId> = removed.iter().map(|one| &one.id).collect();
        let to_do = position.unread().filter_map(|what| match what {
            Unread::Person(id) => Some(id),
            Unread::Group(_) | Unread::Members(_) | Unread::Memberships(_) => None,
        });
        let hinted: BTreeSet<ProviderId> =
            hints.deleted.into_iter().chain(to_do).filter(|id| !said.contains(id)).collect();
        removed.extend(self.deleted(hinted, &before, &mut unread).await?);
        let next = Position::next(
            &self.settings,
            Some(position),
            self.reading(begun),
            (&groups, &turned, &unread),
            (after, hints.next, all_people),
        );
        let put: Vec<PersonRecord> = people.people.into_values().collect();
        let overlooked = |kind| progress.odd().overlooked(kind);
        let lost_changes = !all_people && overlooked(Mirrored::People)
            || !all_groups && overlooked(Mirrored::Groups);
        let groups_put: Vec<_> = groups.into_values().map(|group| group.record).collect();
        Ok(Observation {
            people: if all_people {
                Listing::Complete(put)
            } else {
                Listing::Delta { put, removed }
            },
            groups: if all_groups {
                Listing::Complete(groups_put)
            } else {
                let gone = |id| Removed { id, restorable: false };
                let removed: Vec<Removed> = nowhere.into_iter().map(gone).collect();
                self.forget(&removed);
                Listing::Delta { put: groups_put, removed }
            },
            members,
            cursor: next.cursor(),
            notes,
            unreadable: unread.told(<Self as Api>::WHO),
            lost_changes,
            ..Observation::default()
        })
    }

    /// What the System Log tells since a position; `None` where it may not be read.
    async fn log_since(
        &self,
        position: &Position,
        progress: &Progress,
        notes: &mut Vec<String>,
    ) -> Result<Option<LogRead>, ConnectError> {
        if !self.log_readable() {
            return Ok(None);
        }
        let since = position.since();
        let mut read = self.log(position.log.as_deref(), &since, progress).await;
        if position.log.is_some()
            && read.as_ref().is_err_and(|e| matches!(e.kind, Kind::PageExpired | Kind::Protocol))
        {
            read = self.log(None, &since, progress).await;
        }
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error)
                if matches!(error.kind, Kind::Refused | Kind::PageExpired | Kind::Protocol) =>
            {
                self.log_refused();
                notes.push(format!(
                    "the System Log may not be read, so people who were deleted for good are found by a complete list \
                     once an hour: {error}"
                ));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The groups whose members are to be read now, and the last that had its turn.
    fn due(
        &self,
        position: &Position,
        groups: &GroupsRead,
        hints: &LogRead,
        now: directory::id::Millis,
    ) -> (Vec<ProviderId>, String) {
        let known = self.known();
        let ids: BTreeMap<String, ProviderId> =
            known.iter().map(|id| (id.to_string(), id.clone())).collect();
        let per_minute = self.limits.per_minute(Bucket::Members).unwrap_or(USUAL_PER_MINUTE);
        let budget = turns::budget(per_minute, self.settings.members_share, position.pause_ms(now));
        let (turn, after) = turns::next(&ids, &position.after, budget);
        let mut due: BTreeSet<ProviderId> = position.changed(groups).collect();
        due.extend(hints.groups.iter().cloned());
        due.extend(turn);
        due.extend(position.unread().filter_map(|what| match what {
            Unread::Members(id) => Some(id),
            Unread::Person(_) | Unread::Group(_) | Unread::Memberships(_) => None,
        }));
        due.retain(|group| !self.is_everyone(group));
        (due.into_iter().collect(), after)
    }

    /// Members that were read, and of which groups; groups that were deleted while we read are dropped.
    fn members_read(
        read: Vec<(ProviderId, One<MemberSet>)>,
        groups: &mut GroupsRead,
        unread: &mut Unreads,
    ) -> (Vec<GroupMembers>, Vec<ProviderId>) {
        let mut members = Vec::with_capacity(read.len());
        let mut turned = Vec::with_capacity(read.len());
        for (group, set) in read {
            match set {
                One::Read(set) => {
                    turned.push(group.clone());
                    members.push(complete(group, set));
                }
                One::Missing(_) => {
                    groups.remove(&group);
                }
                One::Unread(error) => unread.add(Unread::Members(group), error),
            }
        }
        (members, turned)
    }

    /// The group of everybody, filled without asking for its members.
    fn everybody<'a>(
        &self,
        groups: &GroupsRead,
        people: impl IntoIterator<Item = (&'a ProviderId, &'a PersonRecord)>,
    ) -> Option<GroupMembers> {
        let (id, _) = groups.iter().find(|(_, group)| group.everyone)?;
        self.settings.expand_everyone.then(|| {
            let users = people.into_iter().map(|(id, _)| id.clone()).collect();
            complete(id.clone(), MemberSet { users, groups: Vec::new() })
        })
    }

    /// Whoever is new is in the group of everybody too.
    fn everybody_since<'a>(
        &self,
        people: impl IntoIterator<Item = (&'a ProviderId, &'a PersonRecord)>,
    ) -> Option<GroupMembers> {
        let group = self.everyone().filter(|_| self.settings.expand_everyone)?;
        let users: Vec<ProviderId> = people.into_iter().map(|(id, _)| id.clone()).collect();
        let added = MemberSet { users, groups: Vec::new() };
        (!added.users.is_empty()).then(|| GroupMembers {
            group,
            listing: MembersListing::Delta { added, removed: MemberSet::default() },
        })
    }

    fn reading(&self, begun: directory::id::Millis) -> Reading {
        Reading { begun, vendor_begun: begun.plus(self.http.skew_ms()) }
    }

    /// Groups that are gone have no turn any more.
    fn forget(&self, removed: &[Removed]) {
        if !removed.is_empty() {
            let gone: BTreeSet<&ProviderId> = removed.iter().map(|one| &one.id).collect();
            self.retain_known(|id| !gone.contains(id));
        }
    }
}

fn people_notes(read: &PeopleRead) -> Vec<String> {
    let mut notes = Vec::new();
    if read.unknown > 0 {
        notes.push(format!(
            "{} {} a status that this version does not know, and {} as inactive",
            counted(read.unknown, "person"),
            agreeing(read.unknown, "has", "have"),
            agreeing(read.unknown, "counts", "count")
        ));
    }
    notes
}
