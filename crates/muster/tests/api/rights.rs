//! Rights and audit of all routes, as they are declared: nothing is concluded from the text of an address, a change leaves
//! one entry and a look none, and hanging up leaves nothing half done.

use std::collections::BTreeSet;

use directory::id::Millis;
use muster::api::{Declared, declared};
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::Provider;
use store::{AuditFilter, Scope};

use crate::{
    Answer, ask, did, get,
    house::{House, Plan},
};

/// A token of these scopes.
async fn token(house: &House, scopes: &[Scope]) -> String {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let body = json!({"name": format!("t-{}", names.join("-")), "scopes": names});
    did(house, "POST", "/tokens", body).await["token"].as_str().unwrap().to_owned()
}

/// Each word that stands in an address of some route, and a usual name.
fn words() -> BTreeSet<String> {
    let all = declared();
    let words = all.iter().flat_map(|route| route.path.split('/'));
    let literal = words.filter(|word| !word.is_empty() && !word.starts_with('{'));
    literal.map(str::to_owned).chain(["entra".to_owned()]).collect()
}

/// The address of a route with this word for every name in it.
fn filled(route: &Declared, word: &str) -> String {
    let parts = route.path.split('/');
    let filled = parts.map(|part| if part.starts_with('{') { word } else { part });
    filled.collect::<Vec<_>>().join("/")
}

fn entries(house: &House) -> usize {
    let filter = AuditFilter { limit: 100_000, ..AuditFilter::default() };
    house.server().app.store.audit_log(&filter).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_of_an_object_changes_the_right_that_a_route_needs() {
    let house = House::build(Provider::Entra, Plan::small(90)).await;
    let words = words();
    assert!(words.contains("preview") && words.contains("migration"));
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        // Whoever lacks one scope has all others.
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        tokens.push((scope, token(&house, &others).await));
    }
    let before = entries(&house);
    for route in declared() {
        let Some(needed) = route.scope else { continue };
        let lacking = &tokens.iter().find(|(scope, _)| *scope == needed).unwrap().1;
        for word in &words {
            let at = (route.method.as_str(), &*filled(&route, word));
            let answer = ask(&house, Some(lacking), at, json!({})).await;
            // A word may lead to another route, which does not know the method or needs the same right at least.
            let refused = [StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED];
            assert!(
                refused.contains(&answer.status),
                "{at:?} without {needed:?}: {}",
                answer.status
            );
            if !route.path.contains('{') {
                break;
            }
        }
        let at = (route.method.as_str(), &*filled(&route, "entra"));
        assert_eq!(ask(&house, None, at, json!({})).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(entries(&house), before, "who was refused left an entry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looks_leave_no_entry_and_no_body_says_otherwise() {
    let house = House::build(Provider::Entra, Plan::small(91)).await;
    let all = token(&house, &Scope::ALL).await;
    let before = entries(&house);
    for route in declared().iter().filter(|route| !route.changes && route.path != "/events") {
        let at = (route.method.as_str(), &*filled(route, "entra"));
        let body = if at.0 == "GET" { Value::Null } else { json!({}) };
        let Answer { status, .. } = ask(&house, Some(&all), at, body).await;
        assert!(!matches!(status.as_u16(), 401 | 403 | 405), "{at:?}: {status}");
    }
    assert_eq!(entries(&house), before, "a look left an entry");
    // A change that a body calls a look is refused or written down.
    let dry = json!({"dry_run": true});
    for route in declared().iter().filter(|route| route.changes) {
        let at = (route.method.as_str(), &*filled(route, "entra"));
        let known = ["/sight", "/undo", "/unpin", "/withdraw", "/renames"];
        if known.iter().any(|known| route.path.ends_with(known)) {
            continue;
        }
        let answer = ask(&house, Some(&all), at, dry.clone()).await;
        assert!(answer.status.is_client_error(), "{at:?}: {} {}", answer.status, answer.body);
    }
    assert_eq!(entries(&house), before);
}

/// Changes, in an order in which each can be made, with what each leaves in the audit log.
fn changes() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let schedule = json!({"pull_every_s": 600, "full_every_s": 86_400, "notifications": false});
    let channel =
        json!({"name": "ops", "kind": "webhook", "secret": "https://hooks.example.com/x"});
    let mut changed = channel.clone();
    changed["alerts"] = json!(["held"]);
    vec![
        (
            "POST",
            "/administrators",
            json!({"name": "ann", "role": "administrator"}),
            "administrator.invite",
        ),
        ("DELETE", "/invitations/{open}", Value::Null, "invitation.revoke"),
        ("POST", "/administrators/bob/link", Value::Null, "administrator.link"),
        ("POST", "/administrators/bob/sign-out", Value::Null, "session.end_all"),
        ("PUT", "/administrators/bob/role", json!({"role": "reader"}), "administrator.role"),
        ("DELETE", "/administrators/bob", Value::Null, "administrator.remove"),
        ("POST", "/tokens", json!({"name": "ci", "scopes": ["read"]}), "token.add"),
        ("DELETE", "/tokens/ci", Value::Null, "token.remove"),
        (
            "POST",
            "/applications",
            json!({"name": "wiki", "directories": ["entra"]}),
            "application.add",
        ),
        (
            "PUT",
            "/applications/wiki/addresses",
            json!({"addresses": ["10.0.0.0/8"]}),
            "application.addresses",
        ),
        ("PUT", "/applications/wiki/product", json!({"product": "jira"}), "application.product"),
        ("POST", "/applications/wiki/sight", json!({"aggregate": true}), "application.sight"),
        ("POST", "/applications/wiki/password", json!({}), "application.password"),
        ("DELETE", "/applications/wiki", Value::Null, "application.remove"),
        ("POST", "/alerts/channels", channel, "channel.add"),
        ("PUT", "/alerts/channels/ops", changed, "channel.change"),
        ("DELETE", "/alerts/channels/ops", Value::Null, "channel.remove"),
        ("PUT", "/directories/entra/schedule", schedule, "directory.schedule"),
        (
            "PATCH",
            "/directories/entra/connection",
            json!({"expires": "2099-01-01"}),
            "directory.connection",
        ),
        ("POST", "/directories/entra/sync", json!({}), "directory.sync"),
        ("POST", "/directories/entra/pause", Value::Null, "directory.pause"),
        ("POST", "/directories/entra/resume", Value::Null, "directory.resume"),
        ("PUT", "/directories/entra/rules", json!({}), "directory.rules"),
        ("POST", "/directories/entra/undo", json!({"to": "{head}"}), "directory.undo"),
        ("POST", "/directories/entra/unpin", json!({}), "directory.unpin"),
        ("DELETE", "/applications/product", Value::Null, "application.remove"),
        ("DELETE", "/directories/entra", Value::Null, "directory.remove"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_leaves_one_entry() {
    let house = House::build(Provider::Entra, Plan::small(92)).await;
    for name in ["boss", "bob"] {
        let put = |change: &store::Change<'_>| {
            change.put_administrator(name, store::Role::Administrator, "hash", Millis(1))
        };
        crate::changed(&house.server().app.store, put).unwrap();
    }
    for (method, path, body, action) in changes() {
        let open = get(&house, "/invitations").await;
        let open = open[0]["id"].as_str().unwrap_or_default();
        let path = path.replace("{open}", open);
        let body = if body["to"] == "{head}" {
            json!({"to": house.server().app.store.head().unwrap().0})
        } else {
            body
        };
        let before = entries(&house);
        did(&house, method, &path, body).await;
        let filter = AuditFilter { limit: 1, ..AuditFilter::default() };
        let last = house.server().app.store.audit_log(&filter).unwrap().remove(0).entry;
        assert_eq!(entries(&house), before + 1, "{method} {path}");
        assert_eq!((&*last.action, &*last.who), (action, "admin token"), "{path}");
        assert_eq!(last.origin, "127.0.0.1", "{path}");
    }
}

/// Whoever hangs up at any moment finds later that all of it was done, with its entry, or nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_up_leaves_nothing_half_done() {
    let house = House::build(Provider::Entra, Plan::small(93)).await;
    let app = &house.server().app;
    for number in 0..60_u64 {
        let name = format!("gone{number}");
        let new = json!({"name": name, "directories": ["entra"]});
        let password = did(&house, "POST", "/applications", new).await["password"].clone();
        let url = format!("{}/api/v1/applications/{name}", house.server().url);
        let http = connect::http::local_client().unwrap();
        let request = http.delete(url).bearer_auth(&house.server().token).send();
        let patience = std::time::Duration::from_micros(number * 150);
        let _ = tokio::time::timeout(patience, request).await;
        // What was begun is brought to its end; what was not, is not.
        let mut removed = false;
        for _ in 0..50 {
            let rows = app.store.applications().unwrap();
            removed = rows.iter().all(|row| row.name != name);
            if removed {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let filter = AuditFilter { text: Some(name.clone()), limit: 10, ..AuditFilter::default() };
        let log = app.store.audit_log(&filter).unwrap();
        let told = log.iter().any(|row| row.entry.action == "application.remove");
        assert_eq!(removed, told, "{name}");
        let crowd = format!("{}/crowd/rest/usermanagement/1/config/cookie", house.server().url);
        for _ in 0..100 {
            let asked = http.get(&crowd).basic_auth(&name, password.as_str()).send().await.unwrap();
            if (asked.status() == StatusCode::UNAUTHORIZED) == removed {
                break;
            }
            assert!(removed, "{name} is refused and was not removed");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

/// What another replica changes in the store is in effect here once it is followed, whoever is let in or shut out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_follow_the_store() {
    let house = House::build(Provider::Entra, Plan::small(94)).await;
    let app = &house.server().app;
    let password = "a password of another replica";
    let new = store::NewApplication {
        name: "other".to_owned(),
        password_hash: muster::hashing::hash(password.to_owned()).await.unwrap(),
        sight: app.store.applications().unwrap()[0].sight.clone(),
        addresses: Vec::new(),
    };
    let crowd = format!("{}/crowd/rest/usermanagement/1/config/cookie", house.server().url);
    let http = connect::http::local_client().unwrap();
    let asked = async || {
        app.published_up_to_date().await.unwrap();
        let request = http.get(&crowd).basic_auth("other", Some(password));
        request.send().await.unwrap().status()
    };
    assert_eq!(asked().await, StatusCode::UNAUTHORIZED);
    let id = crate::changed(&app.store, |change| change.add_application(&new, Millis(1))).unwrap();
    assert_eq!(asked().await, StatusCode::OK);
    crate::changed(&app.store, |change| change.remove_application(id)).unwrap();
    assert_eq!(asked().await, StatusCode::UNAUTHORIZED);
}
