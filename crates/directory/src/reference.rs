//! Which users or groups somebody means who names one: by id, name, sign-in name, address, alias or former name.
//!
//! Invariants: this is the only place that resolves a reference, so that explanations, reads of one person and history
//! agree; nothing is guessed: whoever fits is returned, and only an id, which is unique, stands for one alone.

mod near;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use self::near::near;
use crate::{
    decisions::Node,
    derive::Basis,
    id::ProviderId,
    name::fold,
    observation::{Attribute, Attributes},
};

/// What a reference was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// The provider's id.
    Id,
    /// The name that products see.
    Name,
    /// The sign-in name at the provider.
    Login,
    /// The mail address.
    Mail,
    /// Another mail address.
    Alias,
    /// The display name, or the provider's name of a group.
    DisplayName,
    /// A name that products saw once.
    FormerName,
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Login => "sign-in name",
            Self::Mail => "mail address",
            Self::Alias => "alias",
            Self::DisplayName => "display name",
            Self::FormerName => "former name",
        })
    }
}

/// A user or group that fits a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Candidate {
    /// The directory's name, where several were looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The provider's id: a reference that fits this one alone. Empty where only the history knows the object.
    pub id: String,
    /// The name that products see; none where they see none.
    pub name: Option<String>,
    /// The sign-in name at the provider.
    pub login: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// The mail address.
    pub mail: Option<String>,
    /// How it fits.
    pub matched: Vec<Matched>,
}

/// Whether users or groups are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Users.
    User,
    /// Groups.
    Group,
}

impl Candidate {
    /// What a record of the provider says of an object that is not served.
    pub fn of_record(id: &ProviderId, attributes: &Attributes, matched: Vec<Matched>) -> Self {
        let text = |attribute| attributes.get(attribute).map(str::to_owned);
        Self {
            directory: None,
            id: id.to_string(),
            name: None,
            login: text(Attribute::Login),
            display_name: text(Attribute::DisplayName),
            mail: text(Attribute::Mail),
            matched,
        }
    }

    /// Whether it fits by what is no longer, or not first of all, its name.
    pub fn is_marked(&self) -> bool {
        self.matched.iter().all(|how| matches!(how, Matched::Alias | Matched::FormerName))
    }
}

/// Everybody, or every group, that a reference may mean. `once` are those whom the change log knows under it.
pub fn find(basis: &Basis<'_>, kind: Kind, wanted: &str, once: &[Node]) -> Vec<(Node, Candidate)> {
    let wanted = wanted.trim();
    if let Some(node) = by_id(basis, kind, wanted) {
        return vec![(node, candidate(basis, node, vec![Matched::Id]))];
    }
    let text = Wanted { text: wanted, folded: &fold(wanted) };
    let mut found: BTreeMap<Node, Vec<Matched>> = BTreeMap::new();
    let mut add = |node: Node, how: Matched| {
        let matched = found.entry(node).or_default();
        if !matched.contains(&how) {
            matched.push(how);
        }
    };
    if wanted.is_empty() {
        return Vec::new();
    }
    match kind {
        Kind::User => {
            if let Some((no, _)) = basis.served.user_by_name(text.folded) {
                add(Node::User(no), Matched::Name);
            }
            for row in basis.mirror.people() {
                text.matches(&row.record.attributes, |how| add(Node::User(row.no), how));
            }
            let past = basis.decisions.past_user_names.get(text.folded);
            let past = past.and_then(|id| basis.mirror.person_no(id));
            if let Some(no) = past {
                add(Node::User(no), Matched::FormerName);
            }
        }
        Kind::Group => {
            if let Some((no, _)) = basis.served.group_by_name(text.folded) {
                add(Node::Group(no), Matched::Name);
            }
            for row in basis.mirror.groups() {
                text.matches(&row.record.attributes, |how| add(Node::Group(row.no), how));
            }
            let past = basis.decisions.past_group_names.get(text.folded);
            let past = past.and_then(|id| basis.mirror.group_no(id));
            if let Some(no) = past {
                add(Node::Group(no), Matched::FormerName);
            }
        }
    }
    for node in once.iter().filter(|node| kind_of(**node) == kind) {
        // The log also knows what they are called now.
        if !found.contains_key(node) {
            found.insert(*node, vec![Matched::FormerName]);
        }
    }
    let all = found.into_iter().map(|(node, matched)| (node, candidate(basis, node, matched)));
    all.collect()
}

fn kind_of(node: Node) -> Kind {
    match node {
        Node::User(_) => Kind::User,
        Node::Group(_) => Kind::Group,
    }
}

fn by_id(basis: &Basis<'_>, kind: Kind, wanted: &str) -> Option<Node> {
    let id = ProviderId::parse(wanted).ok()?;
    match kind {
        Kind::User => {
            let served = || basis.served.user_by_id(&id).map(|(no, _)| no);
            basis.mirror.person_no(&id).or_else(served).map(Node::User)
        }
        Kind::Group => {
            let served = || basis.served.group_by_id(&id).map(|(no, _)| no);
            basis.mirror.group_no(&id).or_else(served).map(Node::Group)
        }
    }
}

fn candidate(basis: &Basis<'_>, node: Node, matched: Vec<Matched>) -> Candidate {
    let (record, served) = match node {
        Node::User(no) => (
            basis.mirror.person(no).map(|row| (&row.record.id, &row.record.attributes)),
            basis.served.user(no).map(|user| (user.id().to_string(), user.name().to_owned())),
        ),
        Node::Group(no) => (
            basis.mirror.group(no).map(|row| (&row.record.id, &row.record.attributes)),
            basis.served.group(no).map(|group| (group.id().to_string(), group.name().to_string())),
        ),
    };
    let (served_id, name) = served.unzip();
    match record {
        Some((id, attributes)) => {
            Candidate { name, ..Candidate::of_record(id, attributes, matched) }
        }
        None => {
            Candidate { id: served_id.unwrap_or_default(), name, matched, ..Candidate::default() }
        }
    }
}

/// What is looked for among what the provider says.
struct Wanted<'a> {
    text: &'a str,
    folded: &'a str,
}

impl Wanted<'_> {
    fn matches(&self, attributes: &Attributes, mut add: impl FnMut(Matched)) {
        let looked_at = [
            (Attribute::Login, Matched::Login),
            (Attribute::Mail, Matched::Mail),
            (Attribute::DisplayName, Matched::DisplayName),
            (Attribute::Aliases, Matched::Alias),
        ];
        for (attribute, how) in looked_at {
            let Some(value) = attributes.get(attribute) else { continue };
            let fits = match how {
                Matched::Alias => value.lines().any(|line| self.is(address(line))),
                _ => self.is(value.trim()),
            };
            if fits {
                add(how);
            }
        }
    }

    /// Folding everything costs more than comparing, so texts of ASCII are compared as they are.
    fn is(&self, value: &str) -> bool {
        if value.is_ascii() {
            return value.eq_ignore_ascii_case(self.text)
                || value.eq_ignore_ascii_case(self.folded);
        }
        fold(value) == self.folded
    }
}

/// An alias without the kind of address that Entra ID writes before it (`smtp:`).
fn address(alias: &str) -> &str {
    alias.split_once(':').map_or(alias, |(_, address)| address).trim()
}
