//! Names that people take for one another, wherever an administrator looks: while one of them waits, in a preview, and
//! once both are served.

use serde_json::{Value, json};

use crate::{
    service::Demo,
    wizard::{Browser, form},
};

/// `confluence-users` and what people take for it, as a group's name at the provider.
const TWINS: [&str; 6] = [
    // A letter of another script, an invisible character, an order to turn the text round, wide letters, another hyphen.
    "confluence-us\u{435}rs",
    "confluence\u{200b}-users",
    "\u{202e}confluence-users",
    "\u{ff43}onfluence-users",
    "confluence\u{2010}users",
    "c\u{3bf}nfluence-users",
];

fn read(demo: &Demo, path: &[&str]) -> Value {
    let ran = demo.muster(&[path, &["--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

async fn group(demo: &Demo, name: &str, member: &str) {
    let made = demo.control("POST", "groups", json!({"name": name})).await;
    let path = format!("groups/{}/users/{member}", made["id"].as_str().unwrap());
    demo.control("PUT", &path, Value::Null).await;
}

/// Reads, and approves whatever waits.
fn approve_all(demo: &Demo) {
    demo.sync(false);
    let digest = read(demo, &["directory", "preview", "entra"])["digest"].clone();
    let approved =
        demo.muster(&["directory", "approve", "entra", "--digest", digest.as_str().unwrap()]);
    assert_eq!(approved.code, 0, "{approved:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_waits_is_said_to_look_like_one_that_is_served() {
    let demo = Demo::start(30, 4, 60, 91).await;
    let browser = Browser::signed_in(&demo).await;
    let member = demo.truth().await.users.into_iter().find(|user| !user.guest).unwrap();
    group(&demo, "confluence-users", &member.id).await;
    approve_all(&demo);
    for twin in TWINS {
        group(&demo, twin, &member.id).await;
        let (code, _) = demo.sync(false);
        assert_eq!(code, 3, "{twin:?} waits");
        let seen = read(&demo, &["directory", "preview", "entra"]);
        let told = seen["look_alikes"].as_array().cloned().unwrap_or_default();
        assert!(!told.is_empty(), "{twin:?}: {seen}");
        assert!(told.iter().any(|one| one["looks_like"] == "confluence-users"), "{twin:?}: {seen}");
        let text = demo.muster(&["directory", "preview", "entra"]).stdout;
        assert!(text.contains("would look like `"), "{twin:?}: {text}");
        let shown = demo.muster(&["directory", "show", "entra"]).stdout;
        assert!(shown.contains("looks like"), "{twin:?}: {shown}");
        let page = browser.get("/directories/entra/set-aside").await.text;
        assert!(page.contains("Its name looks like"), "{twin:?}: {page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{200b}'), "{twin:?}: {page}");
        approve_all(&demo);
    }
    let page = browser.get("/directories/entra/set-aside").await.text;
    assert!(page.matches("Its name looks like").count() >= 2, "both are told of: {page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_of_rules_tells_look_alikes_and_names_that_products_refuse() {
    let demo = Demo::start(30, 4, 60, 92).await;
    let browser = Browser::signed_in(&demo).await;
    for name in ["lookma", "lookm\u{430}"] {
        let login = format!("{name}@contoso.example");
        demo.control("POST", "users", json!({"login": login, "display_name": "Look"})).await;
    }
    let team = demo.control("POST", "groups", json!({"name": "R&D <Nord>"})).await;
    assert!(team["id"].is_string());
    demo.sync(false);
    let made = demo.muster(&["application", "product", "demo-entra", "jira"]);
    assert_eq!(made.code, 0, "{made:?}");
    // Both are served, and told of.
    let explained = demo.muster(&["directory", "explain", "entra", "lookma@contoso.example"]);
    assert!(explained.stdout.contains("looks like"), "{explained:?}");
    let page = browser.get("/directories/entra/rules").await.text;
    let mut fields = form(&page);
    fields.insert("then".to_owned(), "preview".to_owned());
    // By display name they would be two of one name, which is a conflict, and nothing that looks alike.
    let fields: Vec<(String, String)> = fields.into_iter().collect();
    let shown = browser.post("/directories/entra/rules", &fields).await.text;
    assert!(shown.contains("Products would refuse or change names"), "{shown}");
    assert!(shown.contains("R&amp;D &lt;Nord&gt;") || shown.contains("R&#38;D"), "{shown}");
}
