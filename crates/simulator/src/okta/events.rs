//! What happened, in the words of the System Log.
//!
//! Invariant: an edit makes at most a few events; each has an id of its own, which never changes. Targets are found by
//! type and not by place.

use serde_json::{Value, json};

use super::apps;
use crate::{
    chance::draw,
    clock::time_text,
    tenant::{
        Member, Tenant, field,
        journal::{Entry, Happening},
        org::Status,
    },
};

/// The events of one entry of the journal.
pub(super) fn events(tenant: &Tenant, place: usize) -> Vec<Value> {
    let entry = tenant.journal[place];
    named(tenant, entry.what)
        .into_iter()
        .enumerate()
        .map(|(number, (kind, targets))| event(tenant, (place, number), &entry, (kind, targets)))
        .collect()
}

/// When something was, as the log writes it.
pub(super) fn published(ms: i64) -> String {
    time_text(ms, &format!(".{:03}Z", ms.rem_euclid(1000)))
}

/// A kind of event and whom it is about.
type Named = (&'static str, Vec<Value>);

fn event(
    tenant: &Tenant,
    (place, number): (usize, usize),
    entry: &Entry,
    (kind, targets): Named,
) -> Value {
    let word = |topic: u64| draw(tenant.seed ^ topic, place as u64, number as u64);
    let transaction = format!("W{:016x}", draw(tenant.seed ^ 3, place as u64, 0));
    json!({
        "uuid": uuid(word(1), word(2)),
        "published": published(entry.at_ms),
        "eventType": kind,
        "version": "0",
        "severity": "INFO",
        "legacyEventType": null,
        "displayMessage": message(kind),
        "actor": {
            "id": "00u0admin0admin0G5d7",
            "type": "User",
            "alternateId": "admin@initech.example",
            "displayName": "Ada Admin",
            "detailEntry": null,
        },
        "client": {
            "userAgent": {"rawUserAgent": "Mozilla/5.0", "os": "Linux", "browser": "FIREFOX"},
            "zone": "null",
            "device": "Computer",
            "id": null,
            "ipAddress": "203.0.113.7",
            "geographicalContext": null,
        },
        "outcome": {"result": "SUCCESS", "reason": null},
        "target": targets,
        "transaction": {"type": "WEB", "id": transaction, "detail": {}},
        "debugContext": {"debugData": {"requestId": transaction}},
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": "trs"},
        "securityContext": {"isProxy": false},
        "request": {"ipChain": []},
    })
}

fn uuid(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-11f0-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        low >> 48 | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

fn message(kind: &str) -> String {
    let words = kind.replace(['.', '_'], " ");
    let mut signs = words.chars();
    signs
        .next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), signs.as_str()))
}

/// A person as a target.
fn person(tenant: &Tenant, at: u32) -> Value {
    let row = tenant.user(at);
    json!({
        "id": tenant.key_of(Member::User(at)),
        "type": "User",
        "alternateId": tenant.texts.get(row.login),
        "displayName": tenant.display_name(at),
        "detailEntry": null,
    })
}

/// A group as a target.
fn group(tenant: &Tenant, at: u32) -> Value {
    json!({
        "id": tenant.key_of(Member::Group(at)),
        "type": "UserGroup",
        "alternateId": "unknown",
        "displayName": tenant.texts.get(tenant.group(at).card.name),
        "detailEntry": null,
    })
}

/// The application as a target.
fn application(tenant: &Tenant) -> Value {
    json!({
        "id": apps::app_id(tenant),
        "type": "AppInstance",
        "alternateId": "Jira (on premises)",
        "displayName": "Jira (on premises)",
        "detailEntry": null,
    })
}

fn named(tenant: &Tenant, what: Happening) -> Vec<Named> {
    let one = |kind, at| vec![(kind, vec![person(tenant, at)])];
    match what {
        Happening::UserCreated(at) => {
            let mut events = one("user.lifecycle.create", at);
            if tenant.user(at).status != Status::Staged {
                events.extend(one("user.lifecycle.activate", at));
            }
            events
        }
        Happening::UserDeleted(at) => one("user.lifecycle.deactivate", at),
        Happening::UserRestored(at) => one("user.lifecycle.reactivate", at),
        Happening::UserErased(at) => {
            let mut events = one("user.lifecycle.delete.initiated", at);
            events.extend(one("user.lifecycle.delete.completed", at));
            events
        }
        Happening::UserChanged { user, fields, status, .. } => {
            changes(tenant, user, fields, status)
        }
        Happening::GroupCreated(at) => {
            vec![("group.lifecycle.create", vec![group(tenant, at)])]
        }
        Happening::GroupDeleted(at) => {
            vec![("group.lifecycle.delete", vec![group(tenant, at)])]
        }
        Happening::GroupChanged { group: at, .. } => {
            vec![("group.profile.update", vec![group(tenant, at)])]
        }
        Happening::Joined(at, Member::User(user)) => {
            vec![("group.user_membership.add", pair(tenant, at, user))]
        }
        Happening::Left(at, Member::User(user)) => {
            vec![("group.user_membership.remove", pair(tenant, at, user))]
        }
        Happening::Assigned(Member::User(at), on) => {
            let kind = if on {
                "application.user_membership.add"
            } else {
                "application.user_membership.remove"
            };
            vec![(kind, vec![person(tenant, at), application(tenant)])]
        }
        Happening::Assigned(Member::Group(at), on) => {
            let kind = if on {
                "group.application_assignment.add"
            } else {
                "group.application_assignment.remove"
            };
            vec![(kind, vec![application(tenant), group(tenant, at)])]
        }
        // Okta has no other members.
        Happening::Joined(..) | Happening::Left(..) | Happening::Assigned(Member::Other(_), _) => {
            Vec::new()
        }
    }
}

/// A member and a group; which comes first varies.
fn pair(tenant: &Tenant, at: u32, user: u32) -> Vec<Value> {
    let mut targets = vec![person(tenant, user), group(tenant, at)];
    if draw(tenant.seed ^ 0x9a1, u64::from(at), u64::from(user)) & 1 == 0 {
        targets.reverse();
    }
    targets
}

fn changes(tenant: &Tenant, user: u32, fields: u32, (was, now): (Status, Status)) -> Vec<Named> {
    let mut kinds = Vec::new();
    if fields & !field::STATUS != 0 {
        kinds.push("user.account.update_profile");
    }
    if fields & field::EMAIL != 0 {
        kinds.push("user.account.update_primary_email");
    }
    if fields & field::STATUS != 0 {
        kinds.push(match (was, now) {
            (Status::Suspended, _) => "user.lifecycle.unsuspend",
            (_, Status::Suspended) => "user.lifecycle.suspend",
            (_, Status::LockedOut) => "user.account.lock",
            (Status::LockedOut, _) => "user.account.unlock",
            (_, Status::Recovery) => "user.account.reset_password",
            (_, Status::PasswordExpired) => "user.account.expire_password",
            _ => "user.lifecycle.activate",
        });
    }
    kinds.into_iter().map(|kind| (kind, vec![person(tenant, user)])).collect()
}
