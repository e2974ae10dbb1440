//! What an administrator chose for one directory.
//!
//! Invariants: rules never need the network (DESIGN.md invariant 5); every rule reads attributes of the fixed set
//! only; every field has a default under which a directory behaves as before the field was there, so that stored
//! rules of any released version can be read. What is written here is checked and made ready in [`compiled`].

pub mod choice;
pub mod compiled;
pub mod expression;
pub mod limits;
pub mod named;
pub mod names;

use serde::{Deserialize, Serialize};

use self::{
    choice::{GroupChoice, PersonChoice},
    expression::Expression,
    limits::Limits,
    names::{GroupNames, Rename, TextRule, UserTexts},
};
use crate::{id::DAY_MS, observation::Attribute};

/// The rules of one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Which groups are served.
    pub groups: GroupScope,
    /// Which people are served.
    pub people: PeopleScope,
    /// Whether guests are served.
    pub guests: Guests,
    /// How a user name is made.
    pub user_name: TextRule,
    /// Whether user names are brought to lower case.
    pub user_name_case: LetterCase,
    /// User names that are not made but given: from a sign-in name, in any case, to the user name.
    pub user_names: Vec<Rename>,
    /// How a display name is made.
    pub display_name: TextRule,
    /// How a mail address is made.
    pub mail: TextRule,
    /// How a first name is made.
    pub first_name: TextRule,
    /// How a last name is made.
    pub last_name: TextRule,
    /// What is replaced in people's texts once they are made.
    #[serde(skip_serializing_if = "UserTexts::is_empty")]
    pub replace: UserTexts,
    /// How a group's name is made.
    pub group_name: TextRule,
    /// What is done to group names afterwards, and what happens when two come out the same.
    pub group_names: GroupNames,
    /// What happens when a group gets another name at the provider.
    pub group_renames: GroupRenames,
    /// Whether groups in groups are served as such or dissolved.
    pub nested_groups: NestedGroups,
    /// Whether groups without members are served.
    pub empty_groups: EmptyGroups,
    /// Names of groups that everybody who is served is in; one that the provider does not have is made.
    pub everyone: Vec<String>,
    /// Groups that the members of a provider's group are in besides.
    pub additions: Vec<Addition>,
    /// What becomes of people who are disabled at the provider.
    pub disabled: Disabled,
    /// What becomes of people who left, at the provider or by the rules.
    pub vanished: Vanished,
    /// What becomes of groups that are gone at the provider.
    pub removed_groups: RemovedGroups,
    /// How long people who left stay, inactive, in milliseconds.
    pub grace_ms: i64,
    /// People and groups that nothing happens to without an approval.
    pub protected: Protected,
    /// Past which a plan waits for a person.
    pub limits: Limits,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            groups: GroupScope::default(),
            people: PeopleScope::default(),
            guests: Guests::Excluded,
            user_name: TextRule::Attribute(Attribute::Login),
            user_name_case: LetterCase::Lower,
            user_names: Vec::new(),
            display_name: TextRule::Attribute(Attribute::DisplayName),
            mail: TextRule::Attribute(Attribute::Mail),
            first_name: TextRule::Attribute(Attribute::GivenName),
            last_name: TextRule::Attribute(Attribute::Surname),
            replace: UserTexts::default(),
            group_name: TextRule::Attribute(Attribute::DisplayName),
            group_names: GroupNames::default(),
            group_renames: GroupRenames::KeepAccepted,
            nested_groups: NestedGroups::Kept,
            empty_groups: EmptyGroups::Kept,
            everyone: Vec::new(),
            additions: Vec::new(),
            disabled: Disabled::Inactive,
            vanished: Vanished::Removed,
            removed_groups: RemovedGroups::AtOnce,
            grace_ms: 14 * DAY_MS,
            protected: Protected::default(),
            limits: Limits::default(),
        }
    }
}

/// Which groups are served: those of `only` (all, when it is empty) that `except` does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct GroupScope {
    /// The groups; all, when this is empty.
    pub only: Vec<GroupChoice>,
    /// Groups that are left out all the same.
    pub except: Vec<GroupChoice>,
}

/// Which people are served; a person must pass all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PeopleScope {
    /// In which groups a person must be, directly or through groups.
    pub who: Who,
    /// Organisational units (`/Sales`), units below included; any, when this is empty.
    pub units: Vec<String>,
    /// A condition that a person must meet.
    pub filter: Option<Expression>,
    /// Sign-in names of people who are served whatever the rules above and the one about guests say.
    pub always: Vec<String>,
    /// Sign-in names of people who are never served.
    pub never: Vec<String>,
}

/// In which groups a person must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// In none in particular.
    #[default]
    Everybody,
    /// In a group that is served by the rules about groups.
    MembersOfServedGroups,
    /// In one of these.
    MembersOf(Vec<GroupChoice>),
}

/// Whether guests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Guests {
    /// They are left out.
    Excluded,
    /// They are served like anyone else.
    Included,
}

/// Whether names keep their letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LetterCase {
    /// Brought to lower case.
    Lower,
    /// As the provider spells them; products compare without case all the same.
    Kept,
}

/// Whether groups in groups are served as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NestedGroups {
    /// Served as child groups.
    Kept,
    /// Dissolved: a group's members are the people in it and in all groups below it.
    Flattened,
}

/// Whether groups without members are served. Groups that the rules make are served in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EmptyGroups {
    /// They are.
    Kept,
    /// They are left out until somebody is in them, directly or through groups.
    LeftOut,
}

/// What happens when a group gets another name at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupRenames {
    /// The served name stays until an administrator accepts the new one: products hang permissions on it. See
    /// [`crate::plan::renames`].
    KeepAccepted,
    /// The served name follows.
    Follow,
}

/// Groups that the members of a provider's group are in besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Addition {
    /// The provider's groups whose members, nested ones included, are meant.
    pub members_of: GroupChoice,
    /// Names of the groups that they are in besides; one that the provider does not have is made.
    pub groups: Vec<String>,
}

/// What becomes of people who are disabled at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Disabled {
    /// Served, inactive.
    Inactive,
    /// Not served.
    LeftOut,
}

/// What becomes of people who left: gone at the provider, or no longer meant by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Vanished {
    /// Inactive at once, removed when the grace period is over.
    Removed,
    /// Inactive at once, and kept so for good.
    KeptInactive,
    /// Kept as they were; whom the rules no longer mean becomes inactive.
    Kept,
    /// Inactive at once; when the grace period is over their names and address are replaced, and they leave all
    /// groups. Their key stays, and everything is as before when they come back.
    Anonymised,
}

/// What becomes of groups that are gone at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RemovedGroups {
    /// Removed at once.
    AtOnce,
    /// Served as they were until the grace period is over.
    AfterGrace,
}

/// People and groups that no plan deactivates, removes, renames or empties without an approval, and groups that nobody
/// newly comes into; the last active member of a protected group never goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Protected {
    /// People.
    pub people: Vec<PersonChoice>,
    /// Groups; by the names that products see, too.
    pub groups: Vec<GroupChoice>,
    /// Whether people who come into protected groups wait for an approval.
    pub joiners: Joiners,
}

/// Whether people who come into groups with power wait for an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Joiners {
    /// Everyone who comes into a protected group, or into one that administers a product.
    #[default]
    Wait,
    /// Those who come into a group that administers a product, by its name; protected groups are guarded against losses only.
    AdministratorsWait,
    /// Nobody.
    Flow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_they_were_stored_before_can_be_read() {
        let stored = r#"{"user_name":{"attribute":"mail"},"group_name":{"attribute":"mail_nickname"},
            "guests":"included","nested_groups":"flattened","group_renames":"follow","grace_ms":0,
            "limits":{"leaving_share":1000,"leaving_min":10,"memberships_share":3000,"memberships_min":10,
            "emptied_group_min":50,"renames_share":200,"renames_min":10,"reactivated_share":1000,
            "blanked_share":1000,"other_min":10}}"#;
        let rules: Rules = serde_json::from_str(stored).unwrap();
        let expected = Rules {
            user_name: TextRule::Attribute(Attribute::Mail),
            group_name: TextRule::Attribute(Attribute::MailNickname),
            guests: Guests::Included,
            nested_groups: NestedGroups::Flattened,
            group_renames: GroupRenames::Follow,
            grace_ms: 0,
            // What is not there is written out by the database's migration (`store`, V11).
            limits: Limits {
                leaving_share: 1_000,
                leaving_min: 10,
                memberships_share: 3_000,
                memberships_min: 10,
                ..Limits::default()
            },
            ..Rules::default()
        };
        assert_eq!(rules, expected);
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), Rules::default());
    }

    #[test]
    fn rules_are_written_as_they_are_read_and_unknown_ones_are_refused() {
        let written = serde_json::to_string(&Rules::default()).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&written).unwrap(), Rules::default());
        assert!(serde_json::from_str::<Rules>(r#"{"people":{"filters":"true"}}"#).is_err());
        assert!(
            serde_json::from_str::<Rules>(r#"{"user_name":{"attribute":"login","x":1}}"#).is_err()
        );
    }
}
