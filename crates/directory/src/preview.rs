//! What a plan would do, person by person and group by group, for whoever has to say yes to it.
//!
//! Invariants: a pure function of basis, rules and context; exactly what the plan says and in its words. Nothing is
//! numbered or written, so a preview may be asked for at any time.

mod page;

use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub use self::page::{Page, PageLine, Query};
use crate::{
    change::Change,
    decisions::{Decisions, Digest, Node},
    derive::{Basis, Derive},
    figures::{Count, Exceptions},
    group::Group,
    id::{GroupNo, ProviderId, UserNo},
    lookalike::LookAlikes,
    mirror::Dirty,
    observation::Attribute,
    plan::{Context, Issue, Plan, accepted_by_rules, guard::Held, label, plan},
    report::{Applied, GuardKind},
    rules::compiled::Compiled,
    snapshot::{Directory, Size},
    user::User,
};

/// What a plan would do.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// What would flow.
    pub applied: Applied,
    /// How many changes that is: one for each person, group and group's members.
    pub flowing: usize,
    /// How many users and groups the provider tells of.
    pub told: Count,
    /// What is served now.
    pub before: Size,
    /// What would be served.
    pub after: Size,
    /// What would be served once all that waits was approved too.
    pub approved: Size,
    /// Who would not be served as the provider and the rules would have it.
    pub exceptions: Exceptions,
    /// What would wait for a person.
    pub held: Vec<Held>,
    /// Names that would look alike once all that waits was approved, and do not now.
    pub look_alikes: Vec<Issue>,
    /// What an approval of all that waits names.
    pub digest: Option<Digest>,
    /// Attributes that the rules read and that are known only from the next complete read on.
    pub pending: Vec<Attribute>,
    /// One line for each person and group that something happens to; groups after people, each by number.
    lines: Vec<Line>,
    /// Memberships that come and go, by member.
    edges: Vec<(Node, GroupNo, bool)>,
    group_names: HashMap<u32, String>,
}

/// What would happen to one person or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    node: Node,
    id: ProviderId,
    /// The name that products see, or would see.
    name: String,
    label: String,
    effects: Vec<Effect>,
    why: Option<String>,
    members_added: u32,
    members_removed: u32,
}

/// One thing that would happen to a person or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Comes.
    Added,
    /// Goes.
    Removed,
    /// May no longer log in.
    Deactivated,
    /// May log in again.
    Reactivated,
    /// Names and address are taken away.
    Anonymised,
    /// Gets another name.
    Renamed {
        /// The name until now.
        from: String,
        /// The name from then on.
        to: String,
    },
    /// Something else changes.
    Changed {
        /// What, such as `mail`.
        fields: Vec<String>,
    },
    /// Memberships come or go; the page says which.
    Members,
    /// Cannot be served.
    SetAside,
    /// Does not get the name that the rules make.
    KeepsName,
    /// Something waits for a person.
    Waits {
        /// The kind.
        kind: GuardKind,
        /// What would happen.
        what: String,
    },
}

/// Previews other rules, as if they were saved now.
pub fn of_rules(basis: &Basis<'_>, rules: &Compiled, context: &Context<'_>) -> Preview {
    let changed = Basis { rules, ..*basis };
    let accepted = accepted_by_rules(basis, &changed);
    if accepted.is_empty() {
        return of_run(&changed, context);
    }
    let mut decisions: Decisions = basis.decisions.clone();
    decisions.accepted.extend(accepted);
    of_run(&Basis { decisions: &decisions, ..changed }, context)
}

/// Previews the next run.
pub fn of_run(basis: &Basis<'_>, context: &Context<'_>) -> Preview {
    let everything = Dirty::everything();
    let planned = plan(basis, &everything, context);
    let waiting = planned.held.iter().filter(|held| held.approvable).map(|held| held.kind);
    let lifted: BTreeSet<GuardKind> = waiting.chain(context.lifted.iter().copied()).collect();
    let approved = (lifted.len() > context.lifted.len()).then(|| {
        let changes = plan(basis, &everything, &Context { lifted: &lifted, ..*context }).changes;
        served_after(basis, &changes)
    });
    let preview = Preview::of(basis, planned);
    match approved {
        Some(then) => {
            let look_alikes = LookAlikes::to_come(basis.served, &then);
            Preview { approved: then.size(), look_alikes, ..preview }
        }
        None => preview,
    }
}

/// What is served once changes are applied.
fn served_after(basis: &Basis<'_>, changes: &[Change]) -> Directory {
    basis.served.apply(changes).expect("a plan fits the directory that it was made for")
}

impl Preview {
    /// Describes a plan that was made from this basis.
    pub fn of(basis: &Basis<'_>, plan: Plan) -> Self {
        let derive = &Derive::new(*basis);
        let mut lines = Lines { derive, all: Vec::new(), places: HashMap::new() };
        let mut edges = Vec::new();
        for change in &plan.changes {
            match change {
                Change::User { no, before, after } => {
                    let effects = user_effects(before.as_deref(), after.as_deref());
                    let named = before.as_ref().or(after.as_ref());
                    let name = named.map(|user| user.name().to_owned());
                    lines.add(Node::User(*no), name, effects);
                }
                Change::Group { no, before, after } => {
                    let effects = group_effects(before.as_deref(), after.as_deref());
                    let named = before.as_ref().or(after.as_ref());
                    let name = named.map(|group| group.name().to_string());
                    lines.add(Node::Group(*no), name, effects);
                }
                Change::Members(members) => {
                    let users = [(&members.users_added, true), (&members.users_removed, false)];
                    let groups = [(&members.groups_added, true), (&members.groups_removed, false)];
                    let users = users.into_iter().flat_map(|(list, added)| {
                        list.iter().map(move |no: &UserNo| (Node::User(*no), added))
                    });
                    let groups = groups.into_iter().flat_map(|(list, added)| {
                        list.iter().map(move |no: &GroupNo| (Node::Group(*no), added))
                    });
                    let all = users.chain(groups);
                    edges.extend(all.map(|(member, added)| (member, members.group, added)));
                }
            }
        }
        edges.sort_unstable();
        lines.add_edges(&edges);
        lines.add_plan(&plan);
        let group_names = names_of(derive, &plan, &edges);
        let after = served_after(basis, &plan.changes);
        Self {
            applied: plan.applied,
            flowing: plan.changes.len(),
            told: Count::told_by(basis.mirror),
            before: basis.served.size(),
            after: after.size(),
            approved: after.size(),
            look_alikes: LookAlikes::to_come(basis.served, &after),
            exceptions: Exceptions::of(&after, &plan.issues, &plan.held),
            digest: plan.digest(),
            held: plan.held,
            pending: Vec::new(),
            lines: lines.in_order(),
            edges,
            group_names,
        }
    }

    /// The same, of rules some of whose attributes the mirror may not hold yet.
    #[must_use]
    pub fn with_pending(mut self, rules: &Compiled, mirror_version: u8) -> Self {
        self.pending = rules.pending(mirror_version).into_iter().collect();
        self
    }

    /// The names of users and of groups that would be served then.
    pub fn names_after(&self, served: &Directory) -> (Vec<String>, Vec<String>) {
        let moved: HashMap<Node, Option<&str>> = self
            .lines
            .iter()
            .filter_map(|line| {
                line.effects.iter().find_map(|effect| match effect {
                    Effect::Removed => Some((line.node, None)),
                    Effect::Added => Some((line.node, Some(line.name.as_str()))),
                    Effect::Renamed { to, .. } => Some((line.node, Some(to.as_str()))),
                    _ => None,
                })
            })
            .collect();
        let stays = |node: Node| !moved.contains_key(&node);
        let users = served.users_from(0).filter(|(no, _)| stays(Node::User(*no)));
        let groups = served.groups_from(0).filter(|(no, _)| stays(Node::Group(*no)));
        let mut users: Vec<String> = users.map(|(_, user)| user.name().to_owned()).collect();
        let mut groups: Vec<String> = groups.map(|(_, group)| group.name().to_string()).collect();
        for (node, name) in &moved {
            let names = if matches!(node, Node::User(_)) { &mut users } else { &mut groups };
            names.extend(name.map(str::to_owned));
        }
        (users, groups)
    }

    /// Whether nothing would happen.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.held.is_empty()
    }
}

struct Lines<'a> {
    derive: &'a Derive<'a>,
    all: Vec<Line>,
    places: HashMap<Node, usize>,
}

impl Lines<'_> {
    fn line(&mut self, node: Node, name: Option<String>) -> Option<&mut Line> {
        if let Some(at) = self.places.get(&node) {
            return self.all.get_mut(*at);
        }
        self.all.push(new_line(self.derive, node, name)?);
        self.places.insert(node, self.all.len() - 1);
        self.all.last_mut()
    }

    fn in_order(mut self) -> Vec<Line> {
        self.all.sort_unstable_by_key(|line| line.node);
        self.all
    }

    fn add(&mut self, node: Node, name: Option<String>, effects: impl IntoIterator<Item = Effect>) {
        if let Some(line) = self.line(node, name) {
            line.effects.extend(effects);
        }
    }

    /// Edges sorted by member.
    fn add_edges(&mut self, edges: &[(Node, GroupNo, bool)]) {
        for of_member in edges.chunk_by(|a, b| a.0 == b.0) {
            self.add(of_member[0].0, None, [Effect::Members]);
        }
        let mut counts: HashMap<GroupNo, (u32, u32)> = HashMap::new();
        for (_, group, added) in edges {
            let (came, went) = counts.entry(*group).or_default();
            *if *added { came } else { went } += 1;
        }
        for (group, (came, went)) in counts {
            if let Some(line) = self.line(Node::Group(group), None) {
                (line.members_added, line.members_removed) = (came, went);
                if !line.effects.contains(&Effect::Members) {
                    line.effects.push(Effect::Members);
                }
            }
        }
    }

    fn add_plan(&mut self, plan: &Plan) {
        for held in &plan.held {
            for item in &held.items {
                let waits = Effect::Waits { kind: held.kind, what: item.what.clone() };
                self.add(item.node, None, [waits]);
            }
        }
        for issue in &plan.issues {
            let effect = if issue.served { Effect::KeepsName } else { Effect::SetAside };
            if let Some(line) = self.line(issue.node, None) {
                line.effects.push(effect);
                line.why = Some(issue.reason.to_string());
            }
        }
        for (node, out) in &plan.left {
            if let Some(line) = self.places.get(node).and_then(|at| self.all.get_mut(*at))
                && line.why.is_none()
            {
                line.why = Some(out.to_string());
            }
        }
    }
}

/// A line to which nothing happens yet.
fn new_line(derive: &Derive<'_>, node: Node, name: Option<String>) -> Option<Line> {
    let served = match node {
        Node::User(no) => derive.served.user(no).map(|user| (user.id(), user.name())),
        Node::Group(no) => derive.served.group(no).map(|group| (group.id(), group.name().as_str())),
    };
    let known = || served.map(|(id, name)| (id.clone(), name.to_owned()));
    let (id, label) = label(derive, node).or_else(known)?;
    let name = name.or_else(|| served.map(|(_, name)| name.to_owned()));
    Some(Line {
        node,
        id,
        name: name.unwrap_or_else(|| label.clone()),
        label,
        effects: Vec::new(),
        why: None,
        members_added: 0,
        members_removed: 0,
    })
}

fn user_effects(before: Option<&User>, after: Option<&User>) -> Vec<Effect> {
    let (before, after) = match (before, after) {
        (None, _) => return vec![Effect::Added],
        (Some(_), None) => return vec![Effect::Removed],
        (Some(before), Some(after)) => (before, after),
    };
    let mut effects = Vec::new();
    if before.active() != after.active() {
        effects.push(if after.active() { Effect::Reactivated } else { Effect::Deactivated });
    }
    if !crate::anonymous::is_anonymous(before) && crate::anonymous::is_anonymous(after) {
        effects.push(Effect::Anonymised);
        return effects;
    }
    if before.name() != after.name() {
        let (from, to) = (before.name().to_owned(), after.name().to_owned());
        effects.push(Effect::Renamed { from, to });
    }
    let fields = [
        ("display_name", before.display_name() != after.display_name()),
        ("mail", before.email() != after.email()),
        ("first_name", before.first_name() != after.first_name()),
        ("last_name", before.last_name() != after.last_name()),
    ];
    let fields: Vec<String> =
        fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect();
    if !fields.is_empty() {
        effects.push(Effect::Changed { fields });
    }
    effects
}

fn group_effects(before: Option<&Group>, after: Option<&Group>) -> Vec<Effect> {
    let (before, after) = match (before, after) {
        (None, _) => return vec![Effect::Added],
        (Some(_), None) => return vec![Effect::Removed],
        (Some(before), Some(after)) => (before, after),
    };
    let mut effects = Vec::new();
    if before.name().as_str() != after.name().as_str() {
        let (from, to) = (before.name().to_string(), after.name().to_string());
        effects.push(Effect::Renamed { from, to });
    }
    if before.description() != after.description() {
        effects.push(Effect::Changed { fields: vec!["description".to_owned()] });
    }
    effects
}

/// The names of the groups that memberships come into or go out of.
fn names_of(
    derive: &Derive<'_>,
    plan: &Plan,
    edges: &[(Node, GroupNo, bool)],
) -> HashMap<u32, String> {
    let mut names: HashMap<u32, String> = HashMap::new();
    for change in &plan.changes {
        if let Change::Group { no, after: Some(group), .. } = change {
            names.insert(no.0, group.name().to_string());
        }
    }
    for (_, group, _) in edges {
        if !names.contains_key(&group.0) {
            let served = derive.served.group(*group).map(|group| group.name().to_string());
            names.insert(group.0, served.unwrap_or_default());
        }
    }
    names
}
