//! One group's new name, followed for that group alone, whoever the provider is.

use muster::task::commit::{
    self, Decision, Step,
    rename::{self, Renaming},
};
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    expected::Copy,
    house::{House, Plan},
};

/// The copy with a group under another name.
fn renamed(copy: &Copy, from: &str, to: &str) -> Copy {
    let name = |name: &String| if name == from { to.to_owned() } else { name.clone() };
    Copy {
        users: copy.users.clone(),
        groups: copy.groups.iter().map(|(group, text)| (name(group), text.clone())).collect(),
        members: copy.members.iter().map(|(group, user)| (name(group), user.clone())).collect(),
        nested: copy.nested.iter().map(|(group, inner)| (name(group), name(inner))).collect(),
    }
}

/// Accepts the new name of one group, or refuses it.
async fn decide(house: &House, name: &str, accepts: bool) {
    let app = &house.server().app;
    let keeper = app.keeper(house.directory()).unwrap();
    let renames = rename::renames(app, &keeper).await.unwrap();
    let rename = renames.into_iter().find(|rename| rename.served.as_str() == name).unwrap();
    let one = [(rename.group, rename.name)].into();
    let none = std::collections::BTreeMap::new();
    let (accept, refuse) = if accepts { (one, none) } else { (none, one) };
    let renaming = Renaming { accept, refuse, reason: None };
    let decision = Decision { renames: Some(renaming), ..Decision::default() };
    commit::commit(app, &keeper, Step::Decision(decision)).await.unwrap();
}

pub(crate) async fn s17_a_new_name_is_followed_for_one_group(provider: Provider) {
    let mut house = House::build(provider, Plan::small(17)).await;
    let mut groups = Vec::new();
    for at in 0..3 {
        let group = house.new_group(&format!("Team {at}")).await;
        let inside = house.truth().await.users[at].id.clone();
        house.control("PUT", &format!("groups/{group}/users/{inside}"), Value::Null).await;
        groups.push(group);
    }
    house.read(false).await;
    let before = house.rest("before").await;
    let truth = house.truth().await;
    let groups: Vec<_> = groups
        .iter()
        .map(|id| truth.groups.iter().find(|group| group.id == *id).unwrap())
        .collect();
    let served = |at: usize| match provider {
        Provider::Google => {
            let address = groups[at].email.clone().unwrap();
            address.split('@').next().unwrap().to_owned()
        }
        Provider::Entra | Provider::Okta => groups[at].name.clone(),
    };
    for (at, group) in groups.iter().enumerate() {
        let name = format!("another-{at}");
        let body = match provider {
            Provider::Google => json!({"email": format!("{name}@{}", house.domain())}),
            Provider::Entra | Provider::Okta => json!({"name": name}),
        };
        house.control("PATCH", &format!("groups/{}", group.id), body).await;
    }
    house.read(false).await;
    house.has(&before, "no name is followed by itself").await;
    let reads = house.product.full_syncs;
    decide(&house, &served(0), true).await;
    decide(&house, &served(1), false).await;
    let after = renamed(&before, &served(0), "another-0");
    house.has(&after, "one is accepted, one refused, and one waits").await;
    assert_eq!(house.product.full_syncs, reads, "products learn of it without reading everything");
    for full in [true, false] {
        house.read(full).await;
        house.has(&after, "no read changes that").await;
    }
    house.restart().await;
    house.read(true).await;
    house.has(&after, "nor does a restart").await;
    decide(&house, &served(1), true).await;
    let after = renamed(&after, &served(1), "another-1");
    house.has(&after, "what was refused is accepted after all").await;
}
