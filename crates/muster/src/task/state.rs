//! How a directory stands, whatever ran last.
//!
//! Invariant: a failed read and a saved rule are no news of the provider: the age of what is served is that of the last
//! read that came to its end, and what waits stays what it was until a run has looked at everybody again.

use directory::{
    figures::Exceptions,
    id::{DirectoryId, Millis},
    report::{HeldKind, Outcome, RunKind, RunReport},
};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use utoipa::ToSchema;

/// How a directory stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DirectoryState {
    /// When the provider was last read to the end: the age of what is served.
    pub last_read: Option<Millis>,
    /// Why the latest read failed; none when it did not.
    pub read_failure: Option<String>,
    /// What waits for a decision.
    pub held: Vec<HeldKind>,
    /// Who is not served as the provider and the rules would have it; none until a run has looked at everybody.
    pub exceptions: Option<Exceptions>,
}

impl DirectoryState {
    /// The state as the store knows it, before the first run of this server.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: &Store, id: DirectoryId) -> Result<Self, StoreError> {
        let last_read = store.connection(id)?.and_then(|row| row.last_read);
        let mut state = Self { last_read, ..Self::default() };
        if let Some(run) = store.latest_run_where(id, is_read)? {
            state.take(&run, last_read);
        }
        if let Some(run) = store.latest_run_where(id, |run| run.exceptions.is_some())? {
            state.take_exceptions(&run);
        }
        Ok(state)
    }

    /// Takes in what a run reported; `last_read` is when the provider was last read to the end.
    pub fn take(&mut self, report: &RunReport, last_read: Option<Millis>) {
        self.last_read = last_read.max(self.last_read);
        if is_read(report) {
            self.read_failure = match &report.outcome {
                Outcome::Failed { error, .. } => Some(error.clone()),
                Outcome::Done | Outcome::Held => None,
            };
        }
        self.take_exceptions(report);
    }

    fn take_exceptions(&mut self, report: &RunReport) {
        if report.exceptions.is_some() {
            self.exceptions = report.exceptions;
            self.held.clone_from(&report.held);
        }
    }

    /// What is not served as the provider and the rules would have it: lower case, no full stop; nothing when
    /// everything is.
    pub fn not_served(&self) -> Vec<String> {
        let exceptions = self.exceptions.iter().flat_map(Exceptions::sentences);
        self.not_known().into_iter().chain(exceptions).collect()
    }

    /// Why what the provider says now may not be known: lower case, no full stop.
    pub fn not_known(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.last_read.is_none() {
            all.push("the provider was never read to the end".to_owned());
        }
        if let Some(failure) = &self.read_failure {
            all.push(format!(
                "the latest read of the provider failed, so what it said since is not known: {failure}"
            ));
        }
        all
    }
}

/// Whether the provider was to be read, and not one person alone.
pub(crate) fn is_read(report: &RunReport) -> bool {
    matches!(report.kind, RunKind::Full | RunKind::Delta)
}

#[cfg(test)]
mod tests {
    use directory::figures::Count;

    use super::*;

    fn run(kind: RunKind, outcome: Outcome, exceptions: Option<Exceptions>) -> RunReport {
        RunReport { kind, outcome, exceptions, ..RunReport::default() }
    }

    #[test]
    fn only_a_read_that_ends_is_news_of_the_provider() {
        let failed = || Outcome::Failed { error: "no such host".to_owned(), code: None };
        let waiting = Count { users: 3, groups: 0 };
        let some = Exceptions { waiting, ..Exceptions::default() };
        let mut state = DirectoryState::default();
        state.take(&run(RunKind::Full, Outcome::Held, Some(some)), Some(Millis(5)));
        assert_eq!((state.last_read, &state.read_failure), (Some(Millis(5)), &None));
        state.take(&run(RunKind::Delta, failed(), None), None);
        let told = state.not_served();
        assert!(
            told[0].contains("no such host") && told[1].starts_with("3 people have"),
            "{told:?}"
        );
        // A saved rule and one person read alone leave the failure as it is, and the age.
        for kind in [RunKind::Decision, RunKind::Person] {
            state.take(&run(kind, Outcome::Done, Some(some)), Some(Millis(5)));
            assert!(state.read_failure.is_some(), "{kind:?}");
        }
        // Nor does a run that did not look at everybody say that nothing waits.
        state.take(&run(RunKind::Person, Outcome::Done, None), Some(Millis(5)));
        assert_eq!(state.exceptions, Some(some));
        state.take(
            &run(RunKind::Delta, Outcome::Done, Some(Exceptions::default())),
            Some(Millis(9)),
        );
        assert_eq!((state.last_read, state.not_served()), (Some(Millis(9)), vec![]));
    }
}
