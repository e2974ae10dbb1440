//! The Directory API's documents, read without copying where the text allows it.
//!
//! Invariant: an array that is absent is empty; an item without an id is not an item; an error is no page.

use std::borrow::Cow;

use directory::{
    id::ProviderId,
    observation::{
        Attribute, Attributes, GroupKind, GroupRecord, Member, PersonKind, PersonRecord,
    },
};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::odd::{Id, Mirrored, Record, What};

/// What is asked for of people: the wide set of DESIGN.md 10.7.
pub(super) const USER_FIELDS: &str = "nextPageToken,users(id,primaryEmail,name(givenName,familyName,fullName,\
    displayName),suspended,archived,isGuestUser,orgUnitPath,aliases,externalIds,organizations,phones,languages,\
    creationTime)";
/// What is asked for of groups.
pub(super) const GROUP_FIELDS: &str =
    "nextPageToken,groups(id,email,name,description,directMembersCount,etag)";
/// What is asked for of members.
pub(super) const MEMBER_FIELDS: &str = "nextPageToken,members(id,type)";

static USER: Record = Record {
    noun: "user",
    id: Some("id"),
    mirrored: Some(Mirrored::People),
    decides: &["primaryEmail", "suspended", "archived", "isGuestUser"],
    piece: None,
    members: None,
    accepts: |value: &Value| UserItem::deserialize(value).is_ok(),
};
static GROUP: Record = Record {
    noun: "group",
    mirrored: Some(Mirrored::Groups),
    decides: &["email", "name"],
    accepts: |value: &Value| GroupItem::deserialize(value).is_ok(),
    ..USER
};
/// Some members have no id: those of other organisations, and everybody.
static MEMBER: Record = Record {
    noun: "member",
    id: None,
    mirrored: None,
    decides: &["id", "type"],
    accepts: |value: &Value| MemberItem::deserialize(value).is_ok(),
    ..USER
};
static OBJECT: Record = Record {
    noun: "object",
    mirrored: None,
    decides: &[],
    accepts: |value: &Value| IdItem::deserialize(value).is_ok(),
    ..USER
};

pub(super) const USERS: What<'_> = What::page("users", "users", &USER);
pub(super) const ONE_USER: What<'_> = What::one("one user", &USER);
pub(super) const GROUPS: What<'_> = What::page("groups", "groups", &GROUP);
pub(super) const ONE_GROUP: What<'_> = What::one("one group", &GROUP);
pub(super) const GROUPS_OF_ONE: What<'_> = What::page("groups of one person", "groups", &OBJECT);
pub(super) const MEMBERS: What<'_> = What::page("members of a group", "members", &MEMBER);
pub(super) const ONE_OBJECT: What<'_> = What::one("one object", &OBJECT);

type Text<'a> = Option<Cow<'a, str>>;

/// Stands where an answer that is an error has it: then the answer is no page, though every field of one can be absent.
#[derive(Debug, Default)]
pub(super) struct NoError;

impl<'de> Deserialize<'de> for NoError {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("an error in the place of a page"))
    }
}

/// A page of people.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub(super) struct Users<'a> {
    #[serde(default, rename = "error")]
    _error: NoError,
    pub(super) next_page_token: Option<String>,
    #[serde(borrow, default)]
    pub(super) users: Vec<UserItem<'a>>,
}

/// A page of groups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub(super) struct Groups<'a> {
    #[serde(default, rename = "error")]
    _error: NoError,
    pub(super) next_page_token: Option<String>,
    #[serde(borrow, default)]
    pub(super) groups: Vec<GroupItem<'a>>,
}

/// A page of groups of which only the ids matter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupIds {
    #[serde(default, rename = "error")]
    _error: NoError,
    pub(super) next_page_token: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<IdItem>,
}

/// A page of members.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub(super) struct Members<'a> {
    #[serde(default, rename = "error")]
    _error: NoError,
    pub(super) next_page_token: Option<String>,
    #[serde(borrow, default)]
    pub(super) members: Vec<MemberItem<'a>>,
}

/// A person.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserItem<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    primary_email: Text<'a>,
    #[serde(borrow, default)]
    name: NameItem<'a>,
    suspended: Option<bool>,
    archived: Option<bool>,
    is_guest_user: Option<bool>,
    #[serde(borrow)]
    org_unit_path: Text<'a>,
    #[serde(borrow, default)]
    aliases: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    external_ids: Vec<Valued<'a>>,
    #[serde(borrow, default)]
    organizations: Vec<Organization<'a>>,
    #[serde(borrow, default)]
    phones: Vec<Valued<'a>>,
    #[serde(borrow, default)]
    languages: Vec<Language<'a>>,
    #[serde(borrow)]
    creation_time: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct NameItem<'a> {
    #[serde(rename = "givenName", borrow)]
    given: Text<'a>,
    #[serde(rename = "familyName", borrow)]
    family: Text<'a>,
    #[serde(rename = "fullName", borrow)]
    full: Text<'a>,
    #[serde(rename = "displayName", borrow)]
    display: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Valued<'a> {
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Organization<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    department: Text<'a>,
    #[serde(default)]
    primary: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Language<'a> {
    #[serde(borrow)]
    language_code: Text<'a>,
}

/// A group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupItem<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    /// A number, written as a text.
    #[serde(borrow)]
    pub(super) direct_members_count: Text<'a>,
    #[serde(borrow)]
    pub(super) etag: Text<'a>,
}

/// A member of a group.
#[derive(Debug, Deserialize)]
pub(super) struct MemberItem<'a> {
    id: Option<Id>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct IdItem {
    pub(super) id: Id,
}

/// Who is meant by an entry in a list of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    /// A person or group with an id.
    Member(Member),
    /// Everybody in the organisation.
    Everybody,
    /// Somebody of another organisation.
    Outsider,
}

impl UserItem<'_> {
    pub(super) fn record(&self, id: ProviderId) -> PersonRecord {
        let kind =
            if self.is_guest_user == Some(true) { PersonKind::Guest } else { PersonKind::Member };
        // Who may not see that somebody is suspended must disable nobody.
        let enabled = self.suspended.map(|suspended| !suspended && self.archived != Some(true));
        let mut aliases: Vec<&str> = self.aliases.iter().map(|alias| &**alias).collect();
        aliases.sort_unstable();
        let aliases = aliases.join("\n");
        let organization =
            self.organizations.iter().find(|o| o.primary).or(self.organizations.first());
        let of_kind = |list: &'_ [Valued<'_>], kind: &str| {
            let found = list.iter().find(|item| item.kind.as_deref() == Some(kind));
            found.and_then(|item| item.value.as_deref().map(str::to_owned))
        };
        let employee_id = of_kind(&self.external_ids, "organization");
        let mobile = of_kind(&self.phones, "mobile");
        let display = self.name.display.as_deref().filter(|name| !name.is_empty());
        let email = self.primary_email.as_deref();
        let values = [
            (Attribute::Login, email),
            (Attribute::Mail, email),
            (Attribute::DisplayName, display.or(self.name.full.as_deref())),
            (Attribute::GivenName, self.name.given.as_deref()),
            (Attribute::Surname, self.name.family.as_deref()),
            (Attribute::EmployeeId, employee_id.as_deref()),
            (Attribute::Department, organization.and_then(|o| o.department.as_deref())),
            (Attribute::JobTitle, organization.and_then(|o| o.title.as_deref())),
            (Attribute::Company, organization.and_then(|o| o.name.as_deref())),
            (Attribute::Aliases, Some(aliases.as_str())),
            (Attribute::OrganisationalUnit, self.org_unit_path.as_deref()),
            (Attribute::MailNickname, email.and_then(local_part)),
            (Attribute::MobilePhone, mobile.as_deref()),
            (
                Attribute::PreferredLanguage,
                self.languages.first().and_then(|language| language.language_code.as_deref()),
            ),
            (Attribute::Created, self.creation_time.as_deref()),
        ];
        let values = values.into_iter().filter_map(|(attribute, text)| Some((attribute, text?)));
        PersonRecord { id, kind, enabled, attributes: Attributes::pack(values) }
    }
}

impl GroupItem<'_> {
    pub(super) fn record(&self, id: ProviderId) -> GroupRecord {
        let email = self.email.as_deref();
        let values = [
            (Attribute::DisplayName, self.name.as_deref()),
            (Attribute::Description, self.description.as_deref()),
            (Attribute::Mail, email),
            (Attribute::MailNickname, email.and_then(local_part)),
        ];
        let values = values.into_iter().filter_map(|(attribute, text)| Some((attribute, text?)));
        GroupRecord {
            id,
            kind: GroupKind::Other,
            hidden_members: false,
            attributes: Attributes::pack(values),
        }
    }
}

impl MemberItem<'_> {
    /// Whom it means; `None` for kinds that do not exist yet.
    pub(super) fn listed(&self) -> Option<Listed> {
        let id = self.id.as_ref().map(|id| id.0.clone());
        match (self.kind.as_deref()?, id) {
            ("CUSTOMER", _) => Some(Listed::Everybody),
            ("USER", Some(id)) => Some(Listed::Member(Member::User(id))),
            ("GROUP", Some(id)) => Some(Listed::Member(Member::Group(id))),
            ("USER" | "GROUP" | "EXTERNAL", _) => Some(Listed::Outsider),
            _ => None,
        }
    }
}

/// What stands before the `@`.
fn local_part(email: &str) -> Option<&str> {
    email.rsplit_once('@').map(|(local, _)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_array_is_empty() {
        let page: Users<'_> = serde_json::from_str(r#"{"kind":"x","etag":"\"e\""}"#).unwrap();
        assert!(page.users.is_empty() && page.next_page_token.is_none());
    }

    #[test]
    fn a_person_becomes_a_record() {
        let json = r#"{"users":[{"id":"123456789012345678901","primaryEmail":"Ann@example.com",
            "name":{"givenName":"Ann","familyName":"O\"Hara","fullName":"Ann O\"Hara"},"suspended":false,
            "archived":true,"orgUnitPath":"/Staff","aliases":["b@example.com","a@example.com"],
            "externalIds":[{"value":"7","type":"account"},{"value":"42","type":"organization"}],
            "organizations":[{"title":"x"},{"title":"Boss","department":"R&D","name":"Acme","primary":true}]}]}"#;
        let page: Users<'_> = serde_json::from_str(json).unwrap();
        let id = ProviderId::parse("123456789012345678901").unwrap();
        let record = page.users[0].record(id);
        assert_eq!((record.kind, record.enabled), (PersonKind::Member, Some(false)));
        let get = |attribute| record.attributes.get(attribute).unwrap_or_default();
        assert_eq!(get(Attribute::Login), "Ann@example.com");
        assert_eq!(get(Attribute::DisplayName), "Ann O\"Hara");
        assert_eq!(get(Attribute::EmployeeId), "42");
        assert_eq!(get(Attribute::Aliases), "a@example.com\nb@example.com");
        assert_eq!((get(Attribute::JobTitle), get(Attribute::Company)), ("Boss", "Acme"));
    }

    #[test]
    fn members_are_told_apart() {
        let json = r#"[{"id":"1","type":"USER"},{"id":"g1","type":"GROUP"},{"id":"C01","type":"CUSTOMER"},
            {"type":"EXTERNAL"},{"type":"USER"},{"id":"2","type":"NEW"},{"id":"3"}]"#;
        let items: Vec<MemberItem<'_>> = serde_json::from_str(json).unwrap();
        let listed: Vec<Option<Listed>> = items.iter().map(MemberItem::listed).collect();
        let id = |text| ProviderId::parse(text).unwrap();
        assert_eq!(listed[0], Some(Listed::Member(Member::User(id("1")))));
        assert_eq!(listed[1], Some(Listed::Member(Member::Group(id("g1")))));
        let rest =
            [Some(Listed::Everybody), Some(Listed::Outsider), Some(Listed::Outsider), None, None];
        assert_eq!(listed[2..], rest);
    }
}
