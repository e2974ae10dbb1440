//! Merging observations, answers and re-read memberships into the [`Mirror`].
//!
//! Invariants: the order of records inside an observation does not matter (new ids are numbered in their
//! own order); merging what is known already changes nothing; what a listing alone lacks becomes
//! unconfirmed, never absent; what came and could not be read stays as it was. People come before groups, and
//! groups before members.

use std::collections::{BTreeSet, btree_map};

use super::{
    Evidence, Mirror, MirrorChange, State,
    record::{Record, mark},
};
use crate::{
    decisions::Node,
    id::{GroupNo, Millis, ProviderId, UserNo},
    observation::{
        GroupMembers, GroupRecord, Kept, Listing, Member, MemberSet, MembersListing, Observation,
        PersonRecord, Removed,
    },
    report::ReadCounts,
};

/// A group that seems to lose half of its members, and at least this many, is read again.
const REREAD_LOST_MIN: usize = 10;

/// What planning has to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Everything: the rules changed, or nothing is known of what was looked at before.
    pub all: bool,
    /// People and groups whose own record or state changed.
    pub nodes: BTreeSet<Node>,
    /// People and groups that came into a group or left one.
    pub members: BTreeSet<Node>,
    /// People and groups that waited for something at the last plan ([`crate::plan::Plan::pending`]).
    pub waiting: BTreeSet<Node>,
}

impl Dirty {
    /// Everything.
    pub fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        !self.all && self.nodes.is_empty() && self.members.is_empty() && self.waiting.is_empty()
    }

    /// Adds what another one holds.
    pub fn extend(&mut self, other: Self) {
        self.all |= other.all;
        self.nodes.extend(other.nodes);
        self.members.extend(other.members);
        self.waiting.extend(other.waiting);
    }
}

/// What merging came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Rows to be written.
    pub change: MirrorChange,
    /// What planning has to look at.
    pub dirty: Dirty,
    /// How many records came.
    pub read: ReadCounts,
    /// Groups whose members should be read again before they are believed: those that seem to lose half,
    /// and those that came back.
    pub reread: BTreeSet<GroupNo>,
    /// People who came back: what happened to their memberships meanwhile must be asked for.
    pub returned: BTreeSet<UserNo>,
}

impl Mirror {
    /// Merges an observation that completed at `at`.
    pub fn merge(&mut self, observation: &Observation, at: Millis) -> Merged {
        let mut merged = Merged::default();
        let (people, groups) = (&observation.people, &observation.groups);
        let strangers = self.strangers(observation);
        merged.read.users = self.merge_listing(people, observation, at, &mut merged);
        merged.read.groups = self.merge_listing(groups, observation, at, &mut merged);
        self.merge_members(&observation.members, at, &mut merged);
        merged.reread.extend(observation.reread.iter().filter_map(|id| self.group_no(id)));
        for stranger in strangers {
            match stranger {
                Member::User(id) => merged.returned.extend(self.person_no(&id)),
                Member::Group(id) => merged.reread.extend(self.group_no(&id)),
            }
        }
        merged
    }

    /// Who comes among changes though a change is not all that there is to know: groups that could not be read before, and,
    /// where there were records that were nobody's, everybody who was not known. Their memberships are to be asked for.
    fn strangers(&self, observation: &Observation) -> Vec<Member> {
        let mut strangers = Vec::new();
        if let Listing::Delta { put, .. } = &observation.groups {
            let is_whole =
                |group: &&GroupMembers| matches!(group.listing, MembersListing::Complete(_));
            let whole = observation.members.iter().filter(is_whole).map(|group| &group.group);
            let whole: BTreeSet<&ProviderId> = whole.collect();
            let strange = put.iter().map(|group| &group.id).filter(|id| match self.group_no(id) {
                None => observation.newcomers_doubted,
                Some(no) => self.state(Node::Group(no)) == Some(State::Mentioned),
            });
            strangers.extend(strange.filter(|id| !whole.contains(id)).cloned().map(Member::Group));
        }
        if let (Listing::Delta { put, .. }, true) =
            (&observation.people, observation.newcomers_doubted)
        {
            let strange = put.iter().map(|person| &person.id).filter(|id| {
                let no = self.person_no(id);
                no.is_none_or(|no| self.state(Node::User(no)) == Some(State::Mentioned))
            });
            strangers.extend(strange.cloned().map(Member::User));
        }
        strangers
    }

    /// Gives numbers to groups that the rules make, if they have none yet.
    pub fn reserve<'a>(
        &mut self,
        ids: impl IntoIterator<Item = &'a ProviderId>,
        merged: &mut Merged,
    ) {
        for id in ids {
            if self.group_no(id).is_none() {
                let record = GroupRecord::mentioned(id.clone());
                GroupRecord::insert(self, record, State::Mentioned, merged);
            }
        }
    }

    /// Merges the members of groups that were read again; see [`Merged::reread`].
    pub fn merge_members(&mut self, members: &[GroupMembers], at: Millis, merged: &mut Merged) {
        self.mention_all(members, merged);
        let mut edges = Vec::new();
        for group in members {
            // A group that is gone by now has no members to speak of.
            let Some(no) = self.group_no(&group.group) else {
                continue;
            };
            match &group.listing {
                MembersListing::Complete(set) => {
                    merged.read.memberships += (set.users.len() + set.groups.len()) as u64;
                    self.merge_complete_members(no, &self.numbers(set), at, (merged, &mut edges));
                }
                MembersListing::Delta { added, removed } => {
                    let (added, removed) = (self.numbers(added), self.numbers(removed));
                    merged.read.memberships += (added.len() + removed.len()) as u64;
                    for member in removed {
                        // Whoever left keeps their memberships parked: they may come back.
                        if !self.is_absent(member) && self.remove_edge(no, member) {
                            edges.push((no, member));
                        }
                    }
                    for member in added {
                        let confirmed = self.unconfirmed_edges.remove(&(no, member)).is_some();
                        if self.add_edge(no, member) || confirmed {
                            edges.push((no, member));
                        }
                    }
                }
            }
        }
        let mut touched: Vec<Node> = edges.iter().map(|(_, member)| *member).collect();
        touched.sort_unstable();
        touched.dedup();
        merged.dirty.members.append(&mut touched.into_iter().collect());
        merged.change.edges.append(&mut edges.into_iter().collect());
    }

    /// Takes the list of groups of a person who came back: what it has beyond what is known is added, what it lacks is
    /// unconfirmed, as after any list. Groups that are gone themselves are in no such list; their members stay parked.
    pub fn set_memberships(
        &mut self,
        user: UserNo,
        groups: &[ProviderId],
        at: Millis,
        merged: &mut Merged,
    ) {
        let member = Node::User(user);
        let now: BTreeSet<u32> =
            groups.iter().filter_map(|id| self.group_no(id)).map(|no| no.0).collect();
        let mut touched = Vec::new();
        for group in self.parents_of(member).to_vec() {
            let edge = (GroupNo(group), member);
            if now.contains(&group) || self.is_absent(Node::Group(edge.0)) {
                continue;
            }
            if let btree_map::Entry::Vacant(slot) = self.unconfirmed_edges.entry(edge) {
                slot.insert(at);
                touched.push(edge);
            }
        }
        for group in now.into_iter().map(GroupNo) {
            let confirmed = self.unconfirmed_edges.remove(&(group, member)).is_some();
            if self.add_edge(group, member) || confirmed {
                touched.push((group, member));
            }
        }
        if !touched.is_empty() {
            merged.change.edges.extend(touched);
            merged.dirty.members.insert(member);
        }
    }

    fn merge_listing<R: Record>(
        &mut self,
        listing: &Listing<R>,
        Observation { kept, unreadable, .. }: &Observation,
        at: Millis,
        merged: &mut Merged,
    ) -> u64 {
        match listing {
            Listing::NotRead => {
                self.keep_all::<R>(kept, merged);
                0
            }
            Listing::Complete(records) => {
                self.put_all(records, merged);
                let mut kept = self.keep_all::<R>(kept, merged);
                // An object that was refused is not missing.
                let refused = unreadable.iter().filter_map(|one| R::id_of_unread(&one.what));
                kept.extend(refused.filter_map(|id| R::no(self, id)));
                let listed = records.iter().filter_map(|r| R::no(self, r.id()));
                let listed: BTreeSet<u32> = listed.chain(kept.iter().copied()).collect();
                let missing: Vec<Node> =
                    R::present(self).filter(|no| !listed.contains(no)).map(R::node).collect();
                for node in missing {
                    self.set_state(node, State::Unconfirmed { since: at }, merged);
                }
                let ended = R::mentioned(self).filter(|(no, record)| {
                    !kept.contains(no) && **record != R::unknown(record.id(), None)
                });
                for no in ended.map(|(no, _)| no).collect::<Vec<u32>>() {
                    self.forget_unread::<R>(no, merged);
                }
                records.len() as u64
            }
            Listing::Delta { put, removed } => {
                self.put_all(put, merged);
                self.keep_all::<R>(kept, merged);
                for Removed { id, restorable } in removed {
                    self.remove::<R>(id, *restorable, at, merged);
                }
                (put.len() + removed.len()) as u64
            }
        }
    }

    /// Keeps what came and could not be read as it is; what is not known yet is mentioned, with the reason. Gives all
    /// their numbers.
    fn keep_all<R: Record>(&mut self, kept: &[Kept], merged: &mut Merged) -> BTreeSet<u32> {
        let mut mine: Vec<(&ProviderId, &Kept)> =
            kept.iter().filter_map(|one| Some((R::id_of(one)?, one))).collect();
        mine.sort_by_key(|(id, _)| *id);
        let mut numbers = BTreeSet::new();
        for (id, one) in mine {
            let record = R::unknown(id, Some(one));
            match R::no(self, id) {
                None => R::insert(self, record, State::Mentioned, merged),
                Some(no) => match self.state(R::node(no)) {
                    Some(State::Unconfirmed { .. }) => {
                        self.set_state(R::node(no), State::Present, merged);
                    }
                    Some(State::Mentioned) => self.set_unread(no, record, merged),
                    _ => {}
                },
            }
            numbers.extend(R::no(self, id));
        }
        numbers
    }

    /// Sets what is told of one that was only mentioned.
    fn set_unread<R: Record>(&mut self, no: u32, record: R, merged: &mut Merged) {
        if let Some(slot) = R::slot(self, no)
            && *slot != record
        {
            *slot = record;
            mark::<R>(no, merged);
        }
    }

    /// One that could not be read is not there any more, or what it was is said elsewhere.
    fn forget_unread<R: Record>(&mut self, no: u32, merged: &mut Merged) {
        if let Some(id) = R::slot(self, no).map(|slot| slot.id().clone()) {
            self.set_unread(no, R::unknown(&id, None), merged);
        }
    }

    /// The provider's own word that an object is gone; of an object never seen it means nothing.
    fn remove<R: Record>(
        &mut self,
        id: &ProviderId,
        restorable: bool,
        at: Millis,
        merged: &mut Merged,
    ) {
        let Some(no) = R::no(self, id) else { return };
        let node = R::node(no);
        let evidence = if restorable { Evidence::Deleted } else { Evidence::Purged };
        let since = match self.state(node) {
            None => return,
            Some(State::Mentioned) => return self.forget_unread::<R>(no, merged),
            Some(State::Absent { since, .. }) => since,
            Some(State::Present | State::Unconfirmed { .. }) => at,
        };
        self.set_state(node, State::Absent { since, evidence }, merged);
    }

    fn put_all<R: Record>(&mut self, records: &[R], merged: &mut Merged) {
        let mut new: Vec<&R> = Vec::new();
        for record in records {
            match R::no(self, record.id()) {
                Some(no) => self.put_known(no, record, merged),
                None => new.push(record),
            }
        }
        new.sort_by(|a, b| a.id().cmp(b.id()));
        for record in new {
            // A listing may repeat a record: the last one counts.
            match R::no(self, record.id()) {
                Some(no) => self.put_known(no, record, merged),
                None => R::insert(self, record.clone(), State::Present, merged),
            }
        }
    }

    fn put_known<R: Record>(&mut self, no: u32, record: &R, merged: &mut Merged) {
        let node = R::node(no);
        let Some(slot) = R::slot(self, no) else {
            return;
        };
        let record = record.completed_by(slot);
        let differs = *slot != record;
        if differs {
            *slot = record;
        }
        // What stood in for a record that could not be read is replaced.
        if self.unreadable.remove(&node) || differs {
            mark::<R>(no, merged);
        }
        if matches!(self.state(node), Some(State::Absent { .. })) {
            match node {
                Node::User(no) => merged.returned.insert(no),
                Node::Group(no) => merged.reread.insert(no),
            };
        }
        self.set_state(node, State::Present, merged);
    }

    fn merge_complete_members(
        &mut self,
        no: GroupNo,
        listed: &[Node],
        at: Millis,
        (merged, edges): (&mut Merged, &mut Vec<(GroupNo, Node)>),
    ) {
        let users = self.users_of(no).iter().map(|user| Node::User(UserNo(*user)));
        let children = self.children_of(no).iter().map(|child| Node::Group(GroupNo(*child)));
        let before: Vec<Node> = users.chain(children).collect();
        let mut lost = missing(&before, listed);
        lost.retain(|member| !self.is_absent(*member));
        if lost.len() >= REREAD_LOST_MIN {
            let alive = before.iter().filter(|member| !self.is_absent(**member)).count();
            if lost.len() * 2 >= alive {
                merged.reread.insert(no);
            }
        }
        let found: Vec<Node> =
            self.unconfirmed_edges_of(no).filter(|m| listed.binary_search(m).is_ok()).collect();
        for member in found {
            self.unconfirmed_edges.remove(&(no, member));
            edges.push((no, member));
        }
        for member in lost {
            if let btree_map::Entry::Vacant(slot) = self.unconfirmed_edges.entry((no, member)) {
                slot.insert(at);
                edges.push((no, member));
            }
        }
        for member in missing(listed, &before) {
            if self.add_edge(no, member) {
                edges.push((no, member));
            }
        }
    }

    fn unconfirmed_edges_of(&self, group: GroupNo) -> impl Iterator<Item = Node> {
        let first = (group, Node::User(UserNo(0)));
        let last = (group, Node::Group(GroupNo(u32::MAX)));
        self.unconfirmed_edges.range(first..=last).map(|((_, member), _)| *member)
    }

    /// Gives a number to every member that no record has named yet: edges may come before their nodes.
    fn mention_all(&mut self, members: &[GroupMembers], merged: &mut Merged) {
        let mut users = BTreeSet::new();
        let mut groups = BTreeSet::new();
        let added = members.iter().map(|group| match &group.listing {
            MembersListing::Complete(set) => set,
            MembersListing::Delta { added, .. } => added,
        });
        for set in added {
            users.extend(set.users.iter().filter(|id| !self.people_by_id.contains_key(*id)));
            groups.extend(set.groups.iter().filter(|id| !self.groups_by_id.contains_key(*id)));
        }
        for id in users {
            PersonRecord::insert(
                self,
                PersonRecord::mentioned(id.clone()),
                State::Mentioned,
                merged,
            );
        }
        for id in groups {
            GroupRecord::insert(self, GroupRecord::mentioned(id.clone()), State::Mentioned, merged);
        }
    }

    /// The members' numbers, ascending and each once.
    fn numbers(&self, set: &MemberSet) -> Vec<Node> {
        let users = set.users.iter().filter_map(|id| self.person_no(id)).map(Node::User);
        let groups = set.groups.iter().filter_map(|id| self.group_no(id)).map(Node::Group);
        let mut numbers: Vec<Node> = users.chain(groups).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    pub(super) fn is_absent(&self, node: Node) -> bool {
        matches!(self.state(node), Some(State::Absent { .. }))
    }

    /// How a person or group stands.
    pub fn state(&self, node: Node) -> Option<State> {
        match node {
            Node::User(no) => self.person(no).map(|row| row.state),
            Node::Group(no) => self.group(no).map(|row| row.state),
        }
    }

    pub(super) fn set_state(&mut self, node: Node, new: State, merged: &mut Merged) {
        let Some(old) = self.state(node) else { return };
        if old == new {
            return;
        }
        self.index_state(node, Some(old), Some(new));
        if matches!(new, State::Absent { .. }) {
            self.unreadable.remove(&node);
            self.park_edges(node, merged);
        }
        match node {
            Node::User(no) => {
                if let Some(entry) = self.people[no.0 as usize].as_deref_mut() {
                    entry.row.state = new;
                }
                mark::<PersonRecord>(no.0, merged);
            }
            Node::Group(no) => {
                if let Some(entry) = self.groups[no.0 as usize].as_deref_mut() {
                    entry.row.state = new;
                }
                mark::<GroupRecord>(no.0, merged);
            }
        }
    }
}

impl Mirror {
    /// Somebody who left keeps their memberships, also those that a listing lacks since they left.
    fn park_edges(&mut self, node: Node, merged: &mut Merged) {
        for group in self.parents_of(node).to_vec() {
            let edge = (GroupNo(group), node);
            if self.unconfirmed_edges.remove(&edge).is_some() {
                merged.change.edges.insert(edge);
            }
        }
    }
}

/// What is in `all` and not in `known`; both ascending.
fn missing(all: &[Node], known: &[Node]) -> Vec<Node> {
    let mut known = known.iter().peekable();
    let is_missing = |node: &&Node| {
        while known.next_if(|k| k < node).is_some() {}
        known.next_if_eq(node).is_none()
    };
    all.iter().filter(is_missing).copied().collect()
}
