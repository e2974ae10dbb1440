//! Okta's people and groups: shapes of answers, pages, filters and searches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator::{LinkHeaders, Options};

use crate::{
    org::{Org, code, encoded, ids, link, next, rows},
    tenant::{send, text},
};

/// Whether a value is a time as Okta writes it.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && &text[10..11] == "T" && &text[19..20] == "."
}

#[tokio::test]
async fn the_plain_list_is_the_truth_without_the_deprovisioned() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let people = org.all("users?limit=200").await;
    assert_eq!(people.len(), truth.users.len());
    for person in &people {
        let id = text(&person["id"]);
        assert!(id.len() == 20 && id.starts_with("00u"), "{id}");
        let true_one = &truth.users[&id];
        let profile = &person["profile"];
        for (name, known) in [
            ("login", "login"),
            ("email", "email"),
            ("firstName", "first_name"),
            ("lastName", "last_name"),
        ] {
            assert_eq!(profile[name], true_one[known], "{person}");
        }
        assert_eq!(person["status"], true_one["status"]);
        let active = !["STAGED", "SUSPENDED"].contains(&person["status"].as_str().unwrap());
        assert_eq!(true_one["active"], active, "{person}");
        for (at, name) in
            ["created", "lastUpdated", "activated", "statusChanged"].iter().enumerate()
        {
            assert!(is_time(&person[name]) || (at > 1 && person[name].is_null()), "{person}");
        }
        assert_eq!(person["credentials"]["provider"], json!({"type": "OKTA", "name": "OKTA"}));
        assert!(person["type"]["id"].as_str().unwrap().starts_with("oty"));
        let own = format!("{}/api/v1/users/{id}", org.okta().url);
        assert_eq!(person["_links"]["self"]["href"], own);
        let signs: String = person.to_string();
        assert!(signs.chars().all(|sign| u32::from(sign) < 0x1_0000), "{signs}");
    }
    let statuses: BTreeSet<String> = people.iter().map(|row| text(&row["status"])).collect();
    assert_eq!(statuses.len(), 7, "{statuses:?}");
    // A null of the profile may be written out or left out.
    let absent = people.iter().filter(|row| row["profile"].get("displayName").is_none()).count();
    let null =
        people.iter().filter(|row| row["profile"].get("displayName").is_some_and(Value::is_null));
    assert!(absent > 100 && null.count() > 100);
    assert!(people.iter().any(|row| row["profile"]["badges"].is_array()));
    let former = org.filtered("users", r#"status eq "DEPROVISIONED""#).await;
    assert_eq!(former.len(), 26, "one for fifty");
    assert!(former.iter().all(|row| !truth.users.contains_key(&text(&row["id"]))));
}

#[tokio::test]
async fn pages_have_links_of_their_own() {
    let org = Org::start().await;
    let first = org.get("users?limit=100").await;
    assert_eq!(rows(&first).len(), 100);
    let links: Vec<&str> =
        first.headers.get_all("link").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(links.len(), 2);
    assert_eq!(link(&first, "self").unwrap(), org.url("users?limit=100"));
    let second = next(&first).unwrap();
    assert!(second.starts_with(&format!("{}?after=", org.url("users"))), "{second}");
    assert!(second.ends_with("&limit=100"));
    // Larger pages are cut to the maximum.
    assert_eq!(rows(&org.get("users?limit=1000").await).len(), 200);
    assert_eq!(rows(&org.get("users").await).len(), 200);
    for bad in ["0", "-1", "many"] {
        let answer = org.get(&format!("users?limit={bad}")).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000001"), "{bad}");
        assert!(answer.body["errorCauses"][0]["errorSummary"].is_string());
    }
    // A cursor is good for its own query only, and not when it was changed.
    let after = second.split("after=").nth(1).unwrap().split('&').next().unwrap();
    let flipped = after.replacen(&after[4..5], if &after[4..5] == "A" { "B" } else { "A" }, 1);
    let search = encoded("status eq \"ACTIVE\"");
    for path in [
        format!("groups?after={after}"),
        format!("users?after={after}&search={search}"),
        format!("users?after={flipped}&limit=100"),
        "users?after=nonsense".to_owned(),
    ] {
        let answer = org.get(&path).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000001"), "{path}");
    }
    org.tell("POST", "expire", json!({"what": "cursors"})).await;
    assert_eq!(org.get(&second).await.status, 400);
    // Parameters that Okta does not know are ignored.
    assert_eq!(org.get("users?limit=1&colour=blue").await.status, 200);
    let answer = org.get("shoes").await;
    assert_eq!((answer.status, code(&answer)), (404, "E0000008"));
}

#[tokio::test]
async fn links_can_be_joined_as_proxies_do() {
    let options = Options { okta_links: LinkHeaders::Joined, ..Org::options() };
    let org = Org::with(options).await;
    let answer = org.get("users?limit=100").await;
    assert_eq!(answer.headers.get_all("link").iter().count(), 1);
    let links: Vec<&str> = answer.header("link").split(", ").collect();
    assert!(links[0].ends_with("rel=\"self\"") && links[1].ends_with("rel=\"next\""), "{links:?}");
}

#[tokio::test]
async fn sizes_at_the_edge_of_a_page_are_right() {
    for (users, pages) in [(200, 1), (201, 2), (400, 2), (1, 1)] {
        let org = Org::with(Options { users, groups: 3, memberships: 3, ..Org::options() }).await;
        let mut page = org.get("users?limit=200").await;
        let mut seen = 1;
        while let Some(link) = next(&page) {
            page = org.get(&link).await;
            seen += 1;
        }
        assert_eq!(seen, pages, "{users}");
        assert!(!rows(&page).is_empty());
    }
}

#[tokio::test]
async fn fields_and_the_content_type_select() {
    let org = Org::start().await;
    let wanted = "id,status,lastUpdated,profile:(login,email,firstName,lastName,displayName),x";
    let page = org.get(&format!("users?limit=5&fields={wanted}")).await;
    for row in rows(&page) {
        let names: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "lastUpdated", "profile", "status"]);
        let known = ["displayName", "email", "firstName", "lastName", "login"];
        assert!(row["profile"].as_object().unwrap().keys().all(|name| known.contains(&&**name)));
    }
    assert!(next(&page).unwrap().contains("fields="));
    assert_eq!(code(&org.get("users?fields=profile:(login").await), "E0000001");
    let options = "omitCredentials,omitCredentialsLinks,omitTransitioningToStatus";
    let kind = format!("application/json; okta-response={options}");
    let slim = org.api(reqwest::Method::GET, "users?limit=1").header("Content-Type", &kind);
    let slim = send(slim).await;
    let whole = org.get("users?limit=1").await;
    assert!(rows(&whole)[0].get("transitioningToStatus").is_some_and(Value::is_null));
    let (slim, whole) = (&rows(&slim)[0], &rows(&whole)[0]);
    assert!(slim.get("credentials").is_none() && slim.get("transitioningToStatus").is_none());
    assert_eq!(slim["profile"], whole["profile"]);
    let one = format!("users/{}", text(&whole["id"]));
    let links = org.get(&one).await.body["_links"].clone();
    assert!(links["suspend"]["href"].is_string() && links["resetPassword"]["href"].is_string());
    let slim = send(org.api(reqwest::Method::GET, &one).header("Content-Type", &kind)).await;
    assert!(slim.body["_links"]["suspend"].is_object());
    assert!(slim.body["_links"].get("resetPassword").is_none());
}

#[tokio::test]
async fn one_person_is_found_by_id_or_login() {
    let org = Org::start().await;
    let id = org.new_user("Ann.Lee@initech.example").await;
    for key in [&id, "ann.lee@INITECH.example"] {
        let answer = org.get(&format!("users/{key}")).await;
        assert_eq!((answer.status, &answer.body["id"]), (200, &json!(id)), "{key}");
        assert_eq!(answer.body["profile"]["login"], "Ann.Lee@initech.example");
    }
    let swapped: String = id
        .chars()
        .map(|sign| if sign.is_lowercase() { sign.to_ascii_uppercase() } else { sign })
        .collect();
    for key in ["00uNobody", &swapped, "nobody@initech.example"] {
        let answer = org.get(&format!("users/{key}")).await;
        assert_eq!((answer.status, code(&answer)), (404, "E0000007"), "{key}");
        assert!(answer.body["errorSummary"].as_str().unwrap().contains("(User)"));
    }
}

#[tokio::test]
async fn filters_find_what_changed() {
    let org = Org::start().await;
    let before = org.all("users?limit=200").await;
    let newest = before.iter().map(|row| text(&row["lastUpdated"])).max().unwrap();
    let changed = |at: &str| format!("lastUpdated gt \"{at}\"");
    assert!(org.filtered("users", &changed(&newest)).await.is_empty());
    let user = text(&before[7]["id"]);
    let other = text(&before[8]["id"]);
    let path = format!("users/{user}");
    org.tell("PATCH", &path, json!({"last_name": "Ōhara", "office": "B7"})).await;
    org.tell("DELETE", &format!("users/{other}"), Value::Null).await;
    let group = org.new_group("Fresh").await;
    let third = text(&before[9]["id"]);
    org.tell("PUT", &format!("groups/{group}/users/{third}"), Value::Null).await;
    let found = org.filtered("users", &changed(&newest)).await;
    assert_eq!(ids(&found), BTreeSet::from([user.clone(), other.clone()]), "no membership");
    let statuses: BTreeMap<String, String> =
        found.iter().map(|row| (text(&row["id"]), text(&row["status"]))).collect();
    assert_eq!(statuses[&other], "DEPROVISIONED");
    let last = found.iter().map(|row| text(&row["lastUpdated"])).max().unwrap();
    assert!(org.filtered("users", &changed(&last)).await.is_empty(), "gt is not ge");
    let ge = format!("lastUpdated ge \"{last}\" and status eq \"DEPROVISIONED\"");
    assert_eq!(org.filtered("users", &ge).await.len(), 1);
    let either = format!("id eq \"{user}\" or (id eq \"{third}\" and status eq \"nonsense\")");
    assert_eq!(ids(&org.filtered("users", &either).await), BTreeSet::from([user]));
    let login = text(&before[20]["profile"]["login"]).to_uppercase();
    let found = org.filtered("users", &format!("profile.login eq \"{login}\"")).await;
    assert_eq!(found.len(), 1);
    for bad in [
        "status",
        "status ne \"ACTIVE\"",
        "profile.login sw \"a\"",
        "profile.displayName eq \"a\"",
        "lastUpdated gt \"yesterday\"",
        "(status eq \"ACTIVE\"",
    ] {
        let answer = org.get(&format!("users?filter={}", encoded(bad))).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000053"), "{bad}");
    }
}

#[tokio::test]
async fn searches_sort_and_lag() {
    let org = Org::start().await;
    let search = async |text: &str, more: &str| {
        org.all(&format!("users?limit=200&search={}{more}", encoded(text))).await
    };
    let all = search("status pr", "&sortBy=id&sortOrder=asc").await;
    assert_eq!(all.len(), 1_300 + 26, "with the deprovisioned");
    let keys: Vec<String> = all.iter().map(|row| text(&row["id"])).collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "in the order of ids, each once");
    let falling = search("status eq \"ACTIVE\"", "&sortBy=profile.lastName&sortOrder=desc").await;
    let names: Vec<String> =
        falling.iter().map(|row| text(&row["profile"]["lastName"]).to_lowercase()).collect();
    assert!(names.is_sorted_by(|a, b| a >= b));
    assert!(falling.len() > 1_000 && ids(&falling).len() == falling.len());
    let some = search("profile.login sw \"ANN\" and profile.email co \"@\"", "").await;
    assert!(!some.is_empty());
    assert!(
        some.iter().all(|row| text(&row["profile"]["login"]).to_lowercase().starts_with("ann"))
    );
    assert!(!search("profile.badges eq \"LAB\"", "").await.is_empty(), "an array of our own");
    assert!(search("profile.shoeSize eq \"44\"", "").await.is_empty());
    for bad in ["status ne \"ACTIVE\"", "shoes eq \"a\"", "status"] {
        let answer = org.get(&format!("users?search={}", encoded(bad))).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000031"), "{bad}");
    }
    org.tell("POST", "lag", json!({"list_ms": 60_000})).await;
    let id = org.new_user("late@initech.example").await;
    let one = format!("id eq \"{id}\"");
    assert!(search(&one, "").await.is_empty(), "not yet");
    assert_eq!(org.filtered("users", &one).await.len(), 1, "filters do not lag");
    assert!(ids(&org.all("users?limit=200").await).contains(&id));
    org.tell("PATCH", &format!("users/{id}"), json!({"login": "later@initech.example"})).await;
    org.advance(61).await;
    let found = search(&one, "").await;
    assert_eq!(found[0]["profile"]["login"], "later@initech.example");
    let picked = rows(&org.get("users?q=LATE@").await).to_vec();
    assert_eq!(ids(&picked), BTreeSet::from([id]));
}

#[tokio::test]
async fn groups_have_kinds_and_times() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let groups = org.all("groups?limit=50").await;
    assert_eq!(groups.len(), 60);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut own_names = BTreeSet::new();
    for group in &groups {
        let id = text(&group["id"]);
        assert!(id.len() == 20 && id.starts_with("00g"), "{id}");
        assert_eq!(group["profile"]["name"], truth.groups[&id]["name"]);
        assert_eq!(group["profile"]["description"], truth.groups[&id]["description"]);
        for name in ["created", "lastUpdated", "lastMembershipUpdated"] {
            assert!(is_time(&group[name]), "{group}");
        }
        let kind = text(&group["type"]);
        let class = group["objectClass"][0].as_str().unwrap();
        if kind == "APP_GROUP" {
            assert_eq!(class, "okta:windows_security_principal");
            let known = ["dn", "samAccountName", "windowsDomainQualifiedName", "externalId"];
            assert!(known.iter().all(|name| group["profile"][name].is_string()), "{group}");
            assert!(group["source"]["id"].as_str().unwrap().starts_with("0oa"));
        } else {
            assert_eq!(class, "okta:user_group");
            assert!(group.get("source").is_none());
            assert!(own_names.insert(text(&group["profile"]["name"]).to_lowercase()));
        }
        let users = format!("{}/api/v1/groups/{id}/users", org.okta().url);
        assert_eq!(group["_links"]["users"]["href"], users);
        *kinds.entry(kind).or_default() += 1;
    }
    assert_eq!(kinds["BUILT_IN"], 2);
    assert!(kinds["APP_GROUP"] > 5 && kinds["OKTA_GROUP"] > 20, "{kinds:?}");
    let names: Vec<String> = groups.iter().map(|row| text(&row["profile"]["name"])).collect();
    assert_eq!(names.iter().filter(|name| *name == "Duplicate name").count(), 2);
    let stats = org.all("groups?expand=stats&limit=200").await;
    let everyone = &stats.iter().find(|row| row["profile"]["name"] == "Everyone").unwrap();
    assert_eq!(everyone["_embedded"]["stats"]["usersCount"], 1_300);
    assert_eq!(truth.groups[&text(&everyone["id"])]["everybody"], true);
    let found = rows(&org.get("groups?q=every").await).to_vec();
    assert_eq!(found.len(), 1);
    let id = text(&found[0]["id"]);
    assert_eq!(org.get(&format!("groups/{id}")).await.body, found[0]);
    let answer = org.get("groups/00gNothing").await;
    assert_eq!((answer.status, code(&answer)), (404, "E0000007"));
}

#[tokio::test]
async fn what_moves_the_times_of_groups() {
    let org = Org::start().await;
    let before = org.all("groups").await;
    let newest = before
        .iter()
        .flat_map(|row| [text(&row["lastUpdated"]), text(&row["lastMembershipUpdated"])])
        .max()
        .unwrap();
    let changed =
        async |property: &str| org.filtered("groups", &format!("{property} gt \"{newest}\"")).await;
    let truth = org.truth().await;
    let half = truth.group("Half of the people").to_owned();
    let member = truth.members(&half).first().unwrap().clone();
    let renamed = truth.group("Exactly one page").to_owned();
    let gone = truth.group("Nobody yet").to_owned();
    org.tell("DELETE", &format!("groups/{half}/users/{member}"), Value::Null).await;
    org.tell("PATCH", &format!("groups/{renamed}"), json!({"description": "new"})).await;
    org.tell("DELETE", &format!("groups/{gone}"), Value::Null).await;
    assert_eq!(ids(&changed("lastMembershipUpdated").await), BTreeSet::from([half.clone()]));
    assert_eq!(ids(&changed("lastUpdated").await), BTreeSet::from([renamed.clone()]));
    let both = format!("lastUpdated gt \"{newest}\" or lastMembershipUpdated gt \"{newest}\"");
    let both = ids(&org.filtered("groups", &both).await);
    assert_eq!(both, BTreeSet::from([half, renamed]), "who is gone does not say so");
    assert_eq!(org.all("groups").await.len(), 59);
    // Everybody's group moves with people, and later if it lags.
    org.tell("POST", "lag", json!({"delta_ms": 30_000})).await;
    org.new_user("new@initech.example").await;
    let seen = changed("lastMembershipUpdated").await;
    assert!(!seen.iter().any(|row| row["profile"]["name"] == "Everyone"));
    org.advance(31).await;
    let seen = changed("lastMembershipUpdated").await;
    assert!(seen.iter().any(|row| row["profile"]["name"] == "Everyone"));
    for bad in ["lastMembershipUpdated gt 5", "profile.description eq \"a\"", "type gt \"a\""] {
        let answer = org.get(&format!("groups?filter={}", encoded(bad))).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000053"), "{bad}");
    }
    let imported = org.filtered("groups", "type eq \"APP_GROUP\"").await;
    assert!(!imported.is_empty() && imported.iter().all(|row| row["type"] == "APP_GROUP"));
}
