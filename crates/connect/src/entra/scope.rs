//! Reading only what is chosen or assigned.

use std::collections::{BTreeSet, HashMap};

use directory::{
    id::ProviderId,
    observation::{Attribute, GroupRecord, Member, MemberSet, PersonRecord, Unread, Verdict},
};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{
    Entra,
    ask::{ASKING, path_of},
    listing::links,
    pull::WHO,
    wire::{
        self, AssignmentItem, GROUP_SELECT, GroupItem, IdItem, OwnAssignmentItem, Page,
        USER_SELECT, UserItem,
    },
};
use crate::{
    error::{ConnectError, Kind},
    progress::{Progress, add},
    scope::{self, Chosen, LastScope, Reader, Roots, Scope},
    unreadable::{Asked, Before, One, Part, Unreads, one},
};

/// Objects that one `getByIds` may name.
pub(super) const BY_ID_MAX: usize = 1_000;

impl Reader for Entra {
    const WHO: &'static str = WHO;

    async fn roots(&self, progress: &Progress) -> Result<Roots, ConnectError> {
        match &self.settings.scope {
            Scope::Everything => Ok(Roots::default()),
            Scope::Groups(chosen) => {
                let mut groups = self.groups(progress).await?;
                let all: Vec<String> =
                    groups.values().flat_map(|group| self.names(group)).collect();
                let notes = chosen.missing(all.iter().map(String::as_str));
                groups.retain(|_, group| chosen.has_group(self, group));
                Ok(Roots { groups, nested: true, members: true, notes, ..Roots::default() })
            }
            Scope::Assigned(app) => {
                let assigned = self.assigned(app, progress).await?;
                let mut roots = Roots { members: true, ..Roots::default() };
                let mut ids = Vec::new();
                for principal in assigned {
                    match principal {
                        Member::User(id) => drop(roots.people.insert(id, None)),
                        Member::Group(id) => ids.push(id),
                    }
                }
                let found = self.groups_by_id(ids, &mut roots.unread, progress).await?;
                roots.groups = found.into_iter().map(|group| (group.id.clone(), group)).collect();
                Ok(roots)
            }
        }
    }

    async fn members_in_scope(
        &self,
        groups: &[ProviderId],
        _: &mut HashMap<ProviderId, PersonRecord>,
        progress: &Progress,
    ) -> Result<Vec<(ProviderId, One<MemberSet>)>, ConnectError> {
        self.members_of(groups, &Before::default(), progress).await
    }

    async fn people_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError> {
        let path = format!("directoryObjects/getByIds?$select={USER_SELECT}");
        let url = self.settings.graph_url(&path);
        let mut people = Vec::with_capacity(ids.len());
        let mut open: Vec<Vec<ProviderId>> = ids.chunks(BY_ID_MAX).map(<[_]>::to_vec).collect();
        while let Some(chunk) = open.pop() {
            let body = by_ids(&chunk, "user");
            let found = self.post((&url, &body), wire::USERS_BY_ID, progress, |bytes| {
                let page: Page<'_, UserItem<'_>> = serde_json::from_slice(bytes)?;
                let items = page.value.iter();
                Ok(items.map(|item| item.record(item.id.0.clone())).collect())
            });
            let found: Vec<PersonRecord> = match one_chunk(&chunk, found).await? {
                Ok(found) => found,
                Err(error) => {
                    halved((chunk, &mut open), (&mut *unread, Unread::Person), error);
                    continue;
                }
            };
            add(&progress.users, found.len());
            people.extend(found);
        }
        // Where this call does not show whether an account is enabled, the person's own record does.
        for person in people.iter_mut().filter(|person| person.enabled.is_none()) {
            let id = person.id.clone();
            match self.read_person(id.clone(), &Before::default(), progress).await? {
                One::Read(record) => *person = record,
                One::Missing(_) => {}
                One::Unread(error) => unread.add(Unread::Person(id), error),
            }
        }
        people.retain(|person| !unread.has(&Unread::Person(person.id.clone())));
        Ok(people)
    }

    async fn groups_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<GroupRecord>, ConnectError> {
        let path = format!("directoryObjects/getByIds?$select={GROUP_SELECT}");
        let url = self.settings.graph_url(&path);
        let mut groups = Vec::with_capacity(ids.len());
        let mut open: Vec<Vec<ProviderId>> = ids.chunks(BY_ID_MAX).map(<[_]>::to_vec).collect();
        while let Some(chunk) = open.pop() {
            let body = by_ids(&chunk, "group");
            let found = self.post((&url, &body), wire::GROUPS_BY_ID, progress, |bytes| {
                let page: Page<'_, GroupItem<'_>> = serde_json::from_slice(bytes)?;
                let items = page.value.iter();
                Ok(items.map(|item| item.record(item.id.0.clone())).collect())
            });
            let found: Vec<GroupRecord> = match one_chunk(&chunk, found).await? {
                Ok(found) => found,
                Err(error) => {
                    halved((chunk, &mut open), (&mut *unread, Unread::Group), error);
                    continue;
                }
            };
            add(&progress.groups, found.len());
            groups.extend(found);
        }
        let before = &Before::default();
        let asked = Asked { ids: &ids, part: Part::Whole, before, who: WHO };
        unread.judge(&asked, |_| None)?;
        Ok(groups)
    }

    async fn group_alone(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Option<GroupRecord>, ConnectError> {
        let url = self.settings.graph_url(&format!("groups/{id}?$select={GROUP_SELECT}"));
        let read = self.get(&url, wire::ONE_GROUP, progress, |bytes| {
            let item: GroupItem<'_> = serde_json::from_slice(bytes)?;
            Ok(item.record(item.id.0.clone()))
        });
        match read.await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn names(&self, group: &GroupRecord) -> Vec<String> {
        let get = |attribute| group.attributes.get(attribute).map(str::to_owned);
        let all = [Some(group.id.to_string()), get(Attribute::DisplayName), get(Attribute::Mail)];
        all.into_iter().flatten().collect()
    }

    async fn sees_hidden(&self, progress: &Progress) -> Result<bool, ConnectError> {
        self.shows_hidden(progress).await
    }

    fn last_scope(&self) -> &LastScope {
        &self.last_scope
    }
}

impl Entra {
    /// The people and groups that are assigned to an application.
    async fn assigned(
        &self,
        app: &str,
        progress: &Progress,
    ) -> Result<BTreeSet<Member>, ConnectError> {
        let path = format!(
            "servicePrincipals(appId='{app}')/appRoleAssignedTo?$select=principalId,principalType"
        );
        let mut assigned = BTreeSet::new();
        let read = self.whole_list(&path, wire::ASSIGNMENTS, progress, |bytes, first| {
            let page: Page<'_, AssignmentItem<'_>> = serde_json::from_slice(bytes)?;
            if first {
                assigned.clear();
            }
            assigned.extend(page.value.iter().filter_map(AssignmentItem::principal));
            Ok(links(page.next, None, page.value.len()))
        });
        match read.await {
            Ok(()) => Ok(assigned),
            Err(error) if error.kind == Kind::NotFound => Err(ConnectError::setting(format!(
                "there is no enterprise application for the client id `{app}` in this tenant; the setting `app` names \
                 the application whose assignments are read"
            ))),
            Err(error) if error.code() == Some("E-CONSENT") => {
                let text = "reading assignments needs the application permission Application.Read.All with admin consent";
                Err(ConnectError::new(Kind::Refused, "E-CONSENT", text).during("assignments"))
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn recall<'a>(&self, groups: impl IntoIterator<Item = &'a GroupRecord>) {
        scope::recall(self, &self.settings.scope, groups);
    }

    /// Verdicts about users and groups that exist: whether they are within what is read.
    pub(super) async fn in_scope(&self, objects: Vec<(usize, Member)>) -> Vec<(usize, Verdict)> {
        match &self.settings.scope {
            _ if objects.is_empty() => Vec::new(),
            Scope::Everything => {
                objects.into_iter().map(|(index, _)| (index, Verdict::Exists)).collect()
            }
            Scope::Groups(chosen) => self.below_chosen(objects, chosen).await,
            Scope::Assigned(app) => self.under_assignment(objects, app).await,
        }
    }

    /// Whether objects are chosen groups, or in one at any depth.
    async fn below_chosen(
        &self,
        objects: Vec<(usize, Member)>,
        chosen: &Chosen,
    ) -> Vec<(usize, Verdict)> {
        let progress = Progress::default();
        let roots = scope::chosen_now(self, chosen, &progress).await;
        let shown = self.shown(roots.groups.iter().collect()).await.len() == roots.groups.len();
        let outside = if shown { roots.outside() } else { Verdict::Unknown };
        let mut verdicts = Vec::with_capacity(objects.len());
        let mut open = Vec::new();
        for (index, object) in objects {
            let itself = match &object {
                Member::Group(id) => scope::chosen_itself(self, chosen, id, &progress).await,
                Member::User(_) => None,
            };
            match itself {
                Some(verdict) => verdicts.push((index, verdict)),
                None => open.push((index, object)),
            }
        }
        let found = self.in_any(&open, &roots.groups).await;
        verdicts.extend(open.iter().zip(found).map(|((index, _), found)| match found {
            Some(true) => (*index, Verdict::Exists),
            Some(false) => (*index, outside),
            None => (*index, Verdict::Unknown),
        }));
        verdicts
    }

    /// Whether objects are in one of the groups, at any depth; nothing where that was not answered.
    async fn in_any(
        &self,
        objects: &[(usize, Member)],
        groups: &BTreeSet<ProviderId>,
    ) -> Vec<Option<bool>> {
        let pairs = objects
            .iter()
            .flat_map(|(_, object)| groups.iter().map(|group| (object.clone(), group.clone())));
        let mut found = self.contained(pairs.collect()).await.into_iter();
        let one = |_| {
            let told: Vec<Option<bool>> = found.by_ref().take(groups.len()).collect();
            if told.contains(&Some(true)) {
                return Some(true);
            }
            (!told.contains(&None)).then_some(false)
        };
        objects.iter().map(one).collect()
    }

    /// Whether objects are assigned to the application, or directly in a group that is. Graph has no question about one
    /// assignment: whoever neither the application's list nor their own shows is in no list, which counts after a while.
    async fn under_assignment(
        &self,
        objects: Vec<(usize, Member)>,
        app: &str,
    ) -> Vec<(usize, Verdict)> {
        let progress = Progress::default();
        let listed = self.assigned(app, &progress).await;
        let resource = self.service_principal(app, &progress).await;
        let (Ok(listed), Ok(resource)) = (listed, resource) else {
            return objects.into_iter().map(|(index, _)| (index, Verdict::Unknown)).collect();
        };
        let mut assigned: BTreeSet<ProviderId> = BTreeSet::new();
        for id in self.groups_at_stake(&listed) {
            let group = Member::Group(id.clone());
            // A group that the application's list lacks may be assigned all the same.
            if listed.contains(&group)
                || self.own_assignment(&group, &resource).await == Verdict::Exists
            {
                assigned.insert(id);
            }
        }
        let (assigned, listed, resource) = (&assigned, &listed, &resource);
        let whole = !progress.lost_some();
        let verdicts = stream::iter(objects).map(|(index, object)| async move {
            let verdict = match &object {
                object if listed.contains(object) => Verdict::Exists,
                Member::Group(id) if assigned.contains(id) => Verdict::Exists,
                // A list with records that are nobody's does not say whom it lacks.
                _ if !whole => Verdict::Unknown,
                object => match self.own_assignment(object, resource).await {
                    Verdict::Unlisted if matches!(object, Member::User(_)) => {
                        self.directly_in_any(object, assigned).await
                    }
                    verdict => verdict,
                },
            };
            (index, verdict)
        });
        verdicts.buffer_unordered(ASKING).collect().await
    }

    /// Groups that are assigned, and those that were before.
    fn groups_at_stake(&self, listed: &BTreeSet<Member>) -> BTreeSet<ProviderId> {
        let (roots, lacking) = self.last_scope.roots();
        let listed = listed.iter().filter_map(|object| match object {
            Member::Group(id) => Some(id.clone()),
            Member::User(_) => None,
        });
        roots.into_iter().chain(lacking).chain(listed).collect()
    }

    /// Whether a user's own list of groups has one of these.
    async fn directly_in_any(&self, object: &Member, groups: &BTreeSet<ProviderId>) -> Verdict {
        match self.direct_groups(object, &Progress::default()).await {
            Ok(Some(own)) if own.iter().any(|group| groups.contains(group)) => Verdict::Exists,
            Ok(Some(_)) => Verdict::Unlisted,
            // Whoever is gone is in no group.
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Ok(None) | Err(_) => Verdict::Unknown,
        }
    }

    /// What the own list of assignments of a user or group says of an application. For a user it has those of the groups
    /// that the user is directly in as well. Reading it needs Directory.Read.All, which not every app has: without it the
    /// application's own list is left
    /// (<https://learn.microsoft.com/graph/api/user-list-approleassignments>).
    async fn own_assignment(&self, object: &Member, resource: &ProviderId) -> Verdict {
        let (kind, id) = path_of(object);
        let path = format!("{kind}/{id}/appRoleAssignments?$select=principalId,resourceId");
        let (mut found, progress) = (false, Progress::default());
        let read =
            self.pages(self.settings.graph_url(&path), wire::OWN_ASSIGNMENTS, &progress, |bytes| {
                let page: Page<'_, OwnAssignmentItem> = serde_json::from_slice(bytes)?;
                found |= page.value.iter().any(|item| item.resource_id.0 == *resource);
                Ok(links(page.next, None, page.value.len()))
            });
        match read.await.map(drop) {
            Ok(()) if found => Verdict::Exists,
            Ok(()) if progress.lost_some() => Verdict::Unknown,
            Ok(()) => Verdict::Unlisted,
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Err(error) if error.kind == Kind::Refused => Verdict::Unlisted,
            Err(_) => Verdict::Unknown,
        }
    }

    /// The id of the application in this tenant.
    async fn service_principal(
        &self,
        app: &str,
        progress: &Progress,
    ) -> Result<ProviderId, ConnectError> {
        let path = format!("servicePrincipals(appId='{app}')?$select=id");
        self.get(&self.settings.graph_url(&path), wire::APPLICATION, progress, |bytes| {
            let item: IdItem = serde_json::from_slice(bytes)?;
            Ok(item.id.0)
        })
        .await
    }
}

/// Asks for some objects at once; gives the error where it may be about one of them.
async fn one_chunk<T>(
    ids: &[ProviderId],
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<Result<T, ConnectError>, ConnectError> {
    let Some(first) = ids.first() else { return work.await.map(Ok) };
    match one(&Before::default(), &Unread::Person(first.clone()), work).await? {
        One::Read(found) => Ok(Ok(found)),
        One::Missing(error) | One::Unread(error) => Ok(Err(error)),
    }
}

/// Objects that cannot be had together are asked for in two halves, until it is known which of them it is.
fn halved(
    (mut chunk, open): (Vec<ProviderId>, &mut Vec<Vec<ProviderId>>),
    (unread, what): (&mut Unreads, fn(ProviderId) -> Unread),
    error: ConnectError,
) {
    if chunk.len() > 1 {
        let rest = chunk.split_off(chunk.len() / 2);
        open.extend([chunk, rest]);
    } else if let Some(id) = chunk.pop() {
        unread.add(what(id), error);
    }
}

fn by_ids(ids: &[ProviderId], kind: &str) -> serde_json::Value {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    json!({"ids": ids, "types": [kind]})
}
