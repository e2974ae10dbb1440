//! Why somebody is or is not there.
//!
//! Invariant: says what the plan would say, from the same [`Basis`]; it decides nothing of its own.

mod asked;
mod group;
mod ways;

use serde::{Deserialize, Serialize};

pub use self::{
    asked::Asked,
    group::{GroupExplanation, explain_group},
    ways::{Membership, Way},
};
use crate::{
    decisions::Node,
    derive::{Appearance, Basis, Derive, Out, PersonVerdict},
    id::{GroupNo, UserNo},
    mirror::{Evidence, PersonRow, State},
    observation::PersonKind,
    plan::{Issue, Reason},
    reference,
    report::UnreadablePart,
    rules::Vanished,
};

/// What is known of one person, and what decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
    /// Each rule that was asked, in order, with its answer.
    #[serde(default)]
    pub rules: Vec<Asked>,
    /// What the provider says: attribute and value.
    pub attributes: Vec<(String, String)>,
    /// Groups that the person is in, as served.
    pub groups: Vec<String>,
    /// Groups that the person is in, directly or through groups, and the ways there; of somebody who is not served,
    /// those that there would be.
    #[serde(default)]
    pub memberships: Vec<Membership>,
}

/// Groups that one sentence names.
const GROUPS_NAMED_MAX: usize = 5;

/// Explains the one user whom a reference fits; `None` when it fits nobody, or several.
pub fn explain(basis: &Basis<'_>, issues: &[Issue], wanted: &str) -> Option<Explanation> {
    match reference::find(basis, reference::Kind::User, wanted, &[]).as_slice() {
        [(Node::User(no), _)] => explain_user(basis, issues, *no),
        _ => None,
    }
}

/// Explains a user by number; `None` when the mirror does not know them.
pub fn explain_user(basis: &Basis<'_>, issues: &[Issue], no: UserNo) -> Option<Explanation> {
    let derive = &Derive::new(*basis);
    let row = basis.mirror.person(no)?;
    let served = basis.served.user(no);
    let verdict = derive.person(row);
    let own: Vec<&Issue> = issues.iter().filter(|issue| issue.node == Node::User(no)).collect();
    let mut because = vec![sentence(derive, row, &verdict)];
    because.extend(own.iter().map(|issue| issue.reason.to_string()));
    because.extend(unread_groups(basis, issues, no));
    let groups =
        basis.served.groups_of(no).iter().filter_map(|group| basis.served.group(GroupNo(*group)));
    let mut groups: Vec<String> = groups.map(|group| group.name().to_string()).collect();
    groups.sort();
    let attributes = row.record.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value.to_owned()));
    Some(Explanation {
        id: row.record.id.to_string(),
        served: served.is_some(),
        name: served.map(|user| user.name().to_owned()),
        active: served.is_some_and(|user| user.active()),
        because,
        rules: asked::asked(derive, row, (&verdict, &own)),
        attributes: attributes.collect(),
        groups,
        memberships: ways::memberships(derive, no),
    })
}

/// What is not known of somebody's memberships, since members of groups cannot be read.
fn unread_groups(basis: &Basis<'_>, issues: &[Issue], no: UserNo) -> Option<String> {
    let inside = basis.mirror.parents_of(Node::User(no));
    let unread = issues.iter().filter(|issue| {
        matches!(issue.reason, Reason::Unreadable { part: UnreadablePart::Members, .. })
    });
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    for issue in unread {
        match issue.node {
            Node::Group(group) if inside.contains(&group.0) => kept.push(issue.label.as_str()),
            _ => others.push(issue.label.as_str()),
        }
    }
    let listed = |names: &[&str]| {
        let more = names.len().saturating_sub(GROUPS_NAMED_MAX);
        let first = names.iter().take(GROUPS_NAMED_MAX).map(|name| format!("`{name}`"));
        let first = first.collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{first} and {more} more") } else { first }
    };
    let mut parts = Vec::new();
    if !kept.is_empty() {
        parts.push(format!("in {} as they were last read", listed(&kept)));
    }
    if !others.is_empty() {
        parts.push(format!("perhaps by now in {}", listed(&others)));
    }
    (!parts.is_empty()).then(|| {
        format!("{}: the members of these groups cannot be read at present", parts.join(", "))
    })
}

fn sentence(derive: &Derive<'_>, row: &PersonRow, verdict: &PersonVerdict) -> String {
    let served = derive.served.user(row.no).is_some();
    match verdict {
        PersonVerdict::Out(out) => out.to_string(),
        PersonVerdict::Wanted { claim: Err(problem), .. } => {
            format!("no user name can be made: {problem}")
        }
        PersonVerdict::Wanted { appearance: Appearance::Served(out), .. } => {
            format!("{out}; so inactive, {}", end(derive))
        }
        PersonVerdict::Wanted { claim: Ok(name), appearance: Appearance::Anonymous, .. } => {
            format!(
                "gone, and the grace period is over; served as {name}, without names, address and groups, until the \
             person comes back"
            )
        }
        PersonVerdict::Wanted { claim: Ok(name), active, .. } => {
            wanted(derive, row, name.as_str(), (*active, served))
        }
    }
}

/// What becomes of somebody who left.
fn end(derive: &Derive<'_>) -> &'static str {
    match derive.rules.vanished {
        Vanished::Removed => "until the grace period ends",
        Vanished::Anonymised => "until names and address are taken away when the grace period ends",
        Vanished::KeptInactive | Vanished::Kept => "for good",
    }
}

fn wanted(
    derive: &Derive<'_>,
    row: &PersonRow,
    name: &str,
    (active, served): (bool, bool),
) -> String {
    let kind = match row.record.kind {
        PersonKind::Member => "a member",
        PersonKind::Guest => "a guest, and the rules let this guest in",
        PersonKind::Unknown => "a person of a kind that the provider does not tell",
    };
    let state = match row.state {
        State::Absent { evidence, .. } => {
            let gone = match evidence {
                Evidence::Deleted => "deleted at the provider (restorable)",
                Evidence::Purged => "deleted at the provider for good",
                Evidence::Confirmed => "no longer listed by the provider, which confirmed it",
            };
            if active {
                format!("{gone}, and kept as before by the rules")
            } else {
                format!("{gone}, so inactive {}", end(derive))
            }
        }
        State::Unconfirmed { .. } => {
            "missing from the provider's last list, which the provider has not confirmed, so kept as it was".to_owned()
        }
        State::Present | State::Mentioned if !active => "disabled at the provider, so inactive".to_owned(),
        State::Present | State::Mentioned => "enabled at the provider".to_owned(),
    };
    let as_name = if served { "served" } else { "not served yet" };
    format!("{kind}, {state}; the rules make the user name {name}; {as_name}")
}

/// Whether a verdict came from this reason.
fn is_out(verdict: &PersonVerdict, which: impl Fn(&Out) -> bool) -> bool {
    match verdict {
        PersonVerdict::Out(out)
        | PersonVerdict::Wanted { appearance: Appearance::Served(out), .. } => which(out),
        PersonVerdict::Wanted { .. } => false,
    }
}
