//! Whether a person's password is right: the one place where protocols ask.
//!
//! Invariant: a directory that cannot tell says so; nothing here ever takes that for a yes.

use directory::id::{DirectoryId, ProviderId};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

/// Who is to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The directory that owns the name.
    pub directory: DirectoryId,
    /// The provider's id.
    pub id: ProviderId,
    /// The name that was typed, as the directory spells it.
    pub name: String,
}

/// What is known about a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the person's.
    Right,
    /// It is not.
    Wrong,
    /// It is, but has to be changed before it can be used.
    Expired,
    /// The provider does not let the person in anywhere.
    Inactive,
    /// The provider lets the person in, but not here.
    NotAllowed,
    /// The directory does not check passwords.
    NotAvailable,
    /// The provider could not be asked; the reason is for the log.
    Failed(String),
}

/// Asks whether a password is right.
pub trait SignIn: Send + Sync {
    /// Asks about one person; the password is not empty.
    fn check<'a>(
        &'a self,
        person: &'a Person,
        password: &'a SecretString,
    ) -> BoxFuture<'a, Verdict>;
}

/// For directories whose providers check no passwords (DESIGN.md 10.14).
#[derive(Clone, Copy, Debug, Default)]
pub struct Unavailable;

impl SignIn for Unavailable {
    fn check<'a>(&'a self, _: &'a Person, _: &'a SecretString) -> BoxFuture<'a, Verdict> {
        Box::pin(std::future::ready(Verdict::NotAvailable))
    }
}
