//! Long lists in pages: whole, without doubles, in order, also while they change.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::Provider;

use crate::{
    get,
    house::{House, Plan},
};

/// All items of a list, and how many pages it had; `path` has its question mark.
async fn all(house: &House, path: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = get(house, &format!("{path}limit={limit}{cursor}")).await;
        let of_page = page["items"].as_array().unwrap();
        assert!(of_page.len() <= limit && !of_page.is_empty(), "{path}");
        items.extend(of_page.iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, pages),
        }
    }
}

fn texts(items: &[Value], key: &str) -> Vec<String> {
    items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_groups_and_members_come_whole_and_in_order() {
    let house = House::build(Provider::Entra, Plan::small(81)).await;
    let size = get(&house, "/directories/entra").await["size"].clone();
    let (people, pages) = all(&house, "/directories/entra/users?", 7).await;
    assert_eq!(people.len() as u64, size["users"].as_u64().unwrap());
    assert_eq!(pages, people.len().div_ceil(7));
    let names = texts(&people, "name");
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let (groups, _) = all(&house, "/directories/entra/groups?", 5).await;
    assert_eq!(groups.len() as u64, size["groups"].as_u64().unwrap());

    let (active, _) = all(&house, "/directories/entra/users?active=true&", 50).await;
    assert_eq!(active.len() as u64, size["active_users"].as_u64().unwrap());
    let found = get(&house, &format!("/directories/entra/users?q={}", names[3])).await;
    assert_eq!(found["items"][0], people[3]);
    let largest = groups.iter().max_by_key(|group| group["users_total"].as_u64()).unwrap();
    let path = format!("/directories/entra/groups/{}", largest["id"].as_str().unwrap());
    let (members, _) = all(&house, &format!("{path}/users?"), 3).await;
    assert_eq!(members.len() as u64, largest["users_total"].as_u64().unwrap());
    let member = members[0]["id"].as_str().unwrap();
    let person = get(&house, &format!("/directories/entra/users/{member}")).await;
    let in_groups = texts(person["groups"].as_array().unwrap(), "name");
    assert!(in_groups.contains(&largest["name"].as_str().unwrap().to_owned()));
    assert_eq!(get(&house, &path).await["name"], largest["name"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_asked_for_later_leaves_nobody_out() {
    let mut house = House::build(Provider::Entra, Plan::small(82)).await;
    let first = get(&house, "/directories/entra/users?limit=10").await;
    let (before, _) = all(&house, "/directories/entra/users?", 100).await;
    // Somebody comes in front of everybody: by count, the next page would begin with whoever was shown last.
    let login = format!("00@{}", house.domain());
    house.new_user(&login).await;
    house.read(false).await;
    let next = first["next"].as_str().unwrap();
    let second = get(&house, &format!("/directories/entra/users?limit=10&cursor={next}")).await;
    assert_eq!(second["items"].as_array().unwrap()[..], before[10..20]);
    assert_eq!(get(&house, "/directories/entra/users?limit=1").await["items"][0]["name"], login);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_runs_and_the_audit_log_lead_back_to_their_beginning() {
    let mut house = House::build(Provider::Entra, Plan::small(83)).await;
    for at in 0..5 {
        let login = format!("p{at}@{}", house.domain());
        house.new_user(&login).await;
        house.read(false).await;
        let token = serde_json::json!({"name": login, "scopes": ["read"]});
        crate::did(&house, "POST", "/tokens", token).await;
    }
    let numbers = |items: &[Value], key: &str| -> Vec<u64> {
        items.iter().map(|item| item[key].as_u64().unwrap()).collect()
    };
    let (runs, _) = all(&house, "/directories/entra/runs?", 2).await;
    let ids = numbers(&runs, "id");
    assert!(runs.len() == 6 && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    let (audit, _) = all(&house, "/audit?", 2).await;
    let of_tokens = audit.iter().filter(|entry| entry["action"] == "token.add").count();
    assert!(of_tokens == 5 && numbers(&audit, "id").is_sorted_by(|a, b| a > b));

    let head = get(&house, "/server").await["head"].as_u64().unwrap();
    let mut cursor = String::new();
    let mut back = Vec::new();
    loop {
        let page = get(&house, &format!("/changes?limit=30{cursor}")).await;
        let page_numbers = numbers(page["items"].as_array().unwrap(), "seq");
        assert!(page_numbers.is_sorted());
        back.splice(0..0, page_numbers);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(back, (1..=head).collect::<Vec<_>>(), "every change, once");
    let (on, _) = all(&house, "/changes?after=3&", 30).await;
    assert_eq!(numbers(&on, "seq"), (4..=head).collect::<Vec<_>>());
}
