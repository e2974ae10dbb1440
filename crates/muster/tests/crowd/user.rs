//! People: cases 20 to 36.

use crate::world::World;

#[tokio::test]
async fn case_020_a_user_in_xml() {
    let answer = World::usual().get("/user?username=alice").await;
    insta::assert_snapshot!(answer.body, @r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><user name="alice" expand="attributes"><link href="http://muster.example.org/crowd/rest/usermanagement/1/user?username=alice" rel="self"/><first-name>First alice</first-name><last-name>Last</last-name><display-name>First alice Last</display-name><email>alice@example.org</email><password><link href="http://muster.example.org/crowd/rest/usermanagement/1/user/password?username=alice" rel="edit"/></password><key>1:u0</key><created-date>2024-01-01T00:00:00.000Z</created-date><updated-date>2024-01-01T00:00:00.000Z</updated-date><active>true</active><attributes><link href="http://muster.example.org/crowd/rest/usermanagement/1/user/attribute?username=alice" rel="self"/></attributes></user>"#);
}

#[tokio::test]
async fn case_021_a_user_in_json() {
    let user = World::usual().json("/user?username=alice").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&user).unwrap(), @r#"
    {
      "active": true,
      "attributes": {
        "attributes": [],
        "link": {
          "href": "http://muster.example.org/crowd/rest/usermanagement/1/user/attribute?username=alice",
          "rel": "self"
        }
      },
      "created-date": 1704067200000,
      "display-name": "First alice Last",
      "email": "alice@example.org",
      "expand": "attributes",
      "first-name": "First alice",
      "key": "1:u0",
      "last-name": "Last",
      "link": {
        "href": "http://muster.example.org/crowd/rest/usermanagement/1/user?username=alice",
        "rel": "self"
      },
      "name": "alice",
      "password": {
        "link": {
          "href": "http://muster.example.org/crowd/rest/usermanagement/1/user/password?username=alice",
          "rel": "edit"
        }
      },
      "updated-date": 1704067200000
    }
    "#);
}

#[tokio::test]
async fn case_022_names_match_in_any_case() {
    let user = World::usual().xml("/user?username=ALICE").await;
    assert_eq!(user.attribute("name"), Some("alice"));
}

/// Muster serves no attributes, so there is a list with nothing but its link.
#[tokio::test]
async fn case_023_expanded_attributes() {
    let user = World::usual().xml("/user?username=alice&expand=attributes").await;
    let attributes = user.child("attributes").unwrap();
    assert_eq!(attributes.children.len(), 1);
    assert_eq!(attributes.children[0].attribute("rel"), Some("self"));
}

#[tokio::test]
async fn case_024_an_unknown_user_is_404() {
    let message = World::usual().get("/user?username=nobody").await.fails(404, "USER_NOT_FOUND");
    assert_eq!(message, "User <nobody> does not exist");
}

#[tokio::test]
async fn case_025_no_name_is_400() {
    World::usual().get("/user").await.fails(400, "ILLEGAL_ARGUMENT");
    World::usual().get("/user?username=").await.fails(400, "ILLEGAL_ARGUMENT");
}

#[tokio::test]
async fn case_026_a_key_finds_the_same_user() {
    let world = World::usual();
    let by_name = world.get("/user?username=alice").await;
    let key = by_name.xml().text_of("key").unwrap().to_owned();
    assert_eq!(key, "1:u0");
    assert_eq!(world.get(&format!("/user?key={key}")).await.body, by_name.body);
    for unknown in ["1:u99", "2:u0", "x", "u0", "1:"] {
        let answer = world.get(&format!("/user?key={unknown}")).await;
        assert!(answer.fails(404, "USER_NOT_FOUND").contains("externalId="));
    }
}

#[tokio::test]
async fn case_027_an_inactive_user_says_so() {
    let user = World::usual().xml("/user?username=bob").await;
    assert_eq!(user.text_of("active"), Some("false"));
}

#[tokio::test]
async fn case_028_odd_names_round_trip() {
    let world = World::usual();
    let user = world.xml("/user?username=Ann+b%2Bc%26%C3%B6%25").await;
    assert_eq!(user.attribute("name"), Some("Ann b+c&ö%"));
    let href = user.child("link").unwrap().attribute("href").unwrap();
    let path = href.strip_prefix("http://muster.example.org").unwrap();
    assert!(path.ends_with("?username=Ann%20b%2Bc%26%C3%B6%25"), "{path}");
    assert_eq!(world.xml(path).await.attribute("name"), Some("Ann b+c&ö%"));
}

#[tokio::test]
async fn case_029_what_there_is_not_is_left_out() {
    let world = World::usual();
    assert!(world.xml("/user?username=carl").await.child("email").is_none());
    assert!(world.json("/user?username=carl").await.get("email").is_none());
}

#[tokio::test]
async fn case_030_attributes_are_a_document_of_their_own() {
    let world = World::usual();
    assert_eq!(world.xml("/user/attribute?username=alice").await.name, "attributes");
    let json = world.json("/user/attribute?username=alice").await;
    assert_eq!(json["attributes"], serde_json::json!([]));
    world.get("/user/attribute?username=x").await.fails(404, "USER_NOT_FOUND");
}

const USER: &str = "<user name=\"new\"><first-name>N</first-name>\
    <password><value>secret</value></password></user>";

async fn is_forbidden(method: &str, path: &str, body: &str) {
    let world = World::usual();
    let answer = world.ask(method, path).body("application/xml", body).send().await;
    answer.fails(403, "APPLICATION_PERMISSION_DENIED");
}

#[tokio::test]
async fn case_031_no_user_can_be_added() {
    is_forbidden("POST", "/user", USER).await;
}

#[tokio::test]
async fn case_032_no_user_can_be_changed() {
    is_forbidden("PUT", "/user?username=alice", USER).await;
}

#[tokio::test]
async fn case_033_no_password_can_be_set() {
    let password = "<password><value>x</value></password>";
    is_forbidden("PUT", "/user/password?username=alice", password).await;
    is_forbidden("DELETE", "/user/password?username=alice", "").await;
    let world = World::usual();
    let ask = world.ask("PUT", "/user/password?username=x").body("application/xml", password);
    ask.send().await.fails(404, "USER_NOT_FOUND");
}

#[tokio::test]
async fn case_034_nothing_else_of_a_user_can_be_written() {
    let attributes = "<attributes><attribute name=\"k\"><values><value>v</value></values>\
        </attribute></attributes>";
    is_forbidden("DELETE", "/user?username=alice", "").await;
    is_forbidden("POST", "/user/attribute?username=alice", attributes).await;
    is_forbidden("DELETE", "/user/attribute?username=alice&attributename=k", "").await;
    let rename = "<rename><new-name>al</new-name></rename>";
    is_forbidden("POST", "/user/rename?username=alice", rename).await;
    is_forbidden("POST", "/user/expire-all-passwords?confirm=true", "").await;
    let world = World::usual();
    let answer = world.ask("DELETE", "/user?username=x").send().await;
    answer.fails(404, "USER_NOT_FOUND");
}

#[tokio::test]
async fn case_035_no_mail_is_sent() {
    is_forbidden("POST", "/user/mail/password?username=alice", "").await;
    is_forbidden("POST", "/user/mail/usernames?email=a@example.org", "").await;
}

#[tokio::test]
async fn case_036_an_echoed_user_is_understood() {
    let world = World::usual();
    let json = world.json("/user?username=alice").await.to_string();
    let ask = world.ask("PUT", "/user?username=alice").body("application/json", &json);
    ask.send().await.fails(403, "APPLICATION_PERMISSION_DENIED");
}

/// The writable cases in their refused form: well-formed and forbidden, whoever is named.
#[tokio::test]
async fn case_037_a_new_user_is_refused_in_json_too() {
    let world = World::usual();
    let body = serde_json::json!({"name": "new", "first-name": "N", "password": {"value": "x"}});
    let ask = world.ask("POST", "/user").header("accept", "application/json");
    let answer = ask.body("application/json", &body.to_string()).send().await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["reason"], "APPLICATION_PERMISSION_DENIED");
}

#[tokio::test]
async fn case_038_an_existing_user_cannot_be_added() {
    is_forbidden("POST", "/user", &USER.replace("new", "alice")).await;
}

#[tokio::test]
async fn case_039_no_user_can_be_renamed() {
    let world = World::usual();
    for body in [r#"{"new-name":"al"}"#, r#"{"newName":"al"}"#] {
        let ask = world.ask("POST", "/user/rename?username=alice");
        let answer = ask.body("application/json", body).send().await;
        answer.fails(403, "APPLICATION_PERMISSION_DENIED");
    }
    assert_eq!(world.get("/user?username=alice").await.status, 200);
}
