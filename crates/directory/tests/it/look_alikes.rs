//! Names that look alike are found, of people and of groups, and an index that followed changes is one made anew.

use directory::{lookalike::LookAlikes, plan::Reason, report::GuardKind};
use proptest::prelude::*;

use crate::{
    house::{read, read_lifted, rules_of, seen, settle},
    tenant::{Bench, Edit, Person, Tenant, plain_rules},
};

/// Who looks like whom.
fn alike(bench: &Bench) -> Vec<(String, String)> {
    let issues = LookAlikes::of(&bench.served).issues(&bench.served);
    let pair = |issue: directory::plan::Issue| match issue.reason {
        Reason::LooksLike { name } => (issue.label, name),
        other => panic!("{other:?}"),
    };
    issues.into_iter().map(pair).collect()
}

#[test]
fn people_and_groups_whose_names_look_alike_are_told_of_both() {
    for (one, other) in [
        ("alice", "\u{430}lice"),
        ("alice", "al\u{2060}ice"),
        ("zo\u{eb}", "zoe\u{308}"),
        ("team", "\u{ff54}eam"),
        ("anna", "ann\u{202e}a"),
        ("\u{430}lice", "al\u{456}ce"),
    ] {
        let logins =
            format!("a | login {one} \n b | login {other} \n c | login al1ce \n d | login bob");
        let groups =
            format!("[g] | name {one} \n [h] | name {other} \n [i] | name jörg \n [k] | name jorg");
        let mut bench = settle("{}", &format!("{logins} \n {groups}"));
        let found = alike(&bench);
        let names = |label: &str, name: &str| (label.to_lowercase(), name.to_lowercase());
        let served = |id: &str| {
            let (_, user) =
                bench.served.users_from(0).find(|(_, user)| user.id().to_string() == id).unwrap();
            user.name().to_owned()
        };
        if served("a") == served("b") {
            // Cleaned of what is invisible they would be one name.
            continue;
        }
        assert_eq!(found.len(), 4, "{one} {other}: {found:?}");
        assert!(found.contains(&names(&served("a"), &served("b"))), "{found:?}");
        assert!(found.contains(&names(&served("b"), &served("a"))), "{found:?}");
        assert_eq!(bench.served.size().users, 4, "all are served");
        // One goes, and nothing is left to tell.
        let rules = r#"{"grace_ms":0}"#;
        bench.set_rules(rules_of(rules), &[]);
        read_lifted(
            &mut bench,
            "d | login bob",
            &[GuardKind::PeopleLeaving, GuardKind::GroupsRemoved],
        );
        assert_eq!(alike(&bench), []);
    }
}

#[test]
fn a_name_of_which_nothing_is_seen_is_none() {
    let blank = "\u{200b}";
    let bench = settle("{}", &format!("ann \n [g] | name {blank} | ann \n [h] | name team"));
    assert_eq!(bench.served.size().groups, 1, "{}", seen(&bench));
    assert!(seen(&bench).contains("blank") || seen(&bench).contains("no name"), "{}", seen(&bench));
    for blank in ["\u{feff}", "\u{2800}", "\u{3164}", "\u{202e}\u{202c}", "\u{2060} \u{200b}"] {
        let bench = settle("{}", &format!("ann | login {blank} \n [g] | name {blank}"));
        assert_eq!(bench.served.size().users, 0, "{blank:?}: {}", seen(&bench));
        assert_eq!(bench.served.size().groups, 0, "{blank:?}: {}", seen(&bench));
    }
}

/// Pairs that people take for one another.
const TWINS: [(&str, &str); 9] = [
    ("team", "te\u{200b}am"),
    ("team", "te\u{2060}am"),
    ("team", "\u{202e}team"),
    ("zo\u{eb}", "zoe\u{308}"),
    ("team", "\u{ff54}\u{ff45}\u{ff41}\u{ff4d}"),
    ("paypal", "pa\u{443}pal"),
    ("team", "t\u{435}am"),
    ("oscar", "\u{3bf}scar"),
    // All letters are of another script.
    ("cop", "\u{441}\u{43e}\u{440}"),
];

/// Who looks like whom of those who claim a name and are not served under it.
fn claimed(bench: &Bench) -> Vec<(String, String)> {
    let (known, rules) = (LookAlikes::of(&bench.served), bench.compiled());
    let issues = known.claimed(&bench.basis(&rules), &bench.served, &bench.last.pending);
    let pair = |issue: directory::plan::Issue| match issue.reason {
        Reason::LooksLike { name } => (issue.label, name),
        other => panic!("{other:?}"),
    };
    issues.into_iter().map(pair).collect()
}

#[test]
fn names_that_wait_are_compared_with_those_that_are_served() {
    for (one, other) in TWINS {
        for (served, waiting) in [(one, other), (other, one)] {
            // A group of a protected name waits until somebody says that it is meant.
            let rules = format!(r#"{{"protected":{{"groups":[{{"name":"{waiting}"}}]}}}}"#);
            let mut bench = settle(&rules, &format!("ann \n [g] | name {served} | ann"));
            let before = bench.served.size().groups;
            let both = format!("ann \n [g] | name {served} | ann \n [h] | name {waiting} | ann");
            read(&mut bench, &both);
            if bench.served.size().groups > before {
                // Cleaned of what is invisible it was another name, which did not wait.
                assert!(!alike(&bench).is_empty(), "{served:?} {waiting:?}");
                continue;
            }
            let found = claimed(&bench);
            assert_eq!(found.len(), 1, "{served:?} {waiting:?}: {}", seen(&bench));
        }
    }
}

const NAMES: [&str; 9] = [
    "alice",
    "\u{430}lice",
    "al\u{456}ce",
    "zo\u{eb}",
    "zoe\u{308}",
    "zoe",
    "mar\u{212a}",
    "mark",
    "m\u{430}rk",
];

fn edit() -> impl Strategy<Value = Edit> {
    let person = (0..8_u8, 0..NAMES.len()).prop_map(|(no, at)| {
        let login = NAMES[at].to_owned();
        Edit::Put(no, Person { login, mail: String::new(), enabled: true, guest: false })
    });
    prop_oneof![
        6 => person,
        2 => (0..8_u8).prop_map(Edit::Delete),
        4 => (0..8_u8, 0..NAMES.len()).prop_map(|(no, at)| Edit::Team(no, NAMES[at].to_owned())),
        2 => (0..8_u8).prop_map(Edit::DeleteTeam),
    ]
}

proptest! {
    #[test]
    fn an_index_that_followed_changes_is_one_made_anew(
        rounds in prop::collection::vec(prop::collection::vec(edit(), 0..6), 1..10),
    ) {
        let rules = plain_rules(directory::rules::NestedGroups::Kept);
        let mut bench = Bench::new(rules);
        let mut tenant = Tenant::default();
        let mut known = LookAlikes::of(&bench.served);
        for edits in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            bench.run(&tenant.delta(&before), &tenant, &[GuardKind::TakeOver]);
            known.follow(&bench.last.changes, &bench.served);
            prop_assert_eq!(&known, &LookAlikes::of(&bench.served));
            prop_assert_eq!(known.issues(&bench.served), LookAlikes::of(&bench.served).issues(&bench.served));
        }
    }
}
