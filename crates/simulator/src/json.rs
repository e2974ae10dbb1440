//! Writing JSON straight into a byte buffer, for pages of a thousand rows.
//!
//! Invariant: what is written is valid JSON in UTF-8. No tree is built on the way.

/// Writes a string with its quotes.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    if bytes.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        out.extend_from_slice(bytes);
    } else {
        for byte in bytes {
            match *byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                byte if byte < 0x20 => {
                    out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                }
                byte => out.push(byte),
            }
        }
    }
    out.push(b'"');
}

/// Writes a string or null.
pub(crate) fn push_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes true or false.
pub(crate) fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_survive_a_json_parser() {
        for text in ["plain", "q\"b\\s\n\t\u{1}", "مرحبا 🎉", ""] {
            let mut out = Vec::new();
            push_text(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
