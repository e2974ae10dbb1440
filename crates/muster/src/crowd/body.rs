//! Reads what clients send: XML and JSON become one small tree.
//!
//! Invariants: no document type, no entity but XML's own five; nothing nests deeper than
//! [`DEPTH_MAX`], has more parts than [`ELEMENTS_MAX`], is longer than [`BODY_BYTES_MAX`] or takes longer
//! to arrive than [`BODY_TIMEOUT`]. Members that nobody asks for are ignored.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use quick_xml::{XmlVersion, events::BytesStart, events::Event, reader::Reader};
use serde_json::Value;

use super::{error::CrowdError, negotiate::Representation};

/// The longest body that is read.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Elements, attributes and JSON values of one body; a body is small, but a tree of it would not be.
const ELEMENTS_MAX: usize = 10_000;
/// How deep a body may nest.
const DEPTH_MAX: usize = 64;
/// JSON's word for what XML says by the name of an element.
const TYPE_MEMBER: &str = "restriction-type";

/// An element with what is in it. XML attributes and JSON members are elements too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// What it is called; items of a JSON array are named by their `restriction-type`, if any.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
    /// What is in it.
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of a name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    fn leaf(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text, children: Vec::new() }
    }
}

/// Reads a whole body. One that says that it is too long is not read at all.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, CrowdError> {
    let too_long = || {
        let message = format!("the body is longer than {BODY_BYTES_MAX} bytes");
        CrowdError::refused(StatusCode::PAYLOAD_TOO_LARGE, "ILLEGAL_ARGUMENT", message)
    };
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_long());
    }
    let reading = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(CrowdError::illegal_argument("the body broke off")),
        Err(_) => {
            let message = format!("the body took longer than {} s", BODY_TIMEOUT.as_secs());
            Err(CrowdError::refused(StatusCode::REQUEST_TIMEOUT, "ILLEGAL_ARGUMENT", message))
        }
    }
}

/// Understands a body; `None` when it is blank.
pub(super) fn parse(
    bytes: &[u8],
    representation: Representation,
) -> Result<Option<Element>, CrowdError> {
    let malformed = |what: &str| CrowdError::illegal_argument(format!("the body is not {what}"));
    let text = str::from_utf8(bytes).map_err(|_| malformed("UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = match representation {
        Representation::Xml => {
            from_xml(text).ok_or_else(|| malformed("well-formed XML of a reasonable size"))?
        }
        Representation::Json => {
            let value = serde_json::from_str(text).map_err(|_| malformed("well-formed JSON"))?;
            let mut left = ELEMENTS_MAX;
            from_json("", &value, 0, &mut left)
                .ok_or_else(|| malformed("JSON of a reasonable size"))?
        }
    };
    Ok(Some(parsed))
}

fn from_xml(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut left = ELEMENTS_MAX;
    loop {
        let closed = match reader.read_event().ok()? {
            Event::Start(_) | Event::Empty(_) if open.len() >= DEPTH_MAX => return None,
            Event::Start(tag) => {
                if root.is_some() {
                    return None;
                }
                open.push(element(&tag, &mut left)?);
                None
            }
            Event::Empty(tag) => Some(element(&tag, &mut left)?),
            Event::End(_) => Some(open.pop()?),
            Event::Text(text) => {
                append(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?;
                None
            }
            Event::CData(text) => {
                open.last_mut()?.text.push_str(&text);
                None
            }
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref().ok()? {
                    Some(character) => character,
                    None => predefined(&reference)?,
                };
                open.last_mut()?.text.push(character);
                None
            }
            Event::DocType(_) => return None,
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
        };
        if let Some(closed) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None if root.is_none() => root = Some(closed),
                None => return None,
            }
        }
    }
    if open.is_empty() { root } else { None }
}

/// Text belongs to an element; around the root there is nothing but white space.
fn append(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn element(tag: &BytesStart<'_>, left: &mut usize) -> Option<Element> {
    *left = left.checked_sub(1)?;
    let mut element = Element::leaf(tag.name().0, String::new());
    for attribute in tag.attributes() {
        *left = left.checked_sub(1)?;
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        element.children.push(Element::leaf(attribute.key.0, value.into_owned()));
    }
    Some(element)
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn from_json(name: &str, value: &Value, depth: usize, left: &mut usize) -> Option<Element> {
    *left = left.checked_sub(1)?;
    if depth >= DEPTH_MAX {
        return None;
    }
    let mut element = Element::leaf(name, String::new());
    match value {
        Value::Null => {}
        Value::Bool(flag) => element.text = flag.to_string(),
        Value::Number(number) => element.text = number.to_string(),
        Value::String(text) => element.text.clone_from(text),
        Value::Array(items) => {
            for item in items {
                element.children.push(from_json("", item, depth + 1, left)?);
            }
        }
        Value::Object(members) => {
            if let Some(Value::String(kind)) = members.get(TYPE_MEMBER) {
                element.name.clone_from(kind);
            }
            for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                element.children.push(from_json(name, member, depth + 1, left)?);
            }
        }
    }
    Some(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(text: &str) -> Option<Element> {
        parse(text.as_bytes(), Representation::Xml).ok().flatten()
    }

    #[test]
    fn xml_and_json_become_the_same_tree() {
        let from_xml =
            xml("<?xml version=\"1.0\"?>\n<p boolean-logic=\"and\"><v>a&amp;b&#233;</v></p>\n");
        let json = r#"{"restriction-type":"p","boolean-logic":"and","v":"a&bé","x":null}"#;
        let from_json = parse(json.as_bytes(), Representation::Json).unwrap();
        for tree in [from_xml.unwrap(), from_json.unwrap()] {
            assert_eq!(tree.name, "p");
            assert_eq!(tree.text_of("boolean-logic"), Some("and"));
            assert_eq!(tree.text_of("v"), Some("a&bé"));
            assert_eq!(tree.child("x"), None);
        }
    }

    #[test]
    fn character_data_keeps_its_blanks() {
        let tree = xml("<password><value><![CDATA[ a]]]]><![CDATA[>b ]]></value></password>");
        assert_eq!(tree.unwrap().text_of("value"), Some(" a]]>b "));
    }

    #[test]
    fn what_is_not_one_plain_document_is_refused() {
        for bad in [
            "<a>",
            "<a></b>",
            "text",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
            "<a x=1/>",
        ] {
            assert_eq!(xml(bad), None, "{bad}");
        }
        assert_eq!(xml(&format!("{}{}", "<a>".repeat(65), "</a>".repeat(65))), None);
        assert!(xml(&format!("{}{}", "<a>".repeat(64), "</a>".repeat(64))).is_some());
        assert_eq!(parse(b" \n", Representation::Xml).unwrap(), None);
    }

    #[test]
    fn a_tree_has_so_many_parts_at_the_most() {
        let flat = |parts: usize| format!("<a>{}</a>", "<b/>".repeat(parts - 1));
        assert!(xml(&flat(ELEMENTS_MAX)).is_some());
        assert_eq!(xml(&flat(ELEMENTS_MAX + 1)), None);
        let flat = |parts: usize| format!("[{}0]", "0,".repeat(parts - 2));
        let json = |text: String| parse(text.as_bytes(), Representation::Json);
        assert!(json(flat(ELEMENTS_MAX)).is_ok() && json(flat(ELEMENTS_MAX + 1)).is_err());
    }
}
