//! What becomes of people who are gone at the provider, and of those whom the rules no longer mean.
//!
//! Invariants: whoever left is inactive before anything else happens to them; nobody is served on account of having
//! left who was not served before. When somebody whom the rules no longer mean became inactive is when what is
//! served of them last changed, since nothing else of them changes from then on.

use super::{Appearance, Derive, Out, PersonVerdict};
use crate::{
    anonymous::is_anonymous,
    id::{Millis, UserNo},
    mirror::{PersonRow, State},
    name::Name,
    rules::Vanished,
};

/// How somebody stands whom the rules may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The provider has them, or they are kept as if it had.
    Here,
    /// Gone, and served inactive.
    Gone,
    /// Gone, and served without a name.
    Anonymous,
}

impl Derive<'_> {
    /// How somebody stands, or why they are not served whatever else the rules say.
    pub(super) fn standing(&self, row: &PersonRow) -> Result<Standing, Out> {
        match row.state {
            State::Mentioned => Err(Out::NoRecord),
            State::Present | State::Unconfirmed { .. } => Ok(Standing::Here),
            State::Absent { since, .. } => self.gone(row.no, since),
        }
    }

    fn gone(&self, no: UserNo, since: Millis) -> Result<Standing, Out> {
        let over = self.grace_over(since);
        let Some(served) = self.served_user(no) else {
            return Err(if over { Out::Gone { since } } else { Out::NeverServed });
        };
        match self.rules.vanished {
            Vanished::Kept => Ok(Standing::Here),
            Vanished::Removed if over => Err(Out::Gone { since }),
            Vanished::Anonymised if over || is_anonymous(served) => Ok(Standing::Anonymous),
            Vanished::KeptInactive | Vanished::Removed | Vanished::Anonymised => Ok(Standing::Gone),
        }
    }

    /// What becomes of somebody whom the rules no longer mean.
    pub(super) fn leaving(&self, no: UserNo, out: Out) -> PersonVerdict {
        let Some(served) = self.served_user(no) else { return PersonVerdict::Out(out) };
        let Ok(name) = Name::parse(served.name()) else { return PersonVerdict::Out(out) };
        let inactive_for_long = !served.active() && self.grace_over(served.updated());
        let over = self.rules.grace_ms == 0 || inactive_for_long;
        match self.rules.vanished {
            Vanished::Removed if over => PersonVerdict::Out(out),
            Vanished::Anonymised if over || is_anonymous(served) => {
                PersonVerdict::anonymous(served.id())
            }
            _ => PersonVerdict::Wanted {
                claim: Ok(name),
                active: false,
                appearance: Appearance::Served(out),
            },
        }
    }
}
