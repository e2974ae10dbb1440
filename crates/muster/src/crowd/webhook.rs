//! Webhooks (`protocols/crowd.md` 3.11): an empty `POST` tells an application that there is something new.
//!
//! Invariant: a webhook is shown to and removed by the application that made it only.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use secrecy::{ExposeSecret, SecretString};

use super::{application::ApplicationId, call::Call, error::CrowdError, writer::Writer};
use crate::reach;

/// The longest token.
const TOKEN_BYTES_MAX: usize = 1024;

/// A webhook as it is kept.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its number.
    pub id: u32,
    /// The application that made it.
    pub application: ApplicationId,
    /// The address that is told.
    pub endpoint: String,
    /// What the address wants to see in the `Authorization` header.
    pub token: Option<SecretString>,
}

/// Webhooks cannot be read or written; the cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhooks cannot be kept at the moment; see the server's log")]
pub struct WebhooksFailed;

/// Keeps webhooks.
pub trait Webhooks: Send + Sync {
    /// Keeps a webhook; the same address is the same webhook. `None` when there are too many.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add(
        &self,
        application: ApplicationId,
        endpoint: &str,
        token: Option<&SecretString>,
    ) -> Result<Option<Webhook>, WebhooksFailed>;

    /// One webhook.
    ///
    /// # Errors
    /// When nobody can tell.
    fn find(&self, id: u32) -> Result<Option<Webhook>, WebhooksFailed>;

    /// Removes a webhook.
    ///
    /// # Errors
    /// When it may go on.
    fn remove(&self, id: u32) -> Result<(), WebhooksFailed>;
}

impl From<WebhooksFailed> for CrowdError {
    fn from(error: WebhooksFailed) -> Self {
        Self::failed(error.to_string())
    }
}

/// `POST /webhook`.
pub(super) fn create(call: &Call) -> Result<Response<Body>, CrowdError> {
    let text = |name: &str| {
        let body = call.body.as_ref()?;
        body.text_of(name).filter(|text| !text.trim().is_empty())
    };
    let endpoint = text("endpointUrl")
        .ok_or_else(|| CrowdError::illegal_argument("the body lacks an endpointUrl"))?;
    let endpoint = reach::checked(endpoint).map_err(CrowdError::illegal_argument)?;
    let token = text("token").map(str::trim);
    // What is sent must fit into a header.
    if token.is_some_and(|t| t.len() > TOKEN_BYTES_MAX || HeaderValue::from_str(t).is_err()) {
        let message =
            format!("token has up to {TOKEN_BYTES_MAX} characters that a header can hold");
        return Err(CrowdError::illegal_argument(message));
    }
    let token = token.map(SecretString::from);
    let webhooks = call.webhooks();
    let added = webhooks.add(call.application.id, endpoint.as_str(), token.as_ref())?;
    let webhook = added.ok_or_else(|| {
        CrowdError::illegal_argument("the application has too many webhooks; remove some first")
    })?;
    let mut response = show_one(call, &webhook);
    *response.status_mut() = StatusCode::CREATED;
    let location = format!("{}/webhook/{}", call.links.base(), webhook.id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /webhook/ID`.
pub(super) fn show(call: &Call, id: &str) -> Result<Response<Body>, CrowdError> {
    Ok(show_one(call, &own(call, id)?))
}

/// `DELETE /webhook/ID`.
pub(super) fn remove(call: &Call, id: &str) -> Result<Response<Body>, CrowdError> {
    call.webhooks().remove(own(call, id)?.id)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// A webhook of the application itself.
fn own(call: &Call, id: &str) -> Result<Webhook, CrowdError> {
    let unknown = || {
        let message = format!("Webhook <{id}> not found");
        CrowdError::refused(StatusCode::NOT_FOUND, "WEBHOOK_NOT_FOUND", message)
    };
    let number = id.parse().map_err(|_| unknown())?;
    let webhook = call.webhooks().find(number)?.ok_or_else(unknown)?;
    if webhook.application == call.application.id {
        return Ok(webhook);
    }
    let message = "Application does not own Webhook";
    Err(CrowdError::refused(StatusCode::FORBIDDEN, "APPLICATION_PERMISSION_DENIED", message))
}

fn show_one(call: &Call, webhook: &Webhook) -> Response<Body> {
    let mut writer = Writer::new(call.representation);
    writer.open("webhook");
    writer.number("id", webhook.id.into());
    writer.text("endpointUrl", &webhook.endpoint);
    if let Some(token) = &webhook.token {
        writer.text("token", token.expose_secret());
    }
    writer.close("webhook");
    writer.into_response()
}
