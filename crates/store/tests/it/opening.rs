//! Data directories that can and cannot be used, and secrets at rest.

use std::{fs, os::unix::fs::PermissionsExt};

use directory::rules::{Joiners, Rules, limits::Limits};
use secrecy::ExposeSecret;
use store::{Store, StoreError};

use crate::{NOW, connection, open};

#[test]
fn a_secret_comes_back_and_lies_nowhere_in_the_clear() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    drop(store);
    for file in fs::read_dir(data.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(21).any(|window| window == b"the-credential-itself");
        assert!(!found, "{} holds the secret", path.display());
    }
    let row = open(data.path()).connection(id).unwrap().unwrap();
    assert_eq!(row.secret.expose_secret(), "the-credential-itself");
    assert!(!format!("{row:?}").contains("the-credential-itself"));
    // Also of a directory that others may look into.
    for file in ["secret.key", "muster.db", "state.db"] {
        let mode = fs::metadata(data.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_lost_or_foreign_or_open_key_file_is_named() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let path = data.path().join("secret.key");
    let key = fs::read(&path).unwrap();

    fs::remove_file(&path).unwrap();
    let missing = Store::open(data.path()).unwrap_err().to_string();
    assert!(missing.contains("secret.key is missing"), "{missing}");

    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    fs::copy(other.path().join("secret.key"), &path).unwrap();
    let foreign = Store::open(data.path()).unwrap_err().to_string();
    assert!(foreign.contains("put back the key file"), "{foreign}");

    fs::write(&path, "not a key").unwrap();
    let garbled = Store::open(data.path()).unwrap_err().to_string();
    assert!(garbled.contains("is not a key"), "{garbled}");

    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open_to_all = Store::open(data.path()).unwrap_err().to_string();
    assert!(open_to_all.contains("chmod 600"), "{open_to_all}");
}

#[test]
fn a_second_server_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let _first = open(data.path());
    assert!(matches!(Store::open(data.path()), Err(StoreError::InUse(_))));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data")).unwrap_err().to_string();
    assert!(error.contains("file/data cannot be used") && error.contains("--data"), "{error}");
}

#[test]
fn a_newer_database_is_refused_or_served_read_only_and_never_changed() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
        .unwrap()
        .id;
    drop(store);
    let set = |name: &str, value: &str| {
        let database = rusqlite::Connection::open(data.path().join("muster.db")).unwrap();
        database.execute("UPDATE meta SET value = ?2 WHERE name = ?1", (name, value)).unwrap();
    };
    set("schema", "70");
    let store = open(data.path());
    assert!(store.read_only());
    assert_eq!(store.connections().unwrap().len(), 1);
    assert!(matches!(
        crate::changed(&store, |change| change.set_paused(id, true)),
        Err(StoreError::ReadOnly)
    ));
    drop(store);
    set("min_reader", "60");
    let error = Store::open(data.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 70, min_reader: 60, known: 19 }), "{error}");
    assert!(error.to_string().contains("newer Muster"), "{error}");
}

/// Also where nothing but the migrations says so.
#[test]
fn a_database_of_a_later_version_is_told_as_one() {
    for file in ["muster.db", "state.db"] {
        let data = tempfile::tempdir().unwrap();
        drop(open(data.path()));
        let database = rusqlite::Connection::open(data.path().join(file)).unwrap();
        let insert = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                      VALUES (70, 'later', '2030-01-01T00:00:00Z', '1')";
        database.execute(insert, ()).unwrap();
        let error = Store::open(data.path()).unwrap_err();
        assert!(matches!(error, StoreError::NewerMigration { found: 70, .. }), "{error}");
        let told = error.to_string();
        for part in [file, "newer Muster", "start that version", "restore the backup"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("missing"), "{told}");
        let applied = "SELECT COUNT(*) FROM refinery_schema_history WHERE version = 70";
        let kept: i64 = database.query_row(applied, (), |row| row.get(0)).unwrap();
        assert_eq!(kept, 1, "nothing was changed");
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let data = tempfile::tempdir().unwrap();
    fs::write(
        data.path().join("muster.db"),
        "this is not a database, it is a sentence".repeat(100),
    )
    .unwrap();
    let error = Store::open(data.path()).unwrap_err().to_string();
    assert!(error.contains("muster.db is not a database"), "{error}");
}

#[test]
fn directories_of_an_older_version_keep_the_limits_they_had() {
    let usual = r#"{"leaving_share":1000,"leaving_min":10,"leaving_max":0,"groups_share":1000,"groups_min":10,
        "groups_max":0,"memberships_share":3000,"memberships_min":10,"memberships_max":0}"#;
    let chosen = r#"{"leaving_share":250,"leaving_min":3,"leaving_max":0,"groups_share":250,"groups_min":3,
        "groups_max":0,"memberships_share":500,"memberships_min":7,"memberships_max":0,"renames_min":4,
        "seats":[{"group":"jira","seats":9}]}"#;
    for (before, after) in [
        ("{}", usual),
        (r#"{"guests":"included","limits":{}}"#, usual),
        (r#"{"protected":{"people":[],"groups":[]}}"#, usual),
        (r#"{"protected":{"groups":[{"name":"vault"}]}}"#, usual),
        (r#"{"limits":{"leaving_share":1000,"leaving_min":10,"memberships_share":3000}}"#, usual),
        (
            r#"{"limits":{"leaving_share":250,"leaving_min":3,"memberships_share":500,"memberships_min":7,
                "renames_min":4,"seats":[{"group":"jira","seats":9}]}}"#,
            chosen,
        ),
    ] {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_connection(&connection("entra"), NOW))
            .unwrap()
            .id;
        drop(store);
        let database = rusqlite::Connection::open(data.path().join("muster.db")).unwrap();
        database.execute("UPDATE connection SET rules = ?1", [before]).unwrap();
        // What later versions added was not there.
        database
            .execute_batch(
                "DROP TABLE take_over; DROP TABLE refused_name; ALTER TABLE application DROP COLUMN product; DROP TABLE gone_user; DROP TABLE kept_key;
                 DROP INDEX connection_key; ALTER TABLE connection DROP COLUMN key;",
            )
            .unwrap();
        database.execute("DELETE FROM refinery_schema_history WHERE version >= 11", ()).unwrap();
        database.execute("UPDATE meta SET value = '9' WHERE name = 'schema'", ()).unwrap();
        drop(database);
        let rules = open(data.path()).connection(id).unwrap().unwrap().rules;
        assert_eq!(rules.limits, serde_json::from_str(after).unwrap(), "{before}");
        let rest = Rules { limits: Limits::default(), ..rules };
        let mut as_before: Rules = serde_json::from_str(before).unwrap();
        as_before.limits = Limits::default();
        if before.contains("vault") {
            as_before.protected.joiners = Joiners::AdministratorsWait;
        }
        assert_eq!(rest, as_before);
        // Once only: what is saved later stays.
        let new = open(data.path());
        crate::changed(&new, |change| change.set_rules(id, &as_before)).unwrap();
        drop(new);
        assert_eq!(open(data.path()).connection(id).unwrap().unwrap().rules, as_before);
    }
}
