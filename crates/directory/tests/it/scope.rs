//! Rules about which groups and people are served: fixture in, directory out.

use crate::house::{assert_seen, check, read, settle};

const OFFICE: &str = "
    ann | department R&D | unit /Tech/Core
    bob | department Sales | unit /Sales
    eve | guest | department R&D | unit /Technical
    tim | disabled | unit /tech
    [dev] | name Jira Developers | mail developers@example.org | ann [ops]
    [ops] | name Operations | tim
    [all] | name jira-all | ann bob eve tim
    [old] | name Archive
";

#[test]
fn groups_by_name_pattern_expression_and_id() {
    for (rules, groups) in [
        (r#"{"groups":{"only":[{"name":"operations"}]}}"#, "[Operations]"),
        (r#"{"groups":{"only":[{"name":"developers@example.org"}]}}"#, "[Jira Developers]"),
        (r#"{"groups":{"only":[{"pattern":"jira*"}]}}"#, "[Jira Developers] [jira-all]"),
        (r#"{"groups":{"only":[{"pattern":"jira?all"}]}}"#, "[jira-all]"),
        (r#"{"groups":{"only":[{"regex":"^(arch|oper)"}]}}"#, "[Archive] [Operations]"),
        (r#"{"groups":{"only":[{"id":"dev"}]}}"#, "[Jira Developers]"),
        (r#"{"groups":{"only":[{"expression":"group.mail != ''"}]}}"#, "[Jira Developers]"),
        (r#"{"groups":{"except":[{"pattern":"*i*"}]}}"#, ""),
        (
            r#"{"groups":{"only":[{"pattern":"*"}],"except":[{"id":"old"}]}}"#,
            "[Jira Developers] > Operations [jira-all] [Operations]",
        ),
    ] {
        let bench = settle(rules, OFFICE);
        let seen = crate::house::seen(&bench);
        let seen: Vec<&str> = seen.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(seen.join(" "), groups, "{rules}");
    }
}

#[test]
fn people_who_are_members_of_groups_nested_ones_included() {
    check(
        r#"{"groups":{"only":[{"id":"dev"}]},"people":{"who":{"members_of":[{"id":"dev"}]}}}"#,
        OFFICE,
        "ann@example.org: Jira Developers
         tim@example.org (inactive):
         [Jira Developers]",
    );
    check(
        r#"{"groups":{"only":[{"name":"Operations"}]},"people":{"who":"members_of_served_groups"}}"#,
        OFFICE,
        "tim@example.org (inactive): Operations
         [Operations]",
    );
}

#[test]
fn people_by_unit_filter_and_exception() {
    let groups = r#""groups":{"only":[{"name":"none"}]}"#;
    for (people, served) in [
        (r#""people":{"units":["/Tech"]}"#, "ann tim"),
        (r#""people":{"units":["/tech/core/","/Sales"]}"#, "ann bob"),
        (r#""people":{"filter":"user.department == \"R&D\" && !user.guest"}"#, "ann"),
        (r#""people":{"filter":"user.department == 'R&D'"},"guests":"included""#, "ann eve"),
        (
            r#""people":{"filter":"user.department == 'R&D'","always":["BOB@example.org"]}"#,
            "ann bob",
        ),
        (r#""people":{"always":["eve@example.org"],"never":["ann@example.org"]}"#, "bob eve tim"),
        (r#""people":{"never":["eve@example.org"],"always":["eve@example.org"]}"#, "ann bob tim"),
        (r#""guests":"included","disabled":"left_out""#, "ann bob eve"),
        (r#""people":{"filter":"user.department.split('R')[1] == '&D'"}"#, "ann"),
    ] {
        let bench = settle(&format!("{{{groups},{people}}}"), OFFICE);
        let names: Vec<&str> = bench
            .served
            .users_from(0)
            .map(|(_, user)| user.name().split('@').next().unwrap())
            .collect();
        assert_eq!(names.join(" "), served, "{people}");
    }
}

#[test]
fn whoever_leaves_the_chosen_groups_is_inactive_first_and_removed_after_grace() {
    let rules = r#"{"people":{"who":{"members_of":[{"id":"dev"}]}},"grace_ms":10000}"#;
    let inside = "ann \n bob \n [dev] | ann bob \n [x] | bob";
    let outside = "ann \n bob \n [dev] | ann \n [x] | bob";
    let mut bench = settle(rules, inside);
    read(&mut bench, outside);
    assert_seen(
        &bench,
        "ann@example.org: dev
         bob@example.org (inactive): x
         [dev]
         [x]",
    );
    bench.now = bench.now.plus(5_000);
    read(&mut bench, outside);
    assert!(bench.last.changes.is_empty());
    bench.now = bench.now.plus(5_000);
    read(&mut bench, outside);
    assert_seen(&bench, "ann@example.org: dev \n [dev] \n [x]");
    read(&mut bench, inside);
    assert!(crate::house::user(&bench, "bob@example.org").active());
}

#[test]
fn somebody_deep_inside_is_found_when_a_group_far_above_changes() {
    let rules = r#"{"people":{"who":{"members_of":[{"pattern":"jira*"}]}},"grace_ms":0}"#;
    let mut bench = settle(
        rules,
        "bob \n ann \n [jira] | bob \n [top] | name x | [mid] \n [mid] | [low] \n [low] | ann",
    );
    assert_seen(&bench, "bob@example.org: jira \n [jira] \n [low] \n [mid] > low \n [x] > mid");
    read(
        &mut bench,
        "bob \n ann \n [jira] | bob \n [top] | name jira-x | [mid] \n [mid] | [low] \n [low] | ann",
    );
    assert!(bench.served.user_by_name("ann@example.org").is_some());
    read(
        &mut bench,
        "bob \n ann \n [jira] | bob \n [top] | name jira-x \n [mid] | [low] \n [low] | ann",
    );
    assert!(bench.served.user_by_name("ann@example.org").is_none());
}
