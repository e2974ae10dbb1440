//! The guard's limits that name groups and people: seats and protection.

use directory::report::GuardKind;

use crate::house::{assert_seen, read, read_lifted, rules_of, settle};

#[test]
fn only_the_surplus_waits_for_a_seat() {
    let rules = r#"{"limits":{"seats":[{"group":"Jira","seats":2}]}}"#;
    let mut bench = settle(rules, "c \n d | disabled \n e \n [jira] | c d e");
    assert!(bench.last.held.is_empty(), "inactive people take no seat");
    read(&mut bench, "a \n b \n c \n d | disabled \n e \n [jira] | a b c d e");
    assert_seen(
        &bench,
        "a@example.org: \n b@example.org: \n c@example.org: jira \n d@example.org (inactive): jira
         e@example.org: jira \n [jira]
         held seats: a would come into jira; b would come into jira",
    );
    // One leaves: the lowest id gets the seat.
    read(&mut bench, "a \n b \n c \n d | disabled \n e \n [jira] | a b c d");
    assert!(
        crate::house::seen(&bench).contains("a@example.org: jira"),
        "{}",
        crate::house::seen(&bench)
    );
    read_lifted(
        &mut bench,
        "a \n b \n c \n d | disabled \n e \n [jira] | a b c d",
        &[GuardKind::Seats],
    );
    assert_eq!(bench.served.size().memberships, 4);
    read(&mut bench, "a \n b \n c \n d | disabled \n e \n [jira] | a b c d");
    assert!(bench.last.held.is_empty(), "whoever has a seat keeps it");
}

#[test]
fn a_first_load_fills_the_seats_and_no_more() {
    let rules = r#"{"everyone":["users"],"limits":{"seats":[{"group":"users","seats":2}]}}"#;
    let bench = settle(rules, "a \n b \n c \n d");
    assert_eq!(bench.served.size().users, 4);
    assert_eq!(bench.served.size().memberships, 2);
    assert_eq!(bench.last.held[0].count, 2);
}

#[test]
fn a_reactivation_and_a_group_inside_wait_for_a_seat_too() {
    let rules = r#"{"limits":{"seats":[{"group":"jira","seats":1}]}}"#;
    let mut bench = settle(rules, "a | disabled \n b \n c \n [jira] | a b \n [ops] | c");
    read(&mut bench, "a \n b \n c \n [jira] | a b [ops] \n [ops] | c");
    assert_seen(
        &bench,
        "a@example.org (inactive): jira \n b@example.org: jira \n c@example.org: ops \n [jira] \n [ops]
         held seats: a@example.org would be reactivated, and jira has no seat; ops would come into jira",
    );
}

const HOUSE: &str = "boss | department IT \n svc | login service \n ann \n bob \n [admins] | boss [more] \n [more] | svc \n [dev] | ann bob";

#[test]
fn protected_people_wait_by_login_group_and_expression() {
    for choice in [
        r#"{"login":"boss@example.org"}"#,
        r#"{"member_of":"ADMINS"}"#,
        r#"{"expression":"user.department == 'IT'"}"#,
    ] {
        let rules = format!(r#"{{"protected":{{"people":[{choice}]}}}}"#);
        let mut bench = settle(&rules, HOUSE);
        let gone = "svc | login service \n ann | disabled \n bob \n [admins] | [more] \n [more] | svc \n [dev] | ann bob";
        read(&mut bench, gone);
        let held: Vec<GuardKind> = bench.last.held.iter().map(|held| held.kind).collect();
        assert_eq!(held, [GuardKind::Protected], "{choice}");
        let boss = crate::house::user(&bench, "boss@example.org");
        assert!(boss.active(), "{choice}");
        assert!(!crate::house::user(&bench, "ann@example.org").active(), "others flow");
        read_lifted(&mut bench, gone, &[GuardKind::Protected]);
        assert!(!crate::house::user(&bench, "boss@example.org").active(), "{choice}");
    }
}

#[test]
fn protected_groups_are_not_removed_renamed_or_emptied() {
    let rules =
        r#"{"group_renames":"follow","protected":{"groups":[{"name":"dev"},{"pattern":"adm*"}]}}"#;
    let mut bench = settle(rules, HOUSE);
    read(
        &mut bench,
        "boss \n svc | login service \n ann \n bob \n [admins] | name x | boss [more] \n [more] | svc \n [dev]",
    );
    let text = crate::house::seen(&bench);
    assert!(text.contains("[admins] > more") && text.contains("ann@example.org: dev"), "{text}");
    assert!(text.contains("admins would be renamed to x"), "{text}");
    read(
        &mut bench,
        "boss \n svc | login service \n ann \n bob \n [admins] | boss [more] \n [more] | svc",
    );
    assert!(crate::house::seen(&bench).contains("held protected: dev would be removed"));
    assert!(crate::house::seen(&bench).contains("ann@example.org: dev"));
}

#[test]
fn the_last_active_member_of_a_protected_group_never_goes() {
    let rules = r#"{"protected":{"groups":[{"name":"admins"}]}}"#;
    let mut bench = settle(rules, HOUSE);
    let gone =
        "boss | disabled \n ann \n bob \n [admins] | boss [more] \n [more] \n [dev] | ann bob";
    read(&mut bench, gone);
    assert_eq!(bench.last.held[0].kind, GuardKind::Protected);
    assert_eq!(bench.last.held[0].items.len(), 2);
    read_lifted(&mut bench, gone, &[GuardKind::Protected]);
    assert_eq!(bench.last.held.len(), 1);
    assert_eq!(bench.last.held[0].kind, GuardKind::LastMember);
    assert!(!bench.last.held[0].approvable);
    assert!(crate::house::user(&bench, "boss@example.org").active());
    assert!(!crate::house::user(&bench, "service").active());
    // Somebody else comes in: now the last one may go.
    let other =
        "boss | disabled \n ann \n bob \n [admins] | boss ann [more] \n [more] \n [dev] | ann bob";
    // (Who comes into a protected group waits too, until it is approved.)
    read_lifted(&mut bench, other, &[GuardKind::Privileged]);
    assert!(!crate::house::user(&bench, "boss@example.org").active());
}

#[test]
fn a_membership_counts_as_the_last_one_too() {
    let rules = r#"{"protected":{"groups":[{"name":"admins"}]}}"#;
    let mut bench = settle(rules, HOUSE);
    read(
        &mut bench,
        "boss \n svc | login service \n ann \n bob \n [admins] \n [more] | svc \n [dev] | ann bob",
    );
    let text = crate::house::seen(&bench);
    assert!(
        text.contains("boss@example.org: admins") && text.contains("[admins] > more"),
        "{text}"
    );
    bench.set_rules(rules_of("{}"), &[]);
    assert!(!crate::house::seen(&bench).contains("boss@example.org: admins"));
}

#[test]
fn limits_are_those_of_the_directory() {
    let people =
        |count: usize| (0..count).map(|no| format!("p{no:03}")).collect::<Vec<_>>().join("\n");
    let mut bench = settle(r#"{"limits":{"leaving_share":5000,"leaving_min":30}}"#, &people(100));
    read(&mut bench, &people(60));
    assert!(bench.last.held.is_empty());
    let mut bench = settle(r#"{"limits":{"leaving_share":100,"leaving_min":2}}"#, &people(100));
    read(&mut bench, &people(97));
    assert_eq!(bench.last.held[0].count, 3);
}

#[test]
fn each_limit_holds_what_it_is_about_and_no_more() {
    let people = |from: usize, what: &str| {
        (from..20).map(|no| format!("p{no:02} | {what}")).collect::<Vec<_>>().join("\n")
    };
    let all = |group: &str| format!("{}\n{group}", people(0, "mail m@example.org"));
    let first = |what: &str| {
        let first = (0..3).map(|no| format!("p{no:02} | {what}{no}")).collect::<Vec<_>>();
        format!("{}\n{}", first.join("\n"), people(3, "mail m@example.org"))
    };
    let disabled = format!(
        "p00 | disabled \n p01 | disabled \n p02 | disabled \n {}",
        people(3, "mail m@example.org")
    );
    let blank = format!("p00 \n p01 \n p02 \n {}", people(3, "mail m@example.org"));
    let groups = |name: &str| all(&format!("[a] | name {name}a \n [b] | name {name}b"));
    for (limits, before, after, kind) in [
        (
            r#""memberships_share":1000,"memberships_min":3"#,
            all("[g] | p00 p01 p02 p03 p04 p05 p06 p07"),
            all("[g] | p00 p01 p02 p03 p04"),
            GuardKind::MembershipsLost,
        ),
        (
            r#""emptied_group_min":3"#,
            all("[g] | p00 p01 p02 \n [h] | p00 p01 p02 p03 p04 p05 p06 p07 p08 p09 p10 p11 p12"),
            all("[g] \n [h] | p00 p01 p02 p03 p04 p05 p06 p07 p08 p09 p10 p11 p12"),
            GuardKind::GroupsEmptied,
        ),
        (r#""renames_share":100,"renames_min":3"#, all(""), first("login x"), GuardKind::Renames),
        (
            r#""renames_share":100,"renames_min":2"#,
            groups("x"),
            groups("y"),
            GuardKind::GroupRenames,
        ),
        (r#""reactivated_share":100,"other_min":3"#, disabled, all(""), GuardKind::Reactivations),
        (r#""blanked_share":100,"other_min":3"#, all(""), blank, GuardKind::Blanked),
    ] {
        for (limits, held) in [(limits, vec![kind]), ("", vec![])] {
            let rules = format!(r#"{{"group_renames":"follow","limits":{{{limits}}}}}"#);
            let mut bench = settle(&rules, &before);
            read(&mut bench, &after);
            let kinds: Vec<GuardKind> = bench.last.held.iter().map(|held| held.kind).collect();
            assert_eq!(kinds, held, "{rules}");
        }
    }
}

#[test]
fn a_group_that_holds_the_last_active_member_stays_too() {
    let rules = r#"{"protected":{"groups":[{"name":"admins"}]}}"#;
    let text = "ann \n svc \n [admins] | [more] \n [more] | svc";
    let mut bench = settle(rules, text);
    let scope =
        r#"{"protected":{"groups":[{"name":"admins"}]},"groups":{"only":[{"name":"admins"}]}}"#;
    bench.set_rules(rules_of(scope), &[]);
    assert_seen(
        &bench,
        "ann@example.org: \n svc@example.org: more \n [admins] > more \n [more]
         held protected: more would be removed",
    );
}
