//! One person, asked for alone: what all providers' answers have in common.
//!
//! Invariant: nobody is said to be outside what is read before it is known what that is.

use directory::{
    id::ProviderId,
    observation::{PersonRecord, Removed, Verdict},
};

use crate::{
    error::{ConnectError, Kind},
    scope::LastScope,
};

/// What a provider says of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnePerson {
    /// There, and within what is read.
    There {
        /// The person's record.
        record: Box<PersonRecord>,
        /// The groups that the person is directly in; none where we may not see them.
        groups: Option<Vec<ProviderId>>,
    },
    /// There, but not within what is read.
    OutOfScope(ProviderId),
    /// Gone by the provider's own word.
    Gone(Removed),
    /// Several have this mail address: nobody is read.
    Several(Vec<PersonRecord>),
    /// Nobody is called so, or has this id.
    Nobody,
}

/// Whether somebody who is there is within what is read.
pub(crate) fn within(verdict: Verdict, last_scope: &LastScope) -> Result<bool, ConnectError> {
    let unknown = |text: &str| Err(ConnectError::new(Kind::Temporary, None, text));
    match verdict {
        Verdict::Exists => Ok(true),
        // Right after a start it is not known yet which groups are read.
        Verdict::Gone if last_scope.is_empty() => unknown(
            "only a part of the tenant is read (setting `read`), and which part is known after the next run; try again \
             then",
        ),
        Verdict::Gone => Ok(false),
        Verdict::Unlisted => unknown(
            "only the provider's lists say that the person is not within what is read (setting `read`); the next runs \
             decide when the lists still say so",
        ),
        Verdict::Unknown => unknown(
            "the provider does not say whether the person is within what is read (setting `read`); try again later",
        ),
    }
}
