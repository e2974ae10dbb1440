//! What is too much waits for a person; the rest flows.

use serde_json::{Value, json};

use crate::{
    alerts::{open, until},
    service::Demo,
};

async fn delete_people(demo: &Demo, count: usize) -> Vec<String> {
    let truth = demo.truth().await;
    let leavers: Vec<String> = truth
        .users
        .iter()
        .filter(|user| !user.guest && user.active)
        .take(count)
        .map(|user| user.id.clone())
        .collect();
    let steps: Vec<Value> = leavers
        .iter()
        .map(|id| json!({"method": "DELETE", "path": format!("users/{id}")}))
        .collect();
    demo.control("POST", "batch", Value::Array(steps)).await;
    leavers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mass_deletion_waits_and_joiners_flow() {
    let demo = Demo::start(300, 30, 1_500, 7).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    let leavers = delete_people(&demo, 100).await;
    demo.new_user("joiner@contoso.example").await;
    let (code, report) = demo.sync(false);
    assert_eq!(code, 3, "{report}");
    assert_eq!(report["held"][0]["kind"], "people_leaving", "{report}");
    product.synchronise().await;
    let copy = product.copy();
    assert!(copy.users.contains_key("joiner@contoso.example"), "a joiner is never stopped");
    for (name, person) in &before.users {
        assert_eq!(copy.users.get(name), Some(person), "{name} is served as before");
    }
    assert!(before.members.is_subset(&copy.members));

    let ran = demo.muster(&["directory", "preview", "entra", "--json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let preview: Value = serde_json::from_str(&ran.stdout).unwrap();
    let digest = preview["digest"].as_str().unwrap();
    let wrong = demo.muster(&["directory", "approve", "entra", "--digest", "0000"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.stderr.contains("preview"), "{wrong:?}");
    let ran = demo.muster(&["directory", "approve", "entra", "--digest", digest]);
    assert_eq!(ran.code, 0, "{ran:?}");
    product.synchronise().await;
    let copy = product.copy();
    let inactive = copy.users.values().filter(|person| leavers.contains(&person.id));
    assert_eq!(inactive.filter(|person| !person.active).count(), 100, "deactivated, not deleted");
    // The next run holds nothing.
    let (code, report) = demo.sync(false);
    assert_eq!(code, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_steps_count_together_over_a_day() {
    let demo = Demo::start(300, 30, 1_500, 8).await;
    let mut held = false;
    for _ in 0..8 {
        delete_people(&demo, 6).await;
        held |= demo.sync(false).0 == 3;
    }
    assert!(held, "48 of some 280 people in steps of 6 are more than 2 % in a day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_discarded_stays_as_served() {
    let demo = Demo::start(300, 30, 1_500, 9).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    delete_people(&demo, 100).await;
    assert_eq!(demo.sync(false).0, 3);
    let ran = demo.muster(&["directory", "discard", "entra"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(demo.sync(true).0, 0, "what was discarded does not wait any more");
    product.synchronise().await;
    assert_eq!(product.copy().users, before.users);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_is_withdrawn_by_hand_and_what_waited_waits_again() {
    let demo = Demo::start(300, 30, 1_500, 12).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    let none = demo.muster(&["directory", "discard", "entra", "--withdraw"]);
    assert!(none.code == 1 && none.stderr.contains("nothing is discarded"), "{none:?}");
    let leavers = delete_people(&demo, 100).await;
    assert_eq!(demo.sync(false).0, 3);
    assert_eq!(demo.muster(&["directory", "discard", "entra"]).code, 0);

    let look = ["directory", "discard", "entra", "--withdraw", "--dry-run", "--json"];
    let ran = demo.muster(&look);
    assert_eq!(ran.code, 0, "{ran:?}");
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    let discarded = seen["discarded"].as_array().unwrap();
    assert_eq!(discarded.len(), 100, "{seen}");
    assert!(discarded.iter().all(|one| one["waits_for"] == json!(["people_leaving"])), "{seen}");
    assert_eq!(demo.sync(true).0, 0, "who only looked has changed nothing");

    // One of them, by name: alone it is not too much, and flows.
    let one = discarded[0]["name"].as_str().unwrap();
    let ran = demo.muster(&["directory", "discard", "entra", "--withdraw", "--only", one]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("would be changed at once"), "{ran:?}");
    product.synchronise().await;
    let inactive = product.copy().users.values().filter(|person| !person.active).count();
    let inactive_before = before.users.values().filter(|person| !person.active).count();
    assert_eq!(inactive, inactive_before + 1);
    let again = demo.muster(&["directory", "discard", "entra", "--withdraw", "--only", one]);
    assert!(again.code == 1 && again.stderr.contains("no change of"), "{again:?}");

    let ran = demo.muster(&["directory", "discard", "entra", "--withdraw", "--reason", "a slip"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("(a slip)"), "{ran:?}");
    product.synchronise().await;
    let copy = product.copy();
    let left = copy.users.values().filter(|p| leavers.contains(&p.id) && !p.active).count();
    assert_eq!(left, 1, "a withdrawal lets nothing pass that the guard holds");
    let ran = demo.muster(&["directory", "preview", "entra", "--json"]);
    let preview: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(preview["held"][0]["count"], 99, "{preview}");
    let digest = preview["digest"].as_str().unwrap();
    assert_eq!(demo.muster(&["directory", "approve", "entra", "--digest", digest]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_does_not_pass_to_a_newcomer() {
    let demo = Demo::start(100, 10, 300, 10).await;
    let truth = demo.truth().await;
    let leaver = truth.users.iter().find(|user| !user.guest && user.active).unwrap();
    demo.control("DELETE", &format!("users/{}", leaver.id), Value::Null).await;
    assert_eq!(demo.sync(false).0, 0);
    let newcomer = demo.new_user(&leaver.login).await;
    let (code, report) = demo.sync(false);
    assert_eq!(code, 3, "{report}");
    let mut product = demo.product();
    product.synchronise().await;
    assert_eq!(product.copy().users[&leaver.login.to_lowercase()].id, leaver.id);
    let ran = demo.muster(&["directory", "explain", "entra", &newcomer]);
    assert!(ran.stdout.contains("waits for an approval"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_limit_is_a_notice_and_the_limit_holds() {
    let demo = Demo::start(300, 30, 1_500, 12).await;
    assert!(demo.muster(&["directory", "show", "entra"]).stdout.contains("more than 9 people"));
    delete_people(&demo, 4).await;
    let (code, report) = demo.sync(false);
    assert_eq!((code, &report["near"]), (0, &json!([])), "{report}");
    delete_people(&demo, 1).await;
    let (code, report) = demo.sync(false);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        report["near"],
        json!([{"kind": "people_leaving", "count": 5, "passing": 9}]),
        "half of what may leave has left"
    );
    let said = demo.muster(&["directory", "show", "entra"]).stdout;
    assert!(said.contains("near a limit: 5 people left or were deactivated"), "{said}");
    let alert = until("the notice", || open(&demo, "near_limit")).await;
    assert_eq!(alert["title"], "half of a limit of `entra` is used up");
    delete_people(&demo, 5).await;
    let (code, report) = demo.sync(false);
    assert_eq!(code, 3, "{report}");
    let why = report["held"][0]["why"].as_str().unwrap();
    assert!(why.contains("5 people") && why.contains("beside 5 in the last 24 h"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_an_earlier_version_are_kept_and_told_of() {
    let demo = Demo::start(300, 30, 1_500, 13).await;
    assert!(!demo.muster(&["directory", "show", "entra"]).stdout.contains("earlier version"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let former = "[limits]\nleaving_share = 1000\nleaving_max = 0\ngroups_share = 1000\ngroups_min = 10\n\
                  groups_max = 0\nmemberships_share = 700\n";
    std::fs::write(file.path(), former).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = demo.muster(&["directory", "rules", "entra", "--set", path, "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = demo.muster(&["directory", "show", "entra"]).stdout;
    assert!(said.contains("10 % (at least 10)") && said.contains("earlier version"), "{said}");
    assert!(said.contains("`muster directory rules entra --usual-limits`"), "{said}");
    let ran = demo.muster(&["directory", "rules", "entra", "--usual-limits", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("limits.leaving_share: 1000 -> 200"), "{ran:?}");
    let said = demo.muster(&["directory", "rules", "entra"]).stdout;
    for stays in ["memberships_share = 700", "leaving_share = 200", "groups_max = 50"] {
        assert!(said.contains(stays), "{stays}: {said}");
    }
    assert!(!demo.muster(&["directory", "show", "entra"]).stdout.contains("earlier version"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_looks_like_administrators_waits_and_says_with_whom() {
    let demo = Demo::start(60, 6, 200, 14).await;
    let people: Vec<_> =
        demo.truth().await.users.into_iter().filter(|user| user.active && !user.guest).collect();
    // With a Cyrillic letter.
    let body = json!({"name": "jira-\u{430}dministrators"});
    let group = demo.control("POST", "groups", body).await["id"].as_str().unwrap().to_owned();
    let join = |user: &str| format!("groups/{group}/users/{user}");
    demo.control("PUT", &join(&people[0].id), Value::Null).await;
    let ran = demo.muster(&["directory", "sync", "entra", "--wait"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("held: 1 group would get a name that gives power"), "{ran:?}");
    let preview = demo.muster(&["directory", "preview", "entra"]).stdout;
    for part in
        ["looks like jira-administrators", "administers Jira", &people[0].login.to_lowercase()]
    {
        assert!(preview.replace('\n', " ").contains(part), "{part}: {preview}");
    }
    let seen: Value =
        serde_json::from_str(&demo.muster(&["directory", "preview", "entra", "--json"]).stdout)
            .unwrap();
    let digest = seen["held"][0]["digest"].as_str().unwrap();
    let approve = ["directory", "approve", "entra", "--digest", digest, "--kind", "privileged"];
    assert_eq!(demo.muster(&approve).code, 0);
    assert_eq!(demo.sync(true).0, 0, "it is not asked about again");

    demo.control("PUT", &join(&people[1].id), Value::Null).await;
    assert_eq!(demo.sync(false).0, 3);
    let alert = until("the alert", || open(&demo, "held")).await;
    assert!(
        alert["details"].to_string().contains("would come into groups that are protected"),
        "{alert}"
    );
    assert_eq!(demo.muster(&["directory", "discard", "entra", "--kind", "privileged"]).code, 0);
    assert_eq!(demo.sync(false).0, 0);
    demo.control("PUT", &join(&people[2].id), Value::Null).await;
    assert_eq!(demo.sync(false).0, 3, "somebody else is another matter");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[protected]\njoiners = \"flow\"\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(demo.muster(&["directory", "rules", "entra", "--set", path, "--yes"]).code, 0);
    assert_eq!(demo.sync(false).0, 0);
}
