//! Objects that a provider does not show although it shows others (`DESIGN.md` 12.4).
//!
//! Invariants: an error about one object leaves that object as it was, and is told with its id; where all are refused,
//! or more than half, the error is the tenant's, and nothing of the read is used; what could not be read is asked for
//! again at the next read, since the position in the changes has moved past it.

use std::{
    cell::RefCell,
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
/// Entries of the error catalogue that are about what the administrator's role allows. A single object that is refused does
/// not show that.
const ROLE_CODES: [&str; 2] = ["G-SUBJECT-ADMIN", "O-ROLE"];
/// Objects that an error names.
const NAMED_MAX: usize = 10;

tokio::task_local! {
    /// How often something is asked for that is one of many.
    static ONE_OF_MANY: u32;
    /// Questions that were refused while the work under way asked them.
    static REFUSALS: RefCell<BTreeMap<Unread, Unreadable>>;
}

/// Runs work that asks about single objects. Returns its result, and the objects about which the provider refused to
/// answer: each of these counts as unknown in the result.
pub async fn collecting_refusals<T>(work: impl Future<Output = T> + Send) -> (T, Vec<Unreadable>) {
    let scope = REFUSALS.scope(RefCell::default(), async {
        let done = work.await;
        let refused = REFUSALS.with(RefCell::take);
        (done, refused.into_values().collect())
    });
    // Boxed: whoever waits holds no more than the box.
    Box::pin(scope).await
}

/// Notes that a question about an object was refused, if the error is about that object. `who` is the provider's name.
pub(crate) fn note_refusal(what: Unread, error: &ConnectError, who: &str) {
    if !error.is_about_one() || matches!(error.kind, Kind::NotFound | Kind::Odd) {
        return;
    }
    let foreign = is_foreign(&what, error);
    let refused = Unreadable { what: what.clone(), error: words(error, who), foreign };
    // Whoever asks without collecting has the answer "unknown" alone.
    drop(REFUSALS.try_with(|all| all.borrow_mut().insert(what, refused)));
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
    /// What was read; a refusal is noted as one of `what`.
    pub(crate) fn read_or_note(self, what: Unread, who: &str) -> Option<T> {
        match self {
            Self::Read(read) => Some(read),
            Self::Missing(_) => None,
            Self::Unread(error) => {
                note_refusal(what, &error, who);
                None
            }
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

/// Does work that asks about many single objects: none of them may keep the others waiting for long.
pub(crate) async fn one_by_one<T>(work: impl Future<Output = T>) -> T {
    ONE_OF_MANY.scope(ATTEMPTS, work).await
}

/// Does work that failed before, which is tried less often then.
pub(crate) async fn again<T>(work: impl Future<Output = T>) -> T {
    ONE_OF_MANY.scope(ATTEMPTS_AGAIN, work).await
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
                // They are read with the members of groups.
                Unread::Memberships(_) => {}
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

    /// Checks that the read may be used although some of the objects that were asked for could not be read. `name`
    /// gives what the provider calls an object, where that is known.
    ///
    /// # Errors
    /// Fails when more than half of the objects were refused: the cause is the tenant's. The error names them.
    pub(crate) fn judge(
        &self,
        asked: &Asked<'_>,
        name: impl Fn(&ProviderId) -> Option<String>,
    ) -> Result<(), ConnectError> {
        let Asked { ids, part, before, who } = *asked;
        let is_new = |what: &Unread| part == Part::Whole || !before.has(what);
        let refused = |id: &ProviderId| {
            [Unread::Members(id.clone()), Unread::Person(id.clone()), Unread::Group(id.clone())]
                .into_iter()
                .find(|what| self.0.get(what).is_some_and(|error| counts(what, error)))
        };
        let (new, known): (Vec<Unread>, Vec<Unread>) =
            ids.iter().filter_map(refused).partition(is_new);
        let (count, of) = (new.len(), ids.len() - known.len());
        if count * 2 <= of || (part == Part::Some && count < REFUSED_MIN) {
            return Ok(());
        }
        let Some(error) = new.first().and_then(|what| self.0.get(what)) else { return Ok(()) };
        let named = new.iter().take(NAMED_MAX).map(|what| {
            let id = what.id();
            name(id).map_or_else(|| id.to_string(), |name| format!("`{name}` ({id})"))
        });
        let mut named = named.collect::<Vec<_>>().join(", ");
        if of == 1 && error.code().is_some_and(|code| ROLE_CODES.contains(&code)) {
            let text = format!(
                "{named} cannot be read, and nothing else was asked for: {}",
                words(error, who)
            );
            return Err(ConnectError::new(error.kind, None, text));
        }
        if count > NAMED_MAX {
            named = format!("{named} and {} more", count - NAMED_MAX);
        }
        let text =
            format!("{count} of {of} objects that were asked for were refused like this: {named}");
        Err(error.clone().adding(&text))
    }

    /// The same for the run report. Records that say nothing usable are in [`Observation::kept`] already.
    ///
    /// [`Observation::kept`]: directory::observation::Observation::kept
    pub(crate) fn told(self, who: &str) -> Vec<Unreadable> {
        let told = |(what, error): (Unread, ConnectError)| Unreadable {
            error: words(&error, who),
            foreign: is_foreign(&what, &error),
            what,
        };
        self.0.into_iter().filter(|(_, error)| error.kind != Kind::Odd).map(told).collect()
    }
}

/// Objects that a read asked for one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) ids: &'a [ProviderId],
    pub(crate) part: Part,
    /// What could not be read at the last read.
    pub(crate) before: &'a Before,
    /// The provider's name in messages.
    pub(crate) who: &'a str,
}

/// Returns true if the error says something of how the provider treats all objects: not of another organisation's, nor of a
/// record that came and is odd.
fn counts(what: &Unread, error: &ConnectError) -> bool {
    !is_foreign(what, error) && error.kind != Kind::Odd
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
