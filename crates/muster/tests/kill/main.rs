//! The real server is killed at every point of a run, and starts again: same end state, no event lost, none told twice
//! to a product's harm.
//!
//! A point is reached without any hook in the server: the provider hangs, or the test holds a lock of the database, or
//! the test sees the commit in the database. Kills at random moments come on top; `MUSTER_KILLS` says how many.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../e2e/providers.rs"]
mod providers;
#[path = "../e2e/expected.rs"]
mod expected;
#[path = "../e2e/product.rs"]
mod product;
#[path = "../e2e/random.rs"]
mod random;
mod victim;

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use simulator::Provider;

use self::victim::{Lock, Victim};

/// One point of a run, and how it is known to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// The first page is asked for.
    ReadingBegins,
    /// Members are read, or what changed of groups.
    Reading,
    /// What a list lacks is asked for by its id.
    Confirming,
    /// Everything is planned, and the transaction is about to begin.
    BeforeCommit,
    /// Pages of the transaction are written, and it is not committed, or just so.
    WithinCommit,
    /// The transaction is committed; how far it came is not yet noted beside it.
    Committed,
    /// All of it is written, and products may or may not have been served it.
    Publishing,
}

const POINTS: [Point; 7] = [
    Point::ReadingBegins,
    Point::Reading,
    Point::Confirming,
    Point::BeforeCommit,
    Point::WithinCommit,
    Point::Committed,
    Point::Publishing,
];

/// Brings a run to a point and kills the server there.
async fn kill_at(victim: &mut Victim, point: Point) {
    let before = victim.head();
    match point {
        Point::ReadingBegins => victim.hang(".").await,
        Point::Reading => victim.hang("members|delta|groups").await,
        Point::Confirming => {
            // A listing lacks some, and the questions about them hang.
            victim.faults(json!([
                {"route": "users\\?", "kind": "omit", "share": 0.2, "seed": 3, "times": 100},
                {"route": "getByIds|batch|users/[^?]+\\?fields=id$|v1/users/[^/?]+$", "kind": "hang", "times": 100},
            ]))
            .await;
        }
        Point::BeforeCommit => {
            // Asking for a run is written down, so the database is locked after that and before the run commits.
            victim
                .faults(json!([{"route": ".", "kind": "delay", "delay_ms": 300, "times": 1}]))
                .await;
        }
        _ => {}
    }
    let lock = (point == Point::Committed).then(|| Lock::of(&victim.database("state.db")));
    victim.ask_for_a_run(true).await;
    let lock = match point {
        Point::BeforeCommit => Some(Lock::of(&victim.database("muster.db"))),
        _ => lock,
    };
    let log = victim.database("muster.db-wal");
    let written = std::fs::metadata(&log).map(|file| file.len()).unwrap_or_default();
    match point {
        Point::ReadingBegins | Point::Reading => victim.until_asked().await,
        Point::Confirming => victim.until_phase("confirming").await,
        Point::BeforeCommit => victim.until_phase("committing").await,
        Point::WithinCommit => {
            while std::fs::metadata(&log).map(|file| file.len()).unwrap_or_default() == written {
                std::hint::spin_loop();
            }
        }
        Point::Committed => while victim.head() == before {},
        Point::Publishing => {
            while victim.head() == before {}
            victim.until_phase("publishing|idle").await;
        }
    }
    victim.kill();
    drop(lock);
    victim.no_faults().await;
    if matches!(
        point,
        Point::ReadingBegins | Point::Reading | Point::Confirming | Point::BeforeCommit
    ) {
        assert_eq!(victim.head(), before, "{point:?}: nothing was committed");
    }
    if matches!(point, Point::Committed | Point::Publishing) {
        assert!(victim.head() > before, "{point:?}: it was committed");
    }
}

async fn at_every_point(provider: Provider) {
    let mut victim = Victim::start(provider, 7).await;
    for (round, point) in POINTS.into_iter().cycle().take(2 * POINTS.len()).enumerate() {
        victim.edits(15).await;
        // Every other time the product has not heard of the last change when the server goes.
        if round % 2 == 0 {
            victim.synchronise().await;
        }
        kill_at(&mut victim, point).await;
        victim.check_log();
        victim.read_to_the_end().await;
        victim.rest(&format!("{provider:?}: killed at {point:?}, round {round}")).await;
        // At Google an edited address is a renamed person, which only a full reading tells.
        let told = provider == Provider::Google || victim.full_syncs() == 1;
        assert!(told, "events were enough, whenever it was killed");
    }
}

#[expect(clippy::disallowed_methods, reason = "a longer run is chosen from outside")]
fn kills() -> u64 {
    std::env::var("MUSTER_KILLS").ok().map_or(8, |text| text.parse().unwrap())
}

async fn at_random_moments(provider: Provider) {
    let mut victim = Victim::start(provider, 8).await;
    for round in 0..kills() {
        victim.edits(10).await;
        victim.ask_for_a_run(round % 2 == 0).await;
        let moment = victim.dice.below(120);
        tokio::time::sleep(Duration::from_millis(moment as u64)).await;
        victim.kill();
        victim.check_log();
        victim.read_to_the_end().await;
        victim.rest(&format!("{provider:?}: killed after {moment} ms, round {round}")).await;
    }
}

/// The base and the log: folding old entries is killed too.
async fn while_history_is_folded(provider: Provider) {
    let mut victim = Victim::start(provider, 9).await;
    for round in 0..4 {
        victim.edits(10).await;
        victim.read_to_the_end().await;
        victim.rest("before").await;
        // Nothing younger than two days is folded, so the log is made to look old.
        victim.kill();
        let database = Connection::open(victim.database("muster.db")).unwrap();
        database.execute_batch("UPDATE change_log SET at = at - 999999999999; UPDATE log_run SET at = at - 999999999999")
            .unwrap();
        drop(database);
        let floor = victim.floor();
        victim.revive_quickly().await;
        while victim.floor() == floor {}
        victim.kill();
        victim.check_log();
        victim.edits(5).await;
        victim.read_to_the_end().await;
        victim.rest(&format!("{provider:?}: killed while folding, round {round}")).await;
    }
}

for_each_provider!(at_every_point, at_random_moments, while_history_is_folded);

/// So that the tests can say what a value is.
fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}
