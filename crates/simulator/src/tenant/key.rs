//! The ids that a vendor shows, as texts: GUIDs at Microsoft, numbers and short words at Google, 20 signs at Okta.
//!
//! Invariant: like [`super::id`], they are computed from the position and back; nothing is stored.

use super::{
    Member, Tenant,
    id::{Guid, Kind},
};
use crate::Provider;

/// Digits of a Google user's id after the leading 1.
const NUMBER_HALF: u64 = 10_000_000_000;
/// What ids of Okta are written in; they are told apart by case.
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Signs of an Okta id that lead back to the position.
const OKTA_HEAD: usize = 6;
/// The last signs of all ids in one of Okta's cells.
const OKTA_CELL: &[u8; 3] = b"5d7";
const BASE_36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Signs of each half of a Google group's id.
const WORD_HALF: usize = 7;

impl Tenant {
    /// The id of an object as the vendor shows it.
    pub(crate) fn key_of(&self, object: Member) -> String {
        match self.vendor {
            Provider::Entra => self.member_id(object).to_string(),
            Provider::Okta => {
                let mut out = Vec::with_capacity(20);
                self.push_okta_id(&mut out, object);
                String::from_utf8(out).expect("digits and letters are ASCII")
            }
            Provider::Google => match object {
                Member::User(at) => self.google_number(Kind::User, at),
                Member::Group(at) => self.google_word(at),
                Member::Other(at) => self.google_number(Kind::Other, at),
            },
        }
    }

    /// The user with this id, in whatever life.
    pub(crate) fn user_by_key(&self, key: &str) -> Option<u32> {
        let at = match self.vendor {
            Provider::Entra => return Guid::parse(key).and_then(|guid| self.find_user(guid)),
            Provider::Okta => self.okta_position(Kind::User, "00u", key)?,
            Provider::Google => {
                let head = key.strip_prefix('1').filter(|_| key.len() == 21)?.get(..10)?;
                self.ids.unscramble(Kind::User, head.parse().ok()?)
            }
        };
        ((at as usize) < self.users.len() && self.key_of(Member::User(at)) == key).then_some(at)
    }

    /// The group with this id, in whatever life.
    pub(crate) fn group_by_key(&self, key: &str) -> Option<u32> {
        let at = match self.vendor {
            Provider::Entra => return Guid::parse(key).and_then(|guid| self.find_group(guid)),
            Provider::Okta => self.okta_position(Kind::Group, "00g", key)?,
            Provider::Google => {
                let head = key.strip_prefix('0').filter(|_| key.len() == 15)?.get(..WORD_HALF)?;
                self.ids.unscramble(Kind::Group, u32::from_str_radix(head, 36).ok()?)
            }
        };
        ((at as usize) < self.groups.len() && self.key_of(Member::Group(at)) == key).then_some(at)
    }

    /// Writes 20 signs that begin with `00u` (people) or `00g` (groups).
    pub(crate) fn push_okta_id(&self, out: &mut Vec<u8>, object: Member) {
        let (kind, prefix, at) = match object {
            Member::User(at) => (Kind::User, b"00u", at),
            Member::Group(at) => (Kind::Group, b"00g", at),
            Member::Other(at) => (Kind::Other, b"0oa", at),
        };
        let (head, tail) = self.ids.halves(kind, at);
        let mut signs = [0; 17];
        push_base(&mut signs[..OKTA_HEAD], BASE_62, u64::from(head));
        push_base(&mut signs[OKTA_HEAD..14], BASE_62, tail);
        signs[14..].copy_from_slice(OKTA_CELL);
        out.extend_from_slice(prefix);
        out.extend_from_slice(&signs);
    }

    /// The position that an id of that kind was made from, if it is one.
    fn okta_position(&self, kind: Kind, prefix: &str, key: &str) -> Option<u32> {
        let head = key.strip_prefix(prefix).filter(|_| key.len() == 20)?.get(..OKTA_HEAD)?;
        let mut number = 0_u64;
        for sign in head.bytes() {
            let digit = BASE_62.iter().position(|one| *one == sign)?;
            number = number * 62 + digit as u64;
        }
        Some(self.ids.unscramble(kind, u32::try_from(number).ok()?))
    }

    /// 21 digits that begin with 1, as Google numbers accounts.
    fn google_number(&self, kind: Kind, at: u32) -> String {
        let (head, tail) = self.ids.halves(kind, at);
        format!("1{head:010}{:010}", tail % NUMBER_HALF)
    }

    /// 15 signs that begin with 0, as Google names groups.
    fn google_word(&self, at: u32) -> String {
        let (head, tail) = self.ids.halves(Kind::Group, at);
        let mut out = vec![b'0'; 1 + 2 * WORD_HALF];
        push_base(&mut out[1..=WORD_HALF], BASE_36, u64::from(head));
        push_base(&mut out[1 + WORD_HALF..], BASE_36, tail);
        String::from_utf8(out).expect("digits and letters are ASCII")
    }
}

/// Fills a slice with the last digits of a number.
pub(crate) fn push_base(out: &mut [u8], digits: &[u8], mut number: u64) {
    let base = digits.len() as u64;
    for sign in out.iter_mut().rev() {
        *sign = digits[(number % base) as usize];
        number /= base;
    }
}

/// So many signs of Okta's alphabet, made of a draw.
pub(crate) fn okta_signs(prefix: &str, count: usize, draw: impl Fn(u64) -> u64) -> String {
    let mut out = prefix.as_bytes().to_vec();
    for at in 0..count as u64 {
        out.push(BASE_62[(draw(at) % 62) as usize]);
    }
    String::from_utf8(out).expect("digits and letters are ASCII")
}
