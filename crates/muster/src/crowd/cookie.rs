//! `GET /config/cookie`: how the single sign-on cookie is called.
//!
//! Invariant: domain, secure, name, in this order, which mod_authnz_crowd relies on.

use axum::{body::Body, http::Response};

use super::{call::Call, writer::Writer};

/// Crowd's own name for it, which products expect.
const NAME: &str = "crowd.token_key";

/// Answers with the configuration; without a domain the cookie is for the product's own host.
pub(super) fn show(call: &Call) -> Response<Body> {
    let mut writer = Writer::new(call.representation);
    writer.open("cookie-config");
    writer.text_if_any("domain", call.settings().cookie_domain.as_deref().unwrap_or_default());
    writer.flag("secure", call.links.secure());
    writer.text("name", NAME);
    writer.close("cookie-config");
    writer.into_response()
}
