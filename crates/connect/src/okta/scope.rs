//! Reading only chosen groups and their people, or what is assigned to an app.

use std::collections::HashMap;

use directory::{
    id::ProviderId,
    observation::{Attribute, GroupRecord, MemberSet, PersonRecord, Unread, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Okta,
    wire::{self, AppUserItem, GroupItem, MemberItem, Standing, UserItem},
};
use crate::{
    call::{Ask, call},
    error::{ConnectError, Kind},
    progress::Progress,
    scope::{self, LastScope, Reader, Roots, RootsNow, Scope},
    unreadable::{Before, One, Unreads, one},
};

/// Requests for single objects side by side.
const ASKING: usize = 10;

impl Reader for Okta {
    const WHO: &'static str = "Okta";

    async fn roots(&self, progress: &Progress) -> Result<Roots, ConnectError> {
        let groups = self.groups(None, progress).await?;
        self.know(&groups);
        let mut groups: HashMap<ProviderId, GroupRecord> =
            groups.into_iter().map(|(id, group)| (id, group.record)).collect();
        match &self.settings.scope {
            Scope::Everything => Ok(Roots::default()),
            Scope::Groups(chosen) => {
                let all: Vec<String> =
                    groups.values().flat_map(|group| self.names(group)).collect();
                let notes = chosen.missing(all.iter().map(String::as_str));
                groups.retain(|_, group| chosen.has_group(self, group));
                Ok(Roots { groups, members: true, notes, ..Roots::default() })
            }
            Scope::Assigned(app) => {
                let (people, assigned) = tokio::try_join!(
                    self.assigned_people(app, progress),
                    self.assigned_groups(app, progress)
                )?;
                groups.retain(|id, _| assigned.contains(id));
                Ok(Roots { groups, people, ..Roots::default() })
            }
        }
    }

    async fn members_in_scope(
        &self,
        groups: &[ProviderId],
        people: &mut HashMap<ProviderId, PersonRecord>,
        progress: &Progress,
    ) -> Result<Vec<(ProviderId, One<MemberSet>)>, ConnectError> {
        // Members come as whole people.
        let read: Vec<_> = stream::iter(groups.iter().cloned())
            .map(|group| async move {
                let mut came = HashMap::new();
                let (group, set) = self.members_of_one(group, progress, &mut came).await?;
                Ok::<_, ConnectError>((group, set, came))
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await?;
        let sets = read.into_iter().map(|(group, set, came)| {
            people.extend(came);
            (group, set)
        });
        Ok(sets.collect())
    }

    async fn people_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError> {
        let found: Vec<(Unread, One<Option<PersonRecord>>)> = stream::iter(ids)
            .map(|id| async move {
                let url = self.settings.api(&["users", &id.to_string()], &[]);
                let ask = Ask::get(&url);
                let read = call(self, ask, wire::ONE_USER, progress, |answer| {
                    let item: UserItem<'_> = serde_json::from_slice(&answer.body)?;
                    let there = item.standing() != Standing::Deactivated;
                    Ok(there.then(|| item.record(id.clone())))
                });
                let what = Unread::Person(id.clone());
                let found = one(&Before::default(), &what, read).await?;
                Ok::<_, ConnectError>((what, found))
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await?;
        Ok(unread.take(found).into_iter().flatten().collect())
    }

    async fn groups_by_id(
        &self,
        _: Vec<ProviderId>,
        _: &mut Unreads,
        _: &Progress,
    ) -> Result<Vec<GroupRecord>, ConnectError> {
        // There are no groups in groups, which is what these would be.
        Ok(Vec::new())
    }

    async fn group_alone(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Option<GroupRecord>, ConnectError> {
        let url = self.settings.api(&["groups", &id.to_string()], &[]);
        let read = call(self, Ask::get(&url), wire::ONE_GROUP, progress, |answer| {
            let item: GroupItem<'_> = serde_json::from_slice(&answer.body)?;
            Ok(item.record(item.id()))
        });
        match read.await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn names(&self, group: &GroupRecord) -> Vec<String> {
        let name = group.attributes.get(Attribute::DisplayName).map(str::to_owned);
        [Some(group.id.to_string()), name].into_iter().flatten().collect()
    }

    fn last_scope(&self) -> &LastScope {
        &self.last_scope
    }
}

impl Okta {
    /// The people who are assigned to an app, by themselves or through a group.
    async fn assigned_people(
        &self,
        app: &str,
        progress: &Progress,
    ) -> Result<HashMap<ProviderId, Option<PersonRecord>>, ConnectError> {
        let url =
            self.settings.api(&["apps", app, "users"], &[("limit", "500"), ("expand", "user")]);
        let mut people = HashMap::new();
        let read = self.whole_list(&url, wire::ASSIGNED_PEOPLE, progress, |answer, first| {
            let page: Vec<AppUserItem<'_>> = serde_json::from_slice(&answer.body)?;
            if first {
                people.clear();
            }
            for item in page.iter().filter(|item| item.is_assigned()) {
                let id = item.id();
                // Without the record beside the assignment the person is asked for.
                let record = item.user().map(|user| user.record(id.clone()));
                people.insert(id, record);
            }
            Ok(super::listing::links(&answer.headers, page.len()))
        });
        read.await.map_err(|error| app_error(error, app))?;
        Ok(people)
    }

    /// The groups that are assigned to an app.
    async fn assigned_groups(
        &self,
        app: &str,
        progress: &Progress,
    ) -> Result<std::collections::HashSet<ProviderId>, ConnectError> {
        let url = self.settings.api(&["apps", app, "groups"], &[("limit", "200")]);
        let mut groups = std::collections::HashSet::new();
        let read = self.whole_list(&url, wire::ASSIGNED_GROUPS, progress, |answer, first| {
            let page: Vec<MemberItem> = serde_json::from_slice(&answer.body)?;
            if first {
                groups.clear();
            }
            groups.extend(page.iter().map(MemberItem::id));
            Ok(super::listing::links(&answer.headers, page.len()))
        });
        read.await.map_err(|error| app_error(error, app))?;
        Ok(groups)
    }

    pub(crate) fn recall<'a>(&self, groups: impl IntoIterator<Item = &'a GroupRecord>) {
        scope::recall(self, &self.settings.scope, groups);
    }

    /// Whether a user who exists is within what is read. Okta has a question about one assignment, but none about one
    /// membership: there the user's own list of groups stands against the groups' lists of members, and both must agree
    /// for a while.
    pub(super) async fn person_in_scope(&self, id: &ProviderId, roots: &RootsNow) -> Verdict {
        match &self.settings.scope {
            Scope::Everything => Verdict::Exists,
            Scope::Assigned(app) => self.assignment(app, "users", id).await,
            Scope::Groups(_) => match self.groups_of(id).await {
                Ok(groups) if groups.iter().any(|group| roots.groups.contains(group)) => {
                    Verdict::Exists
                }
                Ok(_) if !roots.unclear => Verdict::Unlisted,
                Ok(_) | Err(_) => Verdict::Unknown,
            },
        }
    }

    /// The groups at which the scope begins now.
    pub(super) async fn roots_now(&self) -> RootsNow {
        match &self.settings.scope {
            Scope::Groups(chosen) => scope::chosen_now(self, chosen, &Progress::default()).await,
            Scope::Everything | Scope::Assigned(_) => RootsNow::default(),
        }
    }

    /// Whether a group that exists is within what is read.
    pub(super) async fn group_in_scope(&self, id: &ProviderId) -> Verdict {
        match &self.settings.scope {
            Scope::Everything => Verdict::Exists,
            Scope::Assigned(app) => self.assignment(app, "groups", id).await,
            Scope::Groups(chosen) => {
                let itself = scope::chosen_itself(self, chosen, id, &Progress::default()).await;
                itself.unwrap_or(Verdict::Gone)
            }
        }
    }

    /// Whether one user or group is assigned to the app, asked for at the assignment's own address.
    async fn assignment(&self, app: &str, kind: &str, id: &ProviderId) -> Verdict {
        let url = self.settings.api(&["apps", app, kind, &id.to_string()], &[]);
        let (ask, progress) = (Ask::get(&url), Progress::default());
        let read = call(self, ask, wire::ONE_ASSIGNMENT, &progress, |answer| {
            let item: AppUserItem<'_> = serde_json::from_slice(&answer.body)?;
            Ok((item.id() == *id).then(|| item.is_assigned()))
        });
        match read.await {
            Ok(Some(true)) => Verdict::Exists,
            Ok(Some(false)) => Verdict::Gone,
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Ok(None) | Err(_) => Verdict::Unknown,
        }
    }
}

/// An app that is not there, or may not be seen.
fn app_error(error: ConnectError, app: &str) -> ConnectError {
    match (error.kind, error.code()) {
        (Kind::NotFound, _) => ConnectError::setting(format!(
            "there is no app with the id `{app}`; the setting `app` is the id (0oa…) of the app whose people and groups \
             are read"
        )),
        (_, Some("O-INSUFF" | "O-SCOPE")) => {
            let text =
                "reading assignments needs the scope okta.apps.read; Okta API Scopes > Grant";
            ConnectError::new(Kind::Refused, "O-SCOPE", text)
        }
        _ => error,
    }
}
