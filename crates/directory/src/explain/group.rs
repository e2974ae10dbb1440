//! Why a group is or is not there, under which names, and what decided.
//!
//! Invariant: says what the plan would say, from the same [`Basis`]; it decides nothing of its own.

use serde::{Deserialize, Serialize};

use super::{Asked, asked::List};
use crate::{
    builtin::{self, Power},
    decisions::Node,
    derive::{Basis, Derive, GroupVerdict, Out},
    id::GroupNo,
    mirror::{GroupRow, State},
    name::Name,
    plan::Issue,
    rules::{GroupRenames, NestedGroups},
};

/// Names of groups and people told of one group.
const NAMES_MAX: usize = 20;

/// What is known of one group, and what decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupExplanation {
    /// The provider's id.
    pub id: String,
    /// Whether products see the group.
    pub served: bool,
    /// The name that products see.
    pub name: Option<String>,
    /// The name that the rules make of it now, where it is another one than products see.
    pub wanted_name: Option<String>,
    /// What decided, as sentences, the decisive one first.
    pub because: Vec<String>,
    /// Each rule that was asked, in order, with its answer.
    pub rules: Vec<Asked>,
    /// What the provider says: attribute and value.
    pub attributes: Vec<(String, String)>,
    /// How many users are directly in it, as served.
    pub users: usize,
    /// Groups directly in it, as served; some of them.
    pub groups: Vec<String>,
    /// Groups that it is directly in, as served; some of them.
    pub parents: Vec<String>,
    /// Names that products saw it under before.
    pub former_names: Vec<String>,
}

/// Explains a group by number; `None` when neither the mirror nor the rules know it.
pub fn explain_group(basis: &Basis<'_>, issues: &[Issue], no: GroupNo) -> Option<GroupExplanation> {
    let derive = &Derive::new(*basis);
    let row = derive.group_row(no)?;
    let served = basis.served.group(no);
    let verdict = derive.group(row);
    let own: Vec<&Issue> = issues.iter().filter(|issue| issue.node == Node::Group(no)).collect();
    let mut because = vec![sentence(derive, row, &verdict)];
    because.extend(own.iter().map(|issue| issue.reason.to_string()));
    if let Some(served) = served {
        because.extend(power(derive, row, served.name()));
    }
    let claim = match &verdict {
        GroupVerdict::Wanted { claim, waiting_name } => waiting_name.clone().or(claim.clone().ok()),
        GroupVerdict::Out(_) => None,
    };
    let wanted_name = claim.filter(|name| served.is_none_or(|served| served.name() != name));
    let names = |numbers: &[u32]| {
        let groups = numbers.iter().filter_map(|no| basis.served.group(GroupNo(*no)));
        let mut names: Vec<String> =
            groups.map(|group| group.name().to_string()).take(NAMES_MAX).collect();
        names.sort();
        names
    };
    let past = basis.decisions.past_group_names.iter();
    let past = past.filter(|(_, holder)| **holder == row.record.id);
    let mut former_names: Vec<String> =
        past.map(|(name, _)| name.to_string()).take(NAMES_MAX).collect();
    former_names.sort();
    let attributes = row.record.attributes.iter();
    Some(GroupExplanation {
        id: row.record.id.to_string(),
        served: served.is_some(),
        name: served.map(|group| group.name().to_string()),
        wanted_name: wanted_name.map(|name| name.to_string()),
        because,
        rules: asked(derive, row, (&verdict, &own)),
        attributes: attributes
            .map(|(name, value)| (name.as_str().to_owned(), value.to_owned()))
            .collect(),
        users: basis.served.users_of(no).len(),
        groups: names(basis.served.children_of(no)),
        parents: names(basis.served.parents_of(no)),
        former_names,
    })
}

fn sentence(derive: &Derive<'_>, row: &GroupRow, verdict: &GroupVerdict) -> String {
    let is_served = derive.served.group(row.no).is_some();
    match verdict {
        GroupVerdict::Out(out) => out.to_string(),
        GroupVerdict::Wanted { claim: Err(problem), .. } => {
            format!("no group name can be made: {problem}")
        }
        GroupVerdict::Wanted { claim: Ok(name), waiting_name } => {
            let state = match row.state {
                State::Absent { .. } => {
                    "gone at the provider, and kept until the grace period ends"
                }
                State::Unconfirmed { .. } => {
                    "missing from the provider's last list, which the provider has not confirmed, so kept as it was"
                }
                State::Mentioned => "made by the rules",
                State::Present => "known to the provider, and meant by the rules",
            };
            let as_name = if is_served { "served" } else { "not served yet" };
            let waits = waiting_name.as_ref().map(|waiting| {
                format!(
                    "; its new name {waiting} waits until it is accepted, since products hang permissions on the old one"
                )
            });
            format!("{state}; {as_name} as {name}{}", waits.unwrap_or_default())
        }
    }
}

/// What power the group has in products, and that whoever joins it waits.
fn power(derive: &Derive<'_>, row: &GroupRow, name: &Name) -> Option<String> {
    let rules = derive.rules;
    let built_in = builtin::BUILT_IN.iter().find(|known| known.name == name.folded());
    if rules.protected_groups.has(&row.record) || rules.protected_groups.has_name(name) {
        return Some(
            "the rules protect it: who joins it, and what would empty it, waits".to_owned(),
        );
    }
    let built_in = built_in?;
    Some(match built_in.power {
        Power::Administration => {
            format!("{} gives its administration to this name", built_in.product)
        }
        Power::Use => format!("{} gives access to this name", built_in.product),
    })
}

fn asked(
    derive: &Derive<'_>,
    row: &GroupRow,
    (verdict, issues): (&GroupVerdict, &[&Issue]),
) -> Vec<Asked> {
    let mut list = List::default();
    let (rules, record) = (derive.rules, &row.record);
    let is_out = |which: fn(&Out) -> bool| match verdict {
        GroupVerdict::Out(out) => which(out),
        GroupVerdict::Wanted { .. } => false,
    };
    let says = |names: bool| if names { "names it" } else { "does not name it" }.to_owned();
    if let State::Absent { .. } = row.state {
        let gone = is_out(|out| matches!(out, Out::Gone { .. } | Out::NeverServed));
        list.add("removed_groups", "gone at the provider".to_owned(), gone);
    }
    if !rules.groups_only.is_empty() {
        let out = is_out(|out| *out == Out::NotChosen);
        list.add("groups.only", says(rules.groups_only.has(record)), out);
    }
    if !rules.groups_except.is_empty() {
        let out = is_out(|out| *out == Out::Never);
        list.add("groups.except", says(rules.groups_except.has(record)), out);
    }
    if let GroupVerdict::Wanted { claim, waiting_name } = verdict {
        let answer = match claim {
            Ok(name) => format!("makes {}", waiting_name.as_ref().unwrap_or(name)),
            Err(problem) => problem.to_string(),
        };
        list.add("group_name", answer, claim.is_err());
        if waiting_name.is_some() && rules.group_renames == GroupRenames::KeepAccepted {
            let answer = "the served name stays until an administrator accepts the new one";
            list.add("group_renames", answer.to_owned(), true);
        }
    }
    if is_out(|out| *out == Out::Memberless) {
        list.add("empty_groups", "nobody is in it".to_owned(), true);
    }
    if rules.nested_groups == NestedGroups::Flattened {
        let answer = "users of groups in it are direct members".to_owned();
        list.add("nested_groups", answer, false);
    }
    for issue in issues {
        list.add("names in use", issue.reason.to_string(), !issue.served);
    }
    list.into_asked()
}
