//! A group as served to products; its members are edges of the [`crate::snapshot::Directory`].
//!
//! Invariant: immutable; a change makes a new [`Group`].

use core::fmt;

use crate::{
    cut,
    id::{Millis, ProviderId},
    name::Name,
};

/// A group as served.
#[derive(Clone)]
pub struct Group {
    id: ProviderId,
    created: Millis,
    updated: Millis,
    name: Name,
    description: Box<str>,
}

/// The longest description that is served, in bytes of UTF-8; a longer one is cut at a character. The limit is ours
/// and bounds memory and documents: products themselves keep 255 UTF-16 units (`protocols/crowd.md` 1.5).
pub const DESCRIPTION_BYTES_MAX: usize = 4096;

impl Group {
    /// Makes the served form: the one constructor for what a run serves and for what the store reads. An empty
    /// description means that there is none; too long a one is cut.
    pub fn new(
        id: ProviderId,
        name: Name,
        description: &str,
        created: Millis,
        updated: Millis,
    ) -> Self {
        let description = cut::to_bytes(description, DESCRIPTION_BYTES_MAX);
        Self { id, created, updated, name, description: description.into() }
    }

    /// The provider's id.
    pub fn id(&self) -> &ProviderId {
        &self.id
    }

    /// The group's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The name as compared.
    pub fn folded_name(&self) -> &str {
        self.name.folded()
    }

    /// The description, or empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// When the group was first served.
    pub fn created(&self) -> Millis {
        self.created
    }

    /// When what is served of the group last changed, members aside.
    pub fn updated(&self) -> Millis {
        self.updated
    }

    /// Whether both are served alike: everything but the times, spelling of the name included.
    pub fn same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name.as_str() == other.name.as_str()
            && self.description == other.description
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.same_as(other) && (self.created, self.updated) == (other.created, other.updated)
    }
}

impl Eq for Group {}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("description", &self.description)
            .field("created", &self.created.0)
            .field("updated", &self.updated.0)
            .finish()
    }
}
