//! What an operator may choose about the Crowd server.

use directory::id::MINUTE_MS;
use serde::Deserialize;

/// What products are told when a directory does not check passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unchecked {
    /// `OPERATION_FAILED`: they ask their next directory.
    #[default]
    Fail,
    /// `INVALID_USER_AUTHENTICATION`: they refuse the person.
    Refuse,
}

/// Settings of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a session lasts after its last use, in milliseconds.
    pub session_ms: i64,
    /// The domain of the single sign-on cookie; the product's own host when there is none.
    pub cookie_domain: Option<String>,
    /// What is said of passwords that a directory does not check.
    pub unchecked: Unchecked,
    /// Whether products may synchronise by events.
    pub incremental: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_ms: 30 * MINUTE_MS,
            cookie_domain: None,
            unchecked: Unchecked::Fail,
            incremental: true,
        }
    }
}
