//! Edits of people, groups and memberships.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refused, bad, done, parsed};
use crate::{
    tenant::{
        Member, Tenant,
        edit::{EditError, GroupEdit, UserEdit},
    },
    world::World,
};

/// Edits in one batch.
const BATCH_MAX: usize = 100_000;

/// One edit of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    method: String,
    /// As in a single request, such as `users/ID`.
    path: String,
    #[serde(default)]
    body: Value,
}

impl From<EditError> for Refused {
    fn from(error: EditError) -> Self {
        let status = match error {
            EditError::LoginTaken(_) | EditError::NameTaken(_) | EditError::NotBinned => {
                StatusCode::CONFLICT
            }
            EditError::NotLive => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self(status, error.to_string())
    }
}

/// Edits at one instant: nobody sees some without the others. Each says how it went.
pub(super) fn batch(world: &World, steps: Vec<Step>) -> Answer {
    if steps.len() > BATCH_MAX {
        return Err(bad(format!("a batch holds at most {BATCH_MAX} edits")));
    }
    let mut tenant = world.write();
    let now = world.clock.now_ms();
    free_exchanged_logins(&mut tenant, &steps);
    let results = steps.into_iter().map(|step| {
        let body =
            if step.body.is_null() { Vec::new() } else { step.body.to_string().into_bytes() };
        let segments: Vec<&str> = step.path.trim_start_matches('/').split('/').collect();
        match one(&mut tenant, now, (&step.method, &segments), &body) {
            Ok((status, Value::Object(mut answer))) => {
                answer.insert("status".to_owned(), status.as_u16().into());
                Value::Object(answer)
            }
            Ok((status, _)) => json!({"status": status.as_u16()}),
            Err(Refused(status, error)) => json!({"status": status.as_u16(), "error": error}),
        }
    });
    let results: Vec<Value> = results.collect();
    Ok((StatusCode::OK, json!({"results": results})))
}

/// Frees the logins that a batch gives up, so that two people can exchange theirs at one instant. It does so only
/// if all new logins of the batch are good: otherwise somebody might end without one.
fn free_exchanged_logins(tenant: &mut Tenant, steps: &[Step]) {
    let mut renamed = HashSet::new();
    let mut wanted = HashSet::new();
    for step in steps {
        let segments: Vec<&str> = step.path.trim_start_matches('/').split('/').collect();
        let Some(login) = step.body.get("login") else {
            continue;
        };
        let Ok(edit) = serde_json::from_value::<UserEdit>(step.body.clone()) else {
            return;
        };
        let target = match (step.method.as_str(), segments.as_slice()) {
            ("PATCH", ["users", id]) => user(tenant, id).ok(),
            _ => None,
        };
        let live = target.filter(|user| tenant.member_is_live(Member::User(*user)));
        let login = login.as_str().unwrap_or_default().to_lowercase();
        // Renamed twice, wanted twice, or refused anyway: then each edit stands for itself.
        let Some(user) = live.filter(|_| edit.check().is_ok()) else {
            return;
        };
        if !renamed.insert(user) || !wanted.insert(login) {
            return;
        }
    }
    let holders: Vec<u32> = wanted.iter().filter_map(|login| tenant.login_holder(login)).collect();
    if renamed.len() > 1 && holders.iter().all(|holder| renamed.contains(holder)) {
        for user in renamed {
            tenant.free_login_of(user);
        }
    }
}

/// One edit.
pub(super) fn one(
    tenant: &mut Tenant,
    now: i64,
    (method, path): (&str, &[&str]),
    body: &[u8],
) -> Answer {
    match (method, path) {
        ("POST", ["users"]) => {
            let user = tenant.create_user(&parsed::<UserEdit>(body)?, now)?;
            Ok((StatusCode::CREATED, json!({"id": tenant.key_of(Member::User(user))})))
        }
        ("PATCH", ["users", id]) => {
            let user = user(tenant, id)?;
            tenant.change_user(user, &parsed::<UserEdit>(body)?, now)?;
            done()
        }
        ("DELETE", ["users", id]) => {
            let user = user(tenant, id)?;
            tenant.delete_user(user, now)?;
            done()
        }
        ("POST", ["users", id, "restore"]) => {
            let user = user(tenant, id)?;
            tenant.restore_user(user, now)?;
            done()
        }
        ("POST", ["groups"]) => {
            let group = tenant.create_group(&parsed::<GroupEdit>(body)?, now)?;
            Ok((StatusCode::CREATED, json!({"id": tenant.key_of(Member::Group(group))})))
        }
        ("PATCH", ["groups", id]) => {
            let group = group(tenant, id)?;
            tenant.change_group(group, &parsed::<GroupEdit>(body)?, now)?;
            done()
        }
        ("DELETE", ["groups", id]) => {
            let group = group(tenant, id)?;
            tenant.delete_group(group, now)?;
            done()
        }
        ("POST", ["groups", id, "restore"]) => {
            let group = group(tenant, id)?;
            tenant.restore_group(group, now)?;
            done()
        }
        ("PUT" | "DELETE", ["groups", id, kind @ ("users" | "groups"), member]) => {
            let group = group(tenant, id)?;
            let member = match *kind {
                "users" => Member::User(user(tenant, member)?),
                _ => Member::Group(self::group(tenant, member)?),
            };
            let changed = if method == "PUT" {
                tenant.add_member(group, member, now)?
            } else {
                tenant.remove_member(group, member, now)
            };
            Ok((StatusCode::OK, json!({"changed": changed})))
        }
        _ => {
            let text = format!("there is no {method} {}", path.join("/"));
            Err(Refused(StatusCode::NOT_FOUND, text))
        }
    }
}

fn user(tenant: &Tenant, id: &str) -> Result<u32, Refused> {
    let user = tenant.user_by_key(id);
    user.ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("there is no user {id:?}")))
}

fn group(tenant: &Tenant, id: &str) -> Result<u32, Refused> {
    let group = tenant.group_by_key(id);
    group.ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("there is no group {id:?}")))
}
