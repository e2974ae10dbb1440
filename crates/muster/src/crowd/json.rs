//! Writes JSON: the back end of [`Writer`](super::writer::Writer) for `application/json`.
//!
//! Invariant: what is XML's element or attribute becomes a member of the object around it; what is in a
//! list becomes an item of an array, without its element's name.

/// Where the writer stands.
#[derive(Debug)]
pub(super) struct Json {
    /// Something stands before, so that a comma is due.
    comma: bool,
    /// One bit for each open bracket, the innermost lowest: whether it is an array's.
    arrays: u32,
}

impl Default for Json {
    /// The document itself takes one value without a name, as an array's item does.
    fn default() -> Self {
        Self { comma: false, arrays: 1 }
    }
}

impl Json {
    pub(super) fn open(&mut self, out: &mut Vec<u8>, name: &str) {
        self.key(out, name);
        self.enter(out, false);
    }

    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        out.push(if self.arrays & 1 == 1 { b']' } else { b'}' });
        self.arrays >>= 1;
        self.comma = true;
    }

    pub(super) fn open_array(&mut self, out: &mut Vec<u8>, name: &str) {
        self.key(out, name);
        self.enter(out, true);
    }

    /// An array's item that says what it is: `{"name":{`.
    pub(super) fn open_tagged(&mut self, out: &mut Vec<u8>, name: &str) {
        self.open(out, name);
        self.open(out, name);
    }

    pub(super) fn text(&mut self, out: &mut Vec<u8>, name: &str, parts: &[&str]) {
        self.key(out, name);
        out.push(b'"');
        for part in parts {
            escape(out, part);
        }
        out.push(b'"');
        self.comma = true;
    }

    /// A number or boolean.
    pub(super) fn bare(&mut self, out: &mut Vec<u8>, name: &str, value: &str) {
        self.key(out, name);
        out.extend_from_slice(value.as_bytes());
        self.comma = true;
    }

    /// Comma and, inside an object, the member's name.
    fn key(&mut self, out: &mut Vec<u8>, name: &str) {
        if self.comma {
            out.push(b',');
        }
        if self.arrays & 1 == 0 {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
        }
    }

    fn enter(&mut self, out: &mut Vec<u8>, array: bool) {
        out.push(if array { b'[' } else { b'{' });
        self.arrays = self.arrays << 1 | u32::from(array);
        self.comma = false;
    }
}

/// Appends a text as it stands between quotation marks.
fn escape(out: &mut Vec<u8>, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let start = out.len();
    // Serialising a string into memory has no way to fail.
    if serde_json::to_writer(&mut *out, text).is_ok() {
        out.pop();
        out.remove(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut out = b"x".to_vec();
        escape(&mut out, "a\"b\\c\nd\u{1}é");
        assert_eq!(String::from_utf8(out).unwrap(), "xa\\\"b\\\\c\\nd\\u0001é");
    }
}
