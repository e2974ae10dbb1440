//! `authn`: checks a password.
//!
//! Invariant: everybody's password is `Passw0rd-` and their id. Ten failures lock an account until control unlocks it;
//! who is locked out is told so only with the right password. Nothing is enrolled or challenged here.

use std::{collections::HashMap, sync::Mutex};

use serde::Deserialize;
use serde_json::json;

use super::{JSON, Okta, error::ApiError, events};
use crate::{
    chance::draw,
    exchange::{Call, Reply},
    tenant::{Life, Member, edit::UserEdit, key::okta_signs, org::Status},
};

pub(super) const ROUTE: &str = "/api/v1/authn";
/// Failures after which an account is locked.
const FAILURES_MAX: u32 = 10;
/// Attempts a second for one login.
const PER_SECOND_MAX: u32 = 4;
/// Logins whose attempts are remembered.
const LOGINS_MAX: usize = 10_000;

#[derive(Debug, Deserialize)]
struct Attempt {
    username: String,
    #[serde(default)]
    password: String,
}

/// Attempts by login: the second of the last one, how many in it, and failures in a row.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_login: Mutex<HashMap<String, (i64, u32, u32)>>,
}

impl Attempts {
    /// Counts an attempt; whether there were too many.
    fn enter(&self, login: &str, now_ms: i64) -> bool {
        let mut attempts = crate::lock(&self.by_login);
        if attempts.len() >= LOGINS_MAX {
            attempts.clear();
        }
        let entry = attempts.entry(login.to_lowercase()).or_default();
        let second = now_ms.div_euclid(1000);
        if entry.0 != second {
            (entry.0, entry.1) = (second, 0);
        }
        entry.1 += 1;
        entry.1 > PER_SECOND_MAX
    }

    /// Notes how an attempt went; how many failed in a row.
    fn leave(&self, login: &str, right: bool) -> u32 {
        let mut attempts = crate::lock(&self.by_login);
        let entry = attempts.entry(login.to_lowercase()).or_default();
        entry.2 = if right { 0 } else { entry.2 + 1 };
        entry.2
    }
}

impl Okta {
    /// `POST authn`.
    pub(super) fn authn(&self, call: &Call) -> Result<Reply, ApiError> {
        let attempt: Attempt =
            serde_json::from_slice(&call.body).map_err(|_| ApiError::code("E0000003"))?;
        let now = self.world.clock.now_ms();
        if self.attempts.enter(&attempt.username, now) {
            return Err(ApiError::code("E0000047"));
        }
        let failed = || ApiError::code("E0000004");
        let tenant = self.world.read_with_lookup();
        let at = tenant.known_login_holder(&attempt.username).ok_or_else(failed)?;
        let id = tenant.key_of(Member::User(at));
        let right = attempt.password == format!("Passw0rd-{id}");
        let row = *tenant.user(at);
        let live = tenant.lives[at as usize] == Life::Live;
        let failures = self.attempts.leave(&attempt.username, right);
        if !right || !live {
            drop(tenant);
            if live && failures == FAILURES_MAX && row.status == Status::Active {
                let edit = UserEdit { status: Some(Status::LockedOut), ..UserEdit::default() };
                // Somebody may have deleted the account meanwhile.
                let _ = self.world.write().change_user(at, &edit, now);
            }
            return Err(failed());
        }
        let status = match row.status {
            Status::Active => "SUCCESS",
            Status::PasswordExpired => "PASSWORD_EXPIRED",
            Status::LockedOut => "LOCKED_OUT",
            Status::Recovery => "PASSWORD_RESET",
            _ => return Err(failed()),
        };
        let text = |text| tenant.texts.get(text);
        let number = self.world.next_number();
        let secret = |at| draw(self.world.seed ^ number, 0x5e55, at);
        let mut body = json!({
            "expiresAt": events::published(now + 300_000),
            "status": status,
            "_embedded": {"user": {
                "id": id,
                "profile": {
                    "login": text(row.login),
                    "firstName": text(row.first),
                    "lastName": text(row.last),
                    "locale": "en",
                    "timeZone": "America/Los_Angeles",
                },
            }},
        });
        match status {
            "SUCCESS" => body["sessionToken"] = json!(okta_signs("20111", 49, secret)),
            "LOCKED_OUT" => {
                body = json!({"status": status, "_embedded": {}});
            }
            _ => body["stateToken"] = json!(okta_signs("00", 40, secret)),
        }
        Ok(Reply::new(ROUTE, JSON, body.to_string().into_bytes()))
    }
}
