//! Passwords that people choose: for administrators and for applications.
//!
//! Invariant: one that somebody would guess is refused when it is chosen, with the reason; what is in use stays.

use directory::name::fold;
use zxcvbn::{Score, zxcvbn};

use crate::hashing::PASSWORD_BYTES_MAX;

/// The shortest password of an administrator, in characters.
pub const CHARACTERS_MIN: usize = 12;

/// Whose password it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An administrator, who may do everything.
    Administrator,
    /// An application, which reads; programs keep its password, and often do not let it be longer.
    Application,
}

impl Owner {
    fn characters_min(self) -> usize {
        match self {
            Self::Administrator => CHARACTERS_MIN,
            Self::Application => 8,
        }
    }

    fn score_min(self) -> Score {
        match self {
            Self::Administrator => Score::Three,
            Self::Application => Score::Two,
        }
    }
}
/// What an attacker tries first for this product.
const CONTEXT: [&str; 12] = [
    "muster",
    "crowd",
    "jira",
    "confluence",
    "bitbucket",
    "bamboo",
    "atlassian",
    "admin",
    "entra",
    "okta",
    "google",
    "administrator",
];

/// What is wrong with a new password, if something is, as a sentence. `context` are words that an attacker knows of its
/// owner: the name, the server's host.
pub fn objection(owner: Owner, password: &str, context: &[&str]) -> Option<String> {
    let min = owner.characters_min();
    if password.chars().count() < min {
        return Some(format!("The password needs at least {min} characters."));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Some(format!("The password has more than {PASSWORD_BYTES_MAX} bytes."));
    }
    let folded = fold(password);
    let names = context.iter().filter(|name| name.chars().count() > 2);
    // An application's name is a word such as `wiki`, and the estimate below knows it.
    let whole = owner == Owner::Administrator;
    if whole && names.clone().any(|name| folded.contains(&*fold(name))) {
        return Some("The password must not contain the name.".to_owned());
    }
    let known: Vec<&str> = names.copied().chain(CONTEXT).collect();
    let estimate = zxcvbn(password, &known);
    if estimate.score() >= owner.score_min() {
        return None;
    }
    let why = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning);
    let why = why.map(|warning| format!(" {warning}")).unwrap_or_default();
    Some(format!(
        "The password is too easy to guess.{why} Take four or five words that have nothing to do with each other, or let \
         a password manager make one."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_somebody_would_guess_are_refused() {
        for bad in [
            "",
            "x",
            "short",
            "password1234",
            "Password1234!",
            "123456789012",
            "qwertyuiopas",
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "jiraconfluence",
            "P@ssw0rdP@ssw0rd",
            "letmeinletmein",
            &"x".repeat(2_000),
        ] {
            for owner in [Owner::Administrator, Owner::Application] {
                assert!(objection(owner, bad, &["ann"]).is_some(), "{owner:?} {bad}");
            }
        }
        for good in [
            "long enough one",
            "four quiet green lamps",
            "another long one",
            "the-password-of-wiki",
            "zXw8-pLq2-vB7n",
            "grüne Wolken über Bergen",
        ] {
            for owner in [Owner::Administrator, Owner::Application] {
                assert_eq!(objection(owner, good, &["ann", ""]), None, "{owner:?} {good}");
            }
        }
        assert!(objection(Owner::Administrator, "with ann inside it", &["ann"]).is_some());
        assert!(objection(Owner::Application, "wikiwikiwiki", &["wiki"]).is_some());
        assert_eq!(objection(Owner::Application, "the-password-of-wiki", &["wiki"]), None);
        assert!(objection(Owner::Administrator, "admin admin admin", &[]).is_some());
        assert_eq!(objection(Owner::Application, "pass:wörd", &["jira"]), None);
        let said = |owner, password| objection(owner, password, &[]).unwrap();
        assert!(said(Owner::Administrator, "zXw8-pLq2").contains("12 characters"));
        assert!(said(Owner::Application, "short").contains("8 characters"));
        assert!(said(Owner::Application, "password1234").contains("too easy to guess"));
    }
}
