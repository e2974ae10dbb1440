//! How names and addresses are made of a record.
//!
//! Invariant: pure in the record; who gets a name that several claim is decided by the plan.

use std::borrow::Cow;

use hashbrown::HashMap;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{
    compiled::{Compiler, RuleProblem},
    expression::{Expression, Formula, OUTPUT_BYTES_MAX, Outcome, Record, Subject},
};
use crate::{
    derive::Unusable,
    name::{Name, fold},
    observation::Attribute,
};

/// How a text is made of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    /// An attribute as it is.
    Attribute(Attribute),
    /// An attribute up to its last `@`.
    LocalPart(Attribute),
    /// What an expression gives.
    Expression(Expression),
}

/// What is done to group names once they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct GroupNames {
    /// Names that are replaced whole, before anything else; the new name is final.
    pub renames: Vec<Rename>,
    /// Replacements, in their order.
    pub replace: Vec<Replacement>,
    /// Put in front of every name that no rename made.
    pub prefix: String,
    /// What happens when two groups end at one name.
    pub same_name: SameName,
}

/// A name that is replaced whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The name as the rule before makes it, in any case.
    pub from: String,
    /// The name that products see.
    pub to: String,
}

/// A pattern that is replaced wherever it occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// A regular expression; case counts unless it begins with `(?i)`.
    pub pattern: String,
    /// What stands in its place; `$1` or `${name}` is what a group of the pattern matched.
    pub with: String,
}

/// What happens when two groups end at one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SameName {
    /// The one that has the name keeps it; the others are set aside.
    #[default]
    SetAside,
    /// They are served as one group with the members of all.
    Merged,
}

/// The memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Replacements in one text.
const REPLACEMENTS_MAX: usize = 50;
/// Renames of groups.
const RENAMES_MAX: usize = 10_000;

/// What is replaced in people's texts once the rules have made them: regular expressions, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UserTexts {
    /// In user names, before they are brought to lower case; given names (`user_names`) stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_name: Vec<Replacement>,
    /// In display names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display_name: Vec<Replacement>,
    /// In mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail: Vec<Replacement>,
    /// In first names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_name: Vec<Replacement>,
    /// In last names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_name: Vec<Replacement>,
}

impl UserTexts {
    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A [`TextRule`], made ready, and what is replaced in its text.
#[derive(Debug)]
pub(crate) struct Text {
    source: Source,
    replace: Vec<(Regex, String)>,
}

#[derive(Debug)]
enum Source {
    Attribute(Attribute),
    LocalPart(Attribute),
    Formula(Box<Formula>),
}

impl Text {
    pub(super) fn compile(text: &TextRule, at: (&str, Subject), compiler: &mut Compiler) -> Self {
        Self { source: Source::compile(text, at, compiler), replace: Vec::new() }
    }

    /// The same, with replacements in what it makes.
    pub(super) fn replacing(
        self,
        replace: &[Replacement],
        rule: &str,
        compiler: &mut Compiler,
    ) -> Self {
        Self { replace: replacements(replace, rule, compiler), ..self }
    }

    /// The text, or why there is none.
    pub(crate) fn of<'a>(&self, record: Record<'a>) -> Result<Cow<'a, str>, Unusable> {
        Ok(replaced(&self.replace, self.source.of(record)?))
    }

    pub(super) fn attributes(&self) -> Vec<Attribute> {
        self.source.attributes()
    }
}

impl Source {
    fn compile(text: &TextRule, (rule, subject): (&str, Subject), compiler: &mut Compiler) -> Self {
        match text {
            TextRule::Attribute(attribute) => Self::Attribute(*attribute),
            TextRule::LocalPart(attribute) => Self::LocalPart(*attribute),
            TextRule::Expression(expression) => {
                match compiler.take(rule, Formula::compile(expression, subject, Outcome::Text)) {
                    Some(formula) => Self::Formula(Box::new(formula)),
                    None => Self::Attribute(Attribute::Login),
                }
            }
        }
    }

    fn of<'a>(&self, record: Record<'a>) -> Result<Cow<'a, str>, Unusable> {
        let attributes = match record {
            Record::User(record) => &record.attributes,
            Record::Group(record) => &record.attributes,
        };
        match self {
            Self::Attribute(attribute) | Self::LocalPart(attribute) => {
                let Some(value) = attributes.get(*attribute) else {
                    return Err(Unusable::Empty { attribute: *attribute });
                };
                let local = value.rsplit_once('@').map_or(value, |(local, _)| local);
                let whole = matches!(self, Self::Attribute(_));
                Ok(Cow::Borrowed(if whole { value } else { local }))
            }
            Self::Formula(formula) => match formula.text(record) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(failure) => Err(Unusable::Expression { problem: failure.to_string() }),
            },
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Self::Attribute(attribute) | Self::LocalPart(attribute) => vec![*attribute],
            Self::Formula(formula) => formula.attributes().collect(),
        }
    }
}

/// Patterns, each compiled once, with what stands in their place.
fn replacements(
    replace: &[Replacement],
    rule: &str,
    compiler: &mut Compiler,
) -> Vec<(Regex, String)> {
    compiler.at_most(rule, replace.len(), REPLACEMENTS_MAX);
    let compile = |Replacement { pattern, with }: &Replacement| match RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
    {
        Ok(regex) => Some((regex, with.clone())),
        Err(error) => {
            compiler.problems.push(RuleProblem::of_pattern(rule, pattern, &error));
            None
        }
    };
    replace.iter().filter_map(compile).collect()
}

/// A text with all replacements made, in their order. The white space around it goes first, so that a pattern's `$`
/// stands behind the last letter.
fn replaced<'a>(replace: &[(Regex, String)], text: Cow<'a, str>) -> Cow<'a, str> {
    if replace.is_empty() {
        return text;
    }
    let mut text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    for (pattern, with) in replace {
        if let Cow::Owned(replaced) = pattern.replace_all(&text, with) {
            let end = replaced.floor_char_boundary(OUTPUT_BYTES_MAX);
            text = Cow::Owned(replaced[..end].to_owned());
        }
    }
    text
}

/// [`GroupNames`], made ready.
#[derive(Debug)]
pub(crate) struct Renamer {
    renames: HashMap<Box<str>, Box<str>>,
    replace: Vec<(Regex, String)>,
    prefix: String,
}

/// A table of renames by folded name.
pub(super) fn table(
    renames: &[Rename],
    rule: &str,
    compiler: &mut Compiler,
) -> HashMap<Box<str>, Name> {
    let mut table: HashMap<Box<str>, Name> = HashMap::new();
    for Rename { from, to } in renames {
        match Name::parse(to) {
            Ok(name) => {
                if table.insert(fold(from.trim()).into(), name).is_some() {
                    let told = format!("`{from}` is renamed twice; keep one of the two");
                    compiler.problems.push(RuleProblem::of(rule, &told));
                }
            }
            Err(error) => {
                let told = format!("the name `{to}` cannot be used: {error}");
                compiler.problems.push(RuleProblem::of(rule, &told));
            }
        }
    }
    table
}

impl Renamer {
    pub(super) fn compile(names: &GroupNames, compiler: &mut Compiler) -> Self {
        let GroupNames { renames, replace, prefix, same_name: _ } = names;
        compiler.at_most("group_names.renames", renames.len(), RENAMES_MAX);
        if prefix.chars().count() > 100 || prefix.chars().any(char::is_control) {
            let told = "a prefix has at most 100 characters and no control characters";
            compiler.problems.push(RuleProblem::of("group_names.prefix", &told));
        }
        let compiled = replacements(replace, "group_names.replace", compiler);
        let table = table(renames, "group_names.renames", compiler);
        let table = table.into_iter().map(|(from, to)| (from, to.as_str().into())).collect();
        Self { renames: table, replace: compiled, prefix: prefix.clone() }
    }

    /// The name that products see.
    pub(crate) fn apply<'a>(&self, name: Cow<'a, str>) -> Cow<'a, str> {
        if !self.renames.is_empty()
            && let Some(to) = self.renames.get(&*fold(name.trim()))
        {
            return Cow::Owned(to.to_string());
        }
        let name = replaced(&self.replace, name);
        if self.prefix.is_empty() || name.trim().is_empty() {
            return name;
        }
        Cow::Owned(format!("{}{}", self.prefix, name.trim()))
    }
}
