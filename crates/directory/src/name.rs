//! Names of people and groups as products know them: case-insensitive, case-preserving, Unicode.
//!
//! Invariants: a [`Name`] is not blank, has no leading or trailing white space and no character that XML 1.0 cannot
//! carry, and both its spelling and its folded form have at most [`NAME_UNITS_MAX`] UTF-16 units. So every form of it
//! that is stored or sent is a name again: [`Name::parse`] of either form succeeds and gives that form.

use core::fmt;
use std::borrow::Cow;

use compact_str::CompactString;

/// The longest name, in UTF-16 units, in its spelling and in lower case: products are Java programs and cut strings
/// at 255 `char`s when they store and compare them (`protocols/crowd.md` 1.5), and they store both forms (Crowd's
/// `cwd_user.user_name` and `lower_user_name`, 255 characters each).
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
    /// Short enough as it is spelled, and longer than [`NAME_UNITS_MAX`] in the form in which names are compared.
    #[error(
        "it is longer than {NAME_UNITS_MAX} characters in lower case, the form in which products compare names"
    )]
    LongInLowerCase,
}

impl Name {
    /// A name from `text`, trimmed; too long a text is refused.
    ///
    /// # Errors
    /// When it cannot be a name; says why.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let trimmed = text.trim();
        if utf16_prefix(trimmed, NAME_UNITS_MAX).len() < trimmed.len() {
            return Err(NameError::Long);
        }
        Self::checked(trimmed)
    }

    /// A name from `text`, trimmed and cut so that spelling and folded form fit [`NAME_UNITS_MAX`]: for groups
    /// (DESIGN.md 10.3).
    ///
    /// # Errors
    /// When nothing is left, or it holds a character that products cannot store.
    pub fn parse_cut(text: &str) -> Result<Self, NameError> {
        Self::checked(name_prefix(text.trim(), NAME_UNITS_MAX).trim_end())
    }

    /// The same name in lower case.
    #[must_use]
    pub fn lower_case(self) -> Self {
        match self.folded {
            // Checked with the spelling, and folding it again changes nothing.
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
        if let Some(folded) = &folded
            && utf16_prefix(folded, NAME_UNITS_MAX).len() < folded.len()
        {
            return Err(NameError::LongInLowerCase);
        }
        Ok(Self { spelled: CompactString::new(text), folded })
    }
}

/// Brings a text to the form in which names are compared: Unicode lower case. Folding twice is folding once.
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
    prefix(text, units_max, char::len_utf16)
}

/// The longest prefix of `text` of which neither the spelling nor the folded form has more than `units_max` UTF-16
/// units, never splitting a character.
fn name_prefix(text: &str, units_max: usize) -> &str {
    let spelled = utf16_prefix(text, units_max);
    // `İ` is two characters in lower case. Where a letter stands changes which one it becomes, not how many.
    prefix(spelled, units_max, |c| c.to_lowercase().map(char::len_utf16).sum())
}

fn prefix(text: &str, units_max: usize, units_of: impl Fn(char) -> usize) -> &str {
    if text.is_ascii() {
        return &text[..text.len().min(units_max)];
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += units_of(c);
        if units > units_max {
            return &text[..at];
        }
    }
    text
}

/// Whether XML 1.0 can carry the character and it is no control character.
pub(crate) fn is_storable(c: char) -> bool {
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
    use proptest::prelude::*;

    use super::*;
    use crate::odd_text::odd_text;

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
        assert_eq!(Name::parse("a\u{FFFE}b").unwrap_err(), NameError::Character(0xFFFE));
        assert_eq!(Name::parse(&"x".repeat(256)).unwrap_err(), NameError::Long);
        assert_eq!(Name::parse(&"İ".repeat(200)).unwrap_err(), NameError::LongInLowerCase);
        assert_eq!(Name::parse(&"😀".repeat(128)).unwrap_err(), NameError::Long);
    }

    #[test]
    fn a_long_group_name_is_cut_where_java_would_cut_it() {
        assert_eq!(Name::parse_cut(&"x".repeat(256)).unwrap().as_str().len(), 255);
        let emoji = "😀".repeat(200);
        assert_eq!(Name::parse_cut(&emoji).unwrap().as_str().chars().count(), 127);
        let blank_at_the_cut = format!("{} y", "x".repeat(254));
        assert_eq!(Name::parse_cut(&blank_at_the_cut).unwrap().as_str(), "x".repeat(254));
    }

    #[test]
    fn a_group_name_that_grows_in_lower_case_is_cut_by_that_form() {
        let name = Name::parse_cut(&"İ".repeat(200)).unwrap();
        assert_eq!(name.as_str(), "İ".repeat(127));
        assert_eq!(name.folded().encode_utf16().count(), 254);
        let sigma = format!("{}ΣΑ", "Α".repeat(254));
        assert!(Name::parse_cut(&sigma).unwrap().folded().ends_with('ς'));
    }

    /// Every character alone, between letters and at both ends: folding is a fixed point, and the limit that
    /// [`name_prefix`] counts is the one that [`Name::parse`] checks.
    #[test]
    fn folding_twice_is_folding_once_for_every_character() {
        for c in '\0'..=char::MAX {
            for text in [format!("{c}"), format!("a{c}"), format!("{c}a"), format!("Α{c}Σ{c}Σ")]
            {
                let folded = fold(&text);
                assert_eq!(fold(&folded), folded, "U+{:04X}", c as u32);
                let units: usize =
                    text.chars().flat_map(char::to_lowercase).map(char::len_utf16).sum();
                assert_eq!(folded.encode_utf16().count(), units, "U+{:04X}", c as u32);
                assert_eq!(folded.trim().len() == folded.len(), text.trim().len() == text.len());
            }
        }
    }

    proptest! {
        /// What was made once is made again from each form that is stored or sent.
        #[test]
        fn every_form_of_a_name_is_a_name(text in odd_text(300)) {
            for name in [Name::parse(&text), Name::parse_cut(&text)].into_iter().flatten() {
                for name in [name.clone(), name.lower_case()] {
                    for form in [name.as_str(), name.folded()] {
                        prop_assert!(form.encode_utf16().count() <= NAME_UNITS_MAX);
                        let again = Name::parse(form).unwrap();
                        prop_assert_eq!(again.as_str(), form);
                        prop_assert_eq!(again.folded(), name.folded());
                        let cut = Name::parse_cut(form).unwrap();
                        prop_assert_eq!(cut.as_str(), form);
                    }
                }
            }
        }
    }
}
