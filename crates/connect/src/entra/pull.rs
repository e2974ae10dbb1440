//! A pull: everything, or what changed (`protocols/providers.md` A3.5).
//!
//! Invariant: a full read notes its position in the changes before it begins and applies what changed
//! meanwhile at its end, so that nothing falls between list and changes.

use std::collections::HashMap;

use directory::{
    id::ProviderId,
    observation::{
        Cursor, GroupMembers, GroupRecord, Listing, Member, MemberSet, MembersListing, Observation,
        PersonRecord,
    },
};

use super::{
    Entra,
    changes::{GroupsRound, MemberWords, PeopleRound, Word, listing, member_sets},
    cursor::{Gaps, Position},
};
use crate::{
    error::{ConnectError, Kind},
    notes,
    progress::Progress,
    scope::{self, Scope},
};

/// Complete lists on their way to an observation.
struct Lists {
    people: HashMap<ProviderId, PersonRecord>,
    groups: HashMap<ProviderId, GroupRecord>,
    members: HashMap<ProviderId, MemberSet>,
    /// Groups whose members we may not see.
    hidden: usize,
}

impl Entra {
    pub(crate) async fn pull(
        &self,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        let mut observation = match cursor {
            _ if self.settings.scope != Scope::Everything => scope::read(self, progress).await?,
            None => self.everything(progress).await?,
            Some(cursor) => self.since(cursor, progress).await?,
        };
        notes::add(&mut observation, "Microsoft", self.http.skew_ms(), progress);
        Ok(observation)
    }

    async fn since(
        &self,
        cursor: &Cursor,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        let note = match Position::read(&self.settings, cursor) {
            None => {
                "the stored position in the changes was made for other settings: everything was read"
            }
            Some(position) => match self.changes(&position, progress).await {
                Err(error) if error.kind == Kind::CursorExpired => {
                    "Microsoft no longer knew our position in the changes: everything was read again [E-RESYNC]"
                }
                done => return done,
            },
        };
        progress.reset();
        let mut observation = self.everything(progress).await?;
        observation.notes.push(note.to_owned());
        Ok(observation)
    }

    /// What changed since a position.
    async fn changes(
        &self,
        position: &Position,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        let (people, mut groups) = self.rounds(&position.users, &position.groups, progress).await?;
        let lost_changes = Gaps::of(progress).overlooked;
        let mut members = self.gaps_filled(&position.gaps, &mut groups, progress).await?;
        members.extend(groups.members.into_iter().map(|(group, words)| {
            let (added, removed) = member_sets(words);
            GroupMembers { group, listing: MembersListing::Delta { added, removed } }
        }));
        let mut gaps = Gaps::of(progress);
        gaps.overlooked |= position.gaps.overlooked;
        let next = Position::new(&self.settings, people.link, groups.link, gaps);
        Ok(Observation {
            people: listing(people.words),
            groups: listing(groups.words),
            members,
            cursor: Some(next.cursor()),
            lost_changes,
            newcomers_doubted: position.gaps.overlooked,
            ..Observation::default()
        })
    }

    /// The members of the groups whose lists were not whole so far, as they are after a round; what the round says of them
    /// is in it.
    async fn gaps_filled(
        &self,
        gaps: &Gaps,
        round: &mut GroupsRound,
        progress: &Progress,
    ) -> Result<Vec<GroupMembers>, ConnectError> {
        let gone = |id: &ProviderId| matches!(round.words.get(id), Some(Word::Gone { .. }));
        let open: Vec<ProviderId> = gaps.groups.iter().filter(|id| !gone(id)).cloned().collect();
        let mut filled = Vec::with_capacity(open.len());
        for (group, read) in self.members_of(&open, progress).await? {
            let Some(mut members) = read else { continue };
            if let Some(words) = round.members.remove(&group) {
                apply_members(&mut members, words);
            }
            filled.push(GroupMembers { group, listing: MembersListing::Complete(members) });
        }
        Ok(filled)
    }

    async fn rounds(
        &self,
        users: &str,
        groups: &str,
        progress: &Progress,
    ) -> Result<(PeopleRound, GroupsRound), ConnectError> {
        let (mut people, mut groups) = tokio::try_join!(
            self.people_since(users, progress),
            self.groups_since(groups, progress)
        )?;
        self.complete_people(&mut people, progress).await?;
        self.complete_groups(&mut groups, progress).await?;
        Ok((people, groups))
    }

    /// Everything there is.
    async fn everything(&self, progress: &Progress) -> Result<Observation, ConnectError> {
        let mut notes = Vec::new();
        let from = match self.links_from_now(progress).await {
            Ok(links) => Some(links),
            Err(error) if error.kind == Kind::Unsupported => {
                notes.push(
                    "this tenant (External ID, B2C) has no list of changes: everything is read each time [E-B2C]".to_owned(),
                );
                None
            }
            Err(error) => return Err(error),
        };
        let mut lists = self.lists(progress).await?;
        let mut cursor = None;
        if let Some((users, groups)) = from {
            // Counts of the lists must not be overwritten by those of the last round.
            let meanwhile = Progress::default();
            let rounds = self.rounds(&users, &groups, &meanwhile).await;
            let lost_changes = Gaps::of(&meanwhile).overlooked;
            progress.absorb_requests(&meanwhile);
            let (people, round) = rounds?;
            // What was lost among these changes may be told well when they are read again.
            let links = if lost_changes {
                (users, groups)
            } else {
                (people.link.clone(), round.link.clone())
            };
            self.apply(&mut lists, people, round, progress).await?;
            let gaps = Gaps::of(progress);
            cursor = Some(Position::new(&self.settings, links.0, links.1, gaps).cursor());
        }
        if lists.hidden > 0 {
            notes.push(format!(
                "{} groups hide their members from this app; their memberships stay as they were; Member.Read.Hidden \
                 would show them [E-HIDDEN]",
                lists.hidden
            ));
        }
        let members = lists.members.into_iter().map(|(group, members)| GroupMembers {
            group,
            listing: MembersListing::Complete(members),
        });
        Ok(Observation {
            people: Listing::Complete(lists.people.into_values().collect()),
            groups: Listing::Complete(lists.groups.into_values().collect()),
            members: members.collect(),
            everything: true,
            cursor,
            notes,
            ..Observation::default()
        })
    }

    /// People in one chain of pages; groups, and then their members side by side.
    async fn lists(&self, progress: &Progress) -> Result<Lists, ConnectError> {
        let groups_and_members = async {
            let groups = self.groups(progress).await?;
            let (readable, hidden) = self.readable(&groups, progress).await?;
            let members = self.members_of(&readable, progress).await?;
            Ok((groups, members, hidden))
        };
        let (people, (mut groups, read, hidden)) =
            tokio::try_join!(self.people(progress), groups_and_members)?;
        let mut members = HashMap::with_capacity(read.len());
        for (group, set) in read {
            match set {
                Some(set) => {
                    members.insert(group, set);
                }
                // Deleted while we read.
                None => {
                    groups.remove(&group);
                }
            }
        }
        Ok(Lists { people, groups, members, hidden })
    }

    /// The groups whose members we may see, and how many others there are.
    async fn readable(
        &self,
        groups: &HashMap<ProviderId, GroupRecord>,
        progress: &Progress,
    ) -> Result<(Vec<ProviderId>, usize), ConnectError> {
        let hidden = groups.values().filter(|group| group.hidden_members).count();
        let all = hidden == 0 || self.shows_hidden(progress).await?;
        let readable = groups.values().filter(|group| all || !group.hidden_members);
        Ok((readable.map(|group| group.id.clone()).collect(), if all { 0 } else { hidden }))
    }

    /// Brings lists up to the end of a round of changes that happened while they were read.
    async fn apply(
        &self,
        lists: &mut Lists,
        people: PeopleRound,
        groups: GroupsRound,
        progress: &Progress,
    ) -> Result<(), ConnectError> {
        apply_words(&mut lists.people, people.words);
        let known: Vec<ProviderId> =
            groups.words.keys().filter(|id| lists.groups.contains_key(*id)).cloned().collect();
        apply_words(&mut lists.groups, groups.words);
        for id in known.iter().filter(|id| !lists.groups.contains_key(*id)) {
            lists.members.remove(id);
        }
        for (group, words) in groups.members {
            if let Some(members) = lists.members.get_mut(&group) {
                apply_members(members, words);
            }
        }
        // Groups that were made while we read have all their members still to be read.
        let unread = |id: &ProviderId| !lists.members.contains_key(id);
        let (mut new, _) = self.readable(&lists.groups, progress).await?;
        new.retain(unread);
        for (group, members) in self.members_of(&new, progress).await? {
            match members {
                Some(members) => {
                    lists.members.insert(group, members);
                }
                None => {
                    lists.groups.remove(&group);
                }
            }
        }
        Ok(())
    }
}

fn apply_words<R>(list: &mut HashMap<ProviderId, R>, words: HashMap<ProviderId, Word<R>>) {
    for (id, word) in words {
        match word {
            Word::Put(record) => {
                list.insert(id, record);
            }
            Word::Gone { .. } => {
                list.remove(&id);
            }
            Word::Partial => {}
        }
    }
}

fn apply_members(members: &mut MemberSet, words: MemberWords) {
    for (member, there) in words {
        let (list, id) = match member {
            Member::User(id) => (&mut members.users, id),
            Member::Group(id) => (&mut members.groups, id),
        };
        list.retain(|known| *known != id);
        if there {
            list.push(id);
        }
    }
}
