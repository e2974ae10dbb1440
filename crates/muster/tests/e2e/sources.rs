//! The migration check's sources over real sockets: our own Crowd server, and Jira's and Confluence's ways of paging.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use muster::product::{
    Product, confluence, crowd, jira,
    web::{Access, Web},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::service::Demo;

/// A product with so many people, of whom the first is in no group.
pub(crate) struct Sample {
    pub(crate) people: usize,
    /// People that the search shows at the most.
    pub(crate) search_max: usize,
    /// Groups that are listed at the most.
    pub(crate) groups_max: usize,
}

pub(crate) const TOKEN: &str = "a-token-of-an-administrator";
const GROUPS: [&str; 3] = ["jira users", "R&D/x", "empty"];

impl Sample {
    fn person(&self, no: usize) -> Value {
        assert!(no < self.people);
        json!({"name": format!("user{no}"), "username": format!("user{no}"), "displayName": format!("User {no}"),
               "emailAddress": format!("user{no}@example.org"), "active": no.is_multiple_of(2), "type": "known"})
    }

    fn members(&self, group: &str) -> Vec<Value> {
        let step = match group {
            "jira users" => 1,
            "R&D/x" => 3,
            _ => return Vec::new(),
        };
        (1..self.people).step_by(step).map(|no| self.person(no)).collect()
    }
}

type Asked = Query<BTreeMap<String, String>>;

/// The part of a list that was asked for, and no more than so many.
fn part(all: &[Value], asked: &Asked, (start, limit): (&str, &str), most: usize) -> Vec<Value> {
    let number = |key: &str| asked.get(key).and_then(|text| text.parse().ok()).unwrap_or(0);
    all.iter().skip(number(start)).take(number(limit).min(most)).cloned().collect()
}

fn admits(headers: &HeaderMap) -> Result<(), StatusCode> {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    let right = given == Some(format!("Bearer {TOKEN}").as_str());
    if right { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

type Answer = Result<Json<Value>, StatusCode>;

async fn jira_groups(State(sample): State<Arc<Sample>>, headers: HeaderMap) -> Answer {
    admits(&headers)?;
    let listed: Vec<Value> =
        GROUPS.iter().take(sample.groups_max).map(|name| json!({"name": name})).collect();
    Ok(Json(json!({"total": GROUPS.len(), "groups": listed})))
}

async fn jira_members(
    State(sample): State<Arc<Sample>>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    admits(&headers)?;
    assert_eq!(asked["includeInactiveUsers"], "true");
    let all = sample.members(&asked["groupname"]);
    let values = part(&all, &asked, ("startAt", "maxResults"), 50);
    let end = asked["startAt"].parse::<usize>().unwrap() + values.len();
    Ok(Json(json!({"values": values, "isLast": end >= all.len(), "total": all.len()})))
}

async fn jira_search(
    State(sample): State<Arc<Sample>>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    admits(&headers)?;
    let shown = sample.people.min(sample.search_max);
    let all: Vec<Value> = (0..shown).map(|no| sample.person(no)).collect();
    Ok(Json(Value::Array(part(&all, &asked, ("startAt", "maxResults"), 100))))
}

async fn confluence_groups(headers: HeaderMap, asked: Asked) -> Answer {
    admits(&headers)?;
    let all: Vec<Value> =
        GROUPS.iter().map(|name| json!({"name": name, "type": "group"})).collect();
    Ok(Json(json!({"results": part(&all, &asked, ("start", "limit"), 2)})))
}

async fn confluence_members(
    State(sample): State<Arc<Sample>>,
    Path(group): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    admits(&headers)?;
    let all = sample.members(&group);
    // Shorter pages than were asked for, as a server with a lower limit gives them.
    Ok(Json(json!({"results": part(&all, &asked, ("start", "limit"), 30)})))
}

#[expect(clippy::disallowed_methods, reason = "the product belongs to the test")]
pub(crate) async fn product(sample: Sample) -> String {
    let router = Router::new()
        .route("/jira/rest/api/2/groups/picker", get(jira_groups))
        .route("/jira/rest/api/2/group/member", get(jira_members))
        .route("/jira/rest/api/2/user/search", get(jira_search))
        .route("/wiki/rest/api/group", get(confluence_groups))
        .route("/wiki/rest/api/group/{name}/member", get(confluence_members))
        .with_state(Arc::new(sample));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn web(url: &str, token: &str) -> Web {
    Web::new(url, Access::Token(SecretString::from(token))).unwrap()
}

fn in_group(product: &Product, group: &str) -> usize {
    product.people.iter().filter(|person| person.groups.iter().any(|name| name == group)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jira_is_read_in_pages_and_says_what_it_does_not_show() {
    let all = Sample { people: 251, search_max: 1_000, groups_max: 10 };
    let read = jira::read(&web(&format!("{}/jira/", product(all).await), TOKEN)).await.unwrap();
    assert_eq!((read.people.len(), read.groups.len()), (251, 3));
    assert_eq!((in_group(&read, "jira users"), in_group(&read, "R&D/x")), (250, 84));
    let first = &read.people[0];
    assert_eq!((first.user_name.as_str(), first.groups.len()), ("user0", 0), "in no group");
    assert_eq!(first.mail.as_deref(), Some("user0@example.org"));
    assert!(read.notes.is_empty(), "{:?}", read.notes);

    // Jira 10 shows 100 people, and a listing of groups may have an end too.
    let capped = Sample { people: 251, search_max: 100, groups_max: 2 };
    let read = jira::read(&web(&format!("{}/jira", product(capped).await), TOKEN)).await.unwrap();
    assert_eq!(read.people.len(), 251);
    assert_eq!(read.notes.len(), 2, "{:?}", read.notes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confluence_is_read_by_its_groups() {
    let url = product(Sample { people: 100, search_max: 0, groups_max: 0 }).await;
    let read = confluence::read(&web(&format!("{url}/wiki"), TOKEN)).await.unwrap();
    assert_eq!((read.people.len(), read.groups.len()), (99, 3), "who is in no group is not listed");
    assert_eq!((in_group(&read, "jira users"), in_group(&read, "R&D/x")), (99, 33));
    assert_eq!(read.people[0].full_name.as_deref(), Some("User 1"));
    for (url, token, says) in [
        (format!("{url}/wiki"), "a-wrong-token", "check the token"),
        (url.clone(), TOKEN, "base address"),
        ("http://127.0.0.1:1".to_owned(), TOKEN, "cannot be reached"),
    ] {
        let error = confluence::read(&web(&url, token)).await.unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains(token), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_server_is_read_as_its_applications_read_it() {
    let demo = Demo::start(1_300, 30, 3_000, 81).await;
    let crowd_of = &demo.file["crowd"];
    let text = |key: &str| crowd_of[key].as_str().unwrap().to_owned();
    let access = |password: &str| {
        Access::Application(text("application"), SecretString::from(password.to_owned()))
    };
    let read =
        crowd::read(&Web::new(&text("url"), access(&text("password"))).unwrap()).await.unwrap();
    let mut copy = demo.product();
    copy.synchronise().await;
    let copy = copy.copy();
    assert_eq!(read.people.len(), copy.users.len(), "more than one page");
    let memberships: usize = read.people.iter().map(|person| person.groups.len()).sum();
    assert_eq!(memberships, copy.members.len());
    let wrong = Web::new(&text("url"), access("a-wrong-password")).unwrap();
    let error = crowd::read(&wrong).await.unwrap_err().to_string();
    assert!(error.contains("does not let us in") && !error.contains("a-wrong"), "{error}");
}
