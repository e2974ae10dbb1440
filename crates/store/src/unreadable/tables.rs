//! Which columns of which tables are read, how, and what a repair makes of those that cannot be.

mod settings;
mod state;

pub(crate) use self::settings::{NEXT_GROUP, NEXT_USER};
use self::{
    settings::{
        ADMINISTRATOR, ALERT, ALERT_TOLD, APPLICATION, AUDIT, CHANNEL, DIRECTORY, DRAFT,
        INVITATION, KEPT_KEY, TOKEN, WEBHOOK,
    },
    state::{CALLER, CONSOLE_SESSION, FLOOR_LIST, SEEN, SESSION, WATCH},
};
use super::{
    Check::{self, Bytes, Fits, Flag, Kind, Number, Small, Text},
    Column,
    Removed::TakenOut,
    Reset, Table, is_report,
};

/// A column without which there is nothing to keep of the row.
const fn needed(name: &'static str, check: Check) -> Column {
    Column { name, check, reset: None }
}

const fn column(name: &'static str, check: Check, set: &'static str, told: &'static str) -> Column {
    Column { name, check, reset: Some(Reset { set, told }) }
}

/// Tables of the main database. Those of users, groups, history and decisions have checks of their own beside these.
pub(crate) const MAIN: &[Table] = &[
    DIRECTORY,
    KEPT_KEY,
    APPLICATION,
    WEBHOOK,
    CHANNEL,
    ALERT,
    ALERT_TOLD,
    ADMINISTRATOR,
    INVITATION,
    TOKEN,
    DRAFT,
    AUDIT,
    FROZEN_NAME,
    GONE_USER,
    UNCONFIRMED,
    PAST_NAME,
    ACCEPTED_NAME,
    REFUSED_NAME,
    TAKE_OVER,
    DISCARD,
    RUN,
    LOG_RUN,
    LOG_MEMBER,
    LOG_KEY,
    rows_of("served_user", &OBJECT, "directory || ' ' || no"),
    rows_of("served_group", &OBJECT, "directory || ' ' || no"),
    rows_of("served_members", &CHUNK, "directory || ' ' || grp || ' ' || kind || ' ' || chunk"),
    rows_of("mirror_person", &OBJECT, "directory || ' ' || no"),
    rows_of("mirror_group", &OBJECT, "directory || ' ' || no"),
    rows_of("mirror_members", &CHUNK, "directory || ' ' || grp || ' ' || kind || ' ' || chunk"),
    rows_of("base_user", &OBJECT, "directory || ' ' || no"),
    rows_of("base_group", &OBJECT, "directory || ' ' || no"),
    rows_of("base_members", &CHUNK, "directory || ' ' || grp || ' ' || kind || ' ' || chunk"),
];

/// What says whose a row of a user or group is.
const OBJECT: [Column; 2] = [needed("directory", Small), needed("no", Small)];
/// What says whose a row of members is.
const CHUNK: [Column; 4] = [
    needed("directory", Small),
    needed("grp", Small),
    needed("kind", Kind),
    needed("chunk", Small),
];

/// Rows of users, groups and members that do not say any more whose they are.
const fn rows_of(name: &'static str, columns: &'static [Column], key: &'static str) -> Table {
    Table {
        name,
        kind: "row of a user, a group or members",
        key,
        label: None,
        columns,
        removed: TakenOut(
            "taken out, after what it said was written anew as far as other rows tell it",
        ),
        is_settings: false,
    }
}

/// Tables of short-lived state.
pub(crate) const STATE: &[Table] = &[SESSION, CONSOLE_SESSION, WATCH, CALLER, FLOOR_LIST, SEEN];

const FROZEN_NAME: Table = Table {
    name: "frozen_name",
    kind: "frozen name",
    key: "application || ' ' || directory || ' ' || no",
    label: None,
    columns: &[needed("application", Small), needed("directory", Small), needed("no", Small)],
    removed: TakenOut("taken out; the application sees the present name of the user"),
    is_settings: false,
};

const GONE_USER: Table = Table {
    name: "gone_user",
    kind: "note of somebody who is gone",
    key: "directory || ' ' || no",
    label: None,
    columns: &[needed("directory", Small), needed("no", Small), needed("employee", Text)],
    removed: TakenOut("taken out, and counted anew at the next start"),
    is_settings: false,
};

const UNCONFIRMED: Table = Table {
    name: "mirror_unconfirmed",
    kind: "doubt about a membership",
    key: "directory || ' ' || grp || ' ' || kind || ' ' || no",
    label: None,
    columns: &[
        needed("directory", Small),
        needed("grp", Small),
        needed("kind", Kind),
        needed("no", Small),
        needed("since", Number),
    ],
    removed: TakenOut(
        "taken out; the membership stays, and the next read doubts it again if it has to",
    ),
    is_settings: false,
};

const PAST_NAME: Table = Table {
    name: "past_name",
    kind: "former name",
    key: "directory || ' ' || kind || ' ' || folded",
    label: Some("folded"),
    columns: &[needed("directory", Small), needed("kind", Kind)],
    removed: TakenOut("taken out; the former name is free to be given to anybody"),
    is_settings: false,
};

const ACCEPTED_NAME: Table = Table {
    name: "accepted_name",
    kind: "accepted name",
    key: "directory || ' ' || grp",
    label: Some("name"),
    columns: &[needed("directory", Small), needed("grp", Small)],
    removed: TakenOut("taken out; the new name of the group has to be accepted again"),
    is_settings: false,
};

const REFUSED_NAME: Table = Table {
    name: "refused_name",
    kind: "refused name",
    key: "directory || ' ' || grp",
    label: Some("name"),
    columns: &[needed("directory", Small), needed("grp", Small)],
    removed: TakenOut("taken out; the new name of the group waits again, and can be refused again"),
    is_settings: false,
};

const TAKE_OVER: Table = Table {
    name: "take_over",
    kind: "approved take-over",
    key: "directory || ' ' || no || ' ' || leaver_directory || ' ' || leaver",
    label: Some("name"),
    columns: &[
        needed("directory", Small),
        needed("no", Small),
        needed("leaver_directory", Small),
        needed("leaver", Small),
    ],
    removed: TakenOut(
        "taken out; that the account takes the place of a leaver waits for an approval again",
    ),
    is_settings: false,
};

const DISCARD: Table = Table {
    name: "discard",
    kind: "discarded change",
    key: "directory || ' ' || kind || ' ' || no",
    label: None,
    columns: &[needed("directory", Small), needed("kind", Kind), needed("no", Small)],
    removed: TakenOut("taken out; what was discarded is planned again"),
    is_settings: false,
};

const RUN: Table = Table {
    name: "run",
    kind: "report of a run",
    key: "id",
    label: None,
    columns: &[
        needed("id", Number),
        needed("directory", Small),
        needed("at", Number),
        needed("quiet", Flag),
        needed("report", Fits(is_report)),
    ],
    removed: TakenOut("taken out"),
    is_settings: false,
};

/// The index of the change log is made anew of the log as soon as a row of it was taken out.
const REBUILT: &str = "taken out; the index of the change log is made anew at the next start";

const LOG_RUN: Table = Table {
    name: "log_run",
    kind: "entry in the index of the change log",
    key: "run",
    label: None,
    columns: &[
        needed("run", Number),
        needed("directory", Small),
        needed("at", Number),
        needed("first", Number),
        needed("last", Number),
    ],
    removed: TakenOut(REBUILT),
    is_settings: false,
};

const LOG_MEMBER: Table = Table {
    name: "log_member",
    kind: "entry in the index of the change log",
    key: "directory || ' ' || kind || ' ' || no || ' ' || run",
    label: None,
    columns: &[
        needed("directory", Small),
        needed("kind", Kind),
        needed("no", Small),
        needed("run", Number),
        needed("first", Number),
        needed("last", Number),
        needed("entries", Bytes),
    ],
    removed: TakenOut(REBUILT),
    is_settings: false,
};

const LOG_KEY: Table = Table {
    name: "log_key",
    kind: "entry in the index of the change log",
    key: "directory || ' ' || kind || ' ' || key || ' ' || no",
    label: None,
    columns: &[
        needed("directory", Small),
        needed("kind", Kind),
        needed("key", Text),
        needed("no", Small),
        needed("seq", Number),
    ],
    removed: TakenOut(REBUILT),
    is_settings: false,
};
