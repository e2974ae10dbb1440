//! One request of an application: what it asks, and what endpoints need to answer it.
//!
//! Invariant: made only after the application was authenticated; all it shows comes from one publication.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use directory::{
    id::Millis,
    name::fold,
    view::{GroupAt, Published, UserAt, View},
};

use super::{
    CrowdState, application::Application, body::Element, document::Page, entity::Detail,
    error::CrowdError, links::Links, negotiate::Representation, session::Sessions,
    settings::Settings, webhook::Webhooks,
};

/// How much of a list is shown when the client does not say.
const DEFAULT_MAX: usize = 1000;

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) state: CrowdState,
    pub(super) application: Arc<Application>,
    pub(super) client: IpAddr,
    pub(super) now: Millis,
    pub(super) parameters: Parameters,
    pub(super) representation: Representation,
    pub(super) links: Links,
    /// What was sent with it.
    pub(super) body: Option<Element>,
}

impl Call {
    /// Who keeps sessions.
    pub(super) fn sessions(&self) -> &dyn Sessions {
        &*self.state.surroundings().sessions
    }

    /// Who keeps webhooks.
    pub(super) fn webhooks(&self) -> &dyn Webhooks {
        &*self.state.surroundings().webhooks
    }

    /// What the operator chose.
    pub(super) fn settings(&self) -> &Settings {
        &self.state.surroundings().settings
    }

    /// What is published now.
    pub(super) fn published(&self) -> Arc<Published> {
        self.state.surroundings().published.load_full()
    }

    /// What the application sees, if no list of it would lack anybody.
    pub(super) fn whole_view(&self) -> Result<Arc<View>, CrowdError> {
        let view = self.view()?;
        view.whole()?;
        Ok(view)
    }

    /// What the application sees.
    pub(super) fn view(&self) -> Result<Arc<View>, CrowdError> {
        let application = &self.application;
        let view = View::new(self.published(), &application.directories, application.shape);
        Ok(Arc::new(view?))
    }

    /// The person that the parameter `username` names.
    pub(super) fn user(&self, view: &View) -> Result<UserAt, CrowdError> {
        find_user(view, self.parameters.required("username")?)
    }

    /// The group that the parameter `groupname` names.
    pub(super) fn group(&self, view: &View) -> Result<GroupAt, CrowdError> {
        find_group(view, self.parameters.required("groupname")?)
    }

    /// The name in the body, of a person or group.
    pub(super) fn name_in_body(&self) -> Result<&str, CrowdError> {
        let name = self.body.as_ref().and_then(|body| body.text_of("name"));
        name.filter(|name| !name.is_empty())
            .ok_or_else(|| CrowdError::illegal_argument("the body lacks a name"))
    }
}

/// A person by name in any case.
pub(super) fn find_user(view: &View, name: &str) -> Result<UserAt, CrowdError> {
    view.user_named(&fold(name)).ok_or_else(|| CrowdError::user_not_found(name))
}

/// A group by name in any case.
pub(super) fn find_group(view: &View, name: &str) -> Result<GroupAt, CrowdError> {
    view.group_named(&fold(name)).ok_or_else(|| CrowdError::group_not_found(name))
}

/// The parameters of a query.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query, form-encoded.
    pub(super) fn of(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    /// A parameter, unless it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, CrowdError> {
        let missing = || format!("{name} query parameter must be given");
        self.get(name).ok_or_else(|| CrowdError::illegal_argument(missing()))
    }

    /// Whether the client wants things of this kind in full.
    pub(super) fn detail(&self, kind: &str) -> Detail {
        let lists = self.0.iter().filter(|(name, _)| name == "expand");
        let mut words = lists.flat_map(|(_, value)| value.split(','));
        // `user.attributes` asks for the user as well.
        let wanted = words.any(|word| {
            let word = word.trim().split('.').next().unwrap_or_default();
            word == kind || word == "*"
        });
        if wanted { Detail::Full } else { Detail::Minimal }
    }

    /// Which part of a list is wanted.
    pub(super) fn page(&self) -> Result<Page, CrowdError> {
        let start = match self.number("start-index")? {
            None => 0,
            Some(start) => usize::try_from(start)
                .map_err(|_| CrowdError::illegal_argument("startIndex cannot be less than zero"))?,
        };
        let max = match self.number("max-results")? {
            None => DEFAULT_MAX,
            Some(-1) => usize::MAX,
            Some(max) => usize::try_from(max).ok().filter(|max| *max > 0).ok_or_else(|| {
                CrowdError::illegal_argument(
                    "maxResults must be greater than 0 (unless set to ALL_RESULTS)",
                )
            })?,
        };
        Ok(Page { start, max })
    }

    fn number(&self, name: &str) -> Result<Option<i64>, CrowdError> {
        let number = |text: &str| {
            let bad = || CrowdError::illegal_argument(format!("{name} is not a number"));
            text.trim().parse().map_err(|_| bad())
        };
        self.get(name).map(number).transpose()
    }
}

/// Takes percent-encoding off; what is not encoded well stays as it is, as in unencoded names.
pub(super) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = digits.and_then(|digits| Some((hex(digits[0])? << 4) | hex(digits[1])?));
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    match String::from_utf8_lossy(&decoded) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_form_encoded() {
        let parameters = Parameters::of("username=a+b%2B%C3%B6&expand=x,user&groupname=&expand=*");
        assert_eq!(parameters.get("username"), Some("a b+ö"));
        assert_eq!(parameters.get("groupname"), None);
        assert_eq!(parameters.detail("user"), Detail::Full);
        assert_eq!(Parameters::of("expand=user.attributes").detail("user"), Detail::Full);
        assert_eq!(Parameters::of("expand=none").detail("user"), Detail::Minimal);
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%+1é"), "%zz%+1é");
    }

    #[test]
    fn pages_have_limits() {
        let page = |query: &str| Parameters::of(query).page().map(|page| (page.start, page.max));
        assert_eq!(page("").unwrap(), (0, 1000));
        assert_eq!(page("start-index=5&max-results=-1").unwrap(), (5, usize::MAX));
        for bad in ["max-results=0", "max-results=-2", "start-index=-1", "max-results=abc"] {
            assert!(page(bad).is_err(), "{bad}");
        }
    }
}
