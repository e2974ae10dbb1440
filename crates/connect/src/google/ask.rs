//! Questions about single objects and memberships.
//!
//! Invariants: only the provider's definite word makes a loss real: 404 for the very object, and for a membership the
//! answer that the group does not contain the member either, unless through a nested group; a question that fails
//! otherwise, a 403 above all, is unknown.

use directory::{
    id::ProviderId,
    observation::{Member, Question, Unread, Verdict},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::{
    Google, Turned,
    wire::{self, GroupIds, IdItem},
};
use crate::{
    DirectGroups,
    call::Api,
    error::{ConnectError, Kind},
    progress::Progress,
    scope::RootsNow,
    unreadable::note_refusal,
};

/// Questions in flight.
const ASKING: usize = 16;

/// Whether a member is in a group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HasMember {
    is_member: bool,
}

impl Google {
    pub(crate) async fn confirm(
        &self,
        questions: &[Question],
    ) -> Result<Vec<Verdict>, ConnectError> {
        // Without a token nothing can be asked.
        self.tokens.get(&self.http, &Progress::default()).await?;
        let (roots, asked) = (self.roots_now().await, questions.iter().cloned());
        let roots = &roots;
        let answers = stream::iter(asked)
            .map(|question| async move { self.answer(&question, roots).await })
            .buffered(ASKING);
        Ok(answers.collect().await)
    }

    async fn answer(&self, question: &Question, roots: &RootsNow) -> Verdict {
        match question {
            Question::Person(id) => {
                self.object(&["users", &id.to_string()], Member::User(id.clone()), roots).await
            }
            Question::Group(id) => {
                self.object(&["groups", &id.to_string()], Member::Group(id.clone()), roots).await
            }
            // Who is there is in a group that has everybody.
            Question::Membership { group, member: Member::User(id), .. }
                if self.everybody().contains_key(group) =>
            {
                self.exists(&["users", &id.to_string()], id).await
            }
            Question::Membership { group, member, nested } => {
                let (Member::User(id) | Member::Group(id)) = member;
                self.membership(group, id, nested).await
            }
        }
    }

    /// Whether somebody or a group is a direct member of a group. Who is no member by themselves and in the group all
    /// the same must be so through a nested group; without such a one the group may have everybody as a member, which
    /// no question about one person shows.
    async fn membership(
        &self,
        group: &ProviderId,
        id: &ProviderId,
        nested: &[ProviderId],
    ) -> Verdict {
        let (text, member) = (group.to_string(), id.to_string());
        match self.exists(&["groups", &text, "members", &member], id).await {
            Verdict::Gone => {}
            other => return other,
        }
        match self.has_member(group, id).await {
            Ok(false) => return Verdict::Gone,
            Err(error) if error.kind == Kind::NotFound => return Verdict::Gone,
            // Google answers this for entities of one domain only; the direct question was answered.
            Err(error) if error.kind != Kind::Temporary && !self.is_everybody(group) => {
                return Verdict::Gone;
            }
            Err(error) => {
                note_refusal(Unread::Members(group.clone()), &error, <Self as Api>::WHO);
                return Verdict::Unknown;
            }
            Ok(true) => {}
        }
        for group in nested {
            if matches!(self.has_member(group, id).await, Ok(true)) {
                return Verdict::Gone;
            }
        }
        Verdict::Unknown
    }

    fn is_everybody(&self, group: &ProviderId) -> bool {
        self.everybody().contains_key(group)
    }

    /// Whether somebody or a group is in a group, directly or through others.
    pub(super) async fn has_member(
        &self,
        group: &ProviderId,
        id: &ProviderId,
    ) -> Result<bool, ConnectError> {
        let (group, id) = (group.to_string(), id.to_string());
        let url = self.settings.directory_url(&["groups", &group, "hasMember", &id], &[]);
        self.get(&url, "one membership", &Progress::default(), |bytes| {
            let answer: HasMember = serde_json::from_slice(bytes)?;
            Ok(answer.is_member)
        })
        .await
    }

    /// Whether an object is there, within what is read.
    async fn object(&self, segments: &[&str], object: Member, roots: &RootsNow) -> Verdict {
        let (Member::User(id) | Member::Group(id)) = &object;
        match self.exists(segments, id).await {
            Verdict::Exists => self.in_scope(&object, roots).await,
            other => other,
        }
    }

    /// Whether an object is there, asked for by its id.
    pub(super) async fn exists(&self, segments: &[&str], id: &ProviderId) -> Verdict {
        let url = self.settings.directory_url(segments, &[("fields", "id")]);
        let progress = Progress::default();
        let read = self.get(&url, wire::ONE_OBJECT, &progress, |bytes| {
            let item: IdItem = serde_json::from_slice(bytes)?;
            Ok(item.id.0 == *id)
        });
        match read.await {
            Ok(true) => Verdict::Exists,
            Err(error) if error.kind == Kind::NotFound => Verdict::Gone,
            Ok(false) => Verdict::Unknown,
            Err(error) => {
                if let Some(what) = unread_at(segments) {
                    note_refusal(what, &error, <Self as Api>::WHO);
                }
                Verdict::Unknown
            }
        }
    }

    pub(crate) async fn memberships(
        &self,
        people: &[ProviderId],
    ) -> Result<Vec<DirectGroups>, ConnectError> {
        stream::iter(people.iter().cloned())
            .map(|id| async move {
                match self.direct_groups(&id, &Progress::default()).await {
                    Ok(mut groups) => {
                        groups.extend(self.everybody().keys().cloned());
                        groups.sort_unstable();
                        groups.dedup();
                        Ok((id, Some(groups)))
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

    /// The groups that somebody is directly in.
    pub(super) async fn direct_groups(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Vec<ProviderId>, ConnectError> {
        let id = id.to_string();
        let parameters = [
            ("userKey", id.as_str()),
            ("maxResults", "200"),
            ("fields", "nextPageToken,groups(id)"),
        ];
        let url = self.settings.directory_url(&["groups"], &parameters);
        let mut groups = Vec::new();
        let own = Progress::default();
        let read = self.pages(&url, wire::GROUPS_OF_ONE, &own, |bytes, first| {
            let page: GroupIds = serde_json::from_slice(bytes)?;
            let items = page.groups.len();
            if first {
                groups.clear();
            }
            groups.extend(page.groups.into_iter().map(|item| item.id.0));
            Ok(Turned { next: page.next_page_token, items })
        });
        read.await?;
        let lost_some = own.lost_some();
        progress.absorb_requests(&own);
        if lost_some {
            let text = "Google's list of somebody's groups holds groups without a usable id, so that it does not say \
                        which it lacks";
            return Err(ConnectError::new(Kind::Odd, None, text).about_one());
        }
        Ok(groups)
    }
}

/// What cannot be read if a request for this path is refused.
fn unread_at(segments: &[&str]) -> Option<Unread> {
    let id = |text: &str| ProviderId::parse(text).ok();
    match segments {
        ["users", user] => id(user).map(Unread::Person),
        ["groups", group] => id(group).map(Unread::Group),
        ["groups", group, ..] => id(group).map(Unread::Members),
        _ => None,
    }
}
