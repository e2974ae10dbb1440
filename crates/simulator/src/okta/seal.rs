//! What only this process can have written: cursors carry their own state under a seal.
//!
//! Invariant: a text that was changed in any bit, or sealed by another process or for another purpose, does not open.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::chance::mix;

const TAG_BYTES: usize = 12;

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What a list is continued with.
    Cursor = 1,
    /// A nonce of the token endpoint.
    Nonce = 2,
}

/// Seals and opens.
#[derive(Debug)]
pub(super) struct Seal {
    key: hmac::Key,
}

impl Seal {
    /// The seal of a process that started at that time with that seed.
    pub(super) fn new(seed: u64, started_ms: i64) -> Self {
        let words = [5, 6, 7, 8].map(|word| mix(seed ^ mix(started_ms.cast_unsigned() ^ word)));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) }
    }

    /// The sealed form of some bytes.
    pub(super) fn seal(&self, purpose: Purpose, bytes: &[u8]) -> String {
        let mut whole = bytes.to_vec();
        whole.extend_from_slice(&self.tag(purpose, bytes));
        URL_SAFE_NO_PAD.encode(whole)
    }

    /// The bytes of a sealed text.
    pub(super) fn open(&self, purpose: Purpose, text: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let end = bytes.len().checked_sub(TAG_BYTES)?;
        let tag = bytes.split_off(end);
        (tag == self.tag(purpose, &bytes)).then_some(bytes)
    }

    fn tag(&self, purpose: Purpose, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut message = bytes.to_vec();
        message.push(purpose as u8);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&hmac::sign(&self.key, &message).as_ref()[..TAG_BYTES]);
        tag
    }
}

/// Takes a number from the front of sealed bytes.
pub(super) fn take_word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_for_that_purpose() {
        let seal = Seal::new(1, 2);
        let text = seal.seal(Purpose::Cursor, b"after ann");
        assert_eq!(seal.open(Purpose::Cursor, &text).as_deref(), Some(&b"after ann"[..]));
        assert_eq!(seal.open(Purpose::Nonce, &text), None);
        assert_eq!(Seal::new(1, 3).open(Purpose::Cursor, &text), None);
        assert_eq!(seal.open(Purpose::Cursor, "short"), None);
    }
}
