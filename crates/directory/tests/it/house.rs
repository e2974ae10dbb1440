//! A fixture in words: people and groups of a provider as text, and what is served of them as text.
//!
//! `ann | login ann@example.org | department R&D | guest` is a person, `[dev] | name Developers | ann bob [ops]` a
//! group with its members. A person without a login has `ID@example.org`, a group without a name its id.

use std::{collections::BTreeMap, fmt::Write as _};

use directory::{
    id::{GroupNo, ProviderId},
    observation::{
        Attribute, Attributes, GroupKind, GroupMembers, GroupRecord, Listing, Member, MemberSet,
        MembersListing, Observation, PersonKind, PersonRecord, Question, Verdict,
    },
    report::GuardKind,
    rules::Rules,
    snapshot::Directory,
};

use crate::tenant::{Bench, Provider};

/// What is true at the provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct House {
    people: BTreeMap<String, PersonRecord>,
    groups: BTreeMap<String, (GroupRecord, MemberSet)>,
}

fn id(text: &str) -> ProviderId {
    ProviderId::parse(text).unwrap()
}

fn attribute(name: &str) -> Attribute {
    let short = match name {
        "name" => "display_name",
        "unit" => "organisational_unit",
        "sam" => "on_premises_sam_account_name",
        "first" => "given_name",
        "last" => "surname",
        name => name,
    };
    Attribute::ALL.into_iter().find(|a| a.as_str() == short).unwrap_or_else(|| panic!("{name}?"))
}

impl House {
    pub(crate) fn of(text: &str) -> Self {
        let mut house = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut parts = line.split('|').map(str::trim);
            let who = parts.next().unwrap();
            let parts: Vec<&str> = parts.collect();
            match who.strip_prefix('[').and_then(|who| who.strip_suffix(']')) {
                Some(group) => house.put_group(group, &parts),
                None => house.put_person(who, &parts),
            }
        }
        house
    }

    fn put_person(&mut self, who: &str, parts: &[&str]) {
        let login = format!("{who}@example.org");
        let mut values: Vec<(Attribute, &str)> = vec![(Attribute::Login, &login)];
        let (mut kind, mut enabled) = (PersonKind::Member, true);
        for part in parts {
            match part.split_once(' ') {
                Some((name, value)) => values.push((attribute(name), value)),
                None if *part == "guest" => kind = PersonKind::Guest,
                None if *part == "disabled" => enabled = false,
                None => values.push((attribute(part), "")),
            }
        }
        let record = PersonRecord {
            id: id(who),
            kind,
            enabled: Some(enabled),
            attributes: Attributes::pack(values),
        };
        self.people.insert(who.to_owned(), record);
    }

    fn put_group(&mut self, who: &str, parts: &[&str]) {
        let mut values = vec![(Attribute::DisplayName, who)];
        let mut members = MemberSet::default();
        for part in parts {
            let named = part.split_once(' ').filter(|(name, _)| {
                matches!(*name, "name" | "mail" | "mail_nickname" | "description")
            });
            if let Some((name, value)) = named {
                values.push((attribute(name), value));
                continue;
            }
            for member in part.split_whitespace() {
                match member.strip_prefix('[').and_then(|m| m.strip_suffix(']')) {
                    Some(group) => members.groups.push(id(group)),
                    None => members.users.push(id(member)),
                }
            }
        }
        let record = GroupRecord {
            id: id(who),
            kind: GroupKind::Security,
            hidden_members: false,
            attributes: Attributes::pack(values),
        };
        self.groups.insert(who.to_owned(), (record, members));
    }

    /// Gives a person these attributes, as they are.
    pub(crate) fn set_person(&mut self, who: &str, values: &[(Attribute, &str)]) {
        let login = format!("{who}@example.org");
        let all = [(Attribute::Login, login.as_str())].into_iter().chain(values.iter().copied());
        let record = self.people.get_mut(who).unwrap();
        record.attributes = Attributes::pack(all.collect::<Vec<_>>());
    }

    /// Gives a group a description, as it is.
    pub(crate) fn set_description(&mut self, group: &str, description: &str) {
        let values = vec![(Attribute::DisplayName, group), (Attribute::Description, description)];
        self.groups.get_mut(group).unwrap().0.attributes = Attributes::pack(values);
    }

    pub(crate) fn group_record(&self, group: &str) -> &GroupRecord {
        &self.groups[group].0
    }

    pub(crate) fn listing(&self) -> Observation {
        Observation {
            people: Listing::Complete(self.people.values().cloned().collect()),
            groups: Listing::Complete(
                self.groups.values().map(|(record, _)| record.clone()).collect(),
            ),
            members: self.members(),
            ..Observation::default()
        }
    }
}

impl Provider for House {
    fn answer(&self, question: &Question) -> Verdict {
        let there = match question {
            Question::Person(id) => self.people.contains_key(&id.to_string()),
            Question::Group(id) => self.groups.contains_key(&id.to_string()),
            Question::Membership { group, member, nested: _ } => {
                let members = self.groups.get(&group.to_string()).map(|(_, members)| members);
                members.is_some_and(|members| match member {
                    Member::User(id) => members.users.contains(id),
                    Member::Group(id) => members.groups.contains(id),
                })
            }
        };
        if there { Verdict::Exists } else { Verdict::Gone }
    }

    fn members(&self) -> Vec<GroupMembers> {
        let groups = self.groups.values().map(|(record, members)| GroupMembers {
            group: record.id.clone(),
            listing: MembersListing::Complete(members.clone()),
        });
        groups.collect()
    }

    fn groups_of(&self, id: &ProviderId) -> Vec<ProviderId> {
        let groups = self.groups.values().filter(|(_, members)| members.users.contains(id));
        groups.map(|(record, _)| record.id.clone()).collect()
    }
}

/// A directory under rules, read for the first time; groups with power are approved, as an administrator does then.
pub(crate) fn settle(rules: &str, text: &str) -> Bench {
    let mut bench = Bench::new(rules_of(rules));
    read_lifted(&mut bench, text, &[GuardKind::Privileged]);
    bench
}

/// The same of a house that was changed by hand.
pub(crate) fn settle_house(rules: &str, house: &House) -> Bench {
    let mut bench = Bench::new(rules_of(rules));
    bench.run(&house.listing(), house, &[]);
    bench
}

/// The provider as it is now, read and applied.
pub(crate) fn read(bench: &mut Bench, text: &str) {
    read_lifted(bench, text, &[]);
}

pub(crate) fn read_lifted(bench: &mut Bench, text: &str, lifted: &[GuardKind]) {
    let house = House::of(text);
    bench.run(&house.listing(), &house, lifted);
    let again = bench.plan(&directory::mirror::Dirty::everything(), lifted);
    assert_eq!(again.changes, vec![], "planning twice gives nothing new");
}

pub(crate) fn rules_of(json: &str) -> Rules {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// What is served, who is set aside and what waits, as text.
pub(crate) fn seen(bench: &Bench) -> String {
    let mut text = directory_text(&bench.served);
    for issue in &bench.last.issues {
        let aside = if issue.served { "keeps its name" } else { "set aside" };
        let _ = writeln!(text, "{} {aside}: {}", issue.label, issue.reason);
    }
    for held in &bench.last.held {
        let items: Vec<String> =
            held.items.iter().map(|item| format!("{} {}", item.name, item.what)).collect();
        let _ = writeln!(text, "held {}: {}", held.kind.as_str(), items.join("; "));
    }
    text
}

pub(crate) fn directory_text(served: &Directory) -> String {
    let mut text = String::new();
    let names = |numbers: &[u32]| {
        let mut names: Vec<String> = numbers
            .iter()
            .map(|no| served.group(GroupNo(*no)).unwrap().name().to_string())
            .collect();
        names.sort();
        names.join(", ")
    };
    for (no, user) in served.users_from(0) {
        let inactive = if user.active() { "" } else { " (inactive)" };
        let groups = names(served.groups_of(no));
        let _ = writeln!(text, "{}{inactive}: {groups}", user.name());
    }
    for (no, _) in served.groups_from(0) {
        let group = served.group(no).unwrap();
        let children = names(served.children_of(no));
        let inside = if children.is_empty() { String::new() } else { format!(" > {children}") };
        let _ = writeln!(text, "[{}]{inside}", group.name());
    }
    text
}

/// Checks what is served under rules of a provider's people and groups.
pub(crate) fn check(rules: &str, text: &str, expected: &str) {
    let bench = settle(rules, text);
    assert_seen(&bench, expected);
}

pub(crate) fn assert_seen(bench: &Bench, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let seen = seen(bench);
    assert_eq!(lines(&seen), lines(expected), "\n{seen}");
}

pub(crate) fn user<'a>(bench: &'a Bench, name: &str) -> &'a directory::user::User {
    bench.served.user_by_name(name).unwrap_or_else(|| panic!("{name} is not served")).1
}
