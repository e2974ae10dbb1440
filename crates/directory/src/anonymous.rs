//! How people are served whose names and address were taken away.
//!
//! Invariant: a function of the provider's id alone, so that the same person always looks the same, two people never
//! look alike, and whoever comes back under the id gets everything back. The id itself stays: it is the key under
//! which products keep what the person did.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::{id::ProviderId, name::Name, user::User};

/// How every such user name begins.
const PREFIX: &str = "former-";
/// A domain that no mail ever reaches (RFC 2606).
const DOMAIN: &str = "anonymised.invalid";

/// What is served instead of a person's names and address.
#[derive(Clone, Debug)]
pub struct Anonymous {
    /// The user name.
    pub name: Name,
    /// The last name; the first is "Former".
    pub last_name: String,
    /// The display name.
    pub display_name: String,
    /// The mail address.
    pub email: String,
}

/// The first name of everybody who was anonymised.
pub const FIRST_NAME: &str = "Former";

impl Anonymous {
    /// What is served of whoever has this id.
    pub fn of(id: &ProviderId) -> Self {
        let mark = mark(id);
        let name = Name::parse(&format!("{PREFIX}{mark}")).expect("letters and digits make a name");
        Self {
            last_name: format!("user {mark}"),
            display_name: format!("{FIRST_NAME} user {mark}"),
            email: format!("{PREFIX}{mark}@{DOMAIN}"),
            name,
        }
    }
}

/// Whether a person is served without names and address.
pub fn is_anonymous(user: &User) -> bool {
    user.name().strip_prefix(PREFIX).is_some_and(|rest| rest.len() == 16 && rest == mark(user.id()))
}

fn mark(id: &ProviderId) -> String {
    let digest = id.with_str(|id| Sha256::digest(id.as_bytes()));
    digest[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
