//! Names that administrators give, checked in one place for the admin API, the console, the wizard and whatever else makes
//! something that is called by a name.

use directory::{
    lookalike::deceptive,
    resource_name::{self, NAME_CHARS_MAX, ResourceName},
    text::line,
};

use super::ServiceError;

/// Characters of a name that a message repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// What gets a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Directory,
    Application,
    Channel,
    Token,
    Administrator,
}

impl Named {
    fn noun(self) -> &'static str {
        match self {
            Self::Directory => "a directory",
            Self::Application => "an application",
            Self::Channel => "an alert channel",
            Self::Token => "a token",
            Self::Administrator => "an administrator",
        }
    }
}

/// What is wrong with the name of something new, if something is.
pub(crate) fn objection(what: Named, text: &str) -> Option<String> {
    let error = ResourceName::parse(text).err()?;
    Some(format!(
        "`{}` cannot be the name of {}: {error}; a name has 1 to {NAME_CHARS_MAX} visible characters and none of / \\ % ? # ; :",
        line(text, SHOWN_CHARS_MAX),
        what.noun()
    ))
}

/// Words that the audit log puts before the name of a token or of a command, and its name for the server's own token.
const RESERVED: [&[&str]; 3] = [&["token"], &["muster"], &["admin", "token"]];

/// Whether the audit log could take an administrator of this name for a token or for the server itself.
fn is_reserved(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    let alike = |word: &str, reserved: &str| {
        let forms = deceptive(reserved);
        deceptive(word).iter().any(|form| forms.contains(form))
    };
    words.len() > 1
        && RESERVED.iter().any(|reserved| {
            words.len() >= reserved.len()
                && words.iter().zip(*reserved).all(|(word, reserved)| alike(word, reserved))
        })
}

/// The name of something new, which none of `others` has in any case.
pub(crate) fn new_name<'a>(
    what: Named,
    text: &str,
    others: impl IntoIterator<Item = &'a str>,
) -> Result<String, ServiceError> {
    if let Some(objection) = objection(what, text) {
        return Err(ServiceError::invalid(objection));
    }
    if what == Named::Administrator && is_reserved(text) {
        let detail = format!(
            "`{}` cannot be the name of an administrator: the audit log names tokens and the server in this way; choose another name",
            line(text, SHOWN_CHARS_MAX)
        );
        return Err(ServiceError::invalid(detail));
    }
    let name = resource_name::composed(text.trim()).into_owned();
    match others.into_iter().find(|other| resource_name::same(other, &name)) {
        None => Ok(name),
        Some(other) => Err(ServiceError::conflict(format!(
            "there is {} `{}` already; choose another name or remove it first",
            what.noun(),
            line(other, SHOWN_CHARS_MAX)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_cannot_be_named_like_tokens_or_the_server() {
        for name in [
            "token ci",
            "Token ci",
            "TOKEN  ci",
            "t0ken ci",
            "t\u{43e}ken ci",
            "\u{ff54}oken ci",
            "admin token",
            "Admin Token",
            "adm\u{456}n token",
            "muster repair",
            "MUSTER repair",
            "mu\u{455}ter repair",
            "tok\u{200b}en ci",
            "ann\u{200b}",
        ] {
            assert!(new_name(Named::Administrator, name, []).is_err(), "{name:?}");
        }
        for name in ["ann", "token", "muster", "tokenised ann", "admin", "admin ann", "ann token"] {
            assert!(new_name(Named::Administrator, name, []).is_ok(), "{name:?}");
        }
        // The audit log writes `token` before it.
        assert!(new_name(Named::Token, "token ci", []).is_ok());
    }
}
