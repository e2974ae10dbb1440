//! Rules about people and groups that left: fixture in, directory out.

use directory::{
    id::DAY_MS,
    plan::guard::Window,
    report::{Applied, GuardKind},
};

use crate::{
    house::{assert_seen, read, read_lifted, settle, user},
    tenant::Bench,
};

const BOTH: &str = "ann | mail ann@x.example | name Ann Lee \n bob \n [dev] | ann bob";
const ONE: &str = "bob \n [dev] | bob";

fn left(rules: &str) -> Bench {
    let mut bench = settle(rules, BOTH);
    read(&mut bench, ONE);
    bench
}

fn later(bench: &mut Bench) {
    bench.now = bench.now.plus(14 * DAY_MS);
    read(bench, ONE);
}

#[test]
fn vanished_people_are_inactive_and_removed_after_grace() {
    let mut bench = left("{}");
    assert_seen(&bench, "ann@example.org (inactive): dev \n bob@example.org: dev \n [dev]");
    later(&mut bench);
    assert_seen(&bench, "bob@example.org: dev \n [dev]");
}

#[test]
fn vanished_people_may_go_at_once() {
    assert_seen(&left(r#"{"grace_ms":0}"#), "bob@example.org: dev \n [dev]");
}

#[test]
fn vanished_people_may_be_kept() {
    let mut bench = left(r#"{"vanished":"kept"}"#);
    let kept = "ann@example.org: dev \n bob@example.org: dev \n [dev]";
    assert_seen(&bench, kept);
    later(&mut bench);
    assert_seen(&bench, kept);
    let mut bench = left(r#"{"vanished":"kept_inactive"}"#);
    later(&mut bench);
    assert_seen(&bench, "ann@example.org (inactive): dev \n bob@example.org: dev \n [dev]");
}

#[test]
fn vanished_people_may_lose_their_names_until_they_come_back() {
    let mut bench = left(r#"{"vanished":"anonymised"}"#);
    let id = user(&bench, "ann@example.org").id().clone();
    assert!(!user(&bench, "ann@example.org").active());
    later(&mut bench);
    let (_, nobody) = bench.served.user_by_id(&id).unwrap();
    assert!(directory::anonymous::is_anonymous(nobody) && !nobody.active());
    let told = format!("{nobody:?}");
    assert!(!told.contains("Lee") && !told.contains("x.example"), "{told}");
    assert_eq!((bench.last.applied.users_anonymised, bench.last.applied.users_renamed), (1, 0));
    assert_eq!(bench.served.size().memberships, 1);
    // Somebody made anew under the name does not get it by themselves.
    read(&mut bench, "bob \n new | login ann@example.org \n [dev] | bob");
    assert_eq!(bench.last.held[0].kind, GuardKind::TakeOver);
    read(&mut bench, BOTH);
    assert_seen(&bench, "ann@example.org: dev \n bob@example.org: dev \n [dev]");
    let ann = user(&bench, "ann@example.org");
    assert_eq!((ann.id(), ann.email(), ann.display_name()), (&id, "ann@x.example", "Ann Lee"));
    assert!(bench.last.held.is_empty());
}

#[test]
fn to_lose_ones_name_counts_as_leaving_and_not_as_a_rename() {
    let people =
        |count: usize| (0..count).map(|no| format!("p{no:03}")).collect::<Vec<_>>().join("\n");
    let mut bench = settle(r#"{"vanished":"anonymised"}"#, &people(40));
    bench.window = Window { applied: Applied::default(), size: bench.served.size() };
    read_lifted(&mut bench, &people(20), &[GuardKind::PeopleLeaving]);
    bench.now = bench.now.plus(14 * DAY_MS);
    read(&mut bench, &people(20));
    assert_eq!(bench.last.held.len(), 1);
    assert_eq!(bench.last.held[0].kind, GuardKind::PeopleLeaving);
    assert_eq!(bench.last.held[0].count, 20);
}

#[test]
fn groups_may_stay_for_the_grace_period() {
    let mut bench = settle(
        r#"{"removed_groups":"after_grace"}"#,
        "ann \n bob \n [dev] | ann [core] \n [core] | bob \n [top] | [dev]",
    );
    let without = "ann \n bob \n [core] | bob \n [top]";
    read(&mut bench, without);
    // That the group is inside another is not said any more; everything else stays.
    assert_seen(
        &bench,
        "ann@example.org: dev \n bob@example.org: core \n [core] \n [dev] > core \n [top] > dev",
    );
    bench.now = bench.now.plus(14 * DAY_MS);
    read(&mut bench, without);
    assert_seen(&bench, "ann@example.org: \n bob@example.org: core \n [core] \n [top]");
    let mut bench = settle("{}", "ann \n [dev] | ann \n [x]");
    read(&mut bench, "ann \n [x]");
    assert_seen(&bench, "ann@example.org: \n [x]");
}

#[test]
fn whoever_is_kept_is_not_forgotten() {
    let mut bench = left(r#"{"vanished":"kept"}"#);
    let mut merged = directory::mirror::Merged::default();
    let now = bench.now;
    bench.mirror.purge(now, &bench.served, &mut merged);
    assert!(merged.change.is_empty());
}
