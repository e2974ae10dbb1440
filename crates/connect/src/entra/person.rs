//! One person, by id, user principal name or mail address.

use directory::observation::{Member, PersonRecord, Verdict};
use url::{Url, form_urlencoded};

use super::{
    Entra,
    wire::{self, Page, USER_SELECT, UserItem},
};
use crate::{
    error::{ConnectError, Kind},
    person::{OnePerson, within},
    progress::Progress,
    scope::Scope,
    unreadable::not_shown,
};

impl Entra {
    pub(crate) async fn person(
        &self,
        key: &str,
        progress: &Progress,
    ) -> Result<OnePerson, ConnectError> {
        let found = match self.person_called(key, progress).await? {
            None if key.contains('@') => match self.people_with_mail(key, progress).await? {
                several if several.len() > 1 => return Ok(OnePerson::Several(several)),
                mut one => one.pop(),
            },
            found => found,
        };
        let Some(record) = found else { return Ok(OnePerson::Nobody) };
        let member = Member::User(record.id.clone());
        if self.settings.scope != Scope::Everything {
            let told = self.in_scope(vec![(0, member.clone())]).await;
            let verdict = told.first().map_or(Verdict::Unknown, |(_, verdict)| *verdict);
            if !within(verdict, &self.last_scope)? {
                return Ok(OnePerson::OutOfScope(record.id));
            }
        }
        match self.direct_groups(&member, progress).await {
            Ok(groups) => Ok(OnePerson::There { record: Box::new(record), groups }),
            // Deleted between the two questions.
            Err(error) if error.kind == Kind::NotFound => Ok(OnePerson::Nobody),
            Err(error) => Err(error),
        }
    }

    /// By id or user principal name.
    async fn person_called(
        &self,
        key: &str,
        progress: &Progress,
    ) -> Result<Option<PersonRecord>, ConnectError> {
        let Some(url) = self.user_url(key) else { return Ok(None) };
        let read = self.get(&url, wire::THE_USER, progress, |bytes| {
            let item: UserItem<'_> = serde_json::from_slice(bytes)?;
            Ok(Some(record(&item)))
        });
        match read.await {
            Ok(record) => Ok(record),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(not_shown(error, "Microsoft", key)),
        }
    }

    /// By mail address, which several may have.
    async fn people_with_mail(
        &self,
        mail: &str,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError> {
        let filter = format!("mail eq '{}'", mail.replace('\'', "''"));
        let filter: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let path =
            format!("users?$filter={}&$select={USER_SELECT}&$top=20", filter.replace('+', "%20"));
        let url = self.settings.graph_url(&path);
        let found = self.get(&url, wire::USERS_BY_MAIL, progress, |bytes| {
            let page: Page<'_, UserItem<'_>> = serde_json::from_slice(bytes)?;
            Ok(page.value.iter().map(record).collect::<Vec<_>>())
        });
        found.await
    }

    fn user_url(&self, key: &str) -> Option<String> {
        let mut url = Url::parse(&self.settings.graph_url("users")).ok()?;
        url.path_segments_mut().ok()?.push(key);
        url.set_query(Some(&format!("$select={USER_SELECT}")));
        Some(url.into())
    }
}

fn record(item: &UserItem<'_>) -> PersonRecord {
    item.record(item.id.0.clone())
}
