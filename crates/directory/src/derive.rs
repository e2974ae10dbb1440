//! What the rules make of one record of the mirror, names aside.
//!
//! Invariant: pure, record by record: the verdict on an object depends on its mirror row, the rules, the
//! decisions (among them the names served now, which the snapshot holds) and the time of the last
//! successful observation. Whole and incremental planning therefore agree. Who gets a name that several
//! claim is decided in [`crate::plan`].

use serde::Serialize;

use crate::{
    decisions::{Decisions, Node},
    id::{GroupNo, Millis},
    mirror::{GroupRow, Mirror, PersonRow, State},
    name::{Name, NameError},
    observation::{Attribute, PersonKind},
    rules::{GroupRenames, Guests, Rules},
    snapshot::Directory,
};

/// Everything that decides what is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What the provider said.
    pub mirror: &'a Mirror,
    /// What an administrator chose.
    pub rules: &'a Rules,
    /// What people and history decided.
    pub decisions: &'a Decisions,
    /// The directory as served: it holds the names in use.
    pub served: &'a Directory,
    /// When the provider was last read with success: a grace period ends only by an observation.
    pub observed: Millis,
}

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
    },
}

/// Why somebody is not served.
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
}

/// Why no name can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Unusable {
    /// The attribute is empty at the provider.
    #[error("the attribute that makes the name is empty at the provider")]
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

impl Basis<'_> {
    /// What the rules make of a person.
    pub fn person(&self, row: &PersonRow) -> PersonVerdict {
        let present = match row.state {
            State::Mentioned => return PersonVerdict::Out(Out::NoRecord),
            State::Present | State::Unconfirmed { .. } => true,
            State::Absent { since, .. } => {
                if self.observed >= since.plus(self.rules.grace_ms) {
                    return PersonVerdict::Out(Out::Gone { since });
                }
                if self.served.user(row.no).is_none() {
                    return PersonVerdict::Out(Out::NeverServed);
                }
                false
            }
        };
        if row.record.kind == PersonKind::Guest && self.rules.guests == Guests::Excluded {
            return PersonVerdict::Out(Out::Guest);
        }
        let active = present && row.record.enabled.unwrap_or(true);
        PersonVerdict::Wanted { claim: self.user_name(row), active }
    }

    /// What the rules make of a group.
    pub fn group(&self, row: &GroupRow) -> GroupVerdict {
        match row.state {
            State::Mentioned => GroupVerdict::Out(Out::NoRecord),
            State::Absent { since, .. } => GroupVerdict::Out(Out::Gone { since }),
            State::Present | State::Unconfirmed { .. } => {
                let attribute = self.rules.group_name.attribute;
                let claim = match row.record.attributes.get(attribute) {
                    None => Err(Unusable::Empty { attribute }),
                    Some(value) => {
                        Name::parse_cut(value).map_err(|problem| invalid(value, problem))
                    }
                };
                self.accepted_name(row.no, claim)
            }
        }
    }

    /// The user name that the rules make of a person, in lower case.
    fn user_name(&self, row: &PersonRow) -> Result<Name, Unusable> {
        let attribute = self.rules.user_name.attribute;
        let Some(value) = row.record.attributes.get(attribute) else {
            return Err(Unusable::Empty { attribute });
        };
        Name::parse(value).map(Name::lower_case).map_err(|problem| invalid(value, problem))
    }

    /// Products hang permissions on group names, so a served name stays until the new one is accepted.
    fn accepted_name(&self, no: GroupNo, claim: Result<Name, Unusable>) -> GroupVerdict {
        let Some(served) = self.served.group(no) else {
            return GroupVerdict::Wanted { claim, waiting_name: None };
        };
        let Ok(name) = claim else {
            return GroupVerdict::Wanted { claim, waiting_name: None };
        };
        let same = name == *served.name();
        let follows = self.rules.group_renames == GroupRenames::Follow;
        if !same && (follows || self.decisions.accepted.get(&no) == Some(&name)) {
            return GroupVerdict::Wanted { claim: Ok(name), waiting_name: None };
        }
        let waiting_name = (!same).then_some(name);
        GroupVerdict::Wanted { claim: Ok(served.name().clone()), waiting_name }
    }

    /// The folded user name or group name that an object claims now; `None` when it claims none.
    pub(crate) fn claim_of(&self, node: Node) -> Option<Name> {
        match node {
            Node::User(no) => match self.person(self.mirror.person(no)?) {
                PersonVerdict::Wanted { claim, .. } => claim.ok(),
                PersonVerdict::Out(_) => None,
            },
            Node::Group(no) => match self.group(self.mirror.group(no)?) {
                GroupVerdict::Wanted { claim, .. } => claim.ok(),
                GroupVerdict::Out(_) => None,
            },
        }
    }
}

fn invalid(value: &str, problem: NameError) -> Unusable {
    Unusable::Invalid { value: value.chars().take(80).collect(), problem: problem.to_string() }
}
