//! Objects that a run could not read: named in its report, and kept in memory for issues and explanations.
//!
//! Invariant: an object that could not be read keeps all that was known of it; this module only tells of it.

use directory::{
    decisions::Node,
    mirror::{Mirror, State},
    observation::{Attribute, Unread, Unreadable},
    report::{UnreadableObject, UnreadablePart},
};

use super::Run;

/// Objects that a report names.
const NAMED_MAX: usize = 100;
/// Objects that a note names.
const NOTED_MAX: usize = 5;

impl Run {
    /// Replaces the objects that the last read could not read by those of this one.
    pub(super) fn take_unreadable(&mut self, unreadable: Vec<Unreadable>) {
        self.memory.unreadable.clear();
        self.add_unreadable(unreadable);
    }

    /// Adds objects that the provider did not show, or about which it refused to answer.
    pub(super) fn add_unreadable(&mut self, unreadable: Vec<Unreadable>) {
        let mirror = &self.memory.mirror;
        for Unreadable { what, error, foreign } in unreadable {
            let id = what.id();
            let part = match &what {
                Unread::Person(_) => UnreadablePart::User,
                Unread::Group(_) => UnreadablePart::Group,
                Unread::Members(_) => UnreadablePart::Members,
                Unread::Memberships(_) => UnreadablePart::Memberships,
            };
            let node = match part {
                UnreadablePart::User | UnreadablePart::Memberships => {
                    mirror.person_no(id).map(Node::User)
                }
                UnreadablePart::Group | UnreadablePart::Members => {
                    mirror.group_no(id).map(Node::Group)
                }
            };
            if foreign && !node.is_some_and(|node| is_known(mirror, node)) {
                continue;
            }
            let (id, name) = (id.to_string(), node.and_then(|node| name(mirror, node)));
            let is_it = |other: &UnreadableObject| other.part == part && other.id == id;
            if self.unreadable.iter().any(is_it) {
                continue;
            }
            let name = name.unwrap_or_else(|| id.clone());
            self.unreadable.push(UnreadableObject { part, id, name, error: error.clone() });
            if let Some(node) = node {
                self.memory.unreadable.insert((node, part), error);
            }
        }
    }

    /// The objects that the report names, and how many there are; a note says the same in words.
    pub(super) fn reported_unreadable(&mut self) -> (Vec<UnreadableObject>, u64) {
        let mut named = std::mem::take(&mut self.unreadable);
        let total = named.len() as u64;
        self.notes.extend(note(&named));
        named.truncate(NAMED_MAX);
        (named, total)
    }
}

fn note(unreadable: &[UnreadableObject]) -> Option<String> {
    let first = unreadable.iter().take(NOTED_MAX).map(|object| {
        let UnreadableObject { part, id, name, error } = object;
        format!("{part} `{name}` ({id}): {error}")
    });
    let named = first.collect::<Vec<_>>().join("; ");
    let more = match unreadable.len().saturating_sub(NOTED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!unreadable.is_empty()).then(|| {
        let count = match unreadable.len() {
            1 => "one object could not be read and stays as it was, until it can".to_owned(),
            count => {
                format!("{count} objects could not be read and stay as they were, until they can")
            }
        };
        format!("{count}: {named}{more}")
    })
}

/// Returns true if more than the id of an object was ever known.
fn is_known(mirror: &Mirror, node: Node) -> bool {
    mirror.state(node).is_some_and(|state| state != State::Mentioned)
}

fn name(mirror: &Mirror, node: Node) -> Option<String> {
    let attributes = match node {
        Node::User(no) => &mirror.person(no)?.record.attributes,
        Node::Group(no) => &mirror.group(no)?.record.attributes,
    };
    let first = match node {
        Node::User(_) => [Attribute::Login, Attribute::Mail, Attribute::DisplayName],
        Node::Group(_) => [Attribute::DisplayName, Attribute::Mail, Attribute::MailNickname],
    };
    first.into_iter().find_map(|attribute| attributes.get(attribute)).map(str::to_owned)
}
