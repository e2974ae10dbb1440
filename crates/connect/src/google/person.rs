//! One person, by id, address or alias.

use directory::observation::{Cursor, Member, PersonRecord, Unread};

use super::{
    Google,
    cursor::Position,
    scope::optional,
    wire::{self, UserItem},
};
use crate::{
    call::Api,
    error::{ConnectError, Kind},
    person::{OnePerson, within},
    progress::Progress,
    scope::Scope,
    unreadable::{not_shown, note_refusal},
};

impl Google {
    pub(crate) async fn person(
        &self,
        key: &str,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<OnePerson, ConnectError> {
        let fields = [("fields", Self::user_fields())];
        let url = self.settings.directory_url(&["users", key], &fields);
        let read = self.get(&url, wire::ONE_USER, progress, |bytes| {
            let item: UserItem<'_> = serde_json::from_slice(bytes)?;
            Ok(item.record(item.id.0.clone()))
        });
        let read = read.await.map_err(|error| not_shown(error, "Google", key));
        let found: Option<PersonRecord> = match read {
            Err(error) if error.kind == Kind::Odd => return Err(error),
            read => optional(read)?,
        };
        let Some(record) = found else { return Ok(OnePerson::Nobody) };
        if self.settings.scope != Scope::Everything {
            let roots = self.roots_now().await;
            let verdict = self.in_scope(&Member::User(record.id.clone()), &roots).await;
            if !within(verdict, &self.last_scope)? {
                return Ok(OnePerson::OutOfScope(record.id));
            }
        }
        self.recall_everybody(cursor);
        match self.direct_groups(&record.id, progress).await {
            Ok(mut groups) => {
                groups.extend(self.everybody().keys().cloned());
                groups.sort_unstable();
                groups.dedup();
                Ok(OnePerson::There { record: Box::new(record), groups: Some(groups) })
            }
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

    /// Groups that have everybody are known from the last pull, or from where it left off.
    fn recall_everybody(&self, cursor: Option<&Cursor>) {
        let mut everybody = self.everybody();
        if everybody.is_empty()
            && let Some(position) = cursor.and_then(|c| Position::read(&self.settings, c))
        {
            everybody.extend(position.everybody());
        }
    }
}
