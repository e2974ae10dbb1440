//! The token endpoint: an assertion that the service app signed becomes an access token.
//!
//! Invariant: status, `error` and `error_description` are those of Okta's table (C1.4). An assertion's times are good
//! by the real clock or by the virtual one, as a client may go by either; the access token expires by the virtual.

use serde_json::json;

use super::{
    JSON, Okta,
    access::{address, describe},
    error::OAuthError,
    jwt::{ALGORITHMS, Jwt},
    proof::{self, ProofError, Request},
    token::{Claims, Confirmation},
};
use crate::{
    chance::draw,
    clock,
    exchange::{Call, Reply},
    provider::Granted,
    tenant::key::okta_signs,
};

const ROUTE: &str = "/oauth2/v1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of an assertion.
const LIFE_S: i64 = 3_600;
/// How far clocks may differ.
const SKEW_S: i64 = 60;
const SECRET_TEXT: &str = "Client Credentials requests to the Org Authorization Server must use \
                           the private_key_jwt token_endpoint_auth_method.";
const NOT_CONFIGURED: &str =
    "One or more scopes are not configured for the authorization server resource.";
const MALFORMED_SCOPE: &str = "The requested scope is invalid, unknown, or malformed.";

/// A token request's parameters, from the body or the address.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(call: &Call) -> Self {
        let body = url::form_urlencoded::parse(&call.body).into_owned();
        Self(body.chain(call.query.iter().cloned()).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl Okta {
    /// `POST /oauth2/v1/token`.
    pub(super) fn token(&self, call: &Call) -> Reply {
        let now = self.world.clock.now_ms();
        self.grant(call, now).unwrap_or_else(|error| {
            let reply = error.reply(ROUTE);
            if error.error == "use_dpop_nonce" {
                return reply.with_header("dpop-nonce", proof::nonce(&self.seal, now));
            }
            reply
        })
    }

    fn grant(&self, call: &Call, now: i64) -> Result<Reply, OAuthError> {
        if call.method != "POST" {
            let text = "The endpoint does not support the provided HTTP method.";
            return Err(OAuthError::new(405, "invalid_request", text));
        }
        let form = Form::read(call);
        let grant = form.get("grant_type").ok_or_else(|| {
            let text = "The token endpoint requires the parameter 'grant_type'.";
            OAuthError::new(400, "invalid_request", text)
        })?;
        if grant != "client_credentials" {
            let text = format!("The authorization grant type '{grant}' is not supported.");
            return Err(OAuthError::new(400, "unsupported_grant_type", text));
        }
        self.authenticate(&form, call, now)?;
        if self.app.is_revoked(Granted::AppType) {
            let text = "The client is not authorized to use the provided grant type. Configured \
                        grant types: [authorization_code, refresh_token].";
            return Err(OAuthError::new(400, "unauthorized_client", text));
        }
        if [Granted::Policy, Granted::Zone].into_iter().any(|what| self.app.is_revoked(what)) {
            let text = "Policy evaluation failed for this request, please check the policy \
                        configurations.";
            return Err(OAuthError::new(403, "access_denied", text));
        }
        let scopes = self.scopes(form.get("scope"))?;
        let bound = self.bound_key(call, now)?;
        let kind = if bound.is_some() { "DPoP" } else { "Bearer" };
        let life = self.app.token_life_s;
        let number = self.app.number_token();
        let claims = Claims {
            ver: 1,
            jti: okta_signs("AT.", 43, |at| draw(self.world.seed ^ number, 0xa7, at)),
            iss: call.base.clone(),
            aud: call.base.clone(),
            sub: self.app.client_id.clone(),
            iat: now / 1000,
            exp: now / 1000 + i64::from(life),
            cid: self.app.client_id.clone(),
            scp: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            cnf: bound.map(|jkt| Confirmation { jkt }),
            number,
        };
        let body = json!({
            "token_type": kind,
            "expires_in": life,
            "access_token": self.signer.sign(&claims),
            "scope": scopes.join(" "),
        });
        Ok(Reply::new(ROUTE, JSON, body.to_string().into_bytes()))
    }

    /// Whether the request comes from the service app.
    fn authenticate(&self, form: &Form, call: &Call, now: i64) -> Result<(), OAuthError> {
        if form.get("client_secret").is_some() || call.header("authorization").is_some() {
            return Err(OAuthError::client(SECRET_TEXT));
        }
        let Some(assertion) = form.get("client_assertion") else {
            let text = "No client credentials found.";
            return Err(OAuthError::client(text));
        };
        if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            let text = format!("The client_assertion_type must be '{ASSERTION_TYPE}'.");
            return Err(OAuthError::client(text));
        }
        let jwt = Jwt::read(assertion)
            .ok_or_else(|| OAuthError::client("The client_assertion is not a valid JWT."))?;
        let named = form.get("client_id").is_none_or(|id| id == self.app.client_id);
        let ours = ["iss", "sub"].iter().all(|name| jwt.text(name) == Some(&self.app.client_id));
        if !named || !ours || self.app.is_revoked(Granted::Account) {
            return Err(OAuthError::client("Invalid value for 'client_id' parameter."));
        }
        if self.app.is_revoked(Granted::Method) {
            return Err(OAuthError::client(SECRET_TEXT));
        }
        if jwt.algorithm().is_none() {
            let known = ALGORITHMS.join(", ");
            let text = format!("The client_assertion must be signed with one of: {known}.");
            return Err(OAuthError::client(text));
        }
        let key = self
            .app
            .key(jwt.header["kid"].as_str())
            .ok_or_else(|| OAuthError::client("The client_assertion JWT kid is invalid."))?;
        if !jwt.is_signed_by(&key) {
            return Err(OAuthError::client("The client_assertion signature is invalid."));
        }
        self.check_claims(&jwt, call, now)
    }

    fn check_claims(&self, jwt: &Jwt<'_>, call: &Call, now: i64) -> Result<(), OAuthError> {
        let endpoint = address(call);
        let audience = &jwt.claims["aud"];
        let meant = audience == &endpoint
            || audience.as_array().is_some_and(|list| list.iter().any(|one| one == &endpoint));
        if !meant {
            let text = "The audience claim for client_assertion must be the endpoint invoked for \
                        the request.";
            return Err(OAuthError::client(text));
        }
        let expires = jwt.seconds("exp").ok_or_else(|| {
            OAuthError::client("The client_assertion token must have an expiration.")
        })?;
        let issued = jwt.seconds("iat");
        let mut told = "The client_assertion token is expired.";
        let timely = [clock::real_ms() / 1000, now / 1000].into_iter().any(|clock| {
            if expires <= clock - SKEW_S {
                return false;
            }
            if expires > clock + LIFE_S + SKEW_S {
                told = "The client_assertion token expires more than one hour in the future.";
                return false;
            }
            if issued.is_some_and(|issued| issued > clock + SKEW_S) {
                told = "The client_assertion token was issued in the future.";
                return false;
            }
            true
        });
        if !timely {
            return Err(OAuthError::client(told));
        }
        // The id is spent whatever follows: a second attempt needs a new assertion.
        let until_ms = now.max(expires * 1000) + SKEW_S * 1000;
        if let Some(id) = jwt.text("jti")
            && !self.assertions.is_new("", id, now, until_ms)
        {
            let text = "client_assertion_already_used: the jti of the client_assertion has been \
                        used before.";
            return Err(OAuthError::new(400, "invalid_client", text));
        }
        Ok(())
    }

    /// The scopes that are asked for, if all of them are granted.
    fn scopes<'a>(&self, text: Option<&'a str>) -> Result<Vec<&'a str>, OAuthError> {
        let scopes: Vec<&str> = text.unwrap_or_default().split_ascii_whitespace().collect();
        let invalid = |text: &str| OAuthError::new(400, "invalid_scope", text);
        if scopes.is_empty() {
            let text = "The authorization server resource does not have any configured default \
                        scopes, 'scope' must be provided.";
            return Err(invalid(text));
        }
        if scopes.iter().any(|scope| !scope.starts_with("okta.")) {
            return Err(invalid(MALFORMED_SCOPE));
        }
        let granted = self.app.granted();
        if scopes.iter().any(|scope| !granted.contains(scope)) {
            return Err(invalid(NOT_CONFIGURED));
        }
        Ok(scopes)
    }

    /// The key that the token is to be bound to, if the client proves to have one.
    fn bound_key(&self, call: &Call, now: i64) -> Result<Option<String>, OAuthError> {
        let header = call.header("dpop");
        if header.is_none() && !self.app.is_revoked(Granted::Bearer) {
            return Ok(None);
        }
        let url = address(call);
        let request = Request { method: &call.method, url: &url, token: None };
        let proved = proof::verify(header, request, &self.proofs, now, Some(&self.seal));
        proved.map(Some).map_err(|error| {
            let name = match error {
                ProofError::Nonce => "use_dpop_nonce",
                _ => "invalid_dpop_proof",
            };
            OAuthError::new(400, name, describe(&error))
        })
    }
}

/// Anything at a custom authorization server: it does not know the scopes of Okta's own API.
pub(super) fn elsewhere() -> Reply {
    OAuthError::new(400, "invalid_scope", NOT_CONFIGURED).reply("/oauth2/{id}/v1/token")
}

/// The answer that a fault asks for; `None` where Okta uses the envelope of its API.
pub(super) fn status(status: u16, reason: Option<&str>) -> Option<Reply> {
    // By its name, or by what is wrong with a client that the name does not say.
    const NAMED: [(&str, &str); 8] = [
        ("invalid_client", "The client_assertion signature is invalid."),
        ("invalid_request", "The request is malformed."),
        ("invalid_scope", NOT_CONFIGURED),
        ("unauthorized_client", "The client is not authorized to use the provided grant type."),
        ("access_denied", "Policy evaluation failed for this request."),
        ("invalid_dpop_proof", "The DPoP proof JWT header is missing."),
        ("use_dpop_nonce", "Authorization server requires nonce in DPoP proof."),
        ("invalid_grant", "The credentials provided were invalid."),
    ];
    let usual = match status {
        400 => "invalid_request",
        401 => "invalid_client",
        403 => "access_denied",
        _ => "",
    };
    const CLIENT: [(&str, &str); 2] = [
        (
            "audience",
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ),
        ("expired", "The client_assertion token is expired."),
    ];
    let wanted = reason.unwrap_or(usual);
    if let Some((_, text)) = CLIENT.into_iter().find(|(wrong, _)| *wrong == wanted) {
        return Some(OAuthError::new(status, "invalid_client", text).reply(ROUTE));
    }
    let (error, text) = NAMED.into_iter().find(|(error, _)| *error == wanted)?;
    let reply = OAuthError::new(status, error, text).reply(ROUTE);
    if error == "use_dpop_nonce" {
        return Some(reply.with_header("dpop-nonce", "a-nonce-that-is-none".to_owned()));
    }
    Some(reply)
}
