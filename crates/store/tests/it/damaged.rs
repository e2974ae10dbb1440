//! Rows with a flipped byte: one object is affected, the others are served, and a run or a repair writes it anew.

use std::collections::BTreeSet;

use directory::report::Outcome;
use directory::{
    change::Change,
    decisions::Node,
    id::{ChangeSeq, DAY_MS, DirectoryId, UserNo},
    snapshot::Directory,
};
use proptest::prelude::*;
use rusqlite::Connection;
use store::{Damage, Instead, Place, Store};
use tempfile::TempDir;

use crate::{
    NOW, connection,
    keeping::{edit, run},
    odd_text::odd_text,
    open,
    tenant::{Edit, Person, Tenant},
};

/// A directory with some history, part of it folded.
struct Bench {
    data: TempDir,
    id: DirectoryId,
    tenant: Tenant,
    served: Directory,
}

fn person(no: u8) -> Person {
    Person {
        login: format!("Ann{no}@example.org"),
        mail: format!("ä{no}@example.org"),
        enabled: true,
        guest: false,
    }
}

impl Bench {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
            .unwrap()
            .id;
        let mut bench = Self { data, id, tenant: Tenant::default(), served: Directory::default() };
        let mut edits: Vec<Edit> = (0..8).map(|no| Edit::Put(no, person(no))).collect();
        edits.extend([Edit::Team(0, "All".to_owned()), Edit::Team(1, "Some".to_owned())]);
        edits.extend((0..6).map(|no| Edit::Join(0, no)));
        bench.run(&store, &edits, 0);
        store.fold_some(NOW.plus(1), 100).unwrap();
        bench.run(&store, &[Edit::Put(1, person(21)), Edit::Join(1, 2), Edit::Leave(0, 3)], 1);
        bench.run(&store, &[Edit::Put(2, person(22)), Edit::Join(1, 4), Edit::Nest(0, 1)], 2);
        bench
    }

    fn run(&mut self, store: &Store, edits: &[Edit], day: i64) {
        self.tenant.apply_all(edits);
        self.served = run(store, self.id, &self.served, &self.tenant, NOW.plus(day * DAY_MS));
    }

    fn database(&self) -> Connection {
        Connection::open(self.data.path().join("muster.db")).unwrap()
    }

    /// Rows of a table: what finds each, and its bytes.
    fn rows(&self, table: &str, column: &str) -> Vec<(String, Vec<u8>)> {
        let key = match table {
            "change_log" => "seq".to_owned(),
            _ if column == "members" => "grp || ' ' || kind || ' ' || chunk".to_owned(),
            _ => "no".to_owned(),
        };
        let database = self.database();
        let select = format!("SELECT CAST({key} AS TEXT), {column} FROM {table} ORDER BY 1");
        let mut select = database.prepare(&select).unwrap();
        let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn set(&self, table: &str, column: &str, (key, bytes): (&str, &[u8])) {
        let of = match table {
            "change_log" => "CAST(seq AS TEXT)",
            _ if column == "members" => "grp || ' ' || kind || ' ' || chunk",
            _ => "CAST(no AS TEXT)",
        };
        let update = format!("UPDATE {table} SET {column} = ?2 WHERE {of} = ?1");
        assert_eq!(self.database().execute(&update, (key, bytes)).unwrap(), 1);
    }
}

/// The users and groups of a directory by number, but for one.
fn others(directory: &Directory, but: Option<Node>) -> BTreeSet<String> {
    let users = directory
        .users_from(0)
        .filter(|(no, _)| but != Some(Node::User(*no)))
        .map(|(no, user)| format!("{no:?} {user:?}"));
    let groups = directory
        .groups_from(0)
        .filter(|(no, _)| but != Some(Node::Group(*no)))
        .map(|(no, group)| format!("{no:?} {group:?}"));
    users.chain(groups).collect()
}

fn only(damage: &[Damage]) -> &Damage {
    let [only] = damage else { panic!("{damage:?}") };
    only
}

const TABLES: [(&str, &str); 8] = [
    ("served_user", "record"),
    ("served_group", "record"),
    ("served_members", "members"),
    ("mirror_person", "record"),
    ("mirror_group", "record"),
    ("mirror_members", "members"),
    ("base_user", "record"),
    ("change_log", "change"),
];

/// Every row of every table with each of some bytes flipped: everything is loaded, and what is served is what it was,
/// since something else tells it.
#[test]
fn a_flipped_byte_in_any_row_is_found_and_everybody_is_served() {
    let bench = Bench::new();
    let (served, id) = (bench.served.clone(), bench.id);
    for (table, column) in TABLES {
        let rows = bench.rows(table, column);
        assert!(!rows.is_empty(), "{table}");
        for (key, bytes) in rows {
            // Each byte of short rows, some of long ones, the first and the last always.
            let step = (bytes.len() / 6).max(1);
            for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x15;
                bench.set(table, column, (&key, &damaged));
                let store = open(bench.data.path());
                let (_, rows) = store.load_served().unwrap();
                assert_eq!(rows[0].1, served, "{table} {key} byte {at}");
                let mirror = store.load_mirror(id).unwrap();
                assert_eq!(mirror.people().count(), 8, "{table} {key} byte {at}");
                store.load_decisions(id).unwrap();
                let log = store.read_log(ChangeSeq(0), usize::MAX).unwrap();
                assert_eq!(log.damaged.len(), usize::from(table == "change_log"));
                let damage = store.damage(id);
                if table != "base_user" {
                    assert!(!only(&damage).leaves_out(), "{damage:?}");
                }
                let found = store.repair(false).unwrap();
                assert_eq!(found.len(), 1, "{table} {key} byte {at}: {found:?}");
                drop(store);
            }
            bench.set(table, column, (&key, &bytes));
        }
    }
    let store = open(bench.data.path());
    assert_eq!((store.damage(id), store.repair(false).unwrap()), (vec![], vec![]));
}

/// `muster repair` gives back, byte for byte, what something else tells.
#[test]
fn a_repair_writes_a_damaged_row_as_it_was() {
    let bench = Bench::new();
    for (table, column) in TABLES {
        for (key, bytes) in bench.rows(table, column) {
            let mut damaged = bytes.clone();
            damaged[bytes.len() / 2] ^= 1;
            bench.set(table, column, (&key, &damaged));
            let store = open(bench.data.path());
            let looked = store.repair(false).unwrap();
            let now: Vec<u8> =
                bench.rows(table, column).into_iter().find(|row| row.0 == key).unwrap().1;
            assert_eq!(now, damaged, "a look changes nothing");
            assert_eq!(store.repair(true).unwrap(), looked, "what was shown is done");
            let now = bench.rows(table, column).into_iter().find(|row| row.0 == key);
            if table.starts_with("mirror_") && column == "record" {
                // Only the provider can say it again.
                let row = store.connection(bench.id).unwrap().unwrap();
                assert_eq!((row.cursor, row.last_full_read), (None, None));
                bench.set(table, column, (&key, &bytes));
            } else if let Some((_, now)) = now {
                assert_eq!(now, bytes, "{table} {key}");
                assert_eq!(store.repair(false).unwrap(), []);
            }
            drop(store);
        }
    }
}

#[test]
fn the_next_run_writes_a_damaged_row_anew() {
    for (table, column) in
        TABLES.iter().filter(|(table, _)| *table != "change_log" && *table != "base_user")
    {
        let mut bench = Bench::new();
        let (key, bytes) = bench.rows(table, column).remove(0);
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        bench.set(table, column, (&key, &damaged));
        let store = open(bench.data.path());
        let before = store.load_directory(bench.id).unwrap().1;
        assert_eq!(before, bench.served, "{table}");
        bench.run(&store, &[], 3);
        assert_eq!(bench.served, before, "{table}: nothing is told to products");
        assert_eq!(store.damage(bench.id), [], "{table}");
        drop(store);
        let store = open(bench.data.path());
        assert_eq!(store.load_directory(bench.id).unwrap().1, before, "{table}");
        store.load_mirror(bench.id).unwrap();
        assert_eq!(
            (store.damage(bench.id), store.repair(false).unwrap()),
            (vec![], vec![]),
            "{table}"
        );
        assert_eq!(bench.rows(table, column)[0].1, bytes, "{table}");
    }
}

#[test]
fn somebody_whom_nothing_tells_is_left_out_and_planned_anew() {
    let mut bench = Bench::new();
    let no = UserNo(1);
    let garbage: &[u8] = b"\x02garbage";
    bench.set("served_user", "record", ("1", garbage));
    bench.set("base_user", "record", ("1", garbage));
    let entries = "UPDATE change_log SET change = x'02' WHERE kind = 0 AND no = 1";
    bench.database().execute(entries, ()).unwrap();
    let store = open(bench.data.path());
    let (_, rows) = store.load_served().unwrap();
    let loaded = rows[0].1.clone();
    assert!(loaded.user(no).is_none());
    let user = Some(Node::User(no));
    assert_eq!(others(&loaded, None), others(&bench.served, user));
    let damage = store.damage(bench.id);
    let lost: Vec<&Damage> = damage.iter().filter(|damage| damage.leaves_out()).collect();
    assert_eq!((lost.len(), lost[0].node, lost[0].place), (1, Node::User(no), Place::Served));
    assert_eq!(lost[0].instead, Instead::Nothing);

    // The mirror still knows the person, so the next run serves them again.
    let (before, name) = (bench.served.clone(), bench.served.user(no).unwrap().name().to_owned());
    bench.served = loaded;
    bench.run(&store, &[], 3);
    assert_eq!(bench.served.user(no).unwrap().name(), name);
    assert_eq!(bench.served.groups_of(no), before.groups_of(no));
    assert!(store.damage(bench.id).iter().all(|damage| !damage.leaves_out()));
}

#[test]
fn a_membership_of_nobody_is_dropped_and_told() {
    let bench = Bench::new();
    bench.database().execute("DELETE FROM served_user WHERE no = 0", ()).unwrap();
    let store = open(bench.data.path());
    let loaded = store.load_directory(bench.id).unwrap().1;
    assert_eq!(others(&loaded, None), others(&bench.served, Some(Node::User(UserNo(0)))));
    assert_eq!(only(&store.damage(bench.id)).place, Place::ServedMembers);
}

#[test]
fn an_earlier_state_across_a_damaged_entry_is_refused_by_name() {
    let bench = Bench::new();
    let store = open(bench.data.path());
    let log = store.read_after(ChangeSeq(0), usize::MAX).unwrap();
    let entry = log.iter().find(|entry| matches!(entry.change, Change::User { .. })).unwrap();
    let seq = entry.seq;
    drop(store);
    let update = "UPDATE change_log SET change = x'00' WHERE seq = ?1";
    bench.database().execute(update, [seq.0.cast_signed()]).unwrap();
    let store = open(bench.data.path());
    let error = store.directory_at(bench.id, ChangeSeq(seq.0 - 1)).unwrap_err().to_string();
    assert!(error.contains(&format!("entry {seq} of the change log")), "{error}");
    assert!(error.contains("muster repair"), "{error}");
    // Folding goes on, and base and log amount to what is served again.
    while store.fold_some(NOW.plus(30 * DAY_MS), 100).unwrap() {}
    assert_eq!(store.folded(bench.id).unwrap(), bench.served);
    assert_eq!(store.damage(bench.id), []);
}

#[test]
fn decisions_that_cannot_be_read_stop_the_directory_by_name_until_repaired() {
    let bench = Bench::new();
    let insert = "INSERT INTO discard (directory, kind, no, digest) VALUES (?1, 0, 3, x'FF')";
    bench.database().execute(insert, [bench.id.0]).unwrap();
    let store = open(bench.data.path());
    assert_eq!(store.load_served().unwrap().1[0].1, bench.served, "served all the same");
    let error = store.load_decisions(bench.id).unwrap_err().to_string();
    for part in ["the discard of user number 3", "muster repair"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(store.repair(true).unwrap().len(), 1);
    store.load_decisions(bench.id).unwrap();
}

#[test]
fn a_refused_name_that_cannot_be_read_is_named_and_taken_out() {
    let bench = Bench::new();
    let insert = "INSERT INTO refused_name (directory, grp, name) VALUES (?1, 0, x'FF')";
    bench.database().execute(insert, [bench.id.0]).unwrap();
    let store = open(bench.data.path());
    let error = store.load_decisions(bench.id).unwrap_err().to_string();
    assert!(error.contains("the refused name of group number 0"), "{error}");
    let told = store.repair(true).unwrap();
    assert!(told.len() == 1 && format!("{told:?}").contains("refused"), "{told:?}");
    assert!(store.load_decisions(bench.id).unwrap().refused.is_empty());
}

#[test]
fn a_take_over_that_cannot_be_read_waits_again() {
    let bench = Bench::new();
    let insert = "INSERT INTO take_over (directory, no, leaver_directory, leaver, name)
                  VALUES (?1, 0, 9, 1, x'FF'), (?1, 0, 9, 2, 'ann')";
    bench.database().execute(insert, [bench.id.0]).unwrap();
    let store = open(bench.data.path());
    let approved = store.take_overs().unwrap();
    assert!(approved.len() == 1 && approved[0].name == "ann", "{approved:?}");
    let told = store.repair(true).unwrap();
    assert!(told.len() == 1 && format!("{told:?}").contains("take-over"), "{told:?}");
    assert_eq!(store.take_overs().unwrap(), approved);
}

#[test]
fn reports_and_frozen_names_that_cannot_be_read_stop_nothing() {
    let bench = Bench::new();
    let database = bench.database();
    let insert = "INSERT INTO frozen_name (application, directory, no, name, folded_name)
                  VALUES (1, ?1, 2, CAST(x'FF41' AS TEXT), 'a'), (1, ?1, 3, 'p3', 'p3')";
    database.execute(insert, [bench.id.0]).unwrap();
    let update =
        "UPDATE run SET report = CAST(x'7BFF7D' AS TEXT) WHERE id = (SELECT MAX(id) FROM run)";
    database.execute(update, ()).unwrap();
    let store = open(bench.data.path());
    assert_eq!(store.load_served().unwrap().1[0].1, bench.served);
    let frozen = store.frozen_names().unwrap();
    assert_eq!((frozen.len(), frozen[0].1.len()), (1, 1), "the other one is kept");
    let runs = store.latest_runs(bench.id, 10).unwrap();
    assert_eq!(runs.len(), 3);
    assert!(
        matches!(&runs[0].outcome, Outcome::Failed { error, .. } if error.contains("a report"))
    );
    store.run_window(bench.id, NOW).unwrap();
    store.telling_runs(bench.id, NOW, 10).unwrap();
    assert_eq!(only(&store.damage(bench.id)).place, Place::FrozenName);
    let found = store.repair(true).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    store.frozen_names().unwrap();
    assert_eq!((store.damage(bench.id), store.repair(false).unwrap()), (vec![], vec![]));
    assert_eq!(store.latest_runs(bench.id, 10).unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever history there is and whichever served row is hit, everything is served as it was.
    #[test]
    fn any_damaged_row_of_any_history_is_told_by_the_others(
        steps in prop::collection::vec(prop::collection::vec(edit(), 1..25), 1..4),
        table in prop::sample::select(&TABLES[..3]), row: prop::sample::Index,
        at: prop::sample::Index, flip in 1_u8..,
    ) {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW)).unwrap().id;
        let mut bench = Bench { data, id, tenant: Tenant::default(), served: Directory::default() };
        for (day, edits) in (0..).zip(&steps) {
            bench.run(&store, edits, day);
            store.fold_some(NOW.plus(day * DAY_MS - 1), 5).unwrap();
        }
        drop(store);
        let rows = bench.rows(table.0, table.1);
        prop_assume!(!rows.is_empty());
        let (key, bytes) = &rows[row.index(rows.len())];
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= flip;
        bench.set(table.0, table.1, (key, &damaged));
        let store = open(bench.data.path());
        prop_assert_eq!(&store.load_directory(id).unwrap().1, &bench.served);
        prop_assert_eq!(only(&store.damage(id)).instead, Instead::History);
        prop_assert_eq!(store.repair(true).unwrap().len(), 1);
        prop_assert_eq!(bench.rows(table.0, table.1), rows);
    }

    /// Names and settings that people type come back as they were typed.
    #[test]
    fn connections_and_applications_are_read_as_they_were_written(
        texts in prop::array::uniform3(odd_text(40)),
    ) {
        use store::{NewApplication, NewConnection, Sight};
        let [name, setting, address] = texts;
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let settings = [("tenant".to_owned(), setting.clone())].into();
        let new = NewConnection { name: name.clone(), settings, ..connection("entra") };
        let id = crate::changed(&store, |change| change.add_connection(&new, NOW)).unwrap().id;
        let sight = Sight {
            directories: vec![id], aggregate: false, flattened: true, frozen_names: true,
        };
        let application = NewApplication {
            name: name.clone(), password_hash: setting.clone(), sight: sight.clone(),
            addresses: vec![address.clone()],
        };
        crate::changed(&store, |change| change.add_application(&application, NOW)).unwrap();
        drop(store);
        let store = open(data.path());
        let row = store.connection(id).unwrap().unwrap();
        prop_assert_eq!((&row.name, &row.settings["tenant"]), (&name, &setting));
        let row = store.applications().unwrap().remove(0);
        prop_assert_eq!((row.name, row.password_hash, row.sight), (name, setting, sight));
        prop_assert_eq!(row.addresses, vec![address]);
    }
}
