//! `GET /user` and its attributes.
//!
//! Invariant: the spelling that is answered is the stored one, however the client spelled it.

use axum::{body::Body, http::Response};
use directory::{
    id::ProviderId,
    view::{UserAt, View},
};

use super::{
    call::{Call, find_user},
    entity::{self, Detail, Entity},
    error::CrowdError,
    links::encode,
    writer::Writer,
};

/// `GET /user?username=U` or `?key=K`.
pub(super) fn show(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = match (call.parameters.get("username"), call.parameters.get("key")) {
        (Some(name), _) => find_user(&view, name)?,
        (None, Some(key)) => keyed(&view, key)
            .ok_or_else(|| CrowdError::user_not_found(&format!("externalId={key}")))?,
        (None, None) => {
            let message = "username or key query parameter must be given";
            return Err(CrowdError::illegal_argument(message));
        }
    };
    Ok(in_full(call, &view, user))
}

/// `GET /user/attribute?username=U`.
pub(super) fn attributes(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let user = call.user(&view)?;
    let mut writer = Writer::new(call.representation);
    let name = encode(view.user(user).name());
    let href = [call.links.base(), "/user/attribute?username=", &name];
    entity::attributes(&mut writer, &href);
    Ok(writer.into_response())
}

/// Answers with a person in full.
pub(super) fn in_full(call: &Call, view: &View, user: UserAt) -> Response<Body> {
    let mut writer = Writer::new(call.representation);
    user.write(&mut writer, view, &call.links, Detail::Full);
    writer.into_response()
}

fn keyed(view: &View, key: &str) -> Option<UserAt> {
    let (directory, id) = key.split_once(':')?;
    view.user_keyed(view.directory_with_key(directory)?, &ProviderId::parse(id).ok()?)
}
