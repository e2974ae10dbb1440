//! What a read could not read: named in the report, and kept in mind for whoever looks.
//!
//! Invariant: an object that could not be read keeps all that was known of it; this only tells of it.

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
    /// Takes what could not be read; what was readable again is forgotten.
    pub(super) fn take_unreadable(&mut self, unreadable: Vec<Unreadable>) {
        let mirror = &self.memory.mirror;
        self.memory.unreadable.clear();
        let mut named = Vec::new();
        for Unreadable { what, error, foreign } in unreadable {
            let (part, id, node) = match what {
                Unread::Person(id) => {
                    let node = mirror.person_no(&id).map(Node::User);
                    (UnreadablePart::User, id, node)
                }
                Unread::Group(id) => {
                    let node = mirror.group_no(&id).map(Node::Group);
                    (UnreadablePart::Group, id, node)
                }
                Unread::Members(id) => {
                    let node = mirror.group_no(&id).map(Node::Group);
                    (UnreadablePart::Members, id, node)
                }
            };
            let known = node.filter(|node| is_known(mirror, *node));
            if foreign && known.is_none() {
                continue;
            }
            let name = node.and_then(|node| name(mirror, node)).unwrap_or_else(|| id.to_string());
            named.push(UnreadableObject { part, id: id.to_string(), name, error: error.clone() });
            if let Some(node) = node {
                self.memory.unreadable.insert((node, part), error);
            }
        }
        self.unreadable_total = named.len() as u64;
        self.notes.extend(note(&named));
        named.truncate(NAMED_MAX);
        self.unreadable = named;
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
        let count = unreadable.len();
        format!(
            "{count} objects could not be read and stay as they were, until they can: {named}{more}"
        )
    })
}

/// Whether there was ever more of it than its id.
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
