//! The Okta API's documents, read without copying where the text allows it.
//!
//! Invariants: a property that is absent, null or no text is empty; an item without an id is not an item; a status
//! that is not known lets nobody log in.

use std::{borrow::Cow, fmt};

use directory::{
    id::ProviderId,
    observation::{Attribute, Attributes, GroupKind, GroupRecord, PersonKind, PersonRecord},
};
use serde::{Deserialize, Deserializer, de};

/// What is asked for of people: the wide set of DESIGN.md 10.7. Organisations that do not know the parameter send
/// whole records.
pub(super) const USER_FIELDS: &str = "id,status,created,lastUpdated,profile:(login,email,secondEmail,firstName,\
    lastName,displayName,employeeNumber,department,title,organization,mobilePhone,preferredLanguage)";

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
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    created: Text<'a>,
    #[serde(borrow, default)]
    profile: UserProfile<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserProfile<'a> {
    #[serde(borrow)]
    login: Text<'a>,
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
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
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
    name: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    sam_account_name: Text<'a>,
}

/// A member of a group: a whole person, of whom only this matters.
#[derive(Debug, Deserialize)]
pub(super) struct MemberItem<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

/// Somebody who is assigned to an app.
#[derive(Debug, Deserialize)]
pub(super) struct AppUserItem<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(rename = "_embedded", borrow, default)]
    embedded: Option<Embedded<'a>>,
}

#[derive(Debug, Deserialize)]
struct Embedded<'a> {
    #[serde(borrow, default)]
    user: Option<UserItem<'a>>,
}

impl AppUserItem<'_> {
    pub(super) fn id(&self) -> Option<ProviderId> {
        ProviderId::parse(self.id.get()?).ok()
    }

    /// Whether the assignment is in force.
    pub(super) fn is_assigned(&self) -> bool {
        let ended = ["DEPROVISIONED", "INACTIVE", "REVOKED", "UNASSIGNED", "SUSPENDED"];
        let gone = self.user().is_some_and(|user| user.standing() == Standing::Deactivated);
        !gone && !self.status.get().is_some_and(|status| ended.contains(&status))
    }

    /// The person's record, where it came along.
    pub(super) fn user(&self) -> Option<&UserItem<'_>> {
        self.embedded.as_ref()?.user.as_ref().filter(|user| user.id().is_some())
    }
}

/// An entry of the System Log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogItem<'a> {
    #[serde(borrow, default)]
    event_type: Text<'a>,
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
    pub(super) fn id(&self) -> Option<ProviderId> {
        ProviderId::parse(self.id.get()?).ok()
    }

    pub(super) fn standing(&self) -> Standing {
        match self.status.get() {
            Some("PROVISIONED" | "ACTIVE" | "RECOVERY" | "PASSWORD_EXPIRED" | "LOCKED_OUT") => {
                Standing::Enabled
            }
            Some("STAGED" | "SUSPENDED") => Standing::Disabled,
            Some("DEPROVISIONED") => Standing::Deactivated,
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
            (Attribute::Login, profile.login.get()),
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
            (Attribute::State, self.status.get()),
            (Attribute::Created, self.created.get()),
        ];
        let values = values.into_iter().filter_map(|(attribute, text)| Some((attribute, text?)));
        let enabled = Some(self.standing() == Standing::Enabled);
        PersonRecord { id, kind: PersonKind::Member, enabled, attributes: Attributes::pack(values) }
    }
}

impl GroupItem<'_> {
    pub(super) fn id(&self) -> Option<ProviderId> {
        ProviderId::parse(self.id.get()?).ok()
    }

    /// Whether it is the group that has everybody.
    pub(super) fn is_everyone(&self) -> bool {
        self.kind.get() == Some("BUILT_IN") && self.profile.name.get() == Some("Everyone")
    }

    pub(super) fn record(&self, id: ProviderId) -> GroupRecord {
        let values = [
            (Attribute::DisplayName, self.profile.name.get()),
            (Attribute::Description, self.profile.description.get()),
            (Attribute::OnPremisesSamAccountName, self.profile.sam_account_name.get()),
            (Attribute::State, self.kind.get()),
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

impl MemberItem<'_> {
    pub(super) fn id(&self) -> Option<ProviderId> {
        ProviderId::parse(self.id.get()?).ok()
    }
}

impl LogItem<'_> {
    /// Whether somebody was deleted for good.
    pub(super) fn is_deletion(&self) -> bool {
        self.event_type.get() == Some("user.lifecycle.delete.completed")
    }

    /// What it tells of memberships, if anything. Deactivating somebody takes all of theirs away without an event for
    /// each.
    pub(super) fn membership(&self) -> Option<MembershipEvent> {
        let user = self.targets("User").next()?;
        let group = self.targets("UserGroup").next();
        Some(match self.event_type.get()? {
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
            .filter_map(|target| ProviderId::parse(target.id.get()?).ok())
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
            {"id":"00u2","status":"NEW"},{"status":"ACTIVE"},{"id":"00u3","status":"DEPROVISIONED"}]"#;
        let items: Vec<UserItem<'_>> = serde_json::from_str(json).unwrap();
        let record = items[0].record(items[0].id().unwrap());
        let get = |attribute| record.attributes.get(attribute).unwrap_or_default();
        assert_eq!((record.kind, record.enabled), (PersonKind::Member, Some(true)));
        assert_eq!(get(Attribute::Login), "Ann@example.com");
        assert_eq!(get(Attribute::MailNickname), "a.lee");
        assert_eq!(get(Attribute::DisplayName), "Ann O\"Hara");
        assert_eq!((get(Attribute::Department), get(Attribute::EmployeeId)), ("", "42"));
        assert_eq!(get(Attribute::State), "LOCKED_OUT");
        assert_eq!(items[1].standing(), Standing::Unknown);
        assert_eq!(items[1].record(items[1].id().unwrap()).enabled, Some(false));
        assert!(items[2].id().is_none());
        assert_eq!(items[3].standing(), Standing::Deactivated);
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
