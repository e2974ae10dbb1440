//! Object ids: GUIDs computed from the seed, the kind and the position, and computed back.
//!
//! Invariant: `position(guid(n)) == n`, and no id is ever used twice. Nothing is stored: a million ids cost no memory.

use crate::chance::{draw, mix};

/// What kind of object an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A device or a contact.
    Other,
    /// Anything else that needs a GUID from the seed (the tenant, the application, a SKU).
    Fixed,
}

/// A GUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Guid(pub(crate) [u8; 16]);

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Guid {
    /// The 36 characters of the GUID, in lower case.
    pub(crate) fn text(self) -> [u8; 36] {
        let mut out = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            out[at] = HEX[usize::from(byte >> 4)];
            out[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        out
    }

    /// Reads a GUID in its 36 character form, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut out = [0_u8; 16];
        let mut at = 0;
        for (index, slot) in out.iter_mut().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                if bytes[at] != b'-' {
                    return None;
                }
                at += 1;
            }
            let high = char::from(bytes[at]).to_digit(16)?;
            let low = char::from(bytes[at + 1]).to_digit(16)?;
            *slot = (high * 16 + low) as u8;
            at += 2;
        }
        Some(Self(out))
    }
}

impl std::fmt::Display for Guid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("hexadecimal digits are ASCII"))
    }
}

/// Makes and reads the ids of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    seed: u64,
}

const FIRST: u32 = 0x9e37_79b1;
const SECOND: u32 = 0x85eb_ca77;

impl Ids {
    /// The ids of the tenant with this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: mix(seed ^ 0x1d5) }
    }

    /// The id of the object of that kind at that position.
    pub(crate) fn guid(&self, kind: Kind, position: u32) -> Guid {
        let key = self.key(kind);
        let head = scramble(position, key as u32);
        let middle = draw(key, 1, u64::from(position));
        let tail = mix(middle);
        let mut bytes = [0_u8; 16];
        bytes[..4].copy_from_slice(&head.to_be_bytes());
        bytes[4..8].copy_from_slice(&(middle as u32).to_be_bytes());
        bytes[8..].copy_from_slice(&tail.to_be_bytes());
        bytes[6] = 0x40 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Guid(bytes)
    }

    /// The position of the object of that kind with this id, if the id can be one of ours. The caller checks that
    /// the position is in use.
    pub(crate) fn position(&self, kind: Kind, guid: Guid) -> Option<u32> {
        let head = u32::from_be_bytes([guid.0[0], guid.0[1], guid.0[2], guid.0[3]]);
        let position = unscramble(head, self.key(kind) as u32);
        (self.guid(kind, position) == guid).then_some(position)
    }

    /// Two numbers for the object at that position: one that leads back to it, and one that cannot be guessed.
    pub(crate) fn halves(&self, kind: Kind, position: u32) -> (u32, u64) {
        let key = self.key(kind);
        (scramble(position, key as u32), draw(key, 2, u64::from(position)))
    }

    /// The position that the first of [`Self::halves`] was made from.
    pub(crate) fn unscramble(&self, kind: Kind, head: u32) -> u32 {
        unscramble(head, self.key(kind) as u32)
    }

    fn key(&self, kind: Kind) -> u64 {
        mix(self.seed.wrapping_add(kind as u64))
    }
}

/// A seeded permutation of the 32-bit numbers.
fn scramble(number: u32, key: u32) -> u32 {
    let mut word = (number ^ key).wrapping_mul(FIRST);
    word ^= word >> 15;
    word = word.wrapping_mul(SECOND);
    word ^ (word >> 13)
}

fn unscramble(word: u32, key: u32) -> u32 {
    let mut word = word ^ (word >> 13) ^ (word >> 26);
    word = word.wrapping_mul(inverse(SECOND));
    word ^= (word >> 15) ^ (word >> 30);
    word.wrapping_mul(inverse(FIRST)) ^ key
}

/// The inverse of an odd number modulo 2^32 (Newton's iteration).
const fn inverse(odd: u32) -> u32 {
    let mut guess = odd;
    let mut round = 0;
    while round < 5 {
        guess = guess.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(guess)));
        round += 1;
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_computed_back() {
        let ids = Ids::new(7);
        for position in [0, 1, 2, 999, 1_000_000, u32::MAX - 1] {
            let guid = ids.guid(Kind::User, position);
            assert_eq!(ids.position(Kind::User, guid), Some(position));
            assert_eq!(ids.position(Kind::Group, guid), None);
            assert_eq!(Guid::parse(&guid.to_string().to_uppercase()), Some(guid));
        }
        assert_eq!(Guid::parse("not-a-guid"), None);
    }
}
