//! What only a listing shows to be gone: questions to the provider, its answers, and forgetting at last.
//!
//! Invariants: an answer that is not a clear one changes nothing; what lists alone show to be gone is gone only when they
//! still show it after [`LISTS_AGREE_MS`].

use super::{Evidence, Merged, Mirror, State};
use crate::{
    decisions::Node,
    id::{GroupNo, Millis, ProviderId, UserNo},
    observation::{Member, Question, Verdict},
    snapshot::Directory,
};

/// How long lists alone must show that something is gone before it is believed: longer than a provider's replicas are
/// apart, and than the usual incident in which lists are short.
pub const LISTS_AGREE_MS: i64 = 3_600_000;
/// Nested groups that a question about a membership names.
const NESTED_MAX: usize = 100;

/// What the answers to questions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Losses that the provider confirmed.
    pub gone: usize,
    /// Objects and memberships that exist: the listing was wrong.
    pub exist: usize,
    /// Questions without an answer.
    pub unknown: usize,
    /// Losses that only lists show, and not for long enough.
    pub unlisted: usize,
}

/// Something unconfirmed, as it is asked for and settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// A person or group.
    Node(Node),
    /// A membership.
    Edge(GroupNo, Node),
}

impl Mirror {
    /// Questions about what is unconfirmed: people, then groups, then memberships, `max` at the most.
    pub fn questions(&self, max: usize) -> Vec<(Asked, Question)> {
        let nodes = self.unconfirmed.iter().map(|node| {
            let question = match node {
                Node::User(no) => {
                    self.person(*no).map(|row| Question::Person(row.record.id.clone()))
                }
                Node::Group(no) => {
                    self.group(*no).map(|row| Question::Group(row.record.id.clone()))
                }
            };
            (Asked::Node(*node), question)
        });
        // Whether somebody is in a group is asked once it is known whether there is somebody.
        let settled =
            self.unconfirmed_edges.keys().filter(|(_, member)| !self.unconfirmed.contains(member));
        let edges = settled.map(|(group, member)| {
            (Asked::Edge(*group, *member), self.membership_question(*group, *member))
        });
        let all = nodes.chain(edges);
        all.filter_map(|(asked, question)| Some((asked, question?))).take(max).collect()
    }

    /// The question whether somebody or a group is directly in a group.
    pub fn membership_question(&self, group: GroupNo, member: Node) -> Option<Question> {
        Some(Question::Membership {
            group: self.group(group)?.record.id.clone(),
            member: self.member(member)?,
            nested: self.nested_beside(group, member),
        })
    }

    /// Takes the provider's answers to [`Self::questions`].
    pub fn settle(
        &mut self,
        answers: &[(Asked, Verdict)],
        at: Millis,
        merged: &mut Merged,
    ) -> Settled {
        let mut settled = Settled::default();
        for (asked, verdict) in answers {
            let gone = match verdict {
                Verdict::Unknown => {
                    settled.unknown += 1;
                    continue;
                }
                Verdict::Unlisted if !self.lists_agree(*asked, at, merged) => {
                    settled.unlisted += 1;
                    continue;
                }
                Verdict::Gone | Verdict::Unlisted => {
                    settled.gone += 1;
                    true
                }
                Verdict::Exists => {
                    settled.exist += 1;
                    false
                }
            };
            match (asked, gone) {
                (Asked::Node(node), true) => {
                    self.set_state(
                        *node,
                        State::Absent { since: at, evidence: Evidence::Confirmed },
                        merged,
                    );
                }
                (Asked::Node(node), false) => self.set_state(*node, State::Present, merged),
                (Asked::Edge(group, member), true) => {
                    self.remove_edge(*group, *member);
                    merged.change.edges.insert((*group, *member));
                    merged.dirty.members.insert(*member);
                }
                (Asked::Edge(group, member), false) => {
                    self.unconfirmed_edges.remove(&(*group, *member));
                    merged.change.edges.insert((*group, *member));
                    merged.dirty.members.insert(*member);
                }
            }
        }
        settled
    }

    /// Whether lists have lacked it for long enough to be believed. What is known of somebody who comes back is from
    /// before they left, which is worth less than a list.
    fn lists_agree(&self, asked: Asked, at: Millis, merged: &Merged) -> bool {
        let since = match asked {
            Asked::Edge(_, Node::User(no)) if merged.returned.contains(&no) => return true,
            Asked::Node(node) => match self.state(node) {
                Some(State::Unconfirmed { since }) => Some(since),
                _ => None,
            },
            Asked::Edge(group, member) => self.unconfirmed_edges.get(&(group, member)).copied(),
        };
        since.is_some_and(|since| since.plus(LISTS_AGREE_MS) <= at)
    }

    /// Groups directly inside a group, but for one member.
    fn nested_beside(&self, group: GroupNo, member: Node) -> Vec<ProviderId> {
        let children = self.children_of(group).iter().map(|child| GroupNo(*child));
        let others = children
            .filter(|child| Node::Group(*child) != member && !self.is_absent(Node::Group(*child)));
        let ids = others.filter_map(|child| self.group(child)).map(|row| row.record.id.clone());
        ids.take(NESTED_MAX).collect()
    }

    /// Takes everything unconfirmed for present again: asked about, the provider had all of it. Gives how
    /// much that was.
    pub fn disbelieve(&mut self, merged: &mut Merged) -> usize {
        let nodes: Vec<Node> = self.unconfirmed.iter().copied().collect();
        let edges: Vec<(GroupNo, Node)> = self.unconfirmed_edges.keys().copied().collect();
        for node in &nodes {
            self.set_state(*node, State::Present, merged);
        }
        for (group, member) in &edges {
            self.unconfirmed_edges.remove(&(*group, *member));
            merged.change.edges.insert((*group, *member));
            merged.dirty.members.insert(*member);
        }
        nodes.len() + edges.len()
    }

    /// Forgets records that are absent since `until` or earlier, with their memberships; those that are served still
    /// are kept.
    pub fn purge(&mut self, until: Millis, served: &Directory, merged: &mut Merged) {
        let is_served = |node: &Node| match node {
            Node::User(no) => served.user(*no).is_some(),
            Node::Group(no) => served.group(*no).is_some(),
        };
        let old: Vec<Node> = self.absent_until(until).filter(|node| !is_served(node)).collect();
        for node in old {
            for group in self.parents_of(node).to_vec() {
                self.drop_edge(GroupNo(group), node, merged);
            }
            if let Node::Group(no) = node {
                for user in self.users_of(no).to_vec() {
                    self.drop_edge(no, Node::User(UserNo(user)), merged);
                }
                for child in self.children_of(no).to_vec() {
                    self.drop_edge(no, Node::Group(GroupNo(child)), merged);
                }
            }
            self.forget(node, merged);
        }
    }

    fn drop_edge(&mut self, group: GroupNo, member: Node, merged: &mut Merged) {
        self.remove_edge(group, member);
        merged.change.edges.insert((group, member));
    }

    fn forget(&mut self, node: Node, merged: &mut Merged) {
        self.unreadable.remove(&node);
        match node {
            Node::User(no) => {
                let Some(entry) = self.people[no.0 as usize].take() else {
                    return;
                };
                self.people_by_id.remove(&entry.row.record.id);
                self.index_state(node, Some(entry.row.state), None);
                merged.change.people.insert(no);
            }
            Node::Group(no) => {
                let Some(entry) = self.groups[no.0 as usize].take() else {
                    return;
                };
                self.groups_by_id.remove(&entry.row.record.id);
                self.index_state(node, Some(entry.row.state), None);
                merged.change.groups.insert(no);
            }
        }
        merged.dirty.nodes.insert(node);
    }

    fn member(&self, node: Node) -> Option<Member> {
        match node {
            Node::User(no) => self.person(no).map(|row| Member::User(row.record.id.clone())),
            Node::Group(no) => self.group(no).map(|row| Member::Group(row.record.id.clone())),
        }
    }
}
