//! Rules about names and about groups that the rules make: fixture in, directory out.

use directory::report::GuardKind;

use crate::house::{assert_seen, check, read, read_lifted, rules_of, settle, user};

#[test]
fn user_names_from_whatever_the_rules_say() {
    let ann =
        "ann | login Ann.Lee@Example.org | mail a.lee@example.com | sam ALEE | employee_id 0007";
    for (rules, name) in [
        ("{}", "ann.lee@example.org"),
        (r#"{"user_name_case":"kept"}"#, "Ann.Lee@Example.org"),
        (r#"{"user_name":{"attribute":"mail"}}"#, "a.lee@example.com"),
        (r#"{"user_name":{"local_part":"login"}}"#, "ann.lee"),
        (r#"{"user_name":{"attribute":"on_premises_sam_account_name"}}"#, "alee"),
        (r#"{"user_name":{"attribute":"employee_id"}}"#, "0007"),
        (
            r#"{"user_name":{"expression":"user.mail.split('@')[0] + '-' + user.employee_id"}}"#,
            "a.lee-0007",
        ),
        (r#"{"user_names":[{"from":"ANN.lee@example.org","to":"Boss"}]}"#, "Boss"),
    ] {
        let bench = settle(rules, ann);
        let (_, user) = bench.served.users_from(0).next().unwrap();
        assert_eq!(user.name(), name, "{rules}");
    }
}

#[test]
fn other_names_and_the_address() {
    let rules = r#"{"display_name":{"expression":"user.surname + ', ' + user.given_name"},
        "mail":{"attribute":"login"},"first_name":{"attribute":"surname"},"last_name":{"attribute":"given_name"}}"#;
    let bench = settle(rules, "ann | first Ann | last Lee | mail x@example.com");
    let ann = user(&bench, "ann@example.org");
    let all = (ann.display_name(), ann.email(), ann.first_name(), ann.last_name());
    assert_eq!(all, ("Lee, Ann", "ann@example.org", "Lee", "Ann"));
}

#[test]
fn a_name_that_cannot_be_made_sets_aside() {
    check(
        r#"{"user_name":{"expression":"user.mail.split('@')[1]"}}"#,
        "ann | mail a@b.example \n bob | mail nothing \n eve",
        "b.example:
         bob@example.org set aside: no name can be made: the expression that makes the name cannot be worked out: \
         the list has no such item
         eve@example.org set aside: no name can be made: the expression that makes the name cannot be worked out: \
         the list has no such item",
    );
}

#[test]
fn group_names_from_whatever_the_rules_say() {
    let group = "[g] | name Developers | mail dev.team@example.org | mail_nickname devs";
    for (rules, name) in [
        ("{}", "[Developers]"),
        (r#"{"group_name":{"attribute":"mail_nickname"}}"#, "[devs]"),
        (r#"{"group_name":{"attribute":"mail"}}"#, "[dev.team@example.org]"),
        (r#"{"group_name":{"local_part":"mail"}}"#, "[dev.team]"),
        (r#"{"group_name":{"expression":"group.mail.split('.')[0].upperAscii()"}}"#, "[DEV]"),
    ] {
        check(rules, group, name);
    }
}

#[test]
fn groups_in_groups_are_kept_or_flattened() {
    let text = "ann \n bob \n [a] | ann [b] \n [b] | bob [c] \n [c] | [a]";
    check(
        r#"{"nested_groups":"kept"}"#,
        text,
        "ann@example.org: a \n bob@example.org: b \n [a] > b \n [b] > c \n [c] > a",
    );
    // In a circle everybody is in all of it.
    check(
        r#"{"nested_groups":"flattened"}"#,
        text,
        "ann@example.org: a, b, c \n bob@example.org: a, b, c \n [a] \n [b] \n [c]",
    );
}

#[test]
fn group_names_are_replaced_renamed_and_get_a_prefix() {
    check(
        r#"{"group_names":{"prefix":"entra-","replace":[{"pattern":"^GRP_(.*)$","with":"$1"},{"pattern":"_","with":"-"}],
            "renames":[{"from":"grp_admins","to":"jira-administrators"}]}}"#,
        "[a] | name GRP_Dev_Ops \n [b] | name GRP_Admins \n [c] | name Plain",
        "[entra-Dev-Ops] \n [entra-Plain] \n [jira-administrators]",
    );
}

#[test]
fn two_groups_of_one_name_are_set_aside_or_merged() {
    let text = "ann \n bob \n eve \n [a] | name Dev | ann [x] \n [b] | name dev | bob ann \n [x] | eve \n [top] | [b]";
    check(
        "{}",
        text,
        "ann@example.org: Dev
         bob@example.org:
         eve@example.org: x
         [Dev] > x
         [top]
         [x]
         dev set aside: the name `dev` belongs to a, which uses it still",
    );
    check(
        r#"{"group_names":{"same_name":"merged"}}"#,
        text,
        "ann@example.org: Dev
         bob@example.org: Dev
         eve@example.org: x
         [Dev] > x
         [top] > Dev
         [x]",
    );
    check(
        r#"{"group_names":{"same_name":"merged"},"nested_groups":"flattened"}"#,
        text,
        "ann@example.org: Dev, top
         bob@example.org: Dev, top
         eve@example.org: Dev, top, x
         [Dev]
         [top]
         [x]",
    );
}

#[test]
fn a_merged_group_lives_as_long_as_one_of_its_parts() {
    let rules = r#"{"group_names":{"same_name":"merged"}}"#;
    let both = "ann \n bob \n [a] | name Dev | ann \n [b] | name dev | bob";
    let mut bench = settle(rules, both);
    let before = bench.served.group_by_name("dev").unwrap().1.id().clone();
    read(&mut bench, "ann \n bob \n [b] | name dev | bob");
    assert_seen(&bench, "ann@example.org: Dev \n bob@example.org: Dev \n [Dev]");
    assert_eq!(
        *bench.served.group_by_name("dev").unwrap().1.id(),
        before,
        "products see no change"
    );
    read(&mut bench, "ann \n bob \n [b] | name other | bob");
    assert_seen(&bench, "ann@example.org: \n bob@example.org: other \n [other]");
    read(&mut bench, "ann \n bob \n [a] | name Dev | ann \n [b] | name other | bob");
    read(&mut bench, "ann \n bob \n [a] | name Dev | ann bob \n [b] | name other | bob");
    assert_seen(&bench, "ann@example.org: Dev \n bob@example.org: Dev, other \n [Dev] \n [other]");
}

#[test]
fn a_group_that_everybody_is_in_is_made_with_a_key_that_stays() {
    let rules = r#"{"everyone":["jira-software-users"]}"#;
    let mut bench = settle(rules, "ann \n bob | disabled \n eve | guest");
    assert_seen(
        &bench,
        "ann@example.org: jira-software-users
         bob@example.org (inactive): jira-software-users
         [jira-software-users]",
    );
    let (_, group) = bench.served.group_by_name("jira-software-users").unwrap();
    assert_eq!(group.id().to_string(), "muster:group:jira-software-users");
    read(&mut bench, "ann \n bob | disabled \n eve | guest \n tim");
    assert_eq!(bench.served.size().memberships, 3);
    bench.set_rules(rules_of("{}"), &[]);
    assert_seen(
        &bench,
        "ann@example.org: jira-software-users
         bob@example.org (inactive): jira-software-users
         tim@example.org: jira-software-users
         [jira-software-users]
         held groups_removed: jira-software-users would be removed",
    );
    bench.set_rules(rules_of("{}"), &[GuardKind::GroupsRemoved]);
    assert_seen(&bench, "ann@example.org: \n bob@example.org (inactive): \n tim@example.org:");
}

#[test]
fn a_group_that_everybody_is_in_may_be_one_of_the_provider() {
    let rules = r#"{"everyone":["Users"]}"#;
    let mut bench = settle(rules, "ann \n bob \n [u] | name users | bob \n [t] | [u]");
    assert_seen(
        &bench,
        "ann@example.org: users \n bob@example.org: users \n [t] > users \n [users]",
    );
    assert_eq!(bench.served.group_by_name("users").unwrap().1.id().to_string(), "u");
    // It goes at the provider: the rule keeps it, under the same key.
    read(&mut bench, "ann \n bob \n [t]");
    assert_seen(
        &bench,
        "ann@example.org: users \n bob@example.org: users \n [t] > users \n [users]",
    );
    assert_eq!(bench.served.group_by_name("users").unwrap().1.id().to_string(), "u");
}

#[test]
fn members_of_a_group_are_in_other_groups_besides() {
    let rules = r#"{"additions":[{"members_of":{"name":"dev"},"groups":["jira-users","bitbucket-users"]},
        {"members_of":{"pattern":"ops*"},"groups":["jira-users"]}]}"#;
    let mut bench =
        settle(rules, "ann \n bob \n eve \n [dev] | ann [core] \n [core] | bob \n [ops-x] | eve");
    assert_seen(
        &bench,
        "ann@example.org: bitbucket-users, dev, jira-users
         bob@example.org: bitbucket-users, core, jira-users
         eve@example.org: jira-users, ops-x
         [bitbucket-users]
         [core]
         [dev] > core
         [jira-users]
         [ops-x]",
    );
    read(&mut bench, "ann \n bob \n eve \n [dev] | ann \n [core] | bob \n [ops-x] | eve");
    assert!(crate::house::seen(&bench).contains("bob@example.org: core\n"));
}

#[test]
fn groups_without_members_are_left_out_and_come_when_somebody_is_in_them() {
    let rules = r#"{"empty_groups":"left_out","grace_ms":0}"#;
    let mut bench = settle(
        rules,
        "ann \n [a] | ann \n [b] | [c] \n [c] \n [d] | [a] \n [e] | [f] \n [f] | [e]",
    );
    assert_seen(&bench, "ann@example.org: a \n [a] \n [d] > a");
    read(
        &mut bench,
        "ann \n bob \n [a] | ann \n [b] | [c] \n [c] | bob \n [d] | [a] \n [e] | [f] \n [f] | [e]",
    );
    assert_seen(
        &bench,
        "ann@example.org: a \n bob@example.org: c \n [a] \n [b] > c \n [c] \n [d] > a",
    );
    read(
        &mut bench,
        "ann \n bob \n [a] \n [b] | [c] \n [c] | bob \n [d] | [a] \n [e] | [f] \n [f] | [e]",
    );
    assert_seen(&bench, "ann@example.org: \n bob@example.org: c \n [b] > c \n [c]");
}

#[test]
fn a_changed_rule_renames_groups_and_the_provider_alone_does_not() {
    let mut bench = settle("{}", "[a] | name Dev");
    read(&mut bench, "[a] | name Developers");
    assert!(bench.served.group_by_name("dev").is_some());
    let compiled =
        |rules: &str| directory::rules::compiled::Compiled::new(rules_of(rules)).unwrap();
    let (old, new) = (compiled("{}"), compiled(r#"{"group_names":{"prefix":"x-"}}"#));
    let (before, after) = (bench.basis(&old), bench.basis(&new));
    assert!(
        directory::plan::accepted_by_rules(&before, &after).is_empty(),
        "not what the old rules make"
    );
    let mut bench = settle("{}", "[a] | name Dev");
    let names = directory::plan::accepted_by_rules(&bench.basis(&old), &bench.basis(&new));
    assert_eq!(names.values().map(ToString::to_string).collect::<Vec<_>>(), ["x-Dev"]);
    bench.decisions.accepted = names;
    bench.set_rules(rules_of(r#"{"group_names":{"prefix":"x-"}}"#), &[]);
    assert_seen(&bench, "[x-Dev]");
}

#[test]
fn too_many_new_names_of_groups_wait() {
    let rules = r#"{"group_renames":"follow"}"#;
    let groups = |prefix: &str| {
        (0..12)
            .map(|no| format!("[g{no:02}] | name {prefix}{no:02}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut bench = settle(rules, &groups("old"));
    read(&mut bench, &groups("new"));
    assert_eq!(bench.last.held[0].kind, GuardKind::GroupRenames);
    assert!(bench.served.group_by_name("old03").is_some());
    read_lifted(&mut bench, &groups("new"), &[GuardKind::GroupRenames]);
    assert!(bench.served.group_by_name("new03").is_some());
}
