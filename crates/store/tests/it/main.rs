//! The store over real files: what is written is what is read, and bad data directories are named.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a test fails by panicking, and counts are small"
)]

mod alerts;
mod console;
#[path = "../../../directory/tests/it/counts.rs"]
mod counts;
mod damaged;
mod decisions;
mod every_column;
mod every_type;
mod history;
mod keeping;
#[path = "../../../directory/tests/it/odd_text.rs"]
mod odd_text;
mod opening;
mod sessions;
#[path = "../../../directory/tests/it/tenant.rs"]
#[expect(dead_code, reason = "shared with the tests of `directory`, which use more of it")]
mod tenant;

mod webhooks;

use std::path::Path;

use directory::{id::Millis, rules::Rules};
use secrecy::SecretString;
use store::{NewConnection, Schedule, Store};

const NOW: Millis = Millis(1_000_000);

fn open(data: &Path) -> Store {
    Store::open(data).expect("a fresh data directory opens")
}

fn connection(name: &str) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        provider: "entra".to_owned(),
        settings: [("tenant".to_owned(), "t".to_owned())].into(),
        secret: SecretString::from("the-credential-itself"),
        rules: Rules::default(),
        schedule: Schedule::default(),
        key: None,
    }
}

/// Makes a change of the store as a test does, with an entry of its own.
pub fn changed<T>(
    store: &store::Store,
    work: impl FnOnce(&store::Change<'_>) -> Result<T, store::StoreError>,
) -> Result<T, store::StoreError> {
    let entry = store::NewAudit {
        at: directory::id::Millis(0),
        who: "test".to_owned(),
        origin: "unknown".to_owned(),
        action: "test.change".to_owned(),
        object: String::new(),
        detail: "{}".to_owned(),
    };
    store.change(|change| Ok(store::Changed::Kept(work(change)?, entry)))
}

/// Appends an entry of the audit log.
fn recorded(store: &Store, entry: &store::NewAudit) {
    store.change(|_| Ok::<_, store::StoreError>(store::Changed::Kept((), entry.clone()))).unwrap();
}
