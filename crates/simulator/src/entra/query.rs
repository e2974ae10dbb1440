//! The OData options of a Graph request, checked.
//!
//! Invariant: an option that the vendor refuses is refused here, never ignored; deltas ignore `$top` and `$orderby` as
//! the vendor does.

use std::fmt::Write as _;

use super::error::GraphError;
use crate::chance::hash_bytes;
use crate::exchange::Call;

/// Largest page.
pub(super) const TOP_MAX: usize = 999;
/// Page size without `$top`.
pub(super) const TOP_DEFAULT: usize = 100;

/// Which kind of request the options belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// A collection that is paged.
    List,
    /// A delta.
    Delta,
    /// One object, or an action.
    One,
}

/// The options.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) select: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) top: Option<usize>,
    pub(super) count: bool,
    /// The header `ConsistencyLevel: eventual`.
    pub(super) eventual: bool,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
    /// Binds page tokens to everything that decides what the pages hold.
    pub(super) hash: u64,
}

impl Query {
    /// Reads the options of a request.
    pub(super) fn read(call: &Call, family: Family) -> Result<Self, GraphError> {
        let level = call.header("consistencylevel");
        let eventual = level.is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        let mut query = Self { eventual, ..Self::default() };
        let mut bound = format!("{}\n", call.path);
        for (name, value) in &call.query {
            let name = name.to_ascii_lowercase();
            let Some(option) = name.strip_prefix('$') else {
                continue;
            };
            if !matches!(option, "skiptoken" | "deltatoken") {
                writeln!(bound, "{option}={value}").expect("writing to memory does not fail");
            }
            query.take(option, value, family)?;
        }
        if query.count && !query.eventual && family == Family::List {
            return Err(GraphError::bad_request("$count is not currently supported."));
        }
        query.hash = hash_bytes(bound.as_bytes());
        Ok(query)
    }

    fn take(&mut self, option: &str, value: &str, family: Family) -> Result<(), GraphError> {
        let repeated = match option {
            "select" => self.select.replace(value.to_owned()).is_some(),
            "filter" => self.filter.replace(value.to_owned()).is_some(),
            "skiptoken" => self.skip_token.replace(value.to_owned()).is_some(),
            "deltatoken" => self.delta_token.replace(value.to_owned()).is_some(),
            "top" | "orderby" if family == Family::Delta => false,
            "top" => self.top.replace(read_top(value)?).is_some(),
            "count" => {
                self.count = value.eq_ignore_ascii_case("true");
                false
            }
            "format" => false,
            "expand" => {
                return Err(GraphError::unsupported(
                    "The query option 'Expand' is not supported by this simulated tenant.",
                ));
            }
            _ => {
                return Err(GraphError::bad_request(format!(
                    "'${option}' is not supported by the service."
                )));
            }
        };
        if repeated {
            return Err(GraphError::bad_request(format!(
                "Query option '${option}' was specified more than once, but it must be specified \
                 at most once."
            )));
        }
        Ok(())
    }

    /// The page size.
    pub(super) fn page_size(&self) -> usize {
        self.top.unwrap_or(TOP_DEFAULT)
    }
}

fn read_top(value: &str) -> Result<usize, GraphError> {
    match value.parse::<usize>() {
        Ok(top) if (1..=TOP_MAX).contains(&top) => Ok(top),
        Ok(_) => Err(GraphError::bad_request(format!(
            "Invalid page size specified: '{value}'. Must be between 1 and {TOP_MAX} inclusive."
        ))),
        Err(_) => Err(GraphError::bad_request(format!(
            "Invalid value '{value}' for $top query option found."
        ))),
    }
}
