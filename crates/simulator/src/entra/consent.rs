//! The administrator's consent: the page that a link leads to, and where it sends the browser afterwards (A1.6).
//!
//! Invariant: a browser is sent only to addresses that the app is registered with. Nobody clicks here: control says
//! what the administrator will do, and they do it at once.

use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Entra, login::LoginError};
use crate::{
    exchange::{Call, Reply},
    provider::{Controlled, Granted},
    tenant::id::Guid,
};

const ROUTE: &str = "/{tenant}/adminconsent";

/// What the administrator will do.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Click {
    /// Grants everything.
    #[default]
    Accept,
    /// Cancels.
    Cancel,
    /// They may not grant, and are told so.
    Powerless,
}

/// What is known of the app's pages.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<(Vec<String>, Click)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redirect {
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    answer: Click,
}

impl Pages {
    /// Registers an address (`redirects`), or says what the administrator will do (`consent`).
    pub(super) fn control(&self, path: &str, body: &[u8]) -> Controlled {
        let wrong = |error: serde_json::Error| (400, format!("the body cannot be read: {error}"));
        let mut state = crate::lock(&self.0);
        if path == "redirects" {
            state.0.push(serde_json::from_slice::<Redirect>(body).map_err(wrong)?.uri);
        } else {
            state.1 = serde_json::from_slice::<Answer>(body).map_err(wrong)?.answer;
        }
        Ok(Value::Object(serde_json::Map::new()))
    }
}

impl Entra {
    /// `GET /{tenant}/adminconsent` and `/{tenant}/v2.0/adminconsent`.
    pub(super) fn admin_consent(&self, tenant: &str, call: &Call) -> Result<Reply, LoginError> {
        self.check_tenant(tenant)?;
        let option = |name: &str| call.option(name).unwrap_or_default();
        if Guid::parse(option("client_id")) != Some(self.app.client_id) {
            return Ok(page(700_016, "The application was not found in the directory."));
        }
        let (known, click) = {
            let state = crate::lock(&self.pages.0);
            (state.0.iter().any(|uri| uri == option("redirect_uri")), state.1)
        };
        if !known {
            let text = format!(
                "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the \
                 application '{}'.",
                option("redirect_uri"),
                self.app.client_id
            );
            return Ok(page(50_011, &text));
        }
        let id = self.app.tenant_id.to_string();
        let mut answer = vec![("state", option("state"))];
        match click {
            Click::Accept => {
                self.app.set_granted(Granted::Consent, true);
                answer.extend([("tenant", id.as_str()), ("admin_consent", "True")]);
                if call.path.contains("/v2.0/") {
                    answer.push(("scope", option("scope")));
                }
            }
            Click::Cancel => answer.extend([
                ("error", "permission_denied"),
                ("error_description", "The admin canceled the request"),
            ]),
            Click::Powerless => {
                return Ok(page(
                    90_094,
                    "Need admin approval: an administrator of your organisation must grant this.",
                ));
            }
        }
        let mut uri = url::form_urlencoded::Serializer::new(String::new());
        uri.extend_pairs(answer);
        let location = format!("{}?{}", option("redirect_uri"), uri.finish());
        Ok(Reply::html(302, ROUTE, "").with_header("location", location))
    }
}

/// What a person sees who is not sent on.
fn page(code: u32, text: &str) -> Reply {
    let text = json!(format!("AADSTS{code}: {text}")).to_string().replace('<', "&lt;");
    Reply::html(400, ROUTE, &format!("<html><body><h1>Sign in</h1><p>{text}</p></body></html>"))
}
