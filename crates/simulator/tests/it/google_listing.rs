//! Google's lists of people and groups, and single reads.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::{Options, PageMaximum};

use crate::{
    tenant::{send, text},
    workspace::{Workspace, reason, set},
};

const USERS: &str = "users?customer=my_customer&maxResults=500";
const GROUPS: &str = "groups?customer=my_customer";

#[tokio::test]
async fn lists_are_the_truth() {
    let workspace = Workspace::start().await;
    let truth = workspace.truth().await;
    let users = workspace.all("users", USERS).await;
    assert_eq!(users.len(), 1_300);
    for row in &users {
        let user = &truth.users[row["id"].as_str().unwrap()];
        assert_eq!((&row["primaryEmail"], &row["primaryEmail"]), (&user["login"], &user["email"]));
        assert_eq!(&row["name"].get("givenName").cloned().unwrap_or_default(), &user["first_name"]);
        assert_eq!(&row["name"].get("familyName").cloned().unwrap_or_default(), &user["last_name"]);
        let display = row["name"].get("displayName").unwrap_or(&row["name"]["fullName"]);
        assert_eq!(display, &user["display_name"]);
        let active = row["suspended"] == false && row["archived"] == false;
        assert_eq!(json!(active), user["active"]);
        assert_eq!(json!(row["isGuestUser"] == true), user["guest"]);
        assert_eq!(row["id"].as_str().unwrap().len(), 21);
    }
    let emails: Vec<String> = users.iter().map(|row| text(&row["primaryEmail"])).collect();
    assert!(emails.is_sorted());
    // The same local part in both domains: a client that cuts the domain off must cope.
    let locals: BTreeSet<&str> =
        emails.iter().map(|email| email.split('@').next().unwrap()).collect();
    assert!(locals.len() < emails.len());
    let groups = workspace.all("groups", GROUPS).await;
    assert_eq!(groups.len(), 60);
    for row in &groups {
        let group = &truth.groups[row["id"].as_str().unwrap()];
        for field in ["name", "email"] {
            assert_eq!(row[field], group[field]);
        }
        assert_eq!(row["description"], json!(group["description"].as_str().unwrap_or_default()));
        assert!(row["directMembersCount"].is_string());
    }
}

#[tokio::test]
async fn pages_have_maxima_and_the_last_one_no_token() {
    let workspace = Workspace::start().await;
    let rows = async |path: &str, list: &str| {
        let page = workspace.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        (page.body[list].as_array().unwrap().len(), page.body.get("nextPageToken").is_some())
    };
    assert_eq!(rows("users?customer=my_customer", "users").await, (100, true));
    assert_eq!(rows(USERS, "users").await, (500, true));
    assert_eq!(rows(&format!("{GROUPS}&maxResults=60"), "groups").await, (60, false));
    assert_eq!(
        rows(&format!("{GROUPS}&maxResults=250"), "groups").await,
        (60, false),
        "cut to 200"
    );
    for bad in ["501", "0", "-1"] {
        let answer = workspace.get(&format!("users?customer=my_customer&maxResults={bad}")).await;
        assert_eq!((answer.status, reason(&answer)), (400, "invalid"), "{bad}");
    }
    let options = Options { google_page_maximum: PageMaximum::Cut, ..Workspace::options() };
    let lenient = Workspace::with(options).await;
    let page = lenient.get("users?customer=my_customer&maxResults=501").await;
    assert_eq!(page.body["users"].as_array().unwrap().len(), 500);
    for (descending, by) in [
        ("&sortOrder=DESCENDING", ""),
        ("", "&orderBy=familyName"),
        ("&sortOrder=descending", "&orderBy=givenName"),
    ] {
        let path = format!("{USERS}{descending}{by}");
        assert_eq!(set(&workspace.all("users", &path).await, "id").len(), 1_300, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_absent_and_not_an_empty_list() {
    let options = Options { users: 0, groups: 0, memberships: 0, ..Workspace::options() };
    let workspace = Workspace::with(options).await;
    for (path, list) in [(USERS, "users"), (GROUPS, "groups")] {
        let page = workspace.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.body.get(list).is_none() && page.body.get("nextPageToken").is_none());
        assert!(page.body["kind"].is_string() && page.body["etag"].is_string());
    }
}

#[tokio::test]
async fn page_tokens_are_bound_and_expire() {
    let mut workspace = Workspace::start().await;
    let token = text(&workspace.get(USERS).await.body["nextPageToken"]);
    let refused = async |workspace: &Workspace, path: &str, token: &str| {
        let answer = workspace.page(path, Some(token)).await;
        assert_eq!((answer.status, reason(&answer)), (400, "invalid"), "{path}");
        assert_eq!(answer.body["error"]["message"], "Invalid Input: pageToken");
    };
    assert_eq!(workspace.page(USERS, Some(&token)).await.status, 200);
    assert_eq!(
        workspace.page("users?customer=my_customer&maxResults=100", Some(&token)).await.status,
        200
    );
    refused(&workspace, &format!("{USERS}&showDeleted=true"), &token).await;
    refused(&workspace, GROUPS, &token).await;
    let middle = token.len() / 2;
    let other = if &token[middle..=middle] == "A" { "B" } else { "A" };
    let altered = format!("{}{other}{}", &token[..middle], &token[middle + 1..]);
    refused(&workspace, USERS, &altered).await;
    refused(&workspace, USERS, &format!("{token}A")).await;
    refused(&workspace, USERS, "nonsense").await;
    workspace.advance(3 * 86_400 - 10).await;
    workspace.log_in().await;
    assert_eq!(workspace.page(USERS, Some(&token)).await.status, 200);
    workspace.advance(20).await;
    refused(&workspace, USERS, &token).await;
    let token = text(&workspace.get(USERS).await.body["nextPageToken"]);
    workspace.tell("POST", "expire", json!({"what": "cursors"})).await;
    refused(&workspace, USERS, &token).await;
}

#[tokio::test]
async fn masks_select_and_are_checked() {
    let workspace = Workspace::start().await;
    let fields = "nextPageToken,users(id,primaryEmail,name(givenName,fullName),suspended)";
    let page = workspace.get(&format!("{USERS}&fields={fields}")).await;
    let mut names: Vec<&String> = page.body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["nextPageToken", "users"]);
    for row in page.body["users"].as_array().unwrap() {
        let keys = row.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys, ["id", "name", "primaryEmail", "suspended"].map(str::to_owned).into());
        assert!(row["name"].get("familyName").is_none());
    }
    let page = workspace.get(&format!("{USERS}&fields=users/emails/address")).await;
    let row = &page.body["users"][0];
    assert!(row["emails"][0]["address"].is_string() && row["emails"][0].get("primary").is_none());
    assert!(page.body.get("nextPageToken").is_none(), "not asked for");
    for bad in ["users(login)", "value", "users(id", "users(name/first)"] {
        let answer = workspace.get(&format!("{USERS}&fields={bad}")).await;
        assert_eq!((answer.status, reason(&answer)), (400, "invalidParameter"), "{bad}");
        assert!(text(&answer.body["error"]["message"]).starts_with("Invalid field selection"));
    }
}

#[tokio::test]
async fn parameters_are_checked() {
    let workspace = Workspace::start().await;
    for (path, status, expected) in [
        ("users", 400, "badRequest"),
        ("groups", 400, "badRequest"),
        ("users?customer=C0wrong00", 400, "invalid"),
        ("users?domain=elsewhere.example", 404, "notFound"),
        ("users?customer=my_customer&$top=5", 400, "badRequest"),
        ("users?customer=my_customer&orderBy=id", 400, "badRequest"),
        ("users?customer=my_customer&projection=custom", 400, "invalid"),
        ("users?customer=my_customer&query=size=3", 400, "invalid"),
        ("groups?customer=my_customer&userKey=x@globex.example", 400, "badRequest"),
        ("groups?userKey=nobody@globex.example", 404, "notFound"),
        ("users/nobody@globex.example", 404, "notFound"),
        ("groups/012345678901234", 404, "notFound"),
    ] {
        let answer = workspace.get(path).await;
        assert_eq!((answer.status, reason(&answer)), (status, expected), "{path}: {}", answer.text);
    }
    let page = workspace.get("people").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    let labs = workspace.all("users", "users?domain=labs.globex.example&maxResults=500").await;
    assert!(!labs.is_empty() && labs.len() < 100);
    assert!(labs.iter().all(|row| text(&row["primaryEmail"]).ends_with("@labs.globex.example")));
}

#[tokio::test]
async fn searches_find_what_they_name() {
    let workspace = Workspace::start().await;
    let all = workspace.all("users", USERS).await;
    let count = async |query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        workspace.all("users", &format!("{USERS}&query={query}")).await.len()
    };
    let of = |test: &dyn Fn(&Value) -> bool| all.iter().filter(|row| test(row)).count();
    assert_eq!(count("isSuspended=true").await, of(&|row| row["suspended"] == true));
    assert_eq!(
        count("isSuspended=false email:ann*").await,
        of(&|row| row["suspended"] == false && text(&row["primaryEmail"]).starts_with("ann"))
    );
    let sales = of(&|row| row["orgUnitPath"] == "/Staff/Sales");
    assert!(sales > 0);
    assert_eq!(count("orgUnitPath='/Staff/Sales'").await, sales);
    assert_eq!(count("orgUnitPath='/'").await, 1_300);
}

#[tokio::test]
async fn one_is_read_by_id_address_or_alias() {
    let workspace = Workspace::start().await;
    let user = workspace
        .tell(
            "POST",
            "users",
            json!({"login": "New.Person@globex.example", "first_name": "New",
               "last_name": "Person", "aliases": ["np@globex.example"]}),
        )
        .await;
    let id = text(&user["id"]);
    for key in [&id, "new.person@globex.example", "NP@globex.example"] {
        let answer = workspace.get(&format!("users/{key}")).await;
        assert_eq!((answer.status, &answer.body["id"]), (200, &json!(id)), "{key}");
    }
    let row = workspace.get(&format!("users/{id}?fields=id,aliases,name,deletionTime")).await.body;
    let name = json!({"givenName": "New", "familyName": "Person", "fullName": "New Person"});
    assert_eq!(row, json!({"id": id, "aliases": ["np@globex.example"], "name": name}));
    // After a new address the old one is an alias, and leads here still.
    workspace
        .tell("PATCH", &format!("users/{id}"), json!({"login": "renamed@globex.example"}))
        .await;
    let row = workspace.get("users/new.person@globex.example").await.body;
    assert_eq!((&row["id"], &row["primaryEmail"]), (&json!(id), &json!("renamed@globex.example")));
    assert_eq!(row["aliases"], json!(["np@globex.example", "new.person@globex.example"]));
    // Until somebody else gets it.
    let other = workspace.new_user("new.person@globex.example").await;
    assert_eq!(workspace.get("users/new.person@globex.example").await.body["id"], json!(other));
    assert_eq!(
        workspace.get(&format!("users/{id}")).await.body["aliases"],
        json!(["np@globex.example"])
    );

    let group = workspace.new_group("Launch Crew").await;
    for key in [&group, "launch-crew@globex.example"] {
        assert_eq!(workspace.get(&format!("groups/{key}")).await.body["id"], json!(group), "{key}");
    }
    let path = format!("groups/{group}");
    workspace.tell("PATCH", &path, json!({"name": "Landing Crew"})).await;
    let row = workspace.get("groups/launch-crew@globex.example").await.body;
    assert_eq!(
        (&row["email"], &row["name"]),
        (&json!("landing-crew@globex.example"), &json!("Landing Crew"))
    );
    workspace.tell("PATCH", &path, json!({"email": "moon@globex.example"})).await;
    workspace.tell("PATCH", &path, json!({"name": "Mars"})).await;
    let row = workspace.get(&path).await.body;
    assert_eq!((&row["email"], &row["name"]), (&json!("moon@globex.example"), &json!("Mars")));
}

#[tokio::test]
async fn deleted_people_are_listed_apart_for_twenty_days() {
    let mut workspace = Workspace::start().await;
    let id = workspace.new_user("leaver@globex.example").await;
    let path = format!("users/{id}");
    workspace.tell("DELETE", &path, Value::Null).await;
    let deleted = format!("{USERS}&showDeleted=true");
    assert_eq!(workspace.get(&path).await.status, 404);
    let rows = workspace.all("users", &deleted).await;
    assert_eq!(rows.len(), 1, "only deleted people");
    assert_eq!(rows[0]["id"], json!(id));
    assert!(text(&rows[0]["deletionTime"]).ends_with('Z'));
    assert!(!set(&workspace.all("users", USERS).await, "id").contains(&id));
    workspace.tell("POST", &format!("{path}/restore"), Value::Null).await;
    assert_eq!(workspace.get(&path).await.status, 200);
    assert!(workspace.all("users", &deleted).await.is_empty());
    workspace.tell("DELETE", &path, Value::Null).await;
    workspace.advance(20 * 86_400).await;
    workspace.log_in().await;
    assert!(workspace.all("users", &deleted).await.is_empty());
    let restored = workspace.control("POST", &format!("{path}/restore"), &Value::Null).await;
    assert_eq!(restored.status, 409);
}

#[tokio::test]
async fn an_entity_tag_saves_the_body() {
    let workspace = Workspace::start().await;
    let id = workspace.new_user("tagged@globex.example").await;
    let url = format!("{}/admin/directory/v1/users/{id}", workspace.google().api);
    let first = send(workspace.http.get(&url).bearer_auth(workspace.token())).await;
    let tag = text(&first.body["etag"]);
    assert_eq!(first.header("etag"), tag);
    let again = async || {
        let request = workspace.http.get(&url).bearer_auth(workspace.token());
        send(request.header("if-none-match", &tag)).await.status
    };
    assert_eq!(again().await, 304);
    workspace.tell("PATCH", &format!("users/{id}"), json!({"first_name": "Tag"})).await;
    assert_eq!(again().await, 200);
}

#[tokio::test]
async fn compression_wants_the_word_in_both_headers() {
    let workspace = Workspace::start().await;
    let url = format!("{}/admin/directory/v1/{USERS}", workspace.google().api);
    let encoding = async |agent: &str| {
        let request = workspace.http.get(&url).bearer_auth(workspace.token());
        let request = request.header("accept-encoding", "gzip").header("user-agent", agent);
        request.send().await.unwrap().headers().get("content-encoding").is_some()
    };
    assert!(!encoding("plain client").await);
    assert!(encoding("client (gzip)").await);
}

#[tokio::test]
async fn lists_lag_and_single_reads_do_not() {
    let workspace = Workspace::start().await;
    workspace.tell("POST", "lag", json!({"list_ms": 60_000, "delta_ms": 0})).await;
    let id = workspace.new_user("late@globex.example").await;
    assert!(!set(&workspace.all("users", USERS).await, "id").contains(&id));
    assert_eq!(workspace.get(&format!("users/{id}")).await.status, 200);
    workspace.advance(61).await;
    assert!(set(&workspace.all("users", USERS).await, "id").contains(&id));
}

#[tokio::test]
async fn units_are_listed() {
    let workspace = Workspace::start().await;
    let units = async |options: &str| {
        let answer = workspace.get(&format!("customer/my_customer/orgunits{options}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        set(answer.body["organizationUnits"].as_array().unwrap(), "orgUnitPath")
    };
    assert_eq!(units("").await, BTreeSet::from(["/Staff".to_owned()]));
    let all = units("?type=all").await;
    assert!(all.contains("/Staff/Sales") && all.len() > 10);
    let below = units("?type=children&orgUnitPath=/Staff").await;
    assert_eq!(below.len(), all.len() - 1);
}
