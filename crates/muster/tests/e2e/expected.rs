//! The expected directory of DESIGN.md 10.1: what the default rules make of a truth. Shares no code with
//! `derive`; it is told every truth at which a synchronisation took place.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// What is true at the simulated provider.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Truth {
    pub(crate) users: Vec<TruthUser>,
    pub(crate) groups: Vec<TruthGroup>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TruthUser {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) active: bool,
    pub(crate) guest: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TruthGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Its address, where groups have one.
    pub(crate) email: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) users: Vec<String>,
    pub(crate) groups: Vec<String>,
}

/// A person as a product should have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) display_name: String,
    pub(crate) email: String,
    pub(crate) active: bool,
}

/// What a product should have, by the names that it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) users: BTreeMap<String, Person>,
    pub(crate) groups: BTreeMap<String, String>,
    pub(crate) members: BTreeSet<(String, String)>,
    pub(crate) nested: BTreeSet<(String, String)>,
}

/// What the oracle remembers from truth to truth.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Whether whoever left goes at once.
    pub(crate) without_grace: bool,
    /// Whether groups are called by what stands before the `@` of their address.
    pub(crate) by_address: bool,
    user_names: BTreeMap<String, String>,
    group_names: BTreeMap<String, String>,
    /// By provider id: the name served, and the person.
    pub(crate) people: BTreeMap<String, (String, Person)>,
    pub(crate) groups: BTreeMap<String, String>,
    /// Groups that a person was in when last seen.
    pub(crate) memberships: BTreeMap<String, BTreeSet<String>>,
}

impl Oracle {
    /// What should be served once this truth has been read.
    pub(crate) fn expect(&mut self, truth: &Truth) -> Copy {
        self.people_of(truth);
        self.groups_of(truth);
        let mut copy = Copy::default();
        for (name, person) in self.people.values() {
            copy.users.insert(name.clone(), person.clone());
        }
        let there: BTreeSet<&str> = truth.users.iter().map(|user| user.id.as_str()).collect();
        // Who left keeps the memberships that they had.
        let gone: Vec<&String> =
            self.people.keys().filter(|id| !there.contains(id.as_str())).collect();
        for group in &truth.groups {
            let Some(name) = self.groups.get(&group.id) else { continue };
            copy.groups
                .insert(name.clone(), tidy(group.description.as_deref().unwrap_or_default()));
            let left = gone.iter().filter(|id| self.memberships[**id].contains(&group.id));
            for id in group.users.iter().chain(left.copied()) {
                if let Some((user, _)) = self.people.get(id) {
                    copy.members.insert((name.clone(), user.clone()));
                }
            }
            let inner = group.groups.iter().filter_map(|id| self.groups.get(id));
            copy.nested.extend(inner.map(|inner| (name.clone(), inner.clone())));
        }
        copy
    }

    fn people_of(&mut self, truth: &Truth) {
        let mut users: Vec<&TruthUser> = truth.users.iter().collect();
        users.sort_by(|a, b| a.id.cmp(&b.id));
        let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for group in &truth.groups {
            for user in &group.users {
                groups.entry(user).or_default().insert(group.id.clone());
            }
        }
        let read: BTreeSet<&str> = truth.groups.iter().map(|group| group.id.as_str()).collect();
        for user in &users {
            let mut in_groups = groups.remove(user.id.as_str()).unwrap_or_default();
            // A group that is not read now, and may be again, keeps whom it had.
            if let Some(before) = self.memberships.remove(&user.id) {
                in_groups.extend(before.into_iter().filter(|id| !read.contains(id.as_str())));
            }
            self.memberships.insert(user.id.clone(), in_groups);
            let claim = user.login.trim().to_lowercase();
            if user.guest || claim.is_empty() {
                self.people.remove(&user.id);
                continue;
            }
            let holder = self.user_names.entry(claim.clone()).or_insert_with(|| user.id.clone());
            let name = match self.people.get(&user.id) {
                _ if *holder == user.id => claim,
                Some((kept, _)) => kept.clone(),
                None => continue,
            };
            self.people.insert(user.id.clone(), (name, person(user)));
        }
        let there: BTreeSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        if self.without_grace {
            self.people.retain(|id, _| there.contains(id.as_str()));
        }
        for (id, (_, person)) in &mut self.people {
            if !there.contains(id.as_str()) {
                person.active = false;
            }
        }
    }

    fn groups_of(&mut self, truth: &Truth) {
        let mut groups: Vec<&TruthGroup> = truth.groups.iter().collect();
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        let there: BTreeSet<&str> = groups.iter().map(|group| group.id.as_str()).collect();
        self.groups.retain(|id, _| there.contains(id.as_str()));
        for group in groups {
            if self.groups.contains_key(&group.id) {
                continue;
            }
            let name = match &group.email {
                Some(email) if self.by_address => email.split('@').next().unwrap(),
                _ => &group.name,
            };
            let name: String = name.trim().chars().take(255).collect();
            let name = name.trim().to_owned();
            if name.is_empty() {
                continue;
            }
            let holder =
                self.group_names.entry(name.to_lowercase()).or_insert_with(|| group.id.clone());
            if *holder == group.id {
                self.groups.insert(group.id.clone(), name);
            }
        }
    }
}

/// A text as it is served (DESIGN.md 12.5): one line, nothing around it, nothing that is not seen.
fn tidy(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || "\u{ad}\u{200b}\u{200e}\u{200f}\u{feff}".contains(c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
    };
    let breaks = |c: char| c.is_control() && c.is_whitespace();
    let parts = text.split(breaks).map(|part| part.replace(unseen, ""));
    let mut line = String::new();
    for part in parts {
        let apart = line.ends_with(char::is_whitespace) || part.starts_with(char::is_whitespace);
        if !line.is_empty() && !part.is_empty() && !apart {
            line.push(' ');
        }
        line.push_str(&part);
    }
    line.trim().to_owned()
}

fn person(user: &TruthUser) -> Person {
    let text = |value: &Option<String>| tidy(value.as_deref().unwrap_or_default());
    Person {
        id: user.id.clone(),
        first_name: text(&user.first_name),
        last_name: text(&user.last_name),
        display_name: text(&user.display_name),
        email: text(&user.email),
        active: user.active,
    }
}
