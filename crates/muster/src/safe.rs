//! Texts that others chose, made safe for where they go: one function for each medium.
//!
//! What people and groups call themselves, what providers answer and what administrators type can hold anything. Invariant:
//! nothing of it breaks a line, gives a terminal a command, turns the text around it, becomes a link or a formula, or
//! widens a table; what is not seen is shown written out, so that nobody takes one name for another. Pages are made safe in
//! `console/html.rs`. Programs get texts as they are, as JSON.

use std::fmt::Write as _;

use directory::text::{is_invisible, line, visible};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Signs that mean something in Markdown.
const MARKDOWN: &str = "\\`*_{}[]()<>#+-.!|~&:@";

/// For a terminal or a log: one line.
pub fn terminal(text: &str) -> std::borrow::Cow<'_, str> {
    visible(text)
}

/// For a terminal: our own text of several lines, in which others' may stand.
pub fn lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// For a cell of a table on a terminal that is at most `columns_max` columns wide.
pub fn cell(text: &str, columns_max: usize) -> String {
    let shown = visible(text);
    if shown.width() <= columns_max {
        return shown.into_owned();
    }
    let mut kept = String::new();
    let mut columns = 1;
    for sign in shown.chars() {
        columns += sign.width().unwrap_or(0);
        if columns > columns_max {
            break;
        }
        kept.push(sign);
    }
    kept + "…"
}

/// For a program that reads standard output: JSON on one line, in which what is not seen is escaped.
pub fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).expect("answers are made of texts, numbers and lists");
    if !text.chars().any(is_invisible) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for sign in text.chars() {
        if is_invisible(sign) {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(sign);
        }
    }
    escaped
}

/// An answer with all of its texts made safe for a terminal.
///
/// # Errors
/// When it cannot be read back, which no type of ours does.
pub fn for_people<T: Serialize + DeserializeOwned>(answer: &T) -> anyhow::Result<T> {
    let mut value = serde_json::to_value(answer)?;
    make_visible(&mut value);
    Ok(serde_json::from_value(value)?)
}

/// Makes all texts in an answer safe for a terminal, keys included.
pub fn make_visible(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(is_invisible) => *text = visible(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(make_visible),
        Value::Object(fields) => {
            fields.values_mut().for_each(make_visible);
            if fields.keys().any(|key| key.contains(is_invisible)) {
                let all = std::mem::take(fields).into_iter();
                *fields = all.map(|(key, value)| (visible(&key).into_owned(), value)).collect();
            }
        }
        _ => {}
    }
}

/// For a field of a CSV file: on one line, in quotation marks where it needs them, and a text where a spreadsheet would take
/// it for a formula (<https://owasp.org/www-community/attacks/CSV_Injection>).
pub fn csv_field(text: &str) -> String {
    let shown = visible(text);
    let begins = |sign: char| "=+-@＝＋－＠|%".contains(sign);
    let formula = shown.trim_start().starts_with(begins) || text.starts_with(['\t', '\r', '\n']);
    let field = format!("{}{}", if formula { "'" } else { "" }, shown.replace('"', "\"\""));
    if field.contains([',', ';', '"', '\'']) { format!("\"{field}\"") } else { field }
}

/// For a mail: a header or a line of its text.
pub fn mail(text: &str, chars_max: usize) -> String {
    line(text, chars_max).into_owned()
}

/// For a text object of Slack's, none of which is markup: the three signs that its parser takes for commands
/// (<https://api.slack.com/reference/surfaces/formatting#escaping>). The object is to be `plain_text`.
pub fn slack(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For a text of an Adaptive Card that is read as Markdown. Where a card has room for it, a `TextRun` is better: it
/// knows no markup.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for sign in visible(text).chars() {
        if MARKDOWN.contains(sign) {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

#[cfg(test)]
pub(crate) mod tests {
    use directory::text::is_bidi_control;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Names as nobody should have them.
    pub(crate) const HOSTILE: [&str; 16] = [
        "Ops\nadmin  active  everybody",
        "a\r\nBcc: all@example.org",
        "\u{1b}[2J\u{1b}[31mred\u{7}",
        "\u{9b}31mred",
        "abc\u{202e}fdp.exe",
        "\u{2067}abc",
        "ad\u{200b}min",
        "\u{200b}",
        "a\u{2028}b\u{2029}c\u{85}d",
        "[Approve](https://evil.example)",
        "**bold** _it_ `code` ~x~ # head",
        "<!channel> <https://evil.example|ok> &amp;",
        "<script>alert(1)</script>\" onload='x'",
        "=HYPERLINK(\"https://evil.example\")",
        "  @SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
    ];

    /// Whether a text stays on its line and leaves what is around it as it is.
    pub(crate) fn is_tame(text: &str) -> bool {
        !text.contains(|c: char| {
            c.is_control() || is_bidi_control(c) || "\u{2028}\u{2029}\u{200b}".contains(c)
        })
    }

    #[test]
    fn hostile_names_are_tame_in_every_medium() {
        for name in HOSTILE {
            assert!(is_tame(&terminal(name)), "{name:?}");
            assert!(is_tame(&cell(name, 20)) && cell(name, 20).width() <= 20, "{name:?}");
            assert!(is_tame(&mail(name, 100)), "{name:?}");
            let csv = csv_field(name);
            let bare = csv.trim_matches('"');
            assert!(is_tame(&csv) && !bare.trim_start().starts_with(['=', '@', '+', '-']), "{csv}");
            let slack = slack(name);
            assert!(is_tame(&slack) && !slack.contains(['<', '>']), "{slack}");
            let markdown = markdown(name);
            let marks = ["[", "](", "*", "_", "`", "~", "#", "<", "@", "://"];
            let mut plain = markdown.replace("\\\\", "");
            plain = plain.replace("\\:", "").replace("\\]\\(", "");
            for mark in marks {
                let bare = plain.replace(&format!("\\{}", &mark[..1]), "");
                assert!(!bare.contains(mark), "{markdown}: {mark}");
            }
            let written = json(&json!({ "name": name }));
            assert!(is_tame(&written), "{written}");
            let back: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(back["name"], name, "a program gets it as it is");
        }
        let mut answer = json!({"a\u{202e}": ["x\ny", {"b": "\u{1b}c"}], "n": 1});
        make_visible(&mut answer);
        assert_eq!(answer, json!({"a\\u{202E}": ["x\\ny", {"b": "\\u{001B}c"}], "n": 1}));
    }

    #[test]
    fn cells_are_cut_by_what_is_seen() {
        assert_eq!(cell("abcdef", 6), "abcdef");
        assert_eq!(cell("abcdefg", 6), "abcde…");
        assert_eq!(cell("東京都庁舎", 6), "東京…");
        assert_eq!(cell("a\nb", 6), "a\\nb");
    }

    #[test]
    fn fields_are_quoted_and_formulas_are_texts() {
        assert_eq!(csv_field("plain"), "plain");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("=1+1"), "\"'=1+1\"");
        assert_eq!(csv_field("a;=1+1"), "\"a;=1+1\"");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_stays_on_its_line(text in "(?s).{0,60}", columns in 1_usize..40) {
            let bad = |c: char| c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}');
            for safe in [terminal(&text).into_owned(), csv_field(&text), mail(&text, 50), slack(&text), markdown(&text), json(&text)] {
                prop_assert!(!safe.contains(bad), "{safe:?}");
            }
            prop_assert!(cell(&text, columns).width() <= columns.max(1));
            let back: String = serde_json::from_str(&json(&text)).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
