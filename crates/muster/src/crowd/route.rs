//! The resources of the protocol; which paths and methods they have is in [`ENDPOINTS`].
//!
//! Invariant: a path is looked at only after its application was authenticated; a resource answers every
//! method that its endpoint lists.

use axum::{
    body::Body,
    http::{Method, Response},
};

use super::{
    authentication,
    call::{Call, decode},
    cookie,
    document::{Memberships, respond},
    endpoint::{ENDPOINTS, Endpoint},
    error::CrowdError,
    event, group,
    negotiate::Representation,
    relation::{self, Depth, Relation},
    search, session, user, webhook, write,
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
    /// All webhooks.
    Webhooks,
    /// One webhook, by its number.
    Webhook(String),
    /// How the single sign-on cookie is called.
    Cookie,
    /// The present position.
    Event,
    /// What happened since a token.
    Events(String),
}

impl Resource {
    /// The resource at a path behind the version, with what `ENDPOINTS` says of it.
    pub(super) fn at(path: &str) -> Option<(&'static Endpoint, Self)> {
        ENDPOINTS.iter().find_map(|endpoint| {
            let token = endpoint.matches(path)?;
            Some((endpoint, (endpoint.resource)(decode(token))))
        })
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
        Resource::Memberships => {
            Ok(respond(Memberships::new(call.whole_view()?), Representation::Xml))
        }
        Resource::Search => search::show(call, reads).await,
        Resource::Authentication => authentication::check(call).await,
        Resource::Notification => authentication::notify(call),
        Resource::Sessions if *method == Method::POST => session::create(call).await,
        Resource::Sessions => session::end_all(call),
        Resource::Session(token) if reads => session::show(call, token),
        Resource::Session(token) if *method == Method::POST => session::validate(call, token),
        Resource::Session(token) => session::end(call, token),
        Resource::Webhooks => webhook::create(call),
        Resource::Webhook(id) if reads => webhook::show(call, id),
        Resource::Webhook(id) => webhook::remove(call, id),
        Resource::Cookie => Ok(cookie::show(call)),
        Resource::Event => event::current(call).await,
        Resource::Events(token) => event::since(call, token).await,
        Resource::User => Err(write::user(call, method)),
        Resource::UserAttribute => Err(write::of_user(call)),
        Resource::UserWrite(what) => Err(write::user_part(call, *what)),
        Resource::Group => Err(write::group(call, method)),
        Resource::GroupAttribute => Err(write::of_group(call)),
        Resource::Relation(relation, _) => Err(write::relation(call, *relation, method)),
    }
}
