//! Objects that a provider does not show although it shows others (`DESIGN.md` 12.4).
//!
//! Invariants: an error about one object leaves that object as it was, and is told with its id; where all are refused,
//! or more than half, the error is the tenant's, and nothing of the read is used; what could not be read is asked for
//! again at the next read, since the position in the changes has moved past it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use directory::{
    id::ProviderId,
    observation::{Unread, Unreadable},
};
use serde::{Deserialize, Serialize};

use crate::error::{ConnectError, Kind};

/// How long one object may go on failing.
pub(crate) const TROUBLE_MAX: Duration = Duration::from_mins(1);
/// How often one object is asked for that was read until now.
const ATTEMPTS: u32 = 6;
/// How often one object is asked for that could not be read before.
const ATTEMPTS_AGAIN: u32 = 2;
/// In a read of a part, so many must be refused before that says something of the rest.
const REFUSED_MIN: usize = 10;

tokio::task_local! {
    /// How often something is asked for that is one of many.
    static ONE_OF_MANY: u32;
}

/// How often a request may be sent, if it is for one object of many.
pub(crate) fn attempts() -> Option<u32> {
    ONE_OF_MANY.try_with(|attempts| *attempts).ok()
}

/// What came of asking for one object.
#[derive(Debug)]
pub(crate) enum One<T> {
    /// It was read.
    Read(T),
    /// The provider does not know it.
    Missing(ConnectError),
    /// It could not be read.
    Unread(ConnectError),
}

impl<T> One<T> {
    pub(crate) fn read(self) -> Option<T> {
        match self {
            Self::Read(read) => Some(read),
            Self::Missing(_) | Self::Unread(_) => None,
        }
    }

    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> One<U> {
        match self {
            Self::Read(read) => One::Read(f(read)),
            Self::Missing(error) => One::Missing(error),
            Self::Unread(error) => One::Unread(error),
        }
    }
}

/// Asks for one object of many.
///
/// # Errors
/// When the answer is not about that object.
pub(crate) async fn one<T>(
    asked: &Before,
    what: &Unread,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<One<T>, ConnectError> {
    let attempts = if asked.has(what) { ATTEMPTS_AGAIN } else { ATTEMPTS };
    match ONE_OF_MANY.scope(attempts, work).await {
        Ok(read) => Ok(One::Read(read)),
        Err(error) if error.kind == Kind::NotFound => Ok(One::Missing(error)),
        Err(error) if error.is_about_one() => Ok(One::Unread(error)),
        Err(error) => Err(error),
    }
}

/// What could not be read at the last read.
#[derive(Debug, Default)]
pub(crate) struct Before(BTreeSet<Unread>);

impl Before {
    pub(crate) fn new(unread: impl IntoIterator<Item = Unread>) -> Self {
        Self(unread.into_iter().collect())
    }

    /// All of it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Unread> {
        self.0.iter()
    }

    fn has(&self, what: &Unread) -> bool {
        self.0.contains(what)
    }
}

/// What is to be asked for again, as positions keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ToDo {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
}

impl ToDo {
    pub(crate) fn of(unread: &Unreads) -> Self {
        let mut all = Self::default();
        for what in unread.0.keys() {
            match what {
                Unread::Person(id) => all.people.push(id.to_string()),
                Unread::Group(id) => all.groups.push(id.to_string()),
                Unread::Members(id) => all.members.push(id.to_string()),
            }
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.groups.is_empty() && self.members.is_empty()
    }

    /// All of it.
    pub(crate) fn all(&self) -> impl Iterator<Item = Unread> {
        let ids = |all: &[String]| -> Vec<ProviderId> {
            all.iter().filter_map(|id| ProviderId::parse(id).ok()).collect()
        };
        let people = ids(&self.people).into_iter().map(Unread::Person);
        let groups = ids(&self.groups).into_iter().map(Unread::Group);
        people.chain(groups).chain(ids(&self.members).into_iter().map(Unread::Members))
    }
}

/// What of a tenant a read asked for one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All objects of a kind.
    Whole,
    /// Some of them.
    Some,
}

/// What could not be read in one read.
#[derive(Debug, Default)]
pub(crate) struct Unreads(BTreeMap<Unread, ConnectError>);

impl Unreads {
    pub(crate) fn add(&mut self, what: Unread, error: ConnectError) {
        tracing::debug!(?what, %error, "an object cannot be read");
        self.0.insert(what, error);
    }

    /// Takes what was asked for one by one: records that were read, without those that are not there.
    pub(crate) fn take<R>(&mut self, found: Vec<(Unread, One<R>)>) -> Vec<R> {
        let mut records = Vec::with_capacity(found.len());
        for (what, found) in found {
            match found {
                One::Read(record) => records.push(record),
                One::Missing(_) => {}
                One::Unread(error) => self.add(what, error),
            }
        }
        records
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, what: &Unread) -> bool {
        self.0.contains_key(what)
    }

    /// Forgets what is gone.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Unread) -> bool) {
        self.0.retain(|what, _| keep(what));
    }

    /// Whether it may be left at that, after so many objects were asked for.
    ///
    /// # Errors
    /// When most of them were refused: that is about the tenant.
    pub(crate) fn judge(
        &self,
        asked: &[ProviderId],
        part: Part,
        before: &Before,
    ) -> Result<(), ConnectError> {
        let new = |what: &Unread| part == Part::Whole || !before.has(what);
        let unread = |id: &ProviderId| {
            [Unread::Members(id.clone()), Unread::Person(id.clone()), Unread::Group(id.clone())]
                .into_iter()
                .find(|what| self.0.get(what).is_some_and(|error| !is_foreign(what, error)))
        };
        let refused: Vec<Unread> = asked.iter().filter_map(unread).filter(new).collect();
        let known = asked.iter().filter_map(unread).filter(|what| !new(what)).count();
        let (count, of) = (refused.len(), asked.len() - known);
        let most = count * 2 > of && (part == Part::Whole || count >= REFUSED_MIN);
        match refused.first().and_then(|what| self.0.get(what)) {
            Some(error) if most => {
                let who =
                    format!("{count} of {of} objects that were asked for were refused like this");
                Err(error.clone().adding(&who))
            }
            _ => Ok(()),
        }
    }

    /// The same for the run report.
    pub(crate) fn told(self, who: &str) -> Vec<Unreadable> {
        let told = |(what, error): (Unread, ConnectError)| Unreadable {
            error: words(&error, who),
            foreign: is_foreign(&what, &error),
            what,
        };
        self.0.into_iter().map(told).collect()
    }
}

/// Whether it may be another organisation's: Google shows these as members, and refuses them as such.
fn is_foreign(what: &Unread, error: &ConnectError) -> bool {
    error.code() == Some("G-SUBJECT-ADMIN") && !matches!(what, Unread::Members(_))
}

/// What the provider says of one object, without the advice that would be for all of them.
pub(crate) fn words(error: &ConnectError, who: &str) -> String {
    match (error.kind, error.details()) {
        (Kind::Temporary, Some(details)) => format!("{who} fails at it each time ({details})"),
        (Kind::NotFound, Some(details)) => {
            format!(
                "{who} says that there is no such thing, and shows the object all the same ({details})"
            )
        }
        (_, Some(details)) => format!("{who} refuses it ({details})"),
        (_, None) => error.to_string(),
    }
}

/// What is said of a person who was asked for alone and is not shown.
pub(crate) fn not_shown(error: ConnectError, who: &str, key: &str) -> ConnectError {
    let Some(details) = error.details().filter(|_| error.is_about_one()) else { return error };
    let code = error.static_code();
    let advice = error.text();
    let text = format!(
        "{who} does not show `{key}` ({details}); if it shows nobody else either: {advice}"
    );
    ConnectError::new(error.kind, code, text)
}
