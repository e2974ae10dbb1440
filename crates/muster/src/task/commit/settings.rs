//! Settings of a directory that a run needs and that cannot be read.
//!
//! Invariant: without its rules, its pin or its credential a directory is neither read nor changed; what is served stays.

use store::ConnectionRow;

/// Refuses a directory of which settings in the database cannot be read that a run needs.
pub(crate) fn readable(row: &ConnectionRow) -> Result<(), SettingsUnreadable> {
    let lacks = row.lacks();
    if lacks.is_empty() {
        return Ok(());
    }
    Err(SettingsUnreadable { columns: lacks.join(", "), name: row.name.clone() })
}

/// Settings of a directory cannot be read, so nothing is read or changed until they are set again.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {columns} of `{name}` in the database cannot be read; set them again (`muster directory set`, `muster directory \
     rules`), or stop the server and look at it with `muster repair`"
)]
pub struct SettingsUnreadable {
    columns: String,
    name: String,
}
