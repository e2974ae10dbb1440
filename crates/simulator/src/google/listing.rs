//! Pages: rows in an order, a token for what follows, and what faults make of them.
//!
//! Invariant: the list's name is absent when there are no rows; the last page has no token. An object that nobody
//! touches while a list is paged through appears in it exactly once.

use super::{
    Google,
    error::ApiError,
    mask::Mask,
    seal::{Purpose, Seal, take_word},
};
use crate::{
    chance::{draw, hash_bytes},
    counters::Violation,
    exchange::Call,
    faults::FaultKind,
    json::push_text,
};

/// Every page token begins so; the signs are allowed in a query, and what follows needs encoding.
const TOKEN_MARK: &str = "~!!~";
/// Followed pages smaller than this are a violation.
const PAGE_ROWS_MIN: usize = 100;

/// What a list is made of, in its order.
pub(super) trait Rows {
    /// How many rows there may be.
    fn len(&self) -> usize;
    /// Whether the row at this place is shown.
    fn shows(&self, at: usize) -> bool;
    /// What the row is sorted by, unique.
    fn key(&self, at: usize) -> String;
    /// Whether keys fall from row to row.
    fn falls(&self) -> bool {
        false
    }
    /// A number that stays with the object, for faults.
    fn number(&self, at: usize) -> u64;
    /// Writes the row as an object.
    fn write(&self, out: &mut Vec<u8>, at: usize);
}

/// One page, as asked for.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) kind: &'static str,
    /// The name of the list.
    pub(super) list: &'static str,
    pub(super) mask: Mask,
    /// What tells the listing from others.
    pub(super) query: u64,
    pub(super) token: Option<&'a str>,
    /// How long tokens are good.
    pub(super) life_ms: i64,
    pub(super) rows: usize,
}

/// What a page token carries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bookmark {
    query: u64,
    issued_ms: i64,
    epoch: u64,
    /// Whether the page it leads to is one that was delivered already.
    again: bool,
    /// The key of the last row before.
    after: String,
}

impl Bookmark {
    fn seal(&self, seal: &Seal) -> String {
        let words = [self.query, self.issued_ms.cast_unsigned(), self.epoch, u64::from(self.again)];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(self.after.as_bytes());
        format!("{TOKEN_MARK}{}", seal.seal(Purpose::Page, &bytes))
    }

    fn open(seal: &Seal, token: &str) -> Option<Self> {
        let bytes = seal.open(Purpose::Page, token.strip_prefix(TOKEN_MARK)?)?;
        let mut rest = bytes.as_slice();
        Some(Self {
            query: take_word(&mut rest)?,
            issued_ms: take_word(&mut rest)?.cast_signed(),
            epoch: take_word(&mut rest)?,
            again: take_word(&mut rest)? != 0,
            after: String::from_utf8(rest.to_vec()).ok()?,
        })
    }
}

impl Google {
    /// Where a page begins: nowhere for the first one.
    fn bookmark(&self, sheet: &Sheet<'_>) -> Result<Option<Bookmark>, ApiError> {
        let Some(token) = sheet.token else {
            return Ok(None);
        };
        if sheet.rows < PAGE_ROWS_MIN {
            self.world.counters.violation(Violation::PageSizeTooSmall);
        }
        let now = self.world.clock.now_ms();
        let good = Bookmark::open(&self.seal, token).filter(|bookmark| {
            bookmark.query == sheet.query
                && bookmark.epoch == self.account.cursor_epoch()
                && now <= bookmark.issued_ms + sheet.life_ms
        });
        good.map(Some).ok_or_else(|| ApiError::invalid("pageToken"))
    }

    /// One page of a list.
    pub(super) fn page(
        &self,
        rows: &dyn Rows,
        sheet: &Sheet<'_>,
        call: &Call,
    ) -> Result<Vec<u8>, ApiError> {
        let begin = self.bookmark(sheet)?;
        let mut written = Written::new(sheet);
        if call.picked.has(FaultKind::Empty) {
            return Ok(written.finish(sheet, None));
        }
        let first = begin.as_ref().map_or(0, |bookmark| place_after(rows, &bookmark.after));
        let mut last = None;
        let mut more = false;
        for at in first..rows.len() {
            if !rows.shows(at) || call.picked.omits(rows.number(at)) {
                continue;
            }
            if written.count == sheet.rows {
                more = true;
                break;
            }
            written.row(rows, at);
            last = Some(at);
        }
        if call.picked.has(FaultKind::Duplicate) {
            // The row before this page, and the first of it.
            let again = [first.checked_sub(1), Some(first)];
            for at in again.into_iter().flatten().filter(|at| *at < rows.len() && rows.shows(*at)) {
                written.row(rows, at);
            }
        }
        let again = begin.as_ref().is_some_and(|bookmark| bookmark.again);
        let replay = call.picked.has(FaultKind::Replay) && !again && begin.is_some();
        let after = match (replay, last) {
            (true, _) => begin.map(|bookmark| bookmark.after),
            (false, Some(last)) if more => Some(rows.key(last)),
            _ => None,
        };
        let foreign = call.picked.has(FaultKind::ForeignLink);
        let next = (foreign || after.is_some()).then(|| Bookmark {
            query: sheet.query,
            issued_ms: self.world.clock.now_ms(),
            epoch: self.account.cursor_epoch(),
            again: replay,
            after: after.unwrap_or_default(),
        });
        let seal = if foreign { &self.foreign_seal } else { &self.seal };
        Ok(written.finish(sheet, next.map(|bookmark| bookmark.seal(seal))))
    }
}

/// The place of the first row behind a key.
fn place_after(rows: &dyn Rows, key: &str) -> usize {
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let middle = low.midpoint(high);
        let at = rows.key(middle);
        let before = if rows.falls() { at.as_str() >= key } else { at.as_str() <= key };
        if before { low = middle + 1 } else { high = middle }
    }
    low
}

/// The rows of a page while it is written.
struct Written {
    bytes: Vec<u8>,
    count: usize,
    /// What is selected of a row, if it cannot be left to the row to write only that.
    deep: Option<Mask>,
    shown: bool,
}

impl Written {
    fn new(sheet: &Sheet<'_>) -> Self {
        let mask = sheet.mask.of(sheet.list);
        let shown = mask.is_some();
        let deep = mask.filter(|mask| mask.is_deep(&["name"]));
        Self { bytes: Vec::with_capacity(sheet.rows.min(1_000) * 256), count: 0, deep, shown }
    }

    fn row(&mut self, rows: &dyn Rows, at: usize) {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        let start = self.bytes.len();
        rows.write(&mut self.bytes, at);
        if let Some(mask) = &self.deep {
            let row = prune(&self.bytes[start..], mask);
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(&row);
        }
    }

    fn finish(self, sheet: &Sheet<'_>, next: Option<String>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 512);
        out.push(b'{');
        let mask = &sheet.mask;
        if mask.has("kind") {
            text_field(&mut out, "kind", sheet.kind);
        }
        if mask.has("etag") {
            let etag = etag(sheet.query, hash_bytes(&self.bytes));
            text_field(&mut out, "etag", &etag);
        }
        if self.shown && self.count > 0 {
            push_text(&mut out, sheet.list);
            out.extend_from_slice(b":[");
            out.extend_from_slice(&self.bytes);
            out.extend_from_slice(b"],");
        }
        if let Some(token) = next.filter(|_| mask.has("nextPageToken")) {
            text_field(&mut out, "nextPageToken", &token);
        }
        close(&mut out);
        out
    }
}

/// A written object without what is not selected.
pub(super) fn prune(row: &[u8], mask: &Mask) -> Vec<u8> {
    let mut value = serde_json::from_slice(row).unwrap_or_default();
    mask.prune(&mut value);
    value.to_string().into_bytes()
}

/// Writes `"name":"text",`.
pub(super) fn text_field(out: &mut Vec<u8>, name: &str, text: &str) {
    push_text(out, name);
    out.push(b':');
    push_text(out, text);
    out.push(b',');
}

/// Ends an object whose last field was followed by a comma.
pub(super) fn close(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b'}');
}

/// An entity tag, with its quotes.
pub(super) fn etag(what: u64, version: u64) -> String {
    format!("\"{:016x}/{:016x}\"", draw(what, 0xe7a6, 1), draw(what, 0xe7a6, version ^ 2))
}
