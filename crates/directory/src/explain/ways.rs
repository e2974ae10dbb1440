//! How somebody comes to be in each group.
//!
//! Invariant: of several ways the shortest of each kind is told; groups are named as products see them, or as the
//! provider does where they do not.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    decisions::Node,
    derive::{Derive, GroupVerdict},
    id::{GroupNo, UserNo},
    plan::label,
};

/// A group that somebody is in, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Membership {
    /// The group's name.
    pub group: String,
    /// Whether products see it so now.
    pub served: bool,
    /// How it came about.
    pub ways: Vec<Way>,
}

/// How somebody comes to be in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The provider names them as a member.
    Direct,
    /// Through groups: from the one that they are in directly to the one inside the group.
    Nested(Vec<String>),
    /// The rules put everybody into the group.
    Everyone,
    /// The rules put the members of another group into it; the way to that group, itself last.
    Addition(Vec<String>),
    /// Nothing gives it now; it is served still because its loss waits or its end is kept.
    Kept,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INSIDE: &str = ", which is in ";
        match self {
            Self::Direct => f.write_str("directly"),
            Self::Nested(path) => write!(f, "through {}", path.join(INSIDE)),
            Self::Everyone => f.write_str("everybody is in it, by the rule `everyone`"),
            Self::Addition(path) => {
                write!(f, "by the rule `additions`, for members of {}", path.join(INSIDE))
            }
            Self::Kept => {
                f.write_str("nothing gives it now; kept until its loss is confirmed or due")
            }
        }
    }
}

pub(super) fn memberships(derive: &Derive<'_>, user: UserNo) -> Vec<Membership> {
    let mut found: BTreeMap<String, Membership> = BTreeMap::new();
    let served = served_groups(derive, user);
    let mut add = |group: String, way: Way| {
        let is_served = served.contains_key(&group);
        let entry = found.entry(group.clone());
        let membership = entry.or_insert(Membership { group, served: is_served, ways: Vec::new() });
        if !membership.ways.contains(&way) {
            membership.ways.push(way);
        }
    };
    let paths = paths(derive, user);
    for (no, path) in &paths {
        let names: Vec<String> = path.iter().map(|no| name(derive, *no).0).collect();
        let (own, wanted) = name(derive, *no);
        if wanted {
            let way = if names.is_empty() { Way::Direct } else { Way::Nested(names.clone()) };
            add(own.clone(), way);
        }
        let Some(row) = derive.group_row(*no) else { continue };
        for (at, (_, places)) in derive.rules.additions.iter().enumerate() {
            if derive.gives_addition(row, at) {
                let way: Vec<String> = names.iter().cloned().chain([own.clone()]).collect();
                for place in places {
                    add(derive.rules.made[*place].name.to_string(), Way::Addition(way.clone()));
                }
            }
        }
    }
    for place in &derive.rules.everyone {
        add(derive.rules.made[*place].name.to_string(), Way::Everyone);
    }
    for (group, direct) in &served {
        if *direct && !found.contains_key(group) {
            let membership =
                Membership { group: group.clone(), served: true, ways: vec![Way::Kept] };
            found.insert(group.clone(), membership);
        }
    }
    found.into_values().collect()
}

/// Groups of the provider that somebody is in, each with the groups on the shortest way there.
fn paths(derive: &Derive<'_>, user: UserNo) -> BTreeMap<GroupNo, Vec<GroupNo>> {
    let mut paths: BTreeMap<GroupNo, Vec<GroupNo>> = BTreeMap::new();
    let mut work: VecDeque<(GroupNo, Vec<GroupNo>)> = VecDeque::new();
    let direct = derive.mirror.parents_of(Node::User(user));
    work.extend(direct.iter().map(|no| (GroupNo(*no), Vec::new())));
    while let Some((no, path)) = work.pop_front() {
        if paths.contains_key(&no) || !derive.is_alive(no) {
            continue;
        }
        let mut longer = path.clone();
        longer.push(no);
        let above = derive.mirror.parents_of(Node::Group(no));
        work.extend(above.iter().map(|above| (GroupNo(*above), longer.clone())));
        paths.insert(no, path);
    }
    paths
}

/// The name of a group as products see it, or would, and whether they do or would.
fn name(derive: &Derive<'_>, no: GroupNo) -> (String, bool) {
    if let Some(group) = derive.served.group(no) {
        return (group.name().to_string(), true);
    }
    let verdict = derive.group_row(no).map(|row| derive.group(row));
    if let Some(GroupVerdict::Wanted { claim: Ok(name), .. }) = verdict {
        return (name.to_string(), true);
    }
    let told = label(derive, Node::Group(no)).map_or_else(String::new, |(_, label)| label);
    (told, false)
}

/// The names of the groups that somebody is in as served, and whether directly.
fn served_groups(derive: &Derive<'_>, user: UserNo) -> BTreeMap<String, bool> {
    let direct = derive.served.groups_of(user);
    let mut seen: BTreeMap<u32, bool> = direct.iter().map(|no| (*no, true)).collect();
    let mut work = direct.to_vec();
    while let Some(no) = work.pop() {
        for above in derive.served.parents_of(GroupNo(no)) {
            if !seen.contains_key(above) {
                seen.insert(*above, false);
                work.push(*above);
            }
        }
    }
    let named = seen.into_iter().filter_map(|(no, direct)| {
        derive.served.group(GroupNo(no)).map(|group| (group.name().to_string(), direct))
    });
    named.collect()
}
