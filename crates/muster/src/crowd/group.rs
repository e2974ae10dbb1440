//! `GET /group` and its attributes.
//!
//! Invariant: the spelling that is answered is the stored one, however the client spelled it.

use axum::{body::Body, http::Response};

use super::{
    call::Call,
    entity::{self, Detail, Entity},
    error::CrowdError,
    links::encode,
    writer::Writer,
};

/// `GET /group?groupname=G`.
pub(super) fn show(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let group = call.group(&view)?;
    let mut writer = Writer::new(call.representation);
    group.write(&mut writer, &view, &call.links, Detail::Full);
    Ok(writer.into_response())
}

/// `GET /group/attribute?groupname=G`.
pub(super) fn attributes(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let group = call.group(&view)?;
    let mut writer = Writer::new(call.representation);
    let name = encode(view.group(group).name().as_str());
    let href = [call.links.base(), "/group/attribute?groupname=", &name];
    entity::attributes(&mut writer, &href);
    Ok(writer.into_response())
}
