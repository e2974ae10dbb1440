//! The grant that checks a person's password (A5), and what control says of people's passwords.
//!
//! Invariants: everybody's password is `Passw0rd-` and their id. What is wrong with an account is told only with the
//! right password, but for what keeps Entra from looking at one. Ten wrong passwords lock an account for a minute by
//! the virtual clock, and each one afterwards for twice as long as before; repeating one of the last three does not count
//! (smart lockout). There is no refresh token, and nobody consents: what the administrator did not, is refused.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Entra,
    login::{Form, GRAPH, LoginError, audience_is_graph, missing, refuse},
    token::Claims,
};
use crate::{
    chance::{draw, hash_bytes},
    exchange::{Call, Reply},
    provider::{Controlled, Granted},
    tenant::{ENABLED, GUEST},
};

/// Wrong passwords after which an account is locked.
const FAILURES_MAX: u32 = 10;
/// Wrong passwords that are remembered, and not counted again.
const REMEMBERED: usize = 3;
/// How long the first lock lasts.
const LOCK_MS: i64 = 60_000;
/// How often that time is doubled at the most.
const DOUBLINGS_MAX: u32 = 10;
/// Scopes of an identity, which are granted together with everything.
const IDENTITY: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// Delegated permissions for Graph, and whether the administrator consented to them.
const DELEGATED: [(&str, bool); 6] = [
    ("User.Read", true),
    ("User.ReadBasic.All", false),
    ("User.Read.All", false),
    ("GroupMember.Read.All", false),
    ("Group.Read.All", false),
    ("Directory.Read.All", false),
];

/// What is known of people's passwords, by position.
#[derive(Debug, Default)]
pub(super) struct Passwords(Mutex<HashMap<u32, Standing>>);

#[derive(Debug, Default)]
struct Standing {
    /// The error that control set.
    code: Option<u32>,
    failures: u32,
    /// Hashes of the last wrong passwords.
    wrong: VecDeque<u64>,
    locked_until_ms: i64,
}

impl Standing {
    fn failed(&mut self, password: &str, now_ms: i64) {
        let hash = hash_bytes(password.as_bytes());
        if self.wrong.contains(&hash) {
            return;
        }
        if self.wrong.len() >= REMEMBERED {
            self.wrong.pop_front();
        }
        self.wrong.push_back(hash);
        self.failures = self.failures.saturating_add(1);
        if let Some(again) = self.failures.checked_sub(FAILURES_MAX) {
            self.locked_until_ms = now_ms + (LOCK_MS << again.min(DOUBLINGS_MAX));
        }
    }
}

/// When an error is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Whatever the password is: it is not looked at.
    Anyway,
    /// Only with the right password.
    IfRight,
}

/// What the vendor calls an error of this grant, when it is told, and its words (A5); `None` for those that are none
/// of a person's.
fn condition(code: u32) -> Option<(&'static str, Told, &'static str)> {
    use Told::{Anyway, IfRight};
    let grant = "invalid_grant";
    let interaction = "interaction_required";
    Some(match code {
        50_053 => (grant, Anyway, LOCKED),
        50_056 => (grant, Anyway, NO_PASSWORD),
        50_055 => (grant, IfRight, "The password is expired."),
        50_144 => (grant, IfRight, "The user's Active Directory password has expired."),
        50_057 => (grant, IfRight, DISABLED),
        50_072 => (interaction, IfRight, "The user must enrol for a second factor."),
        50_074 => (interaction, IfRight, "Strong authentication is required."),
        // The vendor says `invalid_grant` of this one.
        50_076 => (grant, IfRight, "The user must use multi-factor authentication."),
        50_079 => (interaction, IfRight, "The user is required to register for a second factor."),
        50_158 => (interaction, IfRight, "External security challenge was not satisfied."),
        53_000 => (interaction, IfRight, "The device is not in the required state: not compliant."),
        53_003 => (grant, IfRight, BLOCKED),
        530_032 => (interaction, IfRight, "Blocked by security policy."),
        50_135 => (grant, IfRight, "Password change is required due to account risk."),
        65_001 => (grant, IfRight, NO_CONSENT),
        50_196 => ("temporarily_unavailable", Anyway, "A client request loop was detected."),
        80_001..=80_014 => (grant, Anyway, "The authentication agent did not validate."),
        _ => return None,
    })
}

const LOCKED: &str = "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.";
const NO_PASSWORD: &str =
    "Invalid or null password: password does not exist in the directory for this user.";
const DISABLED: &str = "The user account is disabled.";
const BLOCKED: &str = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
    issuance.";
const NO_CONSENT: &str = "The user or administrator has not consented to use the application. Send an interactive \
    authorization request for this user and resource.";

/// How an error of this grant is called, for faults that name one.
pub(super) fn error_of(code: u32) -> Option<&'static str> {
    match code {
        50_034 | 50_126 => Some("invalid_grant"),
        code => condition(code).map(|(error, ..)| error),
    }
}

/// Whether the tenant part of the address is one that this grant is served for.
pub(super) fn check_authority(tenant: &str) -> Result<(), LoginError> {
    if ["common", "consumers"].iter().any(|shared| tenant.eq_ignore_ascii_case(shared)) {
        let text = "The grant type is not supported over the /common or /consumers endpoints. Please use the \
                    /organizations or tenant-specific endpoint.";
        return Err(refuse(400, "invalid_request", 9_001_023, text));
    }
    Ok(())
}

/// What control says of a person's password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    login: String,
    /// Without one, nothing is wrong any more.
    code: Option<u32>,
}

/// Whose password is checked.
struct Person {
    at: u32,
    id: String,
    login: String,
    name: String,
    email: Option<String>,
    flags: u8,
}

/// What is asked for.
struct Scopes {
    audience: String,
    granted: Vec<String>,
    /// All was consented to.
    consented: bool,
}

impl Scopes {
    fn read(scope: &str, call: &Call) -> Result<Self, LoginError> {
        let own = call.base.replace("/entra/login", "/entra/graph");
        let invalid = |what: &str| {
            let text =
                format!("The provided value for the input parameter 'scope' is not valid. {what}");
            refuse(400, "invalid_scope", 70_011, text)
        };
        let mut scopes = Self { audience: GRAPH.to_owned(), granted: Vec::new(), consented: true };
        let mut of_graph = 0;
        let mut everything = false;
        for word in scope.split_ascii_whitespace() {
            if IDENTITY.contains(&word) {
                scopes.granted.push(word.to_owned());
                continue;
            }
            let name = match word.rsplit_once('/') {
                None => word,
                Some((resource, name)) => {
                    let resource = resource.trim_end_matches('/');
                    if !audience_is_graph(resource, &own) {
                        let text = format!(
                            "The resource principal named {resource} was not found in the tenant."
                        );
                        return Err(refuse(400, "invalid_resource", 500_011, text));
                    }
                    resource.clone_into(&mut scopes.audience);
                    name
                }
            };
            of_graph += 1;
            if name == ".default" {
                everything = true;
                continue;
            }
            let known = DELEGATED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let (name, consented) =
                known.ok_or_else(|| invalid(&format!("The scope '{word}' does not exist.")))?;
            scopes.granted.push((*name).to_owned());
            scopes.consented &= consented;
        }
        if everything && of_graph > 1 {
            return Err(invalid(".default scope can't be combined with resource-specific scopes."));
        }
        if everything {
            scopes.granted.extend(["openid", "profile", "email", "User.Read"].map(str::to_owned));
        }
        let mut seen = std::collections::HashSet::new();
        scopes.granted.retain(|name| name != "offline_access" && seen.insert(name.clone()));
        Ok(scopes)
    }

    fn has(&self, name: &str) -> bool {
        self.granted.iter().any(|granted| granted == name)
    }
}

impl Entra {
    /// Answers `grant_type=password`; the application is known to exist and to be enabled.
    pub(super) fn password_grant(
        &self,
        form: &Form,
        scope: &str,
        tenant: &str,
        call: &Call,
    ) -> Result<Reply, LoginError> {
        let scopes = Scopes::read(scope, call)?;
        let login = form.get("username").ok_or_else(|| missing("username"))?;
        let password = form.get("password").ok_or_else(|| missing("password"))?;
        let strength = match (form.get("client_assertion"), form.get("client_secret")) {
            (Some(_), _) => "2",
            (None, Some(_)) => "1",
            (None, None) => "0",
        };
        // A public client has no credential, and may ask without one.
        if strength != "0" || !self.app.is_revoked(Granted::Confidential) {
            self.check_credential(form, tenant, call)?;
        }
        let person = self.find_person(login, tenant)?;
        self.check_password(&person, password)?;
        if self.app.is_revoked(Granted::Policy) {
            return Err(refuse(400, "invalid_grant", 53_003, BLOCKED));
        }
        if !scopes.consented || self.app.is_revoked(Granted::Consent) {
            return Err(refuse(400, "invalid_grant", 65_001, NO_CONSENT));
        }
        Ok(self.issue_for(&person, scopes, strength, call))
    }

    /// Who has this user principal name. Other addresses of theirs are nobody's here, so a guest's own address is not
    /// known: 50034.
    fn find_person(&self, login: &str, tenant: &str) -> Result<Person, LoginError> {
        let model = self.world.read_with_lookup();
        let at = model.find_login(login).ok_or_else(|| {
            let text = format!(
                "The user account {{EUII Hidden}} does not exist in the {tenant} directory. To sign into this \
                 application, the account must be added to the directory."
            );
            refuse(400, "invalid_grant", 50_034, text)
        })?;
        let row = model.user(at);
        let text = |text| model.texts.get(text).map(str::to_owned);
        Ok(Person {
            at,
            id: model.user_id(at).to_string(),
            login: text(row.login).unwrap_or_default(),
            name: text(row.display).unwrap_or_default(),
            email: text(row.email),
            flags: row.flags,
        })
    }

    fn check_password(&self, person: &Person, password: &str) -> Result<(), LoginError> {
        let refused = |code, text| Err(refuse(400, "invalid_grant", code, text));
        let now = self.world.clock.now_ms();
        let mut standings = crate::lock(&self.passwords.0);
        let standing = standings.entry(person.at).or_default();
        let set = standing.code.and_then(|code| condition(code).map(|condition| (code, condition)));
        if let Some((code, (error, Told::Anyway, text))) = set {
            return Err(refuse(400, error, code, text));
        }
        // A guest's password is in the tenant that they come from, and this grant asks no other tenant.
        if person.flags & GUEST != 0 {
            return refused(50_056, NO_PASSWORD);
        }
        if now < standing.locked_until_ms {
            return refused(50_053, LOCKED);
        }
        if password != format!("Passw0rd-{}", person.id) {
            standing.failed(password, now);
            return refused(
                50_126,
                "Error validating credentials due to invalid username or password.",
            );
        }
        *standing = Standing { code: standing.code, ..Standing::default() };
        if person.flags & ENABLED == 0 {
            return refused(50_057, DISABLED);
        }
        match set {
            Some((code, (error, _, text))) => Err(refuse(400, error, code, text)),
            None => Ok(()),
        }
    }

    fn issue_for(&self, person: &Person, scopes: Scopes, strength: &str, call: &Call) -> Reply {
        let life = self.app.token_life_s;
        let granted = scopes.granted.join(" ");
        let mut body = json!({
            "token_type": "Bearer",
            "scope": granted,
            "expires_in": life,
            "ext_expires_in": life,
        });
        if scopes.has("openid") {
            body["id_token"] = Value::String(self.id_token(person, &scopes, call));
        }
        let claims = Claims {
            idtyp: "user".to_owned(),
            oid: person.id.clone(),
            roles: Vec::new(),
            scp: Some(granted),
            sub: self.pairwise(person, 1),
            upn: Some(person.login.clone()),
            ..self.claims(scopes.audience, strength, call)
        };
        body["access_token"] = Value::String(self.signer.sign(&claims));
        Reply::json("/{tenant}/oauth2/v2.0/token", &body)
            .with_header("cache-control", "no-store, no-cache".to_owned())
    }

    /// What says who it was, for the application itself. The vendor has most of it with the scope `profile` only.
    fn id_token(&self, person: &Person, scopes: &Scopes, call: &Call) -> String {
        let now = self.world.clock.now_ms() / 1000;
        let mut claims = json!({
            "aud": self.app.client_id.to_string(),
            "iss": self.issuer(call),
            "iat": now,
            "nbf": now,
            "exp": now + 3_600,
            "sub": self.pairwise(person, 0),
            "tid": self.app.tenant_id.to_string(),
            "uti": format!("{:016x}", draw(self.world.seed, 0x071, self.app.number_token())),
            "ver": "2.0",
        });
        if scopes.has("profile") {
            claims["name"] = json!(person.name);
            claims["oid"] = json!(person.id);
            claims["preferred_username"] = json!(person.login);
        }
        if let Some(email) = person.email.as_ref().filter(|_| scopes.has("email")) {
            claims["email"] = json!(email);
        }
        self.signer.sign(&claims)
    }

    /// The person's name for one application, which no other application's can be joined with.
    fn pairwise(&self, person: &Person, application: u64) -> String {
        let topic = 0x5ab ^ application << 32 ^ u64::from(person.at);
        let bytes: Vec<u8> =
            (0..4).flat_map(|part| draw(self.world.seed, topic, part).to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `POST passwords` of control: what else a person's password meets.
    pub(super) fn set_password_standing(&self, body: &[u8]) -> Controlled {
        let said: Said = serde_json::from_slice(body)
            .map_err(|error| (400, format!("the body cannot be read: {error}")))?;
        if let Some(code) = said.code.filter(|code| condition(*code).is_none()) {
            return Err((400, format!("{code} is no error that a person's password meets")));
        }
        let at = self.world.read_with_lookup().find_login(&said.login);
        let at = at.ok_or_else(|| (404, format!("there is no login {:?}", said.login)))?;
        crate::lock(&self.passwords.0).entry(at).or_default().code = said.code;
        Ok(json!({}))
    }

    /// `DELETE passwords` of control: nothing is wrong with anybody's, and nobody is locked.
    pub(super) fn clear_password_standings(&self) {
        crate::lock(&self.passwords.0).clear();
    }
}
