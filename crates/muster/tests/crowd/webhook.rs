//! Webhooks as applications see them (`protocols/crowd.md` 3.11); that they are told is proven end to end.

use serde_json::json;

use crate::world::World;

const HOOK: &str = "<webhook><endpointUrl>https://jira.example.org/hook?x=1&amp;y</endpointUrl>\
                    <token>dG9rZW4=</token></webhook>";

#[tokio::test]
async fn a_webhook_is_made_shown_and_removed() {
    let world = World::usual();
    let made = world.post("/webhook", HOOK).await;
    assert_eq!(made.status, 201, "{made:?}");
    let expected = "<webhook><id>1</id><endpointUrl>https://jira.example.org/hook?x=1&amp;y</endpointUrl>\
                    <token>dG9rZW4=</token></webhook>";
    assert!(made.body.ends_with(expected), "{}", made.body);
    let location = "http://muster.example.org/crowd/rest/usermanagement/1/webhook/1";
    assert_eq!(made.header("location"), location);
    let shown = world.json("/webhook/1.json").await;
    let expected =
        json!({"id": 1, "endpointUrl": "https://jira.example.org/hook?x=1&y", "token": "dG9rZW4="});
    assert_eq!(shown, expected);
    assert_eq!(world.ask("DELETE", "/webhook/1").send().await.status, 204);
    let message = world.get("/webhook/1").await.fails(404, "WEBHOOK_NOT_FOUND");
    assert_eq!(message, "Webhook <1> not found");
    let body = json!({"endpointUrl": "http://10.0.0.1/", "link": null}).to_string();
    let ask = world.ask("POST", "/webhook").header("accept", "application/json");
    let made = ask.body("application/json", &body).send().await;
    assert_eq!(
        (made.status.as_u16(), made.json()),
        (201, json!({"id": 1, "endpointUrl": "http://10.0.0.1/"}))
    );
}

#[tokio::test]
async fn a_webhook_is_its_applications_own() {
    let world = World::usual();
    world.post("/webhook", HOOK).await;
    for method in ["GET", "DELETE"] {
        let answer = world.ask(method, "/webhook/1").of("united").send().await;
        let message = answer.fails(403, "APPLICATION_PERMISSION_DENIED");
        assert_eq!(message, "Application does not own Webhook");
        for unknown in ["2", "x", "99999999999999999999", "-1"] {
            let answer = world.ask(method, &format!("/webhook/{unknown}")).send().await;
            answer.fails(404, "WEBHOOK_NOT_FOUND");
        }
    }
    assert_eq!(world.get("/webhook/1").await.status, 200);
}

#[tokio::test]
async fn an_address_that_cannot_be_told_is_refused() {
    let world = World::usual();
    let hook = |url: &str, token: &str| {
        format!("<webhook><endpointUrl>{url}</endpointUrl><token>{token}</token></webhook>")
    };
    for (url, token) in [
        ("", ""),
        ("jira", ""),
        ("ftp://jira.example.org/", ""),
        ("https://user:hush@jira.example.org/", ""),
        ("http://169.254.169.254/latest", ""),
        ("https://jira.example.org/", "a&#10;b"),
    ] {
        let answer = world.post("/webhook", &hook(url, token)).await;
        let message = answer.fails(400, "ILLEGAL_ARGUMENT");
        assert!(!message.contains("hush"), "{message}");
    }
    world.post("/webhook", "").await.fails(400, "ILLEGAL_ARGUMENT");
}
