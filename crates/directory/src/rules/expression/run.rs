//! Working an expression out for one record.
//!
//! Invariant: nothing is copied but what the expression itself makes; fields are found by number.

use std::sync::{Arc, LazyLock};

use cel::{
    Context, Env, ExecutionError, IdedExpr, Value,
    common::{
        types::{self, CelBool, CelList, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
    context::VariableResolver,
};
use regex::Regex;

use super::{Field, OUTPUT_BYTES_MAX, language};
use crate::observation::{Attribute, Attributes, GroupRecord, PersonKind, PersonRecord};

/// The record that an expression is worked out for.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A person's.
    User(&'a PersonRecord),
    /// A group's.
    Group(&'a GroupRecord),
}

/// Why an expression cannot be worked out for a record: lower case, no full stop.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// A pattern that was compiled when the expression was checked.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) Regex);

static PATTERN: Type = Type::new_unspecified_type("pattern");

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN
    }

    fn cel_type() -> &'static Type {
        &PATTERN
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

pub(super) fn add_matches(env: &mut Env) {
    let pattern = Type::new_unspecified_type("pattern");
    env.add_member_overload(
        "matches",
        "string_matches_pattern",
        types::STRING_TYPE,
        vec![pattern],
        |args| {
            let text = args.first().and_then(|text| text.downcast_ref::<CelString<'_>>());
            let pattern = args.get(1).and_then(|pattern| pattern.downcast_ref::<Pattern>());
            match (text, pattern) {
                (Some(text), Some(pattern)) => {
                    Ok(CowVal::owned(CelBool::from(pattern.0.is_match(text.inner()))))
                }
                _ => Err(ExecutionError::function_error(
                    "matches",
                    "a text and a pattern are needed",
                )),
            }
        },
    )
    .expect("matches is declared once");
}

pub(super) fn add_regex_replace(env: &mut Env) {
    let pattern = Type::new_unspecified_type("pattern");
    env.add_member_overload(
        "regexReplace",
        "string_regex_replace_pattern",
        types::STRING_TYPE,
        vec![pattern, types::STRING_TYPE],
        |args| {
            let text = args.first().and_then(|text| text.downcast_ref::<CelString<'_>>());
            let pattern = args.get(1).and_then(|pattern| pattern.downcast_ref::<Pattern>());
            let with = args.get(2).and_then(|with| with.downcast_ref::<CelString<'_>>());
            match (text, pattern, with) {
                (Some(text), Some(pattern), Some(with)) => {
                    let replaced = pattern.0.replace_all(text.inner(), with.inner()).into_owned();
                    Ok(CowVal::owned(CelString::from(replaced)))
                }
                _ => Err(ExecutionError::function_error(
                    "regexReplace",
                    "a text, a pattern and a text are needed",
                )),
            }
        },
    )
    .expect("regexReplace is declared once");
}

static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(language()));

pub(super) fn environment() -> &'static Env {
    &LANGUAGE
}

/// The number of a field, stable within a process.
pub(super) fn number(field: Field) -> usize {
    match field {
        Field::Id => 0,
        Field::Guest => 1,
        Field::Enabled => 2,
        Field::HiddenMembers => 3,
        Field::GroupKind => 4,
        Field::Text(attribute) => 8 + attribute as usize,
        Field::List(attribute) => 64 + attribute as usize,
    }
}

/// How the tree names a field: no identifier that can be written looks so.
pub(super) fn field_name(number: usize) -> String {
    format!("@f{number}")
}

/// How the tree names a pattern.
pub(super) fn pattern_name(number: usize) -> String {
    format!("@p{number}")
}

struct Variables<'a> {
    record: Record<'a>,
    patterns: &'a [Pattern],
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let number = |text: &str| text.parse::<usize>().ok();
        match variable.split_at_checked(2)? {
            ("@f", text) => Some(self.field(number(text)?)),
            ("@p", text) => Some(CowVal::Borrowed(self.patterns.get(number(text)?)?)),
            _ => None,
        }
    }
}

impl<'a> Variables<'a> {
    fn field(&self, number: usize) -> CowVal<'_, '_> {
        let text = |text: &'a str| CowVal::owned(CelString::from(text));
        let truth = |truth: bool| CowVal::owned(CelBool::from(truth));
        let person = match self.record {
            Record::User(record) => Some(record),
            Record::Group(_) => None,
        };
        let group = match self.record {
            Record::Group(record) => Some(record),
            Record::User(_) => None,
        };
        match number {
            0 => CowVal::owned(CelString::from(self.id())),
            1 => truth(person.is_some_and(|record| record.kind == PersonKind::Guest)),
            2 => truth(person.is_some_and(|record| record.enabled.unwrap_or(true))),
            3 => truth(group.is_some_and(|record| record.hidden_members)),
            4 => text(group.map_or("", |record| record.kind.as_str())),
            64.. => {
                let values = self.attribute(number - 64).lines();
                let boxed = |value| -> Box<dyn Val + '_> { Box::new(CelString::from(value)) };
                CowVal::owned(CelList::from(values.map(boxed).collect::<Vec<_>>()))
            }
            _ => text(self.attribute(number.saturating_sub(8))),
        }
    }

    fn id(&self) -> String {
        match self.record {
            Record::User(record) => record.id.to_string(),
            Record::Group(record) => record.id.to_string(),
        }
    }

    fn attribute(&self, at: usize) -> &'a str {
        let attributes: &'a Attributes = match self.record {
            Record::User(record) => &record.attributes,
            Record::Group(record) => &record.attributes,
        };
        Attribute::ALL.get(at).and_then(|attribute| attributes.get(*attribute)).unwrap_or_default()
    }
}

pub(super) fn holds(
    tree: &IdedExpr,
    patterns: &[Pattern],
    record: Record<'_>,
) -> Result<bool, Failure> {
    let variables = Variables { record, patterns };
    let mut context = Context::with_env(Arc::clone(&LANGUAGE));
    context.set_variable_resolver(&variables);
    let value = Value::resolve_val(tree, &context).map_err(|error| failure(&error))?;
    value
        .downcast_ref::<CelBool>()
        .map(|truth| *truth.inner())
        .ok_or_else(|| Failure("the expression gave neither true nor false".to_owned()))
}

pub(super) fn text(
    tree: &IdedExpr,
    patterns: &[Pattern],
    record: Record<'_>,
) -> Result<String, Failure> {
    let variables = Variables { record, patterns };
    let mut context = Context::with_env(Arc::clone(&LANGUAGE));
    context.set_variable_resolver(&variables);
    let value = Value::resolve_val(tree, &context).map_err(|error| failure(&error))?;
    let text = value
        .downcast_ref::<CelString<'_>>()
        .ok_or_else(|| Failure("the expression gave no text".to_owned()))?;
    if text.inner().len() > OUTPUT_BYTES_MAX {
        return Err(Failure(format!(
            "the expression gave a text of more than {OUTPUT_BYTES_MAX} bytes"
        )));
    }
    Ok(text.inner().to_owned())
}

fn failure(error: &ExecutionError) -> Failure {
    let told = match error {
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        ExecutionError::Overflow(..) => "a number became too large".to_owned(),
        _ => "it does not fit this record".to_owned(),
    };
    Failure(told)
}
