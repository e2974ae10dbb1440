//! Decisions: new names of groups that were accepted or refused, and approved take-overs.

use directory::{
    decisions::{Decisions, DecisionsChange, TakeOver},
    id::{DirectoryId, GroupNo, Millis, UserNo},
    mirror::MirrorChange,
    name::Name,
    report::RunReport,
    snapshot::Directory,
};
use proptest::prelude::*;
use store::{PinChange, RunCommit, Store};

use crate::{
    NOW, connection,
    keeping::{run, some_people},
    open,
};

/// Decisions about new names of groups, in any script.
fn renames() -> impl Strategy<Value = Vec<(bool, u32, Option<Name>)>> {
    let name = "\\PC{1,40}".prop_filter_map("no name", |text| Name::parse(&text).ok());
    prop::collection::vec((any::<bool>(), 0..5_u32, prop::option::of(name)), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn accepted_and_refused_names_are_read_as_they_were_written(runs in prop::collection::vec(renames(), 1..4)) {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW)).unwrap().id;
        let other = crate::changed(&store, |change| change.add_connection(&connection("other"), NOW)).unwrap().id;
        let mut expected = Decisions::default();
        for (at, renames) in (1..).zip(runs) {
            let mut change = DecisionsChange::default();
            for (accepts, group, name) in renames {
                let names = if accepts { &mut change.accepted } else { &mut change.refused };
                names.insert(GroupNo(group), name);
            }
            decide(&store, id, &change, NOW.plus(at));
            expected.apply(&change);
            prop_assert_eq!(&store.load_decisions(id).unwrap(), &expected);
            prop_assert_eq!(store.load_decisions(other).unwrap(), Decisions::default());
        }
        drop(store);
        let store = open(data.path());
        prop_assert_eq!(store.load_decisions(id).unwrap(), expected);
        crate::changed(&store, |change| change.remove_connection(id)).unwrap();
        prop_assert_eq!(store.load_decisions(id).unwrap(), Decisions::default());
    }
}

/// Commits a run that only decides.
fn decide(store: &Store, id: DirectoryId, decisions: &DecisionsChange, now: Millis) {
    let mirror = store.load_mirror(id).unwrap();
    let run = RunCommit {
        directory: id,
        at: now,
        mirror: &mirror,
        mirror_change: &MirrorChange::default(),
        changes: &[],
        decisions,
        cursor: None,
        full_read: false,
        read: false,
        served_once: true,
        pin: PinChange::Stays,
        report: &RunReport::default(),
    };
    store.commit_run(&run).unwrap();
}

/// DESIGN.md 12.9: an approved take-over is kept until its leaver comes back, or one of the directories goes.
#[test]
fn an_approved_take_over_ends_with_its_leaver_and_with_either_directory() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let [first, second] = ["first", "second"].map(|name| {
        crate::changed(&store, |change| change.add_connection(&connection(name), NOW)).unwrap().id
    });
    let mut served = run(&store, first, &Directory::default(), &some_people(9), NOW);
    served = run(&store, first, &served, &some_people(4), NOW.plus(1));
    let gone: Vec<UserNo> = store.gone_users().unwrap().iter().map(|gone| gone.no).collect();
    assert!(gone.len() > 1);
    let approve = |at: i64| {
        let take_over = |no: &UserNo| TakeOver {
            account: UserNo(no.0 + 100),
            leaver: (first, *no),
            name: format!("p{}@example.org", no.0).into(),
        };
        let take_overs = gone.iter().map(take_over).collect();
        let change = DecisionsChange { take_overs, ..DecisionsChange::default() };
        decide(&store, second, &change, NOW.plus(at));
    };
    let kept = || -> Vec<_> {
        let approved = store.take_overs().unwrap().into_iter();
        approved.map(|one| (one.leaver, one.account, one.name)).collect()
    };
    approve(2);
    let all: Vec<_> = gone
        .iter()
        .map(|no| ((first, *no), (second, UserNo(no.0 + 100)), format!("p{}@example.org", no.0)))
        .collect();
    assert_eq!(kept(), all);
    approve(3);
    assert_eq!(kept(), all, "what is approved again is approved once");
    // Another read in which they are gone leaves it so; whoever is back ends it.
    served = run(&store, first, &served, &some_people(4), NOW.plus(4));
    assert_eq!(kept(), all);
    run(&store, first, &served, &some_people(9), NOW.plus(5));
    assert_eq!(kept(), []);
    for removed in [first, second] {
        approve(6);
        assert_eq!(kept(), all);
        crate::changed(&store, |change| change.remove_connection(removed)).unwrap();
        assert_eq!(kept(), [], "{removed}");
    }
}
