//! A person as served to products.
//!
//! Invariant: immutable; a change makes a new [`User`]. All texts lie in one allocation, since a directory
//! holds up to a million of these (DESIGN.md section 9: 400 bytes a user with all indexes).

use core::fmt;

use crate::{
    cut,
    id::{Millis, ProviderId},
    name::Name,
};

/// What a [`User`] is made of. Empty texts mean that there is none.
#[derive(Clone, Copy, Debug)]
pub struct UserFields<'a> {
    /// The provider's id.
    pub id: &'a ProviderId,
    /// The user name.
    pub name: &'a Name,
    /// Given name.
    pub first_name: &'a str,
    /// Surname.
    pub last_name: &'a str,
    /// Display name.
    pub display_name: &'a str,
    /// Mail address.
    pub email: &'a str,
    /// Whether the person may log in.
    pub active: bool,
    /// When the person was first served.
    pub created: Millis,
    /// When what is served of the person last changed.
    pub updated: Millis,
}

/// A person as served.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    id: ProviderId,
    created: Millis,
    updated: Millis,
    text: Box<str>,
    /// Ends of name, folded name (equal to the first: the name folds to itself), first, last, display name.
    ends: [u16; 5],
    active: bool,
}

/// The longest name or address part that is served, in bytes of UTF-8; longer ones are cut at a character. The limit
/// is ours and bounds memory and documents: products themselves keep 255 UTF-16 units of each
/// (`protocols/crowd.md` 1.5).
pub const TEXT_BYTES_MAX: usize = 4096;

impl User {
    /// Makes the served form: the one constructor for what a run serves and for what the store reads. Texts that are
    /// too long are cut; made of the parts of a user, it gives that user.
    pub fn new(fields: &UserFields<'_>) -> Self {
        let mut text = String::new();
        let mut ends = [0; 5];
        let folded =
            if fields.name.folded() == fields.name.as_str() { "" } else { fields.name.folded() };
        let parts = [
            fields.name.as_str(),
            folded,
            fields.first_name,
            fields.last_name,
            fields.display_name,
        ];
        for (part, end) in parts.into_iter().zip(&mut ends) {
            text.push_str(cut::to_bytes(part, TEXT_BYTES_MAX));
            *end = u16::try_from(text.len()).expect("five parts of 4096 bytes at most");
        }
        text.push_str(cut::to_bytes(fields.email, TEXT_BYTES_MAX));
        Self {
            id: fields.id.clone(),
            created: fields.created,
            updated: fields.updated,
            text: text.into_boxed_str(),
            ends,
            active: fields.active,
        }
    }

    /// The provider's id.
    pub fn id(&self) -> &ProviderId {
        &self.id
    }

    /// The user name as spelled.
    #[inline]
    pub fn name(&self) -> &str {
        self.part(0)
    }

    /// The user name as compared.
    pub fn folded_name(&self) -> &str {
        let folded = self.part(1);
        if folded.is_empty() { self.name() } else { folded }
    }

    /// Given name, or empty.
    pub fn first_name(&self) -> &str {
        self.part(2)
    }

    /// Surname, or empty.
    pub fn last_name(&self) -> &str {
        self.part(3)
    }

    /// Display name, or empty.
    pub fn display_name(&self) -> &str {
        self.part(4)
    }

    /// Mail address, or empty.
    pub fn email(&self) -> &str {
        &self.text[usize::from(self.ends[4])..]
    }

    /// Whether the person may log in.
    pub fn active(&self) -> bool {
        self.active
    }

    /// When the person was first served.
    pub fn created(&self) -> Millis {
        self.created
    }

    /// When what is served of the person last changed.
    pub fn updated(&self) -> Millis {
        self.updated
    }

    /// Whether both are served alike: everything but the times.
    pub fn same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.text == other.text
            && self.ends == other.ends
            && self.active == other.active
    }

    #[inline]
    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { usize::from(self.ends[index - 1]) };
        &self.text[start..usize::from(self.ends[index])]
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("first_name", &self.first_name())
            .field("last_name", &self.last_name())
            .field("display_name", &self.display_name())
            .field("email", &self.email())
            .field("active", &self.active)
            .field("created", &self.created.0)
            .field("updated", &self.updated.0)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::odd_text::odd_text;

    #[test]
    fn every_part_comes_back() {
        let id = ProviderId::parse("u1").unwrap();
        let name = Name::parse("Ann@Example.org").unwrap();
        let user = User::new(&UserFields {
            id: &id,
            name: &name,
            first_name: "Ann",
            last_name: "",
            display_name: "Ann É",
            email: "ann@example.org",
            active: true,
            created: Millis(1),
            updated: Millis(2),
        });
        assert_eq!((user.name(), user.folded_name()), ("Ann@Example.org", "ann@example.org"));
        assert_eq!((user.first_name(), user.last_name()), ("Ann", ""));
        assert_eq!((user.display_name(), user.email()), ("Ann É", "ann@example.org"));
        assert!(user.active());
        assert_eq!(user.id().to_string(), "u1");
    }

    proptest! {
        /// The longest texts do not overflow the ends, and a user made of a user's parts is that user.
        #[test]
        fn a_user_made_of_its_parts_is_the_same(
            name in odd_text(255), texts in prop::array::uniform4(odd_text(3_000)), active: bool,
        ) {
            let Ok(name) = Name::parse_cut(&name) else { return Ok(()) };
            let id = ProviderId::parse("u1").unwrap();
            let made = |name: &Name, texts: [&str; 4]| User::new(&UserFields {
                id: &id, name, first_name: texts[0], last_name: texts[1], display_name: texts[2],
                email: texts[3], active, created: Millis(1), updated: Millis(2),
            });
            let user = made(&name, [&texts[0], &texts[1], &texts[2], &texts[3]]);
            let name = Name::parse(user.name()).unwrap();
            prop_assert_eq!(user.folded_name(), name.folded());
            let parts = [user.first_name(), user.last_name(), user.display_name(), user.email()];
            prop_assert_eq!(&made(&name, parts), &user);
        }
    }
}
