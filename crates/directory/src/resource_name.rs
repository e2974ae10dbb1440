//! Names that administrators give: those of directories, applications, alert channels, tokens and administrators.
//!
//! Invariants: a [`ResourceName`] is on one line, in Unicode's normal form C, at most [`NAME_CHARS_MAX`] Unicode characters
//! (scalar values) long, and has nothing that is not seen, that a part of an address cannot carry or that clients and
//! proxies take out of one. Names are compared without case ([`same`]).
//!
//! Names that were given before this rule are found all the same ([`find`]); where one stands in the path of an address,
//! [`path_form`] writes it in a form that nothing on the way changes.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark, is_nfc};

use crate::text::is_invisible;

/// The longest name, in Unicode scalar values.
pub const NAME_CHARS_MAX: usize = 64;

/// What addresses give a meaning to: clients and proxies decode, split or shorten a path at these, even where they are
/// written as `%2F` and the like. A colon ends the name in HTTP's basic authentication.
const REFUSED: [char; 7] = ['/', '\\', '%', '?', '#', ';', ':'];

/// What a name in a path begins with that is written as hexadecimal digits.
const HEX_MARK: char = '~';

/// A usable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName(String);

/// Why a text cannot be such a name; begins with "it".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceNameError {
    /// Nothing is left after trimming.
    #[error("it is blank")]
    Blank,
    /// Longer than [`NAME_CHARS_MAX`].
    #[error("it has {0} characters, and {NAME_CHARS_MAX} are allowed")]
    Long(usize),
    /// A character that is not seen.
    #[error("it has a character that cannot be seen (U+{0:04X})")]
    Invisible(u32),
    /// White space that looks like a space and is another character.
    #[error("it has white space other than the space (U+{0:04X})")]
    Space(u32),
    /// A character that has a meaning in addresses.
    #[error("it has a `{0}`, which has a meaning in addresses")]
    Address(char),
    /// Dots only: addresses take them for a folder.
    #[error("it consists of dots, which addresses take for a folder")]
    Dots,
    /// A character that a name cannot begin with.
    #[error("it begins with `{0}`; begin with a letter or digit")]
    Begins(String),
}

impl ResourceName {
    /// A name from `text`, trimmed and in Unicode's normal form C.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ResourceNameError> {
        let name: String = text.trim().nfc().collect();
        let Some(first) = name.chars().next() else { return Err(ResourceNameError::Blank) };
        let length = name.chars().count();
        if length > NAME_CHARS_MAX {
            return Err(ResourceNameError::Long(length));
        }
        for sign in name.chars() {
            if is_invisible(sign) {
                return Err(ResourceNameError::Invisible(sign.into()));
            }
            if sign.is_whitespace() && sign != ' ' {
                return Err(ResourceNameError::Space(sign.into()));
            }
            if REFUSED.contains(&sign) {
                return Err(ResourceNameError::Address(sign));
            }
        }
        if name.chars().all(|sign| sign == '.') {
            return Err(ResourceNameError::Dots);
        }
        // A command would take `-x` for an option; a mark alone would stand on the character in front of the name.
        if [HEX_MARK, '-'].contains(&first) || is_combining_mark(first) {
            return Err(ResourceNameError::Begins(first.to_string()));
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, to be kept.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The form in which names are compared: without case, and however accents are written.
pub fn key(name: &str) -> String {
    // Upper case first: only so do `ß` and `SS`, or the two forms of the small sigma, come to the same.
    let upper: String = name.trim().nfc().collect::<String>().to_uppercase();
    upper.to_lowercase().nfc().collect()
}

/// Whether two names are the same to whoever reads them.
pub fn same(a: &str, b: &str) -> bool {
    a == b || key(a) == key(b)
}

/// Unicode's normal form C of a text.
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// The one of `rows` that is called `wanted`, which may be in its [`path_form`]. What is spelled exactly so goes first:
/// names that were given before the rule may differ in no more than their spelling.
pub fn find<T>(rows: Vec<T>, wanted: &str, name: impl Fn(&T) -> &str) -> Option<T> {
    let meant = from_path_form(wanted);
    let at = rows
        .iter()
        .position(|row| name(row) == meant)
        .or_else(|| rows.iter().position(|row| same(name(row), &meant)))
        .or_else(|| rows.iter().position(|row| same(name(row), wanted)))?;
    rows.into_iter().nth(at)
}

/// Whether what was typed to confirm names this: as it is, or as far as it can be seen.
pub fn confirms(typed: &str, name: &str) -> bool {
    let visible = |text: &str| key(&text.replace(is_invisible, ""));
    let nothing_seen = visible(name).is_empty();
    same(typed, name)
        || (!nothing_seen && visible(typed) == visible(name))
        || typed.trim() == path_form(name)
}

/// A name as it stands in the path of an address: as it is, or, where something on the way would change or refuse it, as
/// `~` and the hexadecimal digits of its UTF-8.
pub fn path_form(name: &str) -> Cow<'_, str> {
    // `new` is the console's own page beside the applications.
    let plain = ResourceName::parse(name).is_ok_and(|parsed| parsed.0 == name) && name != "new";
    if plain {
        return Cow::Borrowed(name);
    }
    let mut form = String::from(HEX_MARK);
    for byte in name.bytes() {
        let _ = write!(form, "{byte:02x}");
    }
    Cow::Owned(form)
}

/// The name that is meant by a part of a path.
pub fn from_path_form(part: &str) -> Cow<'_, str> {
    part.strip_prefix(HEX_MARK).and_then(unhex).map_or(Cow::Borrowed(part), Cow::Owned)
}

fn unhex(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_cannot_be_addressed_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "blank"),
            (" \u{3000}\t", "blank"),
            (".", "dots"),
            ("..", "dots"),
            (" ... ", "dots"),
            ("a/b", "`/`"),
            ("..\\x", "`\\`"),
            ("%2e", "`%`"),
            ("%2e%2e", "`%`"),
            ("a?b", "`?`"),
            ("a#b", "`#`"),
            ("a;b", "`;`"),
            ("jira:1", "`:`"),
            ("a\nb", "U+000A"),
            ("a\tb", "U+0009"),
            ("a\0b", "U+0000"),
            ("a\u{7f}b", "U+007F"),
            ("a\u{85}b", "U+0085"),
            ("a\u{200b}b", "U+200B"),
            ("\u{feff}x", "U+FEFF"),
            ("a\u{202e}b", "U+202E"),
            ("a\u{2028}b", "U+2028"),
            ("\u{2800}", "U+2800"),
            ("a\u{ad}b", "U+00AD"),
            ("a\u{3164}b", "U+3164"),
            ("a\u{e0041}b", "U+E0041"),
            ("a\u{a0}b", "U+00A0"),
            ("a\u{3000}b", "U+3000"),
            ("-x", "begins"),
            ("--json", "begins"),
            ("~2e", "begins"),
            ("\u{301}x", "begins"),
        ] {
            let error = ResourceName::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        assert_eq!(ResourceName::parse(&"ä".repeat(65)), Err(ResourceNameError::Long(65)));
        // Counted in normal form: what is typed as two characters is one.
        assert!(ResourceName::parse(&"a\u{308}".repeat(64)).is_ok());
        assert!(ResourceName::parse(&"😀".repeat(64)).is_ok());
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for text in [
            "contoso",
            "R&D Jira",
            "ann@contoso.example",
            "東京",
            "a.b",
            "..a",
            "'x'",
            "new",
            "{id}",
            "*",
        ] {
            assert_eq!(ResourceName::parse(&format!(" {text} ")).unwrap().as_str(), text);
        }
        assert_eq!(ResourceName::parse("Zoe\u{308}").unwrap().as_str(), "Zoë");
    }

    #[test]
    fn names_are_one_whatever_their_case_and_their_accents_spelling() {
        for (a, b) in [
            ("Contoso", "contoso"),
            ("ZOË", "zoe\u{308}"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{212a}", "k"),
        ] {
            assert!(same(a, b) && same(b, a), "{a} {b}");
        }
        assert!(!same("a", "b") && !same("a b", "ab"));
    }

    #[test]
    fn of_names_that_differ_in_spelling_only_each_is_found_by_its_own() {
        let rows = vec!["zoe\u{308}", "zoë", ".", "~2e", "\u{200b}"];
        let found = |wanted: &str| find(rows.clone(), wanted, |row| row);
        assert_eq!(found("zoë"), Some("zoë"));
        assert_eq!(found("zoe\u{308}"), Some("zoe\u{308}"));
        assert_eq!(found("ZOË"), Some("zoe\u{308}"), "the first");
        assert_eq!(found("~2e"), Some("."));
        assert_eq!(found(&path_form("~2e")), Some("~2e"));
        assert_eq!(found(&path_form("\u{200b}")), Some("\u{200b}"));
        assert_eq!(found("nobody"), None);
    }

    #[test]
    fn a_removal_is_confirmed_by_what_can_be_typed() {
        assert!(confirms("jira", "jira") && confirms(" JIRA ", "jira"));
        assert!(confirms("ab", "a\u{200b}b") && confirms("a\u{200b}b", "a\u{200b}b"));
        assert!(confirms("~e2808b", "\u{200b}") && !confirms("", "\u{200b}"));
        assert!(!confirms("jir", "jira") && !confirms("", "jira"));
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_path_form_and_nothing_on_the_way_changes_it(name in "(?s).{1,20}|[./%;~]{1,4}") {
            let form = path_form(&name).into_owned();
            prop_assert_eq!(from_path_form(&form).into_owned(), name);
            prop_assert!(!form.contains(REFUSED) && form.chars().any(|c| c != '.'));
        }

        #[test]
        fn what_is_accepted_is_accepted_again_and_compares_with_itself(text in "\\PC{0,30}") {
            if let Ok(name) = ResourceName::parse(&text) {
                prop_assert_eq!(&ResourceName::parse(name.as_str()).unwrap(), &name);
                prop_assert!(same(&text, name.as_str()));
            }
        }
    }
}
