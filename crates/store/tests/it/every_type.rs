//! What is written is read as it was written, over any Unicode, for every type that is stored.
//!
//! The list of tables comes from the databases: a new one fails here until it says which test covers it.

use std::collections::{BTreeMap, BTreeSet};

use directory::{
    decisions::{DecisionsChange, Digest, Node},
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, ProviderId, UserNo},
    mirror::{Mirror, MirrorChange},
    name::Name,
    observation::Cursor,
    report::{Outcome, RunReport},
};
use proptest::prelude::*;
use rusqlite::Connection;
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    AlertText, AuditFilter, CallerRow, ConsoleSessionRow, DraftRow, FloorRow, InvitationRow,
    Matter, NewApiToken, NewApplication, NewAudit, NewChannel, NewConnection, PinChange, Role,
    RunCommit, Scope, SessionRow, Sight, Store, WatchRow,
};

use crate::{NOW, connection, odd_text::odd_text, open};

const HERE: &str = "every_type";
/// `store::encoding::tests`: records and entries.
const ENCODING: &str = "encoding";
/// Numbers only: `keeping`, `alerts` and `history` write and read them.
const NUMBERS: &str = "numbers";

/// Every table, and the test that shows that its texts come back.
const COVERED: &[(&str, &str)] = &[
    ("accepted_name", HERE),
    ("administrator", HERE),
    ("alert", HERE),
    ("alert_channel", HERE),
    ("alert_told", NUMBERS),
    ("api_token", HERE),
    ("application", HERE),
    ("audit", HERE),
    ("base", NUMBERS),
    ("base_group", ENCODING),
    ("base_members", NUMBERS),
    ("base_user", ENCODING),
    ("caller", HERE),
    ("change_log", ENCODING),
    ("connection", HERE),
    ("console_session", HERE),
    ("discard", HERE),
    ("draft", HERE),
    ("floor_list", HERE),
    ("frozen_name", "keeping"),
    ("gone_user", "keeping"),
    ("head", NUMBERS),
    ("invitation", HERE),
    ("kept_key", HERE),
    ("log_key", "history"),
    ("log_member", NUMBERS),
    ("log_run", NUMBERS),
    ("meta", NUMBERS),
    ("mirror_group", ENCODING),
    ("mirror_members", NUMBERS),
    ("mirror_person", ENCODING),
    ("mirror_unconfirmed", NUMBERS),
    ("past_name", HERE),
    ("refused_name", "decisions"),
    ("refinery_schema_history", NUMBERS),
    ("run", HERE),
    ("seen", NUMBERS),
    ("served_group", ENCODING),
    ("served_members", NUMBERS),
    ("served_user", ENCODING),
    ("session", HERE),
    ("take_over", "decisions"),
    ("watch", HERE),
    ("webhook", HERE),
];

#[test]
fn every_table_says_which_test_covers_it() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let mut tables = BTreeSet::new();
    for file in ["muster.db", "state.db"] {
        let database = Connection::open(data.path().join(file)).unwrap();
        let select =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut select = database.prepare(select).unwrap();
        let names = select.query_map((), |row| row.get::<_, String>(0)).unwrap();
        tables.extend(names.map(Result::unwrap));
    }
    let covered: BTreeSet<String> = COVERED.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(tables, covered);
}

/// Commits decisions and a report.
fn commit(
    store: &Store,
    id: DirectoryId,
    decisions: &DecisionsChange,
    report: &RunReport,
    cursor: &str,
) {
    let commit = RunCommit {
        directory: id,
        at: NOW,
        mirror: &Mirror::default(),
        mirror_change: &MirrorChange::default(),
        changes: &[],
        decisions,
        cursor: Some(&Cursor(cursor.to_owned())),
        full_read: false,
        read: true,
        served_once: true,
        pin: PinChange::Stays,
        report,
    };
    store.commit_run(&commit).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn decisions_and_reports_are_read_as_they_were_written(
        texts in prop::array::uniform4(odd_text(40)),
    ) {
        let [first, second, id, why] = texts;
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let directory = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW)).unwrap().id;
        let holder = ProviderId::parse(&id).unwrap_or_else(|_| ProviderId::parse("p").unwrap());
        let name = Name::parse(&first).ok();
        let decisions = DecisionsChange {
            user_names_past: vec![(directory::name::fold(&first).into(), holder.clone())],
            group_names_past: vec![(directory::name::fold(&second).into(), holder)],
            accepted: BTreeMap::from([(GroupNo(3), name)]),
            discards: BTreeMap::from([
                (Node::User(UserNo(1)), Some(Digest(second.clone()))),
                (Node::Group(GroupNo(1)), Some(Digest(first.clone()))),
            ]),
            ..DecisionsChange::default()
        };
        let outcome = Outcome::Failed { error: why.clone(), code: Some(id.clone()) };
        let report = RunReport { outcome, notes: vec![first, why], ..RunReport::default() };
        commit(&store, directory, &decisions, &report, &second);
        drop(store);
        let store = open(data.path());
        let mut wanted = directory::decisions::Decisions::default();
        wanted.apply(&decisions);
        prop_assert_eq!(store.load_decisions(directory).unwrap(), wanted);
        prop_assert_eq!(store.latest_runs(directory, 1).unwrap(), vec![report]);
        let cursor = store.connection(directory).unwrap().unwrap().cursor;
        prop_assert_eq!(cursor, Some(Cursor(second)));
        prop_assert_eq!(store.repair(false).unwrap(), vec![]);
    }

    #[test]
    fn settings_of_people_are_read_as_they_were_written(
        texts in prop::array::uniform4(odd_text(40)),
    ) {
        let [name, second, third, secret] = texts;
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let sealed = SecretString::from(secret.clone());
        let settings = BTreeMap::from([(second.clone(), third.clone())]);
        let new = NewConnection {
            name: name.clone(),
            settings: settings.clone(),
            secret: sealed.clone(),
            key: Some(second.clone()),
            ..connection("x")
        };
        crate::changed(&store, |change| change.add_connection(&new, NOW)).unwrap();
        let sight = Sight { directories: vec![], aggregate: true, flattened: false, frozen_names: false };
        let application = NewApplication {
            name: name.clone(), password_hash: third.clone(), sight, addresses: vec![second.clone()],
        };
        crate::changed(&store, |change| change.add_application(&application, NOW)).unwrap();
        crate::changed(&store, |change| change.set_application_product(1, Some(&third))).unwrap();
        store.add_webhook(1, &second, Some(&sealed)).unwrap().unwrap();
        let channel = NewChannel {
            name: name.clone(), kind: second.clone(), settings: settings.clone(),
            alerts: vec![third.clone()], secret: sealed.clone(),
        };
        crate::changed(&store, |change| change.add_channel(&channel)).unwrap();
        store.channel_failed(1, &third, NOW, NOW).unwrap();
        crate::changed(&store, |change| change.put_administrator(&name, Role::Reader, &third, NOW)).unwrap();
        let invitation = InvitationRow {
            token: [1; 32], name: Some(name.clone()), role: Role::Reader, expires: Millis(i64::MAX), made_by: store::Maker::Server,
        };
        crate::changed(&store, |change| change.invite(&invitation, NOW)).unwrap();
        let token = NewApiToken {
            name: name.clone(), hash: [2; 32], scopes: vec![Scope::Write], made_by: second.clone(),
            made: NOW, expires: None,
        };
        crate::changed(&store, |change| change.add_api_token(&token)).unwrap().unwrap();
        let draft = DraftRow { id: second.clone(), updated: NOW, content: sealed };
        store.put_draft(&draft).unwrap();
        drop(store);

        let store = open(data.path());
        let row = store.connections().unwrap().remove(0);
        prop_assert_eq!((&row.name, &row.settings, &row.key), (&name, &settings, &second));
        prop_assert_eq!(row.secret.expose_secret(), &secret);
        let row = store.applications().unwrap().remove(0);
        prop_assert_eq!((&row.name, &row.password_hash, &row.addresses[0]), (&name, &third, &second));
        prop_assert_eq!(row.product.as_ref(), Some(&third));
        let row = store.webhooks().unwrap().remove(0);
        let token = row.token.unwrap();
        prop_assert_eq!((&row.endpoint, token.expose_secret()), (&second, secret.as_str()));
        let row = store.channels().unwrap().remove(0);
        prop_assert_eq!((&row.name, &row.kind, &row.alerts[0]), (&name, &second, &third));
        prop_assert_eq!((row.settings, row.secret.expose_secret()), (settings.clone(), secret.as_str()));
        prop_assert_eq!(row.problem.as_ref(), Some(&third));
        let row = store.administrators().unwrap().remove(0);
        prop_assert_eq!((&row.name, &row.password_hash), (&name, &third));
        prop_assert_eq!(store.administrator_named(&name).unwrap().map(|row| row.id), Some(row.id));
        prop_assert_eq!(store.invitation(&[1; 32], NOW).unwrap(), Some(invitation));
        let row = store.api_tokens().unwrap().remove(0);
        prop_assert_eq!((&row.name, &row.made_by, row.scopes), (&name, &second, vec![Scope::Write]));
        let draft = store.draft(&second).unwrap().unwrap();
        prop_assert_eq!(draft.content.expose_secret(), &secret);
        crate::changed(&store, |change| change.remove_connection(DirectoryId(1))).unwrap();
        let kept = store.kept_keys().unwrap().remove(0);
        prop_assert_eq!((&kept.key, &kept.settings), (&second, &settings));
        prop_assert_eq!(&*kept.folded_name, &*directory::name::fold(&name));
        prop_assert_eq!(store.repair(false).unwrap(), vec![]);
    }

    #[test]
    fn what_the_server_notes_is_read_as_it_was_written(
        texts in prop::array::uniform4(odd_text(40)),
    ) {
        let [first, second, third, secret] = texts;
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let entry = NewAudit {
            at: NOW, who: first.clone(), origin: second.clone(), action: third.clone(),
            object: secret.clone(), detail: first.clone(),
        };
        crate::recorded(&store, &entry);
        let text = AlertText {
            aspects: BTreeSet::from([first.clone()]), title: second.clone(), details: vec![third.clone()],
        };
        let matter = Matter { directory: DirectoryId(1), directory_name: &first, kind: "held" };
        store.raise_alert(matter, &text, NOW).unwrap();
        let person = ProviderId::parse(&first).unwrap_or_else(|_| ProviderId::parse("p").unwrap());
        let session = SessionRow {
            token: [1; 32], directory: DirectoryId(1), person, factors: [2; 32], created: NOW,
            duration_ms: 5, expires: Millis(i64::MAX),
        };
        store.start_session(&session).unwrap();
        let console = ConsoleSessionRow {
            token: [3; 32], administrator: 1, created: NOW, used: NOW, origin: second.clone(),
            agent: third.clone(),
        };
        store.start_console_session(&console, (Millis(-1), Millis(-1))).unwrap();
        let watch = WatchRow {
            directory: DirectoryId(1), secret: SecretString::from(secret.clone()), registered: first.clone(),
        };
        store.set_watch(&watch).unwrap();
        let caller = CallerRow {
            application: 1, first: NOW, last: NOW, requests: 2, client: second.clone(), agent: third.clone(),
        };
        store.record_callers(std::slice::from_ref(&caller)).unwrap();
        let floor = FloorRow { seq: ChangeSeq(4), view: third.clone() };
        store.record_floor(1, &second, NOW, &floor).unwrap();
        drop(store);

        let store = open(data.path());
        let all = AuditFilter { limit: 5, ..AuditFilter::default() };
        prop_assert_eq!(&store.audit_log(&all).unwrap()[0].entry, &entry);
        let who = AuditFilter { who: Some(first.clone()), limit: 5, ..AuditFilter::default() };
        prop_assert_eq!(store.audit_log(&who).unwrap().len(), 1);
        let alert = store.alerts(NOW).unwrap().remove(0);
        prop_assert_eq!((&alert.text, &alert.directory_name), (&text, &first));
        prop_assert_eq!(store.session(&[1; 32]).unwrap(), Some(session));
        prop_assert_eq!(store.console_session(&[3; 32]).unwrap(), Some(console));
        let read = store.watch(DirectoryId(1)).unwrap().unwrap();
        prop_assert_eq!((read.secret.expose_secret(), &read.registered), (secret.as_str(), &first));
        prop_assert_eq!(store.callers().unwrap(), vec![caller]);
        let lists = store.floor_lists(1, &second, NOW).unwrap().unwrap();
        prop_assert_eq!(lists.oldest, floor);
        prop_assert_eq!(store.repair(false).unwrap(), vec![]);
    }
}
