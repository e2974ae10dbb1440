//! The fields that answers can have, as Google's discovery documents list them.
//!
//! Invariant: `tests/clients/google` compares what is answered with those documents.

/// The fields of an object.
#[derive(Debug)]
pub(super) enum Schema {
    /// A plain value.
    Leaf,
    /// Anything may be below.
    Any,
    /// These.
    Fields(&'static [(&'static str, &'static Schema)]),
}

use Schema::{Any, Fields, Leaf};

impl Schema {
    /// What is below a field, if there is such a field.
    pub(super) fn of(&'static self, name: &str) -> Option<&'static Self> {
        match self {
            Leaf => None,
            Any => Some(&Any),
            Fields(fields) => {
                fields.iter().find(|(field, _)| *field == name).map(|(_, below)| *below)
            }
        }
    }
}

/// `UserName`.
static NAME: Schema = Fields(&[
    ("displayName", &Leaf),
    ("familyName", &Leaf),
    ("fullName", &Leaf),
    ("givenName", &Leaf),
]);

static GUEST: Schema = Fields(&[("primaryGuestEmail", &Leaf)]);

/// `User`.
pub(super) static USER: Schema = Fields(&[
    ("addresses", &Any),
    ("agreedToTerms", &Leaf),
    ("aliases", &Leaf),
    ("archivalTime", &Leaf),
    ("archived", &Leaf),
    ("changePasswordAtNextLogin", &Leaf),
    ("creationTime", &Leaf),
    ("customSchemas", &Any),
    ("customerId", &Leaf),
    ("deletionTime", &Leaf),
    ("emails", &Any),
    ("etag", &Leaf),
    ("externalIds", &Any),
    ("gender", &Any),
    ("guestAccountInfo", &GUEST),
    ("hashFunction", &Leaf),
    ("id", &Leaf),
    ("ims", &Any),
    ("includeInGlobalAddressList", &Leaf),
    ("ipWhitelisted", &Leaf),
    ("isAdmin", &Leaf),
    ("isDelegatedAdmin", &Leaf),
    ("isEnforcedIn2Sv", &Leaf),
    ("isEnrolledIn2Sv", &Leaf),
    ("isGuestUser", &Leaf),
    ("isMailboxSetup", &Leaf),
    ("keywords", &Any),
    ("kind", &Leaf),
    ("languages", &Any),
    ("lastLoginTime", &Leaf),
    ("locations", &Any),
    ("name", &NAME),
    ("nonEditableAliases", &Leaf),
    ("notes", &Any),
    ("orgUnitPath", &Leaf),
    ("organizations", &Any),
    ("password", &Leaf),
    ("phones", &Any),
    ("posixAccounts", &Any),
    ("primaryEmail", &Leaf),
    ("recoveryEmail", &Leaf),
    ("recoveryPhone", &Leaf),
    ("relations", &Any),
    ("sshPublicKeys", &Any),
    ("suspended", &Leaf),
    ("suspensionReason", &Leaf),
    ("suspensionTime", &Leaf),
    ("thumbnailPhotoEtag", &Leaf),
    ("thumbnailPhotoUrl", &Leaf),
    ("websites", &Any),
]);

/// `Users`.
pub(super) static USERS: Schema = Fields(&[
    ("etag", &Leaf),
    ("kind", &Leaf),
    ("nextPageToken", &Leaf),
    ("trigger_event", &Leaf),
    ("users", &USER),
]);

/// `Group`.
pub(super) static GROUP: Schema = Fields(&[
    ("adminCreated", &Leaf),
    ("aliases", &Leaf),
    ("description", &Leaf),
    ("directMembersCount", &Leaf),
    ("email", &Leaf),
    ("etag", &Leaf),
    ("externalIds", &Any),
    ("id", &Leaf),
    ("kind", &Leaf),
    ("name", &Leaf),
    ("nonEditableAliases", &Leaf),
]);

/// `Groups`.
pub(super) static GROUPS: Schema =
    Fields(&[("etag", &Leaf), ("groups", &GROUP), ("kind", &Leaf), ("nextPageToken", &Leaf)]);

/// `Member`.
pub(super) static MEMBER: Schema = Fields(&[
    ("delivery_settings", &Leaf),
    ("email", &Leaf),
    ("etag", &Leaf),
    ("id", &Leaf),
    ("kind", &Leaf),
    ("role", &Leaf),
    ("status", &Leaf),
    ("type", &Leaf),
]);

/// `Members`.
pub(super) static MEMBERS: Schema =
    Fields(&[("etag", &Leaf), ("kind", &Leaf), ("members", &MEMBER), ("nextPageToken", &Leaf)]);

/// `MembersHasMember`.
pub(super) static HAS_MEMBER: Schema = Fields(&[("isMember", &Leaf)]);

static ORG_UNIT: Schema = Fields(&[
    ("blockInheritance", &Leaf),
    ("description", &Leaf),
    ("etag", &Leaf),
    ("kind", &Leaf),
    ("name", &Leaf),
    ("orgUnitId", &Leaf),
    ("orgUnitPath", &Leaf),
    ("parentOrgUnitId", &Leaf),
    ("parentOrgUnitPath", &Leaf),
]);

/// `OrgUnits`.
pub(super) static ORG_UNITS: Schema =
    Fields(&[("etag", &Leaf), ("kind", &Leaf), ("organizationUnits", &ORG_UNIT)]);

static ACTIVITY: Schema = Fields(&[
    ("actor", &Any),
    ("etag", &Leaf),
    ("events", &Any),
    ("id", &Any),
    ("ipAddress", &Leaf),
    ("kind", &Leaf),
    ("networkInfo", &Any),
    ("ownerDomain", &Leaf),
    ("resourceDetails", &Any),
]);

/// `Activities`.
pub(super) static ACTIVITIES: Schema =
    Fields(&[("etag", &Leaf), ("items", &ACTIVITY), ("kind", &Leaf), ("nextPageToken", &Leaf)]);
