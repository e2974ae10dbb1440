//! Expressions that administrators write: CEL over the provider's record, for filters and names.
//!
//! Invariants: an expression is checked when it is saved, types and cost included, and every problem has a
//! position; what passed the check ends after at most [`STEPS_MAX`] steps, whatever the record holds. An
//! expression that fails for one record is data about that record and never fails a run. There is no clock and
//! no randomness to ask for.

mod check;
mod run;

use std::fmt;

use cel::Env;
use serde::{Deserialize, Serialize};

pub use self::run::{Failure, Record};
use self::{
    check::Kind,
    run::{Pattern, environment},
};
use crate::{observation::Attribute, text::line};

/// The longest expression, in bytes.
pub const LENGTH_MAX: usize = 2_000;
/// How deep an expression may be nested.
pub const DEPTH_MAX: usize = 40;
/// How deep the parser itself may go: it uses much stack for each level.
const PARSER_DEPTH_MAX: u16 = 16;
/// Steps that an expression may take for one record, in the worst case.
pub const STEPS_MAX: u64 = 100_000;
/// The longest text that an expression may make on the way, in bytes, in the worst case: every value is as long as
/// values can be.
pub const TEXT_BYTES_MAX: u64 = 16 << 20;
/// The longest text that a name, mail address and so on may become, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 4_096;

/// Characters of a pattern that a message repeats.
const PATTERN_CHARS_MAX: usize = 200;

/// An expression as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Expression(pub String);

/// What an expression speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person: `user.FIELD`.
    User,
    /// A group: `group.FIELD`.
    Group,
}

/// What an expression has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// True or false.
    Condition,
    /// A text.
    Text,
}

/// Why an expression cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpressionProblem {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// An expression that was checked.
pub struct Formula {
    source: Expression,
    tree: cel::IdedExpr,
    patterns: Vec<Pattern>,
    fields: Vec<Field>,
    warnings: Vec<ExpressionProblem>,
}

/// A field of a record that an expression can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The provider's id.
    Id,
    /// Whether the person is a guest.
    Guest,
    /// Whether the account may sign in; true where the provider does not say.
    Enabled,
    /// Whether the provider hides the group's members.
    HiddenMembers,
    /// The provider's kind of group.
    GroupKind,
    /// An attribute as one text.
    Text(Attribute),
    /// An attribute that holds several values, one a line.
    List(Attribute),
}

impl Formula {
    /// Checks an expression.
    ///
    /// # Errors
    /// The first problem, with its position.
    pub fn compile(
        source: &Expression,
        subject: Subject,
        outcome: Outcome,
    ) -> Result<Self, ExpressionProblem> {
        let text = source.0.as_str();
        if text.len() > LENGTH_MAX {
            let message = format!(
                "the expression has {} bytes; {LENGTH_MAX} are allowed, shorten it",
                text.len()
            );
            return Err(ExpressionProblem { line: 1, column: 1, message });
        }
        let parser = environment().parser().max_recursion_depth(PARSER_DEPTH_MAX);
        let (mut tree, info) =
            parser.parse_with_source_info(text).map_err(|errors| parse_problem(&errors))?;
        let check::Checks { patterns, fields, warnings } =
            check::check(&mut tree, (subject, outcome))
                .map_err(|error| located(text, &info, error))?;
        let warnings = warnings.into_iter().map(|warning| located(text, &info, warning)).collect();
        Ok(Self { source: source.clone(), tree, patterns, fields, warnings })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &Expression {
        &self.source
    }

    /// What can be used and may not be what was meant.
    pub fn warnings(&self) -> &[ExpressionProblem] {
        &self.warnings
    }

    /// The attributes that it reads.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.fields.iter().filter_map(|field| match field {
            Field::Text(attribute) | Field::List(attribute) => Some(*attribute),
            _ => None,
        })
    }

    /// Whether the condition holds for a record.
    ///
    /// # Errors
    /// When the expression cannot be worked out for this record.
    pub fn holds(&self, record: Record<'_>) -> Result<bool, Failure> {
        run::holds(&self.tree, &self.patterns, record)
    }

    /// The text that the expression makes of a record.
    ///
    /// # Errors
    /// When the expression cannot be worked out for this record, or the text is too long.
    pub fn text(&self, record: Record<'_>) -> Result<String, Failure> {
        run::text(&self.tree, &self.patterns, record)
    }
}

impl Field {
    /// The field of that name, if there is one.
    pub(crate) fn named(subject: Subject, name: &str) -> Option<Self> {
        let own = match (subject, name) {
            (_, "id") => Some(Self::Id),
            (Subject::User, "guest") => Some(Self::Guest),
            (Subject::User, "enabled") => Some(Self::Enabled),
            (Subject::Group, "kind") => Some(Self::GroupKind),
            (Subject::Group, "hidden_members") => Some(Self::HiddenMembers),
            _ => None,
        };
        own.or_else(|| {
            let attribute = Attribute::ALL.into_iter().find(|a| a.as_str() == name)?;
            Some(match attribute {
                Attribute::OtherMails | Attribute::Aliases => Self::List(attribute),
                _ => Self::Text(attribute),
            })
        })
    }

    fn kind(self) -> Kind {
        match self {
            Self::Guest | Self::Enabled | Self::HiddenMembers => Kind::Bool,
            Self::Id | Self::GroupKind | Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
        }
    }
}

impl Subject {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// What [`check`] found, by the number of the node.
pub(crate) struct Located {
    node: u64,
    message: String,
}

fn located(text: &str, info: &cel::common::ast::SourceInfo, error: Located) -> ExpressionProblem {
    let start = info.offset_for(error.node).map_or(0, |(start, _)| start as usize);
    let before = &text[..text.floor_char_boundary(start)];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    ExpressionProblem { line: small(line), column: small(column), message: error.message }
}

fn parse_problem(errors: &cel::ParseErrors) -> ExpressionProblem {
    let Some(first) = errors.errors.first() else {
        let message = "the expression cannot be read".to_owned();
        return ExpressionProblem { line: 1, column: 1, message };
    };
    let at = |n: isize| small(usize::try_from(n).unwrap_or(1).max(1));
    if first.msg.contains("Recursion limit") {
        let message = format!("nested deeper than {PARSER_DEPTH_MAX} levels; simplify it");
        return ExpressionProblem { line: at(first.pos.0), column: at(first.pos.1), message };
    }
    let told = first.msg.trim();
    let message = match told.chars().next() {
        Some(c) if c.is_uppercase() => format!("{}{}", c.to_lowercase(), &told[c.len_utf8()..]),
        _ => told.to_owned(),
    };
    ExpressionProblem { line: at(first.pos.0), column: at(first.pos.1), message }
}

/// Why a pattern cannot be used, with the pattern.
pub(super) fn pattern_problem(pattern: &str, error: &regex::Error) -> String {
    let told = error.to_string();
    let last = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("the pattern cannot be used: {last}, in `{}`", line(pattern, PATTERN_CHARS_MAX))
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Formula").field(&self.source.0).finish()
    }
}

/// The language: CEL's standard functions and its `strings` extension, without time and optional values, and with
/// `matches` and `regexReplace` whose patterns were compiled beforehand.
fn language() -> Env {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(cel::extensions::strings).expect("the extension is added once");
    run::add_matches(&mut env);
    run::add_regex_replace(&mut env);
    env
}

#[cfg(test)]
mod tests;
