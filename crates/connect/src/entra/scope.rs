//! Reading only what is chosen or assigned.

use std::collections::{BTreeSet, HashMap};

use directory::{
    id::ProviderId,
    observation::{Attribute, GroupRecord, Member, MemberSet, PersonRecord, Unread, Verdict},
};
use serde_json::json;

use super::{
    Entra,
    listing::links,
    pull::WHO,
    wire::{self, AssignmentItem, GROUP_SELECT, GroupItem, Page, USER_SELECT, UserItem},
};
use crate::{
    error::{ConnectError, Kind},
    progress::{Progress, add},
    scope::{LastScope, Reader, Roots, Scope},
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
                let all: Vec<String> = groups.values().flat_map(names).collect();
                let notes = chosen.missing(all.iter().map(String::as_str));
                groups.retain(|_, group| chosen.has(names(group).iter().map(|n| Some(n.as_str()))));
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

    /// Whether somebody or a group that exists is within what is read.
    pub(super) async fn in_scope(&self, object: &Member) -> Verdict {
        let progress = Progress::default();
        let direct = match &self.settings.scope {
            Scope::Everything => return Verdict::Exists,
            Scope::Groups(_) => false,
            Scope::Assigned(app) => match self.assigned(app, &progress).await {
                Ok(assigned) if !assigned.contains(object) && progress.lost_some() => {
                    return Verdict::Unknown;
                }
                Ok(assigned) => assigned.contains(object),
                Err(_) => return Verdict::Unknown,
            },
        };
        let listed = matches!(object, Member::Group(id) if self.last_scope.get().contains(id));
        if direct || listed {
            return Verdict::Exists;
        }
        match self.direct_groups(object, &progress).await {
            Ok(Some(groups)) if self.last_scope.has_any(&groups) => Verdict::Exists,
            Ok(Some(_)) => self.last_scope.outside(),
            Ok(None) | Err(_) => Verdict::Unknown,
        }
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

/// What a group can be chosen by.
fn names(group: &GroupRecord) -> Vec<String> {
    let get = |attribute| group.attributes.get(attribute).map(str::to_owned);
    [Some(group.id.to_string()), get(Attribute::DisplayName), get(Attribute::Mail)]
        .into_iter()
        .flatten()
        .collect()
}

fn by_ids(ids: &[ProviderId], kind: &str) -> serde_json::Value {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    json!({"ids": ids, "types": [kind]})
}
