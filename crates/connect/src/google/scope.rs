//! Reading only chosen groups and their people.

use std::collections::HashMap;

use directory::{
    id::ProviderId,
    observation::{Attribute, GroupRecord, Member, MemberSet, PersonRecord, Unread, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Google,
    wire::{self, GroupItem, UserItem},
};
use crate::{
    error::{ConnectError, Kind},
    progress::{Progress, add},
    scope::{self, LastScope, Reader, Roots, RootsNow, Scope},
    unreadable::{Before, One, Unreads, one},
};

/// So many people are asked for one by one; more come with the list of everybody, 500 on a page.
const ONE_BY_ONE: usize = 200;
/// Requests for single objects side by side.
const ASKING: usize = 16;

impl Reader for Google {
    const WHO: &'static str = "Google";

    async fn roots(&self, progress: &Progress) -> Result<Roots, ConnectError> {
        let Scope::Groups(chosen) = &self.settings.scope else { return Ok(Roots::default()) };
        let groups = self.groups(progress).await?.into_iter().map(|(id, (group, _))| (id, group));
        let mut groups: HashMap<ProviderId, GroupRecord> = groups.collect();
        let all: Vec<String> = groups.values().flat_map(|group| self.names(group)).collect();
        let notes = chosen.missing(all.iter().map(String::as_str));
        groups.retain(|_, group| chosen.has_group(self, group));
        Ok(Roots { groups, nested: true, members: true, notes, ..Roots::default() })
    }

    async fn members_in_scope(
        &self,
        groups: &[ProviderId],
        people: &mut HashMap<ProviderId, PersonRecord>,
        progress: &Progress,
    ) -> Result<Vec<(ProviderId, One<MemberSet>)>, ConnectError> {
        let read = self.members_of(groups, &Before::default(), progress).await?;
        let everybody = |set: &One<super::listing::MembersRead>| {
            self.settings.expand_everyone && matches!(set, One::Read(set) if set.everybody)
        };
        if read.iter().any(|(_, set)| everybody(set)) {
            people.extend(self.people(progress).await?);
            self.everybody().extend(
                read.iter()
                    .filter(|(_, set)| everybody(set))
                    .map(|(group, _)| (group.clone(), String::new())),
            );
        }
        let all: Vec<ProviderId> = people.keys().cloned().collect();
        let expanded = |set: super::listing::MembersRead| self.expanded(set, &all);
        Ok(read.into_iter().map(|(group, set)| (group, set.map(expanded))).collect())
    }

    async fn people_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError> {
        if ids.len() > ONE_BY_ONE {
            let mut everybody = self.people(progress).await?;
            return Ok(ids.iter().filter_map(|id| everybody.remove(id)).collect());
        }
        let found: Vec<(Unread, One<PersonRecord>)> = stream::iter(ids)
            .map(|id| async move {
                let (text, fields) = (id.to_string(), Self::user_fields());
                let url = self.settings.directory_url(&["users", &text], &[("fields", fields)]);
                let read = self.get(&url, wire::ONE_USER, progress, |bytes| {
                    let item: UserItem<'_> = serde_json::from_slice(bytes)?;
                    Ok(item.record(id.clone()))
                });
                let what = Unread::Person(id.clone());
                let found = one(&Before::default(), &what, read).await?;
                Ok::<_, ConnectError>((what, found))
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await?;
        let records = unread.take(found);
        add(&progress.users, records.len());
        Ok(records)
    }

    async fn groups_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<GroupRecord>, ConnectError> {
        let found: Vec<(Unread, One<GroupRecord>)> = stream::iter(ids)
            .map(|id| async move {
                let what = Unread::Group(id.clone());
                let read = self.group_record(&id, progress);
                let found = one(&Before::default(), &what, read).await?;
                Ok::<_, ConnectError>((what, found))
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await?;
        Ok(unread.take(found))
    }

    async fn group_alone(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Option<GroupRecord>, ConnectError> {
        match self.group_record(id, progress).await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn names(&self, group: &GroupRecord) -> Vec<String> {
        let get = |attribute| group.attributes.get(attribute).map(str::to_owned);
        let (name, mail) = (get(Attribute::DisplayName), get(Attribute::Mail));
        let all = [Some(group.id.to_string()), name, mail, get(Attribute::MailNickname)];
        all.into_iter().flatten().collect()
    }

    fn last_scope(&self) -> &LastScope {
        &self.last_scope
    }
}

impl Google {
    pub(crate) fn recall<'a>(&self, groups: impl IntoIterator<Item = &'a GroupRecord>) {
        scope::recall(self, &self.settings.scope, groups);
    }

    async fn group_record(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<GroupRecord, ConnectError> {
        let url = self.settings.directory_url(&["groups", &id.to_string()], &[]);
        let read = self.get(&url, wire::ONE_GROUP, progress, |bytes| {
            let item: GroupItem<'_> = serde_json::from_slice(bytes)?;
            Ok(item.record(id.clone()))
        });
        read.await
    }

    /// The groups at which the scope begins now.
    pub(super) async fn roots_now(&self) -> RootsNow {
        match &self.settings.scope {
            Scope::Groups(chosen) => scope::chosen_now(self, chosen, &Progress::default()).await,
            Scope::Everything | Scope::Assigned(_) => RootsNow::default(),
        }
    }

    /// Whether a user or group that exists is within what is read: chosen itself, or in a chosen group at any depth, as
    /// the group says when it is asked about this very member.
    pub(super) async fn in_scope(&self, object: &Member, roots: &RootsNow) -> Verdict {
        let (Member::User(id) | Member::Group(id)) = object;
        let Scope::Groups(chosen) = &self.settings.scope else { return Verdict::Exists };
        match object {
            Member::Group(id) => {
                let itself = scope::chosen_itself(self, chosen, id, &Progress::default()).await;
                if let Some(verdict) = itself {
                    return verdict;
                }
            }
            Member::User(_) if self.last_scope.has_any(self.everybody().keys()) => {
                return Verdict::Exists;
            }
            Member::User(_) => {}
        }
        let mut verdict = roots.outside();
        for root in &roots.groups {
            match self.has_member(root, id).await {
                Ok(true) => return Verdict::Exists,
                Ok(false) => {}
                Err(error) if error.kind == Kind::NotFound => {}
                // Google answers this for entities of one domain only; the member's own list is left.
                Err(error) if error.kind != Kind::Temporary => {
                    match self.direct_groups(id, &Progress::default()).await {
                        Ok(groups) if self.last_scope.has_any(&groups) => return Verdict::Exists,
                        Ok(_) if verdict == Verdict::Gone => verdict = Verdict::Unlisted,
                        Ok(_) => {}
                        Err(_) => return Verdict::Unknown,
                    }
                }
                Err(_) => verdict = Verdict::Unknown,
            }
        }
        verdict
    }
}

/// A record, or nothing where the object is not there, is another organisation's, or says nothing.
pub(super) fn optional<R>(read: Result<R, ConnectError>) -> Result<Option<R>, ConnectError> {
    match read {
        Ok(record) => Ok(Some(record)),
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Odd) => Ok(None),
        Err(error) if error.code() == Some("G-SUBJECT-ADMIN") => Ok(None),
        Err(error) => Err(error),
    }
}
