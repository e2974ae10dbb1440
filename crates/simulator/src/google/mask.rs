//! Partial responses: the `fields` parameter.
//!
//! Invariant: a mask that names what the answer cannot have is refused; what a mask does not name is not in the answer.

use serde_json::Value;

use super::{error::ApiError, schema::Schema};

/// A selection of fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask {
    /// The named ones; none means all of them.
    named: Vec<(String, Mask)>,
}

impl Mask {
    /// Reads `a,b/c,d(e,f)`, which must fit the schema.
    pub(super) fn parse(text: &str, schema: &'static Schema) -> Result<Self, ApiError> {
        let mut rest = text;
        let mask = parse_list(&mut rest).ok_or_else(|| ApiError::field_selection(text))?;
        if !rest.is_empty() {
            return Err(ApiError::field_selection(text));
        }
        mask.check(schema)?;
        Ok(mask)
    }

    /// Whether everything is selected.
    pub(super) fn is_all(&self) -> bool {
        self.named.is_empty() || self.named.iter().any(|(name, _)| name == "*")
    }

    /// What is selected of a field; `None` if it is not.
    pub(super) fn of(&self, field: &str) -> Option<Self> {
        if self.is_all() {
            return Some(Self::default());
        }
        let mut found = self.named.iter().filter(|(name, _)| name == field).peekable();
        found.peek()?;
        let mut merged = Self::default();
        for (_, part) in found {
            if part.is_all() {
                return Some(Self::default());
            }
            merged.named.extend(part.named.iter().cloned());
        }
        Some(merged)
    }

    /// Whether a field is selected at all.
    pub(super) fn has(&self, field: &str) -> bool {
        self.is_all() || self.named.iter().any(|(name, _)| name == field)
    }

    /// Whether only parts are selected of any field but these.
    pub(super) fn is_deep(&self, but: &[&str]) -> bool {
        !self.is_all()
            && self.named.iter().any(|(name, part)| !part.is_all() && !but.contains(&name.as_str()))
    }

    /// Takes away what is not selected.
    pub(super) fn prune(&self, value: &mut Value) {
        if self.is_all() {
            return;
        }
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.prune(item)),
            Value::Object(fields) => {
                fields.retain(|name, _| self.has(name));
                for (name, value) in fields.iter_mut() {
                    if let Some(part) = self.of(name) {
                        part.prune(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn check(&self, schema: &'static Schema) -> Result<(), ApiError> {
        for (name, part) in self.named.iter().filter(|(name, _)| name != "*") {
            match schema.of(name) {
                Some(below) => part.check(below)?,
                None => return Err(ApiError::field_selection(name)),
            }
        }
        Ok(())
    }
}

/// Items separated by commas, up to the end or a closing parenthesis.
fn parse_list(rest: &mut &str) -> Option<Mask> {
    let mut named = Vec::new();
    loop {
        named.push(parse_item(rest)?);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Some(Mask { named }),
        }
    }
}

/// `name`, `name/item` or `name(list)`.
fn parse_item(rest: &mut &str) -> Option<(String, Mask)> {
    let end = rest.find([',', '/', '(', ')']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() {
        return None;
    }
    *rest = after;
    if let Some(after) = rest.strip_prefix('/') {
        *rest = after;
        return Some((name.to_owned(), Mask { named: vec![parse_item(rest)?] }));
    }
    let mut below = Mask::default();
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        below = parse_list(rest)?;
        *rest = rest.strip_prefix(')')?;
    }
    Some((name.to_owned(), below))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::schema, *};

    fn pruned(fields: &str) -> Value {
        let mut value = json!({
            "kind": "x", "nextPageToken": "t",
            "users": [{"id": "1", "name": {"givenName": "A", "familyName": "B"},
                       "emails": [{"address": "a", "primary": true}]}],
        });
        Mask::parse(fields, &schema::USERS).unwrap().prune(&mut value);
        value
    }

    #[test]
    fn selects_what_is_named() {
        assert_eq!(
            pruned("nextPageToken,users(id,name/givenName)"),
            json!({"nextPageToken": "t", "users": [{"id": "1", "name": {"givenName": "A"}}]})
        );
        assert_eq!(
            pruned("users/emails/address"),
            json!({"users": [{"emails": [{"address": "a"}]}]})
        );
        assert_eq!(
            pruned("users(id),users(name(familyName))")["users"][0]["name"],
            json!({"familyName": "B"})
        );
        assert_eq!(pruned("*")["kind"], "x");
    }

    #[test]
    fn refuses_what_is_not_there() {
        for fields in [
            "users(login)",
            "value",
            "users(id",
            "users(id))",
            "",
            "users,,kind",
            "users/name/first",
        ] {
            assert!(Mask::parse(fields, &schema::USERS).is_err(), "{fields}");
        }
    }
}
