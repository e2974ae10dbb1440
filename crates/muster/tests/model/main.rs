//! A model test: two tenants are edited at random, read, and served to products that synchronise when they
//! like; servers restart and minutes pass, also in the middle of a synchronisation. At every rest point
//! each product has exactly what it should.
//!
//! `MUSTER_MODEL_SEED` and `MUSTER_MODEL_STEPS` choose another story.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../e2e/expected.rs"]
mod expected;
#[path = "../e2e/product.rs"]
mod product;
#[path = "../e2e/random.rs"]
mod random;
mod shape;
mod world;

use self::world::World;

#[expect(clippy::disallowed_methods, reason = "a story is chosen from outside")]
fn chosen(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_have_what_they_should_whatever_happens_when() {
    let seed = chosen("MUSTER_MODEL_SEED", 1);
    let steps = chosen("MUSTER_MODEL_STEPS", 2_000);
    println!("seed {seed}, {steps} steps");
    let mut world = World::new(seed).await;
    for step in 0..steps {
        world.step(step).await;
        if step % 40 == 39 {
            world.rest(step).await;
        }
    }
    world.rest(steps).await;
    println!("{}", world.summary());
    if steps >= 2_000 {
        world.assert_somebody_made_way();
    }
}

/// DESIGN.md 10.8: a rename costs one full synchronisation of each product that sees it, not several. The story
/// above counts them too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rename_costs_each_product_one_full_synchronisation() {
    let mut world = World::new(21).await;
    world.rest(0).await;
    for round in 1..8 {
        world.rename_somebody(round % 4).await;
        for _ in 0..3 {
            world.rest(round).await;
        }
    }
    world.assert_full_synchronisations_at_most(8);
}

/// DESIGN.md 12.9: whatever the application's view, a leaver is in front until the account's take-over is approved, and
/// again once they are back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_account_takes_the_place_of_a_leaver_in_every_view() {
    let mut world = World::new(31).await;
    world.rest(0).await;
    for round in 0..8 {
        world.somebody_moves().await;
        // Read and seen first as it waits, then as it was approved.
        world.rest(0).await;
        world.rest(40).await;
        if round % 3 == 2 {
            world.restart().await;
            world.rest(0).await;
        }
    }
    world.assert_take_overs_were_approved(6);
    world.assert_somebody_made_way();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_between_the_requests_of_a_full_synchronisation_is_told_after_it() {
    for seed in 11..14 {
        println!("seed {seed}");
        let mut world = World::new(seed).await;
        for round in 0..3 {
            world.disturb_every_product().await;
            world.rest(round).await;
        }
    }
}
