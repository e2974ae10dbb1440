//! Transport: cases 1 to 19.

use axum::http::Request;
use base64::{Engine, engine::general_purpose::STANDARD};
use muster::crowd::{AddressRule, Application};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{PASSWORD, World, application};

async fn is_unauthenticated(world: &World, credentials: Option<&str>, path: &str) {
    let answer = world.ask("GET", path).credentials(credentials).send().await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body, "Application failed to authenticate");
    assert_eq!(answer.header("content-type"), "text/plain;charset=UTF-8");
    assert_eq!(answer.header("www-authenticate"), "BASIC realm=\"Crowd REST Service\"");
}

#[tokio::test]
async fn case_001_no_credentials_are_401() {
    is_unauthenticated(&World::usual(), None, "/user?username=a").await;
}

#[tokio::test]
async fn case_002_a_wrong_password_is_401_also_after_a_right_one() {
    let world = World::usual();
    is_unauthenticated(&world, Some("jira:wrong"), "/user?username=alice").await;
    assert_eq!(world.get("/user?username=alice").await.status, 200);
    is_unauthenticated(&world, Some("jira:wrong"), "/user?username=alice").await;
    let mut changed = application(1, "jira", &[1]);
    changed.password_hash = crate::world::cheap_hash("new");
    world.applications.replace(vec![changed]);
    is_unauthenticated(&world, Some(&format!("jira:{PASSWORD}")), "/user?username=alice").await;
    let answer =
        world.ask("GET", "/user?username=alice").credentials(Some("jira:new")).send().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn case_003_an_unknown_application_is_401() {
    is_unauthenticated(&World::usual(), Some("nobody:x"), "/user?username=alice").await;
    is_unauthenticated(&World::usual(), Some("no colon"), "/user?username=alice").await;
}

#[tokio::test]
async fn case_004_an_unknown_path_is_404() {
    let world = World::usual();
    for path in [
        "/non-existent/location",
        "/session/T.json",
        "/webhooks",
        "/crowd/rest/usermanagement",
        "/rest/usermanagement/",
        "/rest/usermanagement/2/user?username=alice",
        "/group/user/sideways?groupname=devs",
    ] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn case_005_401_comes_before_404_and_405() {
    let world = World::usual();
    is_unauthenticated(&world, None, "/non-existent/location").await;
    let answer = world.ask("PATCH", "/user").credentials(None).send().await;
    assert_eq!(answer.status, 401);
}

fn restricted(world: &World) {
    let addresses = vec!["198.51.100.0/24".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    let jira = Application { addresses, ..application(1, "Jira", &[1]) };
    world.applications.replace(vec![jira]);
}

#[tokio::test]
async fn case_006_a_disallowed_address_is_403_before_the_password() {
    let world = World::usual();
    restricted(&world);
    for credentials in [&format!("jira:{PASSWORD}"), "jira:wrong"] {
        let ask = world.ask("GET", "/user?username=alice").credentials(Some(credentials));
        let answer = ask.send().await;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.body,
            "Client with address \"192.0.2.1\" is forbidden from making requests to the \
             application, Jira."
        );
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
    for allowed in ["198.51.100.9", "::ffff:198.51.100.9", "2001:db8::7"] {
        let answer = world.ask("GET", "/user?username=alice").peer(allowed).send().await;
        assert_eq!(answer.status, 200, "{allowed}");
    }
}

#[tokio::test]
async fn case_007_only_a_trusted_proxy_names_the_client() {
    let world = World::usual();
    restricted(&world);
    let ask = |peer: &str, forwarded: &str| {
        let ask = world.ask("GET", "/user?username=alice").peer(peer);
        ask.header("x-forwarded-for", forwarded).send()
    };
    assert_eq!(ask("192.0.2.1", "198.51.100.9").await.status, 403);
    assert_eq!(ask("10.0.0.1", "198.51.100.9").await.status, 200);
    assert_eq!(ask("10.0.0.1", "198.51.100.9, 192.0.2.1").await.status, 403);
    assert_eq!(ask("10.0.0.1", "192.0.2.1, 198.51.100.9, 10.0.0.2").await.status, 200);
}

#[tokio::test]
async fn case_008_a_password_may_hold_colons_and_umlauts() {
    assert!(PASSWORD.contains(':') && PASSWORD.contains('ö'));
    assert_eq!(World::usual().get("/user?username=alice").await.status, 200);
}

/// Python's requests writes credentials in Latin-1 if it can.
#[tokio::test]
async fn case_008_a_password_may_come_in_latin_1() {
    let world = World::usual();
    let latin_1: Vec<u8> =
        format!("jira:{PASSWORD}").chars().map(|c| u8::try_from(c).unwrap()).collect();
    assert!(str::from_utf8(&latin_1).is_err());
    let wrong = [&latin_1[..], b"!"].concat();
    for (given, expected) in [(latin_1, 200), (wrong, 401)] {
        let value = format!("Basic {}", STANDARD.encode(given));
        let ask = world.ask("GET", "/user?username=alice").credentials(None);
        assert_eq!(ask.header("authorization", &value).send().await.status, expected);
    }
}

#[tokio::test]
async fn case_009_the_scheme_has_any_case() {
    let value = format!("bAsIc {}", STANDARD.encode(format!("JIRA:{PASSWORD}")));
    let world = World::usual();
    let ask = world.ask("GET", "/user?username=alice").credentials(None);
    assert_eq!(ask.header("authorization", &value).send().await.status, 200);
}

#[tokio::test]
async fn case_010_a_content_type_without_a_body_is_ignored() {
    let world = World::usual();
    let ask = world.ask("GET", "/user?username=alice").header("content-type", "application/json");
    let answer = ask.send().await;
    assert_eq!(answer.status, 200);
    answer.xml();
}

#[tokio::test]
async fn case_011_without_accept_the_answer_is_xml() {
    let answer = World::usual().get("/user?username=alice").await;
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";
    assert!(answer.body.starts_with(declaration), "{}", answer.body);
    assert_eq!(answer.xml().name, "user");
}

#[tokio::test]
async fn case_012_accept_chooses() {
    let world = World::usual();
    for (accept, kind) in [
        ("*/*", "application/xml"),
        ("application/json", "application/json"),
        ("application/json, application/xml;q=0.5", "application/json"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/xml"),
    ] {
        let ask = world.ask("GET", "/user?username=alice").header("accept", accept);
        let answer = ask.send().await;
        assert!(answer.header("content-type").starts_with(kind), "{accept}: {answer:?}");
    }
    let ask = world.ask("GET", "/user?username=alice").header("accept", "text/html");
    ask.send().await.fails(406, "UNSUPPORTED_OPERATION");
}

#[tokio::test]
async fn case_013_latest_is_version_1() {
    let world = World::usual();
    let latest = world.get("/crowd/rest/usermanagement/latest/user?username=alice").await;
    assert_eq!(latest.body, world.get("/user?username=alice").await.body);
}

#[tokio::test]
async fn case_014_a_suffix_chooses() {
    let world = World::usual();
    assert_eq!(world.get("/user.json?username=alice").await.json()["name"], "alice");
    let ask = world.ask("GET", "/user.xml?username=alice").header("accept", "application/json");
    assert_eq!(ask.send().await.xml().name, "user");
    let token = world.json("/event").await["newEventToken"].as_str().unwrap().to_owned();
    let events = world.get(&format!("/event/{token}.json")).await.json();
    assert!(events["newEventToken"].is_string(), "{events}");
}

#[tokio::test]
async fn case_015_errors_are_json_for_who_wants_json() {
    let world = World::usual();
    let ask = world.ask("GET", "/user?username=x").header("accept", "application/json");
    let answer = ask.send().await;
    assert_eq!(answer.status, 404);
    let expected =
        serde_json::json!({"reason": "USER_NOT_FOUND", "message": "User <x> does not exist"});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn case_016_both_context_paths_are_served() {
    let world = World::usual();
    let link =
        |node: crate::tree::Node| node.child("link").unwrap().attribute("href").unwrap().to_owned();
    let user = world.xml("/rest/usermanagement/1/user?username=alice").await;
    assert_eq!(link(user), "http://muster.example.org/rest/usermanagement/1/user?username=alice");
    let user = world.xml("/crowd/rest/usermanagement/1/user?username=alice").await;
    assert_eq!(
        link(user),
        "http://muster.example.org/crowd/rest/usermanagement/1/user?username=alice"
    );
    // Clients that join an address with a slash at its end and a path as they are.
    for context in ["/crowd", ""] {
        let path = format!("{context}//rest/usermanagement/latest/user?username=alice");
        let answer = world.ask_at("GET", &path).send().await;
        assert_eq!(answer.status, 200, "{path}");
        let expected =
            format!("http://muster.example.org{context}/rest/usermanagement/1/user?username=alice");
        assert_eq!(link(answer.xml()), expected);
        let anonymous = world.ask_at("GET", &path).credentials(None).send().await;
        assert_eq!(anonymous.status, 401);
    }
    let ask = world.ask("GET", "/user?username=alice").peer("10.1.1.1");
    let user = ask.header("x-forwarded-proto", "https").send().await.xml();
    assert!(link(user).starts_with("https://"));
}

#[tokio::test]
async fn case_017_an_unsupported_method_is_405() {
    let world = World::usual();
    for (method, path) in [
        ("PATCH", "/user"),
        ("DELETE", "/search"),
        ("POST", "/group/membership"),
        ("PUT", "/group/user/direct"),
        ("POST", "/group/user/nested"),
        ("GET", "/authentication"),
        ("GET", "/user/password"),
    ] {
        let answer = world.ask(method, path).send().await;
        answer.fails(405, "UNSUPPORTED_OPERATION");
        assert!(!answer.header("allow").is_empty());
    }
}

#[tokio::test]
async fn case_018_an_unsupported_body_is_415_and_a_long_one_413() {
    let world = World::usual();
    let path = "/search?entity-type=user";
    let answer = world.ask("POST", path).body("text/plain", "x").send().await;
    answer.fails(415, "UNSUPPORTED_OPERATION");
    let long = format!("<a>{}</a>", "x".repeat(1024 * 1024));
    world.post(path, &long).await.fails(413, "ILLEGAL_ARGUMENT");
}

#[tokio::test]
async fn case_019_a_malformed_body_is_400() {
    let world = World::usual();
    for bad in ["<null-search-restriction>", "x", "<a/><b/>", "<!DOCTYPE a><a/>"] {
        world.post("/search?entity-type=user", bad).await.fails(400, "ILLEGAL_ARGUMENT");
    }
    let ask = world.ask("POST", "/search?entity-type=user").body("application/json", "{");
    ask.send().await.fails(400, "ILLEGAL_ARGUMENT");
}

/// DESIGN.md 10.10: an incomplete answer would make products delete people.
#[tokio::test]
async fn a_view_that_is_not_complete_is_503() {
    let world = World::usual();
    let asks = [
        "/user?username=alice",
        "/event",
        "/event/x",
        "/group/membership",
        "/search?entity-type=user",
        "/group/user/direct?groupname=devs",
    ];
    let refused = async |why: &str| {
        for path in asks {
            let message = world.get(path).await.fails(503, "OPERATION_FAILED");
            assert!(message.contains(why), "{message}");
        }
    };
    let id = directory::id::DirectoryId(1);
    world.change(|all| all.directories.get_mut(&id).unwrap().served_once = false);
    refused("not been read completely").await;
    world.change(|all| all.directories.get_mut(&id).unwrap().removing = true);
    refused("being removed").await;
    world.applications.replace(vec![application(1, "jira", &[])]);
    refused("no directory").await;
}

/// Somebody who cannot be read is missing from lists, so those are refused; everybody else is answered for.
#[tokio::test]
async fn lists_of_a_damaged_directory_are_503_and_single_answers_are_not() {
    let world = World::usual();
    let id = directory::id::DirectoryId(1);
    world.change(|all| all.directories.get_mut(&id).unwrap().incomplete = true);
    for path in [
        "/event",
        "/event/x",
        "/group/membership",
        "/search?entity-type=user",
        "/search?entity-type=group",
        "/group/user/direct?groupname=devs",
        "/user/group/direct?username=alice",
    ] {
        let message = world.get(path).await.fails(503, "OPERATION_FAILED");
        assert!(message.contains("is damaged in the database"), "{message}");
    }
    for path in ["/user?username=alice", "/group?groupname=devs"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
}

/// Over a socket: the body is streamed in chunks, and the header is there too.
#[tokio::test]
async fn a_long_list_goes_over_a_socket_in_chunks() {
    let names: Vec<String> = (0..3000).map(|no| format!("person{no:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(&[crate::world::State::of(&names, &[])]);
    let request = Request::get(
        "/crowd/rest/usermanagement/1/search?entity-type=user&expand=user&max-results=-1",
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        world.router.clone().into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serving = async { axum::serve(listener, service).await };
    let asking = async {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let uri = request.body(()).unwrap().uri().clone();
        let credentials = STANDARD.encode(format!("jira:{PASSWORD}"));
        let head = format!(
            "GET {uri} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::select! {
        answer = asking => answer,
        _ = serving => unreachable!("the server goes on"),
    };
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("x-embedded-crowd-version: muster/"));
    assert!(lower.contains("transfer-encoding: chunked"));
    assert_eq!(answer.matches("<email>").count(), 3000);
}

/// `protocols/crowd.md` 3.12.
#[tokio::test]
async fn applications_are_told_which_server_this_is() {
    let world = World::usual();
    for context in ["/crowd", ""] {
        let path = format!("{context}/rest/admin/1.0/server-info");
        let info = world.json(&path).await;
        assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(info["deploymentType"], "Server");
        assert_eq!(info["baseUrl"], format!("http://muster.example.org{context}"));
        let anonymous = world.ask("GET", &path).credentials(None).send().await;
        assert_eq!(anonymous.status, 401);
    }
}

#[tokio::test]
async fn case_006_a_host_name_admits_the_addresses_that_it_leads_to() {
    let world = World::usual();
    let addresses = vec!["localhost".parse().unwrap(), AddressRule::Unreadable];
    let jira = Application { addresses, ..application(1, "Jira", &[1]) };
    world.applications.replace(vec![jira]);
    let ask = |peer: &str| world.ask("GET", "/user?username=alice").peer(peer).send();
    assert_eq!(ask("127.0.0.1").await.status, 200);
    assert_eq!(ask("192.0.2.1").await.status, 403);
    // A rule that cannot be read is no open door.
    let unreadable = vec![AddressRule::Unreadable];
    let jira = Application { addresses: unreadable, ..application(1, "Jira", &[1]) };
    world.applications.replace(vec![jira]);
    assert_eq!(ask("127.0.0.1").await.status, 403);
}
