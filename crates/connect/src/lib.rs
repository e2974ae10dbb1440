//! Connectors: turn an identity provider into observations.
//!
//! Law: a connector only speaks. It reads and never writes, knows no rule, and cannot reach our store.
#![warn(missing_docs)]

mod bearer;
mod call;
mod credential;
mod entra;
mod error;
mod garbled;
mod google;
pub mod http;
mod notes;
mod odd;
mod okta;
mod pace;
mod password;
mod person;
mod probe;
mod progress;
mod scope;
mod signer;
mod tenant;
mod turns;
mod unreadable;
mod waiting;
mod watch;

use std::{collections::BTreeMap, fmt, sync::Arc};

use directory::{
    id::{Millis, ProviderId},
    observation::{Cursor, GroupMembers, GroupRecord, Observation, Question, Verdict},
};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    credential::Credential,
    entra::{entra_authority, entra_tenant_id},
    error::ConnectError,
    pace::urgently,
    password::{PasswordCheck, PasswordVerdict},
    person::OnePerson,
    probe::{ProbeReport, ProbeStep, StepOutcome},
    progress::{Counts, Progress},
    tenant::tenant_of,
    unreadable::collecting_refusals,
    waiting::{Wait, Waits, clock_time, with_patience},
    watch::{Callback, Subscription},
};
use self::{entra::Entra, google::Google, okta::Okta, unreadable::one_by_one, watch::Watched};

/// What a connector cannot make itself: time, randomness, and whom to tell that it waits.
#[derive(Clone)]
pub struct Surroundings {
    pub(crate) now: Arc<dyn Fn() -> Millis + Send + Sync>,
    pub(crate) entropy: u64,
    pub(crate) waits: Waits,
}

impl Surroundings {
    /// A clock, and a number that nobody can guess.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static, entropy: u64) -> Self {
        Self { now: Arc::new(now), entropy, waits: Waits::default() }
    }

    /// Shows in `waits` when the provider asked to wait.
    #[must_use]
    pub fn showing(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// A connection to one tenant of one provider.
#[derive(Debug)]
pub struct Connector(Provider);

#[derive(Debug)]
enum Provider {
    Entra(Box<Entra>),
    Google(Box<Google>),
    Okta(Box<Okta>),
}

/// What a text means that a person met in the browser while setting a provider up: what an error page says, or the
/// address at which the browser came back; `None` if the error catalogue does not know it.
pub fn recognise(provider: &str, text: &str) -> Option<ConnectError> {
    match provider {
        "entra" => entra::catalogue::page(text),
        "google" => google::catalogue::page(text),
        _ => None,
    }
}

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
        let provider = match provider {
            "entra" => Provider::Entra(Box::new(Entra::new(settings, secret, surroundings)?)),
            "google" => Provider::Google(Box::new(Google::new(settings, secret, surroundings)?)),
            "okta" => Provider::Okta(Box::new(Okta::new(settings, secret, surroundings)?)),
            other => {
                return Err(ConnectError::setting(format!(
                    "there is no provider `{other}`; there are `entra`, `google` and `okta`"
                )));
            }
        };
        Ok(Self(provider))
    }

    /// Reads what changed since the cursor, or everything without one (or when it has expired).
    ///
    /// # Errors
    /// When the read did not complete; nothing of it may be used.
    pub async fn pull(
        &self,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<Observation, ConnectError> {
        match &self.0 {
            Provider::Entra(entra) => entra.pull(cursor, progress).await,
            Provider::Google(google) => google.pull(cursor, progress).await,
            Provider::Okta(okta) => okta.pull(cursor, progress).await,
        }
    }

    /// Tells which groups the directory has. Where only a part of the tenant is read, questions about whoever left that
    /// part include these groups, though the latest list may lack them; call it before [`Self::confirm`].
    pub fn recall<'a>(&self, groups: impl IntoIterator<Item = &'a GroupRecord>) {
        match &self.0 {
            Provider::Entra(entra) => entra.recall(groups),
            Provider::Google(google) => google.recall(groups),
            Provider::Okta(okta) => okta.recall(groups),
        }
    }

    /// Asks about objects and memberships one by one; answers in the order of the questions.
    ///
    /// # Errors
    /// When nothing can be asked; single questions that fail are [`Verdict::Unknown`].
    pub async fn confirm(&self, questions: &[Question]) -> Result<Vec<Verdict>, ConnectError> {
        one_by_one(async {
            match &self.0 {
                Provider::Entra(entra) => entra.confirm(questions).await,
                Provider::Google(google) => google.confirm(questions).await,
                Provider::Okta(okta) => okta.confirm(questions).await,
            }
        })
        .await
    }

    /// Reads the members of some groups; groups that are gone or hidden are left out.
    ///
    /// # Errors
    /// When a list did not complete.
    pub async fn members(&self, groups: &[ProviderId]) -> Result<Vec<GroupMembers>, ConnectError> {
        match &self.0 {
            Provider::Entra(entra) => entra.members(groups).await,
            Provider::Google(google) => google.members(groups).await,
            Provider::Okta(okta) => okta.members(groups).await,
        }
    }

    /// Asks for the direct groups of some people.
    ///
    /// # Errors
    /// When a list did not complete.
    pub async fn memberships(
        &self,
        people: &[ProviderId],
    ) -> Result<Vec<DirectGroups>, ConnectError> {
        one_by_one(async {
            match &self.0 {
                Provider::Entra(entra) => entra.memberships(people).await,
                Provider::Google(google) => google.memberships(people).await,
                Provider::Okta(okta) => okta.memberships(people).await,
            }
        })
        .await
    }

    /// Asks for one person, by the provider's id, login or mail address, with the groups that they are directly in. A
    /// handful of requests, whatever the size of the tenant.
    ///
    /// # Errors
    /// When the provider does not answer, or not well enough to be used.
    pub async fn person(
        &self,
        key: &str,
        cursor: Option<&Cursor>,
        progress: &Progress,
    ) -> Result<OnePerson, ConnectError> {
        match &self.0 {
            Provider::Entra(entra) => entra.person(key, progress).await,
            Provider::Google(google) => google.person(key, cursor, progress).await,
            Provider::Okta(okta) => okta.person(key, progress).await,
        }
    }

    /// Asks the provider whether a password is a person's: one request, which is never sent again, since wrong passwords
    /// count towards the provider's lock of the account; to keep people from locking each other's is the caller's. `login`
    /// is what the provider calls the person (Entra: the user principal name); whoever has it must be the person with the
    /// id. The password is sent as it is, with spaces; an empty one is wrong without a request. Tokens that come with the
    /// answer are dropped.
    ///
    /// Nothing in Muster calls this yet: directories do not check passwords. Entra needs the delegated permissions
    /// `openid` and `profile` for it, and mostly refuses it by policy; Microsoft advises against it.
    ///
    /// # Errors
    /// When the password was not judged: the app, the tenant or a consent is not as it should be, the provider has a
    /// problem or asks to slow down, or the answer is about somebody else. Always at Google, which has no such check.
    pub async fn check_password(
        &self,
        person: &ProviderId,
        login: &str,
        password: &SecretString,
    ) -> Result<PasswordCheck, ConnectError> {
        match &self.0 {
            Provider::Google(_) => Err(google::no_password_check()),
            _ if password.expose_secret().is_empty() => {
                Ok(PasswordCheck::new(PasswordVerdict::Wrong, None, "the password is empty"))
            }
            Provider::Entra(entra) => entra.check_password(person, login, password).await,
            Provider::Okta(okta) => okta.check_password(person, login, password).await,
        }
    }

    /// Registers for word of changes, or prolongs what there is; gives what is registered now.
    ///
    /// # Errors
    /// When the provider refuses; what there was may go on then.
    pub async fn subscribe(
        &self,
        callback: &Callback<'_>,
        have: Vec<Subscription>,
    ) -> Result<Vec<Subscription>, ConnectError> {
        match &self.0 {
            Provider::Entra(entra) => entra.subscribe(callback, have).await,
            Provider::Google(google) => google.subscribe(callback, have).await,
            Provider::Okta(okta) => okta.subscribe(callback, have).await,
        }
    }

    /// Ends registrations.
    ///
    /// # Errors
    /// When the provider refuses; they end by themselves then, but for Okta's.
    pub async fn unsubscribe(&self, have: &[Subscription]) -> Result<(), ConnectError> {
        match &self.0 {
            Provider::Entra(entra) => entra.unsubscribe(have).await,
            Provider::Google(google) => google.unsubscribe(have).await,
            Provider::Okta(okta) => okta.unsubscribe(have).await,
        }
    }

    /// Checks the connection step by step; tells each step as it ends.
    pub async fn probe(&self, tell: impl FnMut(&ProbeStep)) -> ProbeReport {
        match &self.0 {
            Provider::Entra(entra) => probe::probe(&**entra, tell).await,
            Provider::Google(google) => probe::probe(&**google, tell).await,
            Provider::Okta(okta) => probe::probe(&**okta, tell).await,
        }
    }
}
