//! The directories of the cases as two simulated tenants give them, read through two connectors, a run and a store.
//!
//! Invariant: a product is told the same of them, byte for byte but for keys, times and tokens, as of the directories
//! that the cases make by hand; so what the cases prove holds for directories that were synchronised.

use std::{net::SocketAddr, time::Duration};

use directory::{
    observation::Attribute,
    rules::{LetterCase, Rules, expression::Expression, names::TextRule},
};
use muster::{api, cli::demo, clock::Clock, config::File, server::Server};
use regex::Regex;
use serde_json::{Value, json};
use simulator::{Options, Provider, Running};

use crate::world::{PASSWORD, State, World};

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What is asked of both; the method is GET unless the path says otherwise.
const ASKED: [&str; 44] = [
    "/user?username=alice",
    "/user?username=ALICE&expand=attributes",
    "/user?username=bob",
    "/user?username=carl",
    "/user?username=Ann%20b%2Bc%26%C3%B6%25",
    "/user?username=nobody",
    "/user/group/direct?username=alice",
    "/user/group/direct?username=bob&expand=group",
    "/user/group/nested?username=alice",
    "/user/group/nested?username=carl&expand=group",
    "/user/group/nested?username=carl&groupname=devs",
    "/user/group/direct?username=carl&groupname=devs",
    "/user/group/nested?username=bob&start-index=1&max-results=1",
    "/user/group/direct?username=nobody",
    "/user/attribute?username=alice",
    "/group?groupname=devs",
    "/group?groupname=DEVS&expand=attributes",
    "/group?groupname=Cycle%20%26%20%22Co%22%20%3C%F0%9F%98%80%3E",
    "/group?groupname=none",
    "/group/user/direct?groupname=devs",
    "/group/user/direct?groupname=leads&expand=user",
    "/group/user/nested?groupname=devs&expand=user",
    "/group/user/nested?groupname=leads&max-results=2",
    "/group/user/direct?groupname=devs&username=alice",
    "/group/user/direct?groupname=devs&username=bob",
    "/group/child-group/direct?groupname=devs",
    "/group/child-group/nested?groupname=devs&expand=group",
    "/group/parent-group/direct?groupname=devs",
    "/group/parent-group/nested?groupname=leads",
    "/group/child-group/direct?groupname=empty",
    "/group/membership",
    "/search?entity-type=user",
    "/search?entity-type=user&expand=user",
    "/search?entity-type=user&start-index=1&max-results=2",
    "/search?entity-type=user&max-results=-1&expand=user",
    "/search?entity-type=group&expand=group",
    "/search?entity-type=user&restriction=active%3Dfalse",
    "/search?entity-type=user&restriction=email%20%3D%20%22alice%40example.org%22&expand=user",
    "/search?entity-type=group&restriction=name%20%3D%20%22dev*%22",
    "/search?entity-type=user&restriction=nonsense",
    "DELETE /user?username=alice",
    "DELETE /user?username=nobody",
    "DELETE /group?groupname=devs",
    "DELETE /group/user/direct?groupname=devs&username=alice",
];

/// A tenant with exactly these people and groups.
async fn tenant(http: &reqwest::Client, state: &State, seed: u64) -> Running {
    let options = Options {
        providers: vec![Provider::Entra],
        users: 1,
        groups: 0,
        memberships: 0,
        seed,
        ..Options::new(ANYWHERE)
    };
    let running = simulator::start(options).await.unwrap();
    let control = format!("{}/entra", running.description().control);
    let send = async |method: &str, path: String, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{control}/{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    };
    let truth = send("GET", "truth".to_owned(), Value::Null).await;
    for (collection, id) in ["users", "groups"].into_iter().flat_map(|collection| {
        let all = truth[collection].as_array().unwrap();
        all.iter().map(move |one| (collection, one["id"].as_str().unwrap()))
    }) {
        send("DELETE", format!("{collection}/{id}"), Value::Null).await;
    }
    let mut people = std::collections::BTreeMap::new();
    for (no, person) in &state.people {
        let body = json!({
            "login": format!("p{no}@contoso.example"),
            "display_name": person.name,
            "first_name": person.first,
            "last_name": person.last,
            "email": if person.email.is_empty() { Value::Null } else { json!(person.email) },
            "active": person.active,
        });
        let made = send("POST", "users".to_owned(), body).await;
        people.insert(*no, made["id"].as_str().unwrap().to_owned());
    }
    let mut teams = std::collections::BTreeMap::new();
    for (no, team) in &state.teams {
        let mut body = json!({"name": team.name});
        if !team.description.is_empty() {
            body["description"] = json!(team.description);
        }
        let made = send("POST", "groups".to_owned(), body).await;
        teams.insert(*no, made["id"].as_str().unwrap().to_owned());
    }
    for (no, team) in &state.teams {
        let users = team.users.iter().map(|user| format!("users/{}", people[user]));
        let groups = team.groups.iter().map(|group| format!("groups/{}", teams[group]));
        for member in users.chain(groups) {
            send("PUT", format!("groups/{}/{member}", teams[no]), Value::Null).await;
        }
    }
    running
}

/// A server that has read all of them, and their application `jira`.
async fn server(data: &std::path::Path, tenants: &[Running]) -> Server {
    let server = Server::start(data, ANYWHERE, &File::default(), Clock::system()).await.unwrap();
    let mut names = Vec::new();
    for (no, tenant) in tenants.iter().enumerate() {
        let mut add = demo::directories(tenant.description()).unwrap().remove(0);
        add.name = format!("directory {}", no + 1);
        add.rules = Some(Rules {
            user_name: TextRule::Attribute(Attribute::DisplayName),
            user_name_case: LetterCase::Kept,
            display_name: TextRule::Expression(Expression(
                "user.given_name + ' ' + user.surname".to_owned(),
            )),
            ..api::directory::usual_rules(&add.provider)
        });
        names.push(add.name.clone());
        let row = api::directory::connect_directory(&server.app, add).await.unwrap();
        let keeper = server.app.keeper(row.id).unwrap();
        while keeper.status().completed == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let application = muster::service::application::Add {
        name: "Jira".to_owned(),
        directories: names,
        aggregate: false,
        nested_groups: true,
        frozen_names: false,
        addresses: Vec::new(),
        password: Some(PASSWORD.to_owned()),
        product: None,
    };
    muster::service::application::add(
        &server.app,
        &muster::service::Actor::server("test"),
        application,
    )
    .await
    .unwrap();
    server
}

/// An answer without what is a matter of the directory's own: keys and times.
fn masked(text: &str) -> String {
    let own = Regex::new(
        r#"<key>[^<]*</key>|"key":"[^"]*"|(<(?:created|updated)-date>)[^<]*|("(?:created|updated)-date":)[^,}]*"#,
    );
    own.unwrap().replace_all(text, "$1$2…").into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_simulated_tenants_are_told_of_like_directories_made_by_hand() {
    let http = connect::http::local_client().unwrap();
    let states = World::usual_states();
    assert_eq!(states.len(), 2);
    let mut tenants = Vec::new();
    for (state, seed) in states.iter().zip(1..) {
        tenants.push(tenant(&http, state, seed).await);
    }
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path(), &tenants).await;
    let by_hand = World::usual();
    for asked in ASKED {
        let (method, path) = asked.split_once(' ').unwrap_or(("GET", asked));
        for accept in ["application/xml", "application/json"] {
            let expected = by_hand.ask(method, path).header("accept", accept).send().await;
            let url = format!("{}/crowd/rest/usermanagement/1{path}", server.url);
            let request =
                http.request(method.parse().unwrap(), url).basic_auth("jira", Some(PASSWORD));
            let request = request.header("accept", accept).header("host", "muster.example.org");
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), expected.status, "{asked}");
            let kind =
                answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            assert_eq!(kind.unwrap_or_default(), expected.header("content-type"), "{asked}");
            let text = answer.text().await.unwrap();
            assert_eq!(masked(&text), masked(&expected.body), "{asked}, {accept}");
        }
    }
}
