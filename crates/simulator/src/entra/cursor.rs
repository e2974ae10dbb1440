//! Page and delta tokens: opaque, sealed, and bound to the query that they continue.
//!
//! Invariant: a token that was changed in any bit, made by another process, or belongs to another query is refused. The
//! server keeps nothing per token; a token carries a position, not an offset, so that edits between pages cannot shift
//! rows that nobody touched.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::GraphError;
use crate::chance::mix;

/// Delta tokens live this long.
pub(super) const DELTA_LIFE_MS: i64 = 7 * 86_400_000;
/// Page tokens live this long.
const PAGE_LIFE_MS: i64 = 3_600_000;

const WORDS: usize = 10;
const SEAL_BYTES: usize = 16;

/// What a token continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continues {
    /// A list.
    List = 1,
    /// A delta of users.
    UsersDelta = 2,
    /// A delta of groups.
    GroupsDelta = 3,
}

/// What a token carries. The meaning of the positions is the listing's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    /// Hash of the query (lists) or the frozen selection (deltas).
    pub(super) query: u64,
    /// Where to go on.
    pub(super) position: u64,
    /// Where to go on inside that position.
    pub(super) inner: u64,
    /// Length of the change log when the listing or round began.
    pub(super) start: u64,
    /// Number of objects when the listing began, or where the round ends in the log.
    pub(super) end: u64,
    /// Flags of the listing.
    pub(super) flags: u64,
    /// When the token was issued, in milliseconds.
    pub(super) issued_ms: i64,
    /// The cursor epoch of the application (deltas).
    pub(super) epoch: u64,
}

/// Why a token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Changed, cut, or for something else.
    Mangled,
    /// Issued by an earlier process, which had another past.
    OtherProcess,
}

/// Seals and opens tokens of one process.
#[derive(Debug)]
pub(super) struct Seal {
    key: hmac::Key,
    process: u64,
}

impl Seal {
    /// Tokens of a process that started at that time with that seed.
    pub(super) fn new(seed: u64, started_ms: i64) -> Self {
        let words = [1, 2, 3, 4].map(|word| mix(seed ^ mix(word)));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            process: mix(started_ms.cast_unsigned()),
        }
    }

    /// The token for a cursor.
    pub(super) fn seal(&self, continues: Continues, cursor: &Cursor) -> String {
        let words = [
            continues as u64,
            cursor.query,
            cursor.position,
            cursor.inner,
            cursor.start,
            cursor.end,
            cursor.flags,
            cursor.issued_ms.cast_unsigned(),
            cursor.epoch,
            self.process,
        ];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let tag = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(&tag.as_ref()[..SEAL_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor of a token, if the token is whole and continues that.
    pub(super) fn open(&self, continues: Continues, token: &str) -> Result<Cursor, Refused> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refused::Mangled)?;
        if bytes.len() != WORDS * 8 + SEAL_BYTES {
            return Err(Refused::Mangled);
        }
        let (body, tag) = bytes.split_at(WORDS * 8);
        if &hmac::sign(&self.key, body).as_ref()[..SEAL_BYTES] != tag {
            return Err(Refused::Mangled);
        }
        let word = |at: usize| {
            u64::from_le_bytes(body[at * 8..at * 8 + 8].try_into().expect("eight bytes each"))
        };
        if word(0) != continues as u64 {
            return Err(Refused::Mangled);
        }
        if word(9) != self.process {
            return Err(Refused::OtherProcess);
        }
        Ok(Cursor {
            query: word(1),
            position: word(2),
            inner: word(3),
            start: word(4),
            end: word(5),
            flags: word(6),
            issued_ms: word(7).cast_signed(),
            epoch: word(8),
        })
    }

    /// Opens the page token of a list.
    pub(super) fn open_page(
        &self,
        token: &str,
        query: u64,
        now_ms: i64,
    ) -> Result<Cursor, GraphError> {
        let cursor = self.open(Continues::List, token).map_err(|refused| match refused {
            Refused::Mangled => badly_formed(),
            Refused::OtherProcess => expired_page(),
        })?;
        if cursor.query != query {
            return Err(GraphError::bad_request(
                "Invalid token: the page token does not belong to this query.",
            ));
        }
        if now_ms > cursor.issued_ms + PAGE_LIFE_MS {
            return Err(expired_page());
        }
        Ok(cursor)
    }
}

/// 400 for a mangled token.
pub(super) fn badly_formed() -> GraphError {
    GraphError::new(400, "BadRequest", "Badly formed token.")
}

/// 400 for a page token past its life.
pub(super) fn expired_page() -> GraphError {
    GraphError::new(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_its_own_whole_tokens() {
        let seal = Seal::new(1, 2);
        let cursor = Cursor { query: 7, position: 8, issued_ms: 9, ..Cursor::default() };
        let token = seal.seal(Continues::List, &cursor);
        assert_eq!(seal.open(Continues::List, &token), Ok(cursor));
        assert_eq!(seal.open(Continues::UsersDelta, &token), Err(Refused::Mangled));
        let later = Seal::new(1, 3);
        assert_eq!(later.open(Continues::List, &token), Err(Refused::OtherProcess));
        let flipped = token.replacen(&token[3..4], if &token[3..4] == "A" { "B" } else { "A" }, 1);
        assert_eq!(seal.open(Continues::List, &flipped), Err(Refused::Mangled));
        assert!(seal.open_page(&token, 7, 10).is_ok());
        assert!(seal.open_page(&token, 6, 10).is_err());
        assert!(seal.open_page(&token, 7, 10 + PAGE_LIFE_MS).is_err());
    }
}
