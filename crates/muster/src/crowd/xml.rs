//! Writes XML: the back end of [`Writer`](super::writer::Writer) for `application/xml`.
//!
//! Invariants: text and attributes never leave their place, whatever characters they hold; characters that
//! XML 1.0 cannot carry are left out; every element that was opened is closed once. Most names need no
//! escape, and that is found out eight bytes at a time.

/// Where the writer stands.
#[derive(Debug, Default)]
pub(super) struct Xml {
    /// A start tag lacks its `>`, so that attributes may follow.
    tag_open: bool,
}

/// Begins every document.
const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";

impl Xml {
    pub(super) fn begin(out: &mut Vec<u8>) {
        out.extend_from_slice(DECLARATION);
    }

    pub(super) fn open(&mut self, out: &mut Vec<u8>, name: &str) {
        self.end_tag(out);
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        self.tag_open = true;
    }

    pub(super) fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(out, value);
        out.push(b'"');
    }

    pub(super) fn close(&mut self, out: &mut Vec<u8>, name: &str) {
        if self.tag_open {
            out.extend_from_slice(b"/>");
            self.tag_open = false;
            return;
        }
        out.extend_from_slice(b"</");
        out.extend_from_slice(name.as_bytes());
        out.push(b'>');
    }

    /// An element with nothing but text, given in parts.
    pub(super) fn text(&mut self, out: &mut Vec<u8>, name: &str, parts: &[&str]) {
        self.end_tag(out);
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        out.push(b'>');
        for part in parts {
            escape(out, part);
        }
        out.extend_from_slice(b"</");
        out.extend_from_slice(name.as_bytes());
        out.push(b'>');
    }

    /// An element with nothing but a name: the one that there are millions of.
    pub(super) fn named(&mut self, out: &mut Vec<u8>, element: &str, name: &str) {
        self.end_tag(out);
        out.reserve(element.len() + name.len() + 16);
        out.push(b'<');
        out.extend_from_slice(element.as_bytes());
        out.extend_from_slice(b" name=\"");
        escape(out, name);
        out.extend_from_slice(b"\"/>");
    }

    /// A link; its parts need no escape.
    pub(super) fn link(&mut self, out: &mut Vec<u8>, href: &[&str], rel: &str) {
        self.end_tag(out);
        out.extend_from_slice(b"<link href=\"");
        for part in href {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(b"\" rel=\"");
        out.extend_from_slice(rel.as_bytes());
        out.extend_from_slice(b"\"/>");
    }

    fn end_tag(&mut self, out: &mut Vec<u8>) {
        if self.tag_open {
            out.push(b'>');
            self.tag_open = false;
        }
    }
}

/// Appends a text with everything escaped that XML would not take as it is, in text and attributes alike.
pub(super) fn escape(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escape_each(out, text);
    }
}

#[cold]
fn escape_each(out: &mut Vec<u8>, text: &str) {
    let mut utf8 = [0; 4];
    for c in text.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            // Written out, white space would be changed by the reader.
            '\t' => out.extend_from_slice(b"&#9;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
        }
    }
}

/// Whether no byte needs a closer look.
fn is_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut suspicious = words.iter().fold(0, |all, word| all | look(u64::from_le_bytes(*word)));
    if let Some(last) = bytes.last_chunk::<8>() {
        // Some of these bytes were seen already, which is cheaper than to copy the rest.
        suspicious |= look(u64::from_le_bytes(*last));
    } else {
        let mut padded = [b' '; 8];
        padded[..rest.len()].copy_from_slice(rest);
        suspicious |= look(u64::from_le_bytes(padded));
    }
    suspicious == 0
}

/// Not zero if any of eight bytes is a control character, one of `"&<>`, or 0xEF, which begins U+FFFE.
fn look(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn all(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let zero = |w: u64| w.wrapping_sub(ONES) & !w & HIGH;
    let control = word.wrapping_sub(all(0x20)) & !word & HIGH;
    // `"` and `&` differ in one bit, and so do `<` and `>`.
    let quote_or_ampersand = zero((word | all(0x04)) ^ all(b'&'));
    let angle = zero((word | all(0x02)) ^ all(b'>'));
    control | quote_or_ampersand | angle | zero(word ^ all(0xEF))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_xml_cannot_carry_is_escaped_or_left_out() {
        assert_eq!(escaped("a&b<c>\"d'"), "a&amp;b&lt;c&gt;&quot;d'");
        assert_eq!(escaped("x\u{0}\u{1f}y\u{fffe}\u{ffff}\u{fffd}"), "xy\u{fffd}");
        assert_eq!(escaped("a\tb\r\nc"), "a&#9;b&#13;&#10;c");
        assert_eq!(escaped("Jörg 😀"), "Jörg 😀");
    }

    proptest! {
        #[test]
        fn the_quick_look_sees_what_the_slow_one_changes(text in "[ -~\u{1}-\u{20}é&<>\"\u{fff0}-\u{ffff}]{0,40}") {
            let mut slow = Vec::new();
            escape_each(&mut slow, &text);
            prop_assert_eq!(escaped(&text).into_bytes(), slow);
        }
    }
}
