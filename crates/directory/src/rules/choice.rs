//! Which groups and people a rule means: by name, pattern, id, sign-in name or expression.
//!
//! Invariant: names are compared without case, and a group answers to its name, its address and the local part of
//! its address, since providers differ in which of them people know.

use hashbrown::HashSet;
use regex::{RegexBuilder, RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

use super::{
    compiled::{Compiler, RuleProblem},
    expression::{Expression, Formula, Outcome, Record, Subject},
};
use crate::{
    id::ProviderId,
    name::{Name, fold},
    observation::{Attribute, GroupRecord},
};

/// Groups that a rule means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupChoice {
    /// The group of that name or address.
    Name(String),
    /// Groups whose name or address fits: `*` stands for any text, `?` for one character.
    Pattern(String),
    /// Groups whose name or address fits a regular expression, somewhere unless `^` and `$` say otherwise.
    Regex(String),
    /// The group of that id at the provider.
    Id(ProviderId),
    /// Groups for which a condition over `group` holds.
    Expression(Expression),
}

/// People that a rule means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PersonChoice {
    /// The person of that sign-in name or user name.
    Login(String),
    /// The members of a group, directly or through groups, by the name that products see.
    MemberOf(String),
    /// People for whom a condition over `user` holds.
    Expression(Expression),
}

/// Choices of groups, made ready.
#[derive(Debug, Default)]
pub(crate) struct GroupMatcher {
    ids: HashSet<ProviderId>,
    names: HashSet<Box<str>>,
    patterns: Option<RegexSet>,
    formulas: Vec<Formula>,
}

/// Choices of people, made ready.
#[derive(Debug, Default)]
pub(crate) struct PersonMatcher {
    pub(crate) logins: HashSet<Box<str>>,
    /// Folded names of groups.
    pub(crate) groups: HashSet<Box<str>>,
    pub(crate) formulas: Vec<Formula>,
}

impl GroupMatcher {
    pub(super) fn compile<'a>(
        choices: impl IntoIterator<Item = &'a GroupChoice>,
        rule: &str,
        compiler: &mut Compiler,
    ) -> Self {
        let mut this = Self::default();
        let mut patterns = Vec::new();
        for choice in choices {
            match choice {
                GroupChoice::Name(name) => {
                    this.names.insert(fold(name.trim()).into());
                }
                GroupChoice::Id(id) => {
                    this.ids.insert(id.clone());
                }
                GroupChoice::Pattern(pattern) => patterns.push(of_pattern(pattern)),
                GroupChoice::Regex(pattern) => patterns.push(pattern.clone()),
                GroupChoice::Expression(expression) => {
                    let formula = Formula::compile(expression, Subject::Group, Outcome::Condition);
                    this.formulas.extend(compiler.take(rule, formula));
                }
            }
        }
        if !patterns.is_empty() {
            let built =
                RegexSetBuilder::new(&patterns).case_insensitive(true).size_limit(4 << 20).build();
            match built {
                Ok(set) => this.patterns = Some(set),
                Err(error) => {
                    let wrong = patterns.iter().find_map(|pattern| {
                        let alone = RegexBuilder::new(pattern).case_insensitive(true).build();
                        Some(RuleProblem::of_pattern(rule, pattern, &alone.err()?))
                    });
                    // Each for itself can be used; together they are too large.
                    compiler.problems.push(wrong.unwrap_or_else(|| RuleProblem::of(rule, &error)));
                }
            }
        }
        this
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
            && self.names.is_empty()
            && self.patterns.is_none()
            && self.formulas.is_empty()
    }

    /// Whether a group is meant, by what the provider says.
    pub(crate) fn has(&self, record: &GroupRecord) -> bool {
        if self.ids.contains(&record.id) {
            return true;
        }
        let by_name = known_as(record).any(|name| {
            (!self.names.is_empty() && self.names.contains(&*fold(name))) || self.fits(name)
        });
        by_name
            || self.formulas.iter().any(|formula| formula.holds(Record::Group(record)) == Ok(true))
    }

    /// Whether a group is meant by the name that products see.
    pub(crate) fn has_name(&self, name: &Name) -> bool {
        self.names.contains(name.folded()) || self.fits(name.as_str())
    }

    /// Whether a group is meant by a text that stands for its name.
    pub(crate) fn has_text(&self, name: &str) -> bool {
        self.names.contains(&*fold(name)) || self.fits(name)
    }

    /// Whether a group is meant by its id.
    pub(crate) fn has_id(&self, id: &ProviderId) -> bool {
        self.ids.contains(id)
    }

    fn fits(&self, name: &str) -> bool {
        self.patterns.as_ref().is_some_and(|patterns| patterns.is_match(name))
    }

    pub(crate) fn formulas(&self) -> impl Iterator<Item = &Formula> {
        self.formulas.iter()
    }
}

impl PersonMatcher {
    pub(super) fn compile(choices: &[PersonChoice], rule: &str, compiler: &mut Compiler) -> Self {
        let mut this = Self::default();
        for choice in choices {
            match choice {
                PersonChoice::Login(login) => {
                    this.logins.insert(fold(login.trim()).into());
                }
                PersonChoice::MemberOf(group) => {
                    this.groups.insert(fold(group.trim()).into());
                }
                PersonChoice::Expression(expression) => {
                    let formula = Formula::compile(expression, Subject::User, Outcome::Condition);
                    this.formulas.extend(compiler.take(rule, formula));
                }
            }
        }
        this
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.logins.is_empty() && self.groups.is_empty() && self.formulas.is_empty()
    }
}

/// What a group answers to.
pub(super) fn known_as(record: &GroupRecord) -> impl Iterator<Item = &str> {
    [Attribute::DisplayName, Attribute::Mail, Attribute::MailNickname]
        .into_iter()
        .filter_map(|attribute| record.attributes.get(attribute).map(str::trim))
}

/// The regular expression of a pattern with `*` and `?`.
fn of_pattern(pattern: &str) -> String {
    let escaped = regex::escape(pattern.trim());
    format!("(?s)^{}$", escaped.replace("\\*", ".*").replace("\\?", "."))
}
