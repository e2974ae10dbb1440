//! A walk through the bytes of a true answer that writes them again with what is odd about the objects in it.
//!
//! Invariant: what no rule meets is copied byte by byte. The answer that is read is valid JSON; what is written need not
//! be.

use super::Rule;

/// The answer as the rules make it; `None` if it is no JSON.
pub(super) fn rewritten(body: &[u8], rules: &[&Rule]) -> Option<Vec<u8>> {
    let mut walk = Walk { src: body, at: 0, out: Vec::with_capacity(body.len() + 256), rules };
    walk.value()?;
    let mut out = walk.out;
    for rule in rules.iter().filter(|rule| rule.said.id.is_none()) {
        out = match (&rule.said.instead, out.first()) {
            (Some(instead), _) => instead.clone().into_bytes(),
            (None, Some(b'{')) => bent(&out, rule).unwrap_or(out),
            (None, _) => out,
        };
    }
    Some(out)
}

struct Walk<'a> {
    src: &'a [u8],
    at: usize,
    out: Vec<u8>,
    rules: &'a [&'a Rule],
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.src.get(self.at).copied()
    }

    /// Copies blanks.
    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\n' | b'\r' | b'\t')) = self.peek() {
            self.out.push(byte);
            self.at += 1;
        }
    }

    /// Copies this sign.
    fn sign(&mut self, wanted: u8) -> Option<()> {
        self.space();
        (self.peek()? == wanted).then(|| {
            self.out.push(wanted);
            self.at += 1;
        })
    }

    fn value(&mut self) -> Option<()> {
        self.space();
        match self.peek()? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => {
                let end = text_end(self.src, self.at)?;
                self.copy(end);
                Some(())
            }
            _ => {
                let rest = &self.src[self.at..];
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                self.copy(self.at + length);
                (length > 0).then_some(())
            }
        }
    }

    fn copy(&mut self, end: usize) {
        self.out.extend_from_slice(&self.src[self.at..end]);
        self.at = end;
    }

    fn array(&mut self) -> Option<()> {
        self.sign(b'[')?;
        if self.sign(b']').is_some() {
            return Some(());
        }
        loop {
            self.value()?;
            if self.sign(b',').is_none() {
                return self.sign(b']');
            }
        }
    }

    fn object(&mut self) -> Option<()> {
        let start = self.out.len();
        self.sign(b'{')?;
        let mut met: Vec<&Rule> = Vec::new();
        if self.sign(b'}').is_none() {
            loop {
                self.space();
                let name = self.at;
                let end = text_end(self.src, name)?;
                self.copy(end);
                self.sign(b':')?;
                self.space();
                let value = self.out.len();
                self.value()?;
                met.extend(self.rules.iter().filter(|rule| {
                    let id = rule.said.id.as_deref().map(str::as_bytes);
                    unquoted(&self.src[name..end]) == Some(rule.key().as_bytes())
                        && id.is_some_and(|id| unquoted(&self.out[value..]) == Some(id))
                }));
                if self.sign(b',').is_none() {
                    self.sign(b'}')?;
                    break;
                }
            }
        }
        for rule in met {
            // What a rule before put something else in the place of has no fields any more.
            let odd = match &rule.said.instead {
                Some(instead) => instead.clone().into_bytes(),
                None => {
                    bent(&self.out[start..], rule).unwrap_or_else(|| self.out[start..].to_vec())
                }
            };
            self.out.truncate(start);
            self.out.extend_from_slice(&odd);
        }
        Some(())
    }
}

/// The text of a string without its quotes, if it is one.
fn unquoted(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Where the string that begins here ends.
fn text_end(src: &[u8], start: usize) -> Option<usize> {
    (src.get(start) == Some(&b'"')).then_some(())?;
    let mut at = start + 1;
    loop {
        match src.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// An object's fields: names with their quotes, and values.
fn fields(object: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut walk = Walk { src: object, at: 0, out: Vec::new(), rules: &[] };
    let mut fields = Vec::new();
    walk.sign(b'{')?;
    while walk.sign(b'}').is_none() {
        walk.space();
        let end = text_end(object, walk.at)?;
        let name = object[walk.at..end].to_vec();
        walk.at = end;
        walk.sign(b':')?;
        walk.space();
        let value = walk.at;
        walk.value()?;
        fields.push((name, object[value..walk.at].to_vec()));
        let _ = walk.sign(b',');
    }
    Some(fields)
}

/// An object as a rule makes it.
fn bent(object: &[u8], rule: &Rule) -> Option<Vec<u8>> {
    let mut fields = fields(object)?;
    let is = |field: &(Vec<u8>, Vec<u8>), name: &str| unquoted(&field.0) == Some(name.as_bytes());
    fields.retain(|field| !rule.said.remove.iter().any(|name| is(field, name)));
    for (path, value) in &rule.set {
        set(&mut fields, path, value)?;
    }
    for (name, text) in &rule.said.add {
        fields.push((format!("\"{name}\"").into_bytes(), text.clone().into_bytes()));
    }
    Some(written(&fields))
}

/// Sets the field at a path.
fn set(fields: &mut Vec<(Vec<u8>, Vec<u8>)>, path: &str, value: &[u8]) -> Option<()> {
    // Graph's own names have dots (`@odata.type`); they lead nowhere.
    let (name, below) = match path.split_once('.').filter(|(first, _)| !first.contains('@')) {
        Some((name, below)) => (name, Some(below)),
        None => (path, None),
    };
    let quoted = format!("\"{name}\"").into_bytes();
    let place = fields.iter().position(|(known, _)| *known == quoted);
    let new = match below {
        None => value.to_vec(),
        Some(below) => {
            let old = place.map(|place| fields[place].1.as_slice());
            let mut inner = old.and_then(self::fields).unwrap_or_default();
            set(&mut inner, below, value)?;
            written(&inner)
        }
    };
    match place {
        Some(place) => fields[place].1 = new,
        None => fields.push((quoted, new)),
    }
    Some(())
}

fn written(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let all = fields.iter().map(|(name, value)| [name.as_slice(), b":", value].concat());
    [b"{".to_vec(), all.collect::<Vec<_>>().join(&b","[..]), b"}".to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::{super::Oddity, *};

    fn odd(json: &str, rules: &str) -> String {
        let rules: Vec<Oddity> = serde_json::from_str(rules).unwrap();
        let rules: Vec<Rule> = rules.into_iter().map(|said| Rule::new(said).unwrap()).collect();
        let rules: Vec<&Rule> = rules.iter().collect();
        String::from_utf8(rewritten(json.as_bytes(), &rules).unwrap()).unwrap()
    }

    #[test]
    fn objects_are_found_wherever_they_are() {
        let json =
            r#"{"value":[{"id":"a","n":"x\"}"},{"b":{"id":"b","in":[{"id":"a"}]}}], "k":-1.5e3}"#;
        assert_eq!(odd(json, r#"[{"id":"c","set":{"n":"1"}}]"#), json);
        assert_eq!(
            odd(json, r#"[{"id":"a","set":{"n":"\"\\ud83d\""}}]"#),
            r#"{"value":[{"id":"a","n":"\ud83d"},{"b":{"id":"b","in":[{"id":"a","n":"\ud83d"}]}}], "k":-1.5e3}"#
        );
        assert_eq!(
            odd(
                json,
                r#"[{"id":"a","instead":"null"},{"id":"b","remove":["in"],"add":{"id":"7"}}]"#
            ),
            r#"{"value":[null,{"b":{"id":"b","id":7}}], "k":-1.5e3}"#
        );
        assert_eq!(
            odd(json, r#"[{"route":".","set":{"k":"[]","value":"17","@odata.nextLink":"{}"}}]"#),
            r#"{"value":17,"k":[],"@odata.nextLink":{}}"#
        );
        assert_eq!(
            odd(
                json,
                r#"[{"id":"a","instead":"7"},{"id":"a","set":{"n":"1"}},{"id":"b","set":{"id":"2"}}]"#
            ),
            r#"{"value":[7,{"b":{"id":2,"in":[7]}}], "k":-1.5e3}"#
        );
        assert_eq!(
            odd(
                r#"[{"uid":"a","p":{"q":1}}]"#,
                r#"[{"id":"a","key":"uid","set":{"p.q":"x","r.s":"2"}}]"#
            ),
            r#"[{"uid":"a","p":{"q":x},"r":{"s":2}}]"#
        );
    }
}
