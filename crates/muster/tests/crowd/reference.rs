//! `docs/reference/crowd-api.md` says what the code says, and a running server does what it says.
//!
//! `MUSTER_BLESS=1 cargo test -p muster --test crowd reference` writes the document anew.

use std::{fmt::Write as _, fs, path::Path};

use muster::crowd::{ENDPOINTS, EndpointMethod};

use crate::world::{Answer, RIGHT, World};

const DOCUMENT: &str = "docs/reference/crowd-api.md";

/// What Crowd has and this server has not: status, method, path, why.
const ABSENT: &[(u16, &str, &str, &str)] = &[
    (404, "GET", "user/avatar", "providers keep pictures where products do not look"),
    (405, "DELETE", "group/parent-group/direct", "Crowd has no such method either"),
];

const HEAD: &str = "# Crowd API\n\n\
    What the server answers under `/crowd/rest/usermanagement/1` and `/rest/usermanagement/1` (`latest` is\n\
    the same as `1`): the status of the answer to a request with which nothing is wrong. Every request may\n\
    also be answered 401 (credentials), 403 (address), 400 (parameters or body), 404 (a person, group or\n\
    membership that does not exist), 410 (an event token that is too old), 406 and 415 (neither XML nor\n\
    JSON), 408 and 413 (a body too slow or too long) and 503 (nothing was read from the provider yet).\n\n\
    *supported* is answered; *refused* is a write, and directories belong to their providers, so it is 403\n\
    with `APPLICATION_PERMISSION_DENIED`; *absent* is 404, or 405 where the path knows other methods.\n\
    `HEAD` goes wherever `GET` goes. The numbers are those of tests, such as\n\
    `case_020_…` in `crates/muster/tests/crowd`; every line is asked for by a test without a number as well.\n\n\
    This page is written by `MUSTER_BLESS=1 cargo test -p muster --test crowd reference` from\n\
    `crates/muster/src/crowd/endpoint.rs`.\n\n\
    | method | path | answer | what | cases |\n| --- | --- | --- | --- | --- |\n";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for endpoint in ENDPOINTS {
        for method in endpoint.methods {
            let EndpointMethod { name, status, purpose, cases } = method;
            let path = endpoint.path;
            let kind = kind(*status);
            writeln!(text, "| {name} | `/{path}` | {kind} ({status}) | {purpose} | {cases} |")
                .unwrap();
        }
    }
    for (status, name, path, why) in ABSENT {
        writeln!(text, "| {name} | `/{path}` | absent ({status}) | {why} | 4, 17 |").unwrap();
    }
    text
}

fn kind(status: u16) -> &'static str {
    match status {
        200..300 => "supported",
        403 => "refused",
        other => panic!("{other} is nothing that an endpoint gives"),
    }
}

#[test]
fn the_document_says_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DOCUMENT);
    #[expect(clippy::disallowed_methods, reason = "whether to write is the developer's choice")]
    let bless = std::env::var("MUSTER_BLESS").is_ok_and(|bless| bless == "1");
    if bless {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, document()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let wanted = document();
    let first = wanted.lines().zip(written.lines()).find(|(new, old)| new != old);
    assert!(
        written == wanted,
        "{DOCUMENT} is not up to date ({first:?}); run this test with MUSTER_BLESS=1"
    );
}

#[test]
fn every_case_that_the_document_names_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crowd");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let tests: String = files.filter_map(|path| fs::read_to_string(path).ok()).collect();
    for method in ENDPOINTS.iter().flat_map(|endpoint| endpoint.methods) {
        for range in method.cases.split(", ").filter(|range| !range.is_empty()) {
            let ends: Vec<u32> = range.split('–').map(|end| end.parse().unwrap()).collect();
            for case in ends[0]..=ends[ends.len() - 1] {
                let names = [format!("fn case_{case:03}_"), format!("_{case:03}_")];
                assert!(names.iter().any(|name| tests.contains(name.as_str())), "case {case}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_does_what_the_document_says() {
    let world = World::usual();
    for endpoint in ENDPOINTS {
        for method in endpoint.methods {
            let answer = good(&world, method.name, endpoint.path).await;
            let what = format!("{} /{}: {}", method.name, endpoint.path, answer.body);
            assert_eq!(answer.status, method.status, "{what}");
            let reason = match method.status {
                403 => "<reason>APPLICATION_PERMISSION_DENIED</reason>",
                _ => "",
            };
            assert!(answer.body.contains(reason), "{what}");
        }
        let known = |name: &str| endpoint.methods.iter().any(|method| method.name == name);
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if !known(other) {
                let answer = good(&world, other, endpoint.path).await;
                assert_eq!(answer.status, 405, "{other} /{}", endpoint.path);
                let allowed = answer.header("allow");
                for name in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
                    let told = allowed.split(", ").any(|allowed| allowed == name);
                    let meant = known(if name == "HEAD" { "GET" } else { name });
                    assert_eq!(told, meant, "{allowed} of /{}", endpoint.path);
                }
            }
        }
    }
    for (status, name, path, _) in ABSENT {
        assert_eq!(good(&world, name, path).await.status, *status, "{name} /{path}");
    }
}

/// A request with which nothing is wrong, for whatever is at the path.
async fn good(world: &World, method: &str, path: &str) -> Answer {
    let relation = path.contains("/direct") || path.contains("/nested");
    let query = match path {
        "search" => "entity-type=user&max-results=-1",
        "user/mail/usernames" => "email=alice@example.org",
        "user/expire-all-passwords" => "confirm=true",
        _ if path.starts_with("group/child-group") => "groupname=devs&child-groupname=leads",
        _ if path.starts_with("group/parent-group") => "groupname=leads&parent-groupname=devs",
        _ if path.ends_with("attribute") => "username=alice&groupname=devs&attributename=a",
        _ if relation || path == "authentication" => "username=alice&groupname=devs",
        "session" if method == "POST" => "validate-password=false",
        _ => "username=alice&groupname=devs",
    };
    let factors = "<validation-factors><validation-factor><name>remote_address</name>\
                   <value>127.0.0.1</value></validation-factor></validation-factors>";
    let context = format!(
        "<authentication-context><username>alice</username>{factors}</authentication-context>"
    );
    let password = format!("<password><value>{}</value></password>", RIGHT.replace(']', "&#93;"));
    let body = match path {
        "search" => "<null-search-restriction/>",
        "session" => &context,
        "session/{token}" => factors,
        "authentication" => &password,
        "webhook" => "<webhook><endpointUrl>https://jira.example.org/hook</endpointUrl></webhook>",
        "user/group/direct" => "<group name=\"empty\"/>",
        "group/user/direct" => "<user name=\"carl\"/>",
        "user" => "<user name=\"alice\"/>",
        "user/rename" => "<rename><new-name>alice2</new-name></rename>",
        _ if path.starts_with("group") => "<group name=\"empty\"/>",
        _ => "<password><value>secret</value></password>",
    };
    let path = match path.split_once('{') {
        Some((start, _)) => format!("{start}{}", last_segment(world, start).await),
        None => path.to_owned(),
    };
    let ask = world.ask(method, &format!("/{path}?{query}"));
    let sends = matches!(method, "POST" | "PUT");
    if sends { ask.body("application/xml", body).send().await } else { ask.send().await }
}

/// Something that exists below a path, taken from an answer of the server.
async fn last_segment(world: &World, start: &str) -> String {
    let made = match start {
        "event/" => world.get("/event").await,
        "session/" => Box::pin(good(world, "POST", "session")).await,
        _ => Box::pin(good(world, "POST", "webhook")).await,
    };
    let (before, after) = match start {
        "event/" => ("newEventToken=\"", '"'),
        "session/" => ("<token>", '<'),
        _ => ("<id>", '<'),
    };
    let rest = made.body.split_once(before).map_or("unknown", |(_, rest)| rest);
    rest.split(after).next().unwrap().replace(':', "%3A")
}
