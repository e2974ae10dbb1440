//! Every column of every table of both databases, with values that nobody wrote: the store opens, whatever else there
//! is is read and served, nobody gets in by the damaged row, and a repair makes the database whole.
//!
//! The tables come from the databases themselves: a new table fails here until the fixture has a row of it.

use std::{collections::BTreeSet, fs, path::Path};

use directory::{
    id::{ChangeSeq, DAY_MS, DirectoryId, Millis, ProviderId},
    snapshot::Directory,
};
use rusqlite::Connection;
use secrecy::SecretString;
use store::{
    AlertText, AuditFilter, CallerRow, ConsoleSessionRow, DraftRow, FloorRow, InvitationRow,
    LogFilter, Matter, NewApiToken, NewApplication, NewAudit, NewChannel, Role, Scope, SessionRow,
    Sight, Store, Told, WatchRow,
};
use tempfile::TempDir;

use crate::{
    NOW, connection,
    keeping::run,
    open,
    tenant::{Edit, Person, Tenant},
};

/// The directory that is damaged, and the one that must not notice.
const ENTRA: DirectoryId = DirectoryId(1);
const OTHER: DirectoryId = DirectoryId(2);

/// Values that nobody wrote: text that is no UTF-8, bytes, nothing, a number below all.
const GARBLED: [&str; 5] =
    ["CAST(x'7BC328' AS TEXT)", "x'00FF'", "NULL", "-7", "CAST('{' AS TEXT)"];

fn person(no: u8) -> Person {
    let login = format!("ann{no}@example.org");
    Person { mail: login.clone(), login, enabled: true, guest: false }
}

/// A data directory with at least one row in every table, two where one must not harm the other.
struct Fixture {
    data: TempDir,
    entra: Directory,
    other: Directory,
    tenant: Tenant,
}

impl Fixture {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        for name in ["entra", "other", "removed"] {
            crate::changed(&store, |change| change.add_connection(&connection(name), NOW)).unwrap();
        }
        crate::changed(&store, |change| change.remove_connection(DirectoryId(3))).unwrap();
        let mut tenant = Tenant::default();
        let mut edits: Vec<Edit> = (0..6).map(|no| Edit::Put(no, person(no))).collect();
        edits.extend([Edit::Team(0, "All".to_owned()), Edit::Team(1, "Some".to_owned())]);
        edits.extend((0..5).map(|no| Edit::Join(0, no)));
        tenant.apply_all(&edits);
        let mut entra = run(&store, ENTRA, &Directory::default(), &tenant, NOW);
        let other = run(&store, OTHER, &Directory::default(), &tenant, NOW);
        store.fold_some(NOW.plus(1), 100).unwrap();
        for (day, edits) in [
            (1, vec![Edit::Put(1, person(21)), Edit::Join(1, 2), Edit::Leave(0, 3)]),
            (2, vec![Edit::Put(2, person(22)), Edit::Join(1, 4), Edit::Nest(0, 1)]),
        ] {
            tenant.apply_all(&edits);
            entra = run(&store, ENTRA, &entra, &tenant, NOW.plus(day * DAY_MS));
        }
        settings(&store);
        state(&store);
        drop(store);
        by_hand(data.path());
        Self { data, entra, other, tenant }
    }
}

/// Two of each that a person sets up.
fn settings(store: &Store) {
    for name in ["jira", "wiki"] {
        let sight = Sight {
            directories: vec![OTHER],
            aggregate: false,
            flattened: false,
            frozen_names: true,
        };
        let new = NewApplication {
            name: name.to_owned(),
            password_hash: "hash".to_owned(),
            sight,
            addresses: vec!["192.0.2.0/24".to_owned()],
        };
        crate::changed(store, |change| change.add_application(&new, NOW)).unwrap();
        let id = store.applications().unwrap().last().unwrap().id;
        let token = SecretString::from("t");
        store.add_webhook(id, "https://a.example/", Some(&token)).unwrap().unwrap();
        let channel = NewChannel {
            name: format!("{name}-ops"),
            kind: "slack".to_owned(),
            settings: [("a".to_owned(), "b".to_owned())].into(),
            alerts: vec!["held".to_owned()],
            secret: SecretString::from("s"),
        };
        crate::changed(store, |change| change.add_channel(&channel)).unwrap();
        crate::changed(store, |change| {
            change.put_administrator(&format!("{name}-ann"), Role::Administrator, "hash", NOW)
        })
        .unwrap();
        let number = u8::try_from(id).unwrap();
        let invitation = InvitationRow {
            token: [number; 32],
            name: Some(format!("{name}-bob")),
            role: Role::Reader,
            expires: Millis(i64::MAX),
            made_by: store::Maker::Server,
        };
        crate::changed(store, |change| change.invite(&invitation, NOW)).unwrap();
        let token = NewApiToken {
            name: format!("{name}-ci"),
            hash: [number; 32],
            scopes: vec![Scope::Read],
            made_by: "ann".to_owned(),
            made: NOW,
            expires: Some(Millis(i64::MAX)),
        };
        crate::changed(store, |change| change.add_api_token(&token)).unwrap().unwrap();
        let content = SecretString::from("content");
        store.put_draft(&DraftRow { id: name.to_owned(), updated: NOW, content }).unwrap();
        let entry = NewAudit {
            at: NOW,
            who: name.to_owned(),
            origin: "192.0.2.1".to_owned(),
            action: "directory.pause".to_owned(),
            object: "entra".to_owned(),
            detail: "{}".to_owned(),
        };
        crate::recorded(store, &entry);
    }
    for (directory, kind) in [(ENTRA, "held"), (OTHER, "failing")] {
        let matter = Matter { directory, directory_name: "entra", kind };
        let text = AlertText {
            aspects: ["a".to_owned()].into(),
            title: "title".to_owned(),
            details: vec!["detail".to_owned()],
        };
        store.raise_alert(matter, &text, NOW).unwrap();
    }
    for alert in [1, 2] {
        store.alert_told(Told { alert, channel: 1, version: 1 }).unwrap();
    }
}

/// Two of each that lives for a short time.
fn state(store: &Store) {
    for number in [1_u8, 2] {
        let application = u32::from(number);
        let session = SessionRow {
            token: [number; 32],
            directory: DirectoryId(application),
            person: ProviderId::parse("ann").unwrap(),
            factors: [7; 32],
            created: NOW,
            duration_ms: 1,
            expires: Millis(i64::MAX),
        };
        store.start_session(&session).unwrap();
        let session = ConsoleSessionRow {
            token: [number; 32],
            administrator: application,
            created: NOW,
            used: NOW,
            origin: "192.0.2.1".to_owned(),
            agent: "test".to_owned(),
        };
        store.start_console_session(&session, (Millis(-1), Millis(-1))).unwrap();
        let directory = DirectoryId(application);
        let secret = SecretString::from("s");
        store.set_watch(&WatchRow { directory, secret, registered: "{}".to_owned() }).unwrap();
        let caller = CallerRow {
            application,
            first: NOW,
            last: NOW,
            requests: 3,
            client: "192.0.2.1".to_owned(),
            agent: "Jira".to_owned(),
        };
        store.record_callers(&[caller]).unwrap();
        let floor = FloorRow { seq: ChangeSeq(3), view: "v".to_owned() };
        store.record_floor(application, "192.0.2.1", NOW, &floor).unwrap();
    }
}

/// What the plans of this tenant do not make.
fn by_hand(data: &Path) {
    let database = Connection::open(data.join("muster.db")).unwrap();
    database
        .execute_batch(
            "INSERT OR IGNORE INTO past_name VALUES (1, 0, 'old', 'p1'), (2, 0, 'old', 'p1');
             INSERT OR IGNORE INTO accepted_name VALUES (1, 0, 'All'), (2, 0, 'All');
             INSERT OR IGNORE INTO refused_name VALUES (1, 0, 'All'), (2, 0, 'All');
             INSERT OR IGNORE INTO take_over VALUES (1, 3, 2, 3, 'ann'), (2, 3, 1, 3, 'ann');
             INSERT OR IGNORE INTO discard VALUES (1, 0, 3, 'd'), (2, 0, 3, 'd');
             INSERT OR IGNORE INTO frozen_name VALUES (1, 1, 2, 'a', 'a'), (2, 2, 2, 'a', 'a');
             INSERT OR IGNORE INTO gone_user VALUES (1, 5, '7'), (2, 5, '8');
             INSERT OR IGNORE INTO mirror_unconfirmed VALUES (1, 0, 0, 1, 5), (2, 0, 0, 1, 5);
             INSERT OR IGNORE INTO log_key VALUES (1, 0, 'k', 1, 5), (2, 0, 'k', 1, 5);
             UPDATE connection SET pin = '{\"to\":1,\"state_of\":1,\"since\":1,\"reason\":null}' WHERE id = 1;
             UPDATE connection SET expires = 5, last_read = 5;",
        )
        .unwrap();
}

/// A column of a table of a database.
#[derive(Debug, Clone)]
struct Place {
    file: &'static str,
    table: String,
    column: String,
    /// The columns of the primary key, which find a row where there is no number.
    key: Vec<String>,
}

/// Every column of every table, from the databases themselves.
fn places(data: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    for file in ["muster.db", "state.db"] {
        let database = Connection::open(data.join(file)).unwrap();
        let tables =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut tables = database.prepare(tables).unwrap();
        let tables = tables.query_map((), |row| row.get::<_, String>(0)).unwrap();
        for table in tables.map(Result::unwrap) {
            let count: i64 = database
                .query_row(&format!("SELECT COUNT(*) FROM {table}"), (), |row| row.get(0))
                .unwrap();
            assert!(
                count > 0,
                "the fixture has no row of {table}: give it one, and say how it is read"
            );
            let columns = format!("SELECT name, pk FROM pragma_table_info('{table}')");
            let mut columns = database.prepare(&columns).unwrap();
            let columns = columns
                .query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
                .unwrap();
            let columns: Vec<(String, i64)> = columns.map(Result::unwrap).collect();
            let key: Vec<String> =
                columns.iter().filter(|(_, pk)| *pk > 0).map(|(name, _)| name.clone()).collect();
            for (column, _) in &columns {
                let (table, column, key) = (table.clone(), column.clone(), key.clone());
                places.push(Place { file, table, column, key });
            }
        }
    }
    places
}

impl Place {
    /// Writes a value into the table's first row, or into each of `meta` and the like; whether the engine takes it.
    fn garble(&self, data: &Path, value: &str, row: usize) -> bool {
        let database = Connection::open(data.join(self.file)).unwrap();
        let Self { table, column, key, .. } = self;
        let key = if key.is_empty() { "rowid".to_owned() } else { key.join(", ") };
        let update = format!(
            "UPDATE {table} SET {column} = {value} WHERE ({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 \
             OFFSET {row})"
        );
        database.execute(&update, ()).is_ok_and(|changed| changed == 1)
    }

    /// How many rows are hit one after the other: all of those in which each row is something else.
    fn rows(&self) -> usize {
        match self.table.as_str() {
            "meta" => 7,
            "refinery_schema_history" => 2,
            _ => 1,
        }
    }
}

/// What others see: as the server reads at its start, while it serves, and in each list.
fn others_are_served(fixture: &Fixture, store: &Store, at: &str) {
    let (_, rows) = store.load_served().unwrap_or_else(|error| panic!("{at}: {error}"));
    for (row, directory) in &rows {
        if row.id == OTHER {
            assert_eq!(*directory, fixture.other, "{at}");
            assert!(row.unreadable.is_empty() && row.served_once, "{at}: {:?}", row.unreadable);
        } else {
            let is_refused = store.damage(row.id).iter().any(store::Damage::leaves_out);
            assert!(is_refused || *directory == fixture.entra, "{at}: a shortened list");
        }
    }
    assert!(rows.iter().any(|(row, _)| row.id == OTHER), "{at}");
    store.frozen_names().unwrap();
    store.gone_users().unwrap();
    store.kept_keys().unwrap();
    store.floor_of_log().unwrap();
    store.seq_at(NOW.plus(DAY_MS)).unwrap();
    store.read_log(ChangeSeq(0), usize::MAX).unwrap_or_else(|error| panic!("{at}: {error}"));
    store.load_mirror(OTHER).unwrap_or_else(|error| panic!("{at}: {error}"));
    store.load_decisions(OTHER).unwrap();
    let filter = LogFilter { directory: Some(OTHER), limit: 10, ..LogFilter::default() };
    store.log_of(&filter).unwrap();
    store.log_of(&LogFilter { limit: 10, ..LogFilter::default() }).unwrap();
    store.latest_runs(ENTRA, 10).unwrap();
    store.runs_before(ENTRA, None, 10).unwrap();
    store.run_window(ENTRA, NOW).unwrap();
    store.telling_runs(ENTRA, NOW, 10).unwrap();
    store.once_called(ENTRA, "k").unwrap();
    let whole: BTreeSet<String> = lists(store).into_iter().collect();
    for one in [
        "wiki",
        "wiki-ops",
        "wiki-ann",
        "wiki-ci",
        "draft wiki",
        "audit wiki",
        "alert 2",
        "caller 2",
        "watch 2",
        "webhook 2",
    ] {
        assert!(whole.contains(one), "{at}: no {one} in {whole:?}");
    }
    assert!(store.session(&[2; 32]).unwrap().is_some(), "{at}");
    assert!(store.console_session(&[2; 32]).unwrap().is_some(), "{at}");
    assert!(store.invitation(&[2; 32], NOW).unwrap().is_some(), "{at}");
    // A product whose position cannot be read may be refused an answer, the other gets it.
    assert!(store.floor_lists(2, "192.0.2.1", NOW).unwrap().is_some(), "{at}");
    let _ = store.floor_lists(1, "192.0.2.1", NOW);
    assert!(store.alerts_told(NOW).is_ok() && store.has_administrators().unwrap(), "{at}");
    nobody_gets_in(store, at);
}

/// What can be read of everything that has lists, by name.
fn lists(store: &Store) -> Vec<String> {
    let mut whole: Vec<String> = Vec::new();
    let rows = store.applications().unwrap().into_iter();
    whole.extend(rows.filter(|row| row.unreadable.is_empty()).map(|row| row.name));
    let rows = store.channels().unwrap().into_iter();
    whole.extend(rows.filter(|row| row.unreadable.is_empty()).map(|row| row.name));
    let rows = store.administrators().unwrap().into_iter();
    whole.extend(rows.filter(|row| row.unreadable.is_empty()).map(|row| row.name));
    let rows = store.api_tokens().unwrap().into_iter();
    whole.extend(rows.filter(|row| row.works(NOW)).map(|row| row.name));
    whole.extend(store.drafts().unwrap().into_iter().map(|row| format!("draft {}", row.id)));
    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    let rows = store.audit_log(&all).unwrap();
    whole.extend(rows.into_iter().map(|row| format!("audit {}", row.entry.who)));
    whole.extend(store.alerts(NOW).unwrap().into_iter().map(|row| format!("alert {}", row.id)));
    let rows = store.callers().unwrap().into_iter();
    whole.extend(rows.map(|row| format!("caller {}", row.application)));
    let rows = store.watches().unwrap().into_iter();
    whole.extend(rows.map(|row| format!("watch {}", row.directory)));
    whole.extend(store.webhooks().unwrap().into_iter().map(|row| format!("webhook {}", row.id)));
    whole
}

/// By a row that cannot be read nobody gets in, and nobody gets more.
fn nobody_gets_in(store: &Store, at: &str) {
    for row in store.api_tokens().unwrap() {
        assert!(row.unreadable.is_empty() || !row.works(NOW), "{at}");
    }
    for row in store.administrators().unwrap() {
        let gets_in = store.administrator(row.id).unwrap().is_some();
        assert!(row.is_whole() || !gets_in, "{at}");
    }
    for row in store.applications().unwrap() {
        let lacks = |columns: &[&str]| row.unreadable.iter().any(|column| columns.contains(column));
        if lacks(&["password_hash", "addresses"]) {
            assert_eq!(row.password_hash, "", "{at}");
        }
        if lacks(&["directories", "aggregate", "flattened", "frozen_names"]) {
            assert_eq!(row.sight.directories, [], "{at}");
        }
    }
    for row in store.connections().unwrap() {
        if row.unreadable.contains(&"key") || row.unreadable.contains(&"served_once") {
            assert!(!row.served_once, "{at}");
        }
    }
}

/// The other directory is read on, its alerts are raised, and somebody can be added.
fn others_go_on(fixture: &Fixture, store: &Store, at: &str) {
    let now = NOW.plus(5 * DAY_MS);
    let mut tenant = fixture.tenant.clone();
    tenant.apply_all(&[Edit::Put(9, person(9))]);
    let after = run(store, OTHER, &fixture.other, &tenant, now);
    assert_eq!(store.load_directory(OTHER).unwrap().1, after, "{at}");
    let matter = Matter { directory: OTHER, directory_name: "other", kind: "damaged" };
    store.raise_alert(matter, &AlertText::default(), now).unwrap();
    assert!(store.alerts(now).unwrap().iter().any(|row| row.kind == "damaged"), "{at}");
    crate::changed(store, |change| change.put_administrator("new", Role::Reader, "hash", now))
        .unwrap();
    let added =
        crate::changed(store, |change| change.add_connection(&connection("new"), now)).unwrap();
    assert_eq!(store.load_directory(added.id).unwrap().1, Directory::default(), "{at}");
}

/// After a repair everything can be read, but for what only a person can say again.
fn repaired(fixture: &Fixture, data: &Path, at: &str) {
    let store = Store::open_as_it_is(data).unwrap();
    let looked = store.repair(false).unwrap();
    assert_eq!(store.repair(false).unwrap(), looked, "{at}: a look changes nothing");
    let done = store.repair(true).unwrap();
    assert_eq!(done, looked, "{at}: what was shown is done");
    drop(store);
    let store = open(data);
    let mut left = store.repair(false).unwrap();
    // A record of the mirror is read anew by the next run.
    let waits = |remedy: &str| remedy.starts_with("nothing") || remedy.starts_with("everything is");
    left.retain(|finding| !waits(&finding.remedy));
    assert_eq!(left, [], "{at}");
    others_are_served(fixture, &store, at);
    for id in [ENTRA, OTHER] {
        store.load_decisions(id).unwrap_or_else(|error| panic!("{at}: {error}"));
        store.load_mirror(id).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
}

fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.path().join(file.file_name())).unwrap();
    }
    to
}

/// Shares of the enumeration, so that they run side by side.
const SHARES: usize = 4;

fn share(share: usize) {
    let fixture = Fixture::new();
    drop(open(fixture.data.path()));
    let places = places(fixture.data.path());
    assert!(places.len() > 150, "{}", places.len());
    let mut failed = Vec::new();
    for place in places.iter().skip(share).step_by(SHARES) {
        for value in GARBLED {
            for row in 0..place.rows() {
                let at = format!("{}.{} row {row} is {value}", place.table, place.column);
                let data = copied(fixture.data.path());
                if place.garble(data.path(), value, row) {
                    let looked = || looked_at(&fixture, data.path(), &at);
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(looked)).is_err() {
                        failed.push(at);
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn looked_at(fixture: &Fixture, data: &Path, at: &str) {
    {
        let store = Store::open(data).unwrap_or_else(|error| panic!("{at}: {error}"));
        others_are_served(fixture, &store, at);
    }
    let repairing = copied(data);
    repaired(fixture, repairing.path(), at);
    others_go_on(fixture, &open(data), at);
}

#[test]
fn a_damaged_column_stops_nobody_else_first_share() {
    share(0);
}

#[test]
fn a_damaged_column_stops_nobody_else_second_share() {
    share(1);
}

#[test]
fn a_damaged_column_stops_nobody_else_third_share() {
    share(2);
}

#[test]
fn a_damaged_column_stops_nobody_else_fourth_share() {
    share(3);
}
