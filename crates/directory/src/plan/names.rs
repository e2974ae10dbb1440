//! Who gets which name (DESIGN.md 10.3).
//!
//! Invariants: no two objects of one kind get one name; whoever holds a name keeps it; a name that was
//! ever served passes to another id only when a person approved that; ties among newcomers go to the
//! lowest provider id, so the order of records does not matter.

use hashbrown::HashMap;
use serde::Serialize;

use crate::{
    decisions::Node,
    derive::{Basis, Derive, Unusable},
    id::{ProviderId, UserNo},
    mirror::State,
    name::Name,
    rules::compiled::is_made,
};

/// Somebody who wants a name.
#[derive(Clone, Debug)]
pub(super) struct Claimant<'a> {
    pub(super) node: Node,
    pub(super) id: &'a ProviderId,
    pub(super) claim: Result<Name, Unusable>,
    /// The name it is served under now.
    pub(super) current: Option<Name>,
}

/// What became of a claim.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    /// The name it gets; `None` sets it aside.
    pub(super) name: Option<Name>,
    pub(super) trouble: Option<NameTrouble>,
}

/// Why somebody does not get the name that the rules make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "trouble")]
pub enum NameTrouble {
    /// No name can be made.
    Unusable(Unusable),
    /// Somebody else has it and wants it still.
    Taken {
        /// The name.
        name: String,
        /// The id of whoever has it.
        holder: ProviderId,
    },
    /// Somebody else had it, and it would pass from them: a person has to approve that.
    Passes {
        /// The name.
        name: String,
        /// The id of whoever had it.
        holder: ProviderId,
    },
}

/// Gives out names, to each claimant in its place. With `passing_approved`, names pass from those who do not want them
/// any more.
pub(super) fn assign(
    derive: &Derive<'_>,
    claimants: &[Claimant<'_>],
    passing_approved: bool,
) -> Vec<Assigned> {
    let names = Names::new(derive, claimants.len());
    let mut first_at_free: HashMap<&str, &Claimant<'_>> = HashMap::new();
    let mut holders = Vec::with_capacity(claimants.len());
    for claimant in claimants {
        let claim = claimant.claim.as_ref().ok();
        let holder = claim.and_then(|claim| names.holder_of(claimant.node, claim.folded()));
        if let (Some(claim), None) = (claim, &holder) {
            let first = first_at_free.entry(claim.folded()).or_insert(claimant);
            if claimant.id < first.id {
                *first = claimant;
            }
        }
        holders.push(holder);
    }
    let mut first_at_passing: HashMap<&str, &ProviderId> = HashMap::new();
    let mut assigned = Vec::with_capacity(claimants.len());
    for (claimant, holder) in claimants.iter().zip(holders) {
        let outcome = match &claimant.claim {
            Err(unusable) => refuse(claimant, NameTrouble::Unusable(unusable.clone())),
            Ok(claim) => match holder {
                Some(holder) if holder.id == claimant.id => grant(claim),
                Some(holder) => {
                    let name = claim.as_str().to_owned();
                    let wanted_still = holder.node.is_some_and(|node| {
                        !is_absent(derive, node)
                            && derive.claim_of(node).is_some_and(|name| name == *claim)
                    });
                    let holder = holder.id.clone();
                    if !wanted_still && is_made(claimant.id) {
                        // An administrator named the group in the rules, and nobody else wants the name.
                        grant(claim)
                    } else if wanted_still {
                        refuse(claimant, NameTrouble::Taken { name, holder })
                    } else {
                        let first = first_at_passing.entry(claim.folded()).or_insert(claimant.id);
                        *first = (*first).min(claimant.id);
                        refuse(claimant, NameTrouble::Passes { name, holder })
                    }
                }
                None => match first_at_free.get(claim.folded()) {
                    Some(first) if first.node != claimant.node => {
                        let name = claim.as_str().to_owned();
                        refuse(claimant, NameTrouble::Taken { name, holder: first.id.clone() })
                    }
                    _ => grant(claim),
                },
            },
        };
        assigned.push(outcome);
    }
    if passing_approved {
        pass_names(derive, claimants, &first_at_passing, &mut assigned);
    }
    assigned
}

/// Lets names pass to their first claimant. Somebody in their grace period who still has the name goes;
/// whether anybody else does leave it is settled when the guard has spoken.
fn pass_names(
    derive: &Derive<'_>,
    claimants: &[Claimant<'_>],
    first: &HashMap<&str, &ProviderId>,
    assigned: &mut [Assigned],
) {
    let places: HashMap<Node, usize> =
        claimants.iter().enumerate().map(|(at, claimant)| (claimant.node, at)).collect();
    for (at, claimant) in claimants.iter().enumerate() {
        let Ok(claim) = &claimant.claim else { continue };
        let passes = matches!(assigned[at].trouble, Some(NameTrouble::Passes { .. }));
        if !passes || first.get(claim.folded()) != Some(&claimant.id) {
            continue;
        }
        assigned[at] = grant(claim);
        let holder = served_holder(derive, claimant.node, claim.folded());
        let leaves = holder.filter(|holder| is_absent(derive, *holder));
        if let Some(place) = leaves.and_then(|holder| places.get(&holder)) {
            let name = claim.as_str().to_owned();
            let trouble = Some(NameTrouble::Taken { name, holder: claimant.id.clone() });
            assigned[*place] = Assigned { name: None, trouble };
        }
    }
}

fn is_absent(derive: &Derive<'_>, node: Node) -> bool {
    matches!(derive.mirror.state(node), Some(State::Absent { .. }))
}

struct Holder<'a> {
    id: &'a ProviderId,
    /// The holder's number, while the mirror knows the id.
    node: Option<Node>,
}

/// Names and the ids that they belong to.
struct Names<'a> {
    derive: &'a Derive<'a>,
    /// Whoever is served, by folded name; made where so many are asked for that looking each up takes longer.
    users: Option<HashMap<&'a str, (UserNo, &'a ProviderId)>>,
}

impl<'a> Names<'a> {
    fn new(derive: &'a Derive<'a>, asked: usize) -> Self {
        let many = asked > derive.served.size().users / 8;
        let users = many.then(|| {
            let served = derive.served.users_from(0);
            served.map(|(no, user)| (user.folded_name(), (no, user.id()))).collect()
        });
        Self { derive, users }
    }

    /// The id that a name belongs to: whoever is served under it, else whoever was last.
    fn holder_of(&self, kind: Node, folded: &str) -> Option<Holder<'a>> {
        let Basis { served, decisions, mirror, .. } = **self.derive;
        match kind {
            Node::User(_) => {
                let user = match &self.users {
                    Some(users) => users.get(folded).copied(),
                    None => served.user_by_name(folded).map(|(no, user)| (no, user.id())),
                };
                let past = || {
                    let id = decisions.past_user_names.get(folded)?;
                    Some(Holder { id, node: mirror.person_no(id).map(Node::User) })
                };
                let now = user.map(|(no, id)| Holder { id, node: Some(Node::User(no)) });
                now.or_else(past)
            }
            Node::Group(_) => {
                let group = served.group_by_name(folded);
                let past = || {
                    let id = decisions.past_group_names.get(folded)?;
                    Some(Holder { id, node: mirror.group_no(id).map(Node::Group) })
                };
                let now =
                    group.map(|(no, group)| Holder { id: group.id(), node: Some(Node::Group(no)) });
                now.or_else(past)
            }
        }
    }
}

pub(super) fn served_holder(derive: &Derive<'_>, kind: Node, folded: &str) -> Option<Node> {
    match kind {
        Node::User(_) => derive.served.user_by_name(folded).map(|(no, _)| Node::User(no)),
        Node::Group(_) => derive.served.group_by_name(folded).map(|(no, _)| Node::Group(no)),
    }
}

/// The id of somebody or a group that is served.
pub(super) fn holder_id(derive: &Derive<'_>, holder: Node) -> Option<ProviderId> {
    match holder {
        Node::User(no) => derive.served.user(no).map(|user| user.id().clone()),
        Node::Group(no) => derive.served.group(no).map(|group| group.id().clone()),
    }
}

fn grant(name: &Name) -> Assigned {
    Assigned { name: Some(name.clone()), trouble: None }
}

/// Whoever is served already stays under the name that it has.
fn refuse(claimant: &Claimant<'_>, trouble: NameTrouble) -> Assigned {
    Assigned { name: claimant.current.clone(), trouble: Some(trouble) }
}
