//! Explanations, previews, migration checks and undo: questions about a directory, answered from the mirror.

use directory::{
    explain::{Way, explain},
    migration::{self, Candidate, ProductGroups, ProductPerson},
    mirror::Dirty,
    plan::{Context, guard::Window, pin::pin},
    preview::{self, Effect, Preview, Query},
    rules::compiled::Compiled,
};

use crate::{
    house::{directory_text, read, rules_of, settle},
    tenant::Bench,
};

const OFFICE: &str = "
    ann | mail ann@x.example | name Ann Lee | department R&D
    bob | department Sales | name Bob Ray
    eve | guest | department R&D | mail eve@partner.example
    [dev] | ann [core]
    [core] | bob
";

#[test]
fn an_explanation_names_each_rule_and_each_way() {
    let rules = r#"{"people":{"filter":"user.department == 'R&D'","never":["x"]},"everyone":["users"],
        "additions":[{"members_of":{"name":"dev"},"groups":["jira"]}]}"#;
    let bench = settle(rules, OFFICE);
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let ann = explain(&basis, &bench.last.issues, "ann@x.example").unwrap();
    assert!(ann.served && ann.active);
    let ways = |name: &str| ann.memberships.iter().find(|m| m.group == name).unwrap().ways.clone();
    assert_eq!(ways("dev"), [Way::Direct]);
    assert_eq!(ways("jira"), [Way::Addition(vec!["dev".to_owned()])]);
    assert_eq!(ways("users"), [Way::Everyone]);
    let filter = ann.rules.iter().find(|asked| asked.rule == "people.filter").unwrap();
    assert_eq!((filter.answer.as_str(), filter.decided), ("the condition holds", false));
    // Somebody who is not there, by id: the rule that decided and what there would be.
    let bob = explain(&basis, &bench.last.issues, "bob").unwrap();
    assert!(!bob.served);
    assert_eq!(bob.because[0], "the condition of `people.filter` does not hold");
    let decided: Vec<&str> =
        bob.rules.iter().filter(|asked| asked.decided).map(|asked| asked.rule.as_str()).collect();
    assert_eq!(decided, ["people.filter"]);
    let nested = bob.memberships.iter().find(|m| m.group == "dev").unwrap();
    assert_eq!(nested.ways, [Way::Nested(vec!["core".to_owned()])]);
    let eve = explain(&basis, &bench.last.issues, "EVE@partner.example").unwrap();
    assert_eq!(eve.because[0], "a guest, and the rules leave guests out");
    assert!(explain(&basis, &[], "nobody").is_none());
}

#[test]
fn a_leaver_is_explained() {
    let mut bench = settle("{}", OFFICE);
    read(&mut bench, "bob | name Bob Ray \n [dev] | [core] \n [core] | bob");
    let compiled = bench.compiled();
    let ann = explain(&bench.basis(&compiled), &[], "ann@example.org").unwrap();
    assert!(ann.because[0].contains("inactive until the grace period ends"), "{:?}", ann.because);
    assert_eq!(ann.rules[0].rule, "vanished");
}

fn foretell(bench: &Bench, rules: &str) -> Preview {
    let (now, new) = (bench.compiled(), Compiled::new(rules_of(rules)).unwrap());
    let lifted = std::collections::BTreeSet::new();
    let context = Context {
        now: bench.now,
        window: &Window::default(),
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    preview::of_rules(&bench.basis(&now), &new, &context)
}

#[test]
fn a_preview_of_other_rules_says_what_saving_them_does() {
    let mut bench = settle("{}", OFFICE);
    let rules = r#"{"people":{"filter":"user.department == 'R&D'"},"guests":"included","everyone":["users"],
        "group_names":{"prefix":"x-"},"display_name":{"attribute":"login"}}"#;
    let preview = foretell(&bench, rules);
    let all = preview.page(&Query::default());
    let line = |name: &str| {
        all.lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("{name}: {all:?}"))
    };
    assert_eq!(line("eve@example.org").effects[0], Effect::Added);
    assert_eq!(line("eve@example.org").joins, ["users"]);
    assert_eq!(line("bob@example.org").effects[0], Effect::Deactivated);
    assert_eq!(
        line("bob@example.org").why.as_deref(),
        Some("the condition of `people.filter` does not hold")
    );
    let changed = Effect::Changed { fields: vec!["display_name".to_owned()] };
    assert!(line("ann@example.org").effects.contains(&changed));
    let renamed = Effect::Renamed { from: "dev".to_owned(), to: "x-dev".to_owned() };
    assert!(line("dev").effects.contains(&renamed), "{:?}", line("dev"));
    assert_eq!(line("users").members_added, 3);
    let found = preview.page(&Query { text: "EVE".to_owned(), ..Query::default() });
    assert_eq!(found.total, 1);
    let deactivated = Query { effect: Some("deactivated".to_owned()), ..Query::default() };
    assert_eq!(preview.page(&deactivated).total, 1);
    let names = all.lines.iter().flat_map(|line| &line.effects).map(Effect::as_str);
    assert!(names.into_iter().all(|name| Effect::NAMES.contains(&name)));
    assert!(preview.flowing > 0);
    let second = preview.page(&Query {
        offset: 1,
        limit: 1,
        kind: Some("user".to_owned()),
        ..Query::default()
    });
    assert_eq!((second.total, second.lines.len()), (3, 1));
    // And so it comes.
    let (old, new) = (bench.compiled(), Compiled::new(rules_of(rules)).unwrap());
    let accepted = directory::plan::accepted_by_rules(&bench.basis(&old), &bench.basis(&new));
    bench.decisions.accepted = accepted;
    bench.set_rules(rules_of(rules), &[]);
    assert_eq!(bench.last.applied, preview.applied);
    let (plan, compiled) = (bench.plan(&Dirty::everything(), &[]), bench.compiled());
    assert!(Preview::of(&bench.basis(&compiled), plan).is_empty());
}

#[test]
fn a_preview_of_a_pending_run_shows_what_waits() {
    let people =
        |count: usize| (0..count).map(|no| format!("p{no:03}")).collect::<Vec<_>>().join("\n");
    let mut bench = settle("{}", &people(40));
    read(&mut bench, &people(20));
    let compiled = bench.compiled();
    let preview = Preview::of(&bench.basis(&compiled), bench.last.clone());
    let page =
        preview.page(&Query { effect: Some("waits".to_owned()), limit: 5, ..Query::default() });
    assert_eq!((page.total, page.lines.len()), (20, 5));
    assert_eq!(preview.digest, bench.last.digest());
}

#[test]
fn undo_leads_back_to_what_was_served() {
    let mut bench = settle("{}", OFFICE);
    let before = bench.served.clone();
    read(&mut bench, "bob | name Robert \n tim \n [dev] | name Developers | bob tim");
    bench.set_rules(
        rules_of(r#"{"group_renames":"follow","grace_ms":0,"everyone":["users"]}"#),
        &[],
    );
    assert_ne!(directory_text(&bench.served), directory_text(&before));
    bench.now = bench.now.plus(1_000);
    let plan = pin(&bench.served, &before, &bench.decisions, bench.now);
    assert_eq!(plan.applied, plan.approved);
    bench.commit(plan);
    assert_eq!(directory_text(&bench.served), directory_text(&before));
    assert_eq!(bench.folded(), bench.served);
    let again = pin(&bench.served, &before, &bench.decisions, bench.now);
    assert!(again.changes.is_empty() && again.decisions.is_empty());
}

fn product(user_name: &str, mail: &str, full_name: &str, groups: &[&str]) -> ProductPerson {
    ProductPerson {
        user_name: user_name.to_owned(),
        mail: mail.to_owned(),
        full_name: full_name.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

#[test]
fn a_migration_check_finds_the_rule_that_loses_nobody() {
    let bench = settle(
        "{}",
        "a | login ann.lee@example.org | mail ann@x.example | sam alee | name Ann Lee
         b | login bob@example.org | mail bob@x.example | sam bray | name Bob Ray
         c | login cid@example.org | sam cid | name Cid Oh
         g | guest | login gus@example.org | mail gus@p.example | sam gus | name Gus
         [d] | name Jira Users | mail jira-users@example.org",
    );
    let people = [
        product("ALEE", "ann@x.example", "Ann Lee", &["jira-users", "old"]),
        product("bray", "Bob@X.example", "B. Ray", &["jira-users"]),
        product("cid", "", "Cid Oh", &[]),
        product("gus", "gus@p.example", "Gus", &[]),
        product("zoe", "zoe@x.example", "Zoe", &[]),
    ];
    let compiled = bench.compiled();
    let found = migration::check(
        &bench.basis(&compiled),
        (&people, &ProductGroups::of(&people)),
        &Candidate::usual(),
    )
    .unwrap();
    let best = &found.people[found.best.unwrap()];
    assert_eq!(
        serde_json::to_string(&best.candidate.user_name).unwrap(),
        r#"{"attribute":"on_premises_sam_account_name"}"#
    );
    assert_eq!((best.kept, best.lost()), (3, 0));
    assert!(found.loses_nobody && found.user_names.is_empty());
    assert_eq!(found.always, ["gus@example.org"]);
    assert_eq!(
        best.orphaned.iter().map(|lost| lost.user_name.as_str()).collect::<Vec<_>>(),
        ["zoe"]
    );
    let by_login = &found.people[0];
    assert_eq!(by_login.second.len(), 3);
    let groups = &found.groups[found.best_groups.unwrap()];
    assert_eq!(groups.orphaned, ["old"]);
    assert_eq!(found.group_renames.len(), 1);
    assert_eq!(found.group_renames[0].to, "jira-users");
}

#[test]
fn exceptions_of_a_migration_check_are_rules_that_keep_everybody() {
    let text = "a | login ann@example.org | mail ann@x.example \n b | login bob@example.org | mail bob@x.example";
    let bench = settle("{}", text);
    let people =
        [product("anna", "ann@x.example", "", &[]), product("bob@example.org", "", "", &[])];
    let compiled = bench.compiled();
    let candidates = &Candidate::usual()[..1];
    let found = migration::check(
        &bench.basis(&compiled),
        (&people, &ProductGroups::of(&people)),
        candidates,
    )
    .unwrap();
    assert!(!found.loses_nobody);
    let rules = directory::rules::Rules { user_names: found.user_names.clone(), ..rules_of("{}") };
    let compiled = Compiled::new(rules).unwrap();
    let again = migration::check(
        &bench.basis(&compiled),
        (&people, &ProductGroups::of(&people)),
        candidates,
    )
    .unwrap();
    assert!(again.loses_nobody);
    assert_eq!(again.people[0].kept, 2);
}

#[test]
fn an_account_that_somebody_else_would_get_is_told() {
    let bench = settle("{}", "a | login smith@example.org | mail adam@x.example");
    let people = [product("smith@example.org", "eva@x.example", "Eva Smith", &[])];
    let compiled = bench.compiled();
    let found = migration::check(
        &bench.basis(&compiled),
        (&people, &ProductGroups::of(&people)),
        &Candidate::usual()[..1],
    )
    .unwrap();
    assert_eq!(found.people[0].mistaken.len(), 1);
    assert!(!found.loses_nobody);
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_their_names() {
    let rules = rules_of(
        r#"{"people":{"filter":"user.nothing"},"group_names":{"replace":[{"pattern":"(","with":""}]},
            "everyone":[" "],"user_name":{"expression":"user.guest"},"grace_ms":-1}"#,
    );
    let problems = Compiled::new(rules).unwrap_err();
    let names: Vec<&str> = problems.0.iter().map(|problem| problem.rule.as_str()).collect();
    assert_eq!(
        names,
        ["grace_ms", "people.filter", "everyone", "user_name", "group_names.replace"]
    );
    assert_eq!(problems.0[1].at, Some((1, 5)));
}

#[test]
fn the_examples_of_the_documentation_are_usable() {
    let page = include_str!("../../../../docs/operators/rules.md");
    let blocks: Vec<&str> =
        page.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 15);
    for block in blocks {
        Compiled::new(rules_of(block)).unwrap_or_else(|problems| panic!("{block}: {problems}"));
    }
}

/// Every way to name somebody, alone and shared, for users and groups.
#[test]
fn a_reference_is_answered_with_everybody_whom_it_fits() {
    use Matched::{Alias, DisplayName, FormerName, Id, Login, Mail, Name};

    use directory::{
        decisions::Node,
        reference::{Kind, Matched, find},
    };
    let mut bench = settle(
        r#"{"group_renames": "follow", "guests": "included"}"#,
        "ann | mail team@x.example | name Ann Lee | aliases smtp:a.lee@x.example
         bob | mail Team@X.example | name Bob Ray
         cid | mail cid@x.example | name ANN LEE | aliases team@x.example
         old | login was@example.org
         eve | guest | mail ann@example.org
         [dev] | name Developers | mail dev@x.example | ann
         [ops] | name Operations | mail dev@x.example | bob",
    );
    read(
        &mut bench,
        "ann | mail team@x.example | name Ann Lee | aliases smtp:a.lee@x.example
         bob | mail Team@X.example | name Bob Ray
         cid | mail cid@x.example | name ANN LEE | aliases team@x.example
         old | login is@example.org
         eve | guest | mail ann@example.org
         [dev] | name Builders | mail dev@x.example | ann
         [ops] | name Operations | mail dev@x.example | bob",
    );
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let found = |kind: Kind, wanted: &str, once: &[Node]| -> Vec<(String, Vec<Matched>)> {
        let all = find(&basis, kind, wanted, once);
        all.into_iter().map(|(_, candidate)| (candidate.id, candidate.matched)).collect()
    };
    let fits = |ids: &[(&str, &[Matched])]| -> Vec<(String, Vec<Matched>)> {
        ids.iter().map(|(id, how)| ((*id).to_owned(), how.to_vec())).collect()
    };
    let users = [
        ("ann", fits(&[("ann", &[Id])])),
        ("ANN@example.org", fits(&[("ann", &[Name, Login]), ("eve", &[Mail])])),
        ("team@x.example", fits(&[("ann", &[Mail]), ("bob", &[Mail]), ("cid", &[Alias])])),
        ("A.Lee@x.example", fits(&[("ann", &[Alias])])),
        ("ann lee", fits(&[("ann", &[DisplayName]), ("cid", &[DisplayName])])),
        ("was@example.org", fits(&[("old", &[FormerName])])),
        ("is@example.org", fits(&[("old", &[Name, Login])])),
        ("nobody", fits(&[])),
        ("", fits(&[])),
    ];
    for (wanted, expected) in users {
        assert_eq!(found(Kind::User, wanted, &[]), expected, "{wanted}");
    }
    let groups = [
        ("ops", fits(&[("ops", &[Id])])),
        ("builders", fits(&[("dev", &[Name, DisplayName])])),
        ("Developers", fits(&[("dev", &[FormerName])])),
        ("dev@x.example", fits(&[("dev", &[Mail]), ("ops", &[Mail])])),
    ];
    for (wanted, expected) in groups {
        assert_eq!(found(Kind::Group, wanted, &[]), expected, "{wanted}");
    }
    // What only the change log knows is found too, and marked.
    let bob = find(&basis, Kind::User, "bob", &[]).remove(0).0;
    let once = find(&basis, Kind::User, "robert@example.org", &[bob]);
    assert!(once.len() == 1 && once[0].1.is_marked() && once[0].1.id == "bob");
    assert!(explain(&basis, &[], "team@x.example").is_none(), "nobody is guessed");
}
