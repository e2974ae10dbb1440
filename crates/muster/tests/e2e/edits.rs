//! Whatever is edited at the provider, products have the expected directory after the next synchronisation.

use serde_json::json;

use crate::{
    expected::Oracle,
    random::{Budget, Dice, assert_same, edit},
    service::Demo,
};

async fn run(seed: u64, renames: u32) {
    let demo = Demo::start(400, 60, 2_500, seed).await;
    follow(demo, Oracle::default(), seed, Budget { renames, ..few() }).await;
}

/// Below 10 of a kind, and 5 groups removed, nothing is ever held.
fn few() -> Budget {
    let names = Budget::unlimited(1_000_000);
    Budget { leaving: 9, renames: 9, groups_removed: 4, reactivations: 9, ..names }
}

async fn follow(demo: Demo, mut oracle: Oracle, seed: u64, mut budget: Budget) {
    println!("seed {seed}");
    let renames = budget.renames;
    let mut dice = Dice(seed);
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

/// Google has no list of changes: what is edited shows all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_edits_of_a_google_organisation_reach_products() {
    let demo = Demo::of("google", [400, 60, 2_500], 5).await;
    let mut oracle = Oracle::default();
    oracle.by_address = true;
    follow(demo, oracle, 5, Budget { domain: "globex.example", ..few() }).await;
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
