//! What happened, in the words that an audit log needs. The change logs say only what was touched.
//!
//! Invariant: one entry per accepted edit, in the order of the edits. Kept only where a vendor has an audit log to
//! show.

use super::{Member, Tenant, org::Status, text::Text};
use crate::{Provider, chance::draw};

/// One entry in so many is three times as late as the others, where they are late at all.
const LATE_EVERY: u64 = 5;

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) at_ms: i64,
    /// When the log shows it, by the lag at that time.
    pub(crate) seen_ms: i64,
    pub(crate) what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening {
    /// A user was created.
    UserCreated(u32),
    /// A user went to the bin.
    UserDeleted(u32),
    /// A user in the bin was removed for ever.
    UserErased(u32),
    /// A user came back from the bin.
    UserRestored(u32),
    /// Fields of a user changed: which, the login before, and flags and status before and after.
    UserChanged { user: u32, fields: u32, was: Text, flags: (u8, u8), status: (Status, Status) },
    /// A group was created.
    GroupCreated(u32),
    /// A group was deleted.
    GroupDeleted(u32),
    /// Fields of a group changed: which, and the address before.
    GroupChanged { group: u32, fields: u32, was: Text },
    /// An object became a direct member of a group.
    Joined(u32, Member),
    /// An object stopped being one.
    Left(u32, Member),
    /// The application was assigned to an object, or no longer is (Okta).
    Assigned(Member, bool),
}

impl Tenant {
    /// Notes what happened.
    pub(super) fn note(&mut self, at_ms: i64, what: Happening) {
        if self.vendor != Provider::Entra {
            let late =
                draw(self.seed, 0x1a7e, self.journal.len() as u64).is_multiple_of(LATE_EVERY);
            let seen_ms = at_ms + self.lag.delta_ms * if late { 3 } else { 1 };
            self.journal.push(Entry { at_ms, seen_ms, what });
        }
    }
}
