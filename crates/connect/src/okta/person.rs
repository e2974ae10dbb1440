//! One person, by id, login or mail address.

use directory::{
    id::ProviderId,
    observation::{PersonRecord, Removed},
};

use super::{
    Okta,
    listing::links,
    wire::{GroupItem, Standing, UserItem},
};
use crate::{
    call::{Ask, call, follow},
    error::{ConnectError, Kind},
    person::{OnePerson, within},
    progress::Progress,
    scope::Scope,
    unreadable::not_shown,
};

/// A person's record, and whether they are deactivated, which counts as gone.
type Found = (PersonRecord, bool);

impl Okta {
    pub(crate) async fn person(
        &self,
        key: &str,
        progress: &Progress,
    ) -> Result<OnePerson, ConnectError> {
        let found = match self.person_called(key, progress).await? {
            None if key.contains('@') => self.person_with_mail(key, progress).await?,
            found => found,
        };
        let Some((record, deactivated)) = found else { return Ok(OnePerson::Nobody) };
        if deactivated {
            return Ok(OnePerson::Gone(Removed { id: record.id, restorable: true }));
        }
        if self.settings.scope != Scope::Everything
            && !within(self.person_in_scope(&record.id).await, &self.last_scope)?
        {
            return Ok(OnePerson::OutOfScope(record.id));
        }
        match self.own_groups(&record.id, progress).await {
            Ok(groups) => Ok(OnePerson::There { record: Box::new(record), groups: Some(groups) }),
            // Deleted between the two questions.
            Err(error) if error.kind == Kind::NotFound => Ok(OnePerson::Nobody),
            // Of the person all is known but this.
            Err(error) if error.is_about_one() => {
                Ok(OnePerson::There { record: Box::new(record), groups: None })
            }
            Err(error) => Err(error),
        }
    }

    /// By id or login.
    async fn person_called(
        &self,
        key: &str,
        progress: &Progress,
    ) -> Result<Option<Found>, ConnectError> {
        let url = self.settings.api(&["users", key], &[]);
        let read = call(self, Ask::get(&url), "one user", progress, |answer| {
            let item: UserItem<'_> = serde_json::from_slice(&answer.body)?;
            Ok(found(&item))
        });
        match read.await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            read => read.map_err(|error| not_shown(error, "Okta", key)),
        }
    }

    /// By mail address, if exactly one person has it.
    async fn person_with_mail(
        &self,
        mail: &str,
        progress: &Progress,
    ) -> Result<Option<Found>, ConnectError> {
        let mail = mail.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("profile.email eq \"{mail}\"");
        let url = self.settings.api(&["users"], &[("filter", &filter), ("limit", "2")]);
        let read = call(self, Ask::get(&url), "users by mail", progress, |answer| {
            let items: Vec<UserItem<'_>> = serde_json::from_slice(&answer.body)?;
            Ok(items.iter().filter_map(found).collect::<Vec<_>>())
        });
        let mut read = read.await?;
        Ok(if read.len() == 1 { read.pop() } else { None })
    }

    /// The groups that somebody is in; the group of everybody only where it is filled.
    async fn own_groups(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Vec<ProviderId>, ConnectError> {
        let url = self.settings.api(&["users", &id.to_string(), "groups"], &[]);
        let mut groups = Vec::new();
        follow(self, url, "groups of one user", progress, |answer| {
            let page: Vec<GroupItem<'_>> = serde_json::from_slice(&answer.body)?;
            let wanted = page.iter().filter(|g| self.settings.expand_everyone || !g.is_everyone());
            groups.extend(wanted.filter_map(GroupItem::id));
            Ok(links(&answer.headers, page.len()))
        })
        .await?;
        Ok(groups)
    }
}

fn found(item: &UserItem<'_>) -> Option<Found> {
    Some((item.record(item.id()?), item.standing() == Standing::Deactivated))
}
