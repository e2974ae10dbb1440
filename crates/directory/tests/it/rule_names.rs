//! Names in rules that mean nobody, or several; and groups, explained.

use directory::{
    explain::{GroupExplanation, explain_group},
    id::ProviderId,
    reference::{Kind, near},
    rules::named::{RuleName, doubtful},
};

use crate::{house::settle, tenant::Bench};

const OFFICE: &str = "
    ann1 | login ann@example.org | mail ann.one@example.org | name Ann Lee
    ann2 | login ann@example.org | mail ann.two@example.org | name Ann Lee
    bob | login bob@example.org | aliases smtp:robert@example.org
    [ops1] | name Operations | mail ops@example.org | ann1
    [ops2] | name Operations | ann2
    [mkt] | name Marketing Admins | bob
    [jira] | name jira-administrators | bob
";

/// The doubtful names in some rules of that office.
fn doubts(rules: &str) -> Vec<RuleName> {
    let mut bench = settle("{}", OFFICE);
    // Only looked at: the rules need not be those that are served by.
    bench.rules = serde_json::from_str(rules).unwrap();
    let compiled = bench.compiled();
    doubtful(&bench.basis(&compiled))
}

/// Every rule that names a user or a group, with a name in it.
fn rules_with(user: &str, group: &str) -> Vec<(&'static str, String, bool)> {
    let user_rules = [
        ("people.always", format!(r#"{{"people":{{"always":["{user}"]}}}}"#)),
        ("people.never", format!(r#"{{"people":{{"never":["{user}"]}}}}"#)),
        ("user_names", format!(r#"{{"user_names":[{{"from":"{user}","to":"someone"}}]}}"#)),
        ("protected.people", format!(r#"{{"protected":{{"people":[{{"login":"{user}"}}]}}}}"#)),
    ];
    let group_rules = [
        ("groups.only", format!(r#"{{"groups":{{"only":[{{"name":"{group}"}}]}}}}"#)),
        ("groups.except", format!(r#"{{"groups":{{"except":[{{"name":"{group}"}}]}}}}"#)),
        (
            "people.who",
            format!(r#"{{"people":{{"who":{{"members_of":[{{"name":"{group}"}}]}}}}}}"#),
        ),
        ("protected.groups", format!(r#"{{"protected":{{"groups":[{{"name":"{group}"}}]}}}}"#)),
        (
            "additions",
            format!(
                r#"{{"additions":[{{"members_of":{{"name":"{group}"}},"groups":["licensed"]}}]}}"#
            ),
        ),
    ];
    let users = user_rules.into_iter().map(|(rule, json)| (rule, json, true));
    users.chain(group_rules.into_iter().map(|(rule, json)| (rule, json, false))).collect()
}

#[test]
fn a_name_that_fits_several_is_told_with_all_of_them_in_every_rule() {
    for (rule, json, is_user) in rules_with("ANN@example.org", "operations") {
        let doubts = doubts(&json);
        let [doubt] = doubts.as_slice() else { panic!("{rule}: {doubts:?}") };
        assert_eq!((doubt.rule.as_str(), doubt.means), (rule, 2), "{doubt:?}");
        let mut ids: Vec<&str> = doubt.candidates.iter().map(|one| one.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, if is_user { ["ann1", "ann2"] } else { ["ops1", "ops2"] }, "{rule}");
        assert!(doubt.to_string().contains("for all of them"), "{doubt}");
    }
}

#[test]
fn a_name_that_nobody_has_is_told_with_near_ones_in_every_rule() {
    for (rule, json, is_user) in rules_with("bbo@example.org", "Marketing Admns") {
        let doubts = doubts(&json);
        let [doubt] = doubts.as_slice() else { panic!("{rule}: {doubts:?}") };
        assert_eq!((doubt.means, doubt.candidates.len()), (0, 0), "{rule}");
        let near = if is_user { "bob@example.org" } else { "Marketing Admins" };
        assert_eq!(doubt.near, [near], "{rule}");
        assert!(doubt.to_string().ends_with(&format!("did you mean `{near}`?")), "{doubt}");
    }
}

#[test]
fn a_name_that_is_an_alias_only_is_told_and_not_followed() {
    let doubts = doubts(r#"{"people":{"never":["robert@example.org"]}}"#);
    assert_eq!((doubts.len(), doubts[0].means, doubts[0].candidates[0].id.as_str()), (1, 0, "bob"));
    assert!(doubts[0].to_string().contains("by alias"), "{}", doubts[0]);
}

#[test]
fn a_name_that_fits_one_is_no_doubt_and_a_group_that_is_made_neither() {
    for (rule, json, _) in rules_with("bob@example.org", "marketing admins") {
        assert_eq!(doubts(&json), [], "{rule}");
    }
    assert_eq!(doubts(r#"{"everyone":["everybody"]}"#), []);
    let unknown = doubts(r#"{"groups":{"only":[{"id":"nowhere"}]}}"#);
    assert_eq!((unknown.len(), unknown[0].means), (1, 0));
    let seats = doubts(r#"{"limits":{"seats":[{"group":"jira-administratos","seats":5}]}}"#);
    assert_eq!(seats[0].near, ["jira-administrators"]);
}

/// Whom a name that fits several means: all of them, as docs/operators/rules.md says.
#[test]
fn a_rule_that_names_two_is_for_both() {
    let seen = crate::house::seen(&settle(r#"{"people":{"never":["ann@example.org"]}}"#, OFFICE));
    assert!(!seen.contains("ann@") && seen.contains("bob@"), "{seen}");
}

fn explained(bench: &Bench, id: &str) -> GroupExplanation {
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let no = basis.mirror.group_no(&ProviderId::parse(id).unwrap()).unwrap();
    explain_group(&basis, &[], no).unwrap()
}

#[test]
fn a_group_is_explained_with_the_rule_that_decided() {
    let bench = settle(r#"{"groups":{"only":[{"name":"jira-administrators"}]}}"#, OFFICE);
    let served = explained(&bench, "jira");
    assert_eq!((served.served, served.name.as_deref()), (true, Some("jira-administrators")));
    assert_eq!((served.users, served.wanted_name.as_deref()), (1, None));
    assert!(served.because.iter().any(|why| why.contains("Jira gives its administration")));
    let left_out = explained(&bench, "mkt");
    assert!(!left_out.served && left_out.because[0].contains("do not name it"), "{left_out:?}");
    assert!(left_out.rules.iter().any(|asked| asked.rule == "groups.only" && asked.decided));
}

#[test]
fn near_names_of_users_and_groups_are_found() {
    let bench = settle("{}", OFFICE);
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    assert_eq!(near(&basis, Kind::Group, "Marketing Admns"), ["Marketing Admins"]);
    assert_eq!(near(&basis, Kind::User, "bob@exmaple.org"), ["bob@example.org"]);
    assert_eq!(near(&basis, Kind::User, "Marketing Admns"), [""; 0]);
}
