//! Groups, relations and paging: cases 40 to 63.

use crate::world::{State, Team, World};

const ODD: &str = "Cycle+%26+%22Co%22+%3C%F0%9F%98%80%3E";

async fn names(world: &World, path: &str) -> Vec<String> {
    world.xml(path).await.names().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn case_040_a_group() {
    let world = World::usual();
    let answer = world.get("/group?groupname=DEVS&expand=attributes").await;
    insta::assert_snapshot!(answer.body, @r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><group name="devs" expand="attributes"><link href="http://muster.example.org/crowd/rest/usermanagement/1/group?groupname=devs" rel="self"/><description>Developers</description><type>GROUP</type><active>true</active><attributes><link href="http://muster.example.org/crowd/rest/usermanagement/1/group/attribute?groupname=devs" rel="self"/></attributes></group>"#);
    let group = world.json("/group?groupname=devs").await;
    assert_eq!((&group["type"], &group["active"]), (&"GROUP".into(), &true.into()));
    assert_eq!(world.xml("/group/attribute?groupname=devs").await.name, "attributes");
}

#[tokio::test]
async fn case_041_an_unknown_group_is_404() {
    World::usual().get("/group?groupname=none").await.fails(404, "GROUP_NOT_FOUND");
}

#[tokio::test]
async fn case_042_no_name_is_400() {
    let message = World::usual().get("/group").await.fails(400, "ILLEGAL_ARGUMENT");
    assert_eq!(message, "groupname query parameter must be given");
}

#[tokio::test]
async fn case_043_a_users_groups_are_minimal() {
    let groups = World::usual().xml("/user/group/direct?username=alice").await;
    assert_eq!((groups.name.as_str(), groups.attribute("expand")), ("groups", Some("group")));
    assert_eq!(groups.names(), ["devs"]);
    let group = &groups.children[0];
    assert_eq!((group.attributes.len(), group.children.len()), (1, 1));
    assert_eq!(group.children[0].name, "link");
}

#[tokio::test]
async fn case_044_expanded_groups_have_type_and_state() {
    let groups = World::usual().xml("/user/group/direct?username=alice&expand=group").await;
    assert_eq!(groups.children[0].text_of("type"), Some("GROUP"));
    assert_eq!(groups.children[0].text_of("active"), Some("true"));
}

#[tokio::test]
async fn case_045_lists_in_json() {
    let world = World::usual();
    let groups = world.json("/user/group/direct?username=alice").await;
    assert_eq!(groups["expand"], "group");
    assert_eq!(groups["groups"][0]["name"], "devs");
    let none = world.json("/group/child-group/direct?groupname=empty").await;
    assert_eq!(none, serde_json::json!({"expand": "group", "groups": []}));
}

#[tokio::test]
async fn case_046_a_membership_test() {
    let world = World::usual();
    let group = world.xml("/user/group/direct?username=alice&groupname=DEVS").await;
    assert_eq!((group.name.as_str(), group.attribute("name")), ("group", Some("devs")));
    for missing in ["leads", "none"] {
        let path = format!("/user/group/direct?username=alice&groupname={missing}");
        world.get(&path).await.fails(404, "MEMBERSHIP_NOT_FOUND");
    }
}

#[tokio::test]
async fn case_047_an_empty_name_tests_nothing() {
    let groups = World::usual().xml("/user/group/direct?username=alice&groupname=").await;
    assert_eq!(groups.name, "groups");
}

#[tokio::test]
async fn case_048_nested_groups_come_once_whatever_the_cycle() {
    let groups = names(&World::usual(), "/user/group/nested?username=carl").await;
    assert_eq!(groups, ["Cycle & \"Co\" <😀>", "devs", "leads"]);
}

/// An empty list would take an unknown user's groups away in some clients, so it is 404.
#[tokio::test]
async fn case_049_groups_of_an_unknown_user_are_404() {
    let world = World::usual();
    world.get("/user/group/direct?username=x").await.fails(404, "USER_NOT_FOUND");
    world.get("/group/user/direct?groupname=x").await.fails(404, "GROUP_NOT_FOUND");
}

#[tokio::test]
async fn case_050_a_groups_users() {
    let world = World::usual();
    let users = world.xml("/group/user/direct?groupname=devs").await;
    assert_eq!((users.name.as_str(), users.attribute("expand")), ("users", Some("user")));
    assert_eq!(users.children[0].children.len(), 1);
    let full = world.xml("/group/user/direct?groupname=devs&expand=user").await;
    assert_eq!(full.children[0].text_of("key"), Some("1:u0"));
    let none = world.xml("/group/user/direct?groupname=devs&expand=none").await;
    assert_eq!(none.children[0].children.len(), 1);
}

#[tokio::test]
async fn case_051_a_member_is_tested() {
    let world = World::usual();
    let user = world.xml("/group/user/direct?groupname=devs&username=Alice").await;
    assert_eq!((user.name.as_str(), user.attribute("name")), ("user", Some("alice")));
    let missing = world.get("/group/user/direct?groupname=devs&username=bob").await;
    let message = missing.fails(404, "MEMBERSHIP_NOT_FOUND");
    assert_eq!(message, "The child entity <bob> is not a member of the parent <devs>");
    assert_eq!(
        world.xml("/group/user/nested?groupname=devs&username=bob").await.attribute("name"),
        Some("bob")
    );
}

#[tokio::test]
async fn case_052_nested_users_are_those_of_all_descendants() {
    let users = names(&World::usual(), "/group/user/nested?groupname=devs").await;
    assert_eq!(users, ["alice", "Ann b+c&ö%", "bob", "carl"]);
}

#[tokio::test]
async fn case_053_child_groups() {
    let world = World::usual();
    assert_eq!(names(&world, "/group/child-group/direct?groupname=devs").await, ["leads"]);
    let nested = names(&world, "/group/child-group/nested?groupname=devs").await;
    assert_eq!(nested, ["Cycle & \"Co\" <😀>", "leads"]);
    let hit = "/group/child-group/direct?groupname=devs&child-groupname=leads";
    assert_eq!(world.xml(hit).await.name, "group");
    let miss = format!("/group/child-group/direct?groupname=devs&child-groupname={ODD}");
    world.get(&miss).await.fails(404, "MEMBERSHIP_NOT_FOUND");
    let nested = format!("/group/child-group/nested?groupname=devs&child-groupname={ODD}");
    assert_eq!(world.xml(&nested).await.name, "group");
}

#[tokio::test]
async fn case_054_parent_groups() {
    let world = World::usual();
    assert_eq!(names(&world, "/group/parent-group/direct?groupname=leads").await, ["devs"]);
    let nested = names(&world, "/group/parent-group/nested?groupname=leads").await;
    assert_eq!(nested, ["Cycle & \"Co\" <😀>", "devs"]);
    for name in ["parent-groupname", "child-groupname"] {
        let hit = format!("/group/parent-group/direct?groupname=leads&{name}=devs");
        assert_eq!(world.xml(&hit).await.attribute("name"), Some("devs"));
        let miss = format!("/group/parent-group/direct?groupname=devs&{name}=leads");
        world.get(&miss).await.fails(404, "MEMBERSHIP_NOT_FOUND");
    }
}

#[tokio::test]
async fn case_055_a_parent_group_is_not_deleted() {
    let path = "/group/parent-group/direct?groupname=leads&parent-groupname=devs";
    let answer = World::usual().ask("DELETE", path).send().await;
    answer.fails(405, "UNSUPPORTED_OPERATION");
}

#[tokio::test]
async fn case_056_no_membership_can_be_written() {
    let world = World::usual();
    let user = "<user name=\"bob\"/>";
    let path = "/group/user/direct?groupname=devs";
    world.post(path, user).await.fails(403, "APPLICATION_PERMISSION_DENIED");
    for (method, path, body) in [
        ("POST", "/user/group/direct?username=bob", "<group name=\"devs\"/>"),
        ("POST", "/group/child-group/direct?groupname=devs", "<group name=\"empty\"/>"),
        ("POST", "/group/parent-group/direct?groupname=devs", "<group name=\"empty\"/>"),
        ("DELETE", "/group/user/direct?groupname=devs&username=alice", ""),
        ("DELETE", "/user/group/direct?groupname=devs&username=alice", ""),
        ("DELETE", "/group/child-group/direct?groupname=devs&child-groupname=leads", ""),
        ("POST", "/group", "<group name=\"x\"/>"),
        ("PUT", "/group?groupname=devs", "<group name=\"devs\"/>"),
        ("DELETE", "/group?groupname=devs", ""),
        ("POST", "/group/attribute?groupname=devs", "<attributes/>"),
    ] {
        let answer = world.ask(method, path).body("application/xml", body).send().await;
        answer.fails(403, "APPLICATION_PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn case_057_what_is_missing_is_said_before_what_is_forbidden() {
    let world = World::usual();
    let post = |path: &'static str, body: &'static str| world.post(path, body);
    let user = "<user name=\"x\"/>";
    post("/group/user/direct?groupname=devs", user).await.fails(400, "USER_NOT_FOUND");
    post("/group/user/direct?groupname=x", user).await.fails(404, "GROUP_NOT_FOUND");
    let path = "/group/user/direct?groupname=devs&username=bob";
    world.ask("DELETE", path).send().await.fails(404, "MEMBERSHIP_NOT_FOUND");
    let path = "/group/user/direct?groupname=devs&username=x";
    world.ask("DELETE", path).send().await.fails(404, "USER_NOT_FOUND");
    // What would be done by a server that can be written to: a member added, and added again.
    for (path, user) in [
        ("/group/user/direct?groupname=devs", "<user name=\"bob\"/>"),
        ("/group/user/direct?groupname=devs", "<user name=\"alice\"/>"),
        ("/user/group/direct?username=bob", "<group name=\"devs\"/>"),
    ] {
        post(path, user).await.fails(403, "APPLICATION_PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn case_058_missing_groups_on_either_side() {
    let world = World::usual();
    let group = "<group name=\"x\"/>";
    let child = "/group/child-group/direct?groupname=";
    world.post(&format!("{child}x"), group).await.fails(404, "GROUP_NOT_FOUND");
    world.post(&format!("{child}devs"), group).await.fails(400, "GROUP_NOT_FOUND");
    for (parent, body) in [("devs", "empty"), ("leads", "devs")] {
        let (path, body) = (format!("{child}{parent}"), format!("<group name=\"{body}\"/>"));
        world.post(&path, &body).await.fails(403, "APPLICATION_PERMISSION_DENIED");
    }
}

fn many(count: usize) -> World {
    let names: Vec<String> = (0..count).map(|no| format!("person{no:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all: Vec<u32> = (0..).take(count).collect();
    World::new(&[State::of(&names, &[Team::of("all", &all, &[])])])
}

#[tokio::test]
async fn case_059_pages_are_disjoint_and_complete() {
    let world = many(5);
    for base in ["/group/user/direct?groupname=all", "/search?entity-type=user"] {
        let mut paged = Vec::new();
        for start in [0, 2, 4] {
            let path = format!("{base}&start-index={start}&max-results=2");
            paged.extend(names(&world, &path).await);
        }
        assert_eq!(paged, names(&world, base).await, "{base}");
        assert_eq!(paged.len(), 5);
    }
}

#[tokio::test]
async fn case_060_beyond_the_end_there_is_nothing() {
    let answer = many(3).get("/group/user/direct?groupname=all&start-index=3").await;
    assert!(answer.body.ends_with("<users expand=\"user\"/>"), "{}", answer.body);
}

#[tokio::test]
async fn case_061_all_and_the_default() {
    let world = many(1001);
    for base in ["/group/user/direct?groupname=all", "/search?entity-type=user"] {
        assert_eq!(names(&world, base).await.len(), 1000);
        assert_eq!(names(&world, &format!("{base}&max-results=-1")).await.len(), 1001);
        assert_eq!(names(&world, &format!("{base}&max-results=99999")).await.len(), 1001);
    }
}

#[tokio::test]
async fn case_062_impossible_pages_are_400() {
    let world = many(1);
    for bad in ["max-results=0", "max-results=-2", "start-index=-1", "max-results=abc"] {
        for base in ["/group/user/direct?groupname=all", "/search?entity-type=user"] {
            world.get(&format!("{base}&{bad}")).await.fails(400, "ILLEGAL_ARGUMENT");
        }
    }
}

#[tokio::test]
async fn case_063_the_largest_numbers_do_not_overflow() {
    let world = many(3);
    let page = "start-index=2147483647&max-results=2147483647";
    for base in ["/group/user/direct?groupname=all", "/search?entity-type=user"] {
        assert!(names(&world, &format!("{base}&{page}")).await.is_empty());
    }
}
