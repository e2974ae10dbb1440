//! Questions about single objects and memberships.
//!
//! Invariants: only the provider's definite word makes a loss real: 404 with its own error code for an
//! object; for a membership, a check of that very group, or the member's own list of groups agreeing with the
//! group's. A question that fails otherwise is unknown.

use std::collections::{BTreeMap, HashSet};

use directory::{
    id::ProviderId,
    observation::{Member, Question, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::{
    Entra,
    batch::Part,
    listing::links,
    scope::BY_ID_MAX,
    wire::{IdItem, Ids, MemberItem, Page},
};
use crate::{
    DirectGroups,
    error::{ConnectError, Kind},
    progress::Progress,
};

/// Questions in flight.
const ASKING: usize = 16;
/// Groups that one `checkMemberGroups` may name.
const CHECK_MAX: usize = 20;

/// A question's place, and the group it is about.
type Asked = (usize, ProviderId);

impl Entra {
    pub(crate) async fn confirm(
        &self,
        questions: &[Question],
    ) -> Result<Vec<Verdict>, ConnectError> {
        // Without a token nothing can be asked.
        self.tokens.get(&self.http, &Progress::default()).await?;
        let mut verdicts = vec![Verdict::Unknown; questions.len()];
        let mut members: BTreeMap<Member, Vec<Asked>> = BTreeMap::new();
        let mut objects = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            match question {
                Question::Person(id) => objects.push((index, Member::User(id.clone()))),
                Question::Group(id) => objects.push((index, Member::Group(id.clone()))),
                Question::Membership { group, member } => {
                    members.entry(member.clone()).or_default().push((index, group.clone()));
                }
            }
        }
        for (index, verdict) in self.objects(objects).await {
            verdicts[index] = verdict;
        }
        for (index, verdict) in self.memberships_of(members).await {
            verdicts[index] = verdict;
        }
        Ok(verdicts)
    }

    /// Whether objects are there: first all at once, then those that did not show, each by its id.
    async fn objects(&self, objects: Vec<(usize, Member)>) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::with_capacity(objects.len());
        let seen = self.seen(&objects).await.unwrap_or_default();
        let (there, unseen): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(_, object)| seen.contains(object));
        let mut exist = there;
        let parts: Vec<Part> = unseen.iter().map(|(_, object)| one_object(object)).collect();
        match self.batch(&parts, "single objects", &Progress::default()).await {
            Err(_) => verdicts.extend(unseen.iter().map(|(index, _)| (*index, Verdict::Unknown))),
            Ok(told) => {
                for ((index, object), told) in unseen.into_iter().zip(told) {
                    let (Member::User(id) | Member::Group(id)) = &object;
                    match told.map(|body| is_about(&body, id)) {
                        Ok(true) => exist.push((index, object)),
                        Err(error) if error.kind == Kind::NotFound => {
                            verdicts.push((index, Verdict::Gone));
                        }
                        Ok(false) | Err(_) => verdicts.push((index, Verdict::Unknown)),
                    }
                }
            }
        }
        // Within what is read they may be gone all the same.
        let in_scope = stream::iter(exist)
            .map(|(index, object)| async move { (index, self.in_scope(&object).await) })
            .buffer_unordered(ASKING)
            .collect::<Vec<_>>();
        verdicts.extend(in_scope.await);
        verdicts
    }

    /// Those of the objects that the tenant shows when it is asked for all of them at once.
    async fn seen(&self, objects: &[(usize, Member)]) -> Result<HashSet<Member>, ConnectError> {
        let mut seen = HashSet::new();
        let url = self.settings.graph_url("directoryObjects/getByIds?$select=id");
        for chunk in objects.chunks(BY_ID_MAX) {
            let ids: Vec<String> = chunk
                .iter()
                .map(|(_, Member::User(id) | Member::Group(id))| id.to_string())
                .collect();
            let body = json!({"ids": ids, "types": ["user", "group"]});
            let progress = Progress::default();
            let found = self.post((&url, &body), "objects by id", &progress, |bytes| {
                let page: Page<'_, MemberItem<'_>> = serde_json::from_slice(bytes)?;
                Ok(page.value.iter().filter_map(MemberItem::member).collect::<Vec<Member>>())
            });
            seen.extend(found.await?);
        }
        Ok(seen)
    }

    /// Verdicts about members and groups: first whether they are in them at all, then directly.
    async fn memberships_of(&self, members: BTreeMap<Member, Vec<Asked>>) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::new();
        let mut inside: BTreeMap<Member, Vec<Asked>> = BTreeMap::new();
        let chunks: Vec<(&Member, &[Asked])> = members
            .iter()
            .flat_map(|(member, groups)| groups.chunks(CHECK_MAX).map(move |chunk| (member, chunk)))
            .collect();
        let parts: Vec<Part> = chunks.iter().map(|(member, chunk)| check(member, chunk)).collect();
        let Ok(told) = self.batch(&parts, "memberships of objects", &Progress::default()).await
        else {
            let all = members.values().flatten();
            return all.map(|(index, _)| (*index, Verdict::Unknown)).collect();
        };
        for ((member, chunk), told) in chunks.into_iter().zip(told) {
            let all = |verdict| chunk.iter().map(move |(index, _)| (*index, verdict));
            match told.map(|body| ids(&body)) {
                Ok(Some(found)) => {
                    let (there, gone): (Vec<_>, Vec<_>) =
                        chunk.iter().partition(|(_, group)| found.contains(group));
                    verdicts.extend(gone.into_iter().map(|(index, _)| (*index, Verdict::Gone)));
                    inside.entry(member.clone()).or_default().extend(there.into_iter().cloned());
                }
                // Whoever is gone is in no group.
                Err(error) if error.kind == Kind::NotFound => verdicts.extend(all(Verdict::Gone)),
                Ok(None) | Err(_) => verdicts.extend(all(Verdict::Unknown)),
            }
        }
        inside.retain(|_, groups| !groups.is_empty());
        let direct: Vec<_> = stream::iter(inside)
            .map(|(member, groups)| async move { self.directly(&member, groups).await })
            .buffer_unordered(ASKING)
            .collect()
            .await;
        verdicts.extend(direct.into_iter().flatten());
        verdicts
    }

    /// Of groups that a member is in, whether directly.
    async fn directly(&self, member: &Member, groups: Vec<Asked>) -> Vec<(usize, Verdict)> {
        let direct: Option<HashSet<ProviderId>> = self
            .direct_groups(member, &Progress::default())
            .await
            .ok()
            .flatten()
            .map(|groups| groups.into_iter().collect());
        let verdict = |group: &ProviderId| match &direct {
            None => Verdict::Unknown,
            Some(direct) if direct.contains(group) => Verdict::Exists,
            // In it through another group only: the group's list and the member's agree on that.
            Some(_) => Verdict::Gone,
        };
        groups.into_iter().map(|(index, group)| (index, verdict(&group))).collect()
    }

    /// The groups that a member is directly in; `None` when we may not see them.
    pub(super) async fn direct_groups(
        &self,
        member: &Member,
        progress: &Progress,
    ) -> Result<Option<Vec<ProviderId>>, ConnectError> {
        let (kind, id) = path_of(member);
        let url = self.settings.graph_url(&format!("{kind}/{id}/memberOf?$select=id&$top=100"));
        let mut groups = Vec::new();
        let read = self.pages(url, "groups of one object", progress, |bytes| {
            let page: Page<'_, MemberItem<'_>> = serde_json::from_slice(bytes)?;
            groups.extend(page.value.iter().filter_map(|item| match item.member() {
                Some(Member::Group(id)) => Some(id),
                _ => None,
            }));
            Ok(links(page.next, None, page.value.len()))
        });
        match read.await.map(drop) {
            Ok(()) => Ok(Some(groups)),
            Err(error) if error.kind == Kind::Refused => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn memberships(
        &self,
        people: &[ProviderId],
    ) -> Result<Vec<DirectGroups>, ConnectError> {
        stream::iter(people.iter().cloned())
            .map(|id| async move {
                let member = Member::User(id.clone());
                match self.direct_groups(&member, &Progress::default()).await {
                    Ok(groups) => Ok((id, groups)),
                    Err(error) if error.kind == Kind::NotFound => Ok((id, None)),
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await
    }
}

/// The question whether one object is there.
fn one_object(object: &Member) -> Part {
    let (kind, id) = path_of(object);
    Part { path: format!("{kind}/{id}?$select=id"), body: None }
}

/// The question in which of up to [`CHECK_MAX`] groups a member is, directly or through others.
fn check(member: &Member, groups: &[Asked]) -> Part {
    let (kind, id) = path_of(member);
    let ids: Vec<String> = groups.iter().map(|(_, group)| group.to_string()).collect();
    let body = Some(json!({"groupIds": ids}));
    Part { path: format!("{kind}/{id}/checkMemberGroups"), body }
}

fn is_about(body: &[u8], id: &ProviderId) -> bool {
    let item: Option<IdItem<'_>> = serde_json::from_slice(body).ok();
    item.is_some_and(|item| ProviderId::parse(&item.id).is_ok_and(|said| said == *id))
}

fn ids(body: &[u8]) -> Option<HashSet<ProviderId>> {
    let answer: Ids<'_> = serde_json::from_slice(body).ok()?;
    Some(answer.value.iter().filter_map(|id| ProviderId::parse(id).ok()).collect())
}

fn path_of(member: &Member) -> (&'static str, &ProviderId) {
    match member {
        Member::User(id) => ("users", id),
        Member::Group(id) => ("groups", id),
    }
}
