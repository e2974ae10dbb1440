//! Answers that are not a provider's, or not whole (`protocols/providers.md` D0).
//!
//! Invariant: never a body as a whole in a message; a vendor's own words are shortened.

use crate::{
    error::{ConnectError, Kind},
    http::Answer,
};

/// A body of `who` that should be JSON and cannot be read.
pub(crate) fn unreadable(answer: &Answer, who: &str, what: &str) -> ConnectError {
    not_json(answer, who)
        .unwrap_or_else(|| {
            let text = format!("an answer of {who} ended early or is garbled; it was not used");
            ConnectError::new(Kind::Temporary, "N-TRUNC", text)
        })
        .during(what)
}

/// The status 404 without a word of `who` about what is missing: nothing counts as gone because of it.
pub(crate) fn unsaid(who: &str, what: &str) -> ConnectError {
    let text = format!(
        "{who} answered 404 and does not say what it does not find; nothing counts as gone because of that"
    );
    ConnectError::new(Kind::Temporary, "N-TRUNC", text).during(what)
}

/// JSON of `who` that is not what was asked for.
pub(crate) fn unexpected(who: &str, what: &str) -> ConnectError {
    let text = format!("an answer of {who} is not what was asked for; it was not used");
    ConnectError::new(Kind::Temporary, "N-TRUNC", text).during(what)
}

/// Something else than `who` answered.
pub(crate) fn not_json(answer: &Answer, who: &str) -> Option<ConnectError> {
    let status = answer.status.as_u16();
    if status == 407 || (status == 403 && answer.is_page()) {
        let text = format!(
            "the outbound proxy refused the request to {who} ({}); check the proxy's credentials and its allow-list",
            answer.status
        );
        return Some(ConnectError::new(Kind::Refused, "N-PROXY", text));
    }
    let first = answer.body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| matches!(*byte, b'{' | b'[')) && !answer.is_page() {
        return None;
    }
    if answer.status.is_server_error() {
        let text = format!("{who} has a temporary problem; it is tried again ({})", answer.status);
        return Some(ConnectError::new(Kind::Temporary, "N-5XX", text));
    }
    let text = format!(
        "something other than {who} answered ({}): a captive portal, a proxy, or a wrong address",
        answer.status
    );
    Some(ConnectError::new(Kind::Temporary, "N-HTML", text))
}

/// An answer that sends a request elsewhere, which is not followed.
pub(crate) fn redirected(answer: &Answer, who: &str, setting: &str) -> Option<ConnectError> {
    answer.status.is_redirection().then(|| {
        let text = format!(
            "something between this server and {who} redirects requests elsewhere; they were not followed, so that \
             the token stays with {who}; check the outbound proxy and the setting `{setting}`"
        );
        ConnectError::new(Kind::Temporary, "N-HTML", text)
    })
}

/// The beginning of a vendor's words, on one line.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
