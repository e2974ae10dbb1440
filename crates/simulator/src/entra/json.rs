//! Writing JSON straight into a byte buffer, for pages of a thousand rows.
//!
//! Invariant: what is written is valid JSON in UTF-8. No tree is built on the way.

/// Writes a string with its quotes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
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
pub(super) fn push_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes true or false.
pub(super) fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Rows of a page, separated by commas.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
}

impl Rows {
    /// Room for so many rows of a usual size.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows * 320), count: 0 }
    }

    /// Begins a row.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        &mut self.bytes
    }
}

/// What a page says about itself and what follows it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) context: String,
    pub(super) count: Option<usize>,
    pub(super) next_link: Option<String>,
    pub(super) delta_link: Option<String>,
}

impl Head {
    /// The whole page.
    pub(super) fn page(&self, rows: &Rows) -> Vec<u8> {
        let mut out = Vec::with_capacity(rows.bytes.len() + 1024);
        out.extend_from_slice(b"{\"@odata.context\":");
        push_text(&mut out, &self.context);
        if let Some(count) = self.count {
            out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        let links = [("@odata.nextLink", &self.next_link), ("@odata.deltaLink", &self.delta_link)];
        for (name, link) in links {
            if let Some(link) = link {
                out.push(b',');
                push_text(&mut out, name);
                out.push(b':');
                push_text(&mut out, link);
            }
        }
        out.extend_from_slice(b",\"value\":[");
        out.extend_from_slice(&rows.bytes);
        out.extend_from_slice(b"]}");
        out
    }
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
