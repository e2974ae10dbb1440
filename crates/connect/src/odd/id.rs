//! An id as a provider sends it, checked while it is read.

use std::fmt;

use directory::id::ProviderId;
use serde::{Deserialize, Deserializer, de};

/// A usable id. It becomes a part of addresses, so it must be one segment of a path, and no vendor's ids have signs beyond
/// ASCII: blanks and what cannot be seen are no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) ProviderId);

impl Id {
    /// The id, if it can be one.
    pub(crate) fn check(text: &str) -> Option<ProviderId> {
        let plain = |byte: u8| {
            byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'%')
        };
        let usable = text.bytes().all(plain) && !matches!(text, "." | "..");
        usable.then(|| ProviderId::parse(text).ok()).flatten()
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Id::check(text).map(Id).ok_or_else(|| E::custom("no usable id"))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        let long = "x".repeat(201);
        for bad in [
            "", " ", "a b", "\u{a0}", "\u{200b}", "a/b", "..", "a?b", "a%2e", "\u{FFFD}", "a\u{1}",
            &long,
        ] {
            assert_eq!(Id::check(bad), None, "{bad:?}");
        }
        for good in [
            "00u1aBc",
            "11111111-0000-4000-8000-000000000001",
            "123456789012345678901",
            "C03az79cb",
        ] {
            assert!(Id::check(good).is_some(), "{good}");
        }
    }
}
