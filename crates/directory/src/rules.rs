//! What an administrator chose for one directory.
//!
//! Invariant: rules never need the network (DESIGN.md invariant 5); every rule reads attributes of the
//! fixed set only.

use serde::{Deserialize, Serialize};

use crate::{id::DAY_MS, observation::Attribute};

/// The rules of one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// How a user name is made.
    pub user_name: UserNameRule,
    /// How a group's name is made.
    pub group_name: GroupNameRule,
    /// Whether guests are served.
    pub guests: Guests,
    /// Whether groups in groups are served as such or dissolved.
    pub nested_groups: NestedGroups,
    /// What happens when a group gets another name at the provider.
    pub group_renames: GroupRenames,
    /// How long people who left stay, inactive, in milliseconds.
    pub grace_ms: i64,
    /// Past which a plan waits for a person.
    pub limits: Limits,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            user_name: UserNameRule { attribute: Attribute::Login },
            group_name: GroupNameRule { attribute: Attribute::DisplayName },
            guests: Guests::Excluded,
            nested_groups: NestedGroups::Kept,
            group_renames: GroupRenames::KeepAccepted,
            grace_ms: 14 * DAY_MS,
            limits: Limits::default(),
        }
    }
}

/// How a user name is made: one attribute, trimmed, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserNameRule {
    /// The attribute.
    pub attribute: Attribute,
}

/// How a group's name is made: one attribute, trimmed and cut to what products can store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNameRule {
    /// The attribute.
    pub attribute: Attribute,
}

/// Whether guests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guests {
    /// They are left out.
    Excluded,
    /// They are served like anyone else.
    Included,
}

/// Whether groups in groups are served as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NestedGroups {
    /// Served as child groups.
    Kept,
    /// Dissolved: a group's members are the people in it and in all groups below it.
    Flattened,
}

/// What happens when a group gets another name at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRenames {
    /// The served name stays until an administrator accepts the new one: products hang permissions on it.
    KeepAccepted,
    /// The served name follows.
    Follow,
}

/// The guard's limits (DESIGN.md section 7 and 10.4). Shares are in hundredths of a percent of the size 24
/// hours ago; a limit by share trips only from its minimum on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// People removed or deactivated, and groups removed.
    pub leaving_share: u32,
    /// The smallest number of people (or groups) leaving that can trip the limit.
    pub leaving_min: u32,
    /// Memberships taken away.
    pub memberships_share: u32,
    /// The smallest number of memberships lost that can trip the limit.
    pub memberships_min: u32,
    /// A group with at least this many members may not be emptied.
    pub emptied_group_min: u32,
    /// People who change their user name.
    pub renames_share: u32,
    /// The smallest number of renames that can trip the limit.
    pub renames_min: u32,
    /// People reactivated.
    pub reactivated_share: u32,
    /// People whose mail address or display name becomes blank.
    pub blanked_share: u32,
    /// The smallest number of reactivations or blanked people that can trip the limit.
    pub other_min: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leaving_share: 1_000,
            leaving_min: 10,
            memberships_share: 3_000,
            memberships_min: 10,
            emptied_group_min: 50,
            renames_share: 200,
            renames_min: 10,
            reactivated_share: 1_000,
            blanked_share: 1_000,
            other_min: 10,
        }
    }
}
