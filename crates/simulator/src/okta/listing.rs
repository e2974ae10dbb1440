//! Pages: a JSON array, `Link` headers around it, and what faults make of them.
//!
//! Invariant: an object that nobody touches while a list is paged through appears in it exactly once. A cursor is good
//! only for the query it was made for.

use super::{
    JSON, Okta,
    error::ApiError,
    seal::{Purpose, Seal, take_word},
};
use crate::{
    LinkHeaders,
    chance::hash_bytes,
    counters::Violation,
    exchange::{Call, Reply},
    faults::FaultKind,
    provider::Granted,
};

/// Followed pages smaller than this are a violation.
const PAGE_ROWS_MIN: usize = 100;

/// What a list is made of, in its order.
pub(super) trait Rows {
    /// How many rows there may be.
    fn len(&self) -> usize;
    /// Whether the row at this place is shown.
    fn shows(&self, at: usize) -> bool;
    /// A number that stays with the object, for faults.
    fn number(&self, at: usize) -> u64;
    /// What a cursor remembers of the row.
    fn key(&self, at: usize) -> Vec<u8>;
    /// The place of the first row behind a key.
    fn place_after(&self, key: &[u8]) -> usize;
    /// Writes the row as an object.
    fn write(&self, out: &mut Vec<u8>, at: usize);
}

/// How many rows a page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) default: usize,
    pub(super) maximum: usize,
    /// What is done with more.
    pub(super) over: Over,
}

/// What is done with a `limit` over the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The maximum is taken.
    Cut,
    /// The request is refused.
    Refuse,
}

/// What a cursor carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    query: u64,
    epoch: u64,
    /// Whether the page it leads to is one that was delivered already.
    again: bool,
    /// The key of the last row before.
    pub(super) after: Vec<u8>,
}

impl Cursor {
    fn seal(&self, seal: &Seal) -> String {
        let words = [self.query, self.epoch, u64::from(self.again)];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(&self.after);
        seal.seal(Purpose::Cursor, &bytes)
    }

    fn open(seal: &Seal, text: &str) -> Option<Self> {
        let bytes = seal.open(Purpose::Cursor, text)?;
        let mut rest = bytes.as_slice();
        Some(Self {
            query: take_word(&mut rest)?,
            epoch: take_word(&mut rest)?,
            again: take_word(&mut rest)? != 0,
            after: rest.to_vec(),
        })
    }
}

/// The page size that a request asks for.
pub(super) fn page_rows(call: &Call, limit: Limit) -> Result<usize, ApiError> {
    let Some(text) = call.option("limit").filter(|text| !text.is_empty()) else {
        return Ok(limit.default);
    };
    let wrong = |cause: String| ApiError::validation("limit", cause);
    match text.parse::<i64>().map(usize::try_from) {
        Ok(Ok(rows)) if (1..=limit.maximum).contains(&rows) => Ok(rows),
        Ok(Ok(rows)) if rows > limit.maximum && limit.over == Over::Cut => Ok(limit.maximum),
        Ok(Ok(rows)) if rows > limit.maximum => {
            Err(wrong(format!("limit: must be less than or equal to {}", limit.maximum)))
        }
        Ok(_) => Err(wrong("limit: must be greater than or equal to 1".to_owned())),
        Err(_) => Err(wrong("limit: must be a number".to_owned())),
    }
}

impl Okta {
    /// Where a page begins: nowhere for the first one.
    pub(super) fn cursor(&self, call: &Call, rows: usize) -> Result<Option<Cursor>, ApiError> {
        let Some(text) = call.option("after").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if rows < PAGE_ROWS_MIN {
            self.world.counters.violation(Violation::PageSizeTooSmall);
        }
        let good = Cursor::open(&self.seal, text).filter(|cursor| {
            cursor.query == query(call) && cursor.epoch == self.app.cursor_epoch()
        });
        good.map(Some).ok_or_else(|| ApiError::validation("after", "after: The cursor is invalid."))
    }

    /// One page of a list.
    pub(super) fn page(
        &self,
        rows: &dyn Rows,
        limit: Limit,
        call: &Call,
        route: &'static str,
    ) -> Result<Reply, ApiError> {
        let wanted = page_rows(call, limit)?;
        let begin = self.cursor(call, wanted)?;
        if call.picked.has(FaultKind::Empty) || self.app.is_revoked(Granted::Resources) {
            return Ok(self.linked(Reply::new(route, JSON, b"[]".to_vec()), call, None));
        }
        let first = begin.as_ref().map_or(0, |cursor| rows.place_after(&cursor.after));
        let mut written = Written::new(wanted);
        let mut last = None;
        let mut more = false;
        for at in first..rows.len() {
            if !rows.shows(at) || call.picked.omits(rows.number(at)) {
                continue;
            }
            if written.count == wanted {
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
        let again = begin.as_ref().is_some_and(|cursor| cursor.again);
        let replay = call.picked.has(FaultKind::Replay) && !again && begin.is_some();
        let after = match (replay, last) {
            (true, _) => begin.map(|cursor| cursor.after),
            (false, Some(last)) if more => Some(rows.key(last)),
            _ => None,
        };
        let foreign = call.picked.has(FaultKind::ForeignLink);
        let next = (foreign || after.is_some())
            .then(|| self.cursor_text(call, after.unwrap_or_default(), replay));
        Ok(self.linked(Reply::new(route, JSON, written.finish()), call, next))
    }

    /// A cursor of this query, behind a key.
    pub(super) fn cursor_text(&self, call: &Call, after: Vec<u8>, again: bool) -> String {
        let (query, epoch) = (query(call), self.app.cursor_epoch());
        Cursor { query, epoch, again, after }.seal(&self.seal)
    }

    /// A reply with links to itself and to the page behind a cursor.
    pub(super) fn linked(&self, reply: Reply, call: &Call, next: Option<String>) -> Reply {
        let mut links = vec![format!("<{}{}>; rel=\"self\"", call.origin, call.target)];
        if let Some(cursor) = next {
            let host = if call.picked.has(FaultKind::ForeignLink) {
                format!("{}{}", self.world.foreign, call.prefix)
            } else {
                call.base.clone()
            };
            let mut parameters = url::form_urlencoded::Serializer::new(String::new());
            parameters.append_pair("after", &cursor);
            for (name, value) in call.query.iter().filter(|(name, _)| name != "after") {
                parameters.append_pair(name, value);
            }
            let address = format!("{host}{}?{}", call.encoded_path(), parameters.finish());
            links.push(format!("<{address}>; rel=\"next\""));
        }
        match self.links {
            LinkHeaders::Joined => reply.with_header("link", links.join(", ")),
            LinkHeaders::Separate => {
                links.into_iter().fold(reply, |reply, link| reply.with_header("link", link))
            }
        }
    }
}

/// What tells a listing from others: its path and all parameters but the page's own.
fn query(call: &Call) -> u64 {
    let mut text = call.path.clone();
    for (name, value) in &call.query {
        if name != "after" && name != "limit" {
            text.push('\n');
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
    }
    hash_bytes(text.as_bytes())
}

/// The rows of a page while it is written.
struct Written {
    bytes: Vec<u8>,
    count: usize,
}

impl Written {
    fn new(rows: usize) -> Self {
        let mut bytes = Vec::with_capacity(rows.min(1_000) * 1_200);
        bytes.push(b'[');
        Self { bytes, count: 0 }
    }

    fn row(&mut self, rows: &dyn Rows, at: usize) {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        rows.write(&mut self.bytes, at);
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b']');
        self.bytes
    }
}

/// A position as the key of a row.
pub(super) fn position_key(position: u32) -> Vec<u8> {
    position.to_be_bytes().to_vec()
}

/// The position of such a key.
pub(super) fn key_position(key: &[u8]) -> Option<u32> {
    key.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}
