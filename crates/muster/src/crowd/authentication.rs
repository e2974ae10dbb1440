//! `POST /authentication`: whether a person's password is right.
//!
//! Invariant: nobody is ever let in here; a directory that cannot check passwords says so with an answer
//! on which products ask their next directory (DESIGN.md 10.14).

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use directory::view::{UserAt, View};

use super::{call::Call, error::CrowdError, user};

/// `POST /authentication?username=U`.
pub(super) fn check(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = active(call, &view)?;
    let password = call.body.as_ref().and_then(|body| body.text_of("value")).unwrap_or_default();
    if password.is_empty() {
        let message = "Failed to authenticate principal, password was invalid";
        let status = StatusCode::BAD_REQUEST;
        return Err(CrowdError::refused(status, "INVALID_USER_AUTHENTICATION", message));
    }
    let name = view.owner_name(user);
    Err(CrowdError::failed(format!("directory {name} does not check passwords")))
}

/// `POST /authentication/notify?username=U`: somebody was authenticated elsewhere.
pub(super) fn notify(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = active(call, &view)?;
    Ok(user::in_full(call, &view, user))
}

/// The person, if there and active; here everything that is wrong is 400.
fn active(call: &Call, view: &View) -> Result<UserAt, CrowdError> {
    let at = call.user(view).map_err(CrowdError::into_bad_request)?;
    let user = view.user(at);
    if user.active() {
        return Ok(at);
    }
    let message = format!("Account with name <{}> is inactive", user.name());
    Err(CrowdError::refused(StatusCode::BAD_REQUEST, "INACTIVE_ACCOUNT", message))
}
