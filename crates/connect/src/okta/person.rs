//! One person, by id, login or mail address.

use directory::{
    id::ProviderId,
    observation::{PersonRecord, Removed, Unread},
};

use super::{
    Okta,
    ask::check_whole,
    listing::links,
    wire::{self, OwnGroupItem, Standing, UserItem},
};
use crate::{
    call::{Api, Ask, call, follow},
    error::{ConnectError, Kind},
    person::{OnePerson, within},
    progress::Progress,
    scope::Scope,
    unreadable::{not_shown, note_refusal},
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
            None if key.contains('@') => match self.people_with_mail(key, progress).await? {
                several if several.len() > 1 => {
                    let records = several.into_iter().map(|(record, _)| record);
                    return Ok(OnePerson::Several(records.collect()));
                }
                mut one => one.pop(),
            },
            found => found,
        };
        let Some((record, deactivated)) = found else { return Ok(OnePerson::Nobody) };
        if deactivated {
            return Ok(OnePerson::Gone(Removed { id: record.id, restorable: true }));
        }
        if self.settings.scope != Scope::Everything
            && !within(
                self.person_in_scope(&record.id, &self.roots_now().await).await,
                &self.last_scope,
            )?
        {
            return Ok(OnePerson::OutOfScope(record.id));
        }
        match self.own_groups(&record.id, progress).await {
            Ok(groups) => Ok(OnePerson::There { record: Box::new(record), groups: Some(groups) }),
            // Deleted between the two questions.
            Err(error) if error.kind == Kind::NotFound => Ok(OnePerson::Nobody),
            // Of the person all is known but this.
            Err(error) if error.is_about_one() => {
                note_refusal(Unread::Memberships(record.id.clone()), &error, <Self as Api>::WHO);
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
        let read = call(self, Ask::get(&url), wire::ONE_USER, progress, |answer| {
            let item: UserItem<'_> = serde_json::from_slice(&answer.body)?;
            Ok(Some(found(&item)))
        });
        match read.await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            read => read.map_err(|error| not_shown(error, "Okta", key)),
        }
    }

    /// By mail address, which several may have.
    async fn people_with_mail(
        &self,
        mail: &str,
        progress: &Progress,
    ) -> Result<Vec<Found>, ConnectError> {
        let mail = mail.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("profile.email eq \"{mail}\"");
        let url = self.settings.api(&["users"], &[("filter", &filter), ("limit", "20")]);
        let read = call(self, Ask::get(&url), wire::USERS_BY_MAIL, progress, |answer| {
            let items: Vec<UserItem<'_>> = serde_json::from_slice(&answer.body)?;
            Ok(items.iter().map(found).collect::<Vec<_>>())
        });
        read.await
    }

    /// The groups that somebody is in; the group of everybody only where it is filled.
    async fn own_groups(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Vec<ProviderId>, ConnectError> {
        let url = self.settings.api(&["users", &id.to_string(), "groups"], &[]);
        let mut groups = Vec::new();
        let own = Progress::default();
        let read = follow(self, url, wire::GROUPS_OF_ONE, &own, |answer| {
            let page: Vec<OwnGroupItem<'_>> = serde_json::from_slice(&answer.body)?;
            let wanted = page.iter().filter(|g| self.settings.expand_everyone || !g.is_everyone());
            groups.extend(wanted.map(OwnGroupItem::id));
            Ok(links(&answer.headers, page.len()))
        });
        read.await?;
        check_whole(&own)?;
        progress.absorb_requests(&own);
        Ok(groups)
    }
}

fn found(item: &UserItem<'_>) -> Found {
    (item.record(item.id()), item.standing() == Standing::Deactivated)
}
