//! Names that administrators give, checked in one place for the admin API, the console, the wizard and whatever else makes
//! something that is called by a name.

use directory::{
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

/// The name of something new, which none of `others` has in any case.
pub(crate) fn new_name<'a>(
    what: Named,
    text: &str,
    others: impl IntoIterator<Item = &'a str>,
) -> Result<String, ServiceError> {
    if let Some(objection) = objection(what, text) {
        return Err(ServiceError::invalid(objection));
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
