//! Power that would be gained (DESIGN.md 12.7): groups that newly get a name on which products hang power, and everyone
//! who newly comes into a protected group or into one that administers a product.
//!
//! Invariants: whoever has the power already keeps it, by whatever way; a group that waits brings none of its members;
//! of a joiner only the membership waits that would give the power. Judged by the names as they will be, however they
//! come about: at the provider, by a rule, or in a script that looks like another.

use crate::counted::counted;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use hashbrown::{HashMap, HashSet};
use sha2::{Digest as _, Sha256};

use super::{Draft, Guard, HeldItem, aspects, future::Future};
use crate::{
    builtin::{BuiltIn, Power, built_in},
    decisions::Node,
    group::Group,
    id::{GroupNo, UserNo},
    lookalike::{appearance, deceptive},
    name::Name,
    plan::{edges::Edge, short_digest},
    report::GuardKind,
    rules::{Joiners, compiled::is_made},
    user::User,
};

const KIND: GuardKind = GuardKind::Privileged;
/// People named with a group; of more the number is told, and which they are by a digest.
const NAMED_MAX: usize = 100;

/// Why a name gives power.
#[derive(Clone, Copy)]
enum Gives {
    BuiltIn(&'static BuiltIn),
    Protected,
}

impl Gives {
    /// What is the matter with a name.
    fn told(self, name: &str) -> String {
        match self {
            Self::BuiltIn(group) => {
                let BuiltIn { name: known, product, power, .. } = *group;
                let does = match power {
                    Power::Administration => "administers",
                    Power::Use => "gives access to",
                };
                if name.to_lowercase() == known {
                    format!("{name}, which {does} {product}")
                } else {
                    format!("{name}, which looks like {known}, which {does} {product}")
                }
            }
            Self::Protected => {
                format!("{name}, which is the name of a protected group or looks like one")
            }
        }
    }
}

/// A membership that would give power, by its group and member.
type Way = (u32, Node);

/// What somebody would come into by a membership, and whom a group would bring.
#[derive(Default)]
struct Gain {
    into: BTreeSet<u32>,
    people: BTreeSet<UserNo>,
}

impl Guard<'_> {
    /// Takes back names that give power, of groups that are served already.
    pub(super) fn hold_renames_to_power(&mut self, drafts: &mut [Draft<Group>]) {
        if self.lifts(KIND) {
            return;
        }
        let mut items = Vec::new();
        for draft in drafts.iter_mut() {
            let (Some(before), Some(after), Node::Group(no)) =
                (draft.before.clone(), draft.after.clone(), draft.node)
            else {
                continue;
            };
            if before.folded_name() == after.folded_name() {
                continue;
            }
            let Some(gives) = self.gives_to_newcomer(no, after.name()) else { continue };
            let now = Future::now(self.served());
            let people = now.users_in(&now.below(no));
            let names = self.names_of(&people, &[]);
            let what = format!(
                "would be renamed to {}{}",
                gives.told(after.name().as_str()),
                with_people(&names)
            );
            let name = before.name().to_string();
            items.push(HeldItem { node: draft.node, id: draft.id.clone(), name, what });
            draft.after = Some(aspects::with_name_of(&before, &after));
        }
        self.hold_groups_with_power(items);
    }

    /// Holds new groups whose names give power, and everyone who would newly come into such a group.
    pub(super) fn hold_privileged(
        &mut self,
        users: &[Draft<User>],
        groups: &mut [Draft<Group>],
        edges: &mut Vec<Edge>,
    ) {
        if self.lifts(KIND) {
            return;
        }
        self.hold_new_groups(users, groups, edges);
        if self.rules().protected.joiners != Joiners::Flow {
            self.hold_joiners(users, groups, edges);
        }
    }

    fn hold_new_groups(
        &mut self,
        users: &[Draft<User>],
        groups: &mut [Draft<Group>],
        edges: &mut Vec<Edge>,
    ) {
        let new = groups.iter().enumerate().filter_map(|(at, draft)| {
            let (None, Some(after), Node::Group(no)) = (&draft.before, &draft.after, draft.node)
            else {
                return None;
            };
            let gives = self.gives_to_newcomer(no, after.name())?;
            // An administrator wrote this very name into the rules, and it gives no more than access.
            let access = matches!(gives, Gives::BuiltIn(group) if group.power == Power::Use);
            (!(access && is_made(&draft.id))).then_some((at, no, gives))
        });
        let new: Vec<(usize, GroupNo, Gives)> = new.collect();
        if new.is_empty() {
            return;
        }
        let future = Future::new(self.served(), users, edges);
        let mut items = Vec::new();
        for (at, no, gives) in &new {
            let draft = &groups[*at];
            let Some(after) = &draft.after else { continue };
            let people = future.users_in(&future.below(*no));
            let names = self.names_of(&people, users);
            let (name, id) = (after.name().to_string(), draft.id.clone());
            let what = format!("would be served as {}{}", gives.told(&name), with_people(&names));
            items.push(HeldItem { node: draft.node, id, name, what });
        }
        let waiting: HashSet<u32> = new.iter().map(|(_, no, _)| no.0).collect();
        for (at, ..) in new {
            groups[at].after = None;
        }
        edges.retain(|edge| {
            let member = matches!(edge.member, Node::Group(no) if waiting.contains(&no.0));
            !member && !waiting.contains(&edge.group.0)
        });
        self.hold_groups_with_power(items);
    }

    fn hold_groups_with_power(&mut self, items: Vec<HeldItem>) {
        if !items.is_empty() {
            let why = format!(
                "{} would get a name that gives power in products; approve those that are meant to",
                counted(items.len(), "group")
            );
            self.hold(KIND, why, items);
        }
    }

    fn hold_joiners(
        &mut self,
        users: &[Draft<User>],
        groups: &[Draft<Group>],
        edges: &mut Vec<Edge>,
    ) {
        let mut ways: BTreeMap<Way, Gain> = BTreeMap::new();
        let powerful = self.powerful_above(groups, edges);
        if powerful.is_empty() {
            return;
        }
        let future = Future::new(self.served(), users, edges);
        let now = Future::now(self.served());
        for group in powerful {
            let inside = now.below(group);
            let had = now.users_in(&inside);
            let mut gained = future.users_in(&future.below(group));
            gained.retain(|no| !had.contains(no));
            if gained.is_empty() {
                continue;
            }
            // The last step of a new way up comes into what is inside already.
            for edge in edges.iter().filter(|edge| edge.added && inside.contains(&edge.group.0)) {
                let people: BTreeSet<UserNo> = match edge.member {
                    Node::User(no) => gained.get(&no).into_iter().copied().collect(),
                    Node::Group(no) => {
                        let below = future.users_in(&future.below(no));
                        below.intersection(&gained).copied().collect()
                    }
                };
                if !people.is_empty() {
                    let gain = ways.entry((edge.group.0, edge.member)).or_default();
                    gain.into.insert(group.0);
                    gain.people.extend(people);
                }
            }
        }
        if ways.is_empty() {
            return;
        }
        edges.retain(|edge| !edge.added || !ways.contains_key(&(edge.group.0, edge.member)));
        let people: BTreeSet<UserNo> =
            ways.values().flat_map(|gain| gain.people.iter().copied()).collect();
        let why = format!(
            "{} would come into groups that are protected or administer a product",
            counted(people.len(), "person")
        );
        let count = ways.len() as u64;
        let items = self.joiner_items(ways, (users, groups));
        self.hold_counted(KIND, why, (items, count));
    }

    /// One item for each member, which is what must be looked at again.
    fn joiner_items(
        &self,
        ways: BTreeMap<Way, Gain>,
        (users, groups): (&[Draft<User>], &[Draft<Group>]),
    ) -> Vec<HeldItem> {
        let group_name = |no: u32| self.name_to_be(GroupNo(no), groups);
        let mut of_member: BTreeMap<Node, Vec<String>> = BTreeMap::new();
        for ((group, member), Gain { into, people }) in ways {
            let mut what = format!("would come into {}", group_name(group));
            let above: Vec<String> =
                into.iter().filter(|no| **no != group).map(|no| group_name(*no)).collect();
            if !above.is_empty() {
                let also = if into.contains(&group) { "also" } else { "by that" };
                let _ = write!(what, ", and {also} into {}", above.join(", "));
            }
            if matches!(member, Node::Group(_)) {
                what.push_str(&with_people(&self.names_of(&people, users)));
            }
            of_member.entry(member).or_default().push(what);
        }
        let items = of_member.into_iter().filter_map(|(node, what)| {
            let id = match node {
                Node::User(no) => self.derive.mirror.person(no)?.record.id.clone(),
                Node::Group(no) => self.derive.group_row(no)?.record.id.clone(),
            };
            let name = match node {
                Node::User(no) => self.user_name(no, users),
                Node::Group(no) => group_name(no.0),
            };
            Some(HeldItem { node, id, name, what: what.join("; ") })
        });
        items.collect()
    }

    /// The groups with power into which something would come, directly or below.
    fn powerful_above(&self, groups: &[Draft<Group>], edges: &[Edge]) -> BTreeSet<GroupNo> {
        let mut parents: HashMap<u32, Vec<u32>> = HashMap::new();
        for edge in edges.iter().filter(|edge| edge.added) {
            if let Node::Group(no) = edge.member {
                parents.entry(no.0).or_default().push(edge.group.0);
            }
        }
        let added = edges.iter().filter(|edge| edge.added).map(|edge| edge.group.0);
        let mut seen: BTreeSet<u32> = added.collect();
        let mut work: Vec<u32> = seen.iter().copied().collect();
        while let Some(no) = work.pop() {
            let served = self.served().parents_of(GroupNo(no)).iter();
            let new = parents.get(&no).into_iter().flatten();
            work.extend(served.chain(new).copied().filter(|no| seen.insert(*no)));
        }
        let powerful = |no: &GroupNo| match self.group_to_be(*no, groups) {
            Some(group) => self.empowers(*no, group.name()),
            None => false,
        };
        seen.into_iter().map(GroupNo).filter(powerful).collect()
    }

    /// Whether joiners of a group wait.
    fn empowers(&self, no: GroupNo, name: &Name) -> bool {
        if built_in(name.as_str()).is_some_and(|group| group.power == Power::Administration) {
            return true;
        }
        let groups = &self.rules().protected_groups;
        if groups.is_empty() || self.rules().protected.joiners == Joiners::AdministratorsWait {
            return false;
        }
        self.has_protected_name(name)
            || self.derive.group_row(no).is_some_and(|row| groups.has(&row.record))
    }

    /// What a name gives to a group that has not had it; a group that the rules protect by its id is meant.
    fn gives_to_newcomer(&self, no: GroupNo, name: &Name) -> Option<Gives> {
        if let Some(group) = built_in(name.as_str()) {
            return Some(Gives::BuiltIn(group));
        }
        let groups = &self.rules().protected_groups;
        if groups.is_empty() {
            return None;
        }
        let row = self.derive.group_row(no);
        if row.is_some_and(|row| groups.has_id(&row.record.id)) {
            return None;
        }
        let protected = self.has_protected_name(name)
            || row.is_some_and(|row| groups.has(&row.record))
            || deceptive(name.as_str()).iter().any(|form| self.protected_forms().contains(form));
        protected.then_some(Gives::Protected)
    }

    /// Whether the rules protect groups of this name, or of one that it looks like.
    fn has_protected_name(&self, name: &Name) -> bool {
        let rules = self.rules();
        rules.protected_groups.has_name(name)
            || rules.protected_groups.has_text(&appearance(name.as_str()))
            || (!rules.protected_forms.is_empty()
                && deceptive(name.as_str()).iter().any(|form| rules.protected_forms.contains(form)))
    }

    /// The forms of the names of protected groups that are served, by whatever they are protected.
    fn protected_forms(&self) -> &HashSet<String> {
        self.protected_forms.get_or_init(|| {
            let protected =
                self.served().groups_from(0).filter(|(no, _)| self.is_protected_group(*no));
            protected.flat_map(|(_, group)| deceptive(group.name().as_str())).collect()
        })
    }

    /// A group as it will be.
    fn group_to_be<'b>(&'b self, no: GroupNo, groups: &'b [Draft<Group>]) -> Option<&'b Group> {
        match groups.binary_search_by_key(&Node::Group(no), |draft| draft.node) {
            Ok(at) => groups[at].after.as_deref(),
            Err(_) => self.derive.served.group(no).map(|group| &**group),
        }
    }

    fn name_to_be(&self, no: GroupNo, groups: &[Draft<Group>]) -> String {
        let group = self.group_to_be(no, groups);
        group.map_or_else(|| self.group_name(no), |group| group.name().to_string())
    }

    /// The names that people will have, in order.
    fn names_of(&self, people: &BTreeSet<UserNo>, users: &[Draft<User>]) -> Vec<String> {
        let mut names: Vec<String> = people.iter().map(|no| self.user_name(*no, users)).collect();
        names.sort_unstable();
        names
    }

    fn user_name(&self, no: UserNo, users: &[Draft<User>]) -> String {
        let drafted = users.binary_search_by_key(&Node::User(no), |draft| draft.node).ok();
        let after = drafted.and_then(|at| users[at].after.as_deref());
        let user = after.or_else(|| self.derive.served.user(no).map(|user| &**user));
        user.map_or_else(|| no.0.to_string(), |user| user.name().to_owned())
    }
}

/// Whom a group brings, in words.
fn with_people(names: &[String]) -> String {
    if names.is_empty() {
        return ", with nobody in it".to_owned();
    }
    if names.len() <= NAMED_MAX {
        return format!(", with {}", names.join(", "));
    }
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name);
        hash.update([0]);
    }
    let digest = short_digest(hash).0;
    let more = names.len() - NAMED_MAX;
    format!(", with {} and {more} more (all of them: {digest})", names[..NAMED_MAX].join(", "))
}
