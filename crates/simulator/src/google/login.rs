//! The token endpoint: a signed assertion becomes an access token.
//!
//! Invariant: `error` and `error_description` are those of Google's table (B1.4). The assertion's times are judged by
//! the clock on the wall, because the client's clock does not advance with the virtual one; the token expires by the virtual.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::{
    Google, SUBJECT,
    access::{Access, Subject, scope_bit},
};
use crate::{
    exchange::{Call, Reply},
    provider::Granted,
    tenant::{ENABLED, Member},
};

const ROUTE: &str = "/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google's own addresses of its token endpoint. Client libraries keep them as the audience wherever the endpoint is.
const AUDIENCES: [&str; 4] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://www.googleapis.com/oauth2/v4/token",
];
/// Longest life of an assertion.
const LIFE_S: i64 = 3_600;
/// How far clocks may differ.
const SKEW_S: i64 = 300;

const NO_SUCH_METHOD: &str = "Client is unauthorized to retrieve access tokens using this method, \
                              or client not authorized for any of the scopes requested.";
const TIMES: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a \
                     reasonable timeframe. Check your iat and exp values in the JWT claim.";

/// One error of the token endpoint.
#[derive(Debug)]
struct Refused(u16, &'static str, String);

fn refuse(status: u16, error: &'static str, text: impl Into<String>) -> Refused {
    Refused(status, error, text.into())
}

fn invalid_grant(text: &str) -> Refused {
    refuse(400, "invalid_grant", text)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    scope: String,
    aud: String,
    iat: i64,
    exp: i64,
}

impl Google {
    /// Answers a request below the login host.
    pub(super) fn answer_login(&self, call: &Call) -> Reply {
        if call.path != "/token" {
            return super::directory::no_page();
        }
        let issued = if call.method == "POST" {
            self.token(call)
        } else {
            Err(refuse(405, "invalid_request", "The token endpoint wants a POST."))
        };
        issued.unwrap_or_else(|Refused(status, error, text)| {
            let body = json!({"error": error, "error_description": text});
            let mut reply = Reply::json(ROUTE, &body);
            reply.status = status;
            reply
        })
    }

    fn token(&self, call: &Call) -> Result<Reply, Refused> {
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(&call.body).into_owned().collect();
        let field = |name: &str| {
            let found = form.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        let grant = field("grant_type").ok_or_else(|| {
            refuse(400, "invalid_request", "Required parameter is missing: grant_type")
        })?;
        if grant != GRANT_TYPE {
            let text = format!("Invalid grant_type: {grant}");
            return Err(refuse(400, "unsupported_grant_type", text));
        }
        let assertion = field("assertion").ok_or_else(|| {
            refuse(400, "invalid_request", "Required parameter is missing: assertion")
        })?;
        let claims = self.verified(assertion, call)?;
        let scopes = scopes_of(&claims.scope)?;
        let subject = self.subject(claims.sub.as_deref(), &claims.scope)?;
        let life = self.account.token_life_s;
        let access = Access {
            subject,
            scopes,
            number: self.account.number_token(),
            expires_ms: self.world.clock.now_ms() + i64::from(life) * 1000,
        };
        let body = json!({
            "access_token": self.seal_access(&access),
            "expires_in": life,
            "token_type": "Bearer",
        });
        Ok(Reply::json(ROUTE, &body).with_header("cache-control", "private".to_owned()))
    }

    /// The claims of an assertion that the service account signed for this endpoint and this hour.
    fn verified(&self, assertion: &str, call: &Call) -> Result<Claims, Refused> {
        let malformed = || invalid_grant("Invalid JWT: Not a valid JWT.");
        let (message, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, body) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let header = decode(header).ok_or_else(malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed())?;
        let body = decode(body).ok_or_else(malformed)?;
        let claims: Claims = serde_json::from_slice(&body).map_err(|_| malformed())?;
        let exists = !self.account.is_revoked(Granted::Existence);
        if !exists || claims.iss != self.account.email {
            return Err(invalid_grant("Invalid grant: account not found"));
        }
        let own_key = header.kid.as_ref().is_none_or(|kid| *kid == self.account.key_id);
        let signature = decode(signature).filter(|_| header.alg == "RS256" && own_key);
        let signed =
            signature.is_some_and(|signature| self.account.signed(message.as_bytes(), &signature));
        if !signed {
            return Err(invalid_grant("Invalid JWT Signature."));
        }
        if self.account.is_revoked(Granted::Account) {
            return Err(refuse(401, "disabled_client", "The OAuth client was disabled."));
        }
        let own = format!("{}/token", call.base);
        if claims.aud != own && !AUDIENCES.contains(&claims.aud.as_str()) {
            return Err(invalid_grant("Invalid JWT: Failed audience check."));
        }
        let now = self.world.clock.wall_ms() / 1000;
        let life = claims.exp - claims.iat;
        let timely = claims.iat <= now + SKEW_S && claims.exp > now - SKEW_S;
        if !(0..=LIFE_S).contains(&life) || !timely {
            return Err(invalid_grant(TIMES));
        }
        Ok(claims)
    }

    /// Whom the token is to speak for, if the account may impersonate them with these scopes.
    fn subject(&self, sub: Option<&str>, scopes: &str) -> Result<Subject, Refused> {
        let Some(sub) = sub else {
            return Ok(Subject::Account);
        };
        if !sub.contains('@') {
            return Err(invalid_grant("Not a valid email or user ID."));
        }
        let subject = if sub.eq_ignore_ascii_case(SUBJECT) {
            Subject::Administrator
        } else {
            let tenant = self.world.read_with_lookup();
            let group = matches!(tenant.find_address(sub), Some(Member::Group(_)));
            if group {
                return Err(refuse(401, "unauthorized_client", NO_SUCH_METHOD));
            }
            let user = tenant.find_login(sub).filter(|at| tenant.user(*at).has(ENABLED));
            Subject::User(user.ok_or_else(|| invalid_grant("Invalid email or User ID"))?)
        };
        if self.account.is_revoked(Granted::Policy) {
            let text = "This app is not allowed by your organization's administrator.";
            return Err(refuse(400, "admin_policy_enforced", text));
        }
        let delegated = self.account.delegated();
        let wanted = scopes.split_ascii_whitespace();
        let missing = wanted.clone().filter(|scope| !delegated.contains(scope)).count();
        match missing {
            0 => Ok(subject),
            all if all == wanted.count() => Err(refuse(401, "unauthorized_client", NO_SUCH_METHOD)),
            _ => Err(refuse(403, "access_denied", "Requested client not authorized.")),
        }
    }
}

/// The answer that a fault asks for.
pub(super) fn login_status(status: u16) -> Reply {
    let (error, text) = match status {
        400 => ("invalid_grant", "Invalid JWT Signature."),
        401 => ("unauthorized_client", NO_SUCH_METHOD),
        403 => ("access_denied", "Requested client not authorized."),
        429 => ("rate_limit_exceeded", "Rate Limit Exceeded"),
        _ => ("internal_failure", "Backend Error"),
    };
    let mut reply = Reply::json(ROUTE, &json!({"error": error, "error_description": text}));
    reply.status = status;
    reply
}

/// The bits of the scopes that are asked for.
fn scopes_of(text: &str) -> Result<u64, Refused> {
    let mut bits = 0;
    for scope in text.split_ascii_whitespace() {
        bits |= scope_bit(scope).ok_or_else(|| {
            let text = "Invalid OAuth scope or ID token audience provided.";
            refuse(400, "invalid_scope", text)
        })?;
    }
    if bits == 0 {
        let text = "Invalid OAuth scope or ID token audience provided.";
        return Err(refuse(400, "invalid_scope", text));
    }
    Ok(bits)
}
