//! Reading as the strictest client would: XML whose every character is one of XML 1.0, whose tags and references close,
//! without an attribute twice; JSON to its last byte.

use quick_xml::{Reader, events::Event};

/// Whether XML 1.0 has the character (section 2.2).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// The values of one attribute of all elements of a name, in order. Fails the test at whatever is not strictly XML.
pub(crate) fn attributes(
    document: &str,
    element: &str,
    attribute: &str,
    when: &str,
) -> Vec<String> {
    let odd = document.chars().find(|c| !is_xml(*c));
    assert_eq!(odd, None, "{when}: a character that XML does not have");
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_comments = true;
    let (mut found, mut depth, mut roots) = (Vec::new(), 0_usize, 0);
    loop {
        let event =
            reader.read_event().unwrap_or_else(|error| panic!("{when}: {error}: {document}"));
        let start = match &event {
            Event::Eof => break,
            Event::Start(start) => {
                roots += usize::from(depth == 0);
                depth += 1;
                start
            }
            Event::Empty(start) => {
                roots += usize::from(depth == 0);
                start
            }
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::GeneralRef(reference) => {
                let name: &str = reference;
                assert!(is_reference(name), "{when}: the reference &{name};");
                continue;
            }
            Event::Text(text) => {
                let raw: &str = text;
                assert!(!raw.contains("]]>") && !raw.contains('<'), "{when}: {raw:?} in a text");
                continue;
            }
            _ => continue,
        };
        for one in start.attributes().with_checks(true) {
            let one = one.unwrap_or_else(|error| panic!("{when}: {error}"));
            let raw: &str = &one.value;
            assert!(!raw.contains('<'), "{when}: < in an attribute");
            let value = quick_xml::escape::unescape(raw)
                .unwrap_or_else(|error| panic!("{when}: {error}: {raw}"));
            assert!(value.chars().all(is_xml), "{when}: {value:?} is no text of XML");
            if start.name().as_ref() == element && one.key.as_ref() == attribute {
                found.push(value.into_owned());
            }
        }
    }
    assert_eq!((depth, roots), (0, 1), "{when}: one root that closes");
    found
}

/// Whether a reference is predefined, or to a character that XML has.
fn is_reference(name: &str) -> bool {
    if let Some(number) = name.strip_prefix('#') {
        let code = number
            .strip_prefix('x')
            .map_or_else(|| number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
        return code.and_then(char::from_u32).is_some_and(is_xml);
    }
    matches!(name, "lt" | "gt" | "amp" | "quot" | "apos")
}

/// A whole document of JSON.
pub(crate) fn json(document: &str, when: &str) -> serde_json::Value {
    serde_json::from_str(document).unwrap_or_else(|error| panic!("{when}: {error}: {document}"))
}
