//! How pages leave: every page and every piece of one is rendered here.
//!
//! Invariant: askama has taken the markup out of texts; here, what turns the text around it and what is not seen is written
//! out. What stands in a field of a form stays what it is, as a reference (`&#x202E;`), so that it comes back as it was. Names
//! that run from right to left are kept apart from what is around them by console.css.

use std::fmt::Write as _;

use askama::Template;
use directory::text::{is_invisible, visible};

/// A piece of a page; empty when it cannot be made, which no template of ours does.
pub(crate) fn piece(template: &impl Template) -> String {
    tame(template.render().unwrap_or_default())
}

/// A page as it leaves.
pub(crate) fn tame(html: String) -> String {
    if html.chars().any(is_odd) { written_out(&html) } else { html }
}

/// What is not seen, but for line ends and tabs, which are white space in a page.
fn is_odd(sign: char) -> bool {
    is_invisible(sign) && !matches!(sign, '\n' | '\r' | '\t')
}

/// Where in a page a sign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    /// In the text of a field of several lines.
    TextArea,
    Tag,
    /// In the value of an attribute; `true` where a form sends it.
    Attribute(bool),
}

fn written_out(html: &str) -> String {
    let mut page = String::with_capacity(html.len() + 64);
    let mut place = Place::Text;
    let mut rest = html;
    while !rest.is_empty() {
        let end = |sign: char| match place {
            Place::Text | Place::TextArea => sign == '<',
            Place::Tag => matches!(sign, '"' | '>'),
            Place::Attribute(_) => sign == '"',
        };
        let length = rest.find(end).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        let as_it_was = matches!(place, Place::TextArea | Place::Attribute(true));
        push(&mut page, part, as_it_was);
        let mark = after.chars().next();
        page.extend(mark);
        place = match (place, mark) {
            (Place::Text | Place::TextArea, _) => Place::Tag,
            (Place::Tag, Some('"')) => {
                let sent = [" value=", " name="].iter().any(|name| part.ends_with(name));
                Place::Attribute(sent)
            }
            (Place::Tag, _)
                if page.rsplit('<').next().is_some_and(|tag| tag.starts_with("textarea")) =>
            {
                Place::TextArea
            }
            (Place::Tag, _) => Place::Text,
            (Place::Attribute(_), _) => Place::Tag,
        };
        rest = &after[mark.map_or(0, char::len_utf8)..];
    }
    page
}

fn push(page: &mut String, part: &str, as_it_was: bool) {
    for piece in part.split_inclusive(['\n', '\r', '\t']) {
        let words = piece.trim_end_matches(['\n', '\r', '\t']);
        if as_it_was {
            for sign in words.chars() {
                if is_odd(sign) {
                    let _ = write!(page, "&#x{:X};", sign as u32);
                } else {
                    page.push(sign);
                }
            }
        } else {
            page.push_str(&visible(words));
        }
        page.push_str(&piece[words.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe::tests::HOSTILE;

    #[derive(Template)]
    #[template(
        source = "<p title=\"{{ name }}\">{{ name }} {{ crate::console::words::told(name) }}</p><b data-confirm=\"{{ name }}\">\
                  {{ crate::console::words::name(name) }}</b>|<input type=\"text\" value=\"{{ name }}\">|<textarea \
                  id=\"x\">{{ name }}</textarea>|<input name=\"{{ name }}\">{{ name }}",
        ext = "html"
    )]
    struct Shown<'a> {
        name: &'a str,
    }

    fn back(escaped: &str) -> String {
        let mut text = String::new();
        let mut parts = escaped.split("&#");
        text.push_str(parts.next().unwrap());
        for part in parts {
            let (number, rest) = part.split_once(';').unwrap();
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).unwrap(),
                None => number.parse().unwrap(),
            };
            text.push(char::from_u32(code).unwrap());
            text.push_str(rest);
        }
        text
    }

    #[test]
    fn hostile_names_are_texts_in_pages_and_come_back_from_forms() {
        for name in HOSTILE {
            let html = piece(&Shown { name });
            assert!(!html.contains(is_odd), "{html}");
            assert!(!html.contains("<script") && !html.contains("' onload"), "{html}");
            let parts: Vec<&str> = html.split("|<").collect();
            let parts: Vec<&str> = if name.contains("|<") { continue } else { parts };
            let value = parts[1].split("value=\"").nth(1).unwrap().strip_suffix("\">").unwrap();
            assert_eq!(back(value), name);
            let value = parts[2].split_once('>').unwrap().1.strip_suffix("</textarea>").unwrap();
            assert_eq!(back(value), name);
            let value = parts[3].split("name=\"").nth(1).unwrap().split("\">").next().unwrap();
            assert_eq!(back(value), name);
            let seen = visible(name);
            if !name.contains(['<', '"', '\'', '&', '`', '@', '\n', '\t', '\r']) {
                assert!(parts[0].contains(&format!("<p title=\"{seen}\">{seen} ")), "{html}");
                assert!(parts[0].contains(&format!("data-confirm=\"{seen}\">{seen}<")), "{html}");
            }
        }
        let plain = "<p>é\n\t<input value=\"x\"></p>";
        assert_eq!(tame(plain.to_owned()), plain);
    }
}
