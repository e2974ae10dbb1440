//! Passwords: cases 89 to 97 on a `sign_in` of the tests' own, and 107.

use muster::crowd::{Settings, Unchecked};

use crate::world::{RIGHT, World};

async fn check(username: &str, body: &str) -> crate::world::Answer {
    World::usual().post(&format!("/authentication?username={username}"), body).await
}

fn password(value: &str) -> String {
    format!("<password><value>{value}</value></password>")
}

#[tokio::test]
async fn case_089_the_right_password() {
    let answer = check("ALICE", &password(&RIGHT.replace(']', "&#93;"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let user = answer.xml();
    assert_eq!((user.name.as_str(), user.attribute("name")), ("user", Some("alice")));
    assert_eq!(user.text_of("email"), Some("alice@example.org"));
    let world = World::usual();
    let ask = world.ask("POST", "/authentication?username=alice");
    let body = serde_json::json!({"value": RIGHT}).to_string();
    let answer = ask.header("accept", "application/json").body("application/json", &body);
    assert_eq!(answer.send().await.json()["name"], "alice");
}

#[tokio::test]
async fn case_090_a_wrong_password() {
    let message =
        check("alice", &password("wrong")).await.fails(400, "INVALID_USER_AUTHENTICATION");
    assert_eq!(message, "Failed to authenticate principal, password was invalid");
}

#[tokio::test]
async fn case_091_an_unknown_user_is_400() {
    check("nobody", &password("x")).await.fails(400, "USER_NOT_FOUND");
    check("", &password("x")).await.fails(400, "ILLEGAL_ARGUMENT");
}

#[tokio::test]
async fn case_092_an_inactive_user_is_400() {
    let message = check("bob", &password("x")).await.fails(400, "INACTIVE_ACCOUNT");
    assert_eq!(message, "Account with name <bob> is inactive");
    // What the provider knows and the directory not yet.
    check("alice", &password("locked")).await.fails(400, "INACTIVE_ACCOUNT");
    check("alice", &password("expired")).await.fails(400, "EXPIRED_CREDENTIAL");
}

#[tokio::test]
async fn case_093_passwords_are_taken_as_they_are() {
    let body = password("<![CDATA[ s3cret ü]]]]><![CDATA[>]]>");
    assert_eq!(check("alice", &body).await.status, 200);
    let bare = password(RIGHT.trim()).replace("]]>", "]]&gt;");
    check("alice", &bare).await.fails(400, "INVALID_USER_AUTHENTICATION");
}

#[tokio::test]
async fn case_094_an_empty_password_never_passes() {
    for body in ["", "<password/>", "<password><value/></password>"] {
        check("alice", body).await.fails(400, "INVALID_USER_AUTHENTICATION");
    }
}

#[tokio::test]
async fn case_095_whom_the_provider_does_not_let_in_here() {
    let message = check("alice", &password("not here")).await;
    let message = message.fails(400, "INVALID_USER_AUTHENTICATION");
    assert_eq!(message, "User is not allowed to authenticate with the application");
}

/// DESIGN.md 10.14: products ask their next directory, unless the operator does not want that.
#[tokio::test]
async fn case_096_nobody_can_be_asked() {
    let message = check("alice", &password("down")).await.fails(500, "OPERATION_FAILED");
    assert_eq!(message, "the provider of directory directory 1 could not be asked");
    let message = check("alice", &password("unchecked")).await.fails(500, "OPERATION_FAILED");
    assert_eq!(message, "directory directory 1 does not check passwords");
    let settings = Settings { unchecked: Unchecked::Refuse, ..Settings::default() };
    let world = World::with(&World::usual_states(), settings);
    let answer = world.post("/authentication?username=alice", &password("unchecked")).await;
    answer.fails(400, "INVALID_USER_AUTHENTICATION");
}

#[tokio::test]
async fn case_097_notifications() {
    let world = World::usual();
    let path = |name| format!("/authentication/notify?username={name}");
    let user = world.post(&path("ALICE"), "<password/>").await;
    assert_eq!((user.status.as_u16(), user.xml().attribute("name")), (200, Some("alice")));
    assert_eq!(world.ask("POST", &path("alice")).send().await.status, 200);
    world.post(&path("x"), "<password/>").await.fails(400, "USER_NOT_FOUND");
    world.post(&path("bob"), "<password/>").await.fails(400, "INACTIVE_ACCOUNT");
}

#[tokio::test]
async fn case_107_the_cookie() {
    let world = World::usual();
    let answer = world.get("/config/cookie").await;
    let expected = "<cookie-config><secure>false</secure><name>crowd.token_key</name>\
        </cookie-config>";
    assert!(answer.body.ends_with(expected), "{}", answer.body);
    let cookie_domain = Some(".example.org".to_owned());
    let settings = Settings { cookie_domain, ..Settings::default() };
    let world = World::with(&World::usual_states(), settings);
    let answer = world.get("/config/cookie").await;
    let expected = "<cookie-config><domain>.example.org</domain><secure>false</secure>\
        <name>crowd.token_key</name></cookie-config>";
    assert!(answer.body.ends_with(expected), "{}", answer.body);
    let cookie = world.json("/config/cookie.json").await;
    let expected =
        serde_json::json!({"domain": ".example.org", "secure": false, "name": "crowd.token_key"});
    assert_eq!(cookie, expected);
}
