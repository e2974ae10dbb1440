//! Who would keep their account: a product's people of today against what the rules would make of the provider's.
//!
//! Invariants: pure; a product's person and a provider's are held for the same only by an address or a full name that
//! exactly one on each side has; nothing is decided here, the administrator gets the figures of every candidate and
//! the exceptions that would keep the rest.

mod groups;
mod people;

use serde::{Deserialize, Serialize};

pub use self::{
    groups::{GroupOutcome, ProductGroups},
    people::{Lost, Match, Mistaken, PeopleOutcome, ProductPerson, Second},
};
use crate::{
    derive::Basis,
    observation::Attribute,
    rules::{
        LetterCase, Rules,
        names::{Rename, TextRule},
    },
};

/// A way to make user names that is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// How the name is made.
    pub user_name: TextRule,
    /// Whether it is brought to lower case.
    pub user_name_case: LetterCase,
}

/// What a migration would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Migration {
    /// For each candidate, in their order.
    pub people: Vec<PeopleOutcome>,
    /// The place of the best candidate: fewest people lost, then most kept.
    pub best: Option<usize>,
    /// Whether nobody is lost under the best candidate.
    pub loses_nobody: bool,
    /// Exceptions for [`crate::rules::Rules::user_names`] that would keep those whom the best candidate loses.
    pub user_names: Vec<Rename>,
    /// Sign-in names for `people.always`: people of the product whom the rules leave out.
    pub always: Vec<String>,
    /// For each way to make group names that is tried.
    pub groups: Vec<GroupOutcome>,
    /// The place of the best of those.
    pub best_groups: Option<usize>,
    /// Exceptions for `group_names.renames` that would keep the groups which the best one loses.
    pub group_renames: Vec<Rename>,
}

/// Attributes that people are usually known by in products.
const USUAL: [TextRule; 7] = [
    TextRule::Attribute(Attribute::Login),
    TextRule::Attribute(Attribute::Mail),
    TextRule::LocalPart(Attribute::Login),
    TextRule::LocalPart(Attribute::Mail),
    TextRule::Attribute(Attribute::OnPremisesSamAccountName),
    TextRule::Attribute(Attribute::OnPremisesUserPrincipalName),
    TextRule::Attribute(Attribute::EmployeeId),
];

impl Candidate {
    /// The candidates that are worth a try everywhere.
    pub fn usual() -> Vec<Self> {
        let lower = |user_name| Self { user_name, user_name_case: LetterCase::Lower };
        USUAL.into_iter().map(lower).collect()
    }

    /// The way that rules have now.
    pub fn of(rules: &Rules) -> Self {
        Self { user_name: rules.user_name.clone(), user_name_case: rules.user_name_case }
    }
}

/// Tries candidates on the people of a product and on its groups.
///
/// # Errors
/// A candidate's expression that cannot be used.
pub fn check(
    basis: &Basis<'_>,
    (product, product_groups): (&[ProductPerson], &ProductGroups),
    candidates: &[Candidate],
) -> Result<Migration, crate::rules::compiled::RuleProblems> {
    let index = people::Index::new(basis, product);
    let mut outcomes = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        outcomes.push(people::outcome(basis, &index, candidate)?);
    }
    let best = (0..outcomes.len()).min_by_key(|at| {
        let outcome: &PeopleOutcome = &outcomes[*at];
        (outcome.lost(), usize::MAX - outcome.kept)
    });
    let chosen = best.map(|at| &outcomes[at]);
    let groups = groups::outcomes(basis, product_groups)?;
    let best_groups = (0..groups.len())
        .min_by_key(|at| (usize::MAX - groups[*at].kept.len(), groups[*at].orphaned.len()));
    let group_renames = best_groups.map(|at| groups[at].second.clone()).unwrap_or_default();
    let user_names = chosen.map(PeopleOutcome::exceptions).unwrap_or_default();
    let always = chosen.map(|outcome| {
        outcome
            .left_out
            .iter()
            .filter(|lost| !lost.login.is_empty())
            .map(|lost| lost.login.clone())
            .collect()
    });
    Ok(Migration {
        loses_nobody: chosen.is_some_and(|outcome| outcome.lost() == 0),
        user_names,
        always: always.unwrap_or_default(),
        people: outcomes,
        best,
        groups,
        best_groups,
        group_renames,
    })
}
