//! Event tokens: a position of the change log as one application sees it.
//!
//! Invariant: a token of another store, another epoch or another view never equals one of this, so it
//! cannot be answered wrongly.

use std::fmt;

use directory::{
    id::{ChangeSeq, Millis},
    view::View,
};
use sha2::{Digest, Sha256};

use crate::crowd::{FinishedLists, ReadLists};

/// A position in what an application sees: `VIEW:SEQ`, or `VIEW:SEQ:LISTS` when the client had read lists
/// from which it knows the names of a later position. Tokens of older servers have the first form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Store, epoch, and the digest of the view.
    view: String,
    seq: ChangeSeq,
    lists: Option<Lists>,
}

/// The lists that the client may have read when the token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lists {
    /// The position of the oldest: whichever the client read, it has the names of that position or later.
    oldest: ChangeSeq,
    finished: FinishedLists,
}

impl Token {
    /// The token of a position of a view.
    pub(super) fn of(view: String, seq: ChangeSeq) -> Self {
        Self { view, seq, lists: None }
    }

    /// The token for a client that has read one of these lists, made `now`; it points to `recent` at the latest.
    /// The view is the list's: if it is another one by now, the token has expired already.
    pub(super) fn after(lists: &ReadLists, recent: ChangeSeq, now: Millis) -> Self {
        let ReadLists { oldest, latest, single } = lists;
        let finished = FinishedLists { latest: *latest, single: *single, at: now };
        let lists = Lists { oldest: oldest.seq, finished };
        Self { view: oldest.view.clone(), seq: oldest.seq.min(recent), lists: Some(lists) }
    }

    /// Reads a token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (stem, last) = text.rsplit_once(':')?;
        if let Ok(seq) = last.parse() {
            return Some(Self::of(stem.to_owned(), ChangeSeq(seq)));
        }
        let (view, seq) = stem.rsplit_once(':')?;
        let lists = Some(Lists::parse(last)?);
        Some(Self { view: view.to_owned(), seq: ChangeSeq(seq.parse().ok()?), lists })
    }

    /// The position whose names the client knows: renames up to there are nothing new to it.
    pub(super) fn names_known_to(&self) -> ChangeSeq {
        self.lists.map_or(self.seq, |lists| lists.oldest.max(self.seq))
    }

    /// The lists that the client is done with when it uses the token.
    pub(super) fn finished(&self) -> Option<FinishedLists> {
        self.lists.map(|lists| lists.finished)
    }

    /// Whether it is of a view as it is now.
    pub(super) fn is_of(&self, view: &View) -> bool {
        self.view == name_of(view)
    }

    /// Whether it was made by this store, of whatever view and epoch.
    pub(super) fn is_of_store(&self, view: &View) -> bool {
        let rest = self.view.strip_prefix(&*view.published().instance);
        rest.is_some_and(|rest| rest.starts_with(':'))
    }

    /// The position.
    pub(super) fn seq(&self) -> ChangeSeq {
        self.seq
    }
}

impl Lists {
    /// Reads `OLDEST.LATEST.MADE`, with `.1` at its end when there was just one.
    fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|part| part.parse().ok()).collect();
        let (oldest, latest, at, single) = match numbers?.as_slice() {
            [oldest, latest, at] => (*oldest, *latest, *at, false),
            [oldest, latest, at, 1] => (*oldest, *latest, *at, true),
            _ => return None,
        };
        let at = Millis(i64::try_from(at).ok()?);
        let finished = FinishedLists { latest, single, at };
        Some(Self { oldest: ChangeSeq(oldest), finished })
    }
}

impl fmt::Display for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FinishedLists { latest, single, at } = self.finished;
        write!(f, "{}.{latest}.{}", self.oldest, at.0.max(0))?;
        if single { f.write_str(".1") } else { Ok(()) }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.view, self.seq)?;
        match &self.lists {
            Some(lists) => write!(f, ":{lists}"),
            None => Ok(()),
        }
    }
}

/// What a view is called: the store, its epoch, and a digest of the directories, their order, how they are seen, and
/// who has made way to an account of the same name.
pub(in crate::crowd) fn name_of(view: &View) -> String {
    let mut hasher = Sha256::new();
    for directory in view.directories() {
        hasher.update(directory.0.to_le_bytes());
    }
    let shape = view.shape();
    let seen = [shape.aggregate, shape.flattened, shape.frozen.is_some()];
    hasher.update(seen.map(u8::from));
    // Whoever makes way to another account changes an owner, which products have to read anew.
    for (directory, no) in view.leavers() {
        hasher.update(directory.0.to_le_bytes());
        hasher.update(no.0.to_le_bytes());
    }
    // Names are frozen for one application: the next one of its name starts with those of the day.
    if let Some(application) = shape.frozen {
        hasher.update(application.to_le_bytes());
    }
    let mut digest = [0; 8];
    digest.copy_from_slice(&hasher.finalize()[..8]);
    let published = view.published();
    format!("{}:{}:{:016x}", published.instance, published.epoch, u64::from_be_bytes(digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::Floor;

    #[test]
    fn tokens_of_both_forms_are_read_as_they_are_written() {
        let view = || "instance:1:00ff".to_owned();
        let lists = |single| ReadLists {
            oldest: Floor { seq: ChangeSeq(9), view: view() },
            latest: 4,
            single,
        };
        let (recent, now) = (ChangeSeq(7), Millis(1_000));
        let tokens = [
            (Token::of(view(), ChangeSeq(7)), "instance:1:00ff:7", 7),
            (Token::after(&lists(false), recent, now), "instance:1:00ff:7:9.4.1000", 9),
            (Token::after(&lists(true), recent, now), "instance:1:00ff:7:9.4.1000.1", 9),
            (Token::after(&lists(true), ChangeSeq(20), now), "instance:1:00ff:9:9.4.1000.1", 9),
        ];
        for (token, text, known) in tokens {
            assert_eq!(token.to_string(), text);
            assert_eq!(token.names_known_to(), ChangeSeq(known), "{text}");
            assert_eq!(Token::parse(text), Some(token), "{text}");
        }
        for bad in
            ["", "7", ":7:", "a:7:9.4", "a:7:9.4.1000.2", "a:7:9.4.1000.1.1", "a:x:9.4.5", "a:-7"]
        {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
