//! What a search asks for, from the body of a `POST /search` and from CQL alike.
//!
//! Invariants: a search has at most [`CONDITIONS_MAX`] conditions; a property that people or groups do not
//! have is an attribute that nobody has, in a body; what cannot be understood is refused, never taken for
//! "everything".

use directory::query::{Comparison, Filter, Folded, TextMatch, TextProperty, TimeProperty};

use super::{body::Element, date, error::CrowdError};

/// Conditions of one search: each is looked at for every person or group.
pub(super) const CONDITIONS_MAX: usize = 1_000;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Searched {
    /// People.
    Users,
    /// Groups.
    Groups,
}

/// A property with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    /// A text.
    Text(TextProperty),
    /// Whether somebody may log in.
    Active,
    /// Whether a group exists here only.
    Local,
    /// A time.
    Time(TimeProperty),
}

impl Property {
    /// The property of a name, as people or groups have it.
    pub(super) fn named(name: &str, searched: Searched) -> Option<Self> {
        use Searched::{Groups, Users};
        let property = match (name, searched) {
            ("name", _) => Self::Text(TextProperty::Name),
            ("email", Users) => Self::Text(TextProperty::Email),
            ("firstName", Users) => Self::Text(TextProperty::FirstName),
            ("lastName", Users) => Self::Text(TextProperty::LastName),
            ("displayName", Users) => Self::Text(TextProperty::DisplayName),
            ("description", Groups) => Self::Text(TextProperty::Description),
            ("externalId" | "key", _) => Self::Text(TextProperty::ExternalId),
            ("active", _) => Self::Active,
            ("local", Groups) => Self::Local,
            ("createdDate", _) => Self::Time(TimeProperty::Created),
            ("updatedDate", _) => Self::Time(TimeProperty::Updated),
            _ => return None,
        };
        Some(property)
    }
}

/// How a property must stand to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// There is none.
    Null,
    /// In one of the ways that texts know; times and flags know the comparing ones.
    Match(TextMatch),
}

impl Mode {
    fn named(name: &str) -> Result<Self, CrowdError> {
        let mode = match name.trim().to_ascii_uppercase().as_str() {
            "NULL" => return Ok(Self::Null),
            "EXACTLY_MATCHES" => TextMatch::Compares(Comparison::Equal),
            "STARTS_WITH" => TextMatch::StartsWith,
            "ENDS_WITH" => TextMatch::EndsWith,
            "CONTAINS" => TextMatch::Contains,
            "LESS_THAN" => TextMatch::Compares(Comparison::Less),
            "LESS_THAN_OR_EQUAL" => TextMatch::Compares(Comparison::LessOrEqual),
            "GREATER_THAN" => TextMatch::Compares(Comparison::Greater),
            "GREATER_THAN_OR_EQUAL" => TextMatch::Compares(Comparison::GreaterOrEqual),
            _ => return Err(CrowdError::illegal_argument(format!("Unknown match mode: {name}"))),
        };
        Ok(Self::Match(mode))
    }
}

/// Understands a restriction in a body.
pub(super) fn of_body(element: &Element, searched: Searched) -> Result<Filter, CrowdError> {
    let mut left = CONDITIONS_MAX;
    of_element(element, searched, &mut left)
}

fn of_element(
    element: &Element,
    searched: Searched,
    left: &mut usize,
) -> Result<Filter, CrowdError> {
    *left = left.checked_sub(1).ok_or_else(too_many)?;
    match element.name.as_str() {
        "null-search-restriction" => Ok(Filter::Everything),
        "property-search-restriction" => of_property(element, searched),
        "boolean-search-restriction" => {
            let logic = element.text_of("boolean-logic").unwrap_or_default();
            let inner = element.child("restrictions").map(|list| list.children.as_slice());
            let parts = inner.unwrap_or_default().iter();
            let parts = parts.map(|part| of_element(part, searched, left));
            let parts: Vec<Filter> = parts.collect::<Result<_, _>>()?;
            if parts.is_empty() {
                return Err(CrowdError::illegal_argument("a boolean restriction has no parts"));
            }
            match logic.trim().to_ascii_uppercase().as_str() {
                "AND" => Ok(Filter::All(parts)),
                "OR" => Ok(Filter::Any(parts)),
                _ => Err(CrowdError::illegal_argument(format!("Unknown boolean logic: {logic}"))),
            }
        }
        other => Err(CrowdError::illegal_argument(format!("Unknown search restriction: {other}"))),
    }
}

/// What a search with more conditions is answered.
pub(super) fn too_many() -> CrowdError {
    let message = format!("a search has at most {CONDITIONS_MAX} conditions");
    CrowdError::illegal_argument(message)
}

fn of_property(element: &Element, searched: Searched) -> Result<Filter, CrowdError> {
    let missing = |what| CrowdError::illegal_argument(format!("the restriction lacks its {what}"));
    let property = element.child("property").ok_or_else(|| missing("property"))?;
    let name = property.text_of("name").ok_or_else(|| missing("property's name"))?.trim();
    let kind = property.text_of("type").unwrap_or("STRING").trim().to_ascii_uppercase();
    if !["STRING", "BOOLEAN", "DATE"].contains(&kind.as_str()) {
        return Err(CrowdError::illegal_argument(format!("Unknown property type: {kind}")));
    }
    let mode = element.text_of("match-mode").ok_or_else(|| missing("match mode"))?;
    let mode = Mode::named(mode)?;
    let property = Property::named(name, searched).unwrap_or(Property::Text(TextProperty::Other));
    let value = element.text_of("value");
    if value.is_none() && mode != Mode::Null {
        return Err(missing("value"));
    }
    compare(property, mode, value.unwrap_or_default())
}

/// A property that stands so to a value.
pub(super) fn compare(property: Property, mode: Mode, value: &str) -> Result<Filter, CrowdError> {
    let Mode::Match(how) = mode else {
        return Ok(match property {
            Property::Text(property) => Filter::Missing(property),
            Property::Active | Property::Local | Property::Time(_) => Filter::Nothing,
        });
    };
    match property {
        Property::Text(property) => Ok(Filter::Text(property, how, Folded::new(value))),
        Property::Active => flag(how, value).map(Filter::Active),
        // No group is local: all come from a provider.
        Property::Local => {
            flag(how, value).map(|local| if local { Filter::Nothing } else { Filter::Everything })
        }
        Property::Time(property) => {
            let bad = || CrowdError::illegal_argument(format!("`{value}` is not a date"));
            let at = date::parse(value).ok_or_else(bad)?;
            match how {
                TextMatch::Compares(comparison) => Ok(Filter::Time(property, comparison, at)),
                _ => Err(CrowdError::illegal_argument("dates have no beginning and no end")),
            }
        }
    }
}

fn flag(how: TextMatch, value: &str) -> Result<bool, CrowdError> {
    if how != TextMatch::Compares(Comparison::Equal) {
        return Err(CrowdError::illegal_argument("true and false can only be matched exactly"));
    }
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(CrowdError::illegal_argument(format!("`{value}` is neither true nor false"))),
    }
}
