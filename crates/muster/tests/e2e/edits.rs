//! Whatever is edited at the provider, products have the expected directory after the next synchronisation.

use serde_json::{Value, json};

use crate::{
    expected::{Copy, Oracle, Truth},
    service::Demo,
};

/// SplitMix64, seeded.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((x ^ (x >> 31)) % below as u64).unwrap()
    }
}

/// How many of each kind the limits of 24 hours still allow.
struct Budget {
    leaving: u32,
    renames: u32,
    groups_removed: u32,
    reactivations: u32,
}

impl Budget {
    /// Below 10 of a kind nothing is ever held.
    fn new() -> Self {
        Self { leaving: 9, renames: 9, groups_removed: 9, reactivations: 9 }
    }

    fn take(count: &mut u32) -> bool {
        let left = *count > 0;
        *count = count.saturating_sub(1);
        left
    }
}

/// One random edit as method, path and body; `None` when its budget is used up.
fn edit(
    dice: &mut Dice,
    truth: &Truth,
    budget: &mut Budget,
    bin: &mut Vec<String>,
) -> Option<(&'static str, String, Value)> {
    let user = truth.users[dice.roll(truth.users.len())].clone();
    let group = truth.groups[dice.roll(truth.groups.len())].clone();
    let other = truth.groups[dice.roll(truth.groups.len())].clone();
    let number = dice.roll(1_000_000);
    let person = format!("users/{}", user.id);
    Some(match dice.roll(16) {
        0 => {
            let body = json!({"login": format!("New.{number}@contoso.example"), "display_name": format!("Né {number}"),
                "first_name": "Né", "last_name": "<&\">", "email": format!("n{number}@contoso.example")});
            ("POST", "users".to_owned(), body)
        }
        1 if Budget::take(&mut budget.renames) => {
            ("PATCH", person, json!({"login": format!("renamed.{number}@contoso.example")}))
        }
        2 => (
            "PATCH",
            person,
            json!({"display_name": format!("Changed {number}"), "last_name": "Ōhara"}),
        ),
        3 => ("PATCH", person, json!({"email": format!("other{number}@contoso.example")})),
        4 if user.active && !user.guest && Budget::take(&mut budget.leaving) => {
            ("PATCH", person, json!({"active": false}))
        }
        5 if !user.active && !user.guest && Budget::take(&mut budget.reactivations) => {
            ("PATCH", person, json!({"active": true}))
        }
        6 if Budget::take(&mut budget.leaving) => {
            bin.push(user.id.clone());
            ("DELETE", person, Value::Null)
        }
        7 if !bin.is_empty() && Budget::take(&mut budget.reactivations) => {
            let id = bin.swap_remove(dice.roll(bin.len()));
            ("POST", format!("users/{id}/restore"), Value::Null)
        }
        8 => (
            "POST",
            "groups".to_owned(),
            json!({"name": format!("Group {number}"), "description": "made <now>"}),
        ),
        9 => {
            ("PATCH", format!("groups/{}", group.id), json!({"name": format!("Renamed {number}")}))
        }
        10 => (
            "PATCH",
            format!("groups/{}", group.id),
            json!({"description": format!("text {number}")}),
        ),
        11 if Budget::take(&mut budget.groups_removed) && group.users.len() < 20 => {
            ("DELETE", format!("groups/{}", group.id), Value::Null)
        }
        12 | 13 => ("PUT", format!("groups/{}/users/{}", group.id, user.id), Value::Null),
        14 if !group.users.is_empty() => {
            let member = &group.users[dice.roll(group.users.len())];
            ("DELETE", format!("groups/{}/users/{member}", group.id), Value::Null)
        }
        15 if group.id != other.id => {
            ("PUT", format!("groups/{}/groups/{}", group.id, other.id), Value::Null)
        }
        _ => return None,
    })
}

pub(crate) fn assert_same(found: &Copy, expected: &Copy, when: &str) {
    for (name, person) in &expected.users {
        assert_eq!(found.users.get(name), Some(person), "{when}: {name}");
    }
    let extra: Vec<&String> =
        found.users.keys().filter(|name| !expected.users.contains_key(*name)).collect();
    assert!(extra.is_empty(), "{when}: people too many: {extra:?}");
    assert_eq!(found.groups, expected.groups, "{when}");
    let missing: Vec<_> = expected.members.difference(&found.members).collect();
    let extra: Vec<_> = found.members.difference(&expected.members).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{when}: memberships missing {missing:?}, too many {extra:?}"
    );
    assert_eq!(found.nested, expected.nested, "{when}");
}

async fn run(seed: u64, renames: u32) {
    println!("seed {seed}");
    let demo = Demo::start(400, 60, 2_500, seed).await;
    let mut oracle = Oracle::default();
    let mut dice = Dice(seed);
    let mut budget = Budget { renames, ..Budget::new() };
    let mut bin = Vec::new();
    let mut faithful = demo.product();
    oracle.expect(&demo.truth().await);
    for round in 0..25 {
        for _ in 0..=dice.roll(5) {
            let truth = demo.truth().await;
            if let Some((method, path, body)) = edit(&mut dice, &truth, &mut budget, &mut bin) {
                println!("round {round}: {method} {path} {body}");
                // A refusal (a group that cannot nest, a name that is taken) is an edit that did not happen.
                let step = json!([{"method": method, "path": path, "body": body}]);
                demo.control("POST", "batch", step).await;
            }
        }
        let truth = demo.truth().await;
        let (code, report) = demo.sync(round % 10 == 9);
        assert_eq!(code, 0, "seed {seed} round {round}: {report}");
        let expected = oracle.expect(&truth);
        faithful.synchronise().await;
        assert_same(&faithful.copy(), &expected, &format!("seed {seed} round {round}, by events"));
        let mut fresh = demo.product();
        fresh.full().await;
        assert_same(&fresh.copy(), &expected, &format!("seed {seed} round {round}, in full"));
    }
    if renames == 0 {
        assert_eq!(
            faithful.full_syncs, 1,
            "without renames all goes by events after the first time"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_edits_reach_products_1() {
    run(1, 9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_edits_reach_products_2() {
    run(2, 9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_renames_everything_goes_by_events() {
    run(3, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_keeps_the_key_and_expires_the_token() {
    let demo = Demo::start(100, 10, 300, 4).await;
    let mut product = demo.product();
    product.synchronise().await;
    let truth = demo.truth().await;
    let user = truth.users.iter().find(|user| !user.guest && user.active).unwrap();
    demo.control(
        "PATCH",
        &format!("users/{}", user.id),
        json!({"login": "renamed@contoso.example"}),
    )
    .await;
    assert_eq!(demo.sync(false).0, 0);
    product.synchronise().await;
    assert_eq!(product.full_syncs, 2, "a rename cannot be told by events");
    let copy = product.copy();
    assert_eq!(copy.users["renamed@contoso.example"].id, user.id);
    assert!(!copy.users.contains_key(&user.login.to_lowercase()));
}
