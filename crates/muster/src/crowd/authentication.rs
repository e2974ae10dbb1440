//! `POST /authentication`: whether a person's password is right.
//!
//! Invariants: nobody is let in but on the word of `sign_in`; a directory that cannot check passwords says
//! so with an answer on which products ask their next directory, unless it is set to refuse
//! (DESIGN.md 10.14); here everything that is wrong with the person is 400.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use directory::view::{UserAt, View};
use secrecy::SecretString;

use super::{call::Call, error::CrowdError, settings::Unchecked, user};
use crate::sign_in::{Person, Verdict};

/// `POST /authentication?username=U`.
pub(super) async fn check(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = active(call, &view)?;
    let password = call.body.as_ref().and_then(|body| body.text_of("value")).unwrap_or_default();
    verify(call, &view, user, password).await?;
    Ok(user::in_full(call, &view, user))
}

/// `POST /authentication/notify?username=U`: somebody was authenticated elsewhere.
pub(super) fn notify(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = active(call, &view)?;
    Ok(user::in_full(call, &view, user))
}

/// Whether a password is a person's; anything but a clear yes is an error.
pub(super) async fn verify(
    call: &Call,
    view: &View,
    at: UserAt,
    password: &str,
) -> Result<(), CrowdError> {
    let user = view.user(at);
    let name = user.name();
    let wrong = || refused("Failed to authenticate principal, password was invalid");
    // An empty password must never reach a provider: some take it for an anonymous log-in.
    if password.is_empty() {
        return Err(wrong());
    }
    let person = Person { directory: view.owner(at), id: user.id().clone(), name: name.to_owned() };
    let directory = view.owner_name(at);
    let sign_in = &call.state.surroundings().sign_in;
    match sign_in.check(&person, &SecretString::from(password)).await {
        Verdict::Right => Ok(()),
        Verdict::Wrong => Err(wrong()),
        Verdict::Expired => {
            let message = format!("The password of account <{name}> has expired");
            Err(CrowdError::refused(StatusCode::BAD_REQUEST, "EXPIRED_CREDENTIAL", message))
        }
        Verdict::Inactive => Err(inactive(name)),
        Verdict::NotAllowed => {
            Err(refused("User is not allowed to authenticate with the application"))
        }
        Verdict::NotAvailable => match call.settings().unchecked {
            Unchecked::Fail => {
                Err(CrowdError::failed(format!("directory {directory} does not check passwords")))
            }
            Unchecked::Refuse => Err(wrong()),
        },
        Verdict::Failed(cause) => {
            tracing::warn!(directory, %cause, "a password could not be checked");
            let message = format!("the provider of directory {directory} could not be asked");
            Err(CrowdError::failed(message))
        }
    }
}

/// A refusal of name or password.
pub(super) fn refused(message: impl Into<String>) -> CrowdError {
    CrowdError::refused(StatusCode::BAD_REQUEST, "INVALID_USER_AUTHENTICATION", message)
}

/// Refuses people who are switched off.
pub(super) fn require_active(view: &View, at: UserAt) -> Result<(), CrowdError> {
    let user = view.user(at);
    if user.active() { Ok(()) } else { Err(inactive(user.name())) }
}

fn active(call: &Call, view: &View) -> Result<UserAt, CrowdError> {
    let at = call.user(view).map_err(CrowdError::into_bad_request)?;
    require_active(view, at)?;
    Ok(at)
}

fn inactive(name: &str) -> CrowdError {
    let message = format!("Account with name <{name}> is inactive");
    CrowdError::refused(StatusCode::BAD_REQUEST, "INACTIVE_ACCOUNT", message)
}
