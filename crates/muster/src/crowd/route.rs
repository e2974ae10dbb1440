//! The resources of the protocol, their paths and methods.
//!
//! Invariant: a path is looked at only after its application was authenticated; a resource that is listed
//! here answers every method it allows.

use axum::{
    body::Body,
    http::{Method, Response},
};

use super::{
    authentication,
    call::{Call, decode},
    cookie,
    document::{Memberships, respond},
    error::CrowdError,
    event, group,
    negotiate::Representation,
    relation::{self, Depth, Relation},
    search, session, user, write,
};

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// A person.
    User,
    /// A person's attributes.
    UserAttribute,
    /// What only a directory that can be written to would do for a person.
    UserWrite(write::Write),
    /// Who is in what.
    Relation(Relation, Depth),
    /// A group.
    Group,
    /// A group's attributes.
    GroupAttribute,
    /// All memberships.
    Memberships,
    /// People or groups that match.
    Search,
    /// Whether a password is right.
    Authentication,
    /// Somebody was authenticated elsewhere.
    Notification,
    /// All single sign-on sessions.
    Sessions,
    /// One session, by its token.
    Session(String),
    /// How the single sign-on cookie is called.
    Cookie,
    /// The present position.
    Event,
    /// What happened since a token.
    Events(String),
}

impl Resource {
    /// The resource at a path behind the version.
    pub(super) fn at(path: &str) -> Option<Self> {
        use Depth::{Direct, Nested};
        use Relation::{ChildGroups, GroupUsers, ParentGroups, UserGroups};
        if let Some(token) = path.strip_prefix("event/") {
            return (!token.contains('/')).then(|| Self::Events(decode(token)));
        }
        if let Some(token) = path.strip_prefix("session/") {
            return (!token.contains('/')).then(|| Self::Session(decode(token)));
        }
        let resource = match path.strip_suffix('/').unwrap_or(path) {
            "user" => Self::User,
            "user/attribute" => Self::UserAttribute,
            "user/password" => Self::UserWrite(write::Write::Password),
            "user/rename" => Self::UserWrite(write::Write::Rename),
            "user/mail/password" => Self::UserWrite(write::Write::MailPassword),
            "user/mail/usernames" => Self::UserWrite(write::Write::MailNames),
            "user/expire-all-passwords" => Self::UserWrite(write::Write::ExpirePasswords),
            "user/group/direct" => Self::Relation(UserGroups, Direct),
            "user/group/nested" => Self::Relation(UserGroups, Nested),
            "group" => Self::Group,
            "group/attribute" => Self::GroupAttribute,
            "group/membership" => Self::Memberships,
            "group/user/direct" => Self::Relation(GroupUsers, Direct),
            "group/user/nested" => Self::Relation(GroupUsers, Nested),
            "group/child-group/direct" => Self::Relation(ChildGroups, Direct),
            "group/child-group/nested" => Self::Relation(ChildGroups, Nested),
            "group/parent-group/direct" => Self::Relation(ParentGroups, Direct),
            "group/parent-group/nested" => Self::Relation(ParentGroups, Nested),
            "search" => Self::Search,
            "authentication" => Self::Authentication,
            "authentication/notify" => Self::Notification,
            "session" => Self::Sessions,
            "config/cookie" => Self::Cookie,
            "event" => Self::Event,
            _ => return None,
        };
        Some(resource)
    }

    /// The methods it knows, as the `Allow` header has them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::User | Self::Group => "GET, HEAD, POST, PUT, DELETE",
            Self::UserWrite(write::Write::Password) => "PUT, DELETE",
            Self::UserWrite(_) | Self::Authentication | Self::Notification => "POST",
            Self::Relation(Relation::ParentGroups, Depth::Direct) | Self::Search => {
                "GET, HEAD, POST"
            }
            Self::Sessions => "POST, DELETE",
            Self::UserAttribute
            | Self::GroupAttribute
            | Self::Relation(_, Depth::Direct)
            | Self::Session(_) => "GET, HEAD, POST, DELETE",
            Self::Relation(_, Depth::Nested)
            | Self::Memberships
            | Self::Cookie
            | Self::Event
            | Self::Events(_) => "GET, HEAD",
        }
    }

    /// Whether it knows a method.
    pub(super) fn allows(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| known == method.as_str())
    }
}

/// Answers a request for a resource, whose method it allows.
pub(super) async fn dispatch(
    call: &Call,
    resource: &Resource,
    method: &Method,
) -> Result<Response<Body>, CrowdError> {
    let reads = *method == Method::GET;
    match resource {
        Resource::User if reads => user::show(call),
        Resource::UserAttribute if reads => user::attributes(call),
        Resource::Group if reads => group::show(call),
        Resource::GroupAttribute if reads => group::attributes(call),
        Resource::Relation(relation, depth) if reads => relation::show(call, *relation, *depth),
        Resource::Memberships => Ok(respond(Memberships::new(call.view()?), Representation::Xml)),
        Resource::Search => search::show(call, reads).await,
        Resource::Authentication => authentication::check(call).await,
        Resource::Notification => authentication::notify(call),
        Resource::Sessions if *method == Method::POST => session::create(call).await,
        Resource::Sessions => session::end_all(call),
        Resource::Session(token) if reads => session::show(call, token),
        Resource::Session(token) if *method == Method::POST => session::validate(call, token),
        Resource::Session(token) => session::end(call, token),
        Resource::Cookie => Ok(cookie::show(call)),
        Resource::Event => event::current(call).await,
        Resource::Events(token) => event::since(call, token),
        Resource::User => Err(write::user(call, method)),
        Resource::UserAttribute => Err(write::of_user(call)),
        Resource::UserWrite(what) => Err(write::user_part(call, *what)),
        Resource::Group => Err(write::group(call, method)),
        Resource::GroupAttribute => Err(write::of_group(call)),
        Resource::Relation(relation, _) => Err(write::relation(call, *relation, method)),
    }
}
