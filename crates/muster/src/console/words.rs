//! Numbers and times as people read them.

use std::fmt::{self, Write as _};

use askama::filters::{Escaper as _, Html, HtmlSafe};
use directory::{counted::grouped, id::Millis, resource_name::path_form};

/// The longest reason that is kept.
const REASON_CHARS_MAX: usize = 500;

/// A time, shown as how long ago or how soon it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    at: Millis,
    now: Millis,
}

impl When {
    pub(crate) fn new(at: Millis, now: Millis) -> Self {
        Self { at, now }
    }

    /// How long ago, or how soon.
    pub(crate) fn relative(&self) -> String {
        let ms = self.now.since(self.at);
        let length = length(ms.abs());
        match ms {
            -999..=4_999 => "just now".to_owned(),
            5_000.. => format!("{length} ago"),
            _ => format!("in {length}"),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (iso, absolute) = (iso(self.at), absolute(self.at));
        write!(f, "<time datetime=\"{iso}\" title=\"{absolute}\">{}</time>", self.relative())
    }
}

impl HtmlSafe for When {}

/// A message of the service as a page shows it: what stands between backticks is code.
pub(crate) struct Told<'a>(&'a str);

/// The same for a message.
pub(crate) fn told(text: &str) -> Told<'_> {
    Told(text)
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut before = None;
        while let Some(open) = rest.find('`') {
            let (text, quoted) = (&rest[..open], &rest[open + 1..]);
            let before_open = text.chars().next_back().or(before);
            escape(text, f)?;
            if let Some(end) = end_of_quote(quoted).filter(|_| may_open(before_open)) {
                f.write_str("<code>")?;
                escape(&quoted[..end], f)?;
                f.write_str("</code>")?;
                rest = &quoted[end + 1..];
            } else {
                f.write_char('`')?;
                rest = quoted;
            }
            before = Some('`');
        }
        escape(rest, f)
    }
}

impl HtmlSafe for Told<'_> {}

/// Whether a backtick after this character begins code: one within a word belongs to a name.
fn may_open(before: Option<char>) -> bool {
    before.is_none_or(|before| before.is_whitespace() || "([{/\"'`".contains(before))
}

/// Where code ends: at a backtick at the end of a word, since one within a word belongs to a name in it.
fn end_of_quote(quoted: &str) -> Option<usize> {
    let ends = quoted.match_indices('`').map(|(at, _)| at);
    let mut ends = ends.filter(|at| {
        let after = quoted[at + 1..].chars().next();
        after.is_none_or(|after| after.is_whitespace() || ".,;:)]}!?'\"/".contains(after))
    });
    ends.next()
}

/// A user name or address that breaks before its `@`, where it must break at all.
pub(crate) struct Name<'a>(&'a str);

/// The same for a name.
pub(crate) fn name(text: &str) -> Name<'_> {
    Name(text)
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('@').enumerate() {
            f.write_str(if at > 0 { "<wbr>@" } else { "" })?;
            escape(part, f)?;
        }
        Ok(())
    }
}

impl HtmlSafe for Name<'_> {}

fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    Html.write_escaped_str(f, text)
}

/// What an entry of the change log is about: its kind in words.
pub(crate) fn kind(kind: &str) -> &'static str {
    match kind {
        "user" => "person",
        "members" => "members of group",
        _ => "group",
    }
}

/// A reason as somebody typed it, for the record; none where nothing was typed.
pub(crate) fn reason(typed: &str) -> Option<String> {
    let reason: String = typed.trim().chars().take(REASON_CHARS_MAX).collect();
    (!reason.is_empty()).then_some(reason)
}

/// A length of time in its largest unit.
pub(crate) fn length(ms: i64) -> String {
    let seconds = ms / 1_000;
    let (count, unit) = match seconds {
        ..=0 => return format!("{ms} ms"),
        1..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A time in the form that machines read.
pub(crate) fn iso(at: Millis) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time, exactly.
pub(crate) fn absolute(at: Millis) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The day of a time.
pub(crate) fn day(at: Millis) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%d").to_string()
}

/// A number with its thousands apart.
pub(crate) fn count(number: impl TryInto<u64>) -> String {
    grouped(number.try_into().unwrap_or_default())
}

/// A number with its noun, in the plural unless it is one.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    directory::counted::counted(number, noun)
}

/// A name or id as part of a path, in a form that nothing on the way changes.
pub(crate) fn segment(name: &str) -> String {
    query_part(&path_form(name))
}

/// A text as the value of a query.
pub(crate) fn query_part(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// A provider's name as it writes it.
pub(crate) fn provider(name: &str) -> &str {
    match name {
        "entra" => "Microsoft Entra ID",
        "google" => "Google Workspace",
        "okta" => "Okta",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_is_markup() {
        let shown = |text| told(text).to_string();
        assert_eq!(shown("run `a <b>` & wait"), "run <code>a &#60;b&#62;</code> &#38; wait");
        assert_eq!(shown("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(shown("one ` only"), "one ` only");
        assert_eq!(shown("`a` and one ` more"), "<code>a</code> and one ` more");
        // Backticks in names stay what they are.
        assert_eq!(shown("`a`b` is gone"), "<code>a`b</code> is gone");
        assert_eq!(shown("``rm``; `x`"), "<code>`rm`</code>; <code>x</code>");
        assert_eq!(shown("the group a`b`c waits"), "the group a`b`c waits");
        assert_eq!(
            (shown(""), shown("it's \"so\"")),
            (String::new(), "it&#39;s &#34;so&#34;".to_owned())
        );
        assert_eq!(name("ann<@example.org").to_string(), "ann&#60;<wbr>@example.org");
    }

    #[test]
    fn times_are_told_as_people_do() {
        let told = |at: i64| When::new(Millis(at), Millis(10_000_000)).relative();
        assert_eq!(told(9_999_000), "just now");
        assert_eq!(told(9_970_000), "30 seconds ago");
        assert_eq!(told(10_300_000), "in 5 minutes");
        assert_eq!(told(2_000_000), "2 hours ago");
        assert_eq!(told(-9_000_000_000), "104 days ago");
        assert_eq!(length(40), "40 ms");
    }

    #[test]
    fn numbers_and_paths_are_written() {
        assert_eq!(
            (count(7_u64), count(1_234_567_usize)),
            ("7".to_owned(), "1,234,567".to_owned())
        );
        assert_eq!(query_part("a b/ü?"), "a%20b%2F%C3%BC%3F");
        assert_eq!(segment("a ü"), "a%20%C3%BC");
        assert_eq!([segment("."), segment("a/b"), segment("new")], ["~2e", "~612f62", "~6e6577"]);
    }
}
