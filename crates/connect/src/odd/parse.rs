//! Any JSON, read as far as it has a meaning: with half surrogates, raw control characters and bytes that are no UTF-8.
//!
//! Invariants: what is no character becomes U+FFFD; a raw control character is itself; of a field that is there twice the
//! last one counts; what lies deeper than any vendor's data is null. Brackets, commas and quotes must be right: otherwise
//! it is no JSON, since it may have ended early.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// Values nested deeper than this are null.
const DEPTH_MAX: usize = 64;

/// The value, and whether signs were replaced; `None` if it is no JSON.
pub(super) fn parsed(body: &[u8]) -> Option<(Value, bool)> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    // Where nothing had to be replaced, the text is the body's own.
    let mut parse = Parse { text: &text, at: 0, repaired: matches!(text, Cow::Owned(_)) };
    let value = parse.value(0)?;
    parse.space();
    (parse.at == text.len()).then_some((value, parse.repaired))
}

struct Parse<'a> {
    text: &'a str,
    at: usize,
    repaired: bool,
}

impl Parse<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes this sign, if it comes next.
    fn sign(&mut self, wanted: u8) -> bool {
        self.space();
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.peek()? {
            b'{' | b'[' if depth == DEPTH_MAX => self.skip().map(|()| Value::Null),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => Some(self.number()),
            _ => None,
        }
    }

    /// A number; one that no machine has is still no text.
    fn number(&mut self) -> Value {
        let rest = &self.text[self.at..];
        let ends = |c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        Value::Number(serde_json::from_str(&rest[..end]).unwrap_or_else(|_| Number::from(0)))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.sign(b']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.sign(b',') {
                return self.sign(b']').then_some(Value::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut fields = Map::new();
        if self.sign(b'}') {
            return Some(Value::Object(fields));
        }
        loop {
            self.space();
            let name = self.string()?;
            if !self.sign(b':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            fields.insert(name, value);
            if !self.sign(b',') {
                return self.sign(b'}').then_some(Value::Object(fields));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find(['"', '\\'])?;
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Some(out);
            }
            let escaped = self.escape()?;
            self.repaired |= escaped == char::REPLACEMENT_CHARACTER;
            out.push(escaped);
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let sign = self.text[self.at..].chars().next()?;
        self.at += sign.len_utf8();
        Some(match sign {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '/' => sign,
            'u' => self.unit().map_or(char::REPLACEMENT_CHARACTER, |unit| self.character(unit)),
            _ => char::REPLACEMENT_CHARACTER,
        })
    }

    /// Four hexadecimal digits, if they come next.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| all)?;
        self.at += 4;
        Some(unit)
    }

    /// The character that a UTF-16 unit begins, with its other half if that follows.
    fn character(&mut self, unit: u16) -> char {
        let start = self.at;
        let pair = (0xD800..0xDC00).contains(&unit) && self.text[start..].starts_with("\\u");
        if pair {
            self.at += 2;
            if let Some(low) = self.unit()
                && let Some(Ok(character)) = char::decode_utf16([unit, low]).next()
            {
                return character;
            }
            self.at = start;
        }
        char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Passes a list or an object, however deep it is.
    fn skip(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                sign => {
                    self.at += self.text[self.at..].chars().next()?.len_utf8();
                    match sign {
                        b'{' => open.push(b'}'),
                        b'[' => open.push(b']'),
                        b'}' | b']' if open.pop()? != sign => return None,
                        _ => {}
                    }
                }
            }
            if open.is_empty() {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &[u8]) -> Option<Value> {
        parsed(body).map(|(value, _)| value)
    }

    #[test]
    fn what_is_json_is_read_alike() {
        for text in [
            r#" {"a":[1,-2.5e3,true,false,null,{}],"b":"x\n\u00e9\ud83c\udf89\/","":[]} "#,
            "17",
            r#""text""#,
            "[]",
            r#"{"a":{"b":{"c":[[[]]]}}}"#,
        ] {
            assert_eq!(
                parsed(text.as_bytes()),
                Some((serde_json::from_str(text).unwrap(), false)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        let cases: [(&[u8], Value, bool); 9] = [
            (br#""\ud83d""#, json!("\u{FFFD}"), true),
            (br#""\ud83dx\udc00""#, json!("\u{FFFD}x\u{FFFD}"), true),
            (br#""\ud83d\u0041""#, json!("\u{FFFD}A"), true),
            (b"\"a\xffb\"", json!("a\u{FFFD}b"), true),
            (b"\"a\x01b\nc\"", json!("a\u{1}b\nc"), false),
            (br#""\x \u12""#, json!("\u{FFFD} \u{FFFD}12"), true),
            (b"\xef\xbb\xbf{}", json!({}), false),
            (br#"{"a":1,"a":2}"#, json!({"a": 2}), false),
            (b"[1e999,00]", json!([0, 0]), false),
        ];
        for (body, value, repaired) in cases {
            assert_eq!(parsed(body), Some((value, repaired)), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn depth_is_no_trouble_and_what_ends_early_is_none() {
        let deep = format!("{{\"a\":{}{},\"b\":1}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(deep.as_bytes()).unwrap()["b"], 1);
        for bad in [
            "",
            "{",
            r#"{"a":1"#,
            r#"["x]"#,
            "[1,]",
            r#"{"a" 1}"#,
            "{}{}",
            "nul",
            "<html>",
            r#"{"a":", oops}"#,
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }
}
