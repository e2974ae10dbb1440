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

/// People who are gone at their provider and still served, by directory and id.
pub(crate) type Gone = BTreeSet<(usize, String)>;

/// Take-overs that were approved: leaver and account, each by directory and id.
pub(crate) type Approved = BTreeSet<((usize, String), (usize, String))>;

/// Those of them who make way: a later directory has an active account of that name, and of that mail address or approved.
pub(crate) fn leavers(
    copies: &[Copy],
    sees: &[usize],
    (shape, old): (Shape, &OldNames),
    (gone, approved): (&Gone, &Approved),
) -> Gone {
    let known = |directory: usize, name: &str, id: &str| {
        let known = old.get(&(directory, id.to_owned())).filter(|_| shape.frozen);
        known.map_or_else(|| name.to_lowercase(), |known| known.to_lowercase())
    };
    let mut leavers = Gone::new();
    for (at, no) in sees.iter().enumerate() {
        for (name, person) in &copies[*no].users {
            let takes_over = |later: &usize| {
                let same = |other: &&String| other.to_lowercase() == name.to_lowercase();
                copies[*later].users.keys().find(same).is_some_and(|other| {
                    let account = &copies[*later].users[other];
                    let mail = account.email.to_lowercase();
                    let pair = ((*no, person.id.clone()), (*later, account.id.clone()));
                    let same_mail = !mail.is_empty() && mail == person.email.to_lowercase();
                    account.active
                        && (same_mail || approved.contains(&pair))
                        && known(*later, other, &account.id) == known(*no, name, &person.id)
                })
            };
            let leaver = (*no, person.id.clone());
            if gone.contains(&leaver) && !person.active && sees[at + 1..].iter().any(takes_over) {
                leavers.insert(leaver);
            }
        }
    }
    leavers
}

/// A directory without some of its people.
fn without(copy: &Copy, directory: usize, people: &Gone) -> Copy {
    let mut rest = copy.clone();
    rest.users.retain(|_, person| !people.contains(&(directory, person.id.clone())));
    rest.members.retain(|(_, user)| rest.users.contains_key(user));
    rest
}

/// Lays directories over each other, the first on top, without those who make way.
pub(crate) fn combine(
    copies: &[Copy],
    sees: &[usize],
    (shape, old): (Shape, &OldNames),
    leavers: &Gone,
) -> Copy {
    let copies: Vec<Copy> = sees
        .iter()
        .map(|no| {
            let copy = without(&copies[*no], *no, leavers);
            if shape.frozen { frozen(&copy, *no, old) } else { copy }
        })
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
