//! The login host: the token endpoint, its errors, and the discovery documents that MSAL and OIDC clients read first.
//!
//! Invariant: an error has the status, `error` and `error_codes` of the vendor's table (A1.3). The token is issued even
//! without consent; it then has no roles. Passwords are checked by [`super::password`]; codes are not served.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::token::Claims;
use super::{DOMAIN, Entra, INITIAL_DOMAIN, assertion, password};
use crate::chance::draw;
use crate::clock::time_text;
use crate::exchange::{Call, Reply};
use crate::provider::Granted;
use crate::tenant::id::Guid;

/// Graph's name in scopes and audiences whatever its address.
pub(super) const GRAPH: &str = "https://graph.microsoft.com";
/// Graph's application id, which also works as its name.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// One error of the login host.
#[derive(Debug)]
pub(super) struct LoginError {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

pub(super) fn refuse(
    status: u16,
    error: &'static str,
    code: u32,
    text: impl Into<String>,
) -> LoginError {
    LoginError { status, error, code, text: text.into() }
}

pub(super) fn missing(parameter: &str) -> LoginError {
    let text = format!("The request body must contain the following parameter: '{parameter}'.");
    refuse(400, "invalid_request", 900_144, text)
}

/// The form of a token request, with credentials from wherever they were.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    fn read(call: &Call) -> Self {
        let mut fields: Vec<(String, String)> =
            url::form_urlencoded::parse(&call.body).into_owned().collect();
        let basic = call.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let pair = basic.and_then(|text| STANDARD.decode(text.trim()).ok());
        if let Some((id, secret)) = pair
            .as_ref()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| pair.split_once(':'))
        {
            // RFC 6749 section 2.3.1: both parts are form-encoded inside Basic.
            for (name, text) in [("client_id", id), ("client_secret", secret)] {
                let line = format!("v={text}");
                let value = url::form_urlencoded::parse(line.as_bytes()).next();
                let value = value.map(|(_, value)| value.into_owned()).unwrap_or_default();
                fields.retain(|(field, _)| field != name);
                fields.push((name.to_owned(), value));
            }
        }
        Self { fields }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl Entra {
    /// Answers a request below the login host.
    pub(super) fn answer_login(&self, call: &Call) -> Reply {
        let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        let result = match path.as_slice() {
            ["common", "discovery", "instance"] => return self.instance(call),
            ["common", "userrealm", login] => return user_realm(login),
            [tenant, "oauth2", "v2.0", "token"] => self.token(tenant, call),
            [tenant, "adminconsent"] | [tenant, "v2.0", "adminconsent"] => {
                self.admin_consent(tenant, call)
            }
            [tenant, "v2.0", ".well-known", "openid-configuration"] => self.discovery(tenant, call),
            [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"] => {
                self.check_tenant(tenant).map(|()| {
                    let keys = self.signer.key_set(&self.issuer(call));
                    Reply::json("/{tenant}/discovery/v2.0/keys", &keys)
                })
            }
            _ => return Reply::html(404, "/login/unknown", "<html><body>Not found</body></html>"),
        };
        result.unwrap_or_else(|error| self.login_error(&error, call))
    }

    pub(super) fn issuer(&self, call: &Call) -> String {
        format!("{}/{}/v2.0", call.base, self.app.tenant_id)
    }

    /// Whether the tenant part of the address names this tenant.
    pub(super) fn check_tenant(&self, tenant: &str) -> Result<(), LoginError> {
        let lower = tenant.to_ascii_lowercase();
        if lower == DOMAIN || lower == INITIAL_DOMAIN {
            return Ok(());
        }
        let guid = Guid::parse(tenant);
        if guid == Some(self.app.tenant_id) {
            return Ok(());
        }
        if matches!(lower.as_str(), "common" | "organizations" | "consumers") {
            return Err(refuse(
                400,
                "invalid_request",
                50_194,
                "The application is not configured as a multi-tenant application. Usage of the \
                 /common endpoint is not supported for such applications.",
            ));
        }
        let is_domain = lower.contains('.')
            && lower.bytes().all(|sign| sign.is_ascii_alphanumeric() || b".-".contains(&sign));
        if guid.is_none() && !is_domain {
            return Err(refuse(
                400,
                "invalid_request",
                900_023,
                format!(
                    "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a \
                     valid external domain."
                ),
            ));
        }
        Err(refuse(
            400,
            "invalid_request",
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            ),
        ))
    }

    fn token(&self, tenant: &str, call: &Call) -> Result<Reply, LoginError> {
        if call.method != "POST" {
            let text = format!(
                "The endpoint only accepts POST requests. Received a {} request.",
                call.method
            );
            return Err(refuse(400, "invalid_request", 900_561, text));
        }
        let form = Form::read(call);
        let by_password = form.get("grant_type") == Some("password");
        if by_password {
            password::check_authority(tenant)?;
        }
        self.check_tenant(tenant)?;
        if self.app.is_revoked(Granted::Cloud) {
            let text = format!(
                "Tenant '{tenant}' request is being redirected to the National Cloud 'MicrosoftOnline.US'."
            );
            return Err(refuse(400, "invalid_request", 90_038, text));
        }
        let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
        if !by_password && grant != "client_credentials" {
            let text = format!("The app requested an unsupported grant type '{grant}'.");
            return Err(refuse(400, "unsupported_grant_type", 70_003, text));
        }
        let client = form.get("client_id").ok_or_else(|| missing("client_id"))?;
        let scope = form.get("scope").ok_or_else(|| missing("scope"))?;
        let exists = !self.app.is_revoked(Granted::Existence);
        if !exists || Guid::parse(client) != Some(self.app.client_id) {
            let text = format!(
                "Application with identifier '{client}' was not found in the directory 'Contoso'."
            );
            return Err(refuse(400, "unauthorized_client", 700_016, text));
        }
        if self.app.is_revoked(Granted::Account) {
            let text = format!("Application '{client}' is disabled.");
            return Err(refuse(400, "unauthorized_client", 7_000_112, text));
        }
        if by_password {
            return self.password_grant(&form, scope, tenant, call);
        }
        let audience = check_scope(scope, call)?;
        self.check_credential(&form, tenant, call)?;
        if self.app.is_revoked(Granted::Policy) {
            let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                        issuance.";
            return Err(refuse(400, "invalid_grant", 53_003, text));
        }
        let strength = if form.get("client_assertion").is_some() { "2" } else { "1" };
        Ok(self.issue(audience, strength, call))
    }

    pub(super) fn check_credential(
        &self,
        form: &Form,
        tenant: &str,
        call: &Call,
    ) -> Result<(), LoginError> {
        if self.app.is_revoked(Granted::Confidential) {
            let text = format!(
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented. \
                 Application: '{}'.",
                self.app.client_id
            );
            return Err(refuse(401, "invalid_client", 700_025, text));
        }
        if let Some(assertion) = form.get("client_assertion") {
            let kind = form.get("client_assertion_type");
            if kind.ok_or_else(|| missing("client_assertion_type"))? != assertion::KIND {
                let text = "The client_assertion_type is not supported.";
                return Err(refuse(400, "invalid_request", 9_002_313, text));
            }
            return self.check_assertion(assertion, tenant, call);
        }
        let Some(secret) = form.get("client_secret") else {
            let text = "The request body must contain the following parameter: 'client_assertion' \
                        or 'client_secret'.";
            return Err(refuse(401, "invalid_client", 7_000_218, text));
        };
        if secret != self.app.secret {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is \
                 the client secret value, not the client secret ID, for a secret added to app '{}'.",
                self.app.client_id
            );
            return Err(refuse(401, "invalid_client", 7_000_215, text));
        }
        if self.app.is_revoked(Granted::Secret) {
            let text = format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal \
                 to create new keys for your app.",
                self.app.client_id
            );
            return Err(refuse(401, "invalid_client", 7_000_222, text));
        }
        Ok(())
    }

    fn issue(&self, audience: String, strength: &str, call: &Call) -> Reply {
        let life = self.app.token_life_s;
        let body = serde_json::json!({
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self.signer.sign(&self.claims(audience, strength, call)),
        });
        Reply::json("/{tenant}/oauth2/v2.0/token", &body)
            .with_header("cache-control", "no-store, no-cache".to_owned())
    }

    /// What a new access token says that is the application's own.
    pub(super) fn claims(&self, audience: String, strength: &str, call: &Call) -> Claims {
        let now = self.world.clock.now_ms() / 1000;
        let number = self.app.number_token();
        let object = self.app.object_id.to_string();
        Claims {
            aud: audience,
            iss: self.issuer(call),
            iat: now,
            nbf: now,
            exp: now + i64::from(self.app.token_life_s),
            app_displayname: "Directory sync".to_owned(),
            appid: self.app.client_id.to_string(),
            appidacr: strength.to_owned(),
            idtyp: "app".to_owned(),
            oid: object.clone(),
            roles: self.app.roles(),
            scp: None,
            sub: object,
            tid: self.app.tenant_id.to_string(),
            upn: None,
            uti: format!("{:016x}", draw(self.world.seed, 0x071, number)),
            ver: "1.0".to_owned(),
            number: number.to_string(),
        }
    }

    fn discovery(&self, tenant: &str, call: &Call) -> Result<Reply, LoginError> {
        self.check_tenant(tenant)?;
        let base = format!("{}/{}", call.base, self.app.tenant_id);
        let host = call.base.replace("/entra/login", "/entra/graph");
        let body = serde_json::json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": self.issuer(call),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{host}/oidc/userinfo"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid", "ver"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": call.host,
            "rbac_url": "https://pas.windows.net",
        });
        Ok(Reply::json("/{tenant}/v2.0/.well-known/openid-configuration", &body))
    }

    fn instance(&self, call: &Call) -> Reply {
        let base = format!("{}/{}", call.base, self.app.tenant_id);
        let body = serde_json::json!({
            "tenant_discovery_endpoint": format!("{base}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": call.host,
                "preferred_cache": call.host,
                "aliases": [call.host],
            }],
        });
        Reply::json("/common/discovery/instance", &body)
    }

    fn login_error(&self, error: &LoginError, call: &Call) -> Reply {
        let LoginError { status, error, code, text } = error;
        let trace = self.request_id().to_string();
        let correlation = call
            .header("client-request-id")
            .map_or_else(|| self.request_id().to_string(), str::to_owned);
        let time = time_text(self.world.clock.now_ms(), "Z").replace('T', " ");
        let body = serde_json::json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} \
                 Timestamp: {time}"
            ),
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("{}/error?code={code}", call.base),
        });
        let mut reply = Reply::json("/{tenant}/oauth2/v2.0/token", &body);
        reply.status = *status;
        reply
    }

    /// The login host's answer to an injected status; a reason is the number of one of the vendor's errors.
    pub(super) fn login_status(&self, status: u16, call: &Call) -> Reply {
        let reason = call.picked.reason.as_deref().and_then(|reason| reason.parse::<u32>().ok());
        let (error, code, text) = match status {
            429 => ("temporarily_unavailable", 90_055, "The server is too busy."),
            401 => ("invalid_client", 7_000_215, "Invalid client secret provided."),
            400 | 403 => ("invalid_grant", 53_003, "Access has been blocked by policies."),
            _ => ("temporarily_unavailable", 90_033, "A transient error has occurred."),
        };
        let Some(code) = reason else {
            return self.login_error(&refuse(status, error, code, text), call);
        };
        let known = ERRORS.iter().find(|(_, codes)| codes.contains(&code));
        let error = known.map(|(error, _)| *error).or_else(|| password::error_of(code));
        let error = error.unwrap_or("invalid_request");
        self.login_error(&refuse(status, error, code, "As control said."), call)
    }
}

/// What the vendor calls its errors, by number (A1.3); all others are `invalid_request`.
const ERRORS: [(&str, &[u32]); 7] = [
    (
        "invalid_client",
        &[7_000_215, 7_000_222, 7_000_218, 700_025, 700_027, 700_024, 50_012, 50_013, 50_027],
    ),
    ("unauthorized_client", &[700_016, 7_000_112]),
    ("invalid_scope", &[70_011, 1_002_012]),
    ("invalid_resource", &[500_011]),
    ("invalid_grant", &[53_003, 530_032, 530_035, 65_001]),
    ("invalid_tenant", &[90_002]),
    ("temporarily_unavailable", &[90_055, 50_196, 90_033, 90_024, 50_033]),
];

/// Who checks the password of a login, which MSAL asks before it sends one: this tenant checks those of its own domains.
fn user_realm(login: &str) -> Reply {
    let domain = login.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let managed = [DOMAIN, INITIAL_DOMAIN].contains(&domain.as_str());
    let mut body = serde_json::json!({"ver": "1.0", "account_type": "Unknown"});
    if managed {
        body = serde_json::json!({
            "ver": "1.0",
            "account_type": "Managed",
            "domain_name": domain,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        });
    }
    Reply::json("/common/userrealm/{login}", &body)
}

/// The audience that a scope asks for: Graph at its own address or by its public name.
fn check_scope(scope: &str, call: &Call) -> Result<String, LoginError> {
    if scope.split_ascii_whitespace().count() != 1 {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for \
             the input parameter 'scope' is not valid. The scope '{scope}' is not valid."
        );
        return Err(refuse(400, "invalid_scope", 70_011, text));
    }
    let Some(resource) = scope.strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have \
             a scope value with /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(refuse(400, "invalid_scope", 1_002_012, text));
    };
    let resource = resource.trim_end_matches('/');
    let own = call.base.replace("/entra/login", "/entra/graph");
    let origin = call.base.trim_end_matches("/entra/login");
    if [GRAPH, GRAPH_APP, own.as_str(), origin].contains(&resource) {
        return Ok(resource.to_owned());
    }
    let text = format!("The resource principal named {resource} was not found in the tenant.");
    Err(refuse(400, "invalid_resource", 500_011, text))
}

/// Whether a token for this audience is one for Graph at that address.
pub(super) fn audience_is_graph(audience: &str, graph_base: &str) -> bool {
    let origin = graph_base.trim_end_matches("/entra/graph");
    [GRAPH, GRAPH_APP, graph_base, origin].contains(&audience)
}
