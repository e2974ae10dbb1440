//! What a request may do: the API token, or an access token with its scopes, perhaps bound to a key.
//!
//! Invariant: the order of refusals is the vendor's: who it is, the state of the organisation, the scope, the role.

use std::sync::Arc;

use super::{
    Okta,
    error::ApiError,
    proof::{self, ProofError, Request},
    quota::Who,
    token::Claims,
};
use crate::{exchange::Call, provider::Granted};

/// Reading users.
pub(super) const USERS: [&str; 2] = ["okta.users.read", "okta.users.manage"];
/// Reading groups.
pub(super) const GROUPS: [&str; 2] = ["okta.groups.read", "okta.groups.manage"];
/// Reading applications and their assignments.
pub(super) const APPS: [&str; 2] = ["okta.apps.read", "okta.apps.manage"];
/// Reading the System Log.
pub(super) const LOGS: [&str; 2] = ["okta.logs.read", "okta.logs.read"];
/// Reading event hooks.
pub(super) const HOOKS: [&str; 2] = ["okta.eventHooks.read", "okta.eventHooks.manage"];
/// Editing event hooks.
pub(super) const HOOKS_MANAGE: [&str; 2] = ["okta.eventHooks.manage", "okta.eventHooks.manage"];
/// What no token of this simulator carries: it edits people and groups through its control API only.
pub(super) const NOTHING: [&str; 2] = ["okta.users.manage", "okta.groups.manage"];

/// Whom a request speaks for.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// The API token, with its creator's rights.
    Token,
    /// The service app.
    App {
        /// `Bearer` or `DPoP`.
        scheme: &'static str,
        /// What its access token says.
        claims: Arc<Claims>,
    },
}

impl Access {
    /// Who is counted for it.
    pub(super) fn who(&self) -> Who {
        match self {
            Self::Token => Who::Token,
            Self::App { .. } => Who::App,
        }
    }
}

/// The address of a request without its query, as the client wrote it.
pub(super) fn address(call: &Call) -> String {
    let path = call.target.split('?').next().unwrap_or_default();
    format!("{}{path}", call.origin)
}

impl Okta {
    /// Whom a request speaks for, if its credential is good at all.
    pub(super) fn access(&self, call: &Call) -> Result<Access, ApiError> {
        let Some(header) = call.header("authorization") else {
            return Err(ApiError::code("E0000005"));
        };
        let now = self.world.clock.now_ms();
        if let Some(token) = header.strip_prefix("SSWS") {
            if !self.app.use_token(token.trim(), now) {
                return Err(ApiError::code("E0000011"));
            }
            if self.app.is_revoked(Granted::Zone) {
                return Err(ApiError::code("E0000004"));
            }
            return Ok(Access::Token);
        }
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => "Bearer",
            "dpop" => "DPoP",
            _ => return Err(ApiError::code("E0000005")),
        };
        let token = token.trim();
        let claims = self
            .signer
            .verify(token)
            .ok_or_else(|| ApiError::bad_token(scheme, "The access token is invalid."))?;
        if claims.exp * 1000 <= now || !self.app.token_counts(claims.number) {
            return Err(ApiError::bad_token(scheme, "The token has expired."));
        }
        match (&claims.cnf, scheme) {
            (None, "Bearer") => {}
            (Some(bound), "DPoP") => {
                let url = address(call);
                let request = Request { method: &call.method, url: &url, token: Some(token) };
                let proof = call.header("dpop");
                let print = proof::verify(proof, request, &self.proofs, now, None)
                    .map_err(|error| ApiError::bad_proof(describe(&error)))?;
                if print != bound.jkt {
                    let text = "The DPoP proof is not signed by the key of the access token.";
                    return Err(ApiError::bad_proof(text));
                }
            }
            (Some(_), _) => {
                let text = "The access token is bound to a key and must be used with DPoP.";
                return Err(ApiError::bad_token(scheme, text));
            }
            (None, _) => {
                let text = "The access token is not bound to a key.";
                return Err(ApiError::bad_token(scheme, text));
            }
        }
        Ok(Access::App { scheme, claims })
    }

    /// Whether a request may go on, with either of these scopes.
    pub(super) fn admit(&self, access: &Access, scopes: [&'static str; 2]) -> Result<(), ApiError> {
        if self.app.is_revoked(Granted::Availability) {
            return Err(ApiError::code("E0000010"));
        }
        if self.app.is_revoked(Granted::Feature) {
            return Err(ApiError::code("E0000015"));
        }
        match access {
            Access::Token if scopes == NOTHING => return Err(ApiError::code("E0000006")),
            Access::App { scheme, claims }
                if !claims.scp.iter().any(|scope| scopes.contains(&scope.as_str())) =>
            {
                return Err(ApiError::scope(scheme, scopes[0]));
            }
            _ => {}
        }
        if self.app.is_revoked(Granted::Role) {
            return Err(ApiError::code("E0000006"));
        }
        Ok(())
    }
}

/// What is said of a proof that proves nothing.
pub(super) fn describe(error: &ProofError) -> &'static str {
    match error {
        ProofError::Missing => "The DPoP proof JWT header is missing.",
        ProofError::Invalid(text) => text,
        ProofError::Nonce => "Authorization server requires nonce in DPoP proof.",
    }
}
