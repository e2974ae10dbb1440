//! Mistakes of operators and clients get a clear error with the next step, and nothing is lost.

use std::{fs, net::TcpListener};

use serde_json::{Value, json};

use crate::service::{Demo, muster_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_missing_consent_and_an_unknown_tenant_are_named() {
    let demo = Demo::start(50, 5, 100, 11).await;
    let entra = demo.file["simulator"]["entra"].clone();
    let secret = demo.data.path().join("secret.txt");
    let add = |name: &str, tenant: &str, value: &str| {
        fs::write(&secret, value).unwrap();
        let set = |key: &str, value: &str| format!("{key}={value}");
        let text = |key: &str| entra[key].as_str().unwrap();
        demo.muster(&[
            "directory",
            "add",
            name,
            "--provider",
            "entra",
            "--secret-file",
            secret.to_str().unwrap(),
            "--set",
            &set("authority", text("authority")),
            "--set",
            &set("graph", text("graph")),
            "--set",
            &set("tenant", tenant),
            "--set",
            &set("client_id", text("client_id")),
        ])
    };
    let (tenant, right) =
        (entra["tenant"].as_str().unwrap(), entra["client_secret"].as_str().unwrap());
    let check = |name: &str| demo.muster(&["directory", "check", name]);

    assert_eq!(add("wrong-secret", tenant, "not-the-secret-itself").code, 0);
    let ran = check("wrong-secret");
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("E-SECRET") && ran.stdout.contains("Value"), "{ran:?}");
    let ran = demo.muster(&["directory", "sync", "wrong-secret", "--wait"]);
    assert_eq!(ran.code, 1);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("secret is wrong") && !said.contains("not-the-secret-itself"), "{said}");

    assert_eq!(add("unknown-tenant", "unknown.example", right).code, 0);
    let ran = check("unknown-tenant");
    assert!(ran.stdout.contains("E-TENANT"), "{ran:?}");

    demo.control("POST", "revoke", json!({"what": "consent"})).await;
    assert_eq!(add("no-consent", tenant, right).code, 0);
    let ran = check("no-consent");
    assert!(
        ran.stdout.contains("E-CONSENT") && ran.stdout.contains("Grant admin consent"),
        "{ran:?}"
    );

    // A setting that cannot be right is refused at once.
    let ran = add("two words", "a tenant", right);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("neither a tenant ID"), "{ran:?}");
    let ran = add("entra", tenant, right);
    assert!(ran.stderr.contains("already"), "{ran:?}");
    // An application is not let in to what does not exist.
    let ran = demo.muster(&["application", "add", "jira", "--directory", "nowhere"]);
    assert!(ran.stderr.contains("no directory `nowhere`"), "{ran:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let ran = muster_in(data.path(), &["serve", "--listen", &address]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains(&address) && ran.stderr.contains("--listen"), "{ran:?}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let data = tempfile::tempdir().unwrap();
    // A file where the directory should be: rights would not stop a test that runs as root.
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let ran = muster_in(&file.join("data"), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot be used") && ran.stderr.contains("--data"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_database_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let (server, _) = crate::service::serve(data.path()).await;
    drop(server);
    let database = rusqlite::Connection::open(data.path().join("muster.db")).unwrap();
    database
        .execute("UPDATE meta SET value = '99' WHERE name IN ('schema', 'min_reader')", ())
        .unwrap();
    drop(database);
    let ran = muster_in(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("newer Muster"), "{ran:?}");
}

#[test]
fn a_command_without_a_server_says_so() {
    let data = tempfile::tempdir().unwrap();
    let ran = muster_in(data.path(), &["directory", "list"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("admin.json") && ran.stderr.contains("--data"), "{ran:?}");
    fs::write(data.path().join("admin.json"), "{\"url\":\"http://127.0.0.1:1\",\"token\":\"t\"}")
        .unwrap();
    let ran = muster_in(data.path(), &["directory", "list"]);
    assert!(ran.stderr.contains("muster serve"), "{ran:?}");
    assert_eq!(muster_in(data.path(), &["directory", "sync"]).code, 2, "usage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_bodies_and_filters_are_refused_in_words() {
    let demo = Demo::start(50, 5, 100, 12).await;
    let crowd = &demo.file["crowd"];
    let text = |key: &str| crowd[key].as_str().unwrap();
    let http = connect::http::local_client().unwrap();
    let base = format!("{}/rest/usermanagement/1", text("url"));
    let search = format!("{base}/search?entity-type=user");
    let cql = |filter: &str| {
        format!("{search}&restriction={}", filter.replace(' ', "%20").replace('"', "%22"))
    };
    let cases = [
        (search.clone(), Some(("application/xml", "<null-search-restriction>"))),
        (
            search.clone(),
            Some((
                "application/xml",
                "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
            )),
        ),
        (search.clone(), Some(("application/json", "{\"restriction-type\":"))),
        (cql("name = "), None),
        (cql("name \"x\""), None),
        (cql("nonsense = \"x\""), None),
    ];
    for (url, body) in cases {
        let request = match body {
            Some((kind, body)) => http.post(&url).header("Content-Type", kind).body(body),
            None => http.get(&url),
        };
        let response =
            request.basic_auth(text("application"), Some(text("password"))).send().await.unwrap();
        let status = response.status();
        assert!(response.headers().contains_key("X-Embedded-Crowd-Version"));
        let said = response.text().await.unwrap();
        assert_eq!(status, 400, "{url} {body:?}: {said}");
        assert!(
            said.contains("<reason>") && said.contains("<message>") && !said.contains("root:"),
            "{said}"
        );
    }
    // The admin API too.
    let api = demo.file["api"]["url"].as_str().unwrap();
    let token = demo.file["api"]["token"].as_str().unwrap();
    let post = |body: &'static str| {
        http.post(format!("{api}/directories"))
            .bearer_auth(token)
            .header("Content-Type", "application/json")
            .body(body)
            .send()
    };
    for body in [
        "{",
        "[]",
        "{\"name\": 5}",
        "{\"name\":\"x\",\"provider\":\"entra\",\"secret\":\"s\",\"sekret\":1}",
    ] {
        let response = post(body).await.unwrap();
        assert!(response.status().is_client_error(), "{body}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    }
    let refused = http.get(format!("{api}/directories")).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(refused.status(), 401);
}
