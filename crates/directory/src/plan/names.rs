//! Who gets which name (DESIGN.md 10.3).
//!
//! Invariants: no two objects of one kind get one name; whoever holds a name keeps it; a name that was
//! ever served passes to another id only when a person approved that; ties among newcomers go to the
//! lowest provider id, so the order of records does not matter.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    decisions::Node,
    derive::{Derive, Unusable},
    id::ProviderId,
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

/// Gives out names. With `passing_approved`, names pass from those who do not want them any more.
pub(super) fn assign(
    derive: &Derive<'_>,
    claimants: &[Claimant<'_>],
    passing_approved: bool,
) -> BTreeMap<Node, Assigned> {
    let mut first_at_free: BTreeMap<&str, &Claimant<'_>> = BTreeMap::new();
    for claimant in claimants {
        let Ok(claim) = &claimant.claim else { continue };
        if holder_of(derive, claimant.node, claim.folded()).is_none() {
            let first = first_at_free.entry(claim.folded()).or_insert(claimant);
            if claimant.id < first.id {
                *first = claimant;
            }
        }
    }
    let mut first_at_passing: BTreeMap<&str, &ProviderId> = BTreeMap::new();
    let mut assigned = BTreeMap::new();
    for claimant in claimants {
        let outcome = match &claimant.claim {
            Err(unusable) => refuse(claimant, NameTrouble::Unusable(unusable.clone())),
            Ok(claim) => match holder_of(derive, claimant.node, claim.folded()) {
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
        assigned.insert(claimant.node, outcome);
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
    first: &BTreeMap<&str, &ProviderId>,
    assigned: &mut BTreeMap<Node, Assigned>,
) {
    for claimant in claimants {
        let Ok(claim) = &claimant.claim else { continue };
        let passes = matches!(assigned[&claimant.node].trouble, Some(NameTrouble::Passes { .. }));
        if !passes || first.get(claim.folded()) != Some(&claimant.id) {
            continue;
        }
        assigned.insert(claimant.node, grant(claim));
        let holder = served_holder(derive, claimant.node, claim.folded());
        if let Some(holder) = holder.filter(|holder| is_absent(derive, *holder)) {
            let name = claim.as_str().to_owned();
            let trouble = Some(NameTrouble::Taken { name, holder: claimant.id.clone() });
            assigned.insert(holder, Assigned { name: None, trouble });
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

/// The id that a name belongs to: whoever is served under it, else whoever was last.
fn holder_of<'a>(derive: &'a Derive<'_>, kind: Node, folded: &str) -> Option<Holder<'a>> {
    match kind {
        Node::User(_) => match derive.served.user_by_name(folded) {
            Some((no, user)) => Some(Holder { id: user.id(), node: Some(Node::User(no)) }),
            None => derive
                .decisions
                .past_user_names
                .get(folded)
                .map(|id| (id, derive.mirror.person_no(id).map(Node::User)))
                .map(|(id, node)| Holder { id, node }),
        },
        Node::Group(_) => match derive.served.group_by_name(folded) {
            Some((no, group)) => Some(Holder { id: group.id(), node: Some(Node::Group(no)) }),
            None => derive
                .decisions
                .past_group_names
                .get(folded)
                .map(|id| (id, derive.mirror.group_no(id).map(Node::Group)))
                .map(|(id, node)| Holder { id, node }),
        },
    }
}

pub(super) fn served_holder(derive: &Derive<'_>, kind: Node, folded: &str) -> Option<Node> {
    match kind {
        Node::User(_) => derive.served.user_by_name(folded).map(|(no, _)| Node::User(no)),
        Node::Group(_) => derive.served.group_by_name(folded).map(|(no, _)| Node::Group(no)),
    }
}

fn grant(name: &Name) -> Assigned {
    Assigned { name: Some(name.clone()), trouble: None }
}

/// Whoever is served already stays under the name that it has.
fn refuse(claimant: &Claimant<'_>, trouble: NameTrouble) -> Assigned {
    Assigned { name: claimant.current.clone(), trouble: Some(trouble) }
}
