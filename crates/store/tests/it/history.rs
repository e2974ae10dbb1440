//! History, the base, and what is left of both after folding.

use std::collections::BTreeSet;

use directory::{
    change::{Change, LogEntry},
    decisions::Node,
    id::{ChangeSeq, DAY_MS, DirectoryId, GroupNo, Millis, RunId, UserNo},
    snapshot::Directory,
};
use proptest::prelude::*;
use store::{Floor, LogFilter, LogOrder, Store, StoreError};

use crate::{
    NOW, connection,
    keeping::{edit, run, some_people},
    open,
    tenant::{Edit, Tenant},
};

/// What was served after each run that changed something, with its position and time.
type Served = Vec<(ChangeSeq, Millis, Directory)>;

/// How far to fold: entries older than so many steps ago, in steps of so many entries, so many times.
fn fold() -> impl Strategy<Value = (usize, usize, usize)> {
    (0_usize..6, 1_usize..8, 0_usize..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn folding_keeps_what_is_served_and_the_history_after_the_cut(
        steps in prop::collection::vec((prop::collection::vec(edit(), 1..20), fold()), 1..7)
    ) {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        // Entries of another directory lie in between.
        let other = crate::changed(&store, |change| change.add_connection(&connection("other"), NOW)).unwrap().id;
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW)).unwrap().id;
        let (mut tenant, mut others) = (Tenant::default(), some_people(2));
        let (mut now_other, mut now) = (Directory::default(), Directory::default());
        let mut all: Served = Vec::new();
        let mut log: Vec<LogEntry> = Vec::new();
        let mut cut = Millis(1);
        for (step, (edits, (back, entries, times))) in steps.iter().enumerate() {
            let at = NOW.plus(step as i64 * 1_000);
            tenant.apply_all(edits);
            others.apply_all(&edits[..edits.len() / 2]);
            now_other = run(&store, other, &now_other, &others, at);
            now = run(&store, id, &now, &tenant, at);
            let head = store.head().unwrap();
            log.extend(store.read_after(log.last().map_or(ChangeSeq(0), |e| e.seq), usize::MAX).unwrap());
            all.push((head, at, now.clone()));
            let before = at.plus(1 - *back as i64 * 1_000);
            for _ in 0..*times {
                store.fold_some(before, *entries).unwrap();
                prop_assert_eq!(store.folded(id).unwrap(), now.clone());
            }
            prop_assert!(store.floor_of_log().unwrap().at < before.max(cut));
            cut = cut.max(before);
            check(&store, id, (&log, &all))?;
            prop_assert_eq!(store.folded(other).unwrap(), now_other.clone());
            prop_assert_eq!(store.load_directory(id).unwrap().1, now.clone());
        }
        while store.fold_some(Millis(i64::MAX), 3).unwrap() {}
        prop_assert_eq!(store.folded(id).unwrap(), now);
        prop_assert!(store.read_after(ChangeSeq(0), 10).unwrap().is_empty());
        drop(store);
        // Nothing is left of what made the folded entries quick to find.
        let database = rusqlite::Connection::open(data.path().join("muster.db")).unwrap();
        for table in ["log_run", "log_member", "log_key"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            let left: i64 = database.query_row(&count, (), |row| row.get(0)).unwrap();
            prop_assert_eq!(left, 0, "{}", table);
        }
    }
}

/// Everything that is kept is found, by each way, and nothing else.
fn check(
    store: &Store,
    id: DirectoryId,
    (log, all): (&[LogEntry], &Served),
) -> Result<(), TestCaseError> {
    let floor = store.floor_of_log().unwrap();
    let kept: Vec<LogEntry> = log.iter().filter(|entry| entry.seq > floor.seq).cloned().collect();
    prop_assert_eq!(&store.read_after(ChangeSeq(0), usize::MAX).unwrap(), &kept);
    let own: Vec<&LogEntry> = kept.iter().filter(|entry| entry.directory == id).collect();
    for node in nodes() {
        let filter = LogFilter { node: Some((id, node)), ..everything() };
        let expected: Vec<LogEntry> =
            own.iter().filter(|e| touches(&e.change, node)).map(|e| (*e).clone()).collect();
        prop_assert_eq!(store.log_of(&filter).unwrap(), expected.clone(), "{:?}", node);
        let latest = LogFilter { order: LogOrder::NewestFirst, limit: 2, ..filter };
        let expected: Vec<LogEntry> = expected.into_iter().rev().take(2).collect();
        prop_assert_eq!(store.log_of(&latest).unwrap(), expected, "{:?}", node);
    }
    let of_directory = LogFilter { directory: Some(id), ..everything() };
    let found = store.log_of(&of_directory).unwrap();
    prop_assert_eq!(found.iter().collect::<Vec<_>>(), own.clone());
    for run in kept.iter().map(|entry| entry.run).collect::<BTreeSet<RunId>>() {
        let found = store.log_of(&LogFilter { run: Some(run), ..everything() }).unwrap();
        prop_assert!(found.iter().eq(kept.iter().filter(|entry| entry.run == run)));
    }
    for (seq, at, directory) in all {
        let during = LogFilter { since: Some(*at), until: Some(*at), ..everything() };
        let found = store.log_of(&during).unwrap();
        prop_assert!(found.iter().eq(kept.iter().filter(|entry| entry.at == *at)));
        let past = match store.directory_at(id, *seq) {
            Ok(past) => past,
            Err(StoreError::NotKept { floor: whole, .. }) => {
                // What cannot be had is older than the cut, or the cut goes through the run after it.
                prop_assert!(*seq < floor.seq || whole > floor.seq.0);
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        prop_assert!(*seq >= floor.seq);
        prop_assert_eq!(&past.directory, directory);
        for (no, user) in directory.users_from(0) {
            let name = store.names_at(id, &[Node::User(no)], *seq).unwrap().remove(0);
            prop_assert_eq!(name.as_deref(), Some(user.name()));
        }
    }
    Ok(())
}

fn everything() -> LogFilter {
    LogFilter { limit: usize::MAX, ..LogFilter::default() }
}

fn nodes() -> impl Iterator<Item = Node> {
    (0..14).map(|no| Node::User(UserNo(no))).chain((0..14).map(|no| Node::Group(GroupNo(no))))
}

/// The slow way to tell whose entry it is.
fn touches(change: &Change, node: Node) -> bool {
    match (change, node) {
        (Change::User { no, .. }, Node::User(wanted)) => *no == wanted,
        (Change::Group { no, .. }, Node::Group(wanted)) => *no == wanted,
        (Change::Members(members), Node::User(wanted)) => {
            members.users_added.contains(&wanted) || members.users_removed.contains(&wanted)
        }
        (Change::Members(members), Node::Group(wanted)) => {
            members.group == wanted
                || members.groups_added.contains(&wanted)
                || members.groups_removed.contains(&wanted)
        }
        _ => false,
    }
}

#[test]
fn somebody_who_is_gone_is_found_under_former_names_until_the_history_ends() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut tenant = some_people(3);
    let first = run(&store, id, &Directory::default(), &tenant, NOW);
    let (no, user) = first.user_by_name("p1@example.org").unwrap();
    let (no, provider_id) = (Node::User(no), user.id().to_string());
    assert_eq!(store.once_called(id, "p1@example.org").unwrap(), [], "served names are elsewhere");
    tenant.apply(&Edit::Delete(1));
    let second = run(&store, id, &first, &tenant, NOW.plus(DAY_MS));
    let gone = run(&store, id, &second, &tenant, NOW.plus(40 * DAY_MS));
    assert!(gone.user_by_name("p1@example.org").is_none());
    assert_eq!(store.once_called(id, "p1@example.org").unwrap(), [no]);
    assert_eq!(store.once_called(id, &provider_id).unwrap(), [no]);
    let head = store.head().unwrap();
    assert_eq!(store.names_at(id, &[no], head).unwrap(), [Some("p1@example.org".to_owned())]);
    while store.fold_some(NOW.plus(41 * DAY_MS), 100).unwrap() {}
    assert_eq!(store.once_called(id, "p1@example.org").unwrap(), []);
    assert_eq!(store.names_at(id, &[no], head).unwrap(), [None]);
}

#[test]
fn positions_that_are_not_kept_or_not_there_yet_are_told_apart() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut tenant = some_people(3);
    let served = run(&store, id, &Directory::default(), &tenant, NOW);
    let head = store.head().unwrap();
    tenant.apply(&Edit::Join(0, 1));
    run(&store, id, &served, &tenant, NOW.plus(DAY_MS));
    assert_eq!(store.directory_at(id, head).unwrap().directory, served);
    // A position within a run means what was served until that run was done.
    let within = store.directory_at(id, ChangeSeq(head.0 - 1)).unwrap();
    assert_eq!((within.seq, within.directory), (ChangeSeq(0), Directory::default()));
    let ahead = store.directory_at(id, ChangeSeq(99)).unwrap_err();
    assert!(matches!(ahead, StoreError::NotYet { asked: 99, .. }), "{ahead}");
    assert_eq!(store.floor_of_log().unwrap(), Floor::default());
    assert!(!store.fold_some(NOW.plus(DAY_MS), 100).unwrap());
    assert_eq!(store.floor_of_log().unwrap(), Floor { seq: head, at: NOW });
    assert_eq!(store.directory_at(id, head).unwrap().directory, served);
    let old = store.directory_at(id, ChangeSeq(1)).unwrap_err();
    assert!(old.to_string().contains("history_days"), "{old}");
    assert_eq!(store.seq_at(NOW.plus(DAY_MS - 1)).unwrap(), head);
    assert_eq!(store.seq_at(Millis(0)).unwrap(), head);
}

#[test]
fn reports_of_old_runs_go_and_the_last_one_stays() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut served = Directory::default();
    for count in 1..4 {
        served = run(&store, id, &served, &some_people(count), NOW.plus(i64::from(count)));
    }
    store.forget_runs(NOW.plus(3)).unwrap();
    assert_eq!(store.latest_runs(id, 10).unwrap().len(), 1);
    store.forget_runs(NOW.plus(100 * DAY_MS)).unwrap();
    assert_eq!(store.latest_runs(id, 10).unwrap().len(), 1);
}

/// A log that was written before there was an index gets one when it is opened.
#[test]
fn an_older_log_is_indexed_once() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut tenant = some_people(3);
    let served = run(&store, id, &Directory::default(), &tenant, NOW);
    tenant.apply(&Edit::Join(0, 1));
    let served = run(&store, id, &served, &tenant, NOW.plus(1));
    let (no, _) = served.user_by_name("p1@example.org").unwrap();
    drop(store);
    let database = rusqlite::Connection::open(data.path().join("muster.db")).unwrap();
    database
        .execute_batch(
            "DELETE FROM log_run; DELETE FROM log_member; DELETE FROM meta WHERE name = 'log_indexed'",
        )
        .unwrap();
    drop(database);
    let store = open(data.path());
    let filter = LogFilter { node: Some((id, Node::User(no))), ..everything() };
    assert_eq!(store.log_of(&filter).unwrap().len(), 2);
    assert_eq!(store.log_of(&LogFilter { directory: Some(id), ..everything() }).unwrap().len(), 5);
}
