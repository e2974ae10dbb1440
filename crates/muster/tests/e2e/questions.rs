//! Questions about a directory from the command line: previews, rules and explanations.

use serde_json::Value;

use crate::service::{Demo, Ran};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// A file in the demo's data directory.
fn file(demo: &Demo, name: &str, text: &str) -> String {
    let path = demo.data.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const EVERYONE: &str = "everyone = [\"jira-users\"]\n[group_names]\nprefix = \"entra-\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_rules_are_previewed_and_saved_after_a_look() {
    let demo = Demo::start(60, 8, 200, 21).await;
    let pending = demo.muster(&["directory", "preview", "entra", "--json"]);
    let seen = json(&pending);
    assert_eq!((pending.code, &seen["page"]["total"], &seen["flowing"]), (0, &0.into(), &0.into()));
    let before = json(&demo.muster(&["directory", "rules", "entra", "--json"]));

    let rules = file(&demo, "rules.toml", EVERYONE);
    let look = ["directory", "preview", "entra", "--rules", &rules];
    let ran = demo.muster(&[&look[..], &["--json", "--limit", "2"]].concat());
    let seen = json(&ran);
    assert_eq!(ran.code, 0, "{ran:?}");
    let served = demo.truth().await.users.iter().filter(|user| !user.guest).count();
    assert_eq!(seen["applied"]["groups_added"], 1, "{seen}");
    assert_eq!(seen["applied"]["groups_renamed"], 8, "{seen}");
    assert_eq!(seen["applied"]["memberships_added"], served);
    assert_eq!(seen["page"]["total"], served + 9);
    assert_eq!(seen["page"]["lines"].as_array().unwrap().len(), 2);
    let person = demo.truth().await.users.into_iter().find(|user| !user.guest).unwrap();
    let found = demo.muster(&[&look[..], &["--search", &person.login]].concat());
    assert!(found.stdout.contains("joins jira-users"), "{found:?}");
    assert!(found.stdout.contains("1 to 1 of 1 "), "{found:?}");
    let groups =
        demo.muster(&[&look[..], &["--json", "--kind", "group", "--effect", "renamed"]].concat());
    assert_eq!(json(&groups)["page"]["total"], 8, "{groups:?}");
    let wrong = demo.muster(&[&look[..], &["--effect", "vanished"]].concat());
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let after = json(&demo.muster(&["directory", "rules", "entra", "--json"]));
    assert_eq!(after, before, "who looks saves nothing");

    // Nobody can be asked here.
    let set = ["directory", "rules", "entra", "--set", &rules];
    let unasked = demo.muster(&set);
    assert_eq!(unasked.code, 1, "{unasked:?}");
    assert!(unasked.stdout.contains("everyone: [] -> [\"jira-users\"]"), "{unasked:?}");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(json(&demo.muster(&["directory", "rules", "entra", "--json"])), before);
    let saved = demo.muster(&[&set[..], &["--yes"]].concat());
    assert_eq!(saved.code, 0, "{saved:?}");
    let written = demo.muster(&["directory", "rules", "entra"]).stdout;
    assert!(written.contains("everyone = [\"jira-users\"]"), "{written}");
    let again = file(&demo, "again.toml", &written);
    let same = demo.muster(&["directory", "rules", "entra", "--set", &again, "--yes"]);
    assert!(same.stdout.contains("nothing was changed"), "{same:?}");
    let mut product = demo.product();
    product.synchronise().await;
    assert_eq!(
        product.copy().members.iter().filter(|(group, _)| group == "jira-users").count(),
        served
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_cannot_be_used_are_refused_with_name_and_position() {
    let demo = Demo::start(10, 2, 10, 22).await;
    for (text, expected) in [
        ("[people]\nfilter = \"user.guest == && true\"\n", "`people.filter`, line 1, column "),
        ("[people]\nfilter = \"user.nothing\"\n", "`people.filter`, line 1, column 5"),
        ("[[groups.only]]\nregex = \"(\"\n", "`groups.only`"),
        ("[[group_names.replace]]\npattern = \"[\"\nwith = \"\"\n", "`group_names.replace`"),
        ("guests = \"maybe\"\n", "1:10: "),
        ("guest = \"included\"\n", "1:1: "),
    ] {
        let rules = file(&demo, "wrong.toml", text);
        for command in [
            ["directory", "preview", "entra", "--rules", &rules].as_slice(),
            &["directory", "rules", "entra", "--set", &rules, "--yes"],
        ] {
            let ran = demo.muster(command);
            assert_eq!(ran.code, 1, "{text}: {ran:?}");
            assert!(ran.stderr.contains(expected), "{text}: {ran:?}");
        }
    }
    // Rules may name many people.
    let names: Vec<String> =
        (0..40_000).map(|no| format!("\"scanner.of.room.{no}@example.org\"")).collect();
    let rules = file(&demo, "many.toml", &format!("[people]\nnever = [{}]\n", names.join(", ")));
    let ran = demo.muster(&["directory", "rules", "entra", "--set", &rules, "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_explained_there_or_not() {
    let demo = Demo::start(40, 6, 120, 23).await;
    let ann = demo.new_user("ann.lee@contoso.example").await;
    let steps = serde_json::json!([{"method": "PATCH", "path": format!("users/{ann}"),
        "body": {"email": "ann@example.org"}}]);
    demo.control("POST", "batch", steps).await;
    let inner = demo.control("POST", "groups", serde_json::json!({"name": "inner"})).await;
    let outer = demo.control("POST", "groups", serde_json::json!({"name": "outer"})).await;
    let (inner, outer) = (inner["id"].as_str().unwrap(), outer["id"].as_str().unwrap());
    demo.control("PUT", &format!("groups/{inner}/users/{ann}"), Value::Null).await;
    demo.control("PUT", &format!("groups/{outer}/groups/{inner}"), Value::Null).await;
    assert_eq!(demo.sync(false).0, 0);
    // By login, mail and id.
    for who in ["ann.lee@contoso.example", "ANN@example.org", &ann] {
        let text = demo.muster(&["directory", "explain", "entra", who]).stdout;
        for expected in [
            "is served and active",
            "guests: no guest",
            "user_name: makes ann.lee@contoso.example",
            "mail: ann@example.org",
            "inner: directly",
            "outer: through inner",
            "last changed: ",
            "  run ",
        ] {
            assert!(text.contains(expected), "{who}: {expected}: {text}");
        }
    }
    let told = json(&demo.muster(&["directory", "explain", "entra", &ann, "--json"]));
    assert_eq!(told["memberships"][1]["ways"][0]["nested"][0], "inner", "{told}");
    assert!(told["last_change"]["run"].as_u64().is_some_and(|run| run > 0), "{told}");

    let guest = demo.truth().await.users.into_iter().find(|user| user.guest).unwrap();
    let ran = demo.muster(&["directory", "explain", "entra", &guest.login]);
    assert!(ran.stdout.contains("is not served"), "{ran:?}");
    assert!(ran.stdout.contains("guests: a guest, and guests are left out  <- decided"), "{ran:?}");
    assert!(ran.stdout.contains("never told of a change"), "{ran:?}");
    let nobody = demo.muster(&["directory", "explain", "entra", "nobody"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
}
