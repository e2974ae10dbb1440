//! Connectors: turn an identity provider into observations.
//!
//! Law: a connector only speaks. It reads and never writes, knows no rule, and cannot reach our store.
#![warn(missing_docs)]

mod bearer;
mod call;
mod entra;
mod error;
pub mod http;
mod pace;
mod probe;
mod progress;

use std::{collections::BTreeMap, fmt, sync::Arc};

use directory::{
    id::{Millis, ProviderId},
    observation::{Cursor, GroupMembers, Observation, Question, Verdict},
};
use secrecy::SecretString;

use self::entra::Entra;
pub use self::{
    error::ConnectError,
    probe::{ProbeReport, ProbeStep, StepOutcome},
    progress::{Counts, Progress},
};

/// What a connector cannot make itself: time and randomness.
#[derive(Clone)]
pub struct Surroundings {
    pub(crate) now: Arc<dyn Fn() -> Millis + Send + Sync>,
    pub(crate) entropy: u64,
}

impl Surroundings {
    /// A clock, and a number that nobody can guess.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static, entropy: u64) -> Self {
        Self { now: Arc::new(now), entropy }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// A connection to one tenant of one provider.
#[derive(Debug)]
pub struct Connector(Entra);

/// A person's direct groups; `None` where the provider did not say.
pub type DirectGroups = (ProviderId, Option<Vec<ProviderId>>);

impl Connector {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// Names the provider or the setting that cannot be used.
    pub fn new(
        provider: &str,
        settings: &BTreeMap<String, String>,
        secret: &SecretString,
        surroundings: Surroundings,
    ) -> Result<Self, ConnectError> {
        match provider {
            "entra" => Entra::new(settings, secret, surroundings).map(Self),
            other => Err(ConnectError::setting(format!(
                "there is no provider `{other}`; this version knows `entra`"
            ))),
        }
    }

    /// Reads what changed since the cursor, or everything without one (or when it has expired).
    ///
    /// # Errors
    /// When the read did not complete; nothing of it may be used.
    pub fn pull(
        &self,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> impl Future<Output = Result<Observation, ConnectError>> + Send {
        self.0.pull(cursor, progress)
    }

    /// Asks about objects and memberships one by one; answers in the order of the questions.
    ///
    /// # Errors
    /// When nothing can be asked; single questions that fail are [`Verdict::Unknown`].
    pub fn confirm(
        &self,
        questions: &[Question],
    ) -> impl Future<Output = Result<Vec<Verdict>, ConnectError>> + Send {
        self.0.confirm(questions)
    }

    /// Reads the members of some groups; groups that are gone or hidden are left out.
    ///
    /// # Errors
    /// When a list did not complete.
    pub fn members(
        &self,
        groups: &[ProviderId],
    ) -> impl Future<Output = Result<Vec<GroupMembers>, ConnectError>> + Send {
        self.0.members(groups)
    }

    /// Asks for the direct groups of some people.
    ///
    /// # Errors
    /// When a list did not complete.
    pub fn memberships(
        &self,
        people: &[ProviderId],
    ) -> impl Future<Output = Result<Vec<DirectGroups>, ConnectError>> + Send {
        self.0.memberships(people)
    }

    /// Checks the connection step by step; tells each step as it ends.
    pub async fn probe(&self, tell: impl FnMut(&ProbeStep)) -> ProbeReport {
        self.0.probe(tell).await
    }
}
