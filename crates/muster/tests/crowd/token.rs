//! From where events are told, and until when a token can be asked for: cases 121 to 123.

use std::sync::atomic::Ordering;

use directory::{
    id::{DAY_MS, MINUTE_MS},
    view::Shape,
};
use muster::crowd::Application;

use crate::{
    event::{events, settled_token, short, start, token},
    world::{Person, State, World, application},
};

const WHOLE: &str = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";

#[tokio::test]
async fn case_121_what_changes_during_a_full_reading_is_told() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    world.advance(10 * MINUTE_MS);
    let path = WHOLE.replace("&expand", "&x");
    assert_eq!(world.post(&path, "<null-search-restriction/>").await.status, 200);
    state.people.insert(2, Person::named("carol"));
    world.commit(1, &state);
    // A full reading that takes hours: five minutes of overlap would not do.
    world.advance(DAY_MS / 2);
    assert_eq!(short(&events(&world, &token(&world).await).await), ["user CREATED carol"]);
    // Another address of the application counts for two hours, its own for a day.
    let elsewhere = world.ask("GET", "/event").peer("192.0.2.99").send().await.xml();
    let elsewhere = elsewhere.attribute("newEventToken").unwrap().to_owned();
    assert!(events(&world, &elsewhere).await.children.is_empty());
    world.advance(DAY_MS);
    assert!(events(&world, &token(&world).await).await.children.is_empty());
}

/// What could not be remembered could not be told from, so it is not served.
#[tokio::test]
async fn case_121_a_list_that_cannot_be_remembered_is_not_served() {
    let world = World::usual();
    world.floors.1.store(true, Ordering::SeqCst);
    world.post(WHOLE, "<null-search-restriction/>").await.fails(500, "OPERATION_FAILED");
    world.get(WHOLE).await.fails(500, "OPERATION_FAILED");
    // A page is no whole list.
    assert_eq!(world.get("/search?entity-type=user").await.status, 200);
    world.floors.1.store(false, Ordering::SeqCst);
    assert_eq!(world.get(WHOLE).await.status, 200);
}

#[tokio::test]
async fn case_121_rotating_addresses_and_short_overlap() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    world.advance(10 * MINUTE_MS);
    assert_eq!(world.get(WHOLE).await.status, 200);
    state.people.insert(2, Person::named("carol"));
    world.commit(1, &state);
    world.advance(60 * MINUTE_MS);
    let elsewhere = world.ask("GET", "/event").peer("192.0.2.99").send().await.xml();
    let elsewhere = elsewhere.attribute("newEventToken").unwrap().to_owned();
    assert_eq!(short(&events(&world, &elsewhere).await), ["user CREATED carol"]);
    // Without any reading a token points five minutes back.
    state.people.insert(3, Person::named("dan"));
    world.commit(1, &state);
    world.advance(4 * MINUTE_MS);
    let unread = world.ask("GET", "/event").of("united").send().await.xml();
    let unread = unread.attribute("newEventToken").unwrap().to_owned();
    let ask = world.ask("GET", &format!("/event/{unread}")).of("united");
    assert_eq!(short(&ask.send().await.xml()), ["user CREATED dan"]);
}

#[tokio::test]
async fn case_122_a_token_ahead_is_lag_for_a_minute() {
    let world = World::new(&[start()]);
    let token = settled_token(&world).await;
    let (stem, _) = token.rsplit_once(':').unwrap();
    let ahead = format!("{stem}:{}", world.head().0 + 5);
    let answer = events(&world, &ahead).await;
    assert_eq!(answer.attribute("newEventToken"), Some(ahead.as_str()));
    assert!(answer.children.is_empty());
    world.advance(59_000);
    assert_eq!(events(&world, &ahead).await.attribute("newEventToken"), Some(ahead.as_str()));
    world.advance(1_000);
    world.get(&format!("/event/{ahead}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}

#[tokio::test]
async fn case_123_another_view_is_410() {
    let world = World::new(&[start(), State::of(&["zoe"], &[])]);
    let token = settled_token(&world).await;
    let usual = Shape::default();
    let views = [
        (vec![1], usual),
        (vec![2, 1], usual),
        (vec![1, 2], Shape { aggregate: true, ..usual }),
        (vec![1, 2], Shape { flattened: true, ..usual }),
        (vec![1, 2], Shape { frozen: Some(1), ..usual }),
    ];
    for (directories, shape) in views {
        let jira = Application { shape, ..application(1, "jira", &directories) };
        world.applications.replace(vec![jira]);
        world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
    }
    world.applications.replace(vec![application(1, "jira", &[1, 2])]);
    assert_eq!(events(&world, &token).await.name, "events");
}

/// DESIGN.md 10.8: people of one view and memberships of another are no directory.
#[tokio::test]
async fn case_123_a_view_that_changes_during_a_full_reading_is_410() {
    let world = World::new(&[start(), State::of(&["zoe"], &[])]);
    let sees = |directories: &[u32]| {
        world.applications.replace(vec![application(1, "jira", directories)]);
    };
    sees(&[1]);
    world.advance(10 * MINUTE_MS);
    assert_eq!(world.get(WHOLE).await.status, 200);
    sees(&[1, 2]);
    let straddling = token(&world).await;
    world.get(&format!("/event/{straddling}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
    assert_eq!(world.get(WHOLE).await.status, 200);
    let whole = token(&world).await;
    assert_eq!(events(&world, &whole).await.name, "events");
    // The same of the history: what was read before a restore is of another one.
    world.change(|all| all.epoch += 1);
    let straddling = token(&world).await;
    world.get(&format!("/event/{straddling}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}

/// An application that was removed and added again has other frozen names.
#[tokio::test]
async fn case_123_names_frozen_for_another_application_are_another_view() {
    let world = World::new(&[start()]);
    let frozen = |id| {
        let shape = Shape { frozen: Some(id), ..Shape::default() };
        world.applications.replace(vec![Application { shape, ..application(id, "jira", &[1]) }]);
    };
    frozen(5);
    let token = settled_token(&world).await;
    assert_eq!(events(&world, &token).await.name, "events");
    frozen(6);
    world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}
