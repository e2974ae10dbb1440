//! Runs, the log, decisions, applications and floors.

use directory::{
    change::{Change, LogEntry},
    derive::Basis,
    id::{ChangeSeq, DAY_MS, DirectoryId, HOUR_MS, Millis, UserNo},
    mirror::{Asked, Dirty, EdgeRow, GroupRow, Mirror, PersonRow, State},
    observation::{Cursor, Verdict},
    plan::{Context, guard::Window, plan},
    report::{Applied, Outcome, RunReport},
    rules::{NestedGroups, compiled::Compiled},
    snapshot::{Directory, Size},
};
use proptest::prelude::*;
use store::{
    FinishedLists, FloorLists, FloorRow, LogFilter, LogOrder, NewApplication, PinChange, RunCommit,
    Sight, Store, StoreError,
};

use crate::{
    NOW, connection, open,
    tenant::{Edit, Person, Tenant, plain_rules},
};

/// Reads the tenant in full and commits, as `task::commit` does.
pub(crate) fn run(
    store: &Store,
    id: DirectoryId,
    served: &Directory,
    tenant: &Tenant,
    now: Millis,
) -> Directory {
    run_putting_back(store, id, served, tenant, (now, None))
}

/// The same, said to be an undo, of which everything counts as approved.
fn run_putting_back(
    store: &Store,
    id: DirectoryId,
    served: &Directory,
    tenant: &Tenant,
    (now, put_back_to): (Millis, Option<ChangeSeq>),
) -> Directory {
    let mut mirror = store.load_mirror(id).unwrap();
    let decisions = store.load_decisions(id).unwrap();
    let mut merged = mirror.merge(&tenant.listing(false), now);
    // Every other question stays open, so that unconfirmed records and memberships are kept too.
    let answers: Vec<(Asked, Verdict)> = mirror
        .questions(500)
        .iter()
        .enumerate()
        .map(|(i, (asked, question))| {
            (*asked, if i % 2 == 0 { tenant.answer(question) } else { Verdict::Unknown })
        })
        .collect();
    mirror.settle(&answers, now, &mut merged);
    let rules = Compiled::new(plain_rules(NestedGroups::Kept)).unwrap();
    let basis =
        Basis { mirror: &mirror, rules: &rules, decisions: &decisions, served, observed: now };
    let lifted = std::collections::BTreeSet::new();
    let context = Context {
        now,
        window: &Window::default(),
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    let plan = plan(&basis, &Dirty::everything(), &context);
    let after = served.apply(&plan.changes).unwrap();
    let approved = if put_back_to.is_some() { plan.applied } else { Applied::default() };
    let report = RunReport {
        applied: plan.applied,
        approved,
        size_after: after.size(),
        put_back_to,
        ..RunReport::default()
    };
    store
        .commit_run(&RunCommit {
            directory: id,
            at: now,
            mirror: &mirror,
            mirror_change: &merged.change,
            changes: &plan.changes,
            decisions: &plan.decisions,
            cursor: Some(&Cursor(format!("cursor {}", now.0))),
            full_read: true,
            read: true,
            served_once: true,
            pin: PinChange::Stays,
            report: &report,
        })
        .unwrap();
    let mut wanted = decisions;
    wanted.apply(&plan.decisions);
    assert_eq!(store.load_decisions(id).unwrap(), wanted);
    assert_eq!(rows(&store.load_mirror(id).unwrap()), rows(&mirror));
    after
}

fn rows(mirror: &Mirror) -> (Vec<PersonRow>, Vec<GroupRow>, Vec<EdgeRow>) {
    use directory::{decisions::Node, id::GroupNo};
    let edges = mirror.groups().flat_map(|group| {
        let users = mirror.users_of(group.no).iter().map(|no| Node::User(UserNo(*no)));
        let groups = mirror.children_of(group.no).iter().map(|no| Node::Group(GroupNo(*no)));
        users.chain(groups).filter_map(|member| mirror.edge(group.no, member))
    });
    (mirror.people().cloned().collect(), mirror.groups().cloned().collect(), edges.collect())
}

fn folded(entries: &[LogEntry]) -> Directory {
    entries.chunk_by(|a, b| a.run == b.run).fold(Directory::default(), |directory, run| {
        let changes: Vec<&Change> = run.iter().map(|entry| &entry.change).collect();
        directory.apply(changes).unwrap()
    })
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let no = || 0_u8..12;
    let person =
        (0_u8..30, any::<bool>(), any::<bool>()).prop_map(|(name, enabled, guest)| Person {
            login: format!("Ann{name}@example.org"),
            mail: format!("ä{name}@example.org"),
            enabled,
            guest,
        });
    prop_oneof![
        4 => (no(), person).prop_map(|(no, person)| Edit::Put(no, person)),
        1 => no().prop_map(Edit::Delete),
        2 => (no(), "[A-C]{1,2}").prop_map(|(no, name)| Edit::Team(no, name)),
        1 => no().prop_map(Edit::DeleteTeam),
        4 => (no(), no()).prop_map(|(team, no)| Edit::Join(team, no)),
        1 => (no(), no()).prop_map(|(team, no)| Edit::Leave(team, no)),
        1 => (no(), no()).prop_map(|(team, inner)| Edit::Nest(team, inner)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_loaded_is_what_was_served_and_what_the_log_folds_to(
        steps in prop::collection::vec(prop::collection::vec(edit(), 1..25), 1..6)
    ) {
        let data = tempfile::tempdir().unwrap();
        let mut store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW)).unwrap().id;
        let mut served = Directory::default();
        let mut tenant = Tenant::default();
        for (step, edits) in steps.iter().enumerate() {
            tenant.apply_all(edits);
            served = run(&store, id, &served, &tenant, NOW.plus(step as i64 * 1_000));
            let (head, loaded) = store.load_directory(id).unwrap();
            prop_assert_eq!(&loaded, &served);
            prop_assert_eq!(head, store.head().unwrap());
            let log = store.read_after(ChangeSeq(0), usize::MAX).unwrap();
            prop_assert_eq!(log.last().map_or(ChangeSeq(0), |entry| entry.seq), head);
            prop_assert_eq!(folded(&log), served.clone());
            // A restart loses nothing.
            drop(store);
            store = open(data.path());
        }
        let row = store.connection(id).unwrap().unwrap();
        prop_assert_eq!(row.cursor, Some(Cursor(format!("cursor {}", NOW.0 + (steps.len() as i64 - 1) * 1_000))));
        prop_assert!(row.served_once && row.last_read.is_some() && row.last_full_read.is_some());
    }
}

pub(crate) fn some_people(count: u8) -> Tenant {
    let mut tenant = Tenant::default();
    for no in 0..count {
        let login = format!("p{no}@example.org");
        tenant.apply(&Edit::Put(
            no,
            Person { mail: login.clone(), login, enabled: true, guest: false },
        ));
    }
    tenant.apply(&Edit::Team(0, "Team".to_owned()));
    tenant
}

#[test]
fn readers_of_the_log_get_whole_runs_and_a_persons_entries_include_memberships() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut tenant = some_people(5);
    let served = run(&store, id, &Directory::default(), &tenant, NOW);
    assert_eq!(
        store.read_after(ChangeSeq(0), 1).unwrap().len(),
        6,
        "five people and a group in one run"
    );
    tenant.apply(&Edit::Join(0, 3));
    run(&store, id, &served, &tenant, NOW.plus(1));
    let (no, _) = served.user_by_name("p3@example.org").unwrap();
    let filter = LogFilter {
        directory: Some(id),
        node: Some((id, directory::decisions::Node::User(no))),
        order: LogOrder::NewestFirst,
        limit: 10,
        ..LogFilter::default()
    };
    let entries = store.log_of(&filter).unwrap();
    assert!(matches!(entries[0].change, Change::Members(_)), "{entries:?}");
    assert!(matches!(entries[1].change, Change::User { .. }), "{entries:?}");
    assert_eq!(entries.len(), 2);
    let later =
        store.log_of(&LogFilter { since: Some(NOW.plus(1)), limit: 10, ..LogFilter::default() });
    assert_eq!(later.unwrap().len(), 1);
}

#[test]
fn a_run_that_found_nothing_writes_its_report_only() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let tenant = some_people(3);
    let served = run(&store, id, &Directory::default(), &tenant, NOW);
    let head = store.head().unwrap();
    run(&store, id, &served, &tenant, NOW.plus(1));
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(store.latest_runs(id, 10).unwrap().len(), 2);
    assert_eq!(store.latest_runs(id, 1).unwrap()[0].applied, Applied::default());
}

#[test]
fn the_window_sums_what_was_applied_and_not_approved() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let served = run(&store, id, &Directory::default(), &some_people(5), NOW);
    let window = store.run_window(id, NOW.plus(-DAY_MS)).unwrap();
    assert_eq!(window.first_size.map(|size| size.users), Some(5));
    assert_eq!(window.applied.users_added, 5);
    run(&store, id, &served, &some_people(4), NOW.plus(DAY_MS));
    let window = store.run_window(id, NOW.plus(1)).unwrap();
    assert_eq!((window.size_then.users, window.first_size), (5, None));
    let applied = Applied { users_removed: 3, ..Applied::default() };
    let report = RunReport {
        applied,
        approved: Applied { users_removed: 2, ..Applied::default() },
        outcome: Outcome::Failed { error: "no".to_owned(), code: None },
        finished: NOW.plus(DAY_MS),
        size_after: Size::default(),
        ..RunReport::default()
    };
    let before = window.applied.users_removed;
    store.record_failed_run(id, &report).unwrap();
    assert_eq!(store.run_window(id, NOW.plus(1)).unwrap().applied.users_removed, before + 1);
}

/// DESIGN.md 12.9: who is gone is known without the mirror, and who comes back is not gone.
#[test]
fn who_is_gone_is_kept_with_the_mirror() {
    let data = tempfile::tempdir().unwrap();
    let gone = |store: &Store, id| {
        let mirror = store.load_mirror(id).unwrap();
        let absent = |row: &&PersonRow| matches!(row.state, State::Absent { .. });
        let expected: Vec<UserNo> = mirror.people().filter(absent).map(|row| row.no).collect();
        let known = store.gone_users().unwrap();
        assert!(known.iter().all(|gone| gone.directory == id));
        assert_eq!(known.iter().map(|gone| gone.no).collect::<Vec<_>>(), expected);
        expected.len()
    };
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut served = run(&store, id, &Directory::default(), &some_people(9), NOW);
    assert_eq!(gone(&store, id), 0);
    served = run(&store, id, &served, &some_people(4), NOW.plus(1));
    assert!(gone(&store, id) > 0);
    run(&store, id, &served, &some_people(9), NOW.plus(2));
    assert_eq!(gone(&store, id), 0);
    crate::changed(&store, |change| change.remove_connection(id)).unwrap();
    assert_eq!(store.gone_users().unwrap(), []);
}

/// What was put back does not count, and counts again when the undo is undone in turn.
#[test]
fn the_window_leaves_out_what_was_undone() {
    let gone = |applied: Applied| applied.users_removed + applied.users_deactivated;
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let mut served = run(&store, id, &Directory::default(), &some_people(12), NOW);
    // Where each run ended, and who left by it.
    let mut runs = vec![(store.head().unwrap(), 0)];
    // How many people there are, to which run's end it goes back if it is an undo, and whose leavers count then.
    let steps: [(u8, Option<usize>, &[usize]); 6] = [
        (10, None, &[1]),
        (6, None, &[1, 2]),
        (12, Some(0), &[]),
        (9, None, &[4]),
        (6, Some(2), &[1, 2]),
        (10, Some(1), &[1]),
    ];
    for (at, (people, undo, counted)) in (1..).zip(steps) {
        let to = undo.map(|run| runs[run].0);
        let now = NOW.plus(at);
        served = run_putting_back(&store, id, &served, &some_people(people), (now, to));
        let report = store.latest_runs(id, 1).unwrap().remove(0);
        assert!(undo.is_some() || gone(report.applied) > 0, "somebody leaves by run {at}");
        runs.push((store.head().unwrap(), gone(report.applied)));
        let expected: u64 = counted.iter().map(|run| runs[*run].1).sum();
        let window = store.run_window(id, NOW.plus(-1)).unwrap();
        assert_eq!(gone(window.applied), expected, "after run {at}");
        assert_eq!(window.first_size.map(|size| size.users), Some(12));
    }
    assert_eq!(gone(store.run_window(id, NOW.plus(7)).unwrap().applied), 0);
}

#[test]
fn numbers_are_never_given_again_and_a_removed_directory_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let first = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    let taken = crate::changed(&store, |change| change.add_connection(&connection("ENTRA"), NOW));
    assert!(matches!(taken, Err(StoreError::NameTaken(_))), "{taken:?}");
    run(&store, first, &Directory::default(), &some_people(3), NOW);
    crate::changed(&store, |change| change.remove_connection(first)).unwrap();
    assert_eq!(store.read_after(ChangeSeq(0), 10).unwrap(), []);
    assert_eq!(store.latest_runs(first, 10).unwrap(), []);
    let second = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    assert_ne!(first, second);
    assert_eq!(store.load_directory(second).unwrap().1, Directory::default());
    let gone = crate::changed(&store, |change| change.set_paused(first, true));
    assert!(matches!(gone, Err(StoreError::Removed)), "{gone:?}");
    let late = store.record_failed_run(first, &RunReport::default());
    assert!(matches!(late, Err(StoreError::Removed)), "{late:?}");
}

#[test]
fn applications_come_back_as_they_were_added() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let new = NewApplication {
        name: "Jira".to_owned(),
        password_hash: "$argon2id$1".to_owned(),
        sight: Sight {
            directories: vec![DirectoryId(2), DirectoryId(1)],
            aggregate: true,
            flattened: true,
            frozen_names: false,
        },
        addresses: vec!["10.0.0.0/8".to_owned()],
    };
    crate::changed(&store, |change| change.add_application(&new, NOW)).unwrap();
    assert!(matches!(
        crate::changed(&store, |change| change
            .add_application(&NewApplication { name: "jira".to_owned(), ..new.clone() }, NOW)),
        Err(StoreError::NameTaken(_))
    ));
    crate::changed(&store, |change| change.set_application_password(1, "$argon2id$2")).unwrap();
    let rows = store.applications().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].name.as_str(), rows[0].password_hash.as_str()), ("Jira", "$argon2id$2"));
    assert_eq!((&rows[0].sight, &rows[0].addresses), (&new.sight, &new.addresses));
    let other = Sight { flattened: false, frozen_names: true, ..new.sight };
    crate::changed(&store, |change| change.set_sight(rows[0].id, &other)).unwrap();
    assert_eq!(store.applications().unwrap()[0].sight, other);
    crate::changed(&store, |change| change.remove_application(rows[0].id)).unwrap();
    assert_eq!(store.applications().unwrap(), []);
}

#[test]
fn a_floor_is_the_clients_own_or_the_oldest_of_two_hours() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let floor = |seq, view: &str| FloorRow { seq: ChangeSeq(seq), view: view.to_owned() };
    let record = |application, client, at, of: &FloorRow| {
        store.record_floor(application, client, at, of).unwrap();
    };
    let known = |client, at| store.floor_lists(1, client, at).unwrap().map(|lists| lists.oldest);
    assert_eq!(known("10.0.0.1", NOW), None);
    record(1, "10.0.0.1", NOW, &floor(5, "a"));
    record(2, "10.0.0.1", NOW, &floor(1, "z"));
    assert_eq!(known("10.0.0.1", NOW), Some(floor(5, "a")));
    // Another address of the same application counts for two hours.
    assert_eq!(known("10.0.0.2", NOW.plus(HOUR_MS)), Some(floor(5, "a")));
    assert_eq!(known("10.0.0.2", NOW.plus(3 * HOUR_MS)), None);
    assert_eq!(known("10.0.0.1", NOW.plus(3 * HOUR_MS)), Some(floor(5, "a")));
    // The view is that of the client's own list, or of the latest; the position is the oldest that counts.
    record(1, "10.0.0.3", NOW.plus(1), &floor(7, "b"));
    assert_eq!(known("10.0.0.1", NOW.plus(2)), Some(floor(5, "a")));
    assert_eq!(known("10.0.0.2", NOW.plus(2)), Some(floor(5, "b")));
    assert_eq!(known("10.0.0.3", NOW.plus(2)), Some(floor(5, "b")));
    record(1, "10.0.0.1", NOW.plus(HOUR_MS), &floor(9, "c"));
    assert_eq!(known("10.0.0.1", NOW.plus(3 * HOUR_MS + 1)), Some(floor(9, "c")));
    assert_eq!(known("10.0.0.1", NOW.plus(26 * HOUR_MS)), None);
}

/// DESIGN.md 10.8: a list counts until its reader has used a token that was made after it.
#[test]
fn a_finished_list_counts_only_as_the_clients_own_latest() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let record = |client, seq| {
        let floor = FloorRow { seq: ChangeSeq(seq), view: "v".to_owned() };
        store.record_floor(1, client, NOW, &floor).unwrap();
    };
    let lists = |client| store.floor_lists(1, client, NOW).unwrap().unwrap();
    let oldest = |client| lists(client).oldest.seq.0;
    let finish = |client, lists: &FloorLists, at| {
        let FloorLists { latest, single, .. } = *lists;
        store.finish_floor_lists(1, client, &FinishedLists { latest, single, at }).unwrap();
    };
    // Two products at one address: either list may be anybody's.
    record("10.0.0.1", 5);
    record("10.0.0.1", 7);
    let both = lists("10.0.0.1");
    assert_eq!((both.oldest.seq.0, both.single), (5, false));
    // A token made before the lists says nothing of them; nor does one that is used elsewhere.
    finish("10.0.0.1", &both, NOW.plus(-1));
    finish("10.0.0.2", &both, NOW);
    assert_eq!(oldest("10.0.0.1"), 5);
    finish("10.0.0.1", &both, NOW);
    assert_eq!((oldest("10.0.0.1"), lists("10.0.0.1").single), (7, true));
    // The newest list of one address does not wait for the others'.
    record("10.0.0.1", 9);
    assert_eq!((oldest("10.0.0.1"), lists("10.0.0.1").single), (9, true));
    // The only list is its reader's wherever the reader is now.
    let only = lists("10.0.0.3");
    finish("10.0.0.3", &only, NOW);
    assert_eq!(store.floor_lists(1, "10.0.0.3", NOW).unwrap(), None);
    // The same position again is a list of its own.
    record("10.0.0.1", 9);
    finish("10.0.0.1", &only, NOW);
    assert!(store.floor_lists(1, "10.0.0.3", NOW).unwrap().is_some());
}

/// DESIGN.md 10.8: positions that products were told mean something else after an older copy was put back.
#[test]
fn an_older_copy_of_the_database_starts_a_new_epoch() {
    let data = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let mut tenant = Tenant::default();
    let person = |no, login: &str| {
        let (login, mail) = (login.to_owned(), String::new());
        Edit::Put(no, Person { login, mail, enabled: true, guest: false })
    };
    let (id, after) = {
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
            .unwrap()
            .id;
        tenant.apply(&person(1, "ann"));
        (id, run(&store, id, &Directory::default(), &tenant, NOW))
    };
    for file in ["muster.db", "secret.key"] {
        std::fs::copy(data.path().join(file), copy.path().join(file)).unwrap();
    }
    let commit_another = |name: &str| {
        let store = open(data.path());
        let mut tenant = tenant.clone();
        tenant.apply(&person(2, name));
        run(&store, id, &after, &tenant, NOW.plus(1));
        store.epoch()
    };
    let put_back = || {
        for file in ["muster.db", "muster.db-wal", "muster.db-shm"] {
            let _ = std::fs::remove_file(data.path().join(file));
        }
        std::fs::copy(copy.path().join("muster.db"), data.path().join("muster.db")).unwrap();
    };
    assert_eq!(commit_another("bob"), 1);
    put_back();
    assert_eq!(commit_another("carl"), 2);
    assert_eq!(open(data.path()).epoch(), 2, "a restart is no new epoch");
    put_back();
    assert_eq!(open(data.path()).epoch(), 3, "nor is an epoch used twice");
    // As long a history under an epoch of its own is another one too.
    put_back();
    assert_eq!(open(data.path()).epoch(), 4);
}
