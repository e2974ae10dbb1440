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
    instance: Box<str>,
    epoch: u64,
    /// Of the view: its directories, their order, and how they are seen.
    digest: [u8; 8],
    seq: ChangeSeq,
}

impl Token {
    /// The token of a position.
    pub(super) fn of(view: &View, seq: ChangeSeq) -> Self {
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
        Self { instance: published.instance.clone(), epoch: published.epoch, digest, seq }
    }

    /// Reads a token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(4, ':');
        let (seq, digest) = (parts.next()?, parts.next()?);
        let (epoch, instance) = (parts.next()?, parts.next()?);
        let digest = u64::from_str_radix(digest, 16).ok()?.to_be_bytes();
        let (epoch, seq) = (epoch.parse().ok()?, ChangeSeq(seq.parse().ok()?));
        Some(Self { instance: instance.into(), epoch, digest, seq })
    }

    /// The position.
    pub(super) fn seq(&self) -> ChangeSeq {
        self.seq
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = u64::from_be_bytes(self.digest);
        write!(f, "{}:{}:{digest:016x}:{}", self.instance, self.epoch, self.seq)
    }
}
