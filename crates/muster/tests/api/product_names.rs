//! Names that products refuse are told for the products that applications were made for, wherever an administrator looks.

use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    did, get,
    house::{House, Plan},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_told_for_the_products_that_read_a_directory() {
    let mut house = House::build(Provider::Entra, Plan::small(84)).await;
    let odd = house.new_user("r+d#1@contoso.example").await;
    let team = house.new_group("R&D <Nord>/Team").await;
    house.control("PUT", &format!("groups/{team}/users/{odd}"), Value::Null).await;
    house.read(false).await;
    let told = async || get(&house, "/directories/entra/product-names").await;
    let explained = async || {
        get(&house, "/directories/entra/explain?user=r%2Bd%231@contoso.example").await["because"]
            .to_string()
    };
    // Nobody said what the application was made for.
    assert_eq!(told().await, json!([]));
    assert!(!explained().await.contains("Confluence"));
    did(&house, "PUT", "/applications/product/product", json!({"product": "confluence"})).await;
    let shown = get(&house, "/applications/product").await;
    assert_eq!(shown["product"], "confluence");
    let all = told().await;
    let find = |subject: &str, name: &str| {
        let mut found = all.as_array().unwrap().iter().filter(|one| {
            one["product"] == "confluence"
                && one["subject"] == subject
                && one["names"].as_array().unwrap().iter().any(|known| known == name)
        });
        found.next().cloned().unwrap_or_default()
    };
    let users = find("user", "r+d#1@contoso.example");
    assert!(users["count"].as_u64().unwrap() >= 1, "{all}");
    assert!(
        users["mend"].as_str().unwrap().starts_with("[[replace.user_name]]\npattern = "),
        "{users}"
    );
    assert!(users["source"].as_str().unwrap().starts_with("https://"), "{users}");
    assert!(find("group", "R&D <Nord>/Team")["count"].as_u64().unwrap() >= 1, "{all}");
    assert!(explained().await.contains("Confluence refuses such a user name"));
    // A preview tells of the names that there would be: the proposed rule mends them.
    let preview = get(&house, "/directories/entra/preview").await;
    assert_eq!(preview["product_names"], all);
    let mend = users["mend"].as_str().unwrap();
    let pattern = mend.split_once("pattern = ").unwrap().1.lines().next().unwrap();
    let pattern: String = serde_json::from_str(pattern).unwrap();
    let mut rules = get(&house, "/directories/entra").await["rules"].clone();
    rules["replace"] = json!({"user_name": [{"pattern": pattern, "with": "_"}]});
    let after = did(&house, "POST", "/directories/entra/preview", rules).await;
    let left = after["product_names"].as_array().unwrap().iter();
    let left: Vec<_> = left.filter(|one| one["effect"] == users["effect"]).collect();
    assert!(left.is_empty(), "{left:?}");
    // A product that takes everything is told nothing of; none is none.
    did(&house, "PUT", "/applications/product/product", json!({"product": "other"})).await;
    assert_eq!(told().await, json!([]));
    did(&house, "PUT", "/applications/product/product", json!({"product": null})).await;
    assert!(get(&house, "/applications/product").await.get("product").is_none());
}
