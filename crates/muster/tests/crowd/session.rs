//! Single sign-on sessions: cases 98 to 106.

use directory::id::{DAY_MS, MINUTE_MS};
use serde_json::json;

use crate::{
    tree::Node,
    world::{Answer, PASSWORD, RIGHT, State, World, application},
};

const HERE: &str = "<validation-factor><name>remote_address</name><value>127.0.0.1</value>\
                    </validation-factor>";

fn context(user: &str, password: &str, factors: &str) -> String {
    let password = password.replace(']', "&#93;");
    format!(
        "<authentication-context><username>{user}</username><password>{password}</password>\
         <validation-factors>{factors}</validation-factors></authentication-context>"
    )
}

fn factors(factors: &str) -> String {
    format!("<validation-factors>{factors}</validation-factors>")
}

async fn log_in(world: &World, user: &str) -> String {
    let answer = world.post("/session", &context(user, RIGHT, HERE)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    token(&answer.xml())
}

fn token(session: &Node) -> String {
    session.text_of("token").unwrap().to_owned()
}

fn names(node: &Node) -> Vec<&str> {
    node.children.iter().map(|child| child.name.as_str()).collect()
}

async fn delete(world: &World, path: &str) -> Answer {
    world.ask("DELETE", path).send().await
}

async fn status(world: &World, token: &str) -> u16 {
    world.get(&format!("/session/{token}")).await.status.as_u16()
}

#[tokio::test]
async fn case_098_a_session_is_made() {
    let world = World::usual();
    let answer = world.post("/session", &context("ALICE", RIGHT, HERE)).await;
    assert_eq!(answer.status, 201);
    let session = answer.xml();
    assert_eq!((session.name.as_str(), session.attribute("expand")), ("session", Some("user")));
    assert_eq!(names(&session), ["token", "user", "link", "created-date", "expiry-date"]);
    let user = session.child("user").unwrap();
    assert_eq!((user.attribute("name"), names(user)), (Some("alice"), vec!["link"]));
    let expected = format!(
        "http://muster.example.org/crowd/rest/usermanagement/1/session/{}",
        token(&session)
    );
    assert_eq!(answer.header("location"), expected);
    assert_eq!(session.child("link").unwrap().attribute("href"), Some(expected.as_str()));

    let ask = world.ask("POST", "/session?expand=user").header("accept", "application/json");
    let body = json!({"username": "alice", "password": RIGHT, "validation-factors":
        {"validationFactors": [{"name": "remote_address", "value": "127.0.0.1"}]}});
    let answer = ask.body("application/json", &body.to_string()).send().await;
    assert_eq!(answer.status, 201);
    let session = answer.json();
    let (created, expires) = (&session["created-date"], &session["expiry-date"]);
    assert_eq!(expires.as_i64().unwrap() - created.as_i64().unwrap(), 30 * MINUTE_MS);
    assert_eq!(session["user"]["email"], "alice@example.org");
    assert_eq!(session["expand"], "user");
}

#[tokio::test]
async fn case_099_a_wrong_password_or_name() {
    let world = World::usual();
    for (user, password, reason) in [
        ("alice", "wrong", "INVALID_USER_AUTHENTICATION"),
        ("alice", "", "INVALID_USER_AUTHENTICATION"),
        ("nobody", RIGHT, "INVALID_USER_AUTHENTICATION"),
        ("bob", RIGHT, "INACTIVE_ACCOUNT"),
        ("alice", "expired", "EXPIRED_CREDENTIAL"),
    ] {
        world.post("/session", &context(user, password, HERE)).await.fails(400, reason);
    }
    let answer = world.post("/session", &context("nobody", RIGHT, HERE)).await;
    let message = answer.fails(400, "INVALID_USER_AUTHENTICATION");
    let expected =
        "Account with name <nobody> failed to authenticate: User <nobody> does not exist";
    assert_eq!(message, expected);
    world.post("/session", &context("", RIGHT, HERE)).await.fails(400, "ILLEGAL_ARGUMENT");
    world.post("/session", "").await.fails(400, "ILLEGAL_ARGUMENT");
    world.post("/session", &context("alice", "down", HERE)).await.fails(500, "OPERATION_FAILED");
}

#[tokio::test]
async fn case_100_without_a_password() {
    let world = World::usual();
    let body = "<authentication-context><username>alice</username></authentication-context>";
    let answer = world.post("/session?validate-password=false", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(status(&world, &token(&answer.xml())).await, 200);
    world.post("/session", body).await.fails(400, "INVALID_USER_AUTHENTICATION");
    let inactive = "<authentication-context><username>bob</username></authentication-context>";
    let answer = world.post("/session?validate-password=false", inactive).await;
    answer.fails(400, "INACTIVE_ACCOUNT");
}

#[tokio::test]
async fn case_101_other_spellings() {
    let world = World::usual();
    let factor = json!([{"name": "remote_address", "value": "127.0.0.1"}]);
    let body = json!({"userName": "alice", "password": RIGHT,
        "validation-factors": {"validation-factor": factor}});
    let ask = world.ask("POST", "/session").body("application/json", &body.to_string());
    let answer = ask.send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let path = format!("/session/{}", token(&answer.xml()));
    assert_eq!(world.post(&path, &factors(HERE)).await.status, 200);
}

#[tokio::test]
async fn case_102_a_session_is_bound_to_its_factors() {
    let world = World::usual();
    let path = format!("/session/{}", log_in(&world, "alice").await);
    let answer = world.post(&path, &factors(HERE)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(names(answer.xml().child("user").unwrap()), ["link"]);
    let full = world.post(&format!("{path}?expand=user"), &factors(HERE)).await.xml();
    assert_eq!(full.child("user").unwrap().text_of("email"), Some("alice@example.org"));
    let there = HERE.replace("127.0.0.1", "127.0.0.2");
    for other in [factors(&there), factors(""), factors(&format!("{HERE}{there}")), String::new()] {
        let message = world.post(&path, &other).await.fails(400, "INVALID_SSO_TOKEN");
        assert_eq!(message, "Token does not validate.");
    }
    // No factors are factors too.
    let bare = world.post("/session", &context("alice", RIGHT, "")).await.xml();
    let ask = world.ask("POST", &format!("/session/{}", token(&bare)));
    assert_eq!(ask.body("application/json", "{}").send().await.status, 200);
    let message = world.post("/session/x", &factors(HERE)).await.fails(404, "INVALID_SSO_TOKEN");
    assert_eq!(message, "Token does not exist.");
}

#[tokio::test]
async fn case_103_a_session_is_shown() {
    let world = World::usual();
    let path = format!("/session/{}", log_in(&world, "alice").await);
    for path in [format!("{path}?expand=user"), path.clone()] {
        let session = world.xml(&path).await;
        assert_eq!(names(&session), ["token", "user", "link", "created-date", "expiry-date"]);
        let user = session.child("user").unwrap();
        assert_eq!(user.text_of("email"), Some("alice@example.org"));
    }
    let session = world.json(&format!("{path}.json")).await;
    assert_eq!(session["user"]["name"], "alice");
}

#[tokio::test]
async fn case_104_a_session_is_ended() {
    let world = World::usual();
    let path = format!("/session/{}", log_in(&world, "alice").await);
    assert_eq!(delete(&world, &path).await.status, 204);
    assert_eq!(delete(&world, &path).await.status, 204);
    world.get(&path).await.fails(404, "INVALID_SSO_TOKEN");
    world.post(&path, &factors(HERE)).await.fails(404, "INVALID_SSO_TOKEN");
}

#[tokio::test]
async fn case_105_all_sessions_of_a_person_but_one() {
    let world = World::usual();
    let (one, two) = (log_in(&world, "alice").await, log_in(&world, "alice").await);
    let other = log_in(&world, "carl").await;
    let answer = delete(&world, &format!("/session?username=Alice&exclude={one}")).await;
    assert_eq!(answer.status, 204);
    for (token, expected) in [(&one, 200), (&two, 404), (&other, 200)] {
        assert_eq!(status(&world, token).await, expected);
    }
    assert_eq!(delete(&world, "/session?username=alice").await.status, 204);
    assert_eq!((status(&world, &one).await, status(&world, &other).await), (404, 200));
    delete(&world, "/session?username=nobody").await.fails(404, "USER_NOT_FOUND");
    delete(&world, "/session").await.fails(400, "ILLEGAL_ARGUMENT");
}

#[tokio::test]
async fn case_106_sessions_end_by_time() {
    let world = World::usual();
    let body = context("alice", RIGHT, HERE);
    let short = token(&world.post("/session?duration=120", &body).await.xml());
    let long = token(&world.post(&format!("/session?duration={DAY_MS}"), &body).await.xml());
    let path = format!("/session/{short}");
    // Use makes it last, a look at it does not.
    world.advance(100_000);
    assert_eq!(world.post(&path, &factors(HERE)).await.status, 200);
    world.advance(100_000);
    assert_eq!(status(&world, &short).await, 200);
    world.advance(20_000);
    world.get(&path).await.fails(404, "INVALID_SSO_TOKEN");
    world.post(&path, &factors(HERE)).await.fails(404, "INVALID_SSO_TOKEN");
    // What is asked for is capped at what the server allows.
    let session = world.json(&format!("/session/{long}.json")).await;
    let lasts =
        session["expiry-date"].as_i64().unwrap() - session["created-date"].as_i64().unwrap();
    assert_eq!(lasts, 30 * MINUTE_MS);
    world.advance(30 * MINUTE_MS);
    assert_eq!(status(&world, &long).await, 404);
    for bad in ["0", "-1", "x", "99999999999999999999"] {
        let answer = world.post(&format!("/session?duration={bad}"), &body).await;
        answer.fails(400, "ILLEGAL_ARGUMENT");
    }
    let most = world.post(&format!("/session?duration={}", i64::MAX), &body).await;
    assert_eq!(most.status, 201);
}

/// Sessions follow the person: over a rename, to the end of their account, and never to a namesake.
#[tokio::test]
async fn sessions_are_of_people_not_of_names() {
    let mut state = State::of(&["alice", "bob"], &[]);
    let world = World::new(&[state.clone(), State::default()]);
    let session = log_in(&world, "alice").await;
    let path = format!("/session/{session}");
    "alicia".clone_into(&mut state.people.get_mut(&0).unwrap().name);
    "alice".clone_into(&mut state.people.get_mut(&1).unwrap().name);
    world.commit(1, &state);
    let shown = world.xml(&path).await;
    assert_eq!(shown.child("user").unwrap().attribute("name"), Some("alicia"));
    state.people.get_mut(&0).unwrap().active = false;
    world.commit(1, &state);
    world.get(&path).await.fails(404, "INVALID_SSO_TOKEN");
    state.people.get_mut(&0).unwrap().active = true;
    world.commit(1, &state);
    assert_eq!(status(&world, &session).await, 200);
    state.people.remove(&0);
    world.commit(1, &state);
    world.get(&path).await.fails(404, "INVALID_SSO_TOKEN");
}

/// A session of one application is one of all that see the person, and of no other.
#[tokio::test]
async fn sessions_are_shared_by_applications_that_see_the_person() {
    let (one, two) = (State::of(&["alice"], &[]), State::of(&["bob"], &[]));
    let world = World::new(&[one, two]);
    let applications = [("jira", &[1, 2][..]), ("wiki", &[1]), ("code", &[2])];
    let all =
        (1..).zip(applications).map(|(id, (name, directories))| application(id, name, directories));
    world.applications.replace(all.collect());
    let path = format!("/session/{}", log_in(&world, "alice").await);
    assert_eq!(world.ask("GET", &path).of("wiki").send().await.status, 200);
    let answer = world.ask("GET", &path).of("code").send().await;
    let message = answer.fails(403, "APPLICATION_ACCESS_DENIED");
    assert_eq!(message, "User does not have access to application code");
    assert!(!format!("{answer:?}").contains(PASSWORD));
}
