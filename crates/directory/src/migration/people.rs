//! People of a product against people of the provider, under one way to make user names.
//!
//! Invariant: everybody of the product is in exactly one of the lists.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::{
    derive::{Basis, Derive, PersonVerdict},
    id::UserNo,
    mirror::{PersonRow, State},
    name::fold,
    observation::Attribute,
    rules::{
        Rules,
        compiled::{Compiled, RuleProblems},
        names::Rename,
    },
};

/// A person as a product knows them today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ProductPerson {
    /// The user name.
    pub user_name: String,
    /// The mail address, or empty.
    pub mail: String,
    /// The full name, or empty.
    pub full_name: String,
    /// Names of groups.
    pub groups: Vec<String>,
}

/// What a way to make user names would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PeopleOutcome {
    /// The way.
    pub candidate: Candidate,
    /// How many people of the product keep their account.
    pub kept: usize,
    /// People who would get a second account beside theirs.
    pub second: Vec<Second>,
    /// People whose account somebody else would get.
    pub mistaken: Vec<Mistaken>,
    /// People whom the provider has and the rules leave out.
    pub left_out: Vec<Lost>,
    /// People whom the provider does not have.
    pub orphaned: Vec<Lost>,
    /// How many of the provider's people are new to the product.
    pub new: usize,
    /// How many of the provider's people get no name this way.
    pub nameless: usize,
}

/// Somebody who would get a second account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Second {
    /// The user name of today.
    pub user_name: String,
    /// The user name that the rules would make; none when they can make none.
    pub would_be: Option<String>,
    /// The sign-in name at the provider.
    pub login: String,
    /// By what the two are held for the same.
    pub by: Match,
}

/// Somebody whose account another person would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Mistaken {
    /// The user name.
    pub user_name: String,
    /// The address in the product.
    pub mail: String,
    /// The sign-in name of whoever would get the account.
    pub login: String,
    /// That person's address.
    pub login_mail: String,
}

/// Somebody who would not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Lost {
    /// The user name of today.
    pub user_name: String,
    /// The address in the product.
    pub mail: String,
    /// The sign-in name at the provider, or empty.
    pub login: String,
    /// Why, or empty.
    pub why: String,
}

/// By what a product's person and a provider's are held for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// An address.
    Mail,
    /// The full name, which nobody else has.
    FullName,
}

impl PeopleOutcome {
    /// How many people would lose their account, or have it taken.
    pub fn lost(&self) -> usize {
        self.second.len() + self.mistaken.len()
    }

    /// Exceptions that would keep those who would get a second account.
    pub(super) fn exceptions(&self) -> Vec<Rename> {
        let named = self.second.iter().filter(|second| !second.login.is_empty());
        named
            .map(|second| Rename { from: second.login.clone(), to: second.user_name.clone() })
            .collect()
    }
}

/// Who is who, whatever the names.
pub(super) struct Index<'a> {
    product: &'a [ProductPerson],
    /// For each of the product's people the provider's, if one is held for the same.
    same: Vec<Option<(UserNo, Match)>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(basis: &Basis<'_>, product: &'a [ProductPerson]) -> Self {
        let mut by_mail: HashMap<String, Option<UserNo>> = HashMap::new();
        let mut by_name: HashMap<String, Option<UserNo>> = HashMap::new();
        for row in basis.mirror.people().filter(|row| is_there(row)) {
            for mail in mails(row) {
                unique(&mut by_mail, mail, row.no);
            }
            if let Some(name) = row.record.attributes.get(Attribute::DisplayName) {
                unique(&mut by_name, key(name), row.no);
            }
        }
        let mut names: HashMap<String, usize> = HashMap::new();
        for person in product {
            *names.entry(key(&person.full_name)).or_default() += 1;
        }
        let same = product.iter().map(|person| {
            let mail = key(&person.mail);
            let found = by_mail.get(&mail).copied().flatten().filter(|_| !mail.is_empty());
            let name = key(&person.full_name);
            let alone = !name.is_empty() && names.get(&name) == Some(&1);
            let named =
                || by_name.get(&name).copied().flatten().filter(|_| alone && mail.is_empty());
            found.map(|no| (no, Match::Mail)).or_else(|| named().map(|no| (no, Match::FullName)))
        });
        Self { product, same: same.collect() }
    }
}

/// What one candidate comes to.
pub(super) fn outcome(
    basis: &Basis<'_>,
    index: &Index<'_>,
    candidate: &Candidate,
) -> Result<PeopleOutcome, RuleProblems> {
    let rules = Compiled::new(Rules {
        user_name: candidate.user_name.clone(),
        user_name_case: candidate.user_name_case,
        ..basis.rules.rules().clone()
    })?;
    let derive = Derive::new(Basis { rules: &rules, ..*basis });
    let mut names: HashMap<UserNo, Result<String, String>> = HashMap::new();
    let mut holders: HashMap<String, UserNo> = HashMap::new();
    let mut nameless = 0;
    for row in basis.mirror.people().filter(|row| is_there(row)) {
        let made = match derive.person(row) {
            PersonVerdict::Out(out) => Err(out.to_string()),
            PersonVerdict::Wanted { claim: Ok(name), .. } => {
                // As the ledger does it: of several at first sight the lowest id gets the name.
                let holder = holders.entry(name.folded().to_owned()).or_insert(row.no);
                let id = |no: UserNo| basis.mirror.person(no).map(|row| &row.record.id);
                if id(row.no) < id(*holder) {
                    *holder = row.no;
                }
                Ok(name.as_str().to_owned())
            }
            PersonVerdict::Wanted { claim: Err(problem), .. } => {
                nameless += 1;
                Err(problem.to_string())
            }
        };
        names.insert(row.no, made);
    }
    let mut outcome = PeopleOutcome {
        candidate: candidate.clone(),
        kept: 0,
        second: Vec::new(),
        mistaken: Vec::new(),
        left_out: Vec::new(),
        orphaned: Vec::new(),
        new: 0,
        nameless,
    };
    for (person, same) in index.product.iter().zip(&index.same) {
        let holder = holders.get(&*fold(person.user_name.trim())).copied();
        sort(&derive, &names, (person, *same, holder), &mut outcome);
    }
    let taken: hashbrown::HashSet<String> =
        index.product.iter().map(|person| key(&person.user_name)).collect();
    let known: hashbrown::HashSet<UserNo> =
        index.same.iter().flatten().map(|(no, _)| *no).collect();
    let new = holders.iter().filter(|(name, no)| !taken.contains(*name) && !known.contains(*no));
    outcome.new = new.count();
    Ok(outcome)
}

/// Puts one of the product's people into the list where they belong.
fn sort(
    derive: &Derive<'_>,
    names: &HashMap<UserNo, Result<String, String>>,
    (person, same, holder): (&ProductPerson, Option<(UserNo, Match)>, Option<UserNo>),
    outcome: &mut PeopleOutcome,
) {
    let text = |no: UserNo, attribute| {
        let row = derive.mirror.person(no);
        row.and_then(|row| row.record.attributes.get(attribute)).unwrap_or_default().to_owned()
    };
    let lost = |login: String, why: String| Lost {
        user_name: person.user_name.clone(),
        mail: person.mail.clone(),
        login,
        why,
    };
    match (holder, same) {
        (Some(holder), Some((no, _))) if holder == no => outcome.kept += 1,
        (Some(holder), None) if !contradicts(derive, holder, person) => outcome.kept += 1,
        (Some(holder), _) => outcome.mistaken.push(Mistaken {
            user_name: person.user_name.clone(),
            mail: person.mail.clone(),
            login: text(holder, Attribute::Login),
            login_mail: text(holder, Attribute::Mail),
        }),
        (None, Some((no, by))) => {
            let login = text(no, Attribute::Login);
            match (names.get(&no), derive.mirror.person(no).map(|row| derive.person(row))) {
                (Some(Err(why)), Some(PersonVerdict::Out(_))) => {
                    outcome.left_out.push(lost(login, why.clone()));
                }
                (made, _) => outcome.second.push(Second {
                    user_name: person.user_name.clone(),
                    would_be: made.and_then(|made| made.clone().ok()),
                    login,
                    by,
                }),
            }
        }
        (None, None) => outcome.orphaned.push(lost(String::new(), String::new())),
    }
}

/// Whether addresses say that a provider's person is somebody else.
fn contradicts(derive: &Derive<'_>, no: UserNo, person: &ProductPerson) -> bool {
    let mail = key(&person.mail);
    let Some(row) = derive.mirror.person(no) else { return false };
    let mut known = mails(row).peekable();
    !mail.is_empty() && known.peek().is_some() && known.all(|known| known != mail)
}

fn is_there(row: &PersonRow) -> bool {
    matches!(row.state, State::Present | State::Unconfirmed { .. })
}

/// All addresses of a person, as they are compared; Entra writes `SMTP:` before aliases.
fn mails(row: &PersonRow) -> impl Iterator<Item = String> {
    let attributes = &row.record.attributes;
    [Attribute::Mail, Attribute::Login, Attribute::OtherMails, Attribute::Aliases]
        .into_iter()
        .filter_map(|attribute| attributes.get(attribute))
        .flat_map(str::lines)
        .map(|mail| {
            let mail = key(mail);
            mail.strip_prefix("smtp:").map(str::to_owned).unwrap_or(mail)
        })
        .filter(|mail| mail.contains('@'))
}

/// Keeps whom a key means, unless it means several.
fn unique(map: &mut HashMap<String, Option<UserNo>>, key: String, no: UserNo) {
    map.entry(key)
        .and_modify(|known| *known = known.filter(|known| *known == no))
        .or_insert(Some(no));
}

pub(super) fn key(text: &str) -> String {
    fold(text.trim()).into_owned()
}
