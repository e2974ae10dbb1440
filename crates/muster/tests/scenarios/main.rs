//! The acceptance scenarios of `protocols/providers.md` E5, for each provider, and random edits with all faults, of a
//! whole tenant and of one that is read in part.
//!
//! `MUSTER_SCENARIO_SEED` and `MUSTER_SCENARIO_EDITS` choose another story for the random ones.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../e2e/providers.rs"]
mod providers;
#[path = "../e2e/changed.rs"]
mod changed;
#[path = "../e2e/expected.rs"]
mod expected;
mod house;
mod lying;
mod power;
#[path = "../e2e/product.rs"]
mod product;
#[path = "../e2e/random.rs"]
mod random;
mod renames;
mod story;
mod unreadable;
mod waiting;

pub(crate) use self::changed::changed;

use directory::report::Outcome;
use serde_json::{Value, json};
use simulator::{Provider, Quotas};

use self::{
    house::{House, Plan},
    power::s16_a_group_of_administrators_waits,
    renames::s17_a_new_name_is_followed_for_one_group,
};

for_each_provider!(
    s01_a_full_synchronisation_is_the_model,
    s02_a_hundred_edits_arrive_by_what_changed,
    s02_two_thousand_edits_with_all_faults,
    s03_a_server_that_stops_at_any_moment_ends_with_the_model,
    s04_a_token_expires_between_pages,
    s05_a_throttled_tenant_is_asked_slowly,
    s06_positions_expire,
    s07_an_empty_list_removes_nobody,
    s08_consent_is_revoked_and_nobody_is_lost,
    s09_two_people_swap_their_names,
    s10_a_name_is_given_to_somebody_new,
    s11_groups_in_a_circle,
    s12_a_storm_of_word_is_one_read,
    s13_two_directories_have_one_name,
    s14_a_link_to_another_host_is_not_followed,
    s15_a_provider_that_shows_a_part_takes_nobody_away,
    s16_a_group_of_administrators_waits,
    s17_a_new_name_is_followed_for_one_group,
    s18_five_hundred_edits_of_a_tenant_that_is_read_in_part,
);

/// What goes wrong all the time.
fn background() -> Value {
    let one = |kind: &str, status: u16| {
        json!({"route": ".", "kind": kind, "status": status, "retry_after_s": 0, "delay_ms": 20,
            "times": 1_000_000, "probability": 0.02})
    };
    json!([
        one("status", 503),
        one("reset", 500),
        one("truncate", 500),
        one("delay", 500),
        one("duplicate", 500)
    ])
}

async fn s01_a_full_synchronisation_is_the_model(provider: Provider) {
    let mut house = House::build(provider, Plan::small(1)).await;
    house.faults(background()).await;
    house.edits(30).await;
    house.read(true).await;
    house.rest("after a full read").await;
}

async fn s02_a_hundred_edits_arrive_by_what_changed(provider: Provider) {
    let mut house = House::build(provider, Plan::small(2)).await;
    house.faults(background()).await;
    house.edits(100).await;
    let report = house.read(false).await;
    house.rest("after a hundred edits").await;
    assert!(report.applied.users_changed > 0, "{report:?}");
}

async fn s02_two_thousand_edits_with_all_faults(provider: Provider) {
    story::told(provider).await;
}

async fn s18_five_hundred_edits_of_a_tenant_that_is_read_in_part(provider: Provider) {
    story::told_in_part(provider).await;
}

/// The run is dropped wherever it is; a kill of the whole process is proven with the binary itself.
async fn s03_a_server_that_stops_at_any_moment_ends_with_the_model(provider: Provider) {
    let mut house = House::build(provider, Plan::small(3)).await;
    for moment in 0..8 {
        house.faults(background()).await;
        house.edits(20).await;
        let keeper = house.server().app.keeper(house.directory()).unwrap();
        keeper.request(moment % 2 == 0);
        tokio::time::sleep(std::time::Duration::from_millis(moment * 12)).await;
        house.no_faults().await;
        house.restart().await;
        house.rest(&format!("stopped after {} ms", moment * 12)).await;
    }
}

async fn s04_a_token_expires_between_pages(provider: Provider) {
    let mut house = House::build(provider, Plan::small(4)).await;
    house.edits(20).await;
    // So slow that the tokens expire in the middle.
    let slow = json!([{"route": ".", "kind": "delay", "delay_ms": 30, "times": 1_000_000}]);
    house.faults(slow).await;
    let ticket = house.request(true);
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        house.control("POST", "expire", json!({"what": "tokens"})).await;
    }
    let report = house.ended(ticket).await;
    assert!(!matches!(report.outcome, Outcome::Failed { .. }), "{report:?}");
    house.no_faults().await;
    house.rest("with tokens that expired").await;
}

async fn s05_a_throttled_tenant_is_asked_slowly(provider: Provider) {
    let plan = Plan { quotas: Quotas::Vendor, ..Plan::small(5) };
    let mut house = House::build(provider, plan).await;
    house.control("DELETE", "counters", Value::Null).await;
    house.edits(20).await;
    let refused = json!([{"route": ".", "kind": "status", "status": 429, "retry_after_s": 1,
        "times": 1_000_000, "probability": 0.1}]);
    house.faults(refused).await;
    house.read(true).await;
    house.no_faults().await;
    house.rest("throttled").await;
    let counters = house.counters().await;
    let violations = counters["violations"].as_object().unwrap();
    let early = violations.get("retry_before_retry_after").cloned().unwrap_or(json!(0));
    assert_eq!(early, 0, "{counters}");
}

async fn s06_positions_expire(provider: Provider) {
    let mut house = House::build(provider, Plan::small(6)).await;
    for round in 0..3 {
        house.edits(20).await;
        house.control("POST", "expire", json!({"what": "cursors"})).await;
        house.faults(background()).await;
        house.read(false).await;
        house.no_faults().await;
        house.rest(&format!("after positions expired, round {round}")).await;
    }
}

async fn s07_an_empty_list_removes_nobody(provider: Provider) {
    let mut house = House::build(provider, Plan::guarded(7)).await;
    let before = house.rest("before").await;
    for route in ["users", "groups", "members"] {
        let empty = json!([{"route": house.route(route), "kind": "empty", "times": 1_000_000}]);
        house.faults(empty).await;
        house.try_read(true).await;
        house.has(&before, &format!("while {route} are shown empty")).await;
        house.no_faults().await;
    }
    house.read(true).await;
    house.has(&before, "when the provider has recovered").await;
}

async fn s08_consent_is_revoked_and_nobody_is_lost(provider: Provider) {
    let mut house = House::build(provider, Plan::guarded(8)).await;
    let before = house.rest("before").await;
    for what in ["consent", "scope"] {
        house.control("POST", "revoke", json!({"what": what})).await;
        house.control("POST", "expire", json!({"what": "tokens"})).await;
        for full in [false, true] {
            let report = house.try_read(full).await;
            let Outcome::Failed { error, code } = &report.outcome else {
                panic!("without {what} nothing can be read: {report:?}")
            };
            assert!(code.is_some(), "an administrator is told what it is: {error}");
            house.has(&before, &format!("without {what}")).await;
        }
        house.control("POST", "grant", json!({"what": what})).await;
        house.control("POST", "expire", json!({"what": "tokens"})).await;
        house.read(false).await;
        house.has(&before, &format!("with {what} again")).await;
    }
}

/// Each keeps the old name until somebody approves (DESIGN.md 10.3).
async fn s09_two_people_swap_their_names(provider: Provider) {
    let mut house = House::build(provider, Plan::guarded(9)).await;
    house.faults(background()).await;
    let domain = house.domain();
    let (ann, ben) = (format!("ann.swap@{domain}"), format!("ben.swap@{domain}"));
    let (a, b) = (house.new_user(&ann).await, house.new_user(&ben).await);
    house.read(false).await;
    let before = house.rest("before").await;
    assert!(before.users[&ann].id == a && before.users[&ben].id == b);
    let steps = json!([
        {"method": "PATCH", "path": format!("users/{a}"), "body": {"login": format!("middle@{domain}")}},
        {"method": "PATCH", "path": format!("users/{b}"), "body": {"login": ann}},
        {"method": "PATCH", "path": format!("users/{a}"), "body": {"login": ben}},
    ]);
    house.control("POST", "batch", steps).await;
    house.read(false).await;
    let copy = house.copy().await;
    assert!(copy.users[&ann].id == a && copy.users[&ben].id == b, "names stay with their people");
}

async fn s10_a_name_is_given_to_somebody_new(provider: Provider) {
    let mut house = House::build(provider, Plan::guarded(10)).await;
    house.faults(background()).await;
    let login = format!("old.name@{}", house.domain());
    let old = house.new_user(&login).await;
    house.read(false).await;
    house.rest("before").await;
    house.deletes(&old).await;
    house.read(false).await;
    house.rest("left").await;
    let new = house.new_user(&login).await;
    assert_ne!(old, new);
    house.read(false).await;
    let copy = house.rest("somebody new has the name at the provider").await;
    assert_eq!(copy.users[&login].id, old, "the newcomer waits");
    assert!(!copy.users[&login].active);
}

async fn s11_groups_in_a_circle(provider: Provider) {
    let mut house = House::build(provider, Plan::small(11)).await;
    house.faults(background()).await;
    let mut groups = Vec::new();
    for no in 0..3 {
        groups.push(house.new_group(&format!("circle{no}")).await);
    }
    let mut refused = 0;
    for (at, group) in groups.iter().enumerate() {
        let path = format!("groups/{group}/groups/{}", groups[(at + 1) % 3]);
        let (status, _) = house.try_control("PUT", &path, Value::Null).await;
        refused += u32::from(!status.is_success());
    }
    match provider {
        Provider::Entra => assert_eq!(refused, 0, "Entra has circles"),
        Provider::Google => assert_eq!(refused, 1, "Google refuses what would close one"),
        Provider::Okta => assert_eq!(refused, 3, "Okta has no groups in groups"),
    }
    let member = house.new_user(&format!("in.circle@{}", house.domain())).await;
    house.control("PUT", &format!("groups/{}/users/{member}", groups[0]), Value::Null).await;
    house.read(false).await;
    house.rest("with a circle").await;
}

/// However often the provider says that something changed, within three seconds it is read once.
async fn s12_a_storm_of_word_is_one_read(provider: Provider) {
    let mut house = House::build(provider, Plan { notifications: true, ..Plan::small(12) }).await;
    house.is_told().await;
    let before = house.reads().len();
    // Word comes twice, in any order, and at times with a secret that is not ours.
    let storm = json!({"duplicate": 0.5, "shuffle": true, "wrong_secret": 0.2, "debounce_ms": 0});
    house.control("POST", "webhooks", storm).await;
    house.edits(60).await;
    // Google sends no word of memberships: the last edit is one of a user who is there, so that a read comes after all.
    let last = house.truth().await.users[0].id.clone();
    house.control("PATCH", &format!("users/{last}"), json!({"display_name": "The Last"})).await;
    house.control("POST", "webhooks/flush", Value::Null).await;
    // Word may still be on its way after the flush, and on a slow machine the storm may last for several reads.
    let expected = house.expected().await;
    for _ in 0..2_000 {
        if house.copy().await == expected {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    house.has(&expected, "after a storm").await;
    let reads = house.reads();
    let after = &reads[..reads.len() - before];
    assert!(!after.is_empty(), "nothing was read after a storm of word");
    // Whatever the storm lasts, there is one read at the most for each three seconds of it.
    let pauses: Vec<i64> = after.windows(2).map(|two| two[0].since(two[1])).collect();
    assert!(pauses.iter().all(|pause| *pause >= ONE_READ_MS), "reads too soon: {pauses:?} ms");
}

/// Word within so much time is one, but for the rounding of clocks.
const ONE_READ_MS: i64 = 3_000 - 20;

/// The first directory that has a name owns it.
async fn s13_two_directories_have_one_name(provider: Provider) {
    let mut house = House::build(provider, Plan::small(13)).await;
    let login = format!("twice@{}", house.domain());
    let first = house.new_user(&login).await;
    house.read(false).await;
    let before = house.rest("before").await;
    assert_eq!(before.users[&login].id, first);
    house.add_the_same_again("second").await;
    let copy = house.copy().await;
    assert_eq!(copy.users, before.users, "nobody is there twice");
    assert_eq!(copy.users[&login].id, first);
}

async fn s14_a_link_to_another_host_is_not_followed(provider: Provider) {
    let mut house = House::build(provider, Plan::small(14)).await;
    let before = house.rest("before").await;
    house.faults(json!([{"route": ".", "kind": "foreign_link", "times": 1_000_000}])).await;
    for full in [false, true] {
        house.try_read(full).await;
        house.has(&before, "while links lead elsewhere").await;
    }
    house.no_faults().await;
    let counters = house.counters().await;
    assert_eq!(counters["violations"]["token_to_foreign_host"], 0, "{counters}");
    house.read(false).await;
    house.has(&before, "afterwards").await;
}

async fn s15_a_provider_that_shows_a_part_takes_nobody_away(provider: Provider) {
    lying::told(provider).await;
}
