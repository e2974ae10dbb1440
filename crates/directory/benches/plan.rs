//! How long planning and publishing take: 100,000 people, 10,000 groups, 1,000,000 memberships; a small change at
//! 1,000,000 people too.
//!
//! The yardstick of the same run is `copy_of_the_records`: reading every record once and copying its texts.

#[path = "office/tenant.rs"]
mod tenant;

use std::{collections::BTreeSet, hint::black_box};

use directory::{
    decisions::Decisions,
    derive::Basis,
    id::Millis,
    mirror::{Dirty, Mirror},
    observation::{Listing, Observation, Removed},
    plan::{Context, Plan, guard::Window, plan},
    query::{Filter, Folded, TextMatch, TextProperty},
    rules::compiled::Compiled,
    snapshot::Directory,
    user::User,
};
use divan::Bencher;

use self::tenant::{observation, observation_of, user_id};

/// What the product runs with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn planned(mirror: &Mirror, served: &Directory, dirty: &Dirty) -> Plan {
    let rules = Compiled::default();
    let decisions = Decisions::default();
    let basis = Basis { mirror, rules: &rules, decisions: &decisions, served, observed: Millis(2) };
    let (window, lifted) = (Window::default(), BTreeSet::new());
    plan(
        &basis,
        dirty,
        &Context {
            now: Millis(2),
            window: &window,
            lifted: &lifted,
            empty_read: false,
            take_overs: &[],
        },
    )
}

#[divan::bench(sample_count = 5)]
fn merge_all_new(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| (observation(), Mirror::default())).bench_values(
        |(observation, mut mirror)| {
            let merged = mirror.merge(&observation, Millis(1));
            (merged, mirror)
        },
    );
}

#[divan::bench(sample_count = 5)]
fn merge_nothing_new(bencher: Bencher<'_, '_>) {
    let observation = observation();
    let mut mirror = Mirror::default();
    mirror.merge(&observation, Millis(1));
    bencher.bench_local(|| mirror.merge(black_box(&observation), Millis(2)));
}

#[divan::bench(sample_count = 5)]
fn plan_all_new(bencher: Bencher<'_, '_>) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation(), Millis(1));
    let served = Directory::default();
    bencher.bench_local(|| planned(black_box(&mirror), &served, &Dirty::everything()));
}

#[divan::bench(sample_count = 5)]
fn plan_whole_nothing_new(bencher: Bencher<'_, '_>) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation(), Millis(1));
    let first = planned(&mirror, &Directory::default(), &Dirty::everything());
    let served = Directory::default().apply(&first.changes).expect("the plan fits");
    bencher.bench_local(|| planned(black_box(&mirror), &served, &Dirty::everything()));
}

#[divan::bench(sample_count = 5)]
fn publish_all_new(bencher: Bencher<'_, '_>) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation(), Millis(1));
    let first = planned(&mirror, &Directory::default(), &Dirty::everything());
    bencher.bench_local(|| {
        Directory::default().apply(black_box(&first.changes)).expect("the plan fits")
    });
}

/// A delta of 100 people who left, of so many: merged, planned and published.
#[divan::bench(sample_count = 5, args = [100_000, 1_000_000])]
fn delta_of_100(bencher: Bencher<'_, '_>, people: u32) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation_of(people), Millis(1));
    let first = planned(&mirror, &Directory::default(), &Dirty::everything());
    let served = Directory::default().apply(&first.changes).expect("the plan fits");
    let removed = (0..100).map(|no| Removed { id: user_id(no * 7), restorable: true }).collect();
    let delta = Observation {
        people: Listing::Delta { put: Vec::new(), removed },
        ..Observation::default()
    };
    bencher.with_inputs(|| mirror.clone()).bench_local_values(|mut mirror| {
        let merged = mirror.merge(&delta, Millis(2));
        let plan = planned(&mirror, &served, &merged.dirty);
        (served.apply(&plan.changes).expect("the plan fits"), mirror)
    });
}

/// A search that finds nobody: every name, display name and address of 100,000 people is looked at.
#[divan::bench(sample_count = 20)]
fn search_that_finds_nobody(bencher: Bencher<'_, '_>) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation(), Millis(1));
    let first = planned(&mirror, &Directory::default(), &Dirty::everything());
    let served = Directory::default().apply(&first.changes).expect("the plan fits");
    let properties = [TextProperty::Name, TextProperty::DisplayName, TextProperty::Email];
    let text = |property| Filter::Text(property, TextMatch::Contains, Folded::new("zebra"));
    let filter = Filter::Any(properties.map(text).into());
    bencher.bench_local(|| {
        let fits = |user: &User| filter.admits_user(user, "1");
        black_box(&served).users_fitting_after("", 200, fits).len()
    });
}

/// The yardstick: every record read once, its texts copied.
#[divan::bench(sample_count = 5)]
fn copy_of_the_records(bencher: Bencher<'_, '_>) {
    let mut mirror = Mirror::default();
    mirror.merge(&observation(), Millis(1));
    bencher.bench_local(|| {
        let people = mirror.people().map(|row| {
            row.record.attributes.iter().map(|(_, value)| value.to_owned()).collect::<Vec<String>>()
        });
        people.collect::<Vec<_>>()
    });
}
