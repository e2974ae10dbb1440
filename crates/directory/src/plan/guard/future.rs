//! Who will be active in a group, directly or through groups, once drafts and edges are applied.
//!
//! Invariant: asked only for groups that a rule names, and only when the plan touches them; without drafts and edges
//! it says how things are now.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use crate::{
    decisions::Node,
    id::{GroupNo, UserNo},
    plan::{Draft, edges::Edge},
    snapshot::Directory,
    user::User,
};

pub(super) struct Future<'a> {
    served: &'a Directory,
    /// Whether somebody whom the plan touches will be active.
    active: HashMap<u32, bool>,
    came: HashMap<u32, Vec<Node>>,
    went: HashMap<u32, HashSet<Node>>,
}

impl<'a> Future<'a> {
    pub(super) fn new(served: &'a Directory, users: &[Draft<User>], edges: &[Edge]) -> Self {
        let mut this =
            Self { served, active: HashMap::new(), came: HashMap::new(), went: HashMap::new() };
        for draft in users {
            if let Node::User(no) = draft.node {
                let active = draft.after.as_ref().is_some_and(|user| user.active());
                this.active.insert(no.0, active);
            }
        }
        for edge in edges {
            if edge.added {
                this.came.entry(edge.group.0).or_default().push(edge.member);
            } else {
                this.went.entry(edge.group.0).or_default().insert(edge.member);
            }
        }
        this
    }

    pub(super) fn now(served: &'a Directory) -> Self {
        Self::new(served, &[], &[])
    }

    /// A group and all that will be inside.
    pub(super) fn below(&self, group: GroupNo) -> BTreeSet<u32> {
        let mut seen = BTreeSet::from([group.0]);
        let mut work = vec![group.0];
        while let Some(no) = work.pop() {
            let children = self.served.children_of(GroupNo(no)).iter();
            let stay =
                children.filter(|child| !self.goes(no, Node::Group(GroupNo(**child)))).copied();
            let came = self.came_to(no).filter_map(|node| match node {
                Node::Group(child) => Some(child.0),
                Node::User(_) => None,
            });
            let next: Vec<u32> = stay.chain(came).collect();
            work.extend(next.into_iter().filter(|no| seen.insert(*no)));
        }
        seen
    }

    /// Everybody active in one of these groups.
    pub(super) fn active_in(&self, groups: &BTreeSet<u32>) -> BTreeSet<UserNo> {
        groups.iter().flat_map(|no| self.active_directly(*no)).collect()
    }

    /// Everybody in one of these groups, inactive people too.
    pub(super) fn users_in(&self, groups: &BTreeSet<u32>) -> BTreeSet<UserNo> {
        groups.iter().flat_map(|no| self.directly(*no)).collect()
    }

    /// Whether anybody active is in one of these groups.
    pub(super) fn has_active(&self, groups: &BTreeSet<u32>) -> bool {
        groups.iter().any(|no| self.active_directly(*no).next().is_some())
    }

    fn active_directly(&self, group: u32) -> impl Iterator<Item = UserNo> {
        self.directly(group).filter(|no| self.is_active(*no))
    }

    fn directly(&self, group: u32) -> impl Iterator<Item = UserNo> {
        let users = self.served.users_of(GroupNo(group)).iter().map(|no| UserNo(*no));
        let stay = users.filter(move |no| !self.goes(group, Node::User(*no)));
        let came = self.came_to(group).filter_map(|node| match node {
            Node::User(no) => Some(no),
            Node::Group(_) => None,
        });
        stay.chain(came)
    }

    fn is_active(&self, no: UserNo) -> bool {
        let served = || self.served.user(no).is_some_and(|user| user.active());
        self.active.get(&no.0).copied().unwrap_or_else(served)
    }

    fn came_to(&self, group: u32) -> impl Iterator<Item = Node> {
        self.came.get(&group).into_iter().flatten().copied()
    }

    fn goes(&self, group: u32, member: Node) -> bool {
        self.went.get(&group).is_some_and(|went| went.contains(&member))
    }
}
