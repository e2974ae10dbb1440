//! What an application should see of two directories, from what each should serve. Shares no code with the
//! server's views: everything is done on sets of names.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use crate::expected::Copy;

/// How an application sees its directories.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) aggregate: bool,
    pub(crate) flattened: bool,
    pub(crate) frozen: bool,
}

/// The name under which an application knew each person who was renamed since, by directory and id.
pub(crate) type OldNames = BTreeMap<(usize, String), String>;

/// Remembers the names of people who are renamed. Whoever left and comes back is a new person to a product.
pub(crate) fn remember(old: &mut OldNames, directory: usize, before: &Copy, after: &Copy) {
    let now: BTreeMap<&str, &str> =
        after.users.iter().map(|(name, person)| (person.id.as_str(), name.as_str())).collect();
    for (name, person) in &before.users {
        if now.get(person.id.as_str()).is_some_and(|now| now != name) {
            old.entry((directory, person.id.clone())).or_insert_with(|| name.clone());
        }
    }
}

/// A directory with people under the names by which an application first knew them.
fn frozen(copy: &Copy, directory: usize, old: &OldNames) -> Copy {
    let known = |name: &String| {
        let person = (directory, copy.users[name].id.clone());
        old.get(&person).unwrap_or(name).clone()
    };
    let users: BTreeMap<_, _> =
        copy.users.iter().map(|(name, person)| (known(name), person.clone())).collect();
    assert_eq!(users.len(), copy.users.len(), "a name is tied to a person for ever");
    Copy {
        users,
        groups: copy.groups.clone(),
        members: copy.members.iter().map(|(g, u)| (g.clone(), known(u))).collect(),
        nested: copy.nested.clone(),
    }
}

/// Lays directories over each other, the first on top.
pub(crate) fn combine(copies: &[Copy], sees: &[usize], shape: Shape, old: &OldNames) -> Copy {
    let copies: Vec<Copy> = sees
        .iter()
        .map(|no| if shape.frozen { frozen(&copies[*no], *no, old) } else { copies[*no].clone() })
        .collect();
    let mut whole = Copy::default();
    // Owner and spelling by folded name.
    let mut users: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut groups: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (layer, copy) in copies.iter().enumerate() {
        for (name, person) in &copy.users {
            if let Entry::Vacant(entry) = users.entry(name.to_lowercase()) {
                entry.insert((layer, name.clone()));
                whole.users.insert(name.clone(), person.clone());
            }
        }
        for (name, description) in &copy.groups {
            if let Entry::Vacant(entry) = groups.entry(name.to_lowercase()) {
                entry.insert((layer, name.clone()));
                whole.groups.insert(name.clone(), description.clone());
            }
        }
    }
    for (layer, copy) in copies.iter().enumerate() {
        for (group, user) in &copy.members {
            let (owner, user) = &users[&user.to_lowercase()];
            if shape.aggregate || *owner == layer {
                whole.members.insert((groups[&group.to_lowercase()].1.clone(), user.clone()));
            }
        }
        for (group, inner) in &copy.nested {
            let (owner, inner) = &groups[&inner.to_lowercase()];
            if shape.aggregate || *owner == layer {
                whole.nested.insert((groups[&group.to_lowercase()].1.clone(), inner.clone()));
            }
        }
    }
    if shape.flattened { flatten(whole) } else { whole }
}

/// Puts everybody into all groups around their groups, and dissolves the nesting.
fn flatten(mut copy: Copy) -> Copy {
    loop {
        let passed_on: BTreeSet<(String, String)> = copy
            .nested
            .iter()
            .flat_map(|(outer, inner)| {
                let inside = copy.members.iter().filter(move |(group, _)| group == inner);
                inside.map(move |(_, user)| (outer.clone(), user.clone()))
            })
            .collect();
        let before = copy.members.len();
        copy.members.extend(passed_on);
        if copy.members.len() == before {
            copy.nested.clear();
            return copy;
        }
    }
}
