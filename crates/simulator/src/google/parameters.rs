//! Query parameters of a method, checked as Google's gateway checks them.
//!
//! Invariant: a parameter that the method does not have, or a value that is none of its type, is refused.

use super::error::ApiError;
use crate::{chance::hash_bytes, exchange::Call};

/// What every method takes.
const STANDARD: [&str; 11] = [
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
];

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    call: &'a Call,
}

impl<'a> Parameters<'a> {
    /// The parameters of a method that knows these.
    pub(super) fn read(call: &'a Call, known: &[&str]) -> Result<Self, ApiError> {
        for (name, value) in &call.query {
            let name = name.as_str();
            if !known.contains(&name) && !STANDARD.contains(&name) {
                let text = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query \
                     parameter. Field '{name}' could not be found in request message."
                );
                return Err(ApiError::malformed(&text, name));
            }
            if name == "alt" && value != "json" {
                return Err(ApiError::malformed("Invalid value for alt.", name));
            }
        }
        Ok(Self { call })
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.call.option(name).filter(|value| !value.is_empty())
    }

    /// A parameter with one of these values, in any case, as it stands among them.
    pub(super) fn choice(
        &self,
        name: &str,
        values: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let found = values.iter().find(|known| known.eq_ignore_ascii_case(value));
        let text = format!("Invalid value at '{name}' (type.googleapis.com/enum), \"{value}\"");
        found.map(|known| Some(*known)).ok_or_else(|| ApiError::malformed(&text, name))
    }

    /// A parameter that is true or false.
    pub(super) fn is_true(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.choice(name, &["true", "false"])? == Some("true"))
    }

    /// The page size: refused below 1; over the maximum it is cut, or refused too.
    pub(super) fn page_rows(
        &self,
        (default, maximum): (usize, usize),
        over: crate::PageMaximum,
    ) -> Result<usize, ApiError> {
        let Some(text) = self.get("maxResults") else {
            return Ok(default);
        };
        let rows: i64 = text.parse().map_err(|_| {
            let message = format!("Invalid value at 'max_results' (TYPE_INT32), \"{text}\"");
            ApiError::malformed(&message, "max_results")
        })?;
        match usize::try_from(rows) {
            Ok(rows) if (1..=maximum).contains(&rows) => Ok(rows),
            Ok(rows) if rows > maximum && over == crate::PageMaximum::Cut => Ok(maximum),
            _ => Err(ApiError::invalid("maxResults")),
        }
    }

    /// What tells this listing from others: its path and these parameters.
    pub(super) fn fingerprint(&self, names: &[&str]) -> u64 {
        let mut text = self.call.path.clone();
        for name in names {
            text.push('\n');
            text.push_str(self.get(name).unwrap_or_default());
        }
        hash_bytes(text.as_bytes())
    }
}
