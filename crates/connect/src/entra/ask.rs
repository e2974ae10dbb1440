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
    listing::links,
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
        let answers: Vec<_> = stream::iter(objects)
            .map(|(index, object)| async move { (index, self.exists(&object).await) })
            .buffer_unordered(ASKING)
            .collect()
            .await;
        for (index, verdict) in answers {
            verdicts[index] = verdict;
        }
        let answers: Vec<_> = stream::iter(members)
            .map(|(member, groups)| async move { self.memberships_of(&member, groups).await })
            .buffer_unordered(ASKING)
            .collect()
            .await;
        for (index, verdict) in answers.into_iter().flatten() {
            verdicts[index] = verdict;
        }
        Ok(verdicts)
    }

    /// Whether an object is there, asked for by its id.
    async fn exists(&self, object: &Member) -> Verdict {
        let (kind, id) = path_of(object);
        let url = self.settings.graph_url(&format!("{kind}/{id}?$select=id"));
        let progress = Progress::default();
        let read = self.get(&url, "one object", &progress, |bytes| {
            let item: IdItem<'_> = serde_json::from_slice(bytes)?;
            Ok(ProviderId::parse(&item.id).is_ok_and(|said| said == *id))
        });
        match read.await {
            // Within what is read it may be gone all the same.
            Ok(true) => self.in_scope(object).await,
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Ok(false) | Err(_) => Verdict::Unknown,
        }
    }

    /// Verdicts about one member and several groups: first whether it is in them at all, then directly.
    async fn memberships_of(&self, member: &Member, groups: Vec<Asked>) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::with_capacity(groups.len());
        let mut inside = Vec::new();
        for chunk in groups.chunks(CHECK_MAX) {
            match self.check(member, chunk).await {
                Ok(found) => {
                    let (there, gone): (Vec<_>, Vec<_>) =
                        chunk.iter().partition(|(_, group)| found.contains(group));
                    verdicts.extend(gone.into_iter().map(|(index, _)| (*index, Verdict::Gone)));
                    inside.extend(there);
                }
                // Whoever is gone is in no group.
                Err(error) if error.kind == Kind::NotFound => {
                    verdicts.extend(chunk.iter().map(|(index, _)| (*index, Verdict::Gone)));
                }
                Err(_) => {
                    verdicts.extend(chunk.iter().map(|(index, _)| (*index, Verdict::Unknown)));
                }
            }
        }
        if inside.is_empty() {
            return verdicts;
        }
        let direct: Option<HashSet<ProviderId>> = self
            .direct_groups(member)
            .await
            .ok()
            .flatten()
            .map(|groups| groups.into_iter().collect());
        verdicts.extend(inside.into_iter().map(|(index, group)| {
            let verdict = match &direct {
                None => Verdict::Unknown,
                Some(direct) if direct.contains(group) => Verdict::Exists,
                // In it through another group only: the group's list and the member's agree on that.
                Some(_) => Verdict::Gone,
            };
            (*index, verdict)
        }));
        verdicts
    }

    /// Which of up to [`CHECK_MAX`] groups a member is in, directly or through others.
    async fn check(
        &self,
        member: &Member,
        groups: &[Asked],
    ) -> Result<HashSet<ProviderId>, ConnectError> {
        let (kind, id) = path_of(member);
        let ids: Vec<String> = groups.iter().map(|(_, group)| group.to_string()).collect();
        let url = self.settings.graph_url(&format!("{kind}/{id}/checkMemberGroups"));
        let body = json!({"groupIds": ids});
        self.post((&url, &body), "memberships of one object", &Progress::default(), |bytes| {
            let answer: Ids<'_> = serde_json::from_slice(bytes)?;
            Ok(answer.value.iter().filter_map(|id| ProviderId::parse(id).ok()).collect())
        })
        .await
    }

    /// The groups that a member is directly in; `None` when we may not see them.
    pub(super) async fn direct_groups(
        &self,
        member: &Member,
    ) -> Result<Option<Vec<ProviderId>>, ConnectError> {
        let (kind, id) = path_of(member);
        let url = self.settings.graph_url(&format!("{kind}/{id}/memberOf?$select=id&$top=100"));
        let mut groups = Vec::new();
        let progress = Progress::default();
        let read = self.pages(url, "groups of one object", &progress, |bytes| {
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
                match self.direct_groups(&Member::User(id.clone())).await {
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

fn path_of(member: &Member) -> (&'static str, &ProviderId) {
    match member {
        Member::User(id) => ("users", id),
        Member::Group(id) => ("groups", id),
    }
}
