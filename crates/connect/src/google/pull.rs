//! A pull: people and groups whole each time, members in turns (`protocols/providers.md` B3).
//!
//! Invariant: what is said to be complete was read to its last page in this pull.

use std::collections::HashSet;

use directory::{
    id::ProviderId,
    observation::{Cursor, GroupMembers, Listing, MembersListing, Observation},
};

use super::{Google, cursor::Position};
use crate::{
    error::ConnectError,
    progress::Progress,
    scope::{self, Scope},
};

impl Google {
    pub(crate) async fn pull(
        &self,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        if self.settings.scope != Scope::Everything {
            self.everybody().clear();
            let mut observation = scope::read(self, progress).await?;
            crate::notes::add(&mut observation, "Google", self.http.skew_ms(), progress);
            return Ok(observation);
        }
        let mut notes = Vec::new();
        let position = cursor.and_then(|cursor| Position::read(&self.settings, cursor));
        if cursor.is_some() && position.is_none() {
            notes.push("the settings are others than before: everything was read".to_owned());
        }
        let (people, mut groups) = tokio::try_join!(self.people(progress), self.groups(progress))?;
        let now = self.http.now();
        let (due, after) = match &position {
            None => (groups.keys().cloned().collect(), String::new()),
            Some(position) => {
                let hints = self.hints(position.vendor_at(), progress, &mut notes).await?;
                position.due(&self.settings, &groups, &hints, now)
            }
        };
        let everything = due.len() == groups.len();
        let read = self.members_of(&due, progress).await?;
        let everybody: Vec<ProviderId> = people.keys().cloned().collect();
        let mut members = Vec::with_capacity(read.len());
        let mut turned = Vec::with_capacity(read.len());
        let mut outsiders = 0;
        let mut gone = HashSet::new();
        for (group, read) in read {
            // Deleted while we read.
            let Some(read) = read else {
                gone.insert(group);
                continue;
            };
            outsiders += read.outsiders;
            turned.push((group.clone(), read.everybody));
            let listing = MembersListing::Complete(self.expanded(read, &everybody));
            members.push(GroupMembers { group, listing });
        }
        groups.retain(|id, _| !gone.contains(id));
        if outsiders > 0 {
            notes.push(format!(
                "{outsiders} memberships are of people or groups of other organisations; they were left out"
            ));
        }
        if people.is_empty() {
            notes.push(
                "Google showed no users at all: is the customer right, and the administrator's role not limited to an \
                 organisational unit? [G-ZERO]"
                    .to_owned(),
            );
        }
        let next = Position::next(
            &self.settings,
            position,
            &groups,
            &turned,
            (after, now, self.http.skew_ms()),
        );
        if self.settings.expand_everyone {
            *self.everybody() = next.everybody().collect();
        }
        let mut observation = Observation {
            people: Listing::Complete(people.into_values().collect()),
            groups: Listing::Complete(groups.into_values().map(|(group, _)| group).collect()),
            members,
            everything,
            cursor: next.cursor(),
            notes,
            ..Observation::default()
        };
        crate::notes::add(&mut observation, "Google", self.http.skew_ms(), progress);
        Ok(observation)
    }
}
