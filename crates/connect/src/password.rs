//! What a provider says of a person's password.
//!
//! Invariants: neither a password nor a token is part of it; only [`PasswordVerdict::Right`] lets anybody in, unless
//! an administrator decided otherwise about [`PasswordVerdict::FactorRequired`]. Nothing is retried here, and nothing
//! is counted: a failed check counts towards the provider's lock of the account.

use std::fmt;

/// A provider's answer about one password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordCheck {
    /// What it comes to.
    pub verdict: PasswordVerdict,
    code: Option<&'static str>,
    text: String,
}

/// What a provider's answer about a password comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PasswordVerdict {
    /// The password is the person's, and the provider lets them in.
    Right,
    /// The password is not the person's; or the provider does not say what else is wrong.
    Wrong,
    /// The provider knows nobody with this login.
    NoSuchPerson,
    /// The account is locked after too many wrong passwords; trying again prolongs that.
    Locked,
    /// The password was right once: the person must choose another one.
    Expired,
    /// The account is disabled.
    Disabled,
    /// The provider has no password of this person, such as of guests and of federated accounts.
    NotCheckable,
    /// The password is right, but the provider also wants a second factor, or its enrolment, which was not asked for.
    FactorRequired,
    /// A policy of the organisation does not let the person in this way.
    Blocked,
    /// The provider takes the account for compromised.
    AtRisk,
}

impl PasswordCheck {
    pub(crate) fn new(
        verdict: PasswordVerdict,
        code: impl Into<Option<&'static str>>,
        text: impl Into<String>,
    ) -> Self {
        Self { verdict, code: code.into(), text: text.into() }
    }

    /// The entry of the error catalogue, such as `E-ROPC-MFA`; none for a password that is right, and none of Okta's.
    pub fn code(&self) -> Option<&str> {
        self.code
    }
}

impl fmt::Display for PasswordCheck {
    /// For administrators: what is wrong, what to do, and the provider's own number for it. Not for whoever typed the
    /// password, to whom it would tell which accounts exist.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.code {
            Some(code) => write!(f, " [{code}]"),
            None => Ok(()),
        }
    }
}
