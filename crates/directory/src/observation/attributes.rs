//! The fixed, versioned, wide set of attributes of one record, packed into one allocation.
//!
//! Invariant: equal attributes have equal bytes, so "did anything change?" is a comparison of bytes, and
//! the bytes are what the store keeps. A new [`Attribute`] is appended, never inserted (DESIGN.md 10.7).

use core::fmt;

use serde::{Deserialize, Serialize};

/// The longest value that is kept, in bytes of UTF-8; longer ones are cut at a character. The limit is ours and bounds
/// memory; it fits the two bytes in which a length is kept.
pub const VALUE_BYTES_MAX: usize = 4096;

/// The version of the set; stored with a cursor, since a delta token freezes what it selects.
pub const ATTRIBUTES_VERSION: u8 = 1;

/// An attribute of a person or a group. The numbers are stored: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Attribute {
    /// The sign-in name: Entra userPrincipalName, Google primaryEmail, Okta login.
    Login = 0,
    /// The mail address.
    Mail = 1,
    /// The display name; of a group, its name.
    DisplayName = 2,
    /// Given name.
    GivenName = 3,
    /// Surname.
    Surname = 4,
    /// Description (groups).
    Description = 5,
    /// Employee id or number.
    EmployeeId = 6,
    /// Department.
    Department = 7,
    /// Job title.
    JobTitle = 8,
    /// Company or organisation.
    Company = 9,
    /// Other mail addresses, sorted, one a line.
    OtherMails = 10,
    /// Aliases (Entra proxyAddresses), sorted, one a line.
    Aliases = 11,
    /// On-premises sAMAccountName.
    OnPremisesSamAccountName = 12,
    /// On-premises user principal name.
    OnPremisesUserPrincipalName = 13,
    /// On-premises immutable id.
    OnPremisesImmutableId = 14,
    /// Organisational unit.
    OrganisationalUnit = 15,
    /// Mail nickname (groups) or local part.
    MailNickname = 16,
    /// Office location.
    OfficeLocation = 17,
    /// Mobile phone.
    MobilePhone = 18,
    /// Preferred language.
    PreferredLanguage = 19,
    /// State of an invitation (Entra externalUserState) or of an account (Okta status).
    State = 20,
    /// When the provider made the record, as the provider writes it.
    Created = 21,
}

impl Attribute {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 22] = [
        Self::Login,
        Self::Mail,
        Self::DisplayName,
        Self::GivenName,
        Self::Surname,
        Self::Description,
        Self::EmployeeId,
        Self::Department,
        Self::JobTitle,
        Self::Company,
        Self::OtherMails,
        Self::Aliases,
        Self::OnPremisesSamAccountName,
        Self::OnPremisesUserPrincipalName,
        Self::OnPremisesImmutableId,
        Self::OrganisationalUnit,
        Self::MailNickname,
        Self::OfficeLocation,
        Self::MobilePhone,
        Self::PreferredLanguage,
        Self::State,
        Self::Created,
    ];

    /// The name of the attribute in rules, expressions and answers: its serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Mail => "mail",
            Self::DisplayName => "display_name",
            Self::GivenName => "given_name",
            Self::Surname => "surname",
            Self::Description => "description",
            Self::EmployeeId => "employee_id",
            Self::Department => "department",
            Self::JobTitle => "job_title",
            Self::Company => "company",
            Self::OtherMails => "other_mails",
            Self::Aliases => "aliases",
            Self::OnPremisesSamAccountName => "on_premises_sam_account_name",
            Self::OnPremisesUserPrincipalName => "on_premises_user_principal_name",
            Self::OnPremisesImmutableId => "on_premises_immutable_id",
            Self::OrganisationalUnit => "organisational_unit",
            Self::MailNickname => "mail_nickname",
            Self::OfficeLocation => "office_location",
            Self::MobilePhone => "mobile_phone",
            Self::PreferredLanguage => "preferred_language",
            Self::State => "state",
            Self::Created => "created",
        }
    }

    /// The version of the set that the attribute joined; see [`ATTRIBUTES_VERSION`].
    pub fn since_version(self) -> u8 {
        1
    }

    fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// Values of a record's attributes; an empty value is the same as none.
///
/// Layout: version (1 byte), mask of present attributes (4, little endian), for each present one its
/// length (2, little endian), then the values in UTF-8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Attributes(Box<[u8]>);

/// Stored bytes that are not attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored attributes are damaged or of a newer version")]
pub struct AttributesError;

const HEAD: usize = 5;

impl Attributes {
    /// Packs the values; of a repeated attribute the last counts. White space around a value stays.
    pub fn pack<'a>(values: impl IntoIterator<Item = (Attribute, &'a str)>) -> Self {
        let mut slots: [&str; Attribute::ALL.len()] = [""; Attribute::ALL.len()];
        for (attribute, value) in values {
            slots[attribute as usize] = cut(value);
        }
        let present = || {
            Attribute::ALL.iter().map(|a| (*a, slots[*a as usize])).filter(|(_, v)| !v.is_empty())
        };
        let mask = present().fold(0, |mask, (a, _)| mask | a.bit());
        let text: usize = present().map(|(_, v)| v.len() + 2).sum();
        let mut bytes = Vec::with_capacity(HEAD + text);
        bytes.push(ATTRIBUTES_VERSION);
        bytes.extend_from_slice(&u32::to_le_bytes(mask));
        for (_, value) in present() {
            let length = u16::try_from(value.len()).expect("values are cut to VALUE_BYTES_MAX");
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        for (_, value) in present() {
            bytes.extend_from_slice(value.as_bytes());
        }
        Self(bytes.into_boxed_slice())
    }

    /// Takes bytes that [`Self::as_bytes`] gave, and no others.
    ///
    /// # Errors
    /// When they are not what [`Self::pack`] makes of any values.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AttributesError> {
        if bytes.len() < HEAD || bytes[0] != ATTRIBUTES_VERSION {
            return Err(AttributesError);
        }
        let this = Self(bytes.into());
        let count = this.mask().count_ones() as usize;
        let values = HEAD + 2 * count;
        if this.mask() >> Attribute::ALL.len() != 0 || bytes.len() < values {
            return Err(AttributesError);
        }
        let mut rest = std::str::from_utf8(&bytes[values..]).map_err(|_| AttributesError)?;
        for index in 0..count {
            // As `pack` leaves a value: not empty, not too long, whole characters.
            let length = this.length(index);
            if length == 0 || length > VALUE_BYTES_MAX {
                return Err(AttributesError);
            }
            rest = rest.get(length..).ok_or(AttributesError)?;
        }
        if !rest.is_empty() {
            return Err(AttributesError);
        }
        Ok(this)
    }

    /// The packed form, for the store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether no attribute has a value.
    pub fn is_empty(&self) -> bool {
        self.mask() == 0
    }

    /// The value of an attribute, if it has one.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        let mask = self.mask();
        if mask & attribute.bit() == 0 {
            return None;
        }
        let index = (mask & (attribute.bit() - 1)).count_ones() as usize;
        let start = HEAD
            + 2 * mask.count_ones() as usize
            + (0..index).map(|i| self.length(i)).sum::<usize>();
        std::str::from_utf8(self.0.get(start..start + self.length(index))?).ok()
    }

    /// The present attributes with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        Attribute::ALL.into_iter().filter_map(|a| self.get(a).map(|value| (a, value)))
    }

    fn mask(&self) -> u32 {
        u32::from_le_bytes([self.0[1], self.0[2], self.0[3], self.0[4]])
    }

    fn length(&self, index: usize) -> usize {
        let at = HEAD + 2 * index;
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self::pack([])
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::odd_text::odd_text;

    proptest! {
        #[test]
        fn what_is_packed_comes_out(values in prop::collection::vec(
            (0..Attribute::ALL.len(), "\\PC{0,40}"), 0..12)) {
            let packed = Attributes::pack(
                values.iter().map(|(a, v)| (Attribute::ALL[*a], v.as_str())));
            for attribute in Attribute::ALL {
                let last = values.iter().rev().find(|(a, _)| *a == attribute as usize);
                let expected = last.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty());
                prop_assert_eq!(packed.get(attribute), expected);
            }
            let again = Attributes::from_bytes(packed.as_bytes()).unwrap();
            prop_assert_eq!(&again, &packed);
        }

        #[test]
        fn damaged_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(attributes) = Attributes::from_bytes(&bytes) {
                prop_assert_eq!(attributes.as_bytes(), &bytes[..]);
                prop_assert_eq!(&Attributes::pack(attributes.iter()), &attributes);
            }
        }

        #[test]
        fn odd_values_are_read_as_they_were_packed(values in prop::collection::vec(
            (0..Attribute::ALL.len(), odd_text(3_000)), 0..6)) {
            let packed = Attributes::pack(
                values.iter().map(|(a, v)| (Attribute::ALL[*a], v.as_str())));
            let again = Attributes::from_bytes(packed.as_bytes()).unwrap();
            prop_assert_eq!(&again, &packed);
            prop_assert_eq!(&Attributes::pack(again.iter()), &packed);
        }

        #[test]
        fn a_damaged_byte_is_refused_or_gives_other_attributes(
            value in odd_text(20), at: prop::sample::Index, flip in 1_u8..,
        ) {
            let packed = Attributes::pack([(Attribute::Login, &*value), (Attribute::Mail, "a@b")]);
            let mut bytes = packed.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(attributes) = Attributes::from_bytes(&bytes) {
                let again = Attributes::pack(attributes.iter());
                prop_assert_eq!(again.as_bytes(), &bytes[..]);
            }
        }
    }

    #[test]
    fn names_are_the_serialised_form() {
        for attribute in Attribute::ALL {
            let name = serde_json::to_value(attribute).unwrap();
            assert_eq!(name.as_str(), Some(attribute.as_str()));
        }
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        let long = "é".repeat(4000);
        let packed = Attributes::pack([(Attribute::JobTitle, long.as_str())]);
        assert_eq!(packed.get(Attribute::JobTitle).map(str::len), Some(VALUE_BYTES_MAX));
    }
}
