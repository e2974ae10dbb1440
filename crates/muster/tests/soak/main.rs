//! Random tenants of odd data, each read, edited and read again: no run fails, no server stops, what is served parses
//! strictly in XML and JSON, is the same after a restart, and what was read by changes equals what is read in full.
//!
//! `MUSTER_SOAK_TENANTS` is the number of tenants for each provider (a few, unless it is set; `scripts/nightly` runs 500),
//! `MUSTER_SOAK_SEED` the first one's seed. A failure names the provider and the seed of each tenant that failed; what is
//! done to a tenant that runs alone is printed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod odd;
mod served;
mod strict;
mod tenant;
mod wire;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use directory::report::{Outcome, RunKind, RunReport};
use simulator::Provider;
use tokio::task::JoinSet;

use self::{odd::Odd, tenant::Tenant};

/// Tenants for each provider, unless said otherwise.
const TENANTS: u64 = 6;
/// Tenants side by side: they wait more than they work.
const AT_ONCE: usize = 2;
/// A tenant that takes longer is named.
const SLOW: Duration = Duration::from_secs(10);
/// Between the first read and the edits: everything may be read once an hour where changes cannot be used.
const PAUSE_S: i64 = 7_200;
/// How long one tenant may take before it counts as stuck.
const LONGEST: Duration = Duration::from_mins(5);

#[expect(clippy::disallowed_methods, reason = "the length of a soak is chosen from outside")]
fn chosen(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_tenants_of_entra() {
    soak(Provider::Entra).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_tenants_of_google() {
    soak(Provider::Google).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_tenants_of_okta() {
    soak(Provider::Okta).await;
}

/// A change that is nobody's is asked for again within an hour of a complete read; after it, everything is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_without_an_id_is_not_lost() {
    for provider in [Provider::Entra, Provider::Okta] {
        let when = provider.name();
        let mut odd = Odd::new(provider, 0);
        let mut tenant = Tenant::start(0, &mut odd, false).await;
        well(&tenant.connect(&mut odd).await, when);
        tenant.lose_a_change("Changed").await;
        for (kind, told) in [(RunKind::Delta, 0), (RunKind::Delta, 0), (RunKind::Full, 1)] {
            if kind == RunKind::Full {
                tenant.wait(3_600).await;
            }
            let report = tenant.read(false).await;
            well(&report, when);
            assert_eq!(report.kind, kind, "{when}: {:?}", report.notes);
            let note = "changes came without a usable id";
            assert!(report.notes.iter().any(|line| line.contains(note)), "{:?}", report.notes);
            let served = tenant.check(when).await;
            let changed = served.users.values().filter(|user| user["last-name"] == "Changed");
            assert_eq!(changed.count(), told, "{when}: {kind:?}");
        }
        tenant.stop().await;
    }
}

async fn soak(provider: Provider) {
    let (first, tenants) = (chosen("MUSTER_SOAK_SEED", 1), chosen("MUSTER_SOAK_TENANTS", TENANTS));
    let next = Arc::new(AtomicU64::new(first));
    let sum = Arc::new(Mutex::new(Told::default()));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, sum, failed) = (Arc::clone(&next), Arc::clone(&sum), Arc::clone(&failed));
        workers.spawn(async move {
            loop {
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= first + tenants {
                    return;
                }
                let begun = tokio::time::Instant::now();
                // A task of its own, so that the others go on when it panics.
                let mut task = JoinSet::new();
                task.spawn(tokio::time::timeout(LONGEST, one(provider, seed, tenants == 1)));
                match task.join_next().await.unwrap() {
                    Ok(Ok(told)) => sum.lock().unwrap().add(&told),
                    Ok(Err(_)) => failed.lock().unwrap().push((seed, "took too long")),
                    Err(_) => failed.lock().unwrap().push((seed, "see above")),
                }
                if begun.elapsed() > SLOW {
                    println!("{provider:?}, seed {seed}: {} s", begun.elapsed().as_secs());
                }
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    let (sum, failed) = (sum.lock().unwrap(), failed.lock().unwrap());
    println!("{provider:?}, from seed {first}: {sum:?}");
    assert!(
        failed.is_empty(),
        "{} of {tenants} tenants of {provider:?} failed: {failed:?}\nagain: MUSTER_SOAK_SEED={} MUSTER_SOAK_TENANTS=1 \
         cargo test -p muster --test soak odd_tenants_of_{} -- --nocapture",
        failed.len(),
        failed[0].0,
        provider.name()
    );
    assert!(sum.people > 0 && sum.texts > 0, "the soak saw nothing");
}

/// What became of tenants.
#[derive(Debug, Default)]
struct Told {
    tenants: usize,
    /// Odd texts that were made, and odd records.
    texts: usize,
    records: usize,
    /// People, groups and memberships that were served in the end.
    people: usize,
    groups: usize,
    memberships: usize,
    set_aside: usize,
    /// Lines of notes in the reports.
    notes: usize,
}

impl Told {
    fn add(&mut self, other: &Self) {
        let Self { tenants, texts, records, people, groups, memberships, set_aside, notes } = other;
        self.tenants += tenants;
        self.texts += texts;
        self.records += records;
        self.people += people;
        self.groups += groups;
        self.memberships += memberships;
        self.set_aside += set_aside;
        self.notes += notes;
    }
}

async fn one(provider: Provider, seed: u64, alone: bool) -> Told {
    let when = |what: &str| format!("{provider:?}, seed {seed}, {what}");
    let mut odd = Odd::new(provider, seed);
    let mut tenant = Tenant::start(seed, &mut odd, alone).await;
    tenant.spoil(&mut odd).await;
    let first = tenant.connect(&mut odd).await;
    well(&first, &when("first read"));
    tenant.check(&when("first read")).await;
    let token = tenant.product(&when("first token")).token().await;

    tenant.wait(PAUSE_S).await;
    tenant.edit(&mut odd).await;
    let second = tenant.read(false).await;
    well(&second, &when("read by changes"));
    let by_changes = tenant.check(&when("read by changes")).await;
    tenant.product(&when("events")).read_events(&token).await;
    tenant.wait(1).await;
    let third = tenant.read(true).await;
    well(&third, &when("read in full"));
    let in_full = tenant.check(&when("read in full")).await;
    if !tenant.shares_ids && !tenant.odd_answers {
        let notes = format!("incremental equals full: {:#?} {:#?}", second.notes, third.notes);
        by_changes.assert_same(&in_full, &when(&notes));
    }
    let tenant = tenant.restarted().await;
    let restarted = tenant.check(&when("after a restart")).await;
    in_full.assert_same(&restarted, &when("after a restart"));
    tenant.stop().await;
    Told {
        tenants: 1,
        texts: odd.texts,
        records: odd.records,
        people: in_full.users.len(),
        groups: in_full.members.len(),
        memberships: in_full.memberships(),
        set_aside: usize::try_from(third.set_aside).unwrap(),
        notes: [first, second, third].iter().map(|report| report.notes.len()).sum(),
    }
}

fn well(report: &RunReport, when: &str) {
    if let Outcome::Failed { error, code } = &report.outcome {
        panic!("{when}: {error} {code:?} {:?}", report.notes);
    }
}
