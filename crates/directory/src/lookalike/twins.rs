//! Names that look alike in one directory, found again after each change without looking at all names.
//!
//! Invariants: an index that followed changes equals one made of the directory as it is then; it holds a few bytes for
//! each name that is not plain ASCII and nothing for the rest, since two ASCII names never look alike here
//! ([`super::appearance`]).

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use hashbrown::HashMap;

use super::appearance;
use crate::{
    change::Change,
    decisions::Node,
    derive::{Basis, Derive},
    id::{GroupNo, ProviderId, UserNo},
    name::fold,
    plan::{Issue, Reason, label},
    snapshot::Directory,
};

/// People and groups that are served under names that look alike.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LookAlikes {
    users: Names,
    groups: Names,
}

/// Names of one kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    /// Whose name is not ASCII and looks like no other, by a hash of its appearance.
    alone: HashMap<u64, u32>,
    /// Whose names share a hash: whether they are ASCII, and the number.
    together: BTreeMap<u64, BTreeSet<(bool, u32)>>,
}

impl Names {
    /// Adds a name; `twin` finds who has an ASCII name.
    fn add(&mut self, no: u32, name: &str, twin: impl FnOnce(&str) -> Option<u32>) {
        let form = appearance(name);
        let (hash, ascii) = (hash(&form), name.is_ascii());
        if let Some(all) = self.together.get_mut(&hash) {
            all.insert((ascii, no));
        } else if let Some(other) = self.alone.remove(&hash) {
            self.together.insert(hash, BTreeSet::from([(false, other), (ascii, no)]));
        } else if !ascii {
            match twin(&form) {
                Some(twin) => {
                    self.together.insert(hash, BTreeSet::from([(true, twin), (false, no)]));
                }
                None => {
                    self.alone.insert(hash, no);
                }
            }
        }
    }

    fn remove(&mut self, no: u32, name: &str) {
        let hash = hash(&appearance(name));
        if let Some(all) = self.together.get_mut(&hash) {
            all.remove(&(name.is_ascii(), no));
            let mut foreign = all.iter().filter(|(ascii, _)| !ascii).map(|(_, no)| *no);
            let left = (foreign.next(), all.len());
            if left.0.is_none() || left.1 < 2 {
                self.together.remove(&hash);
                self.alone.extend(left.0.map(|no| (hash, no)));
            }
        } else if self.alone.get(&hash) == Some(&no) {
            self.alone.remove(&hash);
        }
    }

    /// Whoever looks like somebody else, with the first of the names that theirs is taken for.
    fn alike<'a>(
        &self,
        name: impl Fn(u32) -> Option<(&'a ProviderId, &'a str)>,
        node: impl Fn(u32) -> Node,
    ) -> Vec<Issue> {
        let mut issues = Vec::new();
        for all in self.together.values() {
            // By the appearance itself: a hash may be shared by accident.
            let mut by_form: BTreeMap<String, Vec<(u32, &ProviderId, &str)>> = BTreeMap::new();
            for (_, no) in all {
                if let Some((id, name)) = name(*no) {
                    by_form.entry(appearance(name).into_owned()).or_default().push((*no, id, name));
                }
            }
            for alike in by_form.into_values().filter(|alike| alike.len() > 1) {
                for (no, id, label) in &alike {
                    // The plain name tells most of which one is meant.
                    let others = alike.iter().filter(|(other, ..)| other != no);
                    let other = others.min_by_key(|(.., name)| !name.is_ascii());
                    let Some((.., other)) = other else { continue };
                    issues.push(Issue {
                        node: node(*no),
                        id: (*id).clone(),
                        label: (*label).to_owned(),
                        served: true,
                        reason: Reason::LooksLike { name: (*other).to_owned() },
                    });
                }
            }
        }
        issues
    }
}

impl Names {
    /// Those whose names have the hash of this form, but for ASCII names that have no twin yet.
    fn with_form(&self, form: &str) -> Vec<u32> {
        let hash = hash(form);
        let together = self.together.get(&hash).into_iter().flatten().map(|(_, no)| *no);
        together.chain(self.alone.get(&hash).copied()).collect()
    }
}

fn hash(form: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    form.hash(&mut hasher);
    hasher.finish()
}

impl LookAlikes {
    /// The index of a directory.
    pub fn of(served: &Directory) -> Self {
        let mut this = Self::default();
        for (no, user) in served.users_from(0).filter(|(_, user)| !user.name().is_ascii()) {
            this.add_user(served, no, user.name());
        }
        for (no, group) in served.groups_from(0) {
            if !group.name().as_str().is_ascii() {
                this.add_group(served, no, group.name().as_str());
            }
        }
        this
    }

    /// Follows changes that lead to `served`.
    pub fn follow(&mut self, changes: &[Change], served: &Directory) {
        for change in changes {
            match change {
                Change::User { no, before: Some(user), .. } => self.users.remove(no.0, user.name()),
                Change::Group { no, before: Some(group), .. } => {
                    self.groups.remove(no.0, group.name().as_str());
                }
                _ => {}
            }
        }
        for change in changes {
            match change {
                Change::User { no, after: Some(user), .. } => {
                    self.add_user(served, *no, user.name());
                }
                Change::Group { no, after: Some(group), .. } => {
                    self.add_group(served, *no, group.name().as_str());
                }
                _ => {}
            }
        }
    }

    fn add_user(&mut self, served: &Directory, no: UserNo, name: &str) {
        let twin = |form: &str| {
            let (no, user) = served.user_by_name(form)?;
            user.name().is_ascii().then_some(no.0)
        };
        self.users.add(no.0, name, twin);
    }

    fn add_group(&mut self, served: &Directory, no: GroupNo, name: &str) {
        let twin = |form: &str| {
            let (no, group) = served.group_by_name(form)?;
            group.name().as_str().is_ascii().then_some(no.0)
        };
        self.groups.add(no.0, name, twin);
    }

    /// Everybody whose name looks like another's, and every such group.
    pub fn issues(&self, served: &Directory) -> Vec<Issue> {
        let user = |no| served.user(UserNo(no)).map(|user| (user.id(), user.name()));
        let group = |no| served.group(GroupNo(no)).map(|group| (group.id(), group.name().as_str()));
        let mut issues = self.users.alike(user, |no| Node::User(UserNo(no)));
        issues.extend(self.groups.alike(group, |no| Node::Group(GroupNo(no))));
        issues.sort_by_key(|issue| issue.node);
        issues
    }

    /// Of these objects, those for which the rules make a name that they are not served under, since it waits or somebody
    /// else has it, and that looks like a name which is served or claimed beside it.
    pub fn claimed(
        &self,
        basis: &Basis<'_>,
        served: &Directory,
        nodes: &BTreeSet<Node>,
    ) -> Vec<Issue> {
        let derive = &Derive::new(*basis);
        let unserved = |node: &Node| {
            let name = derive.claim_of(*node)?.to_string();
            let is = served_name(served, *node).is_some_and(|is| fold(is) == fold(&name));
            (!is).then_some((*node, name))
        };
        let claims: Vec<(Node, String)> = nodes.iter().filter_map(unserved).collect();
        let mut by_form: BTreeMap<(bool, String), BTreeSet<&str>> = BTreeMap::new();
        for (node, name) in &claims {
            let form = (is_user(*node), appearance(name).into_owned());
            by_form.entry(form).or_default().insert(name);
        }
        let found = claims.iter().filter_map(|(node, name)| {
            let form = appearance(name);
            let beside = by_form.get(&(is_user(*node), form.clone().into_owned()));
            let beside = beside.into_iter().flatten().find(|other| fold(other) != fold(name));
            let other = self
                .served_twin(served, (*node, name), &form)
                .or_else(|| beside.map(|other| (*other).to_owned()))?;
            let (id, label) = label(derive, *node)?;
            let is_served = served_name(served, *node).is_some();
            let reason = Reason::LooksLike { name: other };
            Some(Issue { node: *node, id, label, served: is_served, reason })
        });
        found.collect()
    }

    /// A served name that a claimed one is taken for.
    fn served_twin(
        &self,
        served: &Directory,
        (node, name): (Node, &str),
        form: &str,
    ) -> Option<String> {
        let (all, ascii): (Vec<Node>, Option<Node>) = match node {
            Node::User(_) => (
                self.users.with_form(form).into_iter().map(|no| Node::User(UserNo(no))).collect(),
                served.user_by_name(form).map(|(no, _)| Node::User(no)),
            ),
            Node::Group(_) => (
                self.groups
                    .with_form(form)
                    .into_iter()
                    .map(|no| Node::Group(GroupNo(no)))
                    .collect(),
                served.group_by_name(form).map(|(no, _)| Node::Group(no)),
            ),
        };
        let others = all.into_iter().chain(ascii).filter(|other| *other != node);
        let names = others.filter_map(|other| served_name(served, other));
        let twins = names.filter(|other| appearance(other) == form && fold(other) != fold(name));
        twins.min_by_key(|other| !other.is_ascii()).map(str::to_owned)
    }

    /// Names that look alike in `then` and do not now.
    pub fn to_come(now: &Directory, then: &Directory) -> Vec<Issue> {
        let known: BTreeSet<(Node, String)> =
            Self::of(now).issues(now).into_iter().map(|issue| (issue.node, issue.label)).collect();
        let mut issues = Self::of(then).issues(then);
        issues.retain(|issue| !known.contains(&(issue.node, issue.label.clone())));
        for issue in &mut issues {
            issue.served = served_name(now, issue.node).is_some();
        }
        issues
    }
}

fn is_user(node: Node) -> bool {
    matches!(node, Node::User(_))
}

fn served_name(served: &Directory, node: Node) -> Option<&str> {
    match node {
        Node::User(no) => served.user(no).map(|user| user.name()),
        Node::Group(no) => served.group(no).map(|group| group.name().as_str()),
    }
}
