//! Identities and positions: what a thing is called inside Muster, never by a name that people can change.
//!
//! Invariant: a [`UserNo`] or [`GroupNo`] is given to one provider id of one directory once and never
//! reused, so that the mirror, the served directory and the change log can all speak of it.

use core::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::is_storable;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Millis(pub i64);

impl Millis {
    /// This time moved by `ms` milliseconds, saturating.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The number of a virtual user directory; part of every Crowd `key`, so it is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DirectoryId(pub u32);

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a person within one directory, the same in mirror, served directory and change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserNo(pub u32);

/// The number of a group within one directory, the same in mirror, served directory and change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupNo(pub u32);

/// Position in the change log: the number of one of its entries; 0 is before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangeSeq(pub u64);

impl fmt::Display for ChangeSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of one run of `task::commit`, over all directories.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RunId(pub u64);

/// The provider's own immutable id of a person or group (Entra `id`, Google `id`, Okta `id`).
///
/// Compared byte by byte; a GUID is brought to its lower-case hyphenated form first. Kept in 24 bytes
/// without an allocation for every form that the three providers use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ProviderId(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Guid([u8; 16]),
    Text(CompactString),
}

/// The longest provider id that is accepted, in bytes of UTF-8. The limit is ours: Entra's ids are GUIDs, Google's
/// and Okta's some 20 letters and digits, and products keep `key`, which holds the id, in 255 characters.
pub const PROVIDER_ID_BYTES_MAX: usize = 200;

/// A provider id that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a provider id must have 1 to {PROVIDER_ID_BYTES_MAX} bytes, must not be blank, and must hold no control character"
)]
pub struct InvalidProviderId;

impl ProviderId {
    /// Checks and keeps an id as a provider sent it.
    pub fn parse(text: &str) -> Result<Self, InvalidProviderId> {
        if text.len() == 36
            && let Ok(guid) = Uuid::try_parse(text)
        {
            return Ok(Self(Repr::Guid(guid.into_bytes())));
        }
        // The id is part of `key`, so XML has to carry it as well.
        if text.trim().is_empty()
            || text.len() > PROVIDER_ID_BYTES_MAX
            || !text.chars().all(is_storable)
        {
            return Err(InvalidProviderId);
        }
        Ok(Self(Repr::Text(CompactString::new(text))))
    }

    /// A number that orders as the ids do, as far as it tells them apart.
    pub(crate) fn beginning(&self) -> u64 {
        let (kind, bytes) = match &self.0 {
            Repr::Guid(bytes) => (0, bytes.as_slice()),
            Repr::Text(text) => (1 << 56, text.as_bytes()),
        };
        kind | beginning(bytes) >> 8
    }

    /// Calls `f` with the id's text, without an allocation.
    pub fn with_str<T>(&self, f: impl FnOnce(&str) -> T) -> T {
        match &self.0 {
            Repr::Guid(bytes) => {
                let mut buffer = Uuid::encode_buffer();
                f(Uuid::from_bytes(*bytes).as_hyphenated().encode_lower(&mut buffer))
            }
            Repr::Text(text) => f(text),
        }
    }
}

/// The first eight bytes as a number that orders as the bytes do, as far as it tells them apart.
pub(crate) fn beginning(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = bytes.len().min(8);
    first[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(first)
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_str(|text| f.pad(text))
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_str(|text| f.write_str(text))
    }
}

impl Serialize for ProviderId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_str(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for ProviderId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_brought_to_one_form_and_takes_24_bytes() {
        let upper = ProviderId::parse("11111111-ABCD-4000-8000-000000000001").unwrap();
        let lower = ProviderId::parse("11111111-abcd-4000-8000-000000000001").unwrap();
        assert_eq!(upper, lower);
        assert_eq!(upper.to_string(), "11111111-abcd-4000-8000-000000000001");
        assert_eq!(size_of::<ProviderId>(), 24);
    }

    #[test]
    fn beginnings_are_in_the_order_of_ids() {
        let texts =
            ["11111111-abcd-4000-8000-000000000001", "f1111111-abcd-4000-8000-000000000001"];
        let texts = texts.into_iter().chain(["0", "00", "00u", "00u1234", "00u12345", "00v", "é"]);
        let ids: Vec<ProviderId> = texts.map(|text| ProviderId::parse(text).unwrap()).collect();
        for pair in ids.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].beginning() <= pair[1].beginning(), "{pair:?}");
        }
        assert!(ids[1].beginning() < ids[2].beginning());
        assert!(beginning(b"ab") < beginning(b"b") && beginning(b"ab") <= beginning(b"abc"));
    }

    #[test]
    fn other_ids_keep_their_spelling_and_bad_ones_are_refused() {
        assert_eq!(ProviderId::parse("00uAbC").unwrap().to_string(), "00uAbC");
        assert_ne!(ProviderId::parse("00uAbC").unwrap(), ProviderId::parse("00uabc").unwrap());
        assert_eq!(ProviderId::parse(""), Err(InvalidProviderId));
        assert_eq!(ProviderId::parse(" \u{3000}"), Err(InvalidProviderId));
        assert_eq!(ProviderId::parse("a\u{FFFF}"), Err(InvalidProviderId));
        assert_eq!(ProviderId::parse("a\nb"), Err(InvalidProviderId));
        assert_eq!(ProviderId::parse(&"x".repeat(201)), Err(InvalidProviderId));
    }
}
