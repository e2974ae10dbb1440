//! What the rules can make of a record, and why: the words that an administrator reads.
//!
//! Invariant: every reason has a sentence: lower case, no full stop.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    anonymous::Anonymous,
    id::{Millis, ProviderId},
    name::Name,
    observation::Attribute,
};

/// What the rules make of a person.
#[derive(Clone, Debug)]
pub enum PersonVerdict {
    /// Not to be served.
    Out(Out),
    /// To be served.
    Wanted {
        /// The user name that the rules make, or why they cannot.
        claim: Result<Name, Unusable>,
        /// Whether the person may log in.
        active: bool,
        /// What else is served of the person.
        appearance: Appearance,
    },
}

/// What is served of somebody beside the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appearance {
    /// What the rules make of the provider's record.
    Record,
    /// What is served already: the rules no longer mean the person, who is inactive until the grace period is over.
    Served(Out),
    /// Nothing that tells who it was.
    Anonymous,
}

/// Why somebody or a group is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Out {
    /// The provider has named the id as a member and not given a record.
    NoRecord,
    /// A guest, and guests are left out.
    Guest,
    /// Gone at the provider before ever being served.
    NeverServed,
    /// Gone at the provider, and the grace period is over.
    Gone {
        /// When it went.
        since: Millis,
    },
    /// Named among those that are never served.
    Never,
    /// Disabled at the provider, and disabled people are left out.
    Disabled,
    /// In none of the organisational units.
    Unit {
        /// Where the person is.
        unit: String,
    },
    /// In none of the groups whose members are served.
    NotMember,
    /// The condition does not hold.
    Filtered,
    /// The condition cannot be worked out.
    FilterFailed {
        /// Why.
        problem: String,
    },
    /// None of the groups that are served.
    NotChosen,
    /// A group that the rules made and make no longer.
    NotMade,
    /// A group without members, and those are left out.
    Memberless,
    /// A group that is served as part of another one of the same name.
    Merged {
        /// The id of the other.
        into: ProviderId,
    },
    /// Unknown to the provider.
    Unknown,
}

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match self {
            Self::NoRecord => {
                "the provider names this id as a member of a group and has given no record for it"
            }
            Self::Guest => "a guest, and the rules leave guests out",
            Self::NeverServed => "gone at the provider before ever being served",
            Self::Gone { .. } => "gone at the provider, and the grace period is over",
            Self::Never => "the rules name it among those that are never served",
            Self::Disabled => "disabled at the provider, and the rules leave disabled people out",
            Self::Unit { unit } => {
                return write!(
                    f,
                    "in the organisational unit `{unit}`, which the rules do not name"
                );
            }
            Self::NotMember => "in none of the groups whose members are served",
            Self::Filtered => "the condition of `people.filter` does not hold",
            Self::FilterFailed { problem } => {
                return write!(
                    f,
                    "the condition of `people.filter` cannot be worked out: {problem}"
                );
            }
            Self::NotChosen => "the rules about groups do not name it",
            Self::NotMade => "the rules made this group and make it no longer",
            Self::Memberless => "nobody is in it, and the rules leave groups without members out",
            Self::Merged { into } => {
                return write!(f, "served as one with the group {into} of the same name");
            }
            Self::Unknown => "the provider does not know it any more",
        };
        f.write_str(told)
    }
}

/// Why no name can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Unusable {
    /// The attribute is empty at the provider.
    #[error("the attribute `{}` that makes the name is empty at the provider", attribute.as_str())]
    Empty {
        /// The attribute.
        attribute: Attribute,
    },
    /// The attribute's value cannot be a name.
    #[error("the name cannot be used: {problem}")]
    Invalid {
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The provider has it, and its record could not be read since it was first seen.
    #[error("the provider's record of it cannot be used: {why}")]
    Unread {
        /// Why.
        why: String,
    },
    /// The expression that makes the name cannot be worked out.
    #[error("the expression that makes the name cannot be worked out: {problem}")]
    Expression {
        /// Why.
        problem: String,
    },
}

/// What the rules make of a group.
#[derive(Clone, Debug)]
pub enum GroupVerdict {
    /// Not to be served.
    Out(Out),
    /// To be served under the name that it claims.
    Wanted {
        /// The name, or why there is none.
        claim: Result<Name, Unusable>,
        /// The provider's name for it, while the served name stays until an administrator accepts this.
        waiting_name: Option<Name>,
    },
}

/// The state of a group's new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RenameState {
    /// It waits for an administrator; the group keeps its served name.
    Waiting,
    /// It is accepted, and not served yet: the name is in use, or its change waits for an approval.
    Accepted,
    /// It is refused; the group keeps its served name.
    Refused,
}

impl PersonVerdict {
    pub(super) fn anonymous(id: &ProviderId) -> Self {
        let claim = Ok(Anonymous::of(id).name);
        Self::Wanted { claim, active: false, appearance: Appearance::Anonymous }
    }
}
