//! What is true now, whatever the vendor's API shows of it at present.
//!
//! Invariant: deleted people and groups are not in it, nor are memberships of them.

use serde_json::{Value, json};

use crate::tenant::{ENABLED, GUEST, Life, Member, Tenant, text::Text};

/// `GET truth`, as bytes: large tenants are written row by row.
pub(super) fn document(tenant: &Tenant) -> Vec<u8> {
    let mut out = b"{\"users\":[".to_vec();
    let live = |at: &usize| tenant.lives[*at] == Life::Live;
    rows(&mut out, (0..tenant.users.len()).filter(live).map(|at| user(tenant, at as u32)));
    out.extend_from_slice(b"],\"groups\":[");
    let live = |at: &usize| tenant.groups[*at].card.life == Life::Live;
    rows(&mut out, (0..tenant.groups.len()).filter(live).map(|at| group(tenant, at as u32)));
    out.extend_from_slice(b"]}");
    out
}

fn rows(out: &mut Vec<u8>, rows: impl Iterator<Item = Value>) {
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, &row).expect("writing to memory does not fail");
    }
}

fn user(tenant: &Tenant, at: u32) -> Value {
    let row = tenant.user(at);
    let text = |text: Text| tenant.texts.get(text);
    json!({
        "id": tenant.user_id(at).to_string(),
        "login": text(row.login),
        "email": text(row.email),
        "first_name": text(row.first),
        "last_name": text(row.last),
        "display_name": text(row.display),
        "active": row.has(ENABLED),
        "guest": row.has(GUEST),
    })
}

fn group(tenant: &Tenant, at: u32) -> Value {
    let group = tenant.group(at);
    let users = group.users.iter().filter(|user| tenant.member_is_live(Member::User(**user)));
    let groups =
        group.groups.iter().filter(|nested| tenant.member_is_live(Member::Group(**nested)));
    json!({
        "id": tenant.group_id(at).to_string(),
        "name": tenant.texts.get(group.card.name),
        "description": tenant.texts.get(group.card.description),
        "users": users.map(|user| tenant.user_id(*user).to_string()).collect::<Vec<_>>(),
        "groups": groups.map(|nested| tenant.group_id(*nested).to_string()).collect::<Vec<_>>(),
    })
}
