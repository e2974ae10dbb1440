//! The Okta API's documents, read without copying where the text allows it.
//!
//! Invariants: a property that is absent, null or no text is empty, but for those that decide; an item without an id is
//! not an item; a status that is not known lets nobody log in, and a person without one says nothing.

use std::{borrow::Cow, fmt};

use directory::{
    id::ProviderId,
    observation::{Attribute, Attributes, GroupKind, GroupRecord, PersonKind, PersonRecord},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::odd::{Id, Mirrored, Record, What};

/// What is asked for of people: the wide set of DESIGN.md 10.7. Organisations that do not know the parameter send
/// whole records.
pub(super) const USER_FIELDS: &str = "id,status,created,lastUpdated,profile:(login,email,secondEmail,firstName,\
    lastName,displayName,employeeNumber,department,title,organization,mobilePhone,preferredLanguage)";

static USER: Record = Record {
    noun: "user",
    id: Some("id"),
    mirrored: Some(Mirrored::People),
    decides: &["status", "profile.login"],
    piece: None,
    members: None,
    accepts: |value: &Value| UserItem::deserialize(value).is_ok(),
};
static GROUP: Record = Record {
    noun: "group",
    mirrored: Some(Mirrored::Groups),
    decides: &["type", "profile.name"],
    accepts: |value: &Value| GroupItem::deserialize(value).is_ok(),
    ..USER
};
/// A member of a group, of whom only the id matters.
static MEMBER: Record = Record {
    noun: "member",
    mirrored: None,
    decides: &[],
    accepts: |value: &Value| MemberItem::deserialize(value).is_ok(),
    ..USER
};
/// A group of somebody.
static OWN_GROUP: Record = Record {
    noun: "group",
    accepts: |value: &Value| OwnGroupItem::deserialize(value).is_ok(),
    ..MEMBER
};
static ASSIGNED: Record = Record {
    noun: "assignment",
    decides: &["status"],
    accepts: |value: &Value| AppUserItem::deserialize(value).is_ok(),
    ..MEMBER
};
/// An entry of the System Log. It is a hint only, so nothing in it decides.
static ENTRY: Record = Record {
    noun: "entry of the System Log",
    id: None,
    accepts: |value: &Value| LogItem::deserialize(value).is_ok(),
    ..MEMBER
};

pub(super) const USERS: What<'_> = What::list("users", &USER);
pub(super) const USERS_BY_MAIL: What<'_> = What::list("users by mail", &USER);
pub(super) const ONE_USER: What<'_> = What::one("one user", &USER);
pub(super) const GROUPS: What<'_> = What::list("groups", &GROUP);
pub(super) const ONE_GROUP: What<'_> = What::one("one group", &GROUP);
pub(super) const GROUPS_OF_ONE: What<'_> = What::list("groups of one user", &OWN_GROUP);
pub(super) const MEMBERS: What<'_> = What::list("members of a group", &MEMBER);
pub(super) const WHOLE_MEMBERS: What<'_> = What::list("members of a group", &USER);
pub(super) const ASSIGNED_PEOPLE: What<'_> = What::list("assigned people", &ASSIGNED);
pub(super) const ASSIGNED_GROUPS: What<'_> = What::list("assigned groups", &MEMBER);
pub(super) const ONE_ASSIGNMENT: What<'_> = What::one("one assignment", &ASSIGNED);
pub(super) const LOG: What<'_> = What::list("the System Log", &ENTRY);

/// A text of which nothing but a text is taken, since it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Word<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Word<'de>, E> {
                Ok(Word(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Word<'de>, E> {
                Ok(Word(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The text, if there is one.
fn word<'b>(word: Option<&'b Word<'_>>) -> Option<&'b str> {
    word.map(|word| &*word.0).filter(|text| !text.is_empty())
}

/// A text, or nothing: profiles are the organisation's own, and a property can be of any type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Text<'de>, A::Error> {
                while list.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A person.
#[derive(Debug, Deserialize)]
pub(super) struct UserItem<'a> {
    id: Id,
    #[serde(borrow)]
    status: Word<'a>,
    #[serde(borrow, default)]
    created: Text<'a>,
    #[serde(borrow, default)]
    profile: UserProfile<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserProfile<'a> {
    #[serde(borrow)]
    login: Option<Word<'a>>,
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    second_email: Text<'a>,
    #[serde(borrow)]
    first_name: Text<'a>,
    #[serde(borrow)]
    last_name: Text<'a>,
    #[serde(borrow)]
    display_name: Text<'a>,
    #[serde(borrow)]
    employee_number: Text<'a>,
    #[serde(borrow)]
    department: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    organization: Text<'a>,
    #[serde(borrow)]
    mobile_phone: Text<'a>,
    #[serde(borrow)]
    preferred_language: Text<'a>,
}

/// A group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupItem<'a> {
    id: Id,
    #[serde(rename = "type", borrow, default)]
    kind: Option<Word<'a>>,
    #[serde(borrow, default)]
    created: Text<'a>,
    #[serde(borrow, default)]
    pub(super) last_membership_updated: Text<'a>,
    #[serde(borrow, default)]
    profile: GroupProfile<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupProfile<'a> {
    #[serde(borrow)]
    name: Option<Word<'a>>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    sam_account_name: Text<'a>,
}

/// A group that somebody is in, of which no more matters than which it is.
#[derive(Debug, Deserialize)]
pub(super) struct OwnGroupItem<'a> {
    id: Id,
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    profile: OwnGroupProfile<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct OwnGroupProfile<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

/// A member of a group: a whole person, of whom only this matters.
#[derive(Debug, Deserialize)]
pub(super) struct MemberItem {
    id: Id,
}

/// Somebody who is assigned to an app.
#[derive(Debug, Deserialize)]
pub(super) struct AppUserItem<'a> {
    id: Id,
    #[serde(borrow, default)]
    status: Option<Word<'a>>,
    #[serde(rename = "_embedded", borrow, default)]
    embedded: Option<Embedded<'a>>,
}

#[derive(Debug, Deserialize)]
struct Embedded<'a> {
    #[serde(borrow, default)]
    user: Option<UserItem<'a>>,
}

impl AppUserItem<'_> {
    pub(super) fn id(&self) -> ProviderId {
        self.id.0.clone()
    }

    /// Whether the assignment is in force.
    pub(super) fn is_assigned(&self) -> bool {
        let ended = ["DEPROVISIONED", "INACTIVE", "REVOKED", "UNASSIGNED", "SUSPENDED"];
        let gone = self.user().is_some_and(|user| user.standing() == Standing::Deactivated);
        !gone && !word(self.status.as_ref()).is_some_and(|status| ended.contains(&status))
    }

    /// The person's record, where it came along.
    pub(super) fn user(&self) -> Option<&UserItem<'_>> {
        self.embedded.as_ref()?.user.as_ref()
    }
}

/// An entry of the System Log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogItem<'a> {
    #[serde(borrow, default)]
    event_type: Option<Word<'a>>,
    #[serde(borrow, default)]
    target: Option<Vec<Target<'a>>>,
}

/// What an entry of the log tells of memberships: group and person.
#[derive(Debug)]
pub(super) enum MembershipEvent {
    Joined(ProviderId, ProviderId),
    Left(ProviderId, ProviderId),
    Deactivated(ProviderId),
}

#[derive(Debug, Deserialize)]
struct Target<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
}

/// What a status means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Enabled,
    Disabled,
    /// Deactivated: the vendor's soft deletion, which takes all assignments away.
    Deactivated,
    /// A status that did not exist when this was written.
    Unknown,
}

impl UserItem<'_> {
    pub(super) fn id(&self) -> ProviderId {
        self.id.0.clone()
    }

    pub(super) fn standing(&self) -> Standing {
        match &*self.status.0 {
            "PROVISIONED" | "ACTIVE" | "RECOVERY" | "PASSWORD_EXPIRED" | "LOCKED_OUT" => {
                Standing::Enabled
            }
            "STAGED" | "SUSPENDED" => Standing::Disabled,
            "DEPROVISIONED" => Standing::Deactivated,
            _ => Standing::Unknown,
        }
    }

    pub(super) fn record(&self, id: ProviderId) -> PersonRecord {
        let profile = &self.profile;
        let (first, last) = (profile.first_name.get(), profile.last_name.get());
        let both = match (first, last) {
            (Some(first), Some(last)) => format!("{first} {last}"),
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        };
        let local = profile.email.get().and_then(|email| email.rsplit_once('@'));
        let values = [
            (Attribute::Login, word(profile.login.as_ref())),
            (Attribute::Mail, profile.email.get()),
            (Attribute::DisplayName, profile.display_name.get().or(Some(&both))),
            (Attribute::GivenName, first),
            (Attribute::Surname, last),
            (Attribute::EmployeeId, profile.employee_number.get()),
            (Attribute::Department, profile.department.get()),
            (Attribute::JobTitle, profile.title.get()),
            (Attribute::Company, profile.organization.get()),
            (Attribute::OtherMails, profile.second_email.get()),
            (Attribute::MailNickname, local.map(|(local, _)| local)),
            (Attribute::MobilePhone, profile.mobile_phone.get()),
            (Attribute::PreferredLanguage, profile.preferred_language.get()),
            (Attribute::State, Some(&*self.status.0)),
            (Attribute::Created, self.created.get()),
        ];
        let values = values.into_iter().filter_map(|(attribute, text)| Some((attribute, text?)));
        let enabled = Some(self.standing() == Standing::Enabled);
        PersonRecord { id, kind: PersonKind::Member, enabled, attributes: Attributes::pack(values) }
    }
}

impl GroupItem<'_> {
    pub(super) fn id(&self) -> ProviderId {
        self.id.0.clone()
    }

    /// Whether it is the group that has everybody.
    pub(super) fn is_everyone(&self) -> bool {
        word(self.kind.as_ref()) == Some("BUILT_IN")
            && word(self.profile.name.as_ref()) == Some("Everyone")
    }

    pub(super) fn record(&self, id: ProviderId) -> GroupRecord {
        let values = [
            (Attribute::DisplayName, word(self.profile.name.as_ref())),
            (Attribute::Description, self.profile.description.get()),
            (Attribute::OnPremisesSamAccountName, self.profile.sam_account_name.get()),
            (Attribute::State, word(self.kind.as_ref())),
            (Attribute::Created, self.created.get()),
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

impl OwnGroupItem<'_> {
    pub(super) fn id(&self) -> ProviderId {
        self.id.0.clone()
    }

    /// Whether it is the group that has everybody.
    pub(super) fn is_everyone(&self) -> bool {
        self.kind.get() == Some("BUILT_IN") && self.profile.name.get() == Some("Everyone")
    }
}

impl MemberItem {
    pub(super) fn id(&self) -> ProviderId {
        self.id.0.clone()
    }
}

impl LogItem<'_> {
    /// Whether somebody was deleted for good.
    pub(super) fn is_deletion(&self) -> bool {
        word(self.event_type.as_ref()) == Some("user.lifecycle.delete.completed")
    }

    /// What it tells of memberships, if anything. Deactivating somebody takes all of theirs away without an event for
    /// each.
    pub(super) fn membership(&self) -> Option<MembershipEvent> {
        let user = self.targets("User").next()?;
        let group = self.targets("UserGroup").next();
        Some(match word(self.event_type.as_ref())? {
            "group.user_membership.add" => MembershipEvent::Joined(group?, user),
            "group.user_membership.remove" => MembershipEvent::Left(group?, user),
            "user.lifecycle.deactivate" => MembershipEvent::Deactivated(user),
            _ => return None,
        })
    }

    /// The ids of what it is about, of one type (`User`, `UserGroup`); found by type, since the order varies.
    pub(super) fn targets<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = ProviderId> + 'b {
        let targets = self.target.iter().flatten();
        targets
            .filter(move |target| target.kind.get() == Some(kind))
            .filter_map(|target| Id::check(target.id.get()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_becomes_a_record() {
        let json = r#"[{"id":"00u1","status":"LOCKED_OUT","created":"2026-01-02T03:04:05.000Z","profile":
            {"login":"Ann@example.com","email":"a.lee@example.com","firstName":"Ann","lastName":"O\"Hara",
            "department":["R","D"],"employeeNumber":42,"title":null,"mobilePhone":true,"custom":{"x":[1]}}},
            {"id":"00u2","status":"NEW"},{"id":"00u3","status":"DEPROVISIONED"}]"#;
        let items: Vec<UserItem<'_>> = serde_json::from_str(json).unwrap();
        let record = items[0].record(items[0].id());
        let get = |attribute| record.attributes.get(attribute).unwrap_or_default();
        assert_eq!((record.kind, record.enabled), (PersonKind::Member, Some(true)));
        assert_eq!(get(Attribute::Login), "Ann@example.com");
        assert_eq!(get(Attribute::MailNickname), "a.lee");
        assert_eq!(get(Attribute::DisplayName), "Ann O\"Hara");
        assert_eq!((get(Attribute::Department), get(Attribute::EmployeeId)), ("", "42"));
        assert_eq!(get(Attribute::State), "LOCKED_OUT");
        assert_eq!(items[1].standing(), Standing::Unknown);
        assert_eq!(items[1].record(items[1].id()).enabled, Some(false));
        assert_eq!(items[2].standing(), Standing::Deactivated);
        for odd in [
            r#"{"status":"ACTIVE"}"#,
            r#"{"id":" ","status":"ACTIVE"}"#,
            r#"{"id":"00u1"}"#,
            r#"{"id":"00u1","status":null}"#,
        ] {
            assert!(serde_json::from_str::<UserItem<'_>>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn everyone_is_told_from_a_group_of_that_name() {
        let json = r#"[{"id":"00g1","type":"BUILT_IN","profile":{"name":"Everyone"}},
            {"id":"00g2","type":"OKTA_GROUP","profile":{"name":"Everyone","description":null}}]"#;
        let items: Vec<GroupItem<'_>> = serde_json::from_str(json).unwrap();
        assert!(items[0].is_everyone() && !items[1].is_everyone());
    }

    #[test]
    fn the_log_is_read_by_type() {
        let json = r#"[{"eventType":"group.user_membership.add","target":[{"id":"00g1","type":"UserGroup"},
            {"id":"00u1","type":"User"}]},{"eventType":"user.lifecycle.delete.completed","target":null}]"#;
        let items: Vec<LogItem<'_>> = serde_json::from_str(json).unwrap();
        let groups: Vec<String> = items[0].targets("UserGroup").map(|id| id.to_string()).collect();
        assert_eq!(groups, ["00g1"]);
        assert!(items[1].is_deletion() && items[1].targets("User").next().is_none());
    }
}
