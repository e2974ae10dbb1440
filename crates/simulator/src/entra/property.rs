//! The properties of users and groups that `$select` knows, and how a selection is read.
//!
//! Invariant: an unknown property is refused by name, as the vendor does; a selection fits in 64 bits so that a delta
//! token can freeze it.

use super::error::GraphError;
use crate::tenant::field;

macro_rules! properties {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum $kind { $($variant,)* }

        impl $kind {
            /// All of them with their names on the wire.
            pub(super) const ALL: &[(Self, &str)] = &[$((Self::$variant, $name),)*];

            /// This property's bit in a selection.
            pub(super) const fn bit(self) -> u64 {
                1 << self as u8
            }
        }
    };
}

properties! {
    /// Properties of a user.
    UserProperty {
        BusinessPhones = "businessPhones",
        DisplayName = "displayName",
        GivenName = "givenName",
        JobTitle = "jobTitle",
        Mail = "mail",
        MobilePhone = "mobilePhone",
        OfficeLocation = "officeLocation",
        PreferredLanguage = "preferredLanguage",
        Surname = "surname",
        UserPrincipalName = "userPrincipalName",
        Id = "id",
        AccountEnabled = "accountEnabled",
        UserType = "userType",
        OtherMails = "otherMails",
        EmployeeId = "employeeId",
        EmployeeType = "employeeType",
        MailNickname = "mailNickname",
        CreatedDateTime = "createdDateTime",
        DeletedDateTime = "deletedDateTime",
        CreationType = "creationType",
        Department = "department",
        CompanyName = "companyName",
        ProxyAddresses = "proxyAddresses",
        ExternalUserState = "externalUserState",
        AssignedLicenses = "assignedLicenses",
        OnPremisesSamAccountName = "onPremisesSamAccountName",
        OnPremisesUserPrincipalName = "onPremisesUserPrincipalName",
        OnPremisesImmutableId = "onPremisesImmutableId",
        OnPremisesSyncEnabled = "onPremisesSyncEnabled",
        OnPremisesDomainName = "onPremisesDomainName",
        OnPremisesDistinguishedName = "onPremisesDistinguishedName",
        OnPremisesLastSyncDateTime = "onPremisesLastSyncDateTime",
        UsageLocation = "usageLocation",
        City = "city",
        Country = "country",
        State = "state",
        StreetAddress = "streetAddress",
        PostalCode = "postalCode",
        Identities = "identities",
        AgeGroup = "ageGroup",
        FaxNumber = "faxNumber",
        SecurityIdentifier = "securityIdentifier",
    }
}

properties! {
    /// Properties of a group, and its members as a delta selects them.
    GroupProperty {
        Id = "id",
        DeletedDateTime = "deletedDateTime",
        Classification = "classification",
        CreatedDateTime = "createdDateTime",
        Description = "description",
        DisplayName = "displayName",
        ExpirationDateTime = "expirationDateTime",
        GroupTypes = "groupTypes",
        IsAssignableToRole = "isAssignableToRole",
        Mail = "mail",
        MailEnabled = "mailEnabled",
        MailNickname = "mailNickname",
        MembershipRule = "membershipRule",
        OnPremisesSamAccountName = "onPremisesSamAccountName",
        OnPremisesSyncEnabled = "onPremisesSyncEnabled",
        OnPremisesDomainName = "onPremisesDomainName",
        OnPremisesLastSyncDateTime = "onPremisesLastSyncDateTime",
        PreferredLanguage = "preferredLanguage",
        ProxyAddresses = "proxyAddresses",
        RenewedDateTime = "renewedDateTime",
        SecurityEnabled = "securityEnabled",
        SecurityIdentifier = "securityIdentifier",
        Visibility = "visibility",
        Members = "members",
    }
}

/// Properties of a user that only a read of that one user can give.
const SINGLE_ONLY: [&str; 12] = [
    "aboutMe",
    "birthday",
    "hireDate",
    "interests",
    "mySite",
    "pastProjects",
    "preferredName",
    "responsibilities",
    "schools",
    "skills",
    "mailboxSettings",
    "deviceEnrollmentLimit",
];

/// What the vendor returns of a user without `$select`: the first eleven properties.
pub(super) const USER_DEFAULT: u64 = (1 << 11) - 1;
/// What the vendor returns of a group without `$select`: everything but the members.
pub(super) const GROUP_DEFAULT: u64 = (1 << GroupProperty::Members as u8) - 1;

/// Whether the request is for one object or for a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// One object by its id.
    One,
    /// A list or a delta.
    Many,
}

/// Reads a selection of user properties; `None` is the default set.
pub(super) fn select_users(select: Option<&str>, scope: Scope) -> Result<u64, GraphError> {
    let Some(select) = select else {
        return Ok(USER_DEFAULT);
    };
    let mut mask = 0;
    for name in names(select) {
        if let Some((property, _)) = UserProperty::ALL.iter().find(|(_, known)| *known == name) {
            mask |= property.bit();
        } else if !SINGLE_ONLY.contains(&name) {
            return Err(unknown(name, "user"));
        } else if scope == Scope::Many {
            return Err(GraphError::new(
                501,
                "NotImplemented",
                format!("The property '{name}' can be read for a single user only."),
            ));
        }
    }
    Ok(mask)
}

/// Reads a selection of group properties; `None` is the default set.
pub(super) fn select_groups(select: Option<&str>) -> Result<u64, GraphError> {
    let Some(select) = select else {
        return Ok(GROUP_DEFAULT);
    };
    let mut mask = 0;
    for name in names(select) {
        match GroupProperty::ALL.iter().find(|(_, known)| *known == name) {
            Some((property, _)) => mask |= property.bit(),
            None => return Err(unknown(name, "group")),
        }
    }
    Ok(mask)
}

/// Reads a selection for members of any type: each type takes what it knows, but somebody must know it.
pub(super) fn select_objects(select: Option<&str>) -> Result<(u64, u64), GraphError> {
    let Some(select) = select else {
        return Ok((USER_DEFAULT, GROUP_DEFAULT));
    };
    let (mut user, mut group) = (0, 0);
    for name in names(select) {
        let of_user = UserProperty::ALL.iter().find(|(_, known)| *known == name);
        let of_group = GroupProperty::ALL.iter().find(|(_, known)| *known == name);
        if of_user.is_none() && of_group.is_none() {
            return Err(unknown(name, "directoryObject"));
        }
        user |= of_user.map_or(0, |(property, _)| property.bit());
        group |= of_group.map_or(0, |(property, _)| property.bit());
    }
    Ok((user, group & GROUP_DEFAULT))
}

fn names(select: &str) -> impl Iterator<Item = &str> {
    select.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// 400 for a property that a type does not have.
pub(super) fn unknown(name: &str, kind: &str) -> GraphError {
    GraphError::new(
        400,
        "BadRequest",
        format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on \
             type 'microsoft.graph.{kind}'."
        ),
    )
}

/// The user properties that a change of these model fields shows in.
pub(super) fn user_properties_of(fields: u32) -> u64 {
    use UserProperty as P;
    let table = [
        (
            field::LOGIN,
            P::UserPrincipalName.bit()
                | P::MailNickname.bit()
                | P::OnPremisesSamAccountName.bit()
                | P::OnPremisesUserPrincipalName.bit(),
        ),
        (field::EMAIL, P::Mail.bit() | P::ProxyAddresses.bit() | P::OtherMails.bit()),
        (field::FIRST, P::GivenName.bit()),
        (field::LAST, P::Surname.bit()),
        (field::DISPLAY, P::DisplayName.bit()),
        (field::ACTIVE, P::AccountEnabled.bit()),
        (field::GUEST, P::UserType.bit() | P::ExternalUserState.bit() | P::CreationType.bit()),
        (field::DEPARTMENT, P::Department.bit()),
        (field::JOB, P::JobTitle.bit()),
        (field::COMPANY, P::CompanyName.bit()),
        (field::EMPLOYEE, P::EmployeeId.bit()),
        (field::OFFICE, P::OfficeLocation.bit()),
        (field::MOBILE, P::MobilePhone.bit()),
    ];
    if fields == field::WHOLE {
        return u64::MAX;
    }
    table.iter().filter(|(bit, _)| fields & bit != 0).fold(0, |all, (_, mask)| all | mask)
}

/// The group properties that a change of these model fields shows in.
pub(super) fn group_properties_of(fields: u32) -> u64 {
    if fields == field::WHOLE {
        return GROUP_DEFAULT;
    }
    let mut mask = 0;
    if fields & field::NAME != 0 {
        mask |= GroupProperty::DisplayName.bit();
    }
    if fields & field::DESCRIPTION != 0 {
        mask |= GroupProperty::Description.bit();
    }
    if fields & field::VISIBILITY != 0 {
        mask |= GroupProperty::Visibility.bit();
    }
    mask
}
