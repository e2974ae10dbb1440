//! One record without what its reader does not take, or the word that it says nothing.
//!
//! Invariant: the reader itself decides what it takes, field by field, so that there is no second description of a
//! record that could differ. What decides is never left out by itself.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Id, Loose, Odd, Record, kind_of};

/// A field that no vendor has: the record says only that something changed.
pub(super) const PARTIAL: &str = "@muster.partial";

type Fields = Map<String, Value>;

/// A document of which whatever can be read is read.
pub(crate) fn loosely<T: DeserializeOwned + Default>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let accepts = |value: &Value| T::deserialize(value).is_ok();
        let loose = Loose::parse(body);
        let Some(Value::Object(fields)) = loose.map(|loose| loose.value) else {
            return T::default();
        };
        let found = Reducer { accepts: &accepts, decides: &[], dropped: Vec::new() }
            .reduced(fields, &Fields::new());
        found.ok().and_then(|fields| T::deserialize(Value::Object(fields)).ok()).unwrap_or_default()
    })
}

/// The record as its reader takes it.
///
/// # Errors
/// When it says nothing: why. It was noted then.
pub(super) fn reduced(
    value: Value,
    record: &'static Record,
    odd: &mut Odd,
) -> Result<Value, String> {
    let Value::Object(fields) = value else {
        let why = format!("is {}", kind_of(&value));
        odd.lost(record, None);
        return Err(why);
    };
    let said = record.id.map(|id| fields.get(id).unwrap_or(&Value::Null));
    let id = said.and_then(Value::as_str).and_then(Id::check);
    if let (Some(said), None) = (said, &id) {
        let why = match said {
            Value::String(_) => "its id cannot be one".to_owned(),
            other => format!("its id is {}", kind_of(other)),
        };
        odd.lost(record, label(&fields));
        return Err(why);
    }
    if (record.accepts)(&Value::Object(fields.clone())) {
        return Ok(Value::Object(fields));
    }
    let mut reducer =
        Reducer { accepts: &record.accepts, decides: record.decides, dropped: Vec::new() };
    let base: Fields = fields
        .iter()
        .filter(|(name, _)| record.id == Some(name.as_str()) || reducer.decides(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let label = id.as_ref().map(ToString::to_string).or_else(|| label(&fields));
    let whole = match reducer.culprit(&base) {
        Some(why) => Err(why),
        None => reducer.reduced(fields.clone(), &base),
    };
    let result = match (whole, &id) {
        (Ok(fields), _) => Ok(Value::Object(fields)),
        (Err(why), Some(id)) => {
            let kept: Option<Value> = record.piece.map(|names| {
                let mut base = Fields::new();
                base.insert(record.id.unwrap_or("id").to_owned(), id.to_string().into());
                base.insert(PARTIAL.to_owned(), true.into());
                let mut rest = fields.clone();
                rest.retain(|name, _| names.contains(&name.as_str()));
                Value::Object(reducer.reduced(rest, &base).unwrap_or(base))
            });
            if let Some(piece) = kept {
                odd.partial(record, id, &why);
                Ok(piece)
            } else {
                odd.unread(record, id, shown(&fields), &why);
                Err(why)
            }
        }
        (Err(why), None) => {
            odd.lost(record, label.clone());
            Err(why)
        }
    };
    // No members at all is a list without any; null says nothing about them.
    if let (Some(members), Some(id)) = (record.members, &id)
        && fields.get(members) == Some(&Value::Null)
    {
        odd.read_again(id);
    }
    for (name, kind) in reducer.dropped {
        if record.members == Some(name.as_str())
            && let Some(id) = &id
        {
            odd.read_again(id);
        }
        odd.left_out(record, label.as_deref(), &name, kind);
    }
    result
}

/// Takes fields one by one.
struct Reducer<'a> {
    accepts: &'a dyn Fn(&Value) -> bool,
    decides: &'a [&'a str],
    /// What was left out: the field, and what was in it.
    dropped: Vec<(String, &'static str)>,
}

impl Reducer<'_> {
    fn decides(&self, name: &str) -> bool {
        self.decides.contains(&name)
    }

    fn accepts(&self, base: &Fields, name: &str, value: Value) -> bool {
        let mut fields = base.clone();
        fields.insert(name.to_owned(), value);
        (self.accepts)(&Value::Object(fields))
    }

    /// What is wrong with the fields that decide, if something is.
    fn culprit(&self, base: &Fields) -> Option<String> {
        if (self.accepts)(&Value::Object(base.clone())) {
            return None;
        }
        // It is the one without which, or with another value of which, the rest is taken.
        let others = [Value::String(String::new()), Value::Bool(false), Value::Array(Vec::new())];
        let is_it = |name: &&str| {
            let mut fields = base.clone();
            fields.remove(*name);
            (self.accepts)(&Value::Object(fields.clone()))
                || others.iter().any(|other| self.accepts(&fields, name, other.clone()))
        };
        let name = self.decides.iter().copied().filter(|name| !name.contains('.')).find(is_it);
        Some(match name.map(|name| (name, base.get(name))) {
            Some((name, Some(value))) => format!("its `{name}` is {}", kind_of(value)),
            Some((name, None)) => format!("its `{name}` is missing"),
            None => "several of its fields are not of their type".to_owned(),
        })
    }

    /// `base` with what is good of `fields`, which it may hold already.
    ///
    /// # Errors
    /// When a field that decides is odd: which.
    fn reduced(&mut self, fields: Fields, base: &Fields) -> Result<Fields, String> {
        let mut out = base.clone();
        for (name, value) in fields {
            if base.contains_key(&name) {
                continue;
            }
            if let Some(value) = self.part(base, &name, value)? {
                out.insert(name, value);
            }
        }
        Ok(out)
    }

    /// What is good of a field.
    fn part(&mut self, base: &Fields, name: &str, value: Value) -> Result<Option<Value>, String> {
        if self.accepts(base, name, value.clone()) {
            return Ok(Some(value));
        }
        match value {
            Value::Null => Ok(None),
            Value::Array(items) => {
                let mut good = Vec::with_capacity(items.len());
                for item in items {
                    if self.accepts(base, name, Value::Array(vec![item.clone()])) {
                        good.push(item);
                    } else {
                        self.dropped.push((name.to_owned(), kind_of(&item)));
                    }
                }
                let good = Value::Array(good);
                Ok(self.accepts(base, name, good.clone()).then_some(good))
            }
            Value::Object(inner) => {
                let mut good = Fields::new();
                for (key, value) in inner {
                    let alone = Value::Object(Fields::from_iter([(key.clone(), value.clone())]));
                    let path = format!("{name}.{key}");
                    if self.accepts(base, name, alone) {
                        good.insert(key, value);
                    } else if self.decides(&path) {
                        return Err(format!("its `{path}` is {}", kind_of(&value)));
                    } else if value != Value::Null {
                        self.dropped.push((path, kind_of(&value)));
                    }
                }
                let good = Value::Object(good);
                let taken = self.accepts(base, name, good.clone());
                if !taken {
                    self.dropped.push((name.to_owned(), "an object"));
                }
                Ok(taken.then_some(good))
            }
            other => {
                self.dropped.push((name.to_owned(), kind_of(&other)));
                Ok(None)
            }
        }
    }
}

/// What the provider calls it: for a record of which nothing else is known.
pub(super) fn shown(fields: &Fields) -> Option<String> {
    let names = ["userPrincipalName", "primaryEmail", "displayName", "email", "name", "mail"];
    let own = names.into_iter().filter_map(|name| fields.get(name));
    let profile =
        ["login", "email", "name"].into_iter().filter_map(|name| fields.get("profile")?.get(name));
    let mut texts = own.chain(profile).filter_map(Value::as_str);
    texts.find(|text| !text.trim().is_empty()).map(crate::garbled::shortened)
}

fn label(fields: &Fields) -> Option<String> {
    shown(fields)
        .or_else(|| fields.get("id").and_then(Value::as_str).map(crate::garbled::shortened))
}
