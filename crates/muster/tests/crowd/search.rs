//! Search: cases 71 to 88.

use crate::world::World;

const NULL: &str = "<null-search-restriction/>";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

fn property(name: &str, kind: &str, mode: &str, value: &str) -> String {
    format!(
        "<property-search-restriction><property><name>{name}</name><type>{kind}</type></property>\
         <match-mode>{mode}</match-mode><value>{value}</value></property-search-restriction>"
    )
}

async fn found(entity: &str, body: &str) -> Vec<String> {
    let answer = World::usual().post(&format!("/search?entity-type={entity}"), body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    answer.xml().names().into_iter().map(str::to_owned).collect()
}

async fn users(restriction: &str) -> Vec<String> {
    let encode = |c: char| match c {
        ' ' => "+".to_owned(),
        '"' | '<' | '>' | '\'' => format!("%{:02X}", u32::from(c)),
        other => other.to_string(),
    };
    let restriction: String = restriction.chars().map(encode).collect();
    let path = format!("/search?entity-type=user&restriction={restriction}");
    let answer = World::usual().get(&path).await;
    assert_eq!(answer.status, 200, "{restriction}: {}", answer.body);
    answer.xml().names().into_iter().map(str::to_owned).collect()
}

const ALL: [&str; 4] = ["alice", "Ann b+c&ö%", "bob", "carl"];

#[tokio::test]
async fn case_071_jiras_list_of_users() {
    let path = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";
    let answer = World::usual().post(path, &format!("{DECLARATION}{NULL}")).await;
    assert_eq!(answer.status, 200);
    let users = answer.xml();
    assert_eq!((users.name.as_str(), users.attribute("expand")), ("users", Some("user")));
    assert_eq!(users.names(), ALL);
    assert!(users.children.iter().all(|user| user.child("key").is_some()));
    assert!(users.children.iter().all(|user| user.child("active").is_some()));
}

#[tokio::test]
async fn case_072_jiras_list_of_groups() {
    let path = "/search?entity-type=group&start-index=0&max-results=-1&expand=group";
    let groups = World::usual().post(path, NULL).await.xml();
    assert_eq!((groups.name.as_str(), groups.children.len()), ("groups", 4));
    assert!(groups.children.iter().all(|group| group.text_of("type") == Some("GROUP")));
    assert!(groups.children.iter().all(|group| group.text_of("active") == Some("true")));
}

#[tokio::test]
async fn case_073_the_connection_test_finds_nobody() {
    let path = "/search?entity-type=user&start-index=0&max-results=1&expand=user";
    let body = "<property-search-restriction><property><name>name</name><type>STRING</type>\
        </property><match-mode>NULL</match-mode></property-search-restriction>";
    let answer = World::usual().post(path, &format!("{DECLARATION}{body}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("<users expand=\"user\"/>"), "{}", answer.body);
}

#[tokio::test]
async fn case_074_an_exact_name_in_any_case() {
    let restriction = property("name", "STRING", "EXACTLY_MATCHES", "ALICE");
    assert_eq!(found("user", &restriction).await, ["alice"]);
    let restriction = property("name", "string", "exactly_matches", "Empty");
    assert_eq!(found("group", &restriction).await, ["empty"]);
}

#[tokio::test]
async fn case_075_parts_of_texts() {
    let contains = property("email", "STRING", "CONTAINS", "ICE@example");
    assert_eq!(found("user", &contains).await, ["alice"]);
    let starts = property("displayName", "STRING", "STARTS_WITH", "first a");
    assert_eq!(found("user", &starts).await, ["alice", "Ann b+c&ö%"]);
    let ends = property("name", "STRING", "ENDS_WITH", "OB");
    assert_eq!(found("user", &ends).await, ["bob"]);
    let custom = property("shoe", "STRING", "CONTAINS", "4");
    assert!(found("user", &custom).await.is_empty());
    let described = property("description", "STRING", "STARTS_WITH", "dev");
    assert_eq!(found("group", &described).await, ["devs"]);
}

#[tokio::test]
async fn case_076_only_inactive_ones() {
    let inactive = property("active", "BOOLEAN", "EXACTLY_MATCHES", "false");
    assert_eq!(found("user", &inactive).await, ["bob"]);
    assert!(found("group", &inactive).await.is_empty());
}

#[tokio::test]
async fn case_077_dates_are_compared() {
    let after = |date| property("createdDate", "DATE", "GREATER_THAN", date);
    assert_eq!(found("user", &after("2010-12-08T16:11:21.181+1100")).await, ALL);
    assert!(found("user", &after("2110-12-08T16:11:21.181+1100")).await.is_empty());
    let answer = World::usual().post("/search?entity-type=user", &after("yesterday")).await;
    answer.fails(400, "ILLEGAL_ARGUMENT");
}

fn both(logic: &str, parts: &[&str]) -> String {
    let parts = parts.concat();
    format!(
        "<boolean-search-restriction boolean-logic=\"{logic}\"><restrictions>{parts}\
         </restrictions></boolean-search-restriction>"
    )
}

#[tokio::test]
async fn case_078_and_or_and_nesting() {
    let name = |name| property("name", "STRING", "EXACTLY_MATCHES", name);
    let active = property("active", "BOOLEAN", "EXACTLY_MATCHES", "true");
    let either = both("or", &[&name("alice"), &name("bob")]);
    assert_eq!(found("user", &either).await, ["alice", "bob"]);
    assert_eq!(found("user", &both("AND", &[&either, &active])).await, ["alice"]);
    assert!(found("user", &both("and", &[&name("alice"), &name("bob")])).await.is_empty());
}

#[tokio::test]
async fn case_079_json_restrictions_and_mixed_representations() {
    let world = World::usual();
    let body = serde_json::json!({
        "restriction-type": "boolean-search-restriction",
        "boolean-logic": "and",
        "restrictions": [
            {"restriction-type": "property-search-restriction",
             "property": {"name": "email", "type": "STRING"},
             "match-mode": "CONTAINS", "value": "@example.org"},
            {"restriction-type": "null-search-restriction"},
        ],
    });
    let path = "/search?entity-type=user";
    let ask = world.ask("POST", path).body("application/json", &body.to_string());
    assert_eq!(ask.send().await.xml().names(), ["alice", "Ann b+c&ö%", "bob"]);
    let ask = world.ask("POST", path).body("application/xml", NULL);
    let users = ask.header("accept", "application/json").send().await.json();
    assert_eq!(users["users"].as_array().unwrap().len(), 4);
    assert_eq!(users["expand"], "user");
}

#[tokio::test]
async fn case_080_unknown_modes_and_types_are_400() {
    let world = World::usual();
    for bad in [
        property("name", "STRING", "SOUNDS_LIKE", "x"),
        property("name", "COLOUR", "CONTAINS", "x"),
        property("active", "BOOLEAN", "EXACTLY_MATCHES", "perhaps"),
        both("xor", &[NULL]),
        "<unknown-restriction/>".to_owned(),
        String::new(),
    ] {
        let answer = world.post("/search?entity-type=user", &bad).await;
        answer.fails(400, "ILLEGAL_ARGUMENT");
    }
}

#[tokio::test]
async fn case_081_the_entity_type() {
    let world = World::usual();
    let message = world.post("/search", NULL).await.fails(400, "ILLEGAL_ARGUMENT");
    assert_eq!(message, "entity-type query parameter required.");
    let message = world.post("/search?entity-type=foo", NULL).await.fails(400, "ILLEGAL_ARGUMENT");
    assert_eq!(message, "Unknown type: foo");
    assert_eq!(world.post("/search?entity-type=GROUP", NULL).await.xml().name, "groups");
}

#[tokio::test]
async fn case_082_a_blank_restriction_admits_all() {
    let world = World::usual();
    for path in ["/search?entity-type=user", "/search?entity-type=user&restriction=+"] {
        assert_eq!(world.xml(path).await.names(), ALL);
    }
}

#[tokio::test]
async fn case_083_cql() {
    assert_eq!(users("name = \"ali*\"").await, ["alice"]);
    assert_eq!(users("email=*@example.org*").await, ["alice", "Ann b+c&ö%", "bob"]);
    assert_eq!(users("name=alice").await, ["alice"]);
    let both = "active=true AND (firstName=\"First A*\" or lastName='X*')";
    assert_eq!(users(both).await, ["alice", "Ann b+c&ö%"]);
    assert_eq!(users("name < b").await, ["alice", "Ann b+c&ö%"]);
}

#[tokio::test]
async fn case_084_bad_cql_is_400() {
    let world = World::usual();
    for bad in ["blah", "blah+34+12", "name=x%5C", "shoe=43"] {
        let answer = world.get(&format!("/search?entity-type=user&restriction={bad}")).await;
        answer.fails(400, "ILLEGAL_ARGUMENT");
    }
}

#[tokio::test]
async fn case_085_cql_dates() {
    assert!(users("createdDate < 2010-12").await.is_empty());
    assert_eq!(users("createdDate > 2010-12").await, ALL);
    assert_eq!(users("createdDate = 2024-01-01T00").await, ALL);
}

#[tokio::test]
async fn case_086_a_star_is_everything() {
    assert_eq!(users("name=*").await, ALL);
}

#[tokio::test]
async fn case_087_minimal_and_expanded_entities() {
    let world = World::usual();
    let minimal = world.xml("/search?entity-type=user").await;
    assert!(minimal.children.iter().all(|user| user.children.len() == 1));
    let full = world.xml("/search?entity-type=user&expand=user,attributes").await;
    assert!(full.children.iter().all(|user| user.child("attributes").is_some()));
}

#[tokio::test]
async fn case_088_nothing_is_cached() {
    let answer = World::usual().get("/search?entity-type=user").await;
    assert_eq!(answer.header("cache-control"), "no-cache, no-store, no-transform");
}

/// More than is looked at before other requests are let pass.
#[tokio::test]
async fn one_among_thousands_is_found() {
    let names: Vec<String> = (0..5000).map(|no| format!("person{no:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let states = [crate::world::State::of(&names, &[]), crate::world::State::of(&["zoe"], &[])];
    let world = World::new(&states);
    let found = world.xml("/search?entity-type=user&restriction=email=person04999*").await;
    assert_eq!(found.names(), ["person04999"]);
    let found = world.xml("/search?entity-type=user&start-index=4999&max-results=-1").await;
    assert_eq!(found.names(), ["person04999", "zoe"]);
}
