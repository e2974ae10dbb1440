//! Passwords: cases 89 to 97 as far as they apply, and 107.

use crate::world::World;

async fn check(username: &str, body: &str) -> crate::world::Answer {
    World::usual().post(&format!("/authentication?username={username}"), body).await
}

fn password(value: &str) -> String {
    format!("<password><value>{value}</value></password>")
}

/// DESIGN.md 10.14: no directory checks passwords yet, and says so on 500.
#[tokio::test]
async fn case_089_090_096_no_directory_checks_passwords() {
    let message = check("alice", &password("right or wrong")).await.fails(500, "OPERATION_FAILED");
    assert_eq!(message, "directory directory 1 does not check passwords");
    let world = World::usual();
    let ask = world.ask("POST", "/authentication?username=alice");
    let answer = ask.body("application/json", "{\"value\":\"x\"}").send().await;
    answer.fails(500, "OPERATION_FAILED");
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
}

#[tokio::test]
async fn case_093_character_data_is_understood() {
    let body = password("<![CDATA[ a]]]]><![CDATA[>ü ]]>");
    check("alice", &body).await.fails(500, "OPERATION_FAILED");
}

#[tokio::test]
async fn case_094_an_empty_password_never_passes() {
    for body in ["", "<password/>", "<password><value/></password>"] {
        check("alice", body).await.fails(400, "INVALID_USER_AUTHENTICATION");
    }
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
    let cookie = world.json("/config/cookie.json").await;
    assert_eq!(cookie, serde_json::json!({"secure": false, "name": "crowd.token_key"}));
}
