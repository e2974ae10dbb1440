//! Moving to another server as docs/operators/moving.md says, and connecting a tenant again: keys stay.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    product::Product,
    service::{Demo, Ran, muster_in, serve},
};

const PAGE: &str = include_str!("../../../../docs/operators/moving.md");

/// The commands of the page, in order: those of code blocks without a language.
fn commands() -> Vec<&'static str> {
    // Whether a block is open, and whether it is one of commands.
    let mut block = None;
    let mut commands = Vec::new();
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language.is_empty()),
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) => commands.push(line),
            (None, _) => {}
        }
    }
    commands
}

/// Runs a command of the page as it is written, but for the directory's name and the folder of its files.
fn run(data: &Path, folder: &Path, command: &str) -> Ran {
    let file = folder.join("muster.toml");
    let words = command.strip_prefix("muster ").unwrap().split(' ');
    let words: Vec<String> = words
        .map(|word| match word {
            "contoso" => "entra".to_owned(),
            "muster.toml" => file.to_str().unwrap().to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let to_file = words.iter().position(|word| word == ">");
    let arguments: Vec<&str> =
        words[..to_file.unwrap_or(words.len())].iter().map(String::as_str).collect();
    let ran = muster_in(data, &arguments);
    assert_eq!(ran.code, 0, "{command}: {ran:?}");
    if to_file.is_some() {
        fs::write(file, &ran.stdout).unwrap();
    }
    ran
}

/// The key of everybody, by name, as a product reads them.
async fn keys(url: &str, name: &str, password: &str) -> BTreeMap<String, String> {
    let http = connect::http::local_client().unwrap();
    let path = "rest/usermanagement/1/search.json?entity-type=user&max-results=-1&expand=user";
    let ask = http.get(format!("{url}/{path}")).basic_auth(name, Some(password));
    let list: Value = ask.send().await.unwrap().json().await.unwrap();
    let text = |user: &Value, key: &str| user[key].as_str().unwrap().to_owned();
    let users = list["users"].as_array().unwrap().iter();
    users.map(|user| (text(user, "name"), text(user, "key"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_moves_a_server_and_products_see_the_same_users() {
    let demo = Demo::start(80, 8, 300, 75).await;
    let [old, new] = demo_addresses(&demo);
    let mut product = Product::new(&old.0, old.1.clone(), old.2.clone());
    product.synchronise().await;
    let before = (product.copy(), keys(&old.0, &old.1, &old.2).await);
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    let commands = commands();
    assert!(commands.len() >= 5, "{commands:?}");
    assert_eq!(commands[0], "muster export > muster.toml");
    run(demo.data.path(), folder.path(), commands[0]);

    // The secrets, as the page says.
    let file = folder.path().join("muster.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\nkey = "), "{text}");
    fs::write(
        &file,
        text.replace("# secret = ", "secret = ").replace("# password = ", "password = "),
    )
    .unwrap();
    let secret = demo.file["simulator"]["entra"]["client_secret"].as_str().unwrap();
    fs::write(secrets.join("entra"), secret).unwrap();
    for application in demo.file["applications"].as_array().unwrap() {
        let text = |key: &str| application[key].as_str().unwrap();
        fs::write(secrets.join(text("name").to_lowercase()), text("password")).unwrap();
    }

    let other = tempfile::tempdir().unwrap();
    let (_server, url) = serve(other.path()).await;
    let mut shown = String::new();
    for command in &commands[1..] {
        shown = run(other.path(), folder.path(), command).stdout;
    }
    let key = before.1.values().next().unwrap().split_once(':').unwrap().0.to_owned();
    assert!(shown.contains(&format!("key {key}")), "{shown}");
    let url = format!("{url}/crowd");
    assert_eq!(keys(&url, &new.1, &new.2).await, before.1, "nobody has another key");
    product.moved(Some(url.trim_end_matches("/crowd").to_owned()));
    product.synchronise().await;
    assert_eq!(product.copy(), before.0);
}

/// The product's address, name and password, of before and after.
fn demo_addresses(demo: &Demo) -> [(String, String, String); 2] {
    let text = |key: &str| demo.file["crowd"][key].as_str().unwrap().to_owned();
    let one = (text("url"), text("application"), text("password"));
    [one.clone(), one]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_connected_again_has_its_keys() {
    let demo = Demo::start(40, 4, 100, 76).await;
    let data = demo.data.path();
    let muster = |arguments: &[&str]| {
        let ran = demo.muster(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.stdout
    };
    let shown = |name: &str| -> String {
        let shown: Value =
            serde_json::from_str(&muster(&["directory", "show", name, "--json"])).unwrap();
        shown["key"].as_str().unwrap().to_owned()
    };
    let simulator = &demo.file["simulator"]["entra"];
    fs::write(data.join("secret"), simulator["client_secret"].as_str().unwrap()).unwrap();
    let secret = data.join("secret");
    let set = |key: &str| format!("{key}={}", simulator[key].as_str().unwrap());
    let settings = ["tenant", "client_id", "authority", "graph"].map(set);
    let add = |name: &str, more: &[&str]| {
        let mut arguments = vec!["directory", "add", name, "--provider", "entra"];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        arguments.extend(["--secret-file", secret.to_str().unwrap()]);
        arguments.extend(more);
        demo.muster(&arguments)
    };
    let first = shown("entra");
    assert_eq!(add("second", &[]).code, 0);
    let second = shown("second");
    assert_ne!(first, second, "two directories of one tenant have two keys");
    // Both go, and come in another order and under other names.
    for application in demo.file["applications"].as_array().unwrap() {
        let name = application["name"].as_str().unwrap();
        muster_in(data, &["application", "remove", name, "--yes"]);
    }
    for name in ["entra", "second"] {
        muster(&["directory", "remove", name]);
    }
    assert_eq!(add("Second", &[]).code, 0);
    assert_eq!(shown("second"), second, "by its name");
    assert_eq!(add("another", &[]).code, 0);
    assert_eq!(shown("another"), first, "the one that is left");
    let third = add("third", &["--key", &first]);
    assert!(third.code == 1 && third.stderr.contains("has the key"), "{third:?}");
    let third = add("third", &["--key", "a:b"]);
    assert!(third.code == 1 && third.stderr.contains("cannot be a key"), "{third:?}");
    assert_eq!(add("third", &["--key", "7"]).code, 0);
    assert_eq!(shown("third"), "7");
    // A directory that is there keeps its key.
    let file = data.join("settings.toml");
    let text = muster(&["export"]).replace("key = \"7\"", "key = \"8\"");
    fs::write(&file, text).unwrap();
    let refused = demo.muster(&["apply", "-f", file.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.stderr.contains("keeps its key"), "{refused:?}");
}
