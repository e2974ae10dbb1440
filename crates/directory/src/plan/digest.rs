//! Digests: what an approval or a discard names, so that it holds for what was seen and nothing else.
//!
//! Invariant: a digest changes when what it stands for changes.

use sha2::{Digest as _, Sha256};

use crate::{
    change::Change,
    decisions::{Digest, Node},
    derive::Basis,
};

/// The digest of what the provider says about an object, memberships included; a discard names it.
pub fn record_digest(basis: &Basis<'_>, node: Node) -> Digest {
    let mut hash = Sha256::new();
    match node {
        Node::User(no) => {
            if let Some(row) = basis.mirror.person(no) {
                hash.update(row.record.attributes.as_bytes());
                hash.update(format!(
                    "{:?}{:?}{:?}",
                    row.record.kind, row.record.enabled, row.state
                ));
            }
        }
        Node::Group(no) => {
            if let Some(row) = basis.mirror.group(no) {
                hash.update(row.record.attributes.as_bytes());
                hash.update(format!("{:?}{:?}", row.record.kind, row.state));
            }
            for list in [basis.mirror.users_of(no), basis.mirror.children_of(no)] {
                for no in list {
                    hash.update(no.to_le_bytes());
                }
                hash.update([255]);
            }
        }
    }
    basis.mirror.parents_of(node).iter().for_each(|no| hash.update(no.to_le_bytes()));
    short_digest(hash)
}

/// The digest of changes: what each object becomes, times aside. Whoever looked first names it.
pub fn changes_digest(changes: &[Change]) -> Digest {
    use std::fmt::Write;
    let mut hash = Sha256::new();
    let mut line = String::new();
    for change in changes {
        line.clear();
        let written = match change {
            Change::User { no, after: None, .. } => write!(line, "user {} goes", no.0),
            Change::User { no, after: Some(user), .. } => write!(
                line,
                "user {} {:?}",
                no.0,
                (
                    user.id(),
                    user.name(),
                    user.first_name(),
                    user.last_name(),
                    user.display_name(),
                    user.email(),
                    user.active()
                )
            ),
            Change::Group { no, after: None, .. } => write!(line, "group {} goes", no.0),
            Change::Group { no, after: Some(group), .. } => {
                write!(line, "group {} {:?}", no.0, (group.id(), group.name(), group.description()))
            }
            Change::Members(members) => write!(line, "{members:?}"),
        };
        written.expect("writing to a string does not fail");
        line.push('\n');
        hash.update(&line);
    }
    short_digest(hash)
}

pub(crate) fn short_digest(hash: Sha256) -> Digest {
    use std::fmt::Write;
    let mut text = String::with_capacity(16);
    for byte in &hash.finalize()[..8] {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    Digest(text)
}
