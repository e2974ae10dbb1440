//! Groups of a product against groups of the provider.
//!
//! Invariant: a product's group and a provider's are held for the same by name, address or local part, blanks and
//! punctuation aside, when exactly one of the provider's fits.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::people::{ProductPerson, key};
use crate::{
    derive::{Basis, Derive, GroupVerdict},
    id::GroupNo,
    mirror::{GroupRow, State},
    observation::Attribute,
    rules::{
        Rules,
        compiled::{Compiled, RuleProblems},
        names::{Rename, TextRule},
    },
};

/// The groups that a product's people are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductGroups(BTreeSet<String>);

/// What a way to make group names would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupOutcome {
    /// The way.
    pub group_name: TextRule,
    /// Groups of the product that stay.
    pub kept: Vec<String>,
    /// Groups that would come a second time: from the provider's name to the product's.
    pub second: Vec<Rename>,
    /// Groups that the provider does not have.
    pub orphaned: Vec<String>,
}

impl ProductGroups {
    /// Those of these people.
    pub fn of(people: &[ProductPerson]) -> Self {
        let names = people.iter().flat_map(|person| &person.groups).map(|name| name.trim());
        Self(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The same with groups that nobody may be in.
    #[must_use]
    pub fn with(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.0.extend(names.into_iter().filter(|name| !name.trim().is_empty()));
        self
    }
}

/// Ways to make group names that are worth a try everywhere.
const USUAL: [TextRule; 3] = [
    TextRule::Attribute(Attribute::DisplayName),
    TextRule::Attribute(Attribute::MailNickname),
    TextRule::Attribute(Attribute::Mail),
];

pub(super) fn outcomes(
    basis: &Basis<'_>,
    product: &ProductGroups,
) -> Result<Vec<GroupOutcome>, RuleProblems> {
    let own = &basis.rules.rules().group_name;
    let mut rules = vec![own.clone()];
    rules.extend(USUAL.into_iter().filter(|usual| usual != own));
    let same = same(basis);
    rules.into_iter().map(|rule| outcome(basis, product, (rule, &same))).collect()
}

fn outcome(
    basis: &Basis<'_>,
    ProductGroups(product): &ProductGroups,
    (group_name, same): (TextRule, &HashMap<String, Option<GroupNo>>),
) -> Result<GroupOutcome, RuleProblems> {
    let rules = Rules { group_name: group_name.clone(), ..basis.rules.rules().clone() };
    let rules = Compiled::new(rules)?;
    let derive = Derive::new(Basis { rules: &rules, ..*basis });
    let mut made: HashMap<GroupNo, String> = HashMap::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for row in basis.mirror.groups().filter(|row| is_there(row)) {
        let GroupVerdict::Wanted { .. } = derive.group(row) else { continue };
        if let Ok(name) = derive.group_claim(&row.record) {
            names.insert(name.folded().to_owned());
            made.insert(row.no, name.as_str().to_owned());
        }
    }
    names.extend(rules.made.iter().map(|made| made.name.folded().to_owned()));
    let mut outcome =
        GroupOutcome { group_name, kept: Vec::new(), second: Vec::new(), orphaned: Vec::new() };
    for name in product {
        let other = same.get(&bare(name)).copied().flatten().and_then(|no| made.get(&no));
        match other {
            _ if names.contains(&key(name)) => outcome.kept.push(name.clone()),
            Some(from) => outcome.second.push(Rename { from: from.clone(), to: name.clone() }),
            None => outcome.orphaned.push(name.clone()),
        }
    }
    Ok(outcome)
}

/// The provider's groups by everything that they are known as.
fn same(basis: &Basis<'_>) -> HashMap<String, Option<GroupNo>> {
    let mut same: HashMap<String, Option<GroupNo>> = HashMap::new();
    for row in basis.mirror.groups().filter(|row| is_there(row)) {
        let get = |attribute| row.record.attributes.get(attribute).map(str::to_owned);
        let mail = get(Attribute::Mail);
        let local = mail.as_deref().and_then(|mail| mail.split('@').next()).map(str::to_owned);
        let known = [get(Attribute::DisplayName), get(Attribute::MailNickname), local, mail];
        for name in known.into_iter().flatten() {
            let no = row.no;
            same.entry(bare(&name))
                .and_modify(|known| *known = known.filter(|known| *known == no))
                .or_insert(Some(no));
        }
    }
    same
}

fn is_there(row: &GroupRow) -> bool {
    matches!(row.state, State::Present | State::Unconfirmed { .. })
}

/// A name without blanks and punctuation: `Jira Users` and `jira-users` are alike.
fn bare(name: &str) -> String {
    key(name).chars().filter(|c| c.is_alphanumeric()).collect()
}
