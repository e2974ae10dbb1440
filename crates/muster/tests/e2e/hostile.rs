//! What people and groups call themselves gives a terminal no commands, breaks no line and widens no table.

use serde_json::{Value, json};

use crate::service::Demo;

const NAME: &str = "Ann\nzoe is served and active\u{1b}[2J\u{202e}\u{200b}x";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_show_hostile_texts_on_their_lines() {
    let demo = Demo::start(20, 4, 40, 75).await;
    let long = "Long ".repeat(45);
    let user = json!({"login": "ann@contoso.example", "display_name": NAME});
    let id = demo.control("POST", "users", user).await["id"].as_str().unwrap().to_owned();
    demo.control("POST", "groups", json!({"name": NAME, "description": NAME})).await;
    let group = demo.control("POST", "groups", json!({"name": long.trim()})).await;
    let group = group["id"].as_str().unwrap().to_owned();
    demo.control("PUT", &format!("groups/{group}/users/{id}"), Value::Null).await;
    assert_eq!(demo.sync(false).0, 0);
    let rules = demo.data.path().join("rules.toml");
    let never = format!("[people]\nnever = [\"ann@contoso.example\", {}]\n", json!("a\u{202e}b"));
    std::fs::write(&rules, never).unwrap();
    let rules = rules.to_str().unwrap();
    let mut all = String::new();
    for arguments in [
        &["directory", "show", "entra"][..],
        &["directory", "list"],
        &["directory", "explain", "entra", "ann@contoso.example"],
        &["directory", "history", "entra", "--user", "ann@contoso.example"],
        &["directory", "preview", "entra", "--rules", rules],
        &["directory", "preview", "entra"],
        &["changes"],
        &["alert", "list"],
        &["directory", "explain", "entra", NAME],
    ] {
        let ran = demo.muster(arguments);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        for line in text.lines() {
            let bad = |c: char| c.is_control() || "\u{202e}\u{200b}".contains(c);
            assert!(!line.contains(bad) && !line.starts_with("zoe"), "{arguments:?}: {line:?}");
        }
        all.push_str(&text);
        let ran = demo.muster(&[arguments, &["--json"]].concat());
        assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}']), "{ran:?}");
        if ran.code == 0 {
            let answer = ran.stdout.lines().map(serde_json::from_str::<Value>);
            assert!(answer.into_iter().all(|line| line.is_ok()), "{ran:?}");
        }
    }
    assert!(all.contains("\\nzoe is served and active\\u{001B}[2J\\u{202E}\\u{200B}x"), "{all}");
    let ran = demo.muster(&["directory", "explain", "entra", "ann@contoso.example", "--json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        answer.to_string().contains(&json!(NAME).to_string()),
        "a program gets it as it is: {answer}"
    );

    // What is written to a file and applied again is as it was.
    let ran = demo.muster(&["directory", "rules", "entra", "--set", rules, "--yes"]);
    assert!([0, 3].contains(&ran.code), "{ran:?}");
    let exported = demo.muster(&["export"]).stdout;
    assert!(exported.contains("a\u{202e}b") || exported.contains("a\\u202Eb"), "{exported}");
}
