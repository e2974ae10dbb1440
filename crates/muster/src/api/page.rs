//! Long lists in pages.
//!
//! Invariant: a cursor names the last thing that was shown, not a count, so nothing is shown twice or left out
//! when the list changes in between.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;

/// Items of one page, unless asked for fewer or more.
pub(super) const LIMIT: usize = 200;
/// Items of one page at the most.
pub(super) const LIMIT_MAX: usize = 10_000;
/// The first letter of what a cursor holds: cursors of another program version are refused.
const FORM: char = '1';

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The `cursor` of the next page; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The cursor after a thing, by what is unique to it and orders the list.
pub(super) fn after(position: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{FORM}{position}"))
}

/// What a cursor of a request holds.
///
/// # Errors
/// When it is none of ours.
pub(super) fn position<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let position = text.and_then(|text| text.strip_prefix(FORM)?.parse().ok());
    let refused =
        || Problem::bad_request("`cursor` is the `next` of an earlier answer, and this is none");
    position.map(Some).ok_or_else(refused)
}

/// How many items a page has.
pub(super) fn limit(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_a_foreign_one_is_refused() {
        assert_eq!(position::<u64>(Some(&after(7))).unwrap(), Some(7));
        assert_eq!(position::<String>(Some(&after("ä b"))).unwrap(), Some("ä b".to_owned()));
        assert_eq!(position::<u64>(None).unwrap(), None);
        for foreign in ["", "7", "!", &after("x")] {
            assert_eq!(position::<u64>(Some(foreign)).unwrap_err().status, 400, "{foreign}");
        }
    }
}
