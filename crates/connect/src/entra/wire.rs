//! Graph's documents, read without copying where the text allows it.

use std::{borrow::Cow, fmt};

use directory::{
    id::ProviderId,
    observation::{
        Attribute, Attributes, GroupKind, GroupRecord, Member, PersonKind, PersonRecord,
    },
};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::batch::PartAnswer;
use crate::odd::{Id, Mirrored, Record, What};

/// What is selected of people: the wide set of DESIGN.md 10.7, since a delta token freezes it.
pub(super) const USER_SELECT: &str = "id,userPrincipalName,accountEnabled,userType,externalUserState,displayName,\
    givenName,surname,mail,otherMails,proxyAddresses,employeeId,department,jobTitle,companyName,officeLocation,\
    mobilePhone,preferredLanguage,mailNickname,onPremisesSamAccountName,onPremisesUserPrincipalName,\
    onPremisesImmutableId,createdDateTime";
/// What is selected of groups; a delta adds `members`.
pub(super) const GROUP_SELECT: &str = "id,displayName,description,mail,mailNickname,mailEnabled,securityEnabled,\
    groupTypes,visibility,onPremisesSamAccountName,createdDateTime";

/// Fields that say who a person is and whether they may be served.
const USER_DECIDES: &[&str] = &["@removed", "userPrincipalName", "accountEnabled", "userType"];
/// Fields that say which group it is and what is to be read of it.
const GROUP_DECIDES: &[&str] =
    &["@removed", "displayName", "mailEnabled", "securityEnabled", "groupTypes", "visibility"];

/// A person in a list or by itself.
static USER: Record = Record {
    noun: "user",
    id: Some("id"),
    mirrored: Some(Mirrored::People),
    decides: USER_DECIDES,
    piece: None,
    members: None,
    accepts: |value: &Value| UserItem::deserialize(value).is_ok(),
};
/// A person among changes.
static CHANGED_USER: Record = Record { piece: Some(&[]), ..USER };
/// A group in a list or by itself.
static GROUP: Record = Record {
    noun: "group",
    id: Some("id"),
    mirrored: Some(Mirrored::Groups),
    decides: GROUP_DECIDES,
    piece: None,
    members: Some(MEMBERS_DELTA),
    accepts: |value: &Value| GroupItem::deserialize(value).is_ok(),
};
/// A group among changes.
static CHANGED_GROUP: Record = Record { piece: Some(&[MEMBERS_DELTA]), ..GROUP };
/// A member of a group, or a group of a member.
static MEMBER: Record = Record {
    noun: "member",
    id: Some("id"),
    mirrored: None,
    decides: &["@odata.type", "@removed"],
    piece: None,
    members: None,
    accepts: |value: &Value| MemberItem::deserialize(value).is_ok(),
};
static ASSIGNMENT: Record = Record {
    noun: "assignment",
    id: Some("principalId"),
    decides: &["principalType"],
    accepts: |value: &Value| AssignmentItem::deserialize(value).is_ok(),
    ..MEMBER
};
static OWN_ASSIGNMENT: Record = Record {
    noun: "assignment",
    id: Some("resourceId"),
    decides: &[],
    accepts: |value: &Value| OwnAssignmentItem::deserialize(value).is_ok(),
    ..MEMBER
};
static OBJECT: Record = Record {
    noun: "object",
    decides: &[],
    accepts: |value: &Value| IdItem::deserialize(value).is_ok(),
    ..MEMBER
};
/// The answer to one question of many.
pub(super) static PART: Record = Record {
    noun: "answer",
    id: None,
    decides: &["id", "status"],
    accepts: |value: &Value| PartAnswer::deserialize(value).is_ok(),
    ..MEMBER
};
const MEMBERS_DELTA: &str = "members@delta";

pub(super) const USERS: What<'_> = What::page("users", "value", &USER);
pub(super) const USERS_BY_ID: What<'_> = What::page("users by id", "value", &USER);
pub(super) const USERS_BY_MAIL: What<'_> = What::page("users by mail", "value", &USER);
pub(super) const USER_CHANGES: What<'_> = What::page("changes of users", "value", &CHANGED_USER);
pub(super) const ONE_USER: What<'_> = What::one("a user", &USER);
pub(super) const THE_USER: What<'_> = What::one("one user", &USER);
pub(super) const GROUPS: What<'_> = What::page("groups", "value", &GROUP);
pub(super) const FIRST_GROUPS: What<'_> = What::page("the first groups", "value", &GROUP);
pub(super) const GROUPS_BY_ID: What<'_> = What::page("groups by id", "value", &GROUP);
pub(super) const GROUP_CHANGES: What<'_> = What::page("changes of groups", "value", &CHANGED_GROUP);
pub(super) const ONE_GROUP: What<'_> = What::one("a group", &GROUP);
pub(super) const MEMBERS: What<'_> = What::page("members of a group", "value", &MEMBER);
pub(super) const GROUPS_OF_ONE: What<'_> = What::page("groups of one object", "value", &MEMBER);
pub(super) const OBJECTS_BY_ID: What<'_> = What::page("objects by id", "value", &MEMBER);
pub(super) const FIRST_OBJECT: What<'_> = What::page("the first object", "value", &OBJECT);
pub(super) const ASSIGNMENTS: What<'_> = What::page("assignments", "value", &ASSIGNMENT);
pub(super) const OWN_ASSIGNMENTS: What<'_> =
    What::page("assignments of one object", "value", &OWN_ASSIGNMENT);
pub(super) const APPLICATION: What<'_> = What::one("an enterprise application", &OBJECT);

/// A text that borrows from the page unless it holds escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// One page of a list or of changes.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a, T> {
    #[serde(rename = "@odata.nextLink", borrow)]
    pub(super) next: Option<Text<'a>>,
    #[serde(rename = "@odata.deltaLink", borrow)]
    pub(super) delta: Option<Text<'a>>,
    pub(super) value: Vec<T>,
}

/// `@removed` of an item.
#[derive(Debug, Deserialize)]
pub(super) struct Removal<'a> {
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
}

impl Removal<'_> {
    /// `changed`: deleted and restorable; `deleted`: gone for good.
    pub(super) fn restorable(&self) -> bool {
        self.reason.as_deref().is_none_or(|reason| reason != "deleted")
    }
}

/// A person in a list or among changes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserItem<'a> {
    pub(super) id: Id,
    /// It says only that something changed; no vendor has such a field (`odd::reduce`).
    #[serde(rename = "@muster.partial", default)]
    pub(super) partial: bool,
    #[serde(rename = "@removed", borrow)]
    pub(super) removed: Option<Removal<'a>>,
    #[serde(borrow)]
    pub(super) user_principal_name: Option<Text<'a>>,
    account_enabled: Option<bool>,
    #[serde(borrow)]
    user_type: Option<Text<'a>>,
    #[serde(borrow)]
    external_user_state: Option<Text<'a>>,
    #[serde(borrow)]
    display_name: Option<Text<'a>>,
    #[serde(borrow)]
    given_name: Option<Text<'a>>,
    #[serde(borrow)]
    surname: Option<Text<'a>>,
    #[serde(borrow)]
    mail: Option<Text<'a>>,
    #[serde(borrow)]
    other_mails: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    proxy_addresses: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    employee_id: Option<Text<'a>>,
    #[serde(borrow)]
    department: Option<Text<'a>>,
    #[serde(borrow)]
    job_title: Option<Text<'a>>,
    #[serde(borrow)]
    company_name: Option<Text<'a>>,
    #[serde(borrow)]
    office_location: Option<Text<'a>>,
    #[serde(borrow)]
    mobile_phone: Option<Text<'a>>,
    #[serde(borrow)]
    preferred_language: Option<Text<'a>>,
    #[serde(borrow)]
    mail_nickname: Option<Text<'a>>,
    #[serde(borrow)]
    on_premises_sam_account_name: Option<Text<'a>>,
    #[serde(borrow)]
    on_premises_user_principal_name: Option<Text<'a>>,
    #[serde(borrow)]
    on_premises_immutable_id: Option<Text<'a>>,
    #[serde(borrow)]
    created_date_time: Option<Text<'a>>,
}

impl UserItem<'_> {
    pub(super) fn record(&self, id: ProviderId) -> PersonRecord {
        let kind = match self.user_type.as_deref() {
            Some(kind) if kind.eq_ignore_ascii_case("member") => PersonKind::Member,
            Some(kind) if kind.eq_ignore_ascii_case("guest") => PersonKind::Guest,
            _ => PersonKind::Unknown,
        };
        let other_mails = lines(self.other_mails.as_deref());
        let aliases = lines(self.proxy_addresses.as_deref());
        let values = [
            (Attribute::Login, &self.user_principal_name),
            (Attribute::Mail, &self.mail),
            (Attribute::DisplayName, &self.display_name),
            (Attribute::GivenName, &self.given_name),
            (Attribute::Surname, &self.surname),
            (Attribute::EmployeeId, &self.employee_id),
            (Attribute::Department, &self.department),
            (Attribute::JobTitle, &self.job_title),
            (Attribute::Company, &self.company_name),
            (Attribute::OnPremisesSamAccountName, &self.on_premises_sam_account_name),
            (Attribute::OnPremisesUserPrincipalName, &self.on_premises_user_principal_name),
            (Attribute::OnPremisesImmutableId, &self.on_premises_immutable_id),
            (Attribute::MailNickname, &self.mail_nickname),
            (Attribute::OfficeLocation, &self.office_location),
            (Attribute::MobilePhone, &self.mobile_phone),
            (Attribute::PreferredLanguage, &self.preferred_language),
            (Attribute::State, &self.external_user_state),
            (Attribute::Created, &self.created_date_time),
        ];
        let values =
            values.iter().filter_map(|(attribute, text)| Some((*attribute, text.as_deref()?)));
        let lists =
            [(Attribute::OtherMails, other_mails.as_str()), (Attribute::Aliases, aliases.as_str())];
        PersonRecord {
            id,
            kind,
            enabled: self.account_enabled,
            attributes: Attributes::pack(values.chain(lists)),
        }
    }
}

/// A group in a list or among changes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupItem<'a> {
    pub(super) id: Id,
    /// It says only that something changed; no vendor has such a field (`odd::reduce`).
    #[serde(rename = "@muster.partial", default)]
    pub(super) partial: bool,
    #[serde(rename = "@removed", borrow)]
    pub(super) removed: Option<Removal<'a>>,
    #[serde(rename = "members@delta", borrow, default)]
    pub(super) members: Vec<MemberItem<'a>>,
    #[serde(borrow)]
    pub(super) display_name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    mail: Option<Text<'a>>,
    #[serde(borrow)]
    mail_nickname: Option<Text<'a>>,
    mail_enabled: Option<bool>,
    security_enabled: Option<bool>,
    #[serde(borrow)]
    group_types: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    visibility: Option<Text<'a>>,
    #[serde(borrow)]
    on_premises_sam_account_name: Option<Text<'a>>,
    #[serde(borrow)]
    created_date_time: Option<Text<'a>>,
}

impl GroupItem<'_> {
    /// Whether it carries nothing but its id and members: a further piece of a large group.
    pub(super) fn is_piece(&self) -> bool {
        self.display_name.is_none()
            && self.mail_enabled.is_none()
            && self.security_enabled.is_none()
            && self.description.is_none()
            && self.visibility.is_none()
    }

    pub(super) fn record(&self, id: ProviderId) -> GroupRecord {
        let unified = self.group_types.iter().flatten().any(|kind| &**kind == "Unified");
        let kind = match (unified, self.security_enabled, self.mail_enabled) {
            (true, ..) => GroupKind::Microsoft365,
            (false, Some(true), Some(true)) => GroupKind::MailSecurity,
            (false, Some(true), _) => GroupKind::Security,
            (false, Some(false), Some(true)) => GroupKind::Distribution,
            _ => GroupKind::Other,
        };
        let values = [
            (Attribute::DisplayName, &self.display_name),
            (Attribute::Description, &self.description),
            (Attribute::Mail, &self.mail),
            (Attribute::MailNickname, &self.mail_nickname),
            (Attribute::OnPremisesSamAccountName, &self.on_premises_sam_account_name),
            (Attribute::Created, &self.created_date_time),
        ];
        let values =
            values.iter().filter_map(|(attribute, text)| Some((*attribute, text.as_deref()?)));
        GroupRecord {
            id,
            kind,
            hidden_members: self.visibility.as_deref() == Some("HiddenMembership"),
            attributes: Attributes::pack(values),
        }
    }
}

/// A member of a group, or a group of a member: kind and id.
#[derive(Debug, Deserialize)]
pub(super) struct MemberItem<'a> {
    #[serde(rename = "@odata.type", borrow)]
    kind: Option<Text<'a>>,
    id: Id,
    #[serde(rename = "@removed", borrow)]
    pub(super) removed: Option<Removal<'a>>,
}

impl MemberItem<'_> {
    /// The person or group it names; devices, service principals and what else there may be are nobody.
    pub(super) fn member(&self) -> Option<Member> {
        match self.kind.as_deref()? {
            "#microsoft.graph.user" => Some(Member::User(self.id.0.clone())),
            "#microsoft.graph.group" => Some(Member::Group(self.id.0.clone())),
            _ => None,
        }
    }
}

/// An assignment to an application.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssignmentItem<'a> {
    principal_id: Id,
    #[serde(borrow)]
    principal_type: Text<'a>,
}

impl AssignmentItem<'_> {
    /// The person or group that is assigned.
    pub(super) fn principal(&self) -> Option<Member> {
        let id = self.principal_id.0.clone();
        match &*self.principal_type {
            "User" => Some(Member::User(id)),
            "Group" => Some(Member::Group(id)),
            _ => None,
        }
    }
}

/// An assignment in the list of its user or group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnAssignmentItem {
    pub(super) resource_id: Id,
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct IdItem {
    pub(super) id: Id,
}

/// Ids, as `checkMemberGroups` answers.
#[derive(Debug, Deserialize)]
pub(super) struct Ids {
    pub(super) value: Vec<Id>,
}

/// Graph's error document.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorDocument {
    #[serde(default)]
    pub(super) error: ErrorBody,
}

/// What is in it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) inner_error: InnerError,
}

/// What Microsoft's support asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InnerError {
    #[serde(rename = "request-id")]
    pub(super) request_id: Option<String>,
}

/// Texts sorted, one a line.
fn lines(texts: Option<&[Text<'_>]>) -> String {
    let mut texts: Vec<&str> = texts.unwrap_or_default().iter().map(|text| &**text).collect();
    texts.sort_unstable();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_becomes_a_record() {
        let json = r#"{"value":[{"id":"11111111-0000-4000-8000-000000000001","userPrincipalName":"Ann@contoso.com",
            "accountEnabled":false,"userType":"Guest","displayName":"A\"nn","otherMails":["b@x","a@x"],"mail":null,
            "unknown":{"x":[1]}}],"@odata.nextLink":"https:\/\/graph.example\/next"}"#;
        let page: Page<'_, UserItem<'_>> = serde_json::from_str(json).unwrap();
        assert_eq!(page.next.as_deref(), Some("https://graph.example/next"));
        let item = &page.value[0];
        let record = item.record(item.id.0.clone());
        assert_eq!((record.kind, record.enabled), (PersonKind::Guest, Some(false)));
        assert_eq!(record.attributes.get(Attribute::DisplayName), Some("A\"nn"));
        assert_eq!(record.attributes.get(Attribute::OtherMails), Some("a@x\nb@x"));
        assert_eq!(record.attributes.get(Attribute::Mail), None);
    }

    #[test]
    fn members_of_kinds_that_are_not_served_are_nobody() {
        let json = r##"[{"@odata.type":"#microsoft.graph.user","id":"u1"},{"@odata.type":"#microsoft.graph.device","id":"d"},
            {"id":"x"},{"@odata.type":"#microsoft.graph.group","id":"g1","@removed":{"reason":"deleted"}}]"##;
        let items: Vec<MemberItem<'_>> = serde_json::from_str(json).unwrap();
        let members: Vec<Option<Member>> = items.iter().map(MemberItem::member).collect();
        let id = |text| ProviderId::parse(text).unwrap();
        assert_eq!(
            members,
            [Some(Member::User(id("u1"))), None, None, Some(Member::Group(id("g1")))]
        );
        assert!(items[3].removed.is_some());
    }
}
