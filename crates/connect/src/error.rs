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
    /// The vendor's own words, where it had any.
    details: Option<String>,
    /// The answer came from the provider, to a question about one thing: others may be answered better.
    about_one: bool,
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
        Self { kind, code: code.into(), text: text.into(), details: None, about_one: false }
    }

    /// Adds the vendor's own words.
    pub(crate) fn saying(mut self, details: impl Into<String>) -> Self {
        let details = details.into();
        self.text = format!("{} ({details})", self.text);
        self.details = Some(details);
        self
    }

    /// It need not concern anything but the object that was asked for.
    pub(crate) fn about_one(mut self) -> Self {
        self.about_one = true;
        self
    }

    /// Whether it may concern only the object that was asked for: the provider answered, and did not refuse the
    /// credential or ask to slow down.
    pub(crate) fn is_about_one(&self) -> bool {
        self.about_one
    }

    /// The vendor's own words, where it had any.
    pub(crate) fn details(&self) -> Option<&str> {
        self.details.as_deref()
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

    pub(crate) fn static_code(&self) -> Option<&'static str> {
        self.code
    }

    /// What it says, without its code.
    pub(crate) fn text(&self) -> &str {
        &self.text
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
