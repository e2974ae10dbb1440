//! Answers with something odd in them: read record by record and field by field (DESIGN.md 12.3).
//!
//! Invariants: a page is read as its type says first, and only what fails at that comes here; what comes out is JSON
//! that the same reader takes, so that both ways agree about every record that is as it should be. A field that is not
//! of its type is left out with a note; where it decides, its record stays as it was, or is set aside. Nothing is guessed:
//! a record without a usable id is nobody's, and a list that holds one proves nothing about whom it lacks.

mod id;
mod parse;
mod reduce;
mod told;

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use self::{id::Id, reduce::loosely, told::Odd};

/// What is read: its name in messages, and how its records look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct What<'a> {
    pub(crate) name: &'a str,
    shape: Shape,
}

/// Where the records of an answer are.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// There are none to be looked into.
    Whole,
    /// The answer is one.
    One(&'static Record),
    /// The answer is a list of them.
    List(&'static Record),
    /// The answer has a list of them, under this name.
    Page(&'static str, &'static Record),
}

/// A kind of record.
pub(crate) struct Record {
    /// How it is called in messages.
    pub(crate) noun: &'static str,
    /// The field with its id, where it needs one.
    pub(crate) id: Option<&'static str>,
    /// Whether the mirror has such records: people or groups.
    pub(crate) mirrored: Option<Mirrored>,
    /// Fields that say who it is or whether it is in force: where one is odd, the record says nothing. A dot leads into
    /// an object.
    pub(crate) decides: &'static [&'static str],
    /// Among changes: what is still read of a record that says nothing, beside that something changed.
    pub(crate) piece: Option<&'static [&'static str]>,
    /// Among changes: the field with changed members. Where one of those is odd, all members are to be read.
    pub(crate) members: Option<&'static str>,
    /// Whether the reader takes it.
    pub(crate) accepts: fn(&Value) -> bool,
}

/// Which records the mirror has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mirrored {
    People,
    Groups,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun)
    }
}

impl<'a> From<&'a str> for What<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, shape: Shape::Whole }
    }
}

impl<'a> What<'a> {
    /// An answer that is one record.
    pub(crate) const fn one(name: &'a str, record: &'static Record) -> Self {
        Self { name, shape: Shape::One(record) }
    }

    /// An answer that is a list.
    pub(crate) const fn list(name: &'a str, record: &'static Record) -> Self {
        Self { name, shape: Shape::List(record) }
    }

    /// An answer with a list in it.
    pub(crate) const fn page(name: &'a str, list: &'static str, record: &'static Record) -> Self {
        Self { name, shape: Shape::Page(list, record) }
    }
}

/// An answer that is JSON, whatever is in it.
#[derive(Debug)]
pub(crate) struct Loose {
    value: Value,
    /// Signs that no text can have were replaced.
    repaired: bool,
}

impl Loose {
    /// Reads any JSON; `None` if it is none. Of a field that is there twice the last one counts.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let (value, repaired) = parse::parsed(body)?;
        Some(Self { value, repaired })
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// The answer as a reader takes it, with what was odd put into `odd`.
    ///
    /// # Errors
    /// When the one record that it is says nothing: why.
    pub(crate) fn mended(self, what: What<'_>, odd: &mut Odd) -> Result<Bytes, String> {
        let Self { mut value, repaired } = self;
        let mut reduce = |record: &'static Record, value: Value| {
            if repaired {
                odd.repaired(record, &value);
            }
            reduce::reduced(value, record, odd)
        };
        match what.shape {
            Shape::Whole => {}
            Shape::One(record) => {
                let reduced = reduce(record, value);
                odd.was_asked_for();
                value = reduced?;
            }
            Shape::List(record) => {
                if let Value::Array(items) = &mut value {
                    let all = std::mem::take(items).into_iter();
                    items.extend(all.filter_map(|item| reduce(record, item).ok()));
                }
            }
            Shape::Page(list, record) => {
                if let Value::Object(fields) = &mut value {
                    match fields.get_mut(list) {
                        Some(Value::Array(items)) => {
                            let all = std::mem::take(items).into_iter();
                            items.extend(all.filter_map(|item| reduce(record, item).ok()));
                        }
                        Some(Value::Null) => drop(fields.remove(list)),
                        _ => {}
                    }
                }
            }
        }
        Ok(Bytes::from(value.to_string()))
    }
}

/// What kind of value it is, in words.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
