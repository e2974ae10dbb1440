//! The server's settings as one file: written, changed, applied, and applied again.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    receiver::Receiver,
    service::{Demo, Ran, muster_in, serve},
};

/// Writes a file beside the server's data and applies it.
fn apply(data: &Path, text: &str, more: &[&str]) -> Ran {
    let file = data.join("settings.toml");
    fs::write(&file, text).unwrap();
    muster_in(data, &[&["apply", "-f", file.to_str().unwrap()], more].concat())
}

fn export(data: &Path) -> String {
    let ran = muster_in(data, &["export"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.stdout
}

/// What happened to each thing.
fn actions(ran: &Ran) -> Vec<(String, String, String)> {
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let items = told["items"].as_array().unwrap().iter();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    items.map(|item| (text(item, "what"), text(item, "name"), text(item, "action"))).collect()
}

fn action(ran: &Ran, what: &str, name: &str) -> String {
    let all = actions(ran).into_iter();
    let found = all.clone().find(|(w, n, _)| w == what && n == name);
    found.unwrap_or_else(|| panic!("{what} {name} is not in {:?}", all.collect::<Vec<_>>())).2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_applied_without_a_difference() {
    let demo = Demo::start(60, 6, 200, 71).await;
    let data = demo.data.path();
    let receiver = Receiver::start().await;
    fs::write(data.join("address"), &receiver.url).unwrap();
    fs::write(data.join("password"), "the-password-of-wiki\n").unwrap();
    let exported = export(data);
    assert_eq!(action(&apply(data, &exported, &["--json"]), "directory", "entra"), "nothing");
    let secret = demo.file["simulator"]["entra"]["client_secret"].as_str().unwrap();
    for word in [secret, demo.file["crowd"]["password"].as_str().unwrap()] {
        assert!(!exported.contains(word), "{exported}");
    }

    let more = "\n[applications.wiki]\ndirectories = [\"entra\"]\naddresses = [\"127.0.0.0/8\"]\n\
                product = \"confluence\"\npassword = { file = \"password\" }\n\
                [channels.ops]\nkind = \"slack\"\nalerts = [\"held\"]\nsecret = { file = \"address\" }\n";
    let rules =
        "\n[directories.entra.rules]\nguests = \"included\"\nlimits = { renames_min = 20 }\n";
    let wanted = format!("{exported}{rules}{more}");
    let dry = apply(data, &wanted, &["--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    for says in [
        "+ application wiki",
        "+ alert channel ops",
        "~ directory entra",
        "rules.guests: \"excluded\" -> \"included\"",
        "rules.limits.renames_min: 10 -> 20",
        "dry run",
    ] {
        assert!(dry.stdout.contains(says), "{says}: {dry:?}");
    }
    assert!(!dry.stdout.contains("rules.limits.leaving_min"), "{dry:?}");
    assert_eq!(export(data), exported, "a dry run changes nothing");

    let done = apply(data, &wanted, &["--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(action(&done, "application", "wiki"), "create");
    let show = demo.muster(&["directory", "show", "entra"]);
    assert!(show.stdout.contains("guests are served"), "{show:?}");
    let again = apply(data, &wanted, &["--json"]);
    let all = actions(&again);
    assert!(all.iter().all(|(_, _, action)| action == "nothing" || action == "keep"), "{all:?}");
    let text = apply(data, &wanted, &[]);
    assert!(text.stdout.contains("everything is as the file says"), "{text:?}");
    let exported = export(data);
    assert!(exported.contains("guests = \"included\""), "{exported}");
    assert!(exported.contains("product = \"confluence\""), "{exported}");
    let jira = wanted.replace("product = \"confluence\"", "product = \"jira\"");
    let dry = apply(data, &jira, &["--dry-run"]);
    assert!(dry.stdout.contains("product: \"confluence\" -> \"jira\""), "{dry:?}");
    let unknown = apply(data, &jira.replace("\"jira\"\npassword", "\"jura\"\npassword"), &[]);
    assert!(unknown.code == 1 && unknown.stderr.contains("jura"), "{unknown:?}");
    assert_eq!(action(&apply(data, &jira, &["--json"]), "application", "wiki"), "change");
    assert_eq!(action(&apply(data, &wanted, &["--json"]), "application", "wiki"), "change");
    assert_eq!(action(&apply(data, &exported, &["--json"]), "channel", "ops"), "nothing");

    // The password is the one that the file names.
    let http = connect::http::local_client().unwrap();
    let crowd = demo.file["crowd"]["url"].as_str().unwrap();
    let ask = http.get(format!("{crowd}/rest/usermanagement/1/config/cookie"));
    let answer =
        ask.basic_auth("wiki", Some("the-password-of-wiki")).send().await.unwrap().status();
    assert_eq!(answer, 200);
    fs::write(data.join("password"), "another-password").unwrap();
    let changed = apply(data, &wanted, &["--json"]);
    assert_eq!(action(&changed, "application", "wiki"), "change");
    assert!(!changed.stdout.contains("another-password"), "{changed:?}");

    // What is not named stays unless it is pruned.
    let kept = apply(data, &exported.replace("[channels.ops]", "[channels.other]"), &["--dry-run"]);
    assert!(kept.code == 1 && kept.stderr.contains("other"), "a new one has no address: {kept:?}");
    let (without, _) = exported.split_once("\n[channels.ops]").unwrap();
    let kept = apply(data, without, &[]);
    assert!(kept.stdout.contains("--prune would remove it"), "{kept:?}");
    assert!(export(data).contains("[channels.ops]"));
    let pruned = apply(data, without, &["--prune", "--json"]);
    assert_eq!(action(&pruned, "channel", "ops"), "remove");
    assert!(!export(data).contains("[channels.ops]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_makes_a_server_like_the_one_it_was_written_by() {
    let demo = Demo::start(60, 6, 200, 72).await;
    let exported = export(demo.data.path());
    let other = tempfile::tempdir().unwrap();
    let (_server, _) = serve(other.path()).await;
    let refused = apply(other.path(), &exported, &[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("`entra`: it is new and has no secret"), "{refused:?}");
    let named = exported.replace(
        "# secret = { file = 'secrets/entra' }",
        "secret = { env = \"THE_SECRET_OF_ENTRA\" }",
    );
    let named = named.replace(
        "# secret = { file = \"secrets/entra\" }",
        "secret = { env = \"THE_SECRET_OF_ENTRA\" }",
    );
    assert!(named.contains("THE_SECRET_OF_ENTRA"), "{named}");
    let missing = apply(other.path(), &named, &[]);
    assert!(missing.code == 1 && missing.stderr.contains("THE_SECRET_OF_ENTRA"), "{missing:?}");
    let secret = demo.file["simulator"]["entra"]["client_secret"].as_str().unwrap();
    let applied = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["apply", "--json", "-f"])
            .arg(other.path().join("settings.toml"))
            .args(["--data".as_ref(), other.path().as_os_str()])
            .args(more)
            .env("THE_SECRET_OF_ENTRA", secret)
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let done = applied(&[]);
    assert_eq!(done.code, 0, "{done:?}");
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    let made =
        told["items"].as_array().unwrap().iter().filter(|item| item["what"] == "application");
    assert!(made.into_iter().all(|item| item["password"].is_string()), "{told}");
    assert_eq!(export(other.path()), exported);
    let again = applied(&["--prune"]);
    assert!(actions(&again).iter().all(|(_, _, action)| action == "nothing"), "{again:?}");
    assert_eq!(muster_in(other.path(), &["directory", "sync", "entra", "--wait"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_empty_a_product_waits_and_mistakes_change_nothing() {
    let demo = Demo::start(60, 6, 200, 73).await;
    let data = demo.data.path();
    let exported = export(data);
    // A second tenant that was never read, in the place of the first.
    let second = "\n[directories.second]\nprovider = \"entra\"\npaused = true\n\
                  secret = { file = \"secret\" }\nexpires = 2031-05-01\n[directories.second.settings]\n\
                  tenant = \"contoso.onmicrosoft.com\"\nclient_id = \"11111111-2222-3333-4444-555555555555\"\n\
                  authority = \"http://127.0.0.1:1\"\ngraph = \"http://127.0.0.1:1\"\n";
    fs::write(data.join("secret"), "word").unwrap();
    let elsewhere = exported.replacen("directories = [\"entra\"]", "directories = [\"second\"]", 1);
    assert_ne!(elsewhere, exported);
    let held = apply(data, &format!("{elsewhere}{second}"), &[]);
    assert_eq!(held.code, 3, "{held:?}");
    assert!(held.stdout.contains("waits:") && held.stdout.contains("--digest"), "{held:?}");
    let exported_now = export(data);
    assert!(exported_now.contains("[directories.second]"), "{exported_now}");
    assert!(exported_now.contains("expires = 2031-05-01"), "{exported_now}");
    let digest = held.stdout.split("--digest ").nth(1).unwrap().split_whitespace().next().unwrap();
    let done = apply(data, &format!("{elsewhere}{second}"), &["--digest", digest]);
    assert_eq!(done.code, 0, "{done:?}");

    for (text, says) in [
        ("[directories.entra]\nprovider = \"google\"\n", "keeps its provider"),
        (
            "[applications.x]\ndirectories = [\"nowhere\"]\n",
            "neither in the file nor on the server",
        ),
        ("[directories.entra]\nprovider = \"entra\"\nrule = {}\n", "settings.toml:3:1:"),
        ("[channels.x]\nkind = \"slack\"\nsecret = { file = \"not-there\" }\n", "not-there"),
    ] {
        let before = export(data);
        let ran = apply(data, text, &[]);
        assert!(ran.code == 1 && ran.stderr.contains(says), "{ran:?}");
        assert_eq!(export(data), before);
    }
    let compare = json!({"owner": "directory", "name": "entra", "secret": "a guess"});
    let http = connect::http::local_client().unwrap();
    let api = demo.file["api"]["url"].as_str().unwrap();
    let answer = http
        .post(format!("{api}/secrets/compare"))
        .bearer_auth(demo.file["api"]["token"].as_str().unwrap())
        .json(&compare)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"same": false}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_name_that_cannot_be_addressed_changes_nothing() {
    let demo = Demo::start(20, 3, 30, 74).await;
    let data = demo.data.path();
    fs::write(data.join("address"), "https://hooks.example.org/x").unwrap();
    let before = export(data);
    for name in [".", "..", "a/b", "%2e", "-x", "a\\u200Bb", "a\\nb", "~2e"] {
        for part in [
            format!("[applications.\"{name}\"]\ndirectories = [\"entra\"]\n"),
            format!("[channels.\"{name}\"]\nkind = \"slack\"\nsecret = {{ file = \"address\" }}\n"),
            format!(
                "[directories.\"{name}\"]\nprovider = \"okta\"\nsecret = {{ file = \"address\" }}\n"
            ),
        ] {
            let good = "\n[applications.fine]\ndirectories = [\"entra\"]\n";
            let ran = apply(data, &format!("{before}{good}{part}"), &[]);
            assert_eq!(ran.code, 1, "{part}: {ran:?}");
            assert!(ran.stderr.contains("cannot be the name of"), "{part}: {ran:?}");
        }
    }
    assert_eq!(export(data), before);

    // What was called so before is shown, applied again without a difference, and removed.
    let database = rusqlite::Connection::open(data.join("muster.db")).unwrap();
    let rename = "UPDATE application SET name = ?1, folded_name = ?1 WHERE name LIKE 'demo-%' OR name IN ('.', 'a/b')";
    for name in [".", "a/b"] {
        assert_eq!(database.execute(rename, [name]).unwrap(), 1);
        let exported = export(data);
        assert_eq!(action(&apply(data, &exported, &["--json"]), "application", name), "nothing");
    }
    // Where nobody can be asked, nothing is removed without `--yes`.
    for arguments in
        [&["application", "remove", "a/b"][..], &["application", "remove", "a/b", "--json"]]
    {
        let ran = demo.muster(arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("add --yes"), "{ran:?}");
    }
    assert!(export(data).contains("a/b"));
    let ran = demo.muster(&["application", "remove", "a/b", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!export(data).contains("a/b"));
}
