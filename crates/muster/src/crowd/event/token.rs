//! Event tokens: a position of the change log as one application sees it.
//!
//! Invariant: a token of another store, another epoch or another view never equals one of this, so it
//! cannot be answered wrongly.

use std::fmt;

use directory::{id::ChangeSeq, view::View};
use sha2::{Digest, Sha256};

/// A position in what an application sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Store, epoch, and the digest of the view.
    view: String,
    seq: ChangeSeq,
}

impl Token {
    /// The token of a position of a view.
    pub(super) fn of(view: String, seq: ChangeSeq) -> Self {
        Self { view, seq }
    }

    /// Reads a token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (view, seq) = text.rsplit_once(':')?;
        Some(Self { view: view.to_owned(), seq: ChangeSeq(seq.parse().ok()?) })
    }

    /// Whether it is of a view as it is now.
    pub(super) fn is_of(&self, view: &View) -> bool {
        self.view == name_of(view)
    }

    /// The position.
    pub(super) fn seq(&self) -> ChangeSeq {
        self.seq
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.view, self.seq)
    }
}

/// What a view is called: the store, its epoch, and a digest of the directories, their order, and how they
/// are seen.
pub(in crate::crowd) fn name_of(view: &View) -> String {
    let mut hasher = Sha256::new();
    for directory in view.directories() {
        hasher.update(directory.0.to_le_bytes());
    }
    let shape = view.shape();
    let seen = [shape.aggregate, shape.flattened, shape.frozen.is_some()];
    hasher.update(seen.map(u8::from));
    // Names are frozen for one application: the next one of its name starts with those of the day.
    if let Some(application) = shape.frozen {
        hasher.update(application.to_le_bytes());
    }
    let mut digest = [0; 8];
    digest.copy_from_slice(&hasher.finalize()[..8]);
    let published = view.published();
    format!("{}:{}:{:016x}", published.instance, published.epoch, u64::from_be_bytes(digest))
}
