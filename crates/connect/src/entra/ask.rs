//! Questions about single objects and memberships.
//!
//! Invariants: only the provider's definite word makes a loss real: 404 with its own error code for an
//! object; for a membership, a check of that very group, or an answer of the group that shows what it was asked for
//! beside. What a list merely lacks is never such a word. A question that fails otherwise is unknown.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use directory::{
    id::ProviderId,
    observation::{Member, Question, Unread, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use super::{
    Entra,
    batch::Part,
    listing::links,
    pull::WHO,
    scope::BY_ID_MAX,
    wire::{self, IdItem, Ids, MemberItem, Page},
};
use crate::{
    DirectGroups,
    error::{ConnectError, Kind},
    garbled,
    progress::Progress,
    scope::Scope,
    unreadable::note_refusal,
};

/// Questions in flight.
pub(super) const ASKING: usize = 16;
/// Groups that one `checkMemberGroups` may name.
const CHECK_MAX: usize = 20;

/// Nested groups that a question names beside the member.
const CONTROLS_MAX: usize = 10;

/// A question about a membership: its place, the group, and what is inside the group.
struct Asked {
    index: usize,
    group: ProviderId,
    nested: Vec<ProviderId>,
}

/// How much of a group is shown.
#[derive(Deserialize)]
struct Visibility {
    visibility: Option<String>,
}

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
                Question::Membership { group, member, nested } => {
                    let (group, nested) = (group.clone(), nested.clone());
                    members.entry(member.clone()).or_default().push(Asked { index, group, nested });
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
        let mut exist: Vec<(usize, Member)> = there;
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
                        Ok(false) => {
                            note_refusal(record_of(&object), &unexpected("single objects"), WHO);
                            verdicts.push((index, Verdict::Unknown));
                        }
                        Err(error) => {
                            note_refusal(record_of(&object), &error, WHO);
                            verdicts.push((index, Verdict::Unknown));
                        }
                    }
                }
            }
        }
        // Within what is read they may be gone all the same.
        verdicts.extend(self.in_scope(exist).await);
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
            let found = self.post((&url, &body), wire::OBJECTS_BY_ID, &progress, |bytes| {
                let page: Page<'_, MemberItem<'_>> = serde_json::from_slice(bytes)?;
                Ok(page.value.iter().filter_map(MemberItem::member).collect::<Vec<Member>>())
            });
            seen.extend(found.await?);
        }
        Ok(seen)
    }

    /// Verdicts about members and groups. A check of the groups themselves says who is in them at all; whoever is, is
    /// directly in those that no nested group explains; where one does, the group is asked for member and nested group
    /// together. No list counts by what it lacks.
    async fn memberships_of(&self, asked: BTreeMap<Member, Vec<Asked>>) -> Vec<(usize, Verdict)> {
        let pairs: Vec<(&Member, &Asked)> = asked
            .iter()
            .flat_map(|(member, all)| all.iter().map(move |one| (member, one)))
            .collect();
        let checks = pairs.iter().map(|(member, one)| ((*member).clone(), one.group.clone()));
        let found = self.contained(checks.collect()).await;
        let mut verdicts = Vec::new();
        let (mut outside, mut inside) = (Vec::new(), Vec::new());
        let direct_only = matches!(self.settings.scope, Scope::Assigned(_));
        for ((member, one), found) in pairs.into_iter().zip(found) {
            match found {
                Some(false) => outside.push(one),
                // Of what is assigned, groups inside are not read: only the member's own list tells them apart.
                Some(true) if direct_only => {
                    verdicts.push((one.index, self.listed(member, &one.group).await));
                }
                // Nobody is in a group through others where there are none.
                Some(true) if one.nested.is_empty() => verdicts.push((one.index, Verdict::Exists)),
                Some(true) => inside.push((member, one)),
                None => verdicts.push((one.index, Verdict::Unknown)),
            }
        }
        verdicts.extend(self.outside(outside).await);
        verdicts.extend(self.inside(inside).await);
        verdicts
    }

    /// Whether members are in groups, directly or through others; nothing where that was not answered.
    pub(super) async fn contained(&self, pairs: Vec<(Member, ProviderId)>) -> Vec<Option<bool>> {
        let mut groups_of: BTreeMap<&Member, Vec<&ProviderId>> = BTreeMap::new();
        for (member, group) in &pairs {
            groups_of.entry(member).or_default().push(group);
        }
        let chunks: Vec<(&Member, &[&ProviderId])> = groups_of
            .iter()
            .flat_map(|(member, groups)| groups.chunks(CHECK_MAX).map(|chunk| (*member, chunk)))
            .collect();
        let parts: Vec<Part> = chunks.iter().map(|(member, chunk)| check(member, chunk)).collect();
        let told = self.batch(&parts, "memberships of objects", &Progress::default()).await;
        let mut found: HashMap<(&Member, &ProviderId), bool> = HashMap::new();
        let mut alone: Vec<(&Member, &ProviderId)> = Vec::new();
        for ((member, chunk), told) in chunks.iter().zip(told.unwrap_or_default()) {
            let inside = match told.map(|body| ids(&body)) {
                Ok(Some(inside)) => inside,
                // Whoever is gone is in no group; that the check is not there says nothing.
                Err(error) if error.kind == Kind::NotFound && self.is_gone(member).await => {
                    HashSet::new()
                }
                // One group that cannot be asked about must not spoil the answers about the others.
                Ok(None) | Err(_) if chunk.len() > 1 => {
                    alone.extend(chunk.iter().map(|one| (*member, *one)));
                    continue;
                }
                Ok(None) => {
                    note_refusals(chunk, &unexpected("memberships of objects"));
                    continue;
                }
                Err(error) => {
                    note_refusals(chunk, &error);
                    continue;
                }
            };
            found.extend(chunk.iter().map(|group| ((*member, *group), inside.contains(*group))));
        }
        let parts: Vec<Part> = alone
            .iter()
            .map(|(member, group)| check(member, std::slice::from_ref(group)))
            .collect();
        let told = self.batch(&parts, "memberships of objects", &Progress::default()).await;
        for (pair, told) in alone.into_iter().zip(told.unwrap_or_default()) {
            match told.map(|body| ids(&body)) {
                Ok(Some(inside)) => drop(found.insert(pair, inside.contains(pair.1))),
                Ok(None) => note_refusals(&[pair.1], &unexpected("memberships of objects")),
                Err(error) => note_refusals(&[pair.1], &error),
            }
        }
        pairs.iter().map(|(member, group)| found.get(&(member, group)).copied()).collect()
    }

    /// Whether an object is not there, asked for by its id.
    async fn is_gone(&self, object: &Member) -> bool {
        let (kind, id) = path_of(object);
        let url = self.settings.graph_url(&format!("{kind}/{id}?$select=id"));
        let progress = Progress::default();
        let read = self.get(&url, "one object", &progress, |bytes| {
            serde_json::from_slice::<IdItem>(bytes).map(drop)
        });
        read.await.is_err_and(|error| error.kind == Kind::NotFound)
    }

    /// A check that does not name a group says nothing where the group hides its members from us.
    async fn outside(&self, asked: Vec<&Asked>) -> Vec<(usize, Verdict)> {
        let groups: BTreeSet<&ProviderId> = asked.iter().map(|one| &one.group).collect();
        let shown = self.shown(groups).await;
        let verdict = |one: &&Asked| {
            let shows = shown.contains(&one.group);
            (one.index, if shows { Verdict::Gone } else { Verdict::Unknown })
        };
        asked.iter().map(verdict).collect()
    }

    /// Those of the groups that show us their members.
    pub(super) async fn shown<'a>(
        &self,
        groups: BTreeSet<&'a ProviderId>,
    ) -> BTreeSet<&'a ProviderId> {
        if groups.is_empty() || self.shows_hidden(&Progress::default()).await.unwrap_or(false) {
            return groups;
        }
        let parts: Vec<Part> = groups.iter().map(|group| visibility_of(group)).collect();
        let told = self.batch(&parts, "single groups", &Progress::default()).await;
        let shown = |told: Result<bytes::Bytes, ConnectError>| match told {
            Ok(body) => shows_its_members(&body),
            // A group that is gone hides nothing.
            Err(error) => error.kind == Kind::NotFound,
        };
        let told = told.unwrap_or_default();
        for (group, told) in groups.iter().zip(&told) {
            if let Err(error) = told {
                note_refusals(&[*group], error);
            }
        }
        let groups = groups.into_iter().zip(told);
        groups.filter_map(|(group, told)| shown(told).then_some(group)).collect()
    }

    /// Of members that are in groups with groups inside, whether they are so directly.
    async fn inside(&self, asked: Vec<(&Member, &Asked)>) -> Vec<(usize, Verdict)> {
        let ways = asked.iter().flat_map(|(member, one)| {
            one.nested.iter().map(|nested| ((*member).clone(), nested.clone()))
        });
        let mut found = self.contained(ways.collect()).await.into_iter();
        let mut verdicts = Vec::new();
        let mut unclear = Vec::new();
        for (member, one) in asked {
            let ways: Vec<Option<bool>> = found.by_ref().take(one.nested.len()).collect();
            let through: Vec<&ProviderId> = one
                .nested
                .iter()
                .zip(&ways)
                .filter_map(|(nested, way)| (*way == Some(true)).then_some(nested))
                .take(CONTROLS_MAX)
                .collect();
            match (through.is_empty(), ways.contains(&None)) {
                (false, _) => unclear.push((member, one, through)),
                (true, false) => verdicts.push((one.index, Verdict::Exists)),
                (true, true) => verdicts.push((one.index, Verdict::Unknown)),
            }
        }
        verdicts.extend(self.among(unclear).await);
        verdicts
    }

    /// Asks groups for a member together with nested groups that it is in as well: an answer that shows one of those
    /// was not cut, and what it lacks besides is not there.
    async fn among(
        &self,
        asked: Vec<(&Member, &Asked, Vec<&ProviderId>)>,
    ) -> Vec<(usize, Verdict)> {
        let parts: Vec<Part> =
            asked.iter().map(|(member, one, through)| among(&one.group, member, through)).collect();
        let told = self.batch(&parts, "single members", &Progress::default()).await;
        let mut told = told.unwrap_or_default().into_iter();
        let mut verdicts = Vec::new();
        for (member, one, through) in asked {
            let (Member::User(id) | Member::Group(id)) = member;
            let verdict = match told.next().map(|told| told.map(|body| members(&body))) {
                Some(Ok(Some(found))) if found.contains(id) => Verdict::Exists,
                Some(Ok(Some(found))) if through.iter().any(|one| found.contains(*one)) => {
                    Verdict::Gone
                }
                // This tenant's Graph does not answer such a question; the member's own list is left.
                Some(Err(error)) if !matches!(error.kind, Kind::Temporary | Kind::NotFound) => {
                    self.listed(member, &one.group).await
                }
                Some(Err(error)) => {
                    note_refusals(&[&one.group], &error);
                    Verdict::Unknown
                }
                _ => Verdict::Unknown,
            };
            verdicts.push((one.index, verdict));
        }
        verdicts
    }

    /// What a member's own list of groups says of a group.
    async fn listed(&self, member: &Member, group: &ProviderId) -> Verdict {
        match self.direct_groups(member, &Progress::default()).await {
            Ok(Some(groups)) if groups.contains(group) => Verdict::Exists,
            Ok(Some(_)) => Verdict::Unlisted,
            Ok(None) | Err(_) => Verdict::Unknown,
        }
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
        let own = Progress::default();
        let read = self.pages(url, wire::GROUPS_OF_ONE, &own, |bytes| {
            let page: Page<'_, MemberItem<'_>> = serde_json::from_slice(bytes)?;
            groups.extend(page.value.iter().filter_map(|item| match item.member() {
                Some(Member::Group(id)) => Some(id),
                _ => None,
            }));
            Ok(links(page.next, None, page.value.len()))
        });
        let read = read.await.map(drop);
        let lost_some = own.lost_some();
        progress.absorb_requests(&own);
        match read {
            // A list with records that are nobody's does not say which groups it lacks.
            Ok(()) => Ok((!lost_some).then_some(groups)),
            Err(error) if error.kind == Kind::NotFound => Err(error),
            Err(error) if error.is_about_one() => {
                let what = match member {
                    Member::User(id) => Unread::Memberships(id.clone()),
                    Member::Group(id) => Unread::Group(id.clone()),
                };
                note_refusal(what, &error, WHO);
                Ok(None)
            }
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
fn check(member: &Member, groups: &[&ProviderId]) -> Part {
    let (kind, id) = path_of(member);
    let ids: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let body = Some(json!({"groupIds": ids}));
    Part { path: format!("{kind}/{id}/checkMemberGroups"), body }
}

/// The question whether a group hides its members.
fn visibility_of(group: &ProviderId) -> Part {
    Part { path: format!("groups/{group}?$select=id,visibility"), body: None }
}

/// The question which of a member and some nested groups are directly in a group. A filter on members is answered from
/// the index only (<https://learn.microsoft.com/graph/aad-advanced-queries>).
fn among(group: &ProviderId, member: &Member, through: &[&ProviderId]) -> Part {
    let (Member::User(id) | Member::Group(id)) = member;
    let ids: Vec<String> = [id].iter().chain(through).map(|id| format!("'{id}'")).collect();
    let filter = format!("id%20in%20({})", ids.join(","));
    let path = format!("groups/{group}/members?$select=id&$filter={filter}&$count=true&$top=100");
    Part { path, body: None }
}

fn shows_its_members(body: &[u8]) -> bool {
    let item: Option<Visibility> = serde_json::from_slice(body).ok();
    item.is_some_and(|item| item.visibility.as_deref() != Some("HiddenMembership"))
}

fn members(body: &[u8]) -> Option<HashSet<ProviderId>> {
    let page: Page<'_, IdItem> = serde_json::from_slice(body).ok()?;
    Some(page.value.into_iter().map(|item| item.id.0).collect())
}

fn is_about(body: &[u8], id: &ProviderId) -> bool {
    let item: Option<IdItem> = serde_json::from_slice(body).ok();
    item.is_some_and(|item| item.id.0 == *id)
}

fn ids(body: &[u8]) -> Option<HashSet<ProviderId>> {
    let answer: Ids = serde_json::from_slice(body).ok()?;
    Some(answer.value.into_iter().map(|id| id.0).collect())
}

/// What cannot be read if a question about an object itself is refused.
fn record_of(object: &Member) -> Unread {
    match object {
        Member::User(id) => Unread::Person(id.clone()),
        Member::Group(id) => Unread::Group(id.clone()),
    }
}

/// The error of an answer to one question of many that is not what was asked for.
fn unexpected(what: &str) -> ConnectError {
    garbled::unexpected(WHO, what).about_one()
}

/// Notes that questions about members of groups were refused.
fn note_refusals(groups: &[&ProviderId], error: &ConnectError) {
    for group in groups {
        note_refusal(Unread::Members((*group).clone()), error, WHO);
    }
}

pub(super) fn path_of(member: &Member) -> (&'static str, &ProviderId) {
    match member {
        Member::User(id) => ("users", id),
        Member::Group(id) => ("groups", id),
    }
}
