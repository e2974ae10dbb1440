//! A pull: people and groups whole each time, members in turns (`protocols/providers.md` B3).
//!
//! Invariant: what is said to be complete was read to its last page in this pull.

use directory::counted::{agreeing, counted};
use directory::{
    id::ProviderId,
    observation::{Cursor, GroupMembers, Listing, MembersListing, Observation, Unread},
};

use super::{
    Google,
    cursor::Position,
    listing::{GroupsRead, MembersRead},
};
use crate::{
    call::Api,
    error::ConnectError,
    progress::Progress,
    scope::{self, Scope},
    unreadable::{Asked, One, Part, Unreads},
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
        if let Some(position) = &position {
            self.everybody().extend(position.everybody());
        }
        let before = position.as_ref().map(Position::unread).unwrap_or_default();
        let read = self.members_of(&due, &before, progress).await?;
        let everybody: Vec<ProviderId> = people.keys().cloned().collect();
        let mut unread = Unreads::default();
        let (members, turned) =
            self.members_read((read, &mut unread), &mut groups, &everybody, &mut notes);
        let part = if everything { Part::Whole } else { Part::Some };
        let asked = Asked { ids: &due, part, before: &before, who: <Self as Api>::WHO };
        unread.judge(&asked, |id| groups.get(id).map(|(group, _)| group.label()))?;
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
            (&turned, &unread),
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
            unreadable: unread.told(<Self as Api>::WHO),
            ..Observation::default()
        };
        crate::notes::add(&mut observation, "Google", self.http.skew_ms(), progress);
        Ok(observation)
    }

    /// Members that were read, and of which groups, with whether they have everybody; groups that were deleted while
    /// we read are dropped.
    fn members_read(
        &self,
        (read, unread): (Vec<(ProviderId, One<MembersRead>)>, &mut Unreads),
        groups: &mut GroupsRead,
        people: &[ProviderId],
        notes: &mut Vec<String>,
    ) -> (Vec<GroupMembers>, Vec<(ProviderId, bool)>) {
        let mut members = Vec::with_capacity(read.len());
        let mut turned = Vec::with_capacity(read.len());
        let (mut outsiders, mut incomplete) = (0, 0);
        for (group, read) in read {
            let mut read = match read {
                One::Read(read) => read,
                One::Missing(_) => {
                    groups.remove(&group);
                    continue;
                }
                One::Unread(error) => {
                    unread.add(Unread::Members(group), error);
                    continue;
                }
            };
            let sign = groups.get(&group).map(|(_, sign)| sign);
            if !read.everybody && sign.is_some() && self.everybody().get(&group) == sign {
                read.everybody = true;
                incomplete += 1;
            }
            outsiders += read.outsiders;
            turned.push((group.clone(), read.everybody));
            let listing = MembersListing::Complete(self.expanded(read, people));
            members.push(GroupMembers { group, listing });
        }
        if outsiders > 0 {
            notes.push(format!(
                "{} of people or groups of other organisations {} left out",
                counted(outsiders, "membership"),
                agreeing(outsiders, "was", "were")
            ));
        }
        if incomplete > 0 {
            notes.push(format!(
                "{incomplete} lists of members lacked the member that stands for everybody although nothing about the \
                 group changed; they were not believed in that"
            ));
        }
        (members, turned)
    }
}
