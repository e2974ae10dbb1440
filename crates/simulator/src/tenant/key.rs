//! The ids that a vendor shows, as texts: GUIDs at Microsoft, numbers and short words at Google.
//!
//! Invariant: like [`super::id`], they are computed from the position and back; nothing is stored.

use super::{
    Member, Tenant,
    id::{Guid, Kind},
};
use crate::Provider;

/// Digits of a Google user's id after the leading 1.
const NUMBER_HALF: u64 = 10_000_000_000;
const BASE_36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Signs of each half of a Google group's id.
const WORD_HALF: usize = 7;

impl Tenant {
    /// The id of an object as the vendor shows it.
    pub(crate) fn key_of(&self, object: Member) -> String {
        match self.vendor {
            Provider::Entra => self.member_id(object).to_string(),
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
            Provider::Google => {
                let head = key.strip_prefix('0').filter(|_| key.len() == 15)?.get(..WORD_HALF)?;
                self.ids.unscramble(Kind::Group, u32::from_str_radix(head, 36).ok()?)
            }
        };
        ((at as usize) < self.groups.len() && self.key_of(Member::Group(at)) == key).then_some(at)
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
        push_base_36(&mut out[1..=WORD_HALF], u64::from(head));
        push_base_36(&mut out[1 + WORD_HALF..], tail);
        String::from_utf8(out).expect("digits and letters are ASCII")
    }
}

/// Fills a slice with the last digits of a number.
fn push_base_36(out: &mut [u8], mut number: u64) {
    for sign in out.iter_mut().rev() {
        *sign = BASE_36[(number % 36) as usize];
        number /= 36;
    }
}
