//! What everybody may read: what organisation this is, and how its logins and keys are found.

use serde_json::json;

use super::{JSON, Okta, jwt::ALGORITHMS};
use crate::exchange::{Call, Reply};

pub(super) const ORGANIZATION: &str = "/.well-known/okta-organization";
pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(super) const KEYS: &str = "/oauth2/v1/keys";

impl Okta {
    /// `GET /.well-known/okta-organization`.
    pub(super) fn organization(&self, call: &Call) -> Reply {
        let body = json!({
            "id": self.org_id,
            "pipeline": "idx",
            "settings": {"analyticsCollectionEnabled": false, "bugReportingEnabled": false},
            "_links": {
                "organization": {"href": call.base},
                "alternate": {"href": call.base},
            },
        });
        Reply::new(ORGANIZATION, JSON, body.to_string().into_bytes())
    }

    /// `GET /.well-known/openid-configuration`: the organisation's own authorization server.
    pub(super) fn discovery(call: &Call) -> Reply {
        let base = &call.base;
        let server = format!("{base}/oauth2/v1");
        let body = json!({
            "issuer": base,
            "authorization_endpoint": format!("{server}/authorize"),
            "token_endpoint": format!("{server}/token"),
            "userinfo_endpoint": format!("{server}/userinfo"),
            "registration_endpoint": format!("{server}/clients"),
            "jwks_uri": format!("{server}/keys"),
            "response_types_supported": ["code", "id_token", "code id_token"],
            "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile", "groups", "offline_access"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic", "client_secret_post", "private_key_jwt", "none",
            ],
            "claims_supported": ["iss", "sub", "aud", "iat", "exp", "preferred_username", "email"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ALGORITHMS,
            "end_session_endpoint": format!("{server}/logout"),
        });
        Reply::new(DISCOVERY, JSON, body.to_string().into_bytes())
    }

    /// `GET /oauth2/v1/keys`.
    pub(super) fn keys(&self) -> Reply {
        Reply::new(KEYS, JSON, self.signer.key_set().to_string().into_bytes())
    }
}
