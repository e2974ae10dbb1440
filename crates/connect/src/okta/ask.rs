//! Questions about single objects and memberships.
//!
//! Invariants: only the provider's definite word makes a loss real: 404 with its own error code for an object, the
//! status of a deactivated person, or an entry of the System Log that a person's own list of groups agrees with. A second
//! list alone is no such word ([`Verdict::Unlisted`]). A question that fails otherwise is unknown.

use std::collections::{BTreeMap, HashSet};

use directory::{
    id::{DAY_MS, ProviderId},
    observation::{Member, Question, Removed, Unread, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Okta,
    wire::{self, GroupItem, MembershipEvent, OwnGroupItem, Standing, UserItem},
};
use crate::{
    DirectGroups,
    call::{Api, Ask, Links, call, follow},
    error::{ConnectError, Kind},
    progress::Progress,
    scope::RootsNow,
    unreadable::{Before, Unreads, note_refusal, one},
};

/// Questions in flight.
const ASKING: usize = 10;

/// How far back the log is asked for removed memberships: whatever is asked about was there at the last read of its
/// group, which is a day ago at the most while runs succeed.
const LOG_REACH_MS: i64 = 7 * DAY_MS;

/// What the provider says of one person.
enum Found {
    There,
    Deactivated,
    Nowhere,
}

impl Okta {
    pub(crate) async fn confirm(
        &self,
        questions: &[Question],
    ) -> Result<Vec<Verdict>, ConnectError> {
        let progress = Progress::default();
        // Without being let in nothing can be asked.
        self.check_admission(&progress).await?;
        let mut verdicts = vec![Verdict::Unknown; questions.len()];
        let mut memberships: BTreeMap<ProviderId, Vec<(usize, ProviderId)>> = BTreeMap::new();
        let mut objects = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            match question {
                Question::Membership { group, member: Member::User(id), .. } => {
                    memberships.entry(id.clone()).or_default().push((index, group.clone()));
                }
                // There are no groups in groups.
                Question::Membership { member: Member::Group(_), .. } => {
                    verdicts[index] = Verdict::Gone;
                }
                Question::Person(_) | Question::Group(_) => objects.push((index, question.clone())),
            }
        }
        let roots = &self.roots_now().await;
        let answers: Vec<_> = stream::iter(objects)
            .map(|(index, question)| async move {
                let verdict = match &question {
                    Question::Person(id) => self.person_verdict(id, roots).await,
                    Question::Group(id) | Question::Membership { group: id, .. } => {
                        self.group_verdict(id).await
                    }
                };
                (index, verdict)
            })
            .buffer_unordered(ASKING)
            .collect()
            .await;
        let about_members: Vec<_> = stream::iter(memberships)
            .map(|(id, groups)| async move { self.member_verdicts(&id, groups).await })
            .buffer_unordered(ASKING)
            .collect()
            .await;
        for (index, verdict) in answers.into_iter().chain(about_members.into_iter().flatten()) {
            verdicts[index] = verdict;
        }
        self.ask_the_log(questions, &mut verdicts).await;
        Ok(verdicts)
    }

    /// Okta has no question about one membership. What it has is its log: what that says to have been removed, and not
    /// added since, is gone, as far as a person's own list of groups agrees.
    async fn ask_the_log(&self, questions: &[Question], verdicts: &mut [Verdict]) {
        let mut open: BTreeMap<(ProviderId, ProviderId), usize> = BTreeMap::new();
        for (index, question) in questions.iter().enumerate() {
            if let Question::Membership { group, member: Member::User(id), .. } = question
                && verdicts[index] == Verdict::Unlisted
            {
                open.insert((group.clone(), id.clone()), index);
            }
        }
        if open.is_empty() || !self.settings.system_log {
            return;
        }
        let since = self.http.now().plus(self.http.skew_ms() - LOG_REACH_MS);
        let read = self.membership_log(since, |event| {
            match event {
                // The list lacks what the log says to be there: one of them is late.
                MembershipEvent::Joined(group, user) => {
                    if let Some(index) = open.remove(&(group, user)) {
                        verdicts[index] = Verdict::Unknown;
                    }
                }
                MembershipEvent::Left(group, user) => {
                    if let Some(index) = open.remove(&(group, user)) {
                        verdicts[index] = Verdict::Gone;
                    }
                }
                MembershipEvent::Deactivated(user) => open.retain(|(_, member), index| {
                    if *member == user {
                        verdicts[*index] = Verdict::Gone;
                    }
                    *member != user
                }),
            }
            !open.is_empty()
        });
        // Without the log the lists are left.
        drop(read.await);
    }

    async fn person_verdict(&self, id: &ProviderId, roots: &RootsNow) -> Verdict {
        match self.find(id).await {
            // Within what is read they may be gone all the same.
            Ok(Found::There) => self.person_in_scope(id, roots).await,
            Ok(Found::Deactivated | Found::Nowhere) => Verdict::Gone,
            Err(error) => {
                note_refusal(Unread::Person(id.clone()), &error, <Self as Api>::WHO);
                Verdict::Unknown
            }
        }
    }

    /// A person, asked for by id.
    async fn find(&self, id: &ProviderId) -> Result<Found, ConnectError> {
        let text = id.to_string();
        let url = self.settings.api(&["users", &text], &[]);
        let ask = Ask::get(&url);
        let progress = Progress::default();
        let read = call(self, ask, wire::ONE_USER, &progress, |answer| {
            let item: UserItem<'_> = serde_json::from_slice(&answer.body)?;
            // A login is accepted in the place of an id: it must be the one that was meant.
            Ok((item.id() == *id).then(|| item.standing()))
        });
        match read.await {
            Err(error) if error.kind == Kind::Odd => Ok(Found::There),
            Ok(Some(Standing::Deactivated)) => Ok(Found::Deactivated),
            Ok(Some(_)) => Ok(Found::There),
            Ok(None) => Ok(Found::Nowhere),
            Err(error) if error.kind == Kind::NotFound => Ok(Found::Nowhere),
            Err(error) => Err(error),
        }
    }

    /// Whether Okta shows a group under its id, and no other.
    pub(super) async fn group_is_there(&self, id: &ProviderId) -> Result<bool, ConnectError> {
        let url = self.settings.api(&["groups", &id.to_string()], &[]);
        let ask = Ask::get(&url);
        call(self, ask, wire::ONE_GROUP, &Progress::default(), |answer| {
            let item: GroupItem<'_> = serde_json::from_slice(&answer.body)?;
            Ok(item.id() == *id)
        })
        .await
    }

    async fn group_verdict(&self, id: &ProviderId) -> Verdict {
        match self.group_is_there(id).await {
            Ok(true) => self.group_in_scope(id).await,
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Ok(false) => Verdict::Unknown,
            Err(error) => {
                note_refusal(Unread::Group(id.clone()), &error, <Self as Api>::WHO);
                Verdict::Unknown
            }
        }
    }

    /// Of some groups, whether a person is in them.
    async fn member_verdicts(
        &self,
        id: &ProviderId,
        groups: Vec<(usize, ProviderId)>,
    ) -> Vec<(usize, Verdict)> {
        let found: Result<HashSet<ProviderId>, ConnectError> =
            self.groups_of(id).await.map(|groups| groups.into_iter().collect());
        if let Err(error) = &found {
            note_refusal(Unread::Memberships(id.clone()), error, <Self as Api>::WHO);
        }
        // Whoever is gone is in no group; that the list alone is not there says nothing.
        let gone = match &found {
            Err(error) if error.kind == Kind::NotFound => {
                matches!(self.find(id).await, Ok(Found::Nowhere | Found::Deactivated))
            }
            _ => false,
        };
        let verdict = |group: &ProviderId| match &found {
            Ok(inside) if inside.contains(group) => Verdict::Exists,
            Ok(_) => Verdict::Unlisted,
            Err(_) if gone => Verdict::Gone,
            Err(_) => Verdict::Unknown,
        };
        groups.into_iter().map(|(index, group)| (index, verdict(&group))).collect()
    }

    /// The groups that a person is in. Everybody who is active is in the group of everybody: a list without it is not
    /// believed.
    pub(super) async fn groups_of(&self, id: &ProviderId) -> Result<Vec<ProviderId>, ConnectError> {
        let groups = self.groups_listed(id).await?;
        let lacking = self.everyone().is_some_and(|everyone| !groups.contains(&everyone));
        if lacking && matches!(self.find(id).await?, Found::There) {
            let text = "Okta's list of somebody's groups lacks the group of everybody; it was not believed";
            return Err(ConnectError::new(Kind::Protocol, None, text).about_one());
        }
        Ok(groups)
    }

    async fn groups_listed(&self, id: &ProviderId) -> Result<Vec<ProviderId>, ConnectError> {
        let url = self.settings.api(&["users", &id.to_string(), "groups"], &[]);
        let mut groups = Vec::new();
        let progress = Progress::default();
        follow(self, url, wire::GROUPS_OF_ONE, &progress, |answer| {
            let page: Vec<OwnGroupItem<'_>> = serde_json::from_slice(&answer.body)?;
            groups.extend(page.iter().map(OwnGroupItem::id));
            let next = super::listing::next_link(&answer.headers);
            Ok(Links { next, later: None, items: page.len() })
        })
        .await?;
        check_whole(&progress)?;
        Ok(groups)
    }

    pub(crate) async fn memberships(
        &self,
        people: &[ProviderId],
    ) -> Result<Vec<DirectGroups>, ConnectError> {
        stream::iter(people.iter().cloned())
            .map(|id| async move {
                match self.groups_of(&id).await {
                    Ok(groups) => {
                        let wanted = |group: &ProviderId| {
                            self.settings.expand_everyone || !self.is_everyone(group)
                        };
                        Ok((id, Some(groups.into_iter().filter(wanted).collect())))
                    }
                    Err(error) if error.is_about_one() => {
                        let what = Unread::Memberships(id.clone());
                        note_refusal(what, &error, <Self as Api>::WHO);
                        Ok((id, None))
                    }
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(ASKING)
            .try_collect()
            .await
    }

    /// Of people who are said to be deleted, those who are.
    pub(super) async fn deleted(
        &self,
        people: impl IntoIterator<Item = ProviderId>,
        before: &Before,
        unread: &mut Unreads,
    ) -> Result<Vec<Removed>, ConnectError> {
        let asked = stream::iter(people).map(|id| async move {
            let what = Unread::Person(id.clone());
            let found = one(before, &what, self.find(&id)).await?;
            let removed = |restorable| Some(Removed { id: id.clone(), restorable });
            let removed = found.map(|found| match found {
                // An odd record is a record: somebody is there.
                Found::There => None,
                Found::Deactivated => removed(true),
                Found::Nowhere => removed(false),
            });
            Ok::<_, ConnectError>((what, removed))
        });
        let found = asked.buffer_unordered(ASKING).try_collect().await?;
        Ok(unread.take(found).into_iter().flatten().collect())
    }
}

/// Refuses to conclude anything from a list of groups with some that are nobody's: it does not say which it lacks.
///
/// # Errors
/// When there were such.
pub(super) fn check_whole(progress: &Progress) -> Result<(), ConnectError> {
    if !progress.lost_some() {
        return Ok(());
    }
    let text = "Okta's list of somebody's groups holds groups without a usable id, so that it does not say which it lacks";
    Err(ConnectError::new(Kind::Odd, None, text).about_one())
}
