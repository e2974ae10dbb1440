//! Names of people and groups as products know them: case-insensitive, case-preserving, Unicode.
//!
//! Invariant: a [`Name`] is not blank, has no leading or trailing white space, no character that XML 1.0
//! cannot carry, and at most [`NAME_UNITS_MAX`] UTF-16 units, the length at which Atlassian products cut
//! (`protocols/crowd.md` 1.5).

use core::fmt;
use std::borrow::Cow;

use compact_str::CompactString;

/// The longest name, in UTF-16 units: products are Java programs and cut strings there.
pub const NAME_UNITS_MAX: usize = 255;

/// A usable name, compared by its folded form.
#[derive(Clone)]
pub struct Name {
    spelled: CompactString,
    /// Present only where folding changes the spelling.
    folded: Option<CompactString>,
}

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after trimming.
    #[error("it is blank")]
    Blank,
    /// A control character, or one that XML cannot carry.
    #[error("it holds a character that products cannot store (U+{0:04X})")]
    Character(u32),
    /// Longer than [`NAME_UNITS_MAX`]; only where cutting would change who is meant.
    #[error("it is longer than {NAME_UNITS_MAX} characters")]
    Long,
}

impl Name {
    /// A name from `text`, trimmed; too long a text is refused.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let trimmed = text.trim();
        if utf16_prefix(trimmed, NAME_UNITS_MAX).len() < trimmed.len() {
            return Err(NameError::Long);
        }
        Self::checked(trimmed)
    }

    /// A name from `text`, trimmed and cut to [`NAME_UNITS_MAX`]: for groups (DESIGN.md 10.3).
    pub fn parse_cut(text: &str) -> Result<Self, NameError> {
        Self::checked(utf16_prefix(text.trim(), NAME_UNITS_MAX).trim_end())
    }

    /// The same name in lower case.
    #[must_use]
    pub fn lower_case(self) -> Self {
        match self.folded {
            Some(folded) => Self { spelled: folded, folded: None },
            None => self,
        }
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.spelled
    }

    /// The name as it is compared: Unicode lower case.
    pub fn folded(&self) -> &str {
        self.folded.as_ref().unwrap_or(&self.spelled)
    }

    fn checked(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Blank);
        }
        if let Some(bad) = text.chars().find(|c| !is_storable(*c)) {
            return Err(NameError::Character(bad as u32));
        }
        let folded = match fold(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(CompactString::from(folded)),
        };
        Ok(Self { spelled: CompactString::new(text), folded })
    }
}

/// Brings a text to the form in which names are compared: Unicode lower case.
pub fn fold(text: &str) -> Cow<'_, str> {
    let folds_to_itself = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if folds_to_itself {
        return Cow::Borrowed(text);
    }
    let folded = text.to_lowercase();
    if folded == text { Cow::Borrowed(text) } else { Cow::Owned(folded) }
}

/// The longest prefix of `text` with at most `units_max` UTF-16 units, never splitting a character.
fn utf16_prefix(text: &str, units_max: usize) -> &str {
    if text.len() <= units_max {
        return text;
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > units_max {
            return &text[..at];
        }
    }
    text
}

/// Whether XML 1.0 can carry the character and it is no control character.
fn is_storable(c: char) -> bool {
    !c.is_control() && c != '\u{FFFE}' && c != '\u{FFFF}'
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.spelled)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.spelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_keep_their_spelling() {
        let name = Name::parse("  Jörg.ÅBERG@Example.org ").unwrap();
        assert_eq!(name.as_str(), "Jörg.ÅBERG@Example.org");
        assert_eq!(name.folded(), "jörg.åberg@example.org");
        assert_eq!(name, Name::parse("JÖRG.åberg@example.ORG").unwrap());
        assert_eq!(name.lower_case().as_str(), "jörg.åberg@example.org");
    }

    #[test]
    fn unusable_names_say_why() {
        assert_eq!(Name::parse(" \t ").unwrap_err(), NameError::Blank);
        assert_eq!(Name::parse("a\u{7}b").unwrap_err(), NameError::Character(7));
        assert_eq!(Name::parse(&"x".repeat(256)).unwrap_err(), NameError::Long);
    }

    #[test]
    fn a_long_group_name_is_cut_where_java_would_cut_it() {
        assert_eq!(Name::parse_cut(&"x".repeat(256)).unwrap().as_str().len(), 255);
        let emoji = "😀".repeat(200);
        assert_eq!(Name::parse_cut(&emoji).unwrap().as_str().chars().count(), 127);
        let blank_at_the_cut = format!("{} y", "x".repeat(254));
        assert_eq!(Name::parse_cut(&blank_at_the_cut).unwrap().as_str(), "x".repeat(254));
    }
}
