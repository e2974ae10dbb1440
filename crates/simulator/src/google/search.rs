//! The search language of the `query` parameter, as far as clients use it.
//!
//! Invariant: fields and operators that are not understood are refused, never ignored.

use super::error::ApiError;

/// One condition; all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) field: String,
    value: String,
    prefix: bool,
    /// `:` for text: the value may be anywhere.
    within: bool,
}

impl Clause {
    /// What is looked for, in lower case.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value meets the condition, whatever the case.
    pub(super) fn matches(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        if self.prefix {
            return value.split(' ').any(|word| word.starts_with(&self.value))
                || value.starts_with(&self.value);
        }
        value == self.value || (self.within && value.contains(&self.value))
    }

    /// Whether an organisational unit is the named one or below it.
    pub(super) fn holds_unit(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        self.value == "/"
            || path == self.value
            || path.strip_prefix(&self.value).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Reads `field=value field:'value' field:begin*`.
pub(super) fn parse(text: &str, fields: &[&str]) -> Result<Vec<Clause>, ApiError> {
    let mut clauses = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (clause, after) = clause(rest).ok_or_else(|| ApiError::invalid("query"))?;
        if !fields.contains(&clause.field.as_str()) {
            return Err(ApiError::invalid("query"));
        }
        clauses.push(clause);
        rest = after.trim_start();
    }
    Ok(clauses)
}

fn clause(text: &str) -> Option<(Clause, &str)> {
    let end = text.find(|sign: char| !sign.is_ascii_alphanumeric())?;
    let (field, rest) = text.split_at(end);
    let operator = rest.chars().next().filter(|sign| ":=".contains(*sign))?;
    let rest = &rest[1..];
    let (mut value, rest) = if let Some(quoted) = rest.strip_prefix('\'') {
        let mut value = String::new();
        let mut signs = quoted.char_indices();
        let end = loop {
            match signs.next()? {
                (_, '\\') => value.push(signs.next()?.1),
                (at, '\'') => break at,
                (_, sign) => value.push(sign),
            }
        };
        (value, &quoted[end + 1..])
    } else {
        let end = rest.find(' ').unwrap_or(rest.len());
        (rest[..end].to_owned(), &rest[end..])
    };
    let mut prefix = false;
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix('*') {
        (prefix, rest) = (true, after);
    } else if value.ends_with('*') {
        value.pop();
        prefix = true;
    }
    if field.is_empty() || value.is_empty() {
        return None;
    }
    let (field, value) = (field.to_owned(), value.to_lowercase());
    Some((Clause { field, value, prefix, within: operator == ':' }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields_quotes_and_prefixes() {
        let fields = ["email", "name", "orgUnitPath", "isSuspended"];
        let clauses =
            parse("email:ann* orgUnitPath='/Staff/Back office' isSuspended=false", &fields)
                .unwrap();
        assert!(clauses[0].matches("Anna@x.example") && !clauses[0].matches("joanna@x.example"));
        assert!(clauses[1].holds_unit("/Staff/Back Office/Night"));
        assert!(!clauses[1].holds_unit("/Staff/Back Offices"));
        assert!(clauses[2].matches("false"));
        assert!(parse("name:'O\\'Neil'", &fields).unwrap()[0].matches("Pat O'Neil"));
        for bad in ["email", "email>a", "size=3", "name:'open", "email:"] {
            assert!(parse(bad, &fields).is_err(), "{bad}");
        }
    }
}
