//! A pull: everything, or what changed (`protocols/providers.md` A3.5).
//!
//! Invariant: a full read notes its position in the changes before it begins and applies what changed
//! meanwhile at its end, so that nothing falls between list and changes.

use std::collections::{BTreeSet, HashMap};

use directory::{
    counted::{agreeing, counted},
    id::ProviderId,
    observation::{
        Cursor, GroupMembers, GroupRecord, Listing, Member, MemberSet, MembersListing, Observation,
        PersonRecord, Unread,
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
    unreadable::{Asked, Before, One, Part, Unreads},
};

/// How the provider is called in what is said of single objects.
pub(super) const WHO: &str = "Microsoft";

/// Complete lists on their way to an observation.
struct Lists {
    people: HashMap<ProviderId, PersonRecord>,
    groups: HashMap<ProviderId, GroupRecord>,
    members: HashMap<ProviderId, MemberSet>,
    /// Groups whose members we may not see.
    hidden: usize,
    /// What could not be read.
    unread: Unreads,
    /// What is known of members that could not be read.
    pieces: Vec<GroupMembers>,
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
        let (before, mut unread) = (Before::new(position.unread()), Unreads::default());
        let links = (position.users.as_str(), position.groups.as_str());
        let (people, mut groups) = self.rounds(links, (&before, &mut unread), progress).await?;
        let lost_changes = Gaps::of(progress).overlooked;
        let members = self.members_to_do(position, &mut groups, &mut unread, progress).await?;
        let mut gaps = Gaps::of(progress);
        gaps.overlooked |= position.gaps.overlooked;
        let next = Position::new(&self.settings, (people.link, groups.link), &unread, gaps);
        Ok(Observation {
            people: listing(people.words),
            groups: listing(groups.words),
            members,
            cursor: Some(next.cursor()),
            unreadable: unread.told(WHO),
            lost_changes,
            newcomers_doubted: position.gaps.overlooked,
            ..Observation::default()
        })
    }

    /// What a round says of members, and the whole of those that could not be read before, or not whole; what the round
    /// says of them is in it.
    async fn members_to_do(
        &self,
        position: &Position,
        groups: &mut GroupsRound,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<GroupMembers>, ConnectError> {
        let gone = |id: &ProviderId| matches!(groups.words.get(id), Some(Word::Gone { .. }));
        let to_do: BTreeSet<ProviderId> = position
            .unread()
            .filter_map(|what| match what {
                Unread::Members(id) => Some(id),
                Unread::Person(_) | Unread::Group(_) | Unread::Memberships(_) => None,
            })
            .chain(position.gaps.groups.iter().cloned())
            .filter(|id| !gone(id))
            .collect();
        let to_do: Vec<ProviderId> = to_do.into_iter().collect();
        let before = Before::new(position.unread());
        let mut members = Vec::new();
        for (group, read) in self.members_of(&to_do, &before, progress).await? {
            match read {
                One::Read(mut set) => {
                    if let Some(words) = groups.members.remove(&group) {
                        apply_members(&mut set, words);
                    }
                    let listing = MembersListing::Complete(set);
                    members.push(GroupMembers { group, listing });
                }
                One::Missing(_) => {
                    groups.members.remove(&group);
                    groups.words.insert(group, Word::Gone { restorable: true });
                }
                One::Unread(error) => unread.add(Unread::Members(group), error),
            }
        }
        members.extend(std::mem::take(&mut groups.members).into_iter().map(piece));
        Ok(members)
    }

    async fn rounds(
        &self,
        (users, groups): (&str, &str),
        (before, unread): (&Before, &mut Unreads),
        progress: &Progress,
    ) -> Result<(PeopleRound, GroupsRound), ConnectError> {
        let (mut people, mut groups) = tokio::try_join!(
            self.people_since(users, progress),
            self.groups_since(groups, progress)
        )?;
        for what in before.all() {
            // What the round says is newer than what is to be asked for.
            match what {
                Unread::Person(id) => {
                    people.words.entry(id.clone()).or_insert(Word::Partial);
                }
                Unread::Group(id) => {
                    groups.words.entry(id.clone()).or_insert(Word::Partial);
                }
                Unread::Members(_) | Unread::Memberships(_) => {}
            }
        }
        self.complete_people(&mut people, (before, &mut *unread), progress).await?;
        self.complete_groups(&mut groups, (before, unread), progress).await?;
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
            let before = Before::default();
            let unread = (&before, &mut lists.unread);
            let rounds = self.rounds((&users, &groups), unread, &meanwhile).await;
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
            cursor = Some(Position::new(&self.settings, links, &lists.unread, gaps).cursor());
        }
        if lists.hidden > 0 {
            notes.push(format!(
                "{} {} members from this app; the memberships stay as they were; Member.Read.Hidden would show them \
                 [E-HIDDEN]",
                counted(lists.hidden, "group"),
                agreeing(lists.hidden, "hides its", "hide their")
            ));
        }
        let whole = lists.members.into_iter().map(|(group, members)| GroupMembers {
            group,
            listing: MembersListing::Complete(members),
        });
        Ok(Observation {
            people: Listing::Complete(lists.people.into_values().collect()),
            groups: Listing::Complete(lists.groups.into_values().collect()),
            members: whole.chain(lists.pieces).collect(),
            everything: true,
            cursor,
            notes,
            unreadable: lists.unread.told(WHO),
            ..Observation::default()
        })
    }

    /// People in one chain of pages; groups, and then their members side by side.
    async fn lists(&self, progress: &Progress) -> Result<Lists, ConnectError> {
        let groups_and_members = async {
            let groups = self.groups(progress).await?;
            let (readable, hidden) = self.readable(&groups, progress).await?;
            let members = self.members_of(&readable, &Before::default(), progress).await?;
            Ok((groups, members, (readable, hidden)))
        };
        let (people, (mut groups, read, (asked, hidden))) =
            tokio::try_join!(self.people(progress), groups_and_members)?;
        let mut members = HashMap::with_capacity(read.len());
        let mut unread = Unreads::default();
        for (group, set) in read {
            match set {
                One::Read(set) => {
                    members.insert(group, set);
                }
                // Deleted while we read.
                One::Missing(_) => {
                    groups.remove(&group);
                }
                One::Unread(error) => unread.add(Unread::Members(group), error),
            }
        }
        let before = &Before::default();
        let asked = Asked { ids: &asked, part: Part::Whole, before, who: WHO };
        unread.judge(&asked, |id| groups.get(id).map(GroupRecord::label))?;
        Ok(Lists { people, groups, members, hidden, unread, pieces: Vec::new() })
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
            let unread = lists.unread.has(&Unread::Members(group.clone()));
            if let Some(members) = lists.members.get_mut(&group) {
                apply_members(members, words);
            } else if unread && lists.groups.contains_key(&group) {
                lists.pieces.push(piece((group, words)));
            }
        }
        let groups = &lists.groups;
        lists
            .unread
            .retain(|what| !matches!(what, Unread::Members(id) if !groups.contains_key(id)));
        // Groups that were made while we read have all their members still to be read.
        let (mut new, _) = self.readable(&lists.groups, progress).await?;
        new.retain(|id| {
            !lists.members.contains_key(id) && !lists.unread.has(&Unread::Members(id.clone()))
        });
        for (group, members) in self.members_of(&new, &Before::default(), progress).await? {
            match members {
                One::Read(members) => {
                    lists.members.insert(group, members);
                }
                One::Missing(_) => {
                    lists.groups.remove(&group);
                }
                One::Unread(error) => lists.unread.add(Unread::Members(group), error),
            }
        }
        Ok(())
    }
}

/// What a round says of one group's members.
fn piece((group, words): (ProviderId, MemberWords)) -> GroupMembers {
    let (added, removed) = member_sets(words);
    GroupMembers { group, listing: MembersListing::Delta { added, removed } }
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
