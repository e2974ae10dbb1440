//! Writes, all of which are refused: directories belong to their providers.
//!
//! Invariant: what is missing is said before what is forbidden, as Crowd does, so that a client learns of
//! a mistyped name first.

use axum::http::{Method, StatusCode};
use directory::{name::fold, view::View};

use super::{
    call::{Call, find_group, find_user},
    error::CrowdError,
    relation::Relation,
};

/// What a client may want to write of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Set or take away a password.
    Password,
    /// Give another name.
    Rename,
    /// Mail a link to a new password.
    MailPassword,
    /// Mail the names of whoever has an address.
    MailNames,
    /// Make everybody choose a new password.
    ExpirePasswords,
}

/// `POST`, `PUT` and `DELETE` on `/user`.
pub(super) fn user(call: &Call, method: &Method) -> CrowdError {
    if *method == Method::POST {
        return forbidden(call, "adding of users");
    }
    refuse(call, "changing of users", |view| call.user(view).map(drop))
}

/// Attributes of a person.
pub(super) fn of_user(call: &Call) -> CrowdError {
    refuse(call, "changing of users", |view| call.user(view).map(drop))
}

/// Everything else of a person.
pub(super) fn user_part(call: &Call, what: Write) -> CrowdError {
    match what {
        Write::MailNames => forbidden(call, "mailing of user names"),
        Write::ExpirePasswords => forbidden(call, "changing of passwords"),
        Write::Password | Write::MailPassword => {
            refuse(call, "changing of passwords", |view| call.user(view).map(drop))
        }
        Write::Rename => refuse(call, "renaming of users", |view| call.user(view).map(drop)),
    }
}

/// `POST`, `PUT` and `DELETE` on `/group`.
pub(super) fn group(call: &Call, method: &Method) -> CrowdError {
    if *method == Method::POST {
        return forbidden(call, "adding of groups");
    }
    refuse(call, "changing of groups", |view| call.group(view).map(drop))
}

/// Attributes of a group.
pub(super) fn of_group(call: &Call) -> CrowdError {
    refuse(call, "changing of groups", |view| call.group(view).map(drop))
}

/// Memberships: an end that the body names is missing with 400, one that the address names with 404.
pub(super) fn relation(call: &Call, relation: Relation, method: &Method) -> CrowdError {
    refuse(call, "changing of memberships", |view| {
        if relation == Relation::UserGroups {
            call.user(view)?;
        } else {
            call.group(view)?;
        }
        let removes = *method == Method::DELETE;
        let other = if removes {
            let missing = || CrowdError::illegal_argument("the member's name must be given");
            relation.tested(call).ok_or_else(missing)?
        } else {
            call.name_in_body()?
        };
        let found = match relation {
            Relation::GroupUsers => find_user(view, other).map(drop),
            _ => find_group(view, other).map(drop),
        };
        found.map_err(|error| if removes { error } else { error.into_bad_request() })?;
        if removes && !is_there(call, view, relation, other) {
            let owner = ["username", "groupname"].map(|name| call.parameters.get(name));
            let owner = if relation == Relation::UserGroups { owner[0] } else { owner[1] };
            let owner = owner.unwrap_or_default();
            return Err(match relation {
                Relation::UserGroups => CrowdError::membership_not_found(owner, other),
                _ => CrowdError::membership_not_found(other, owner),
            });
        }
        Ok(())
    })
}

/// Whether the membership is there that a client wants to remove.
fn is_there(call: &Call, view: &View, relation: Relation, other: &str) -> bool {
    let other_group = || view.group_named(&fold(other));
    let there = match relation {
        Relation::UserGroups => call.user(view).ok().zip(other_group()),
        Relation::GroupUsers => view.user_named(&fold(other)).zip(call.group(view).ok()),
        Relation::ChildGroups | Relation::ParentGroups => {
            let both = other_group().zip(call.group(view).ok());
            return both.is_some_and(|(child, parent)| view.is_child(child, parent));
        }
    };
    there.is_some_and(|(user, group)| view.is_member(user, group))
}

fn refuse(
    call: &Call,
    what: &str,
    missing: impl FnOnce(&View) -> Result<(), CrowdError>,
) -> CrowdError {
    match call.view() {
        Ok(view) => missing(&view).err().unwrap_or_else(|| forbidden(call, what)),
        Err(error) => error,
    }
}

fn forbidden(call: &Call, what: &str) -> CrowdError {
    let name = &call.application.name;
    let message = format!("Application '{name}' has no directories that allow {what}.");
    CrowdError::refused(StatusCode::FORBIDDEN, "APPLICATION_PERMISSION_DENIED", message)
}
