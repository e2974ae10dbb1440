//! Digests: what an approval or a discard names, so that it holds for what was seen and nothing else.
//!
//! Invariant: a digest changes when what it stands for changes.

use sha2::{Digest as _, Sha256};

use crate::{
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

pub(crate) fn short_digest(hash: Sha256) -> Digest {
    use std::fmt::Write;
    let mut text = String::with_capacity(16);
    for byte in &hash.finalize()[..8] {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    Digest(text)
}
