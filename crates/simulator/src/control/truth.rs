//! What is true now, whatever the vendor's API shows of it at present.
//!
//! Invariant: deleted people and groups are not in it, nor are memberships of them.

use serde_json::{Value, json};

use crate::{
    Provider,
    tenant::{GUEST, Life, Member, Tenant, text::Text},
};

/// `GET truth`, as bytes: large tenants are written row by row.
pub(super) fn document(tenant: &Tenant) -> Vec<u8> {
    let mut out = b"{\"users\":[".to_vec();
    let live = |at: &usize| tenant.lives[*at] == Life::Live;
    rows(&mut out, (0..tenant.users.len()).filter(live).map(|at| user(tenant, at as u32)));
    out.extend_from_slice(b"],\"groups\":[");
    let live = |at: &usize| tenant.groups[*at].card.life == Life::Live;
    rows(&mut out, (0..tenant.groups.len()).filter(live).map(|at| group(tenant, at as u32)));
    out.push(b']');
    if tenant.vendor == Provider::Okta {
        out.extend_from_slice(b",\"assigned\":");
        out.extend_from_slice(assigned(tenant).to_string().as_bytes());
    }
    out.push(b'}');
    out
}

/// To whom the application is assigned by themselves, and to which groups.
fn assigned(tenant: &Tenant) -> Value {
    let users = tenant.org.app_users.iter().map(|at| tenant.key_of(Member::User(*at)));
    let groups = tenant.org.app_groups.iter().map(|at| tenant.key_of(Member::Group(*at)));
    json!({"users": users.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>()})
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
    let text = |text: Text| tenant.texts.get(text).map(str::to_owned);
    let google = tenant.vendor == Provider::Google;
    // Where a full name is made of the others unless it has a display name of its own.
    let full = tenant.vendor != Provider::Entra;
    let mut truth = json!({
        "id": tenant.key_of(Member::User(at)),
        "login": text(row.login),
        // Google knows one address for both.
        "email": text(if google { row.login } else { row.email }),
        "first_name": text(row.first),
        "last_name": text(row.last),
        "display_name": if full { Some(tenant.display_name(at)) } else { text(row.display) },
        "active": tenant.is_active(at),
        "guest": row.has(GUEST),
    });
    if tenant.vendor == Provider::Okta {
        truth["status"] = json!(row.status.name());
    }
    truth
}

fn group(tenant: &Tenant, at: u32) -> Value {
    let group = tenant.group(at);
    let everybody = tenant.holds_everybody(at);
    let all = 0..tenant.users.len() as u32;
    let users: Vec<u32> = if everybody { all.collect() } else { group.users.clone() };
    let users = users.into_iter().map(Member::User);
    let groups = group.groups.iter().copied().map(Member::Group);
    let live = |member: Member| tenant.member_is_live(member).then(|| tenant.key_of(member));
    let mut row = json!({
        "id": tenant.key_of(Member::Group(at)),
        "name": tenant.texts.get(group.card.name),
        "description": tenant.texts.get(group.card.description),
        "users": users.filter_map(live).collect::<Vec<_>>(),
        "groups": groups.filter_map(live).collect::<Vec<_>>(),
    });
    if tenant.vendor == Provider::Google {
        row["email"] = json!(tenant.texts.get(group.card.nickname));
    }
    if tenant.vendor != Provider::Entra {
        row["everybody"] = json!(everybody);
    }
    row
}
