//! Power that is gained waits (DESIGN.md 12.7): by every built-in name, in every spelling and look-alike, by every way
//! in which a group can get a name or a person can come into a group.

use std::collections::BTreeSet;

use directory::{
    builtin::{BUILT_IN, Power},
    id::{GroupNo, UserNo},
    report::GuardKind,
    rules::{GroupRenames, Joiners, NestedGroups, Protected, Rules, choice::GroupChoice},
    snapshot::Directory,
};
use proptest::prelude::*;

use crate::{
    house::{read, read_lifted, rules_of, seen, settle},
    laws::{check_nothing_is_left, rounds},
    tenant::{Bench, Edit, Person, Tenant, no_limits},
};

const LIFTED: &[GuardKind] = &[GuardKind::Privileged];

fn kinds(bench: &Bench) -> Vec<GuardKind> {
    bench.last.held.iter().map(|held| held.kind).collect()
}

/// A name as somebody may write it who means it, or means to deceive.
fn spellings(name: &str) -> Vec<String> {
    let swapped = |from: char, to: &str| name.replacen(from, to, 1);
    let wide = |c: char| char::from_u32(u32::from(c) + 0xFEE0).unwrap();
    let mut all = vec![
        name.to_owned(),
        name.to_uppercase(),
        format!("  {name}\u{3000}"),
        format!("{}{}", name[..1].to_uppercase(), &name[1..]),
        format!("{}\u{200B}{}", &name[..3], &name[3..]),
        format!("\u{FEFF}{name}"),
        format!("{name}\u{2060}"),
        format!("\u{202D}{name}\u{202C}"),
        name.chars().map(wide).collect(),
        swapped('a', "а"),
        swapped('s', "ѕ"),
        swapped('i', "ı"),
        swapped('i', "і"),
        swapped('i', "1"),
        swapped('i', "l"),
        swapped('o', "ο"),
        swapped('o', "0"),
        swapped('m', "rn"),
        swapped('e', "е"),
        swapped('e', "é"),
        swapped('-', "\u{2010}"),
        swapped('-', "–"),
    ];
    all.sort();
    all.dedup();
    all
}

#[test]
fn every_built_in_name_waits_in_every_spelling() {
    for group in BUILT_IN {
        for spelling in spellings(group.name) {
            let shown = format!("{:?} for {}", spelling, group.name);
            // New at the first read, and later.
            let text = format!("ann \n bob \n [g] | name {spelling} | ann bob");
            let mut first = Bench::new(Rules::default());
            let nobody = "ann \n bob";
            read(&mut first, &text);
            let mut later = settle("{}", nobody);
            read(&mut later, &text);
            for bench in [&mut first, &mut later] {
                assert_eq!(kinds(bench), LIFTED, "{shown}");
                let held = &bench.last.held[0];
                assert!(held.approvable && held.count == 1, "{held:?}");
                let what = &held.items[0].what;
                assert!(what.ends_with("with ann@example.org, bob@example.org"), "{what}");
                assert!(what.contains(group.product), "{shown}: {what}");
                assert_eq!((bench.served.size().groups, bench.served.size().users), (0, 2));
                // Approved, it is served with its members, and not asked about again.
                read_lifted(bench, &text, LIFTED);
                assert_eq!(bench.served.size().memberships, 2, "{shown}");
                read(bench, &text);
                assert_eq!(kinds(bench), [], "{shown}");
            }
        }
    }
}

#[test]
fn the_list_has_a_source_for_each_name_and_each_once() {
    let names: BTreeSet<&str> = BUILT_IN.iter().map(|group| group.name).collect();
    assert_eq!(names.len(), BUILT_IN.len());
    for group in BUILT_IN {
        assert_eq!(group.name, group.name.to_lowercase());
        assert!(group.source.starts_with("https://") || group.source == "by custom");
        assert_eq!(group.power == Power::Administration, group.name.contains("admin"), "{group:?}");
    }
    let page = include_str!("../../../../docs/operators/privileged.md");
    for group in BUILT_IN {
        assert!(page.contains(&format!("`{}`", group.name)), "{group:?} is not on the page");
    }
    for product in ["Jira", "Confluence", "Bitbucket", "Bamboo", "Crowd"] {
        let administers =
            |group: &&directory::builtin::BuiltIn| group.power == Power::Administration;
        assert!(BUILT_IN.iter().filter(administers).any(|group| group.product == product));
    }
}

#[test]
fn ordinary_names_do_not_wait() {
    let names =
        ["jira-team", "administration", "users", "jira", "Confluence authors", "Äpfel", "Команда"];
    let groups: Vec<String> =
        names.iter().enumerate().map(|(at, name)| format!("[g{at}] | name {name} | ann")).collect();
    let mut bench = Bench::new(Rules::default());
    read(&mut bench, &format!("ann \n {}", groups.join("\n")));
    assert_eq!(kinds(&bench), []);
    assert_eq!(bench.served.size().groups, names.len());
}

/// Rules, what there is before, and what there is when the group has got the name.
#[test]
fn a_built_in_name_waits_by_whatever_way_it_comes_about() {
    let name = "jira-administrators";
    for (rules, before, after) in [
        (
            r#"{"group_renames":"follow"}"#,
            "ann \n [g] | name x | ann",
            "ann \n [g] | name jira-administrators | ann",
        ),
        (
            r#"{"group_name":{"local_part":"mail"}}"#,
            "ann",
            "ann \n [g] | mail jira-administrators@example.org | ann",
        ),
        (
            r#"{"group_name":{"attribute":"mail_nickname"}}"#,
            "ann",
            "ann \n [g] | mail_nickname jira-administrators | ann",
        ),
        (
            r#"{"group_name":{"expression":"'jira-' + group.display_name"}}"#,
            "ann",
            "ann \n [g] | name administrators | ann",
        ),
        (r#"{"group_names":{"prefix":"jira-"}}"#, "ann", "ann \n [g] | name Administrators | ann"),
        (
            r#"{"group_names":{"renames":[{"from":"our admins","to":"jira-administrators"}]}}"#,
            "ann",
            "ann \n [g] | name Our Admins | ann",
        ),
        (
            r#"{"group_names":{"replace":[{"pattern":"^GRP_","with":"jira-"}]}}"#,
            "ann",
            "ann \n [g] | name GRP_administrators | ann",
        ),
        (
            r#"{"additions":[{"members_of":{"name":"g"},"groups":["jira-administrators"]}]}"#,
            "ann",
            "ann \n [g] | ann",
        ),
        (r#"{"everyone":["jira-administrators"]}"#, "", "ann"),
        (
            r#"{"nested_groups":"flattened"}"#,
            "ann",
            "ann \n [g] | name jira-administrators | [x] \n [x] | ann",
        ),
    ] {
        let mut bench = Bench::new(rules_of(rules));
        if !before.is_empty() {
            read(&mut bench, before);
        }
        read(&mut bench, after);
        assert_eq!(kinds(&bench), LIFTED, "{rules}: {}", seen(&bench));
        assert!(bench.served.group_by_name(name).is_none(), "{rules}");
        assert!(seen(&bench).contains("with ann"), "{rules}: {}", seen(&bench));
        read_lifted(&mut bench, after, LIFTED);
        let (no, _) = bench.served.group_by_name(name).unwrap_or_else(|| panic!("{rules}"));
        assert!(!below(&bench.served, no).is_empty(), "{rules}");
        read(&mut bench, after);
        assert_eq!(kinds(&bench), [], "{rules}");
    }
}

#[test]
fn a_changed_rule_and_an_accepted_name_wait_too() {
    let text = "ann \n [g] | name team | ann";
    let mut bench = settle("{}", text);
    let rules = r#"{"group_names":{"renames":[{"from":"team","to":"confluence-administrators"}]}}"#;
    let (no, _) = bench.served.group_by_name("team").unwrap();
    let accepted = directory::name::Name::parse("confluence-administrators").unwrap();
    bench.decisions.accepted.insert(no, accepted);
    bench.set_rules(rules_of(rules), &[]);
    assert_eq!(kinds(&bench), LIFTED, "{}", seen(&bench));
    assert!(bench.served.group_by_name("team").is_some(), "served under the name that it had");
    bench.set_rules(rules_of(rules), LIFTED);
    assert!(bench.served.group_by_name("confluence-administrators").is_some());
}

#[test]
fn access_that_the_rules_name_flows_and_a_made_group_of_administrators_waits() {
    let bench = settle_unapproved(r#"{"everyone":["jira-software-users"]}"#, "ann \n bob");
    assert_eq!(bench.served.size().memberships, 2);
    let bench = settle_unapproved(r#"{"everyone":["site-admins"]}"#, "ann \n bob");
    assert_eq!((kinds(&bench), bench.served.size().groups), (LIFTED.to_vec(), 0));
}

fn settle_unapproved(rules: &str, text: &str) -> Bench {
    let mut bench = Bench::new(rules_of(rules));
    read(&mut bench, text);
    bench
}

#[test]
fn a_name_of_a_protected_group_waits_by_whatever_it_is_protected() {
    for choice in [
        r#"{"name":"Gatekeepers"}"#,
        r#"{"pattern":"gate*"}"#,
        r#"{"regex":"keepers$"}"#,
        r#"{"expression":"group.display_name.startsWith('Gate')"}"#,
    ] {
        for name in ["Gatekeepers", "gatekeepers", "Gаtekeepers", "gate\u{200B}keepers"] {
            let rules = format!(r#"{{"protected":{{"groups":[{choice}]}}}}"#);
            // An expression is asked about what the provider says, and finds other groups by the names of those.
            if choice.contains("expression") && name != "Gatekeepers" {
                continue;
            }
            let bench = settle_unapproved(&rules, &format!("ann \n [g] | name {name} | ann"));
            assert_eq!(kinds(&bench), LIFTED, "{choice} {name:?}: {}", seen(&bench));
        }
    }
    // Beside the one that is served, whatever protects that.
    for choice in
        [r#"{"id":"g"}"#, r#"{"expression":"group.id == 'g'"}"#, r#"{"pattern":"*keepers"}"#]
    {
        let rules = format!(r#"{{"protected":{{"groups":[{choice}]}}}}"#);
        let mut bench = settle(&rules, "ann \n bob \n [g] | name gatekeepers | ann");
        assert!(bench.served.group_by_name("gatekeepers").is_some(), "{choice}");
        read(
            &mut bench,
            "ann \n bob \n [g] | name gatekeepers | ann \n [h] | name gatekeeреrs | bob",
        );
        assert_eq!(kinds(&bench), LIFTED, "{choice}: {}", seen(&bench));
    }
}

#[test]
fn whoever_newly_comes_into_a_group_with_power_waits_by_whatever_way() {
    const ADMINS: &str = "[a] | name jira-administrators";
    let start =
        format!("ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob \n [deep] \n [out]");
    for (rules, after, waits) in [
        (
            "{}",
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann eve [in] \n [in] | bob \n [deep] \n [out]"
            ),
            "eve@example.org would come into jira-administrators",
        ),
        (
            "{}",
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob eve \n [deep] \n [out]"
            ),
            "eve@example.org would come into in, and by that into jira-administrators",
        ),
        (
            "{}",
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob [deep] \n [deep] | eve \n [out]"
            ),
            "deep would come into in, and by that into jira-administrators, with eve@example.org",
        ),
        (
            "{}",
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] [new] \n [in] | bob \n [deep] \n [out] \n [new] | eve"
            ),
            "new would come into jira-administrators, with eve@example.org",
        ),
        (
            "{}",
            format!(
                "ann \n bob \n eve \n zoe \n {ADMINS} | ann zoe [in] \n [in] | bob \n [deep] \n [out]"
            ),
            "zoe@example.org would come into jira-administrators",
        ),
        (
            "{}",
            format!(
                "ann \n bob \n eve | disabled \n {ADMINS} | ann eve [in] \n [in] | bob \n [deep] \n [out]"
            ),
            "eve@example.org would come into jira-administrators",
        ),
        (
            r#"{"nested_groups":"flattened"}"#,
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob eve \n [deep] \n [out]"
            ),
            "eve@example.org would come into jira-administrators",
        ),
        (
            r#"{"additions":[{"members_of":{"name":"out"},"groups":["jira-administrators"]}]}"#,
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob \n [deep] \n [out] | eve"
            ),
            "eve@example.org would come into jira-administrators",
        ),
        (
            r#"{"group_names":{"same_name":"merged"}}"#,
            format!(
                "ann \n bob \n eve \n {ADMINS} | ann [in] \n [in] | bob \n [deep] \n [out] \n [b] | name Jira-Administrators | eve"
            ),
            "eve@example.org would come into jira-administrators",
        ),
    ] {
        let mut bench = settle(rules, &start);
        read(&mut bench, &after);
        assert_eq!(kinds(&bench), LIFTED, "{rules} {after}: {}", seen(&bench));
        assert!(seen(&bench).contains(waits), "{waits}: {}", seen(&bench));
        let (no, _) = bench.served.group_by_name("jira-administrators").unwrap();
        assert_eq!(below(&bench.served, no).len(), 2, "ann and bob: {}", seen(&bench));
        let people = after.lines().filter(|line| !line.contains('[')).count();
        assert_eq!(bench.served.size().users, people, "the person flows");
        read_lifted(&mut bench, &after, LIFTED);
        assert_eq!(below(&bench.served, no).len(), 3, "{}", seen(&bench));
        read(&mut bench, &after);
        assert_eq!(kinds(&bench), []);
    }
}

#[test]
fn whoever_has_the_power_already_goes_from_one_way_to_another() {
    let mut bench = settle("{}", "ann \n bob \n [a] | name site-admins | ann [in] \n [in] | bob");
    read(&mut bench, "ann \n bob \n [a] | name site-admins | bob [in] \n [in] | ann");
    assert_eq!(kinds(&bench), [], "{}", seen(&bench));
    // Others of the same group do not.
    read(
        &mut bench,
        "ann \n bob \n eve \n [a] | name site-admins | bob [in] \n [in] | ann \n [x] | eve bob",
    );
    read(
        &mut bench,
        "ann \n bob \n eve \n [a] | name site-admins | bob [in] [x] \n [in] | ann \n [x] | eve bob",
    );
    let held = &bench.last.held[0].items[0];
    assert_eq!(
        (held.name.as_str(), held.what.as_str()),
        ("x", "would come into site-admins, with eve@example.org")
    );
}

#[test]
fn a_hundred_and_ninety_eight_joiners_of_a_protected_group_wait() {
    let people: Vec<String> = (0..198).map(|no| format!("p{no:03}")).collect();
    let group =
        |members: &str| format!("boss \n {} \n [vault] | boss {members}", people.join("\n"));
    let rules =
        |joiners: &str| format!(r#"{{"protected":{{"groups":[{{"name":"vault"}}]{joiners}}}}}"#);
    for (joiners, held) in [
        ("", 198),
        (r#","joiners":"wait""#, 198),
        (r#","joiners":"administrators_wait""#, 0),
        (r#","joiners":"flow""#, 0),
    ] {
        let mut bench = settle(&rules(joiners), &group(""));
        read(&mut bench, &group(&people.join(" ")));
        let count = bench.last.held.first().map_or(0, |held| held.count);
        assert_eq!(count, held, "{joiners}");
        assert_eq!(bench.served.size().memberships as u64, 199 - held);
    }
    // Groups that administer a product are another matter.
    let admins = "boss \n ann \n [vault] | name bamboo-admin | boss";
    for (joiners, held) in [("administrators_wait", 1), ("flow", 0)] {
        let mut bench = settle(&rules(&format!(r#","joiners":"{joiners}""#)), admins);
        read(&mut bench, &format!("{admins} ann"));
        assert_eq!(bench.last.held.len(), held, "{joiners}");
    }
    // Access is no power: whoever comes into such a group once it is served flows.
    let users = "boss \n ann \n [vault] | name jira-software-users | boss";
    let mut bench = settle("{}", users);
    read(&mut bench, &format!("{users} ann"));
    assert_eq!(kinds(&bench), []);
}

#[test]
fn a_digest_stands_for_everyone_whom_a_group_brings() {
    let text = |count: usize| {
        let people: Vec<String> = (0..count).map(|no| format!("p{no:03}")).collect();
        format!("{} \n [g] | name jira-administrators | {}", people.join("\n"), people.join(" "))
    };
    let mut bench = settle_unapproved("{}", &text(150));
    assert!(bench.last.held[0].items[0].what.contains("and 50 more"), "{}", seen(&bench));
    let digest = bench.last.held[0].digest.clone();
    read(&mut bench, &text(150));
    assert_eq!(bench.last.held[0].digest, digest);
    // As many people, another among those who are not named.
    let other = text(150).replace("p149", "q149");
    read(&mut bench, &other);
    assert_ne!(bench.last.held[0].digest, digest);
}

/// The people in a group and in all groups inside.
fn below(served: &Directory, group: GroupNo) -> BTreeSet<UserNo> {
    let mut seen = BTreeSet::from([group.0]);
    let mut work = vec![group.0];
    let mut people = BTreeSet::new();
    while let Some(no) = work.pop() {
        people.extend(served.users_of(GroupNo(no)).iter().map(|no| UserNo(*no)));
        let inside = served.children_of(GroupNo(no)).iter().copied();
        work.extend(inside.filter(|no| seen.insert(*no)));
    }
    people
}

const TEAMS: [&str; 8] = [
    "jira-administrators",
    "Jira-Administrators",
    "bamboo-admin",
    "vault",
    "jira-users",
    "team one",
    "team two",
    "team three",
];

fn edit() -> impl Strategy<Value = Edit> {
    let person = (0..10_u8, any::<bool>()).prop_map(|(no, enabled)| {
        let (login, mail) = (format!("p{no}"), String::new());
        Edit::Put(no, Person { login, mail, enabled, guest: false })
    });
    prop_oneof![
        4 => person,
        1 => (0..10_u8).prop_map(Edit::Delete),
        5 => (0..8_u8, 0..TEAMS.len()).prop_map(|(no, at)| Edit::Team(no, TEAMS[at].to_owned())),
        1 => (0..8_u8).prop_map(Edit::DeleteTeam),
        8 => (0..8_u8, 0..10_u8).prop_map(|(team, no)| Edit::Join(team, no)),
        2 => (0..8_u8, 0..10_u8).prop_map(|(team, no)| Edit::Leave(team, no)),
        5 => (0..8_u8, 0..8_u8).prop_map(|(team, inner)| Edit::Nest(team, inner)),
        1 => (0..8_u8, 0..8_u8).prop_map(|(team, inner)| Edit::Unnest(team, inner)),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(flat, merged, follow)| Rules {
        limits: no_limits(),
        grace_ms: 0,
        nested_groups: if flat { NestedGroups::Flattened } else { NestedGroups::Kept },
        group_renames: if follow { GroupRenames::Follow } else { GroupRenames::KeepAccepted },
        group_names: directory::rules::names::GroupNames {
            same_name: if merged {
                directory::rules::names::SameName::Merged
            } else {
                directory::rules::names::SameName::SetAside
            },
            ..Default::default()
        },
        protected: Protected {
            groups: vec![GroupChoice::Name("vault".to_owned())],
            joiners: Joiners::Wait,
            ..Protected::default()
        },
        ..Rules::default()
    })
}

fn powerful(served: &Directory) -> impl Iterator<Item = (GroupNo, String)> {
    let groups =
        served.groups_from(0).map(|(no, group)| (no, group.name().to_string().to_lowercase()));
    groups.filter(|(_, name)| ["jira-administrators", "bamboo-admin", "vault"].contains(&&**name))
}

proptest! {
    #[test]
    fn nobody_gains_power_without_an_approval(rules in rules(), rounds in rounds(edit()), approved in 0..5_usize) {
        let mut bench = Bench::new(rules);
        let mut tenant = Tenant::default();
        for (round, (edits, full)) in rounds.into_iter().enumerate() {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            let observation = if full { tenant.listing(false) } else { tenant.delta(&before) };
            let old = bench.served.clone();
            // `run` compares incremental and whole planning, what waits included.
            bench.run(&observation, &tenant, if round == approved { LIFTED } else { &[] });
            if round == approved {
                continue;
            }
            check_nothing_is_left(&bench);
            for (no, name) in powerful(&bench.served) {
                let was = powerful(&old).any(|(before, known)| (before, &known) == (no, &name));
                prop_assert!(was, "{name} came");
                let had = below(&old, no);
                let has = below(&bench.served, no);
                prop_assert!(has.is_subset(&had), "{name}: {has:?} of {had:?}");
            }
            let access = bench.served.group_by_name("jira-users").map(|(no, _)| no);
            let before = old.group_by_name("jira-users").map(|(no, _)| no);
            prop_assert!(access.is_none() || access == before);
        }
    }
}
