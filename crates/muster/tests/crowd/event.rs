//! Events: cases 108 to 120, and 124.

use directory::id::{DirectoryId, MINUTE_MS};
use muster::crowd::Settings;

use crate::{
    tree::Node,
    world::{Person, State, Team, World},
};

pub(crate) fn start() -> State {
    State::of(&["alice", "bob"], &[Team::of("devs", &[0], &[]), Team::of("leads", &[], &[])])
}

pub(crate) async fn token(world: &World) -> String {
    let events = world.xml("/event").await;
    events.attribute("newEventToken").unwrap().to_owned()
}

/// A token of the present, as if nothing had happened for long.
pub(crate) async fn settled_token(world: &World) -> String {
    world.advance(10 * MINUTE_MS);
    token(world).await
}

pub(crate) async fn events(world: &World, token: &str) -> Node {
    world.xml(&format!("/event/{token}")).await
}

/// Events in short: `element OPERATION name`, and what else they hold.
pub(crate) fn short(events: &Node) -> Vec<String> {
    let list = |event: &Node, element: &str| {
        let mut names = event.child(element).unwrap().names();
        names.sort_unstable();
        names.join(" ")
    };
    let one = |event: &Node| {
        let operation = event.text_of("operation").unwrap();
        let name = |element: &str| event.child(element).unwrap().attribute("name").unwrap();
        match event.name.as_str() {
            "userEvent" => format!("user {operation} {}", name("user")),
            "groupEvent" => format!("group {operation} {}", name("group")),
            "userMembershipEvent" => {
                format!(
                    "member {operation} {} in {}",
                    name("childUser"),
                    list(event, "parentGroups")
                )
            }
            "groupMembershipEvent" => format!(
                "nested {operation} {} in [{}] holds [{}]",
                name("group"),
                list(event, "parentGroups"),
                list(event, "childGroups")
            ),
            other => panic!("{other}"),
        }
    };
    events.children.iter().map(one).collect()
}

/// What is told of one change by several runs.
async fn told(runs: &[&dyn Fn(&mut State)]) -> Vec<String> {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    for run in runs {
        run(&mut state);
        world.advance(MINUTE_MS);
        world.commit(1, &state);
    }
    short(&events(&world, &token).await)
}

#[tokio::test]
async fn case_108_the_present_token() {
    let world = World::usual();
    let events = world.xml("/event").await;
    assert_eq!(events.name, "events");
    assert_eq!(events.attribute("incrementalSynchronisationAvailable"), Some("true"));
    assert!(events.attribute("newEventToken").is_some());
    let json = world.json("/event").await;
    assert_eq!(json["incrementalSynchronisationAvailable"], true);
    assert!(json["newEventToken"].is_string());
}

#[tokio::test]
async fn case_109_a_fresh_token_has_no_events() {
    let world = World::usual();
    let token = settled_token(&world).await;
    let answer = world.get(&format!("/event/{token}")).await;
    let expected = format!("<events newEventToken=\"{token}\"/>");
    assert!(answer.body.ends_with(&expected), "{}", answer.body);
    let json = world.json(&format!("/event/{token}")).await;
    assert_eq!(json, serde_json::json!({"newEventToken": token, "events": []}));
}

#[tokio::test]
async fn case_110_an_encoded_token() {
    let world = World::usual();
    let token = token(&world).await;
    assert!(token.contains(':'));
    assert_eq!(events(&world, &token.replace(':', "%3A")).await.name, "events");
}

#[tokio::test]
async fn case_111_users_come_change_and_go() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    state.people.insert(2, Person::named("carol"));
    state.people.get_mut(&1).unwrap().email = "new@example.org".to_owned();
    world.commit(1, &state);
    let first = events(&world, &token).await;
    assert_eq!(short(&first), ["user UPDATED bob", "user CREATED carol"]);
    let bob = first.children[0].child("user").unwrap();
    assert_eq!(bob.text_of("email"), Some("new@example.org"));
    assert_eq!((bob.text_of("key"), bob.text_of("active")), (Some("1:u1"), Some("true")));
    state.people.remove(&1);
    world.commit(1, &state);
    let next = first.attribute("newEventToken").unwrap();
    let second = events(&world, next).await;
    assert_eq!(short(&second), ["user DELETED bob"]);
    let gone = second.children[0].child("user").unwrap();
    assert_eq!(gone.text_of("active"), Some("true"));
}

#[tokio::test]
async fn case_112_groups_come_change_and_go() {
    let told = told(&[&|state| {
        state.teams.insert(2, Team::of("ops", &[], &[]));
        state.teams.get_mut(&0).unwrap().description = "x".to_owned();
        state.teams.remove(&1);
    }]);
    let expected = ["group DELETED leads", "group UPDATED devs", "group CREATED ops"];
    assert_eq!(told.await, expected);
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    state.teams.insert(2, Team::of("ops", &[], &[]));
    world.commit(1, &state);
    let group = events(&world, &token).await.children[0].child("group").unwrap().clone();
    assert_eq!((group.text_of("type"), group.text_of("active")), (Some("GROUP"), Some("true")));
}

#[tokio::test]
async fn case_113_memberships_come_and_go() {
    let told = told(&[&|state| {
        state.teams.get_mut(&0).unwrap().users = [1].into();
        state.teams.get_mut(&1).unwrap().users = [1].into();
    }]);
    let expected = ["member DELETED alice in devs", "member CREATED bob in devs leads"];
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn case_114_nestings_come_and_go() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    state.teams.get_mut(&0).unwrap().groups = [1].into();
    world.commit(1, &state);
    let first = events(&world, &token).await;
    assert_eq!(short(&first), ["nested CREATED leads in [devs] holds []"]);
    state.teams.get_mut(&0).unwrap().groups.clear();
    world.commit(1, &state);
    let second = events(&world, first.attribute("newEventToken").unwrap()).await;
    assert_eq!(short(&second), ["nested DELETED leads in [devs] holds []"]);
    let json = world.json(&format!("/event/{token}")).await;
    let event = &json["events"][0]["groupMembershipEvent"];
    assert_eq!(event["operation"], "DELETED");
    assert_eq!(event["parentGroups"]["groups"][0]["name"], "devs");
    assert_eq!(event["childGroups"]["groups"], serde_json::json!([]));
}

#[tokio::test]
async fn case_115_a_user_comes_before_their_memberships() {
    let told = told(&[
        &|state| drop(state.people.insert(2, Person::named("carol"))),
        &|state| state.teams.get_mut(&0).unwrap().users.extend([2]),
        &|state| drop(state.teams.insert(2, Team::of("ops", &[1, 2], &[0]))),
    ]);
    let expected = [
        "group CREATED ops",
        "user CREATED carol",
        "member CREATED bob in ops",
        "member CREATED carol in devs ops",
        "nested CREATED devs in [ops] holds []",
    ];
    assert_eq!(told.await, expected);
}

/// A token points into the past, so what is new since then may be known, with what it had in between.
#[tokio::test]
async fn case_115_what_a_new_user_had_in_between_is_taken_away() {
    let told = told(&[
        &|state| drop(state.people.insert(2, Person::named("carol"))),
        &|state| state.teams.get_mut(&0).unwrap().users.extend([2]),
        &|state| state.teams.get_mut(&0).unwrap().users.retain(|no| *no != 2),
        &|state| drop(state.teams.insert(2, Team::of("ops", &[1, 2], &[1]))),
        &|state| state.teams.get_mut(&2).unwrap().users.clear(),
        &|state| state.teams.get_mut(&2).unwrap().groups.clear(),
    ]);
    let expected = [
        "member DELETED bob in ops",
        "member DELETED carol in devs ops",
        "nested DELETED leads in [ops] holds []",
        "group CREATED ops",
        "user CREATED carol",
    ];
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn case_116_who_went_and_came_goes_before_coming() {
    let told = told(&[
        &|state| {
            state.people.remove(&0);
            state.tidy();
        },
        &|state| {
            state.people.insert(5, Person::named("alice"));
            state.teams.get_mut(&1).unwrap().users.insert(5);
        },
    ]);
    let expected = ["user DELETED alice", "user CREATED alice", "member CREATED alice in leads"];
    assert_eq!(told.await, expected);
    let same = told_again().await;
    let expected = ["group DELETED devs", "group CREATED devs", "member CREATED alice in devs"];
    assert_eq!(same, expected);
}

async fn told_again() -> Vec<String> {
    told(&[&|state| drop(state.teams.remove(&0)), &|state| {
        drop(state.teams.insert(7, Team::of("devs", &[0], &[])));
    }])
    .await
}

#[tokio::test]
async fn case_117_a_rename_is_410_and_a_later_token_works() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    state.people.get_mut(&0).unwrap().name = "alicia".to_owned();
    world.commit(1, &state);
    world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
    let token = settled_token(&world).await;
    assert!(events(&world, &token).await.children.is_empty());
    // By going and coming under another name, too.
    let gone = state.people.remove(&1).unwrap();
    world.commit(1, &state);
    state.people.insert(1, Person { name: "robert".to_owned(), ..gone });
    world.commit(1, &state);
    world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_change_of_spelling_is_an_update() {
    let told = told(&[&|state| state.people.get_mut(&0).unwrap().name = "Alice".to_owned()]);
    assert_eq!(told.await, ["user UPDATED Alice"]);
}

#[tokio::test]
async fn a_renamed_group_goes_and_comes_with_its_members() {
    let told = told(&[&|state| {
        let devs = state.teams.get_mut(&0).unwrap();
        devs.name = "makers".to_owned();
        devs.groups.insert(1);
    }]);
    let expected = [
        "group DELETED devs",
        "group CREATED makers",
        "member CREATED alice in makers",
        "nested CREATED leads in [makers] holds []",
    ];
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn case_118_foreign_and_broken_tokens_are_410() {
    let world = World::usual();
    let good = token(&world).await;
    let seq = good.rsplit(':').next().unwrap().to_owned();
    let foreign_epoch = good.replace("instance-1:1:", "instance-1:2:");
    let foreign = good.replace("instance-1", "instance-2");
    let truncated = good[..good.len() - seq.len()].to_owned();
    for bad in ["garbage", "", "%20", "1:2", ":::", &foreign_epoch, &foreign, &truncated] {
        let answer = world.get(&format!("/event/{bad}")).await;
        answer.fails(410, "EVENT_TOKEN_EXPIRED");
    }
}

#[tokio::test]
async fn case_119_too_much_and_too_long_ago_are_410() {
    let world = World::new(&[start()]);
    let token = settled_token(&world).await;
    let names: Vec<String> = (0..50_001).map(|no| format!("p{no}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.commit(1, &State { people: State::of(&names, &[]).people, teams: start().teams });
    world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
    let world = World::new(&[start()]);
    let old = settled_token(&world).await;
    world.change(|all| {
        all.head.0 += 10;
        all.recent = directory::recent::Recent::from(all.head);
    });
    world.get(&format!("/event/{old}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}

#[tokio::test]
async fn case_120_a_token_is_not_used_up() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    let token = settled_token(&world).await;
    state.people.insert(2, Person::named("carol"));
    world.commit(1, &state);
    let path = format!("/event/{token}");
    assert_eq!(world.get(&path).await.body, world.get(&path).await.body);
    assert_eq!(short(&events(&world, &token).await), ["user CREATED carol"]);
}

fn masking() -> (World, State, State) {
    let first = State::of(&["Bob"], &[Team::of("devs", &[0], &[])]);
    let second = State::of(&["alice", "bob"], &[Team::of("ops", &[0], &[])]);
    (World::new(&[first.clone(), second.clone()]), first, second)
}

#[tokio::test]
async fn a_masked_change_is_not_told() {
    let (world, _, mut second) = masking();
    let token = settled_token(&world).await;
    second.people.get_mut(&1).unwrap().email = "x@example.org".to_owned();
    second.teams.get_mut(&0).unwrap().users.insert(1);
    world.commit(2, &second);
    assert!(events(&world, &token).await.children.is_empty());
}

#[tokio::test]
async fn an_aggregated_view_is_told_of_masked_memberships() {
    let (world, _, mut second) = masking();
    world.advance(10 * MINUTE_MS);
    let ask = async |path: &str| world.ask("GET", path).of("united").send().await.xml();
    let token = ask("/event").await.attribute("newEventToken").unwrap().to_owned();
    second.teams.get_mut(&0).unwrap().users.insert(1);
    world.commit(2, &second);
    let events = ask(&format!("/event/{token}")).await;
    assert_eq!(short(&events), ["member CREATED Bob in ops"]);
}

#[tokio::test]
async fn a_change_of_owner_tells_the_complete_set() {
    let (world, mut first, mut second) = masking();
    second.teams.get_mut(&0).unwrap().users.insert(1);
    world.commit(2, &second);
    let token = settled_token(&world).await;
    first.people.clear();
    first.tidy();
    world.commit(1, &first);
    let told = events(&world, &token).await;
    assert_eq!(short(&told), ["user UPDATED bob", "member UPDATED bob in ops"]);
    let bob = told.children[0].child("user").unwrap();
    assert_eq!(bob.text_of("key"), Some("2:u1"));
    world.change(|all| {
        all.directories.remove(&DirectoryId(2));
    });
    world.get(&format!("/event/{token}")).await.fails(503, "OPERATION_FAILED");
}

#[tokio::test]
async fn case_124_events_can_be_switched_off() {
    let settings = Settings { incremental: false, ..Settings::default() };
    let world = World::with(&World::usual_states(), settings);
    let answer = world.get("/event").await;
    assert_eq!(answer.status, 200);
    let expected = "<events incrementalSynchronisationAvailable=\"false\"/>";
    assert!(answer.body.ends_with(expected), "{}", answer.body);
    let json = world.json("/event.json").await;
    assert_eq!(json, serde_json::json!({"incrementalSynchronisationAvailable": false}));
    world.get("/event/x").await.fails(400, "INCREMENTAL_SYNC_NOT_AVAILABLE");
}

/// DESIGN.md 10.15: a product without nested groups is told of memberships only, whatever moved.
#[tokio::test]
async fn a_flattened_application_is_told_of_memberships_through_groups() {
    let mut state = State::of(
        &["alice", "bob"],
        &[Team::of("top", &[], &[]), Team::of("mid", &[0], &[2]), Team::of("leaf", &[1], &[])],
    );
    let world = World::new(std::slice::from_ref(&state));
    world.advance(10 * MINUTE_MS);
    let flat = async |path: &str| {
        let answer = world.ask("GET", path).of("flat").send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.xml()
    };
    let token = flat("/event").await.attribute("newEventToken").unwrap().to_owned();
    state.teams.get_mut(&0).unwrap().groups = [1].into();
    world.commit(1, &state);
    let first = flat(&format!("/event/{token}")).await;
    assert_eq!(short(&first), ["member CREATED alice in top", "member CREATED bob in top"]);
    // The group in between goes, with all that came through it.
    state.teams.remove(&1);
    state.tidy();
    world.commit(1, &state);
    let token = first.attribute("newEventToken").unwrap();
    let expected =
        ["member DELETED alice in top", "member DELETED bob in top", "group DELETED mid"];
    assert_eq!(short(&flat(&format!("/event/{token}")).await), expected);
    let memberships = flat("/group/membership").await;
    assert!(memberships.children.iter().all(|m| m.child("groups").unwrap().children.is_empty()));
    // A token of one shape is none of another.
    world.get(&format!("/event/{token}")).await.fails(410, "EVENT_TOKEN_EXPIRED");
}

/// DESIGN.md 10.15: a client that knows only names keeps the one it knows.
#[tokio::test]
async fn an_application_with_frozen_names_is_told_of_a_rename_as_an_update() {
    let mut state = start();
    let world = World::new(std::slice::from_ref(&state));
    world.advance(10 * MINUTE_MS);
    let frozen = async |path: &str| world.ask("GET", path).of("frozen").send().await;
    let token = frozen("/event").await.xml().attribute("newEventToken").unwrap().to_owned();
    "alicia".clone_into(&mut state.people.get_mut(&0).unwrap().name);
    state.people.insert(2, Person::named("alice"));
    world.commit(1, &state);
    let answer = frozen(&format!("/event/{token}")).await;
    assert_eq!(answer.status, 200);
    let told = answer.xml();
    let alice = told.children.iter().find(|event| event.child("user").is_some()).unwrap();
    assert_eq!(alice.child("user").unwrap().attribute("name"), Some("alice"));
    assert_eq!(alice.child("user").unwrap().text_of("key"), Some("1:u0"));
    let shown = frozen("/user?username=alice").await.xml();
    assert_eq!(shown.text_of("key"), Some("1:u0"));
    assert_eq!(frozen("/user?username=alicia").await.status, 404);
    assert_eq!(frozen("/user?key=1:u2").await.status, 404, "the namesake is left out");
    let members = frozen("/group/user/direct?groupname=devs&username=alice").await;
    assert_eq!(members.status, 200);
}
