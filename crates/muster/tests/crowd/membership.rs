//! The membership document: cases 64 to 70.

use std::collections::BTreeSet;

use axum::{body::Body, extract::ConnectInfo, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use tower::ServiceExt;

use crate::world::{PASSWORD, State, Team, World};

#[tokio::test]
async fn case_064_every_group_is_there() {
    let memberships = World::usual().xml("/group/membership").await;
    assert_eq!(memberships.name, "memberships");
    let groups: Vec<_> =
        memberships.children.iter().filter_map(|group| group.attribute("group")).collect();
    assert_eq!(groups, ["Cycle & \"Co\" <😀>", "devs", "empty", "leads"]);
}

#[tokio::test]
async fn case_065_it_is_xml_whatever_is_accepted() {
    let world = World::usual();
    let ask = world.ask("GET", "/group/membership").header("accept", "application/json");
    assert_eq!(ask.send().await.xml().name, "memberships");
}

#[tokio::test]
async fn case_066_an_empty_group_has_both_lists() {
    let answer = World::usual().get("/group/membership").await;
    let empty = "<membership group=\"empty\"><users/><groups/></membership>";
    assert!(answer.body.contains(empty), "{}", answer.body);
}

#[tokio::test]
async fn case_067_only_direct_members_and_child_groups() {
    let answer = World::usual().get("/group/membership").await;
    let devs = "<membership group=\"devs\"><users><user name=\"alice\"/></users>\
        <groups><group name=\"leads\"/></groups></membership>";
    assert!(answer.body.contains(devs), "{}", answer.body);
}

#[tokio::test]
async fn case_068_no_groups_at_all() {
    let answer = World::new(&[State::of(&["alice"], &[])]).get("/group/membership").await;
    assert!(answer.body.ends_with("?><memberships/>"), "{}", answer.body);
}

#[tokio::test]
async fn case_069_a_large_document_comes_in_bounded_chunks() {
    let people: Vec<String> = (0..2000).map(|no| format!("person{no:04}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let all: Vec<u32> = (0..2000).collect();
    let teams: Vec<Team> = (0..100).map(|no| Team::of(&format!("g{no}"), &all, &[])).collect();
    let world = World::new(&[State::of(&people, &teams)]);
    let credentials = format!("Basic {}", STANDARD.encode(format!("jira:{PASSWORD}")));
    let request = Request::get("/rest/usermanagement/1/group/membership")
        .header("authorization", credentials)
        .extension(ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 1))))
        .body(Body::empty());
    let response = world.router.clone().oneshot(request.unwrap()).await.unwrap();
    let mut chunks = response.into_body().into_data_stream();
    let mut document = Vec::new();
    let mut count = 0;
    // What is committed in between does not show: the document is of one snapshot.
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.len() < 160 * 1024, "{}", chunk.len());
        document.extend_from_slice(&chunk);
        count += 1;
        world.commit(1, &State::default());
    }
    assert!(count > 40, "{count}");
    let document = String::from_utf8(document).unwrap();
    assert_eq!(document.matches("<user name=").count(), 200_000);
    assert!(document.ends_with("</memberships>"));
}

#[tokio::test]
async fn case_070_odd_names_are_escaped() {
    let world = World::usual();
    let answer = world.get("/group/membership").await;
    assert!(answer.body.contains("Cycle &amp; &quot;Co&quot; &lt;😀&gt;"), "{}", answer.body);
    assert!(answer.body.contains("<user name=\"Ann b+c&amp;ö%\"/>"));
    answer.xml();
}

/// Two directories: the document shows what the lists show.
#[tokio::test]
async fn masked_and_aggregated_memberships_agree_with_the_lists() {
    let first =
        State::of(&["Bob", "dora"], &[Team::of("Devs", &[0], &[1]), Team::of("x", &[1], &[])]);
    let second = State::of(
        &["alice", "bob"],
        &[Team::of("devs", &[0, 1], &[]), Team::of("ops", &[0, 1], &[0])],
    );
    let world = World::new(&[first, second]);
    let ops = async |application: &str| {
        let answer = world.ask("GET", "/group/membership").of(application).send().await;
        let document = answer.xml();
        let mut seen = BTreeSet::new();
        for group in &document.children {
            let name = group.attribute("group").unwrap();
            let path = format!("/group/user/direct?groupname={name}");
            let list = world.ask("GET", &path).of(application).send().await.xml();
            let users: BTreeSet<_> = group.child("users").unwrap().names().into_iter().collect();
            assert_eq!(users, list.names().into_iter().collect());
            seen.insert((
                name.to_owned(),
                users.into_iter().map(str::to_owned).collect::<Vec<_>>(),
            ));
        }
        seen.into_iter().find(|(name, _)| name == "ops").unwrap().1
    };
    assert_eq!(ops("jira").await, ["alice"]);
    assert_eq!(ops("united").await, ["Bob", "alice"]);
}
