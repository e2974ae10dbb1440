//! When each application last called, and from where: for whoever connects a product and watches.
//!
//! Invariant: says nothing to applications; a lost figure harms nobody.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::id::Millis;

use super::ApplicationId;
use crate::peer::Origin;

/// The longest name of a program that is kept, in bytes.
const AGENT_BYTES_MAX: usize = 120;

/// How an application called so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// When it first called.
    pub first: Millis,
    /// When it last called.
    pub last: Millis,
    /// How often it called.
    pub requests: u64,
    /// From which address it last called.
    pub client: String,
    /// What it called itself.
    pub agent: String,
}

/// How applications called so far.
#[derive(Debug, Default)]
pub struct Callers(Mutex<HashMap<ApplicationId, Known>>);

#[derive(Debug)]
struct Known {
    caller: Caller,
    origin: Option<Origin>,
}

impl Callers {
    /// Takes in what was kept.
    pub fn restore(&self, kept: impl IntoIterator<Item = (ApplicationId, Caller)>) {
        let known = kept.into_iter().map(|(id, caller)| (id, Known { caller, origin: None }));
        self.lock().extend(known);
    }

    /// Remembers that an application called.
    pub(super) fn note(&self, id: ApplicationId, client: Origin, agent: &str, now: Millis) {
        let mut known = self.lock();
        let entry = known.entry(id).or_insert_with(|| Known {
            caller: Caller {
                first: now,
                last: now,
                requests: 0,
                client: String::new(),
                agent: String::new(),
            },
            origin: None,
        });
        entry.caller.last = now;
        entry.caller.requests += 1;
        // Nearly every call comes from where the last one came from.
        if entry.origin != Some(client) {
            entry.origin = Some(client);
            entry.caller.client = client.to_string();
        }
        let agent = &agent[..agent.floor_char_boundary(AGENT_BYTES_MAX)];
        if entry.caller.agent != agent {
            agent.clone_into(&mut entry.caller.agent);
        }
    }

    /// How an application called so far.
    pub fn get(&self, id: ApplicationId) -> Option<Caller> {
        self.lock().get(&id).map(|known| known.caller.clone())
    }

    /// How all applications called so far.
    pub fn all(&self) -> Vec<(ApplicationId, Caller)> {
        self.lock().iter().map(|(id, known)| (*id, known.caller.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApplicationId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_call_counts() {
        let callers = Callers::default();
        let from = |text: &str| Origin::from(text.parse::<std::net::IpAddr>().unwrap());
        callers.note(1, from("192.0.2.1"), "Jira", Millis(5));
        callers.note(1, from("192.0.2.2"), &"x".repeat(500), Millis(9));
        let caller = callers.get(1).unwrap();
        assert_eq!((caller.first, caller.last, caller.requests), (Millis(5), Millis(9), 2));
        assert_eq!((caller.client.as_str(), caller.agent.len()), ("192.0.2.2", AGENT_BYTES_MAX));
        assert_eq!(callers.get(2), None);
    }
}
