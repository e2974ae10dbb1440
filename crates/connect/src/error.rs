//! What can go wrong between us and a provider, said so that an administrator knows what to do.
//!
//! Invariant: no secret, token or body of a provider is part of a message.

use std::fmt;

/// A provider that could not be read. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    pub(crate) kind: Kind,
    code: Option<&'static str>,
    text: String,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A setting cannot be used.
    Setting,
    /// It may pass by itself.
    Temporary,
    /// The provider asked to wait for longer than whoever asked is ready to.
    AskedToWait,
    /// The provider refuses until somebody changes something.
    Refused,
    /// The object is not there.
    NotFound,
    /// The position in the list of changes is not known any more: everything must be read.
    CursorExpired,
    /// The position in a list is not known any more: the list must be read from its start.
    PageExpired,
    /// The page asked for is larger than the provider gives at present.
    PageSize,
    /// The provider does not have this function.
    Unsupported,
    /// The answer is not what the protocol says.
    Protocol,
    /// The record that was asked for says nothing.
    Odd,
}

impl ConnectError {
    pub(crate) fn new(
        kind: Kind,
        code: impl Into<Option<&'static str>>,
        text: impl Into<String>,
    ) -> Self {
        Self { kind, code: code.into(), text: text.into() }
    }

    pub(crate) fn setting(text: impl Into<String>) -> Self {
        Self::new(Kind::Setting, None, text)
    }

    /// Says what was being done.
    pub(crate) fn during(mut self, what: &str) -> Self {
        self.text = format!("{} (while reading {what})", self.text);
        self
    }

    /// Says something more.
    pub(crate) fn adding(mut self, more: &str) -> Self {
        self.text = format!("{}; {more}", self.text);
        self
    }

    /// The entry of the error catalogue (`protocols/providers.md` D), such as `E-SECRET`.
    pub fn code(&self) -> Option<&str> {
        self.code
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.code {
            Some(code) => write!(f, " [{code}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConnectError {}
