//! Writes entities in either representation, so that no shape is written twice.
//!
//! Invariant: calls nest like brackets; attributes come before anything else of their element. The writer
//! never fails: it fills a buffer, which whoever streams takes away from time to time.

use axum::{
    body::{Body, Bytes},
    http::{Response, header},
};
use directory::id::Millis;

use super::{date, json::Json, negotiate::Representation, xml::Xml};

/// From this size on, what is written is sent.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// Room for what is written beyond that before a stream looks.
const SLACK_BYTES: usize = 32 * 1024;

/// Writes one document.
#[derive(Debug)]
pub(super) struct Writer {
    out: Vec<u8>,
    back: Back,
}

#[derive(Debug)]
enum Back {
    Xml(Xml),
    Json(Json),
}

impl Writer {
    /// Begins a document.
    pub(super) fn new(representation: Representation) -> Self {
        let mut out = Vec::with_capacity(1024);
        let back = match representation {
            Representation::Xml => {
                Xml::begin(&mut out);
                Back::Xml(Xml::default())
            }
            Representation::Json => Back::Json(Json::default()),
        };
        Self { out, back }
    }

    /// An element, or an object.
    pub(super) fn open(&mut self, name: &str) {
        match &mut self.back {
            Back::Xml(xml) => xml.open(&mut self.out, name),
            Back::Json(json) => json.open(&mut self.out, name),
        }
    }

    /// The end of it.
    pub(super) fn close(&mut self, name: &str) {
        match &mut self.back {
            Back::Xml(xml) => xml.close(&mut self.out, name),
            Back::Json(json) => json.close(&mut self.out),
        }
    }

    /// An XML attribute.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        match &mut self.back {
            Back::Xml(_) => Xml::attribute(&mut self.out, name, value),
            Back::Json(json) => json.text(&mut self.out, name, &[value]),
        }
    }

    /// An XML attribute that is true or false.
    pub(super) fn flag_attribute(&mut self, name: &str, value: bool) {
        let value = if value { "true" } else { "false" };
        match &mut self.back {
            Back::Xml(_) => Xml::attribute(&mut self.out, name, value),
            Back::Json(json) => json.bare(&mut self.out, name, value),
        }
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.text_of(name, &[value]);
    }

    /// A text made of parts.
    pub(super) fn text_of(&mut self, name: &str, parts: &[&str]) {
        match &mut self.back {
            Back::Xml(xml) => xml.text(&mut self.out, name, parts),
            Back::Json(json) => json.text(&mut self.out, name, parts),
        }
    }

    /// A text, unless there is none.
    pub(super) fn text_if_any(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        let value = if value { "true" } else { "false" };
        match &mut self.back {
            Back::Xml(xml) => xml.text(&mut self.out, name, &[value]),
            Back::Json(json) => json.bare(&mut self.out, name, value),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        let value = value.to_string();
        match &mut self.back {
            Back::Xml(xml) => xml.text(&mut self.out, name, &[&value]),
            Back::Json(json) => json.bare(&mut self.out, name, &value),
        }
    }

    /// A time: a date in XML, milliseconds in JSON.
    pub(super) fn date(&mut self, name: &str, at: Millis) {
        match &mut self.back {
            Back::Xml(xml) => {
                let text = date::to_text(at);
                // All of it is ASCII.
                xml.text(&mut self.out, name, &[str::from_utf8(&text).unwrap_or_default()]);
            }
            Back::Json(json) => json.bare(&mut self.out, name, &at.0.to_string()),
        }
    }

    /// A link whose address is made of parts that neither representation has to escape.
    pub(super) fn link(&mut self, href: &[&str], rel: &str) {
        match &mut self.back {
            Back::Xml(xml) => xml.link(&mut self.out, href, rel),
            Back::Json(json) => {
                json.open(&mut self.out, "link");
                json.text(&mut self.out, "href", href);
                json.text(&mut self.out, "rel", &[rel]);
                json.close(&mut self.out);
            }
        }
    }

    /// Something of which only the name is told.
    pub(super) fn named(&mut self, element: &str, name: &str) {
        match &mut self.back {
            Back::Xml(xml) => xml.named(&mut self.out, element, name),
            Back::Json(json) => {
                json.open(&mut self.out, element);
                json.text(&mut self.out, "name", &[name]);
                json.close(&mut self.out);
            }
        }
    }

    /// A list: in JSON an array of that name, in XML just its items.
    pub(super) fn open_list(&mut self, array: &str) {
        if let Back::Json(json) = &mut self.back {
            json.open_array(&mut self.out, array);
        }
    }

    /// The end of it.
    pub(super) fn close_list(&mut self) {
        if let Back::Json(json) = &mut self.back {
            json.close(&mut self.out);
        }
    }

    /// An item of a list with items of several kinds: in JSON it is wrapped to say which.
    pub(super) fn open_tagged(&mut self, name: &str) {
        match &mut self.back {
            Back::Xml(xml) => xml.open(&mut self.out, name),
            Back::Json(json) => json.open_tagged(&mut self.out, name),
        }
    }

    /// The end of it.
    pub(super) fn close_tagged(&mut self, name: &str) {
        self.close(name);
        if let Back::Json(json) = &mut self.back {
            json.close(&mut self.out);
        }
    }

    /// How much is waiting to be taken.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes what was written.
    pub(super) fn take(&mut self) -> Bytes {
        let next = Vec::with_capacity(CHUNK_BYTES + SLACK_BYTES);
        Bytes::from(std::mem::replace(&mut self.out, next))
    }

    /// Makes an answer of a whole document.
    pub(super) fn into_response(self) -> Response<Body> {
        let representation = self.representation();
        let mut response = Response::new(Body::from(self.out));
        response.headers_mut().insert(header::CONTENT_TYPE, representation.content_type());
        response
    }

    /// In which representation it writes.
    pub(super) fn representation(&self) -> Representation {
        match self.back {
            Back::Xml(_) => Representation::Xml,
            Back::Json(_) => Representation::Json,
        }
    }
}
