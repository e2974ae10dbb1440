//! Reading only what is chosen or assigned.

use std::collections::{BTreeSet, HashMap};

use directory::{
    id::ProviderId,
    observation::{Attribute, GroupRecord, Member, MemberSet, PersonRecord, Verdict},
};
use serde_json::json;

use super::{
    Entra,
    listing::links,
    wire::{self, AssignmentItem, GROUP_SELECT, GroupItem, Page, USER_SELECT, UserItem},
};
use crate::{
    error::{ConnectError, Kind},
    progress::{Progress, add},
    scope::{LastScope, Reader, Roots, Scope},
};

/// Objects that one `getByIds` may name.
pub(super) const BY_ID_MAX: usize = 1_000;

impl Reader for Entra {
    async fn roots(&self, progress: &Progress) -> Result<Roots, ConnectError> {
        match &self.settings.scope {
            Scope::Everything => Ok(Roots::default()),
            Scope::Groups(chosen) => {
                let mut groups = self.groups(progress).await?;
                let all: Vec<String> = groups.values().flat_map(names).collect();
                let notes = chosen.missing(all.iter().map(String::as_str));
                groups.retain(|_, group| chosen.has(names(group).iter().map(|n| Some(n.as_str()))));
                let people = HashMap::new();
                Ok(Roots { groups, people, nested: true, members: true, notes })
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
                let found = self.groups_by_id(ids, progress).await?;
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
    ) -> Result<Vec<(ProviderId, Option<MemberSet>)>, ConnectError> {
        self.members_of(groups, progress).await
    }

    async fn people_by_id(
        &self,
        ids: Vec<ProviderId>,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError> {
        let mut people = Vec::with_capacity(ids.len());
        let url =
            self.settings.graph_url(&format!("directoryObjects/getByIds?$select={USER_SELECT}"));
        for chunk in ids.chunks(BY_ID_MAX) {
            let body = by_ids(chunk, "user");
            let found = self.post((&url, &body), wire::USERS_BY_ID, progress, |bytes| {
                let page: Page<'_, UserItem<'_>> = serde_json::from_slice(bytes)?;
                let items = page.value.iter();
                Ok(items.map(|item| item.record(item.id.0.clone())).collect())
            });
            let found: Vec<PersonRecord> = found.await?;
            add(&progress.users, found.len());
            people.extend(found);
        }
        // Where this call does not show whether an account is enabled, the person's own record does.
        for person in people.iter_mut().filter(|person| person.enabled.is_none()) {
            let id = person.id.clone();
            let url = self.settings.graph_url(&format!("users/{id}?$select={USER_SELECT}"));
            let read = self.get(&url, wire::ONE_USER, progress, |bytes| {
                let item: UserItem<'_> = serde_json::from_slice(bytes)?;
                Ok(item.record(id.clone()))
            });
            match read.await {
                Ok(record) => *person = record,
                Err(error) if matches!(error.kind, Kind::NotFound | Kind::Odd) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(people)
    }

    async fn groups_by_id(
        &self,
        ids: Vec<ProviderId>,
        progress: &Progress,
    ) -> Result<Vec<GroupRecord>, ConnectError> {
        let mut groups = Vec::with_capacity(ids.len());
        let url =
            self.settings.graph_url(&format!("directoryObjects/getByIds?$select={GROUP_SELECT}"));
        for chunk in ids.chunks(BY_ID_MAX) {
            let body = by_ids(chunk, "group");
            let found = self.post((&url, &body), wire::GROUPS_BY_ID, progress, |bytes| {
                let page: Page<'_, GroupItem<'_>> = serde_json::from_slice(bytes)?;
                let items = page.value.iter();
                Ok(items.map(|item| item.record(item.id.0.clone())).collect())
            });
            let found: Vec<GroupRecord> = found.await?;
            add(&progress.groups, found.len());
            groups.extend(found);
        }
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
            Ok(Some(_)) => Verdict::Gone,
            Ok(None) | Err(_) => Verdict::Unknown,
        }
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
