//! Random edits with all faults: what is served equals the expected directory at every rest point.
//!
//! Between two rest points the tenant is edited and read while it fails loudly; at the rest it is read once in peace.
//! Then it fails silently, with lists that lack what is there: nothing may change. How long each step takes is drawn from
//! the seed as well.

use directory::{mirror::LISTS_AGREE_MS, report::Outcome};
use serde_json::{Value, json};
use simulator::Provider;

use crate::house::{House, Plan};

/// Edits between two rest points.
const CHAPTER: usize = 50;
/// Faults that show.
const LOUD: [&str; 11] = [
    "status",
    "throttle",
    "truncate",
    "reset",
    "delay",
    "html",
    "invalid_json",
    "redirect",
    "duplicate",
    "replay",
    "foreign_link",
];
/// Faults that hide what is there.
const SILENT: [&str; 2] = ["empty", "omit"];
/// Which requests fail.
const ROUTES: [&str; 4] = [".", "users", "groups", "members"];

#[expect(clippy::disallowed_methods, reason = "a story is chosen from outside")]
fn chosen(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// The story of a whole tenant.
pub(crate) async fn told(provider: Provider) {
    tell(provider, false, 2_000).await;
}

/// The story of a tenant of which some groups are read: people come into that part and leave it.
pub(crate) async fn told_in_part(provider: Provider) {
    tell(provider, true, 500).await;
}

async fn tell(provider: Provider, in_part: bool, edits: u64) {
    let seed = chosen("MUSTER_SCENARIO_SEED", 1);
    let edits = usize::try_from(chosen("MUSTER_SCENARIO_EDITS", edits)).unwrap();
    println!("{provider:?}: seed {seed}, {edits} edits, in part: {in_part}");
    let plan = Plan { delays: Some(seed), in_part, ..Plan::small(seed) };
    let mut house = House::build(provider, plan).await;
    house.no_faults().await;
    let (mut done, mut failed, mut unread) = (0, 0, 0);
    let mut kinds = std::collections::BTreeMap::new();
    while done < edits {
        let chapter = format!("after {done} edits");
        for _ in 0..2 {
            house.edits(CHAPTER / 2).await;
            done += CHAPTER / 2;
            let faults = loud(&mut house, &mut kinds);
            house.faults(faults).await;
            let full = house.dice.roll(4) == 0;
            let report = house.try_read(full).await;
            house.no_faults().await;
            if matches!(report.outcome, Outcome::Failed { .. }) {
                failed += 1;
            } else {
                if report.unreadable_total > 0 {
                    // Some of it was decided by now; which, only a read of the rest says.
                    unread += 1;
                    house.read(false).await;
                    house.lost_in_part().await;
                }
                // What was read decides who has a name from then on.
                house.expected().await;
            }
        }
        if house.dice.roll(5) == 0 {
            let what = ["tokens", "cursors"][house.dice.roll(2)];
            house.control("POST", "expire", json!({"what": what})).await;
        }
        house.read(false).await;
        if in_part {
            // Where a provider has no question about it, somebody has left the part when lists still say so later.
            house.wait_together(LISTS_AGREE_MS).await;
            house.read(false).await;
        }
        let expected = house.rest(&chapter).await;
        let kind = SILENT[house.dice.roll(2)];
        *kinds.entry(kind).or_insert(0) += 1;
        let route = ROUTES[1 + house.dice.roll(3)];
        let share = [0.1, 0.5, 0.9][house.dice.roll(3)];
        // A replica lacks an object wherever it is listed; a list that is cut lacks what others have.
        let apart = house.dice.roll(2) == 0;
        let hidden = json!([{"route": house.route(route), "kind": kind, "share": share, "seed": done,
            "apart": apart, "times": 1_000_000}]);
        house.faults(hidden).await;
        let lie = format!("{route} are hidden ({kind}, {share}, apart: {apart})");
        for full in [true, false] {
            house.try_read(full).await;
            house.has(&expected, &format!("{chapter}, while {lie}")).await;
        }
        house.no_faults().await;
        println!("{provider:?}: {chapter}");
    }
    println!("{provider:?}: {failed} reads failed, {unread} lacked something; faults: {kinds:?}");
    assert!(kinds.len() == LOUD.len() + SILENT.len() || edits < 2_000, "{kinds:?}");
}

/// Some faults that show, each a few times.
fn loud(house: &mut House, kinds: &mut std::collections::BTreeMap<&'static str, u32>) -> Value {
    let mut faults = Vec::new();
    for _ in 0..2 {
        let kind = LOUD[house.dice.roll(LOUD.len())];
        *kinds.entry(kind).or_insert(0) += 1;
        let (kind, status) = match kind {
            "status" => ("status", [500, 502, 503, 504][house.dice.roll(4)]),
            "throttle" => ("status", 429),
            other => (other, 500),
        };
        let collection = ROUTES[house.dice.roll(ROUTES.len())];
        let route = house.route(collection);
        faults.push(json!({"route": route, "kind": kind, "status": status, "retry_after_s": 0,
            "delay_ms": 10, "times": 1 + house.dice.roll(3)}));
    }
    Value::Array(faults)
}
