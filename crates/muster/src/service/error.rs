//! Why a use case is not carried out, for whoever asked: every protocol makes its own answer of it.

use directory::{error_chain::joined, reference::Candidate};
use store::{Scope, StoreError};

use crate::{
    hashing::Busy,
    task::{
        commit::{DecisionError, person::PersonError, settings::SettingsUnreadable},
        follow::NotServed,
        stopped::Stopped,
    },
};

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ask differently: what was given cannot be understood or carried out as it is.
    Invalid,
    /// Nothing: they may not do this.
    Forbidden,
    /// Ask for something that is there.
    NotFound,
    /// Look how things stand, and ask again.
    Conflict,
    /// Ask again later.
    Unavailable,
    /// See to the provider, which refused.
    Provider,
    /// Look later how it went: it takes longer than somebody who asked can wait, and goes on.
    GoesOn,
    /// Read the server's log.
    Internal,
}

/// Why a use case is not carried out. What an internal error was is in the log only.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct ServiceError {
    /// What can be done about it.
    pub kind: Kind,
    /// What is wrong and what to do: lower case, no full stop.
    pub detail: String,
    /// Whom a reference fits that fits several.
    pub candidates: Vec<Candidate>,
}

impl ServiceError {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), candidates: Vec::new() }
    }

    /// What was given cannot be understood, or not carried out as it is.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    /// Whoever asks lacks a scope.
    pub fn lacks(who: &str, scope: Scope) -> Self {
        let scope = scope.as_str();
        let detail = format!(
            "this needs the scope `{scope}`, which {who} lacks; `muster token add` with `--scope {scope}` makes one that has it"
        );
        Self::new(Kind::Forbidden, detail)
    }

    /// What was asked for is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// What was asked for does not fit how things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    /// It cannot be done for now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, detail)
    }

    /// It takes longer than somebody who asked can wait, and goes on.
    pub fn goes_on(detail: impl Into<String>) -> Self {
        Self::new(Kind::GoesOn, detail)
    }

    /// A reference fits several users or groups.
    pub fn ambiguous(wanted: &str, candidates: Vec<Candidate>) -> Self {
        let detail = format!(
            "{} fit `{wanted}`; name one of them by its id, which fits it alone",
            candidates.len()
        );
        Self { candidates, ..Self::conflict(detail) }
    }

    /// Whether whoever asked can do something about it.
    pub fn is_callers(&self) -> bool {
        match self.kind {
            Kind::Invalid | Kind::Forbidden | Kind::NotFound | Kind::Conflict => true,
            Kind::Unavailable | Kind::Provider | Kind::GoesOn | Kind::Internal => false,
        }
    }
}

impl From<anyhow::Error> for ServiceError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => error.into(),
            Err(error) => known(&error),
        }
    }
}

fn known(error: &anyhow::Error) -> ServiceError {
    if let Some(decision) = error.downcast_ref::<DecisionError>() {
        let text = decision.to_string();
        let missing = decision.is_missing();
        return if missing { ServiceError::not_found(text) } else { ServiceError::conflict(text) };
    }
    if let Some(person) = error.downcast_ref::<PersonError>() {
        let text = person.to_string();
        return match person {
            PersonError::NotServed => ServiceError::conflict(text),
            PersonError::Several { wanted, candidates } => {
                ServiceError::ambiguous(wanted, candidates.clone())
            }
            PersonError::Nobody { .. } => ServiceError::not_found(text),
            PersonError::Provider(_) => ServiceError::new(Kind::Provider, text),
        };
    }
    if let Some(unreadable) = error.downcast_ref::<SettingsUnreadable>() {
        return ServiceError::conflict(unreadable.to_string());
    }
    if let Some(not_served) = error.downcast_ref::<NotServed>() {
        return not_served.clone().into();
    }
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return (*stopped).into();
    }
    if let Some(busy) = error.downcast_ref::<Busy>() {
        return ServiceError::unavailable(busy.to_string());
    }
    internal(&joined(error.as_ref()))
}

fn internal(error: &str) -> ServiceError {
    tracing::error!(error, "a request could not be carried out");
    ServiceError::new(Kind::Internal, "the server could not do it; its log says why")
}

/// What somebody can do something about is said; the rest is in the log.
impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken(_) | StoreError::KeyTaken(_) => Self::conflict(error.to_string()),
            StoreError::Removed => Self::not_found(error.to_string()),
            StoreError::ReadOnly => Self::unavailable(error.to_string()),
            error => internal(&joined(&error)),
        }
    }
}

impl From<Stopped> for ServiceError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Shutdown => Self::unavailable(stopped.to_string()),
            _ => Self::conflict(stopped.to_string()),
        }
    }
}

impl From<NotServed> for ServiceError {
    fn from(not_served: NotServed) -> Self {
        Self::unavailable(not_served.to_string())
    }
}

impl From<Busy> for ServiceError {
    fn from(busy: Busy) -> Self {
        Self::unavailable(busy.to_string())
    }
}
