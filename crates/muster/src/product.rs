//! The people and groups that a product has now, read from a file or from the product, for the migration check.
//!
//! Invariants: reading changes nothing at the product; a list that does not come to its end is an error, never a shorter
//! list; what a source cannot tell is said in the notes. What becomes of these people is decided elsewhere.

pub mod confluence;
pub mod crowd;
pub mod csv;
pub mod jira;
pub mod ldif;
mod table;
pub mod web;

use std::collections::{BTreeMap, BTreeSet};

use directory::name::fold;

/// People of one product at the most.
pub const PEOPLE_MAX: usize = 2_000_000;
/// Notes about single records; more are counted.
const NOTES_MAX: usize = 100;

/// Somebody who has an account in a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductPerson {
    /// The name to log in with, as the product spells it.
    pub user_name: String,
    /// The mail address, if the source tells it.
    pub mail: Option<String>,
    /// The name that is shown, if the source tells it.
    pub full_name: Option<String>,
    /// The names of the groups that the person is in, sorted.
    pub groups: Vec<String>,
}

/// What a product has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// People, by user name.
    pub people: Vec<ProductPerson>,
    /// The names of all groups, those without people too, sorted.
    pub groups: Vec<String>,
    /// What could not be read or told, for an administrator.
    pub notes: Vec<String>,
}

/// Why a product's people cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be used.
    #[error("{0}")]
    File(String),
    /// The product cannot be asked.
    #[error("{0}")]
    Web(String),
}

/// Puts together what comes in pieces: one person in several rows, lists of members.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    people: BTreeMap<String, (ProductPerson, BTreeSet<String>)>,
    groups: BTreeSet<String>,
    notes: Vec<String>,
    notes_left_out: usize,
}

impl Gathering {
    /// Takes in a person; what is known already stays.
    pub(crate) fn person(&mut self, person: ProductPerson) {
        let ProductPerson { user_name, mail, full_name, groups } = person;
        let key = fold(&user_name).into_owned();
        let (known, of) = self.people.entry(key).or_default();
        if known.user_name.is_empty() {
            known.user_name = user_name;
        }
        known.mail = known.mail.take().or(mail);
        known.full_name = known.full_name.take().or(full_name);
        self.groups.extend(groups.iter().cloned());
        of.extend(groups);
    }

    /// Takes in a group.
    pub(crate) fn group(&mut self, name: &str) {
        self.groups.insert(name.to_owned());
    }

    /// Whether somebody of that name is known.
    pub(crate) fn knows(&self, user_name: &str) -> bool {
        self.people.contains_key(fold(user_name).as_ref())
    }

    /// How many people there are.
    pub(crate) fn count(&self) -> usize {
        self.people.len()
    }

    /// Notes what an administrator should know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note.into());
        } else {
            self.notes_left_out += 1;
        }
    }

    /// Everything.
    pub(crate) fn finish(mut self) -> Product {
        if self.notes_left_out > 0 {
            self.notes.push(format!(
                "and {} of that kind",
                directory::counted::counted(self.notes_left_out as u64, "more note")
            ));
        }
        let people = self.people.into_values().map(|(person, groups)| ProductPerson {
            groups: groups.into_iter().collect(),
            ..person
        });
        Product {
            people: people.collect(),
            groups: self.groups.into_iter().collect(),
            notes: self.notes,
        }
    }
}

/// A text without spaces around it; nothing when nothing is left.
pub(crate) fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
