//! Odd data: the vendor's JSON of one object, or of a page, with something in it that nobody expects.
//!
//! Invariants: what is odd is the bytes that are sent, after the provider has written its true answer; the model stays as
//! it is. Bytes are taken as they are given, so anything can be expressed: half a surrogate, wrong types, bytes that are
//! no UTF-8, a field twice. Knows no vendor: an object is found by its id, wherever it is written.

mod rewrite;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::Regex;
use serde::{Deserialize, Serialize};

use self::rewrite::rewritten;
use crate::{lock, world::World};

/// Most oddities at one time.
const ODDITIES_MAX: usize = 100_000;

/// How one object, or a page, is odd on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oddity {
    /// The object's id; without it the outermost value of the answers to `route`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The field that holds `id`, if it is not `id` (`eventType` in Okta's log, `name` in Google's, `principalId`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A regular expression: only in answers to requests whose path and query match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The raw JSON text of fields, in the place of theirs or besides; a dot leads into an object (`profile.login`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// The same in Base64, for what is no text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_base64: BTreeMap<String, String>,
    /// The raw JSON text of fields that are written at the end whatever there is already: a field twice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
    /// Fields that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Raw JSON text in the place of the whole object, such as `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// Why an oddity was refused.
#[derive(Debug, thiserror::Error)]
pub enum OddityError {
    /// The provider is not simulated here.
    #[error("this simulator has no provider {0}")]
    Provider(&'static str),
    /// Neither an id nor a route.
    #[error("an oddity needs the `id` of an object, or a `route` whose pages are odd")]
    Nowhere,
    /// The route is not a regular expression.
    #[error("route {0:?} is not a regular expression")]
    Route(String),
    /// Not Base64.
    #[error("field {0:?} of `set_base64` is no Base64")]
    Base64(String),
    /// There are too many.
    #[error("there are at most {ODDITIES_MAX} oddities")]
    TooMany,
}

/// An oddity that was checked.
#[derive(Debug)]
struct Rule {
    said: Oddity,
    route: Option<Regex>,
    /// Field paths with what they are set to.
    set: Vec<(String, Vec<u8>)>,
}

impl Rule {
    fn new(said: Oddity) -> Result<Self, OddityError> {
        if said.id.is_none() && said.route.is_none() {
            return Err(OddityError::Nowhere);
        }
        let route = said
            .route
            .as_deref()
            .map(|route| Regex::new(route).map_err(|_| OddityError::Route(route.to_owned())));
        let texts = said.set.iter().map(|(name, text)| Ok((name.clone(), text.clone().into())));
        let bytes = said.set_base64.iter().map(|(name, text)| {
            let bytes = STANDARD.decode(text).map_err(|_| OddityError::Base64(name.clone()))?;
            Ok((name.clone(), bytes))
        });
        let set = texts.chain(bytes).collect::<Result<_, OddityError>>()?;
        Ok(Self { route: route.transpose()?, set, said })
    }

    fn key(&self) -> &str {
        self.said.key.as_deref().unwrap_or("id")
    }
}

/// What is odd at one provider.
#[derive(Debug, Default)]
pub(crate) struct Odd {
    rules: std::sync::Mutex<Vec<Rule>>,
}

impl Odd {
    /// Adds oddities, all or none; how many there are now.
    pub(crate) fn add(&self, said: Vec<Oddity>) -> Result<usize, OddityError> {
        let fresh = said.into_iter().map(Rule::new).collect::<Result<Vec<_>, _>>()?;
        let mut rules = lock(&self.rules);
        if rules.len() + fresh.len() > ODDITIES_MAX {
            return Err(OddityError::TooMany);
        }
        rules.extend(fresh);
        Ok(rules.len())
    }

    /// Ends all oddities, or those of one object; gives the ids of the objects that were odd.
    pub(crate) fn clear(&self, id: Option<&str>) -> Vec<String> {
        let mut rules = lock(&self.rules);
        let ended = rules.extract_if(.., |rule| id.is_none() || rule.said.id.as_deref() == id);
        ended.filter_map(|rule| rule.said.id).collect()
    }

    /// What is odd now.
    pub(crate) fn list(&self) -> Vec<Oddity> {
        lock(&self.rules).iter().map(|rule| rule.said.clone()).collect()
    }

    /// Makes an answer as odd as it is to be. Inside a batch each answer was bent by itself: then only pages are, and what a
    /// route names batches for.
    pub(crate) fn bend(&self, target: &str, body: &mut Vec<u8>) {
        let rules = lock(&self.rules);
        if rules.is_empty() {
            return;
        }
        let batch = target.ends_with("batch");
        let Ok(text) = std::str::from_utf8(body) else { return };
        let meets = |rule: &&Rule| {
            rule.route.as_ref().is_none_or(|route| route.is_match(target))
                && rule
                    .said
                    .id
                    .as_deref()
                    .is_none_or(|id| (!batch || rule.route.is_some()) && text.contains(id))
        };
        let met: Vec<&Rule> = rules.iter().filter(meets).collect();
        if let Some(odd) = (!met.is_empty()).then(|| rewritten(body, &met)).flatten() {
            *body = odd;
        }
    }
}

impl World {
    /// Lets objects be odd from now on; lists of changes tell of them.
    pub(crate) fn make_odd(&self, said: Vec<Oddity>) -> Result<usize, OddityError> {
        let ids: Vec<String> = said.iter().filter_map(|oddity| oddity.id.clone()).collect();
        let count = self.odd.add(said)?;
        self.touch(&ids);
        Ok(count)
    }

    /// Ends what is odd, everywhere or about one object; lists of changes tell of that too.
    pub(crate) fn end_odd(&self, id: Option<&str>) {
        self.touch(&self.odd.clear(id));
    }

    fn touch(&self, ids: &[String]) {
        let (mut tenant, now_ms) = (self.write(), self.clock.now_ms());
        for id in ids {
            tenant.touch(id, now_ms);
        }
    }
}
