//! What one run did, as the store keeps it and as console, CLI and metrics show it.
//!
//! Invariant: every run has a report, failed ones too; numbers are counts of objects, times are
//! milliseconds. Sentences are for an administrator: lower case, no full stop, with the next step.

use crate::counted::{agreeing, counted};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    decisions::Digest,
    figures::Exceptions,
    id::{ChangeSeq, Millis},
    observation::Usage,
    snapshot::Size,
};

/// The report of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RunReport {
    /// What was asked for or came about.
    pub kind: RunKind,
    /// When the run began.
    pub started: Millis,
    /// When its outcome was committed.
    pub finished: Millis,
    /// How it ended.
    pub outcome: Outcome,
    /// What the provider gave.
    pub read: ReadCounts,
    /// What became of the directory.
    pub applied: Applied,
    /// Part of `applied` that a person approved: it does not count against the limits of the next 24 h.
    pub approved: Applied,
    /// What waits for a person; empty when all flowed.
    pub held: Vec<HeldKind>,
    /// Limits of which half or more is used up over 24 hours, though nothing of the kind waits.
    pub near: Vec<NearLimit>,
    /// People and groups that cannot be served, now; all of them, not only the new ones.
    pub set_aside: u64,
    /// Who is not served as the provider and the rules would have it, after the run; none where the run did not look at
    /// everybody, as while the directory is pinned.
    pub exceptions: Option<Exceptions>,
    /// Objects that this read could not read and that stay as they were; at most 100.
    pub unreadable: Vec<UnreadableObject>,
    /// The number of all such objects.
    pub unreadable_total: u64,
    /// What the directory held before the run.
    pub size_before: Size,
    /// What it held after the run.
    pub size_after: Size,
    /// To which position of the log the directory was put back by this run, if it was: what happened since counts
    /// against no limit any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back_to: Option<ChangeSeq>,
    /// What happened, in plain words.
    pub notes: Vec<String>,
    /// Requests, bytes and retries.
    pub usage: Usage,
}

/// An object that the provider did not show although it shows others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnreadableObject {
    /// The part of it that cannot be read.
    pub part: UnreadablePart,
    /// The provider's id.
    pub id: String,
    /// Its name when it was last read; the id if it never was.
    pub name: String,
    /// The provider's words.
    pub error: String,
}

/// A part of a tenant that is read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnreadablePart {
    /// A user's record.
    User,
    /// A group's record.
    Group,
    /// A group's members.
    Members,
    /// The groups that a user is in.
    Memberships,
}

/// The noun that an object's name follows.
impl fmt::Display for UnreadablePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Members => "members of group",
            Self::Memberships => "groups of user",
        })
    }
}

/// Why a run took place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Everything was read.
    Full,
    /// What changed since the last run was read.
    #[default]
    Delta,
    /// One person was read.
    Person,
    /// Nothing was read: a decision or a rule changed, or a grace period ended.
    Decision,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was wanted was applied.
    #[default]
    Done,
    /// Something waits for a person.
    Held,
    /// Nothing was changed.
    Failed {
        /// What went wrong and what to do.
        error: String,
        /// The entry of the error catalogue (`protocols/providers.md` D), such as `E-SECRET`.
        code: Option<String>,
    },
}

/// What the provider gave in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ReadCounts {
    /// Records of people.
    pub users: u64,
    /// Records of groups.
    pub groups: u64,
    /// Memberships, nested groups included.
    pub memberships: u64,
}

/// What became of the directory in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Applied {
    /// People added.
    pub users_added: u64,
    /// People of whom something changed: any of the counts below, or a plain attribute.
    pub users_changed: u64,
    /// People renamed.
    pub users_renamed: u64,
    /// People deactivated.
    pub users_deactivated: u64,
    /// People reactivated.
    pub users_reactivated: u64,
    /// People whose mail address or display name became blank.
    pub users_blanked: u64,
    /// People whose names and address were taken away.
    pub users_anonymised: u64,
    /// People removed.
    pub users_removed: u64,
    /// Groups added.
    pub groups_added: u64,
    /// Groups changed, renamed ones included.
    pub groups_changed: u64,
    /// Groups renamed.
    pub groups_renamed: u64,
    /// Groups removed.
    pub groups_removed: u64,
    /// Memberships added, nested groups included.
    pub memberships_added: u64,
    /// Memberships removed, nested groups included.
    pub memberships_removed: u64,
}

impl Applied {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    fn each(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            users_added: f(self.users_added, other.users_added),
            users_changed: f(self.users_changed, other.users_changed),
            users_renamed: f(self.users_renamed, other.users_renamed),
            users_deactivated: f(self.users_deactivated, other.users_deactivated),
            users_reactivated: f(self.users_reactivated, other.users_reactivated),
            users_blanked: f(self.users_blanked, other.users_blanked),
            users_anonymised: f(self.users_anonymised, other.users_anonymised),
            users_removed: f(self.users_removed, other.users_removed),
            groups_added: f(self.groups_added, other.groups_added),
            groups_changed: f(self.groups_changed, other.groups_changed),
            groups_renamed: f(self.groups_renamed, other.groups_renamed),
            groups_removed: f(self.groups_removed, other.groups_removed),
            memberships_added: f(self.memberships_added, other.memberships_added),
            memberships_removed: f(self.memberships_removed, other.memberships_removed),
        }
    }
}

/// One kind of change that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HeldKind {
    /// The kind.
    pub kind: GuardKind,
    /// How many objects or memberships wait.
    pub count: u64,
    /// Why, with the limit that was passed.
    pub why: String,
    /// What an approval has to name.
    pub digest: Digest,
    /// Whether an approval can let it pass; what only the provider can clear up cannot be approved.
    pub approvable: bool,
    /// Names of some of the objects, for a first look.
    pub sample: Vec<String>,
}

/// A limit of the guard of which half or more is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NearLimit {
    /// The kind of change.
    pub kind: GuardKind,
    /// How many were applied within 24 hours, this run included and approved ones left out.
    pub count: u64,
    /// The largest number that passes.
    pub passing: u64,
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for NearLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, count, passing } = self;
        write!(
            f,
            "{} within 24 hours; more than {passing} would wait for an approval",
            kind.past(*count)
        )
    }
}

/// The kinds of change that the guard tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// A full read came back without people.
    EmptyRead,
    /// A listing lacks objects and the provider has not yet said that they are gone.
    Unconfirmed,
    /// People would be removed or deactivated.
    PeopleLeaving,
    /// Groups would be removed.
    GroupsRemoved,
    /// Memberships would be taken away.
    MembershipsLost,
    /// Large groups would be emptied.
    GroupsEmptied,
    /// Names would pass from one id to another.
    TakeOver,
    /// People would be renamed.
    Renames,
    /// People would be reactivated.
    Reactivations,
    /// Mail addresses or display names would become blank.
    Blanked,
    /// Groups would be renamed.
    GroupRenames,
    /// More people would be active in a group than it has seats.
    Seats,
    /// Something would happen to protected people or groups.
    Protected,
    /// A protected group would be left without anybody active.
    LastMember,
    /// A group would get a name that gives power in products, or people would come into such a group.
    Privileged,
}

impl GuardKind {
    /// Whether an approval can let it pass: the rest is cleared up by the provider, or by a change of the rules.
    pub fn is_approvable(self) -> bool {
        !matches!(self, Self::EmptyRead | Self::Unconfirmed | Self::LastMember)
    }

    /// How many objects of a kind that has a limit by number, and what became of them.
    fn past(self, count: u64) -> String {
        let be = agreeing(count, "was", "were");
        let (noun, fate) = match self {
            Self::PeopleLeaving => ("person", format!("left or {be} deactivated")),
            Self::GroupsRemoved => ("group", format!("{be} removed")),
            Self::MembershipsLost => ("membership", format!("{be} taken away")),
            Self::Renames => ("person", format!("{be} renamed")),
            Self::Reactivations => ("person", format!("{be} reactivated")),
            Self::Blanked => ("person", "lost mail address or display name".to_owned()),
            Self::GroupRenames => ("group", format!("{be} renamed")),
            _ => ("change", format!("{be} made")),
        };
        format!("{} {fate}", counted(count, noun))
    }

    /// The name that the command line and the admin API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyRead => "empty_read",
            Self::Unconfirmed => "unconfirmed",
            Self::PeopleLeaving => "people_leaving",
            Self::GroupsRemoved => "groups_removed",
            Self::MembershipsLost => "memberships_lost",
            Self::GroupsEmptied => "groups_emptied",
            Self::TakeOver => "take_over",
            Self::Renames => "renames",
            Self::Reactivations => "reactivations",
            Self::Blanked => "blanked",
            Self::GroupRenames => "group_renames",
            Self::Seats => "seats",
            Self::Protected => "protected",
            Self::LastMember => "last_member",
            Self::Privileged => "privileged",
        }
    }
}
