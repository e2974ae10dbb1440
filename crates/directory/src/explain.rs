//! Why somebody is or is not there.
//!
//! Invariant: says what the plan would say, from the same [`Basis`]; it decides nothing of its own.

use serde::{Deserialize, Serialize};

use crate::{
    decisions::Node,
    derive::{Basis, Out, PersonVerdict},
    id::{GroupNo, UserNo},
    mirror::{Evidence, PersonRow, State},
    name::fold,
    observation::{Attribute, PersonKind},
    plan::Issue,
};

/// What is known of one person, and what decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The provider's id.
    pub id: String,
    /// Whether products see the person.
    pub served: bool,
    /// The user name that products see.
    pub name: Option<String>,
    /// Whether the person may log in.
    pub active: bool,
    /// What decided, as sentences, the decisive one first.
    pub because: Vec<String>,
    /// What the provider says: attribute and value.
    pub attributes: Vec<(String, String)>,
    /// Groups that the person is in, as served.
    pub groups: Vec<String>,
}

/// People that are looked at when neither name nor id matches.
const SCAN_MAX: usize = 2_000_000;

/// Explains whoever has this user name, sign-in name, mail address or provider id; `None` when nobody has,
/// at the provider neither.
pub fn explain(basis: &Basis<'_>, issues: &[Issue], wanted: &str) -> Option<Explanation> {
    let no = find(basis, wanted)?;
    let row = basis.mirror.person(no)?;
    let served = basis.served.user(no);
    let mut because = vec![verdict(basis, row, served.is_some())];
    because.extend(
        issues
            .iter()
            .filter(|issue| issue.node == Node::User(no))
            .map(|issue| issue.reason.to_string()),
    );
    let groups =
        basis.served.groups_of(no).iter().filter_map(|group| basis.served.group(GroupNo(*group)));
    let mut groups: Vec<String> = groups.map(|group| group.name().to_string()).collect();
    groups.sort();
    let attributes =
        row.record.attributes.iter().map(|(attribute, value)| (word(attribute), value.to_owned()));
    Some(Explanation {
        id: row.record.id.to_string(),
        served: served.is_some(),
        name: served.map(|user| user.name().to_owned()),
        active: served.is_some_and(|user| user.active()),
        because,
        attributes: attributes.collect(),
        groups,
    })
}

fn find(basis: &Basis<'_>, wanted: &str) -> Option<UserNo> {
    let folded = fold(wanted);
    if let Some((no, _)) = basis.served.user_by_name(&folded) {
        return Some(no);
    }
    let by_id =
        crate::id::ProviderId::parse(wanted).ok().and_then(|id| basis.mirror.person_no(&id));
    by_id.or_else(|| {
        let looked_at = [Attribute::Login, Attribute::Mail];
        let matches = |row: &&PersonRow| {
            looked_at
                .iter()
                .any(|a| row.record.attributes.get(*a).is_some_and(|value| fold(value) == folded))
        };
        basis.mirror.people().take(SCAN_MAX).find(matches).map(|row| row.no)
    })
}

fn verdict(basis: &Basis<'_>, row: &PersonRow, served: bool) -> String {
    match basis.person(row) {
        PersonVerdict::Out(Out::NoRecord) => {
            "the provider names this id as a member of a group and has given no record for it"
                .to_owned()
        }
        PersonVerdict::Out(Out::Guest) => "a guest, and the rules leave guests out".to_owned(),
        PersonVerdict::Out(Out::NeverServed) => {
            "gone at the provider before ever being served".to_owned()
        }
        PersonVerdict::Out(Out::Gone { .. }) => {
            "gone at the provider, and the grace period is over".to_owned()
        }
        PersonVerdict::Wanted { claim: Err(problem), .. } => {
            format!("no user name can be made: {problem}")
        }
        PersonVerdict::Wanted { claim: Ok(name), active } => {
            wanted(row, name.as_str(), (active, served))
        }
    }
}

fn wanted(row: &PersonRow, name: &str, (active, served): (bool, bool)) -> String {
    let kind = match row.record.kind {
        PersonKind::Member => "a member",
        PersonKind::Guest => "a guest, and the rules let guests in",
        PersonKind::Unknown => "a person of a kind that the provider does not tell",
    };
    let state = match row.state {
        State::Absent { evidence, .. } => match evidence {
            Evidence::Deleted => {
                "deleted at the provider (restorable), so inactive until the grace period ends"
            }
            Evidence::Purged => {
                "deleted at the provider for good, so inactive until the grace period ends"
            }
            Evidence::Confirmed => {
                "no longer listed by the provider, which confirmed it, so inactive until the grace period ends"
            }
        },
        State::Unconfirmed { .. } => {
            "missing from the provider's last list, which the provider has not confirmed, so kept as it was"
        }
        State::Present | State::Mentioned if !active => "disabled at the provider, so inactive",
        State::Present | State::Mentioned => "enabled at the provider",
    };
    let as_name = if served { "served" } else { "not served yet" };
    format!("{kind}, {state}; the rules make the user name {name}; {as_name}")
}

fn word(attribute: Attribute) -> String {
    // The serialised form is the documented name of an attribute.
    format!("{attribute:?}")
        .chars()
        .flat_map(|c| {
            let underscore = c.is_uppercase().then_some('_');
            underscore.into_iter().chain(c.to_lowercase())
        })
        .collect::<String>()
        .trim_start_matches('_')
        .to_owned()
}
