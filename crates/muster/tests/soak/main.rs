//! Random tenants of odd data, each read, edited and read again: no run fails, no server stops, what is served parses
//! strictly in XML and JSON, and what was read by changes equals what is read in full.
//!
//! `MUSTER_SOAK_TENANTS` is the number of tenants for each provider (a few, unless it is set; `scripts/nightly` runs 500),
//! `MUSTER_SOAK_SEED` the first one's seed. A failure names provider and seed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod odd;
mod strict;
mod tenant;

use std::time::Duration;

use directory::report::{Outcome, RunReport};
use simulator::Provider;

use self::{odd::Odd, tenant::Tenant};

/// Tenants for each provider, unless said otherwise.
const TENANTS: u64 = 15;
/// Tenants side by side: they wait more than they work.
const AT_ONCE: usize = 4;
/// How long one tenant may take before it counts as stuck.
const LONGEST: Duration = Duration::from_mins(3);

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

async fn soak(provider: Provider) {
    use futures_util::{StreamExt as _, stream};
    let (first, tenants) = (chosen("MUSTER_SOAK_SEED", 1), chosen("MUSTER_SOAK_TENANTS", TENANTS));
    let told: Vec<Told> = stream::iter(first..first + tenants)
        .map(|seed| tokio::spawn(tokio::time::timeout(LONGEST, one(provider, seed))))
        .buffered(AT_ONCE)
        .map(|done| done.unwrap().expect("a tenant took too long"))
        .collect()
        .await;
    let sum = |of: fn(&Told) -> usize| told.iter().map(of).sum::<usize>();
    println!(
        "{provider:?}: {} tenants from seed {first}: {} odd texts, {} odd records; {} people, {} groups, {} memberships \
         served, {} set aside",
        told.len(),
        sum(|told| told.texts),
        sum(|told| told.records),
        sum(|told| told.people),
        sum(|told| told.groups),
        sum(|told| told.memberships),
        sum(|told| told.set_aside),
    );
    assert!(sum(|told| told.people) > 0 && sum(|told| told.texts) > 0, "the soak saw nothing");
}

/// What became of one tenant.
struct Told {
    texts: usize,
    records: usize,
    people: usize,
    groups: usize,
    memberships: usize,
    set_aside: usize,
}

async fn one(provider: Provider, seed: u64) -> Told {
    let when = |what: &str| format!("{provider:?}, seed {seed}, {what}");
    let mut odd = Odd::new(provider, seed);
    let mut tenant = Tenant::start(provider, seed, &mut odd).await;
    tenant.spoil(&mut odd).await;
    let report = tenant.connect(&mut odd).await;
    well(&report, &when("first read"));
    tenant.check(&when("first read")).await;

    tenant.edit(&mut odd).await;
    well(&tenant.read(false).await, &when("read by changes"));
    let by_changes = tenant.check(&when("read by changes")).await;
    let report = tenant.read(true).await;
    well(&report, &when("read in full"));
    let in_full = tenant.check(&when("read in full")).await;
    assert_eq!(by_changes, in_full, "{}", when("incremental equals full"));

    let told = Told {
        texts: odd.texts,
        records: odd.records,
        people: in_full.users.len(),
        groups: in_full.members.len(),
        memberships: in_full
            .members
            .values()
            .map(|(users, groups)| users.len() + groups.len())
            .sum(),
        set_aside: usize::try_from(report.set_aside).unwrap(),
    };
    tenant.stop().await;
    told
}

fn well(report: &RunReport, when: &str) {
    assert!(!matches!(report.outcome, Outcome::Failed { .. }), "{when}: {report:?}");
}
