//! Names that are nearly what somebody typed, for "did you mean".
//!
//! Invariants: costs one look at each name, whatever their number, and a bounded number of real comparisons: a name whose
//! letters differ from the typed ones by more than the distance allows is never compared.

use std::{borrow::Cow, collections::BTreeSet};

use super::Kind;
use crate::{derive::Basis, name::fold, observation::Attribute};

/// Names told at the most.
const TOLD_MAX: usize = 3;
/// Names whose distance is measured, after those that cannot be near are passed over.
const COMPARED_MAX: usize = 20_000;
/// The longest text for which a near one is looked for, in bytes.
const TEXT_BYTES_MAX: usize = 255;

/// The names, sign-in names and display names that are nearest to a text and not the same, nearest first.
pub fn near(basis: &Basis<'_>, kind: Kind, wanted: &str) -> Vec<String> {
    let Some(mut search) = Search::new(wanted.trim()) else { return Vec::new() };
    match kind {
        Kind::User => {
            for (_, user) in basis.served.users_from(0) {
                search.look(user.name());
            }
            for row in basis.mirror.people() {
                for attribute in [Attribute::Login, Attribute::DisplayName] {
                    search.look(row.record.attributes.get(attribute).unwrap_or_default());
                }
            }
        }
        Kind::Group => {
            for (_, group) in basis.served.groups_from(0) {
                search.look(group.name().as_str());
            }
            for row in basis.mirror.groups() {
                search.look(row.record.attributes.get(Attribute::DisplayName).unwrap_or_default());
            }
        }
    }
    search.found()
}

/// How many edits make a near text another one.
fn distance_max(chars: usize) -> usize {
    match chars {
        0..=2 => 0,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    }
}

struct Search {
    folded: String,
    chars: usize,
    letters: u64,
    distance_max: usize,
    compared: usize,
    /// By distance.
    found: BTreeSet<(usize, String)>,
}

impl Search {
    fn new(wanted: &str) -> Option<Self> {
        let folded = fold(wanted).into_owned();
        let chars = folded.chars().count();
        // Everybody's address ends in the same way: what stands before counts.
        let own = folded.split('@').next().unwrap_or_default().chars().count();
        let distance_max = distance_max(own);
        let letters = letters(&folded);
        let usable = distance_max > 0 && folded.len() <= TEXT_BYTES_MAX;
        let found = BTreeSet::new();
        usable.then_some(Self { folded, chars, letters, distance_max, compared: 0, found })
    }

    fn look(&mut self, name: &str) {
        // An edit adds or takes away a character of four bytes at the most.
        let margin = 4 * self.distance_max;
        if name.len() > self.folded.len() + margin || name.len() + margin < self.folded.len() {
            return;
        }
        let folded =
            if name.is_ascii() { Cow::Owned(name.to_ascii_lowercase()) } else { fold(name) };
        // An edit changes two kinds of letters at the most: one goes, one comes.
        let differing = (letters(&folded) ^ self.letters).count_ones() as usize;
        if differing > 2 * self.distance_max || self.compared >= COMPARED_MAX {
            return;
        }
        let chars = folded.chars().count();
        if chars.abs_diff(self.chars) > self.distance_max {
            return;
        }
        self.compared += 1;
        let distance = strsim::osa_distance(&folded, &self.folded);
        if (1..=self.distance_max).contains(&distance) {
            self.found.insert((distance, name.trim().to_owned()));
            if self.found.len() > TOLD_MAX {
                self.found.pop_last();
            }
        }
    }

    fn found(self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, name) in self.found {
            // A sign-in name is often the user name too.
            if !names.iter().any(|known| fold(known) == fold(&name)) {
                names.push(name);
            }
        }
        names
    }
}

/// Which letters a text has, as bits.
fn letters(folded: &str) -> u64 {
    folded.chars().fold(0, |letters, letter| letters | (1 << (u32::from(letter) % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(wanted: &str, names: &[&str]) -> Vec<String> {
        let mut search = Search::new(wanted).unwrap();
        for name in names {
            search.look(name);
        }
        search.found()
    }

    #[test]
    fn a_slip_of_the_finger_is_near_and_another_name_is_not() {
        let names = ["Marketing Admins", "Marketing", "Sales Admins", "MARKETING ADMINS"];
        assert_eq!(nearest("Marketing Admns", &names), ["MARKETING ADMINS"]);
        assert_eq!(nearest("marketign admins", &["Marketing Admins"]), ["Marketing Admins"]);
        assert_eq!(nearest("Entwickler Zürich", &["Entwickler Zurich"]), ["Entwickler Zurich"]);
        assert_eq!(nearest("jira", &["jira"]), [""; 0], "the name itself is no near one");
        assert_eq!(nearest("jira", &["java", "gira", "jira-users"]), ["gira"]);
        assert_eq!(
            nearest("ann.lee", &["ann.lea", "an.lee", "ann.leee", "ann.le"]).len(),
            TOLD_MAX
        );
    }

    #[test]
    fn short_and_long_texts_have_no_near_ones() {
        assert!(Search::new("it").is_none());
        assert!(Search::new(&"x".repeat(300)).is_none());
    }

    /// Whatever passes unseen is farther than the distance that counts.
    #[test]
    fn what_is_not_compared_is_not_near() {
        let names =
            ["abcdef", "abcdeg", "bacdef", "abcdefgh", "ghijkl", "äbcdef", "ab cdef", "fedcba"];
        for wanted in names {
            let mut search = Search::new(wanted).unwrap();
            for name in names {
                search.look(name);
            }
            let found: Vec<String> = search.found.into_iter().map(|(_, name)| name).collect();
            for name in names {
                let distance = strsim::osa_distance(name, wanted);
                if (1..=2).contains(&distance) && found.len() < TOLD_MAX {
                    assert!(found.contains(&name.to_owned()), "{name} for {wanted}");
                }
            }
        }
    }

    #[test]
    fn a_million_names_cost_few_comparisons() {
        let mut search = Search::new("ann.person500@example.org").unwrap();
        for no in 0..1_000_000_u32 {
            let name = format!("ann.person{}@example.org", u64::from(no) * 7_919 % 1_000_003);
            search.look(&name);
        }
        assert!(search.compared <= COMPARED_MAX);
        assert_eq!(search.found.len(), TOLD_MAX);
    }
}
