//! Rules, checked and made ready: once for each version of the rules, then shared.
//!
//! Invariant: whatever stands here is usable; what is wrong with rules is found when they are saved and told with
//! the rule's name and, in an expression, the position.

use std::{collections::BTreeSet, fmt, ops::Deref};

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::{
    Rules, Who,
    choice::{GroupChoice, GroupMatcher, PersonMatcher},
    expression::{ExpressionProblem, Formula, Outcome, Subject},
    names::{self, Renamer, SameName, Text},
};
use crate::{
    id::ProviderId,
    lookalike::deceptive,
    name::{Name, fold},
    observation::Attribute,
};

/// Choices in one list.
const CHOICES_MAX: usize = 1_000;
/// Sign-in names in one list.
const LOGINS_MAX: usize = 50_000;
/// Additions; each has a bit of its own in [`crate::derive`].
pub const ADDITIONS_MAX: usize = 32;
/// Groups that everybody is in, or that an addition names.
const MADE_GROUPS_MAX: usize = 100;
/// The longest name of such a group, in bytes: it is part of the group's key.
const MADE_NAME_BYTES_MAX: usize = 150;
/// How the ids of groups begin that the rules make.
const MADE_PREFIX: &str = "muster:group:";

/// Something in the rules that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleProblem {
    /// The rule, such as `people.filter`.
    pub rule: String,
    /// What is wrong with it.
    pub message: String,
    /// Where in an expression, as line and column from 1.
    pub at: Option<(u32, u32)>,
}

/// All that is wrong with rules; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct RuleProblems(pub Vec<RuleProblem>);

/// A group that the rules name, whether or not the provider has it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) id: ProviderId,
    pub(crate) name: Name,
}

/// Rules that are ready to be applied.
#[derive(Debug)]
pub struct Compiled {
    rules: Rules,
    /// What can be used and may not be what was meant.
    warnings: Vec<RuleProblem>,
    pub(crate) user_name: Text,
    /// User names by folded sign-in name.
    pub(crate) user_names: HashMap<Box<str>, Name>,
    pub(crate) display_name: Text,
    pub(crate) mail: Text,
    pub(crate) first_name: Text,
    pub(crate) last_name: Text,
    pub(crate) group_name: Text,
    pub(crate) group_names: Renamer,
    pub(crate) groups_only: GroupMatcher,
    pub(crate) groups_except: GroupMatcher,
    /// Whose members are served, when the rule names groups of its own.
    pub(crate) members_of: GroupMatcher,
    pub(crate) filter: Option<Formula>,
    pub(crate) units: Vec<Box<str>>,
    pub(crate) always: HashSet<Box<str>>,
    pub(crate) never: HashSet<Box<str>>,
    /// By id, each once.
    pub(crate) made: Vec<Made>,
    /// Places in `made`.
    pub(crate) everyone: Vec<usize>,
    /// Whose members are in which of `made` besides.
    pub(crate) additions: Vec<(GroupMatcher, Vec<usize>)>,
    pub(crate) protected_people: PersonMatcher,
    pub(crate) protected_groups: GroupMatcher,
    /// The forms of the names that protected groups are chosen by; see [`crate::lookalike`].
    pub(crate) protected_forms: HashSet<String>,
    /// By folded name.
    pub(crate) seats: HashMap<Box<str>, u32>,
}

/// What compiling found.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    pub(super) problems: Vec<RuleProblem>,
    warnings: Vec<RuleProblem>,
}

impl Compiled {
    /// Checks rules and makes them ready.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(rules: Rules) -> Result<Self, RuleProblems> {
        let mut compiler = Compiler::default();
        let with = &mut compiler;
        check_sizes(&rules, with);
        let text =
            |rule, name, with: &mut Compiler| Text::compile(rule, (name, Subject::User), with);
        let members_of: &[_] = match &rules.people.who {
            Who::MembersOf(choices) => choices,
            Who::Everybody | Who::MembersOfServedGroups => &[],
        };
        let filter = rules.people.filter.as_ref().and_then(|filter| {
            with.take("people.filter", Formula::compile(filter, Subject::User, Outcome::Condition))
        });
        let made = made(&rules, with);
        let place = |name: &String| {
            let folded = fold(name.trim());
            made.iter().position(|made| made.name.folded() == folded)
        };
        let places = |names: &[String]| -> Vec<usize> { names.iter().filter_map(place).collect() };
        let everyone = places(&rules.everyone);
        let additions = rules.additions.iter().map(|addition| {
            let matcher = GroupMatcher::compile([&addition.members_of], "additions", with);
            (matcher, places(&addition.groups))
        });
        let additions = additions.collect();
        let seats = rules.limits.seats.iter();
        let mut compiled = Self {
            warnings: Vec::new(),
            user_name: text(&rules.user_name, "user_name", with).replacing(
                &rules.replace.user_name,
                "replace.user_name",
                with,
            ),
            user_names: names::table(&rules.user_names, "user_names", with),
            display_name: text(&rules.display_name, "display_name", with).replacing(
                &rules.replace.display_name,
                "replace.display_name",
                with,
            ),
            mail: text(&rules.mail, "mail", with).replacing(
                &rules.replace.mail,
                "replace.mail",
                with,
            ),
            first_name: text(&rules.first_name, "first_name", with).replacing(
                &rules.replace.first_name,
                "replace.first_name",
                with,
            ),
            last_name: text(&rules.last_name, "last_name", with).replacing(
                &rules.replace.last_name,
                "replace.last_name",
                with,
            ),
            group_name: Text::compile(&rules.group_name, ("group_name", Subject::Group), with),
            group_names: Renamer::compile(&rules.group_names, with),
            groups_only: GroupMatcher::compile(&rules.groups.only, "groups.only", with),
            groups_except: GroupMatcher::compile(&rules.groups.except, "groups.except", with),
            members_of: GroupMatcher::compile(members_of, "people.who", with),
            filter,
            units: rules
                .people
                .units
                .iter()
                .map(|unit| unit.trim().trim_end_matches('/').into())
                .collect(),
            always: logins(&rules.people.always),
            never: logins(&rules.people.never),
            everyone,
            additions,
            protected_people: PersonMatcher::compile(
                &rules.protected.people,
                "protected.people",
                with,
            ),
            protected_groups: GroupMatcher::compile(
                &rules.protected.groups,
                "protected.groups",
                with,
            ),
            protected_forms: protected_forms(&rules),
            seats: seats.map(|limit| (fold(limit.group.trim()).into(), limit.seats)).collect(),
            made,
            rules,
        };
        if compiler.problems.is_empty() {
            compiled.warnings = compiler.warnings;
            Ok(compiled)
        } else {
            Err(RuleProblems(compiler.problems))
        }
    }

    /// What can be used and may not be what was meant, such as a pattern where text is taken.
    pub fn warnings(&self) -> &[RuleProblem] {
        &self.warnings
    }

    /// The rules as they were written.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The ids of the groups that the rules make, ascending: the mirror gives them numbers
    /// ([`crate::mirror::Mirror::reserve`]).
    pub fn made_groups(&self) -> impl Iterator<Item = &ProviderId> {
        self.made.iter().map(|made| &made.id)
    }

    /// The attributes that the rules read. All of them are of the set that is read from every provider; one that
    /// joined the set later is known only from the next complete read on (DESIGN.md 10.7).
    pub fn attributes(&self) -> BTreeSet<Attribute> {
        let texts = [
            &self.user_name,
            &self.display_name,
            &self.mail,
            &self.first_name,
            &self.last_name,
            &self.group_name,
        ];
        let groups =
            [&self.groups_only, &self.groups_except, &self.members_of, &self.protected_groups];
        let additions = self.additions.iter().map(|(matcher, _)| matcher);
        let formulas = groups.into_iter().chain(additions).flat_map(GroupMatcher::formulas);
        let formulas = formulas.chain(&self.protected_people.formulas).chain(&self.filter);
        let units = (!self.units.is_empty()).then_some(Attribute::OrganisationalUnit);
        let read = texts.into_iter().flat_map(Text::attributes);
        read.chain(formulas.flat_map(Formula::attributes)).chain(units).collect()
    }

    /// Attributes that the rules read and a mirror of this version of the set does not hold yet.
    pub fn pending(&self, mirror_version: u8) -> BTreeSet<Attribute> {
        let newer = |attribute: &Attribute| attribute.since_version() > mirror_version;
        self.attributes().into_iter().filter(newer).collect()
    }

    /// Whether groups that end at one name are served as one.
    pub(crate) fn merges(&self) -> bool {
        self.rules.group_names.same_name == SameName::Merged
    }

    /// Whether a change of a group can change which of the people below it are served, or where.
    pub(crate) fn people_follow_groups(&self) -> bool {
        self.rules.people.who != Who::Everybody || !self.additions.is_empty()
    }
}

impl Deref for Compiled {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for Compiled {}

impl Default for Compiled {
    fn default() -> Self {
        Self::new(Rules::default()).expect("the defaults are usable")
    }
}

impl Compiler {
    /// What was compiled, or nothing and its problem noted.
    pub(super) fn take(
        &mut self,
        rule: &str,
        compiled: Result<Formula, ExpressionProblem>,
    ) -> Option<Formula> {
        let noted = |problem: ExpressionProblem| {
            let ExpressionProblem { line, column, message } = problem;
            RuleProblem { rule: rule.to_owned(), message, at: Some((line, column)) }
        };
        match compiled {
            Ok(formula) => {
                self.warnings.extend(formula.warnings().iter().cloned().map(noted));
                Some(formula)
            }
            Err(problem) => {
                self.problems.push(noted(problem));
                None
            }
        }
    }

    pub(super) fn at_most(&mut self, rule: &str, count: usize, max: usize) {
        if count > max {
            let told =
                format!("has {}; {max} are allowed", crate::counted::counted(count, "entry"));
            self.problems.push(RuleProblem::of(rule, &told));
        }
    }
}

impl RuleProblem {
    /// A pattern that cannot be compiled.
    pub(super) fn of_pattern(rule: &str, pattern: &str, error: &regex::Error) -> Self {
        let message = super::expression::pattern_problem(pattern, error);
        Self { rule: rule.to_owned(), message, at: None }
    }

    pub(super) fn of(rule: &str, message: &dyn fmt::Display) -> Self {
        let told = message.to_string();
        let last = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Self { rule: rule.to_owned(), message: last.to_owned(), at: None }
    }
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, message, at } = self;
        match at {
            Some((line, column)) => {
                write!(f, "the rule `{rule}`, line {line}, column {column}: {message}")
            }
            None => write!(f, "the rule `{rule}`: {message}"),
        }
    }
}

impl fmt::Display for RuleProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Whether an id is that of a group that rules made.
pub(crate) fn is_made(id: &ProviderId) -> bool {
    id.with_str(|id| id.starts_with(MADE_PREFIX))
}

fn check_sizes(rules: &Rules, with: &mut Compiler) {
    if rules.grace_ms < 0 {
        let told = "is a length of time in milliseconds, 0 or more";
        with.problems.push(RuleProblem::of("grace_ms", &told));
    }
    with.at_most("groups.only", rules.groups.only.len(), CHOICES_MAX);
    with.at_most("groups.except", rules.groups.except.len(), CHOICES_MAX);
    if let Who::MembersOf(choices) = &rules.people.who {
        with.at_most("people.who", choices.len(), CHOICES_MAX);
        if choices.is_empty() {
            with.problems
                .push(RuleProblem::of("people.who", &"names no group; nobody would be served"));
        }
    }
    with.at_most("people.units", rules.people.units.len(), CHOICES_MAX);
    with.at_most("user_names", rules.user_names.len(), LOGINS_MAX);
    with.at_most("people.always", rules.people.always.len(), LOGINS_MAX);
    with.at_most("people.never", rules.people.never.len(), LOGINS_MAX);
    with.at_most("additions", rules.additions.len(), ADDITIONS_MAX);
    with.at_most("protected.people", rules.protected.people.len(), CHOICES_MAX);
    with.at_most("protected.groups", rules.protected.groups.len(), CHOICES_MAX);
    with.at_most("limits.seats", rules.limits.seats.len(), MADE_GROUPS_MAX);
}

/// The groups that the rules name for everybody or in additions.
fn made(rules: &Rules, with: &mut Compiler) -> Vec<Made> {
    let everyone = rules.everyone.iter().map(|name| ("everyone", name));
    let additions = rules.additions.iter().flat_map(|addition| &addition.groups);
    let mut made: Vec<Made> = Vec::new();
    for (rule, name) in everyone.chain(additions.map(|name| ("additions", name))) {
        let parsed = match Name::parse(name) {
            Ok(parsed) if parsed.folded().len() <= MADE_NAME_BYTES_MAX => parsed,
            Ok(_) => {
                let told = format!("a group name here has at most {MADE_NAME_BYTES_MAX} bytes");
                with.problems.push(RuleProblem::of(rule, &told));
                continue;
            }
            Err(error) => {
                let told = format!("the group name `{name}` cannot be used: {error}");
                with.problems.push(RuleProblem::of(rule, &told));
                continue;
            }
        };
        let id = ProviderId::parse(&format!("{MADE_PREFIX}{}", parsed.folded()));
        let Ok(id) = id else { continue };
        if made.iter().all(|known| known.id != id) {
            made.push(Made { id, name: parsed });
        }
    }
    with.at_most("everyone", made.len(), MADE_GROUPS_MAX);
    made.sort_by(|a, b| a.id.cmp(&b.id));
    made
}

/// The forms of the names that protected groups are chosen by.
fn protected_forms(rules: &Rules) -> HashSet<String> {
    let names = rules.protected.groups.iter().filter_map(|choice| match choice {
        GroupChoice::Name(name) => Some(deceptive(name)),
        _ => None,
    });
    names.flatten().collect()
}

fn logins(logins: &[String]) -> HashSet<Box<str>> {
    logins.iter().map(|login| fold(login.trim()).into()).collect()
}
