//! What the rules make of one record of the mirror, names aside.
//!
//! Invariant: pure, record by record: the verdict on an object depends on its mirror row, the groups around it, the
//! rules, the decisions (among them what is served now, which the snapshot holds) and the time of the last
//! successful observation. Whole and incremental planning therefore agree. Who gets a name that several claim is
//! decided in [`crate::plan`].

mod leaving;
mod reach;
mod verdict;

use std::{borrow::Cow, cell::RefCell, ops::Deref};

use self::leaving::Standing;
pub use self::verdict::{Appearance, GroupVerdict, Out, PersonVerdict, RenameState, Unusable};
use crate::{
    decisions::{Decisions, Node},
    id::{GroupNo, Millis, UserNo},
    lookalike::is_unseen,
    mirror::{GroupRow, Mirror, PersonRow, State},
    name::{Name, NameError, fold},
    observation::{Attribute, Attributes, GroupRecord, PersonKind, PersonRecord},
    rules::{
        Disabled, GroupRenames, Guests, LetterCase, RemovedGroups, Who,
        compiled::{Compiled, Made, is_made},
        expression::Record,
        names::Text,
    },
    snapshot::Directory,
    text::clean,
};

/// Everything that decides what is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What the provider said.
    pub mirror: &'a Mirror,
    /// What an administrator chose.
    pub rules: &'a Compiled,
    /// What people and history decided.
    pub decisions: &'a Decisions,
    /// The directory as served: it holds the names in use.
    pub served: &'a Directory,
    /// When the provider was last read with success: a grace period ends only by an observation.
    pub observed: Millis,
}

impl Basis<'_> {
    /// Whether this time lies a whole grace period before the last successful observation.
    pub(crate) fn grace_over(&self, since: Millis) -> bool {
        self.observed >= since.plus(self.rules.grace_ms)
    }

    /// People and groups whose grace period ended after the observation of `planned`, the last one that was planned.
    pub fn due(&self, planned: Millis) -> impl Iterator<Item = Node> {
        let grace = self.rules.grace_ms;
        self.mirror.absent_between(planned.plus(-grace), self.observed.plus(-grace))
    }
}

/// A [`Basis`] at work: remembers what it found out about groups.
#[derive(Debug)]
pub struct Derive<'a> {
    basis: Basis<'a>,
    /// What a group gives to the people in it, by its number; see [`reach`].
    reach: RefCell<Vec<u64>>,
    /// Groups that the rules make and that the mirror has no number for yet; a preview must not give it one.
    unnumbered: Vec<GroupRow>,
}

impl<'a> Deref for Derive<'a> {
    type Target = Basis<'a>;

    fn deref(&self) -> &Basis<'a> {
        &self.basis
    }
}

impl<'a> Derive<'a> {
    /// Sets to work.
    pub fn new(basis: Basis<'a>) -> Self {
        let unknown = basis.rules.made_groups().filter(|id| basis.mirror.group_no(id).is_none());
        let first = basis.mirror.next_numbers().group;
        let unnumbered = unknown.zip(first..).map(|(id, no)| GroupRow {
            no: GroupNo(no),
            state: State::Mentioned,
            record: GroupRecord::mentioned(id.clone()),
        });
        Self { basis, reach: RefCell::default(), unnumbered: unnumbered.collect() }
    }

    /// A group of the mirror, or one that the rules make.
    pub fn group_row(&self, no: GroupNo) -> Option<&GroupRow> {
        let made = || self.unnumbered.iter().find(|row| row.no == no);
        self.basis.mirror.group(no).or_else(made)
    }

    /// The groups that the rules make and that have no number yet.
    pub(crate) fn unnumbered(&self) -> &[GroupRow] {
        &self.unnumbered
    }

    /// The number of a group that the rules make.
    pub(crate) fn made_no(&self, made: &Made) -> Option<GroupNo> {
        let new = || self.unnumbered.iter().find(|row| row.record.id == made.id).map(|row| row.no);
        self.mirror.group_no(&made.id).or_else(new)
    }

    /// What the rules make of a person.
    pub fn person(&self, row: &PersonRow) -> PersonVerdict {
        let (record, rules) = (&row.record, self.rules);
        if let Some(unread) = unread(row.state, &record.attributes) {
            let (claim, active) = (Err(unread), false);
            return PersonVerdict::Wanted { claim, active, appearance: Appearance::Record };
        }
        let standing = match self.standing(row) {
            Ok(standing) => standing,
            Err(out) => return PersonVerdict::Out(out),
        };
        let login = if rules.always.is_empty() && rules.never.is_empty() {
            Cow::Borrowed("")
        } else {
            fold(record.attributes.get(Attribute::Login).unwrap_or_default().trim())
        };
        if rules.never.contains(&*login) {
            return PersonVerdict::Out(Out::Never);
        }
        let always = rules.always.contains(&*login);
        if !always && record.kind == PersonKind::Guest && rules.guests == Guests::Excluded {
            return PersonVerdict::Out(Out::Guest);
        }
        let claim = match standing {
            Standing::Anonymous => return PersonVerdict::anonymous(&record.id),
            Standing::Gone => self.user_name(record),
            Standing::Here => {
                if !always && let Some(out) = self.out_of_scope(row) {
                    return self.leaving(row.no, out);
                }
                if record.enabled == Some(false) && rules.disabled == Disabled::LeftOut {
                    return PersonVerdict::Out(Out::Disabled);
                }
                self.user_name(record)
            }
        };
        let active = standing == Standing::Here && record.enabled.unwrap_or(true);
        PersonVerdict::Wanted { claim, active, appearance: Appearance::Record }
    }

    /// Why the rules about people do not mean somebody, if they do not.
    fn out_of_scope(&self, row: &PersonRow) -> Option<Out> {
        let rules = self.rules;
        if !rules.units.is_empty() {
            let unit = row.record.attributes.get(Attribute::OrganisationalUnit).unwrap_or_default();
            if !rules.units.iter().any(|wanted| is_within(unit, wanted)) {
                return Some(Out::Unit { unit: unit.to_owned() });
            }
        }
        if rules.people.who != Who::Everybody && !self.is_member(row.no) {
            return Some(Out::NotMember);
        }
        let filter = rules.filter.as_ref()?;
        match filter.holds(Record::User(&row.record)) {
            Ok(true) => None,
            Ok(false) => Some(Out::Filtered),
            Err(failure) => Some(Out::FilterFailed { problem: failure.to_string() }),
        }
    }

    /// The user name that the rules make of a person.
    fn user_name(&self, record: &PersonRecord) -> Result<Name, Unusable> {
        if !self.rules.user_names.is_empty() {
            let login = record.attributes.get(Attribute::Login).unwrap_or_default();
            if let Some(name) = self.rules.user_names.get(&*fold(login.trim())) {
                return Ok(name.clone());
            }
        }
        let text = self.rules.user_name.of(Record::User(record))?;
        let name = Name::parse(seen(&text)).map_err(|problem| invalid(&text, problem))?;
        Ok(match self.rules.user_name_case {
            LetterCase::Lower => name.lower_case(),
            LetterCase::Kept => name,
        })
    }

    /// A text of a person beside the user name, as it is served: what the rule makes, cleaned ([`clean`]). It is empty
    /// when there is none, or nothing that is seen; the mirror keeps what the provider said.
    pub(crate) fn text<'r>(rule: &Text, record: &'r PersonRecord) -> Cow<'r, str> {
        match rule.of(Record::User(record)) {
            Ok(Cow::Borrowed(text)) => clean(text),
            Ok(Cow::Owned(text)) => Cow::Owned(clean(&text).into_owned()),
            Err(_) => Cow::Borrowed(""),
        }
    }

    /// A group's description as it is served, cleaned.
    pub(crate) fn description(record: &GroupRecord) -> Cow<'_, str> {
        clean(record.attributes.get(Attribute::Description).unwrap_or_default())
    }

    /// What the rules make of a group.
    pub fn group(&self, row: &GroupRow) -> GroupVerdict {
        match row.state {
            State::Mentioned => self.made_group(row),
            State::Absent { since, .. } => {
                if self.rules.removed_groups == RemovedGroups::AtOnce || self.grace_over(since) {
                    return GroupVerdict::Out(Out::Gone { since });
                }
                match self.served.group(row.no) {
                    None => GroupVerdict::Out(Out::NeverServed),
                    Some(served) => GroupVerdict::Wanted {
                        claim: Ok(served.name().clone()),
                        waiting_name: None,
                    },
                }
            }
            State::Present | State::Unconfirmed { .. } => match self.chosen(&row.record) {
                Err(out) => GroupVerdict::Out(out),
                Ok(()) => self.accepted_name(row.no, self.group_claim(&row.record)),
            },
        }
    }

    fn made_group(&self, row: &GroupRow) -> GroupVerdict {
        let made = self.rules.made.iter().find(|made| made.id == row.record.id);
        match made {
            Some(made) => GroupVerdict::Wanted { claim: Ok(made.name.clone()), waiting_name: None },
            None if is_made(&row.record.id) => GroupVerdict::Out(Out::NotMade),
            None => match unread(row.state, &row.record.attributes) {
                Some(unread) => GroupVerdict::Wanted { claim: Err(unread), waiting_name: None },
                None => GroupVerdict::Out(Out::NoRecord),
            },
        }
    }

    /// Whether the rules about groups mean a group.
    pub(crate) fn chosen(&self, record: &GroupRecord) -> Result<(), Out> {
        let rules = self.rules;
        if !rules.groups_only.is_empty() && !rules.groups_only.has(record) {
            return Err(Out::NotChosen);
        }
        if !rules.groups_except.is_empty() && rules.groups_except.has(record) {
            return Err(Out::Never);
        }
        Ok(())
    }

    /// The name that the rules make of a group.
    pub(crate) fn group_claim(&self, record: &GroupRecord) -> Result<Name, Unusable> {
        let text = self.rules.group_names.apply(self.rules.group_name.of(Record::Group(record))?);
        Name::parse_cut(seen(&text)).map_err(|problem| invalid(&text, problem))
    }

    /// Products hang permissions on group names, so a served name stays until the new one is accepted.
    fn accepted_name(&self, no: GroupNo, claim: Result<Name, Unusable>) -> GroupVerdict {
        let Some(served) = self.served.group(no) else {
            return GroupVerdict::Wanted { claim, waiting_name: None };
        };
        let Ok(name) = claim else {
            return GroupVerdict::Wanted { claim, waiting_name: None };
        };
        let kept = Ok(served.name().clone());
        if name == *served.name() {
            return GroupVerdict::Wanted { claim: kept, waiting_name: None };
        }
        match self.decided(no, &name) {
            RenameState::Accepted => GroupVerdict::Wanted { claim: Ok(name), waiting_name: None },
            RenameState::Refused => GroupVerdict::Wanted { claim: kept, waiting_name: None },
            RenameState::Waiting => GroupVerdict::Wanted { claim: kept, waiting_name: Some(name) },
        }
    }

    /// The decision about a new name of a served group. One about this very name goes before the rule about all.
    pub(crate) fn decided(&self, no: GroupNo, name: &Name) -> RenameState {
        if self.decisions.accepted.get(&no) == Some(name) {
            RenameState::Accepted
        } else if self.decisions.refused.get(&no) == Some(name) {
            RenameState::Refused
        } else if self.rules.group_renames == GroupRenames::Follow {
            RenameState::Accepted
        } else {
            RenameState::Waiting
        }
    }

    /// The user name or group name that an object claims now; `None` when it claims none.
    pub(crate) fn claim_of(&self, node: Node) -> Option<Name> {
        match node {
            Node::User(no) => match self.person(self.mirror.person(no)?) {
                PersonVerdict::Wanted { claim, .. } => claim.ok(),
                PersonVerdict::Out(_) => None,
            },
            Node::Group(no) => match self.group(self.group_row(no)?) {
                GroupVerdict::Wanted { claim, .. } => claim.ok(),
                GroupVerdict::Out(_) => None,
            },
        }
    }

    /// How a person is served now, if so.
    fn served_user(&self, no: UserNo) -> Option<&crate::user::User> {
        self.served.user(no).map(|user| &**user)
    }
}

/// Why somebody or a group that was only mentioned was not read, if its record came.
pub(crate) fn unread(state: State, attributes: &Attributes) -> Option<Unusable> {
    let why = attributes.get(Attribute::State).filter(|_| state == State::Mentioned)?.to_owned();
    Some(Unusable::Unread { why })
}

/// Whether an organisational unit is this one or below it.
fn is_within(unit: &str, wanted: &str) -> bool {
    let unit = unit.trim();
    let (Some(head), Some(rest)) = (unit.get(..wanted.len()), unit.get(wanted.len()..)) else {
        return false;
    };
    fold(head) == fold(wanted) && (rest.is_empty() || rest.starts_with('/'))
}

/// A text of which nothing is seen is none.
fn seen(text: &str) -> &str {
    if is_unseen(text) { "" } else { text }
}

fn invalid(value: &str, problem: NameError) -> Unusable {
    Unusable::Invalid { value: value.chars().take(80).collect(), problem: problem.to_string() }
}
