//! Rows of short-lived state.

use super::{
    super::{
        Check::{Digest, Flag, Number, Sealed, Small, Text},
        Removed::TakenOut,
        Table,
    },
    needed,
};

pub(super) const SESSION: Table = Table {
    name: "session",
    kind: "session of a product",
    key: "rowid",
    label: None,
    columns: &[
        needed("token", Digest),
        needed("directory", Small),
        needed("person", Text),
        needed("factors", Digest),
        needed("created", Number),
        needed("duration_ms", Number),
        needed("expires", Number),
    ],
    removed: TakenOut("taken out; the user signs in again"),
    is_settings: false,
};

pub(super) const CONSOLE_SESSION: Table = Table {
    name: "console_session",
    kind: "session of the console",
    key: "rowid",
    label: None,
    columns: &[
        needed("token", Digest),
        needed("administrator", Small),
        needed("created", Number),
        needed("used", Number),
        needed("origin", Text),
        needed("agent", Text),
    ],
    removed: TakenOut("taken out; the administrator signs in again"),
    is_settings: false,
};

pub(super) const WATCH: Table = Table {
    name: "watch",
    kind: "subscription to a provider's notifications",
    key: "directory",
    label: None,
    columns: &[
        needed("directory", Small),
        needed("secret", Sealed(secret_of_watch)),
        needed("registered", Text),
    ],
    removed: TakenOut("taken out; the next round subscribes again"),
    is_settings: false,
};

pub(super) const CALLER: Table = Table {
    name: "caller",
    kind: "note of an application's calls",
    key: "rowid",
    label: None,
    columns: &[
        needed("application", Small),
        needed("first", Number),
        needed("last", Number),
        needed("requests", Number),
        needed("client", Text),
        needed("agent", Text),
    ],
    removed: TakenOut("taken out; its calls are counted anew"),
    is_settings: false,
};

pub(super) const FLOOR_LIST: Table = Table {
    name: "floor_list",
    kind: "note of a user list that a product was served",
    key: "rowid",
    label: None,
    columns: &[
        needed("id", Number),
        needed("application", Small),
        needed("client", Text),
        needed("at", Number),
        needed("seq", Number),
        needed("view", Text),
        needed("finished", Flag),
    ],
    removed: TakenOut("taken out; the product's next synchronisation may be whole"),
    is_settings: false,
};

pub(super) const SEEN: Table = Table {
    name: "seen",
    kind: "note of the last position",
    key: "rowid",
    label: None,
    columns: &[needed("epoch", Number), needed("seq", Number)],
    removed: TakenOut("taken out; products read everything once"),
    is_settings: false,
};

fn secret_of_watch(id: &str) -> String {
    format!("word of changes for directory {id}")
}
