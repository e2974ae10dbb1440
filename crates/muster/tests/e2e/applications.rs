//! What an application sees is changed after a look at what its product would do (DESIGN.md 10.10, 10.15).

use serde_json::{Value, json};

use crate::{
    product::Product,
    service::{Demo, Ran},
};

fn parsed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// A product of an application made with these options.
fn admit(demo: &Demo, name: &str, options: &[&str]) -> Product {
    let mut arguments = vec!["application", "add", name, "--directory", "entra", "--json"];
    arguments.extend(options);
    let credentials = parsed(&demo.muster(&arguments));
    let url = demo.file["crowd"]["url"].as_str().unwrap();
    let text = |key: &str| credentials[key].as_str().unwrap().to_owned();
    Product::new(url, text("name"), text("password"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_flattened_until_its_product_nests_groups() {
    let demo = Demo::start(120, 30, 600, 31).await;
    let mut nested = demo.product();
    let mut flat = admit(&demo, "flat", &[]);
    nested.synchronise().await;
    flat.synchronise().await;
    let (tree, plain) = (nested.copy(), flat.copy());
    assert!(!tree.nested.is_empty() && plain.nested.is_empty());
    assert!(tree.members.is_subset(&plain.members) && tree.members != plain.members);

    // The memberships that only nesting gives would go: enough of them to ask first.
    let look = ["application", "set", "flat", "--nested-groups", "on", "--json"];
    let effect = parsed(&demo.muster(&[&look[..], &["--dry-run"]].concat()));
    let gone = effect["difference"]["memberships_gone"].as_u64().unwrap();
    assert_eq!(gone, (plain.members.len() - tree.members.len()) as u64, "{effect}");
    assert_eq!(effect["done"], json!(false));
    let mut ran = demo.muster(&look);
    if ran.code == 3 {
        let digest = effect["digest"].as_str().unwrap();
        ran = demo.muster(&[&look[..], &["--digest", digest]].concat());
    }
    assert_eq!((ran.code, &parsed(&ran)["done"]), (0, &json!(true)), "{ran:?}");
    flat.synchronise().await;
    assert_eq!(flat.full_syncs, 2, "another view expires the token");
    assert_eq!(flat.copy(), tree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_in_which_everybody_vanishes_waits_for_its_digest() {
    let demo = Demo::start(60, 10, 200, 32).await;
    let mut product = admit(&demo, "jira", &["--nested-groups"]);
    product.synchronise().await;
    let simulator = &demo.file["simulator"]["entra"];
    let text = |key: &str| simulator[key].as_str().unwrap();
    let secret = demo.data.path().join("secret");
    std::fs::write(&secret, text("client_secret")).unwrap();
    let mut add: Vec<String> =
        ["directory", "add", "other", "--provider", "entra", "--secret-file"]
            .map(str::to_owned)
            .to_vec();
    add.push(secret.to_str().unwrap().to_owned());
    for key in ["authority", "graph", "tenant", "client_id"] {
        add.extend(["--set".to_owned(), format!("{key}={}", text(key))]);
    }
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    assert_eq!(demo.muster(&add).code, 0);
    assert_eq!(demo.muster(&["directory", "sync", "other", "--wait"]).code, 0);

    // The same people under other keys: every name would pass to another person.
    let set = ["application", "set", "jira", "--directory", "other", "--json"];
    let ran = demo.muster(&set);
    let effect = parsed(&ran);
    assert_eq!((ran.code, &effect["done"]), (3, &json!(false)), "{ran:?}");
    let taken = effect["difference"]["taken_over"].as_array().unwrap().len();
    assert_eq!(taken, product.copy().users.len());
    assert!(effect["concerns"][0].as_str().unwrap().contains("another person"), "{effect}");
    let wrong = demo.muster(&[&set[..], &["--digest", "0000000000000000"]].concat());
    assert_eq!(wrong.code, 3, "{wrong:?}");
    product.synchronise().await;
    assert_eq!(product.full_syncs, 1, "nothing was changed");
    // Behind the first directory the second takes nobody over.
    let both = ["application", "set", "jira", "--directory", "entra", "--directory", "other"];
    let ran = demo.muster(&both);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("reads everything again"), "{ran:?}");
    let unknown = demo.muster(&["application", "set", "jira", "--directory", "nowhere"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("nowhere"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_names_outlive_a_rename() {
    let demo = Demo::start(40, 5, 100, 33).await;
    let mut product = admit(&demo, "names-only", &["--frozen-names"]);
    product.synchronise().await;
    let truth = demo.truth().await;
    let user = truth.users.iter().find(|user| !user.guest && user.active).unwrap();
    let body = json!({"login": "renamed@contoso.example", "display_name": "Renamed"});
    demo.control("PATCH", &format!("users/{}", user.id), body).await;
    assert_eq!(demo.sync(false).0, 0);
    product.synchronise().await;
    assert_eq!(product.full_syncs, 1, "a rename is just a change");
    let copy = product.copy();
    assert_eq!(copy.users[&user.login.to_lowercase()].display_name, "Renamed");
    assert!(!copy.users.contains_key("renamed@contoso.example"));
    let mut fresh = demo.product();
    fresh.synchronise().await;
    assert!(fresh.copy().users.contains_key("renamed@contoso.example"));
}
