//! Who is in what: people in groups and groups in groups, direct and nested, as lists and as tests.
//!
//! Invariants: a test answers 200 or 404 and nothing else, which is all that Java clients look at; a list
//! of an unknown person or group is 404, never an empty list, which would take memberships away.

use std::sync::Arc;

use axum::{body::Body, http::Response};
use directory::{
    name::fold,
    nesting,
    view::{GroupAt, UserAt, View},
};

use super::{
    call::Call,
    document::{List, Source, respond},
    entity::{Detail, Entity},
    error::CrowdError,
    writer::Writer,
};

/// What is in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The groups that a person is in.
    UserGroups,
    /// The people that a group holds.
    GroupUsers,
    /// The groups that a group holds.
    ChildGroups,
    /// The groups that a group is in.
    ParentGroups,
}

/// Whether groups in between count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// They do not.
    Direct,
    /// They do.
    Nested,
}

impl Relation {
    /// The name of the thing at the other end, if the client tests for one.
    pub(super) fn tested(self, call: &Call) -> Option<&str> {
        let get = |name| call.parameters.get(name);
        match self {
            Self::UserGroups => get("groupname"),
            Self::GroupUsers => get("username"),
            Self::ChildGroups => get("child-groupname"),
            // Old servers read it by the wrong name, so old clients send that.
            Self::ParentGroups => get("parent-groupname").or_else(|| get("child-groupname")),
        }
    }
}

/// Answers with a list, or with the one thing that was tested for.
pub(super) fn show(
    call: &Call,
    relation: Relation,
    depth: Depth,
) -> Result<Response<Body>, CrowdError> {
    let view = call.whole_view()?;
    match relation {
        Relation::UserGroups => {
            let user = call.user(&view)?;
            let groups = match depth {
                Depth::Direct => view.groups_of(user),
                Depth::Nested => nesting::groups_of(&view, user),
            };
            let child = view.user(user).name().to_owned();
            answer(call, view, groups, relation, |tested| (child, tested.to_owned()))
        }
        Relation::GroupUsers => {
            let group = call.group(&view)?;
            let users = match (relation.tested(call), depth) {
                (Some(tested), _) => member(&view, tested, group, depth).into_iter().collect(),
                (None, Depth::Direct) => view.users_of(group),
                (None, Depth::Nested) => nesting::users_of(&view, group),
            };
            let parent = view.group(group).name().to_string();
            answer(call, view, users, relation, |tested| (tested.to_owned(), parent))
        }
        Relation::ChildGroups => {
            let group = call.group(&view)?;
            let groups = match depth {
                Depth::Direct => view.children_of(group),
                Depth::Nested => nesting::descendants(&view, group),
            };
            let parent = view.group(group).name().to_string();
            answer(call, view, groups, relation, |tested| (tested.to_owned(), parent))
        }
        Relation::ParentGroups => {
            let group = call.group(&view)?;
            let groups = match depth {
                Depth::Direct => view.parents_of(group),
                Depth::Nested => nesting::ancestors(&view, group),
            };
            let child = view.group(group).name().to_string();
            answer(call, view, groups, relation, |tested| (child, tested.to_owned()))
        }
    }
}

/// A person, if they are in a group. Asked from their side: a group may hold everybody.
fn member(view: &View, name: &str, group: GroupAt, depth: Depth) -> Option<UserAt> {
    let user = view.user_named(&fold(name))?;
    let is_in = match depth {
        Depth::Direct => view.is_member(user, group),
        Depth::Nested => nesting::groups_of(view, user).contains(&group),
    };
    is_in.then_some(user)
}

/// Answers with a page of a list, or with the one thing that was tested for.
fn answer<T: Entity + PartialEq>(
    call: &Call,
    view: Arc<View>,
    mut objects: Vec<T>,
    relation: Relation,
    names: impl FnOnce(&str) -> (String, String),
) -> Result<Response<Body>, CrowdError> {
    if let Some(tested) = relation.tested(call) {
        let object = T::named(&view, &fold(tested)).filter(|object| objects.contains(object));
        let Some(object) = object else {
            let (child, parent) = names(tested);
            return Err(CrowdError::membership_not_found(&child, &parent));
        };
        let mut writer = Writer::new(call.representation);
        object.write(&mut writer, &view, &call.links, Detail::Minimal);
        return Ok(writer.into_response());
    }
    let page = call.parameters.page()?;
    let detail = call.parameters.detail(T::EXPAND);
    T::sort(&view, &mut objects);
    let links = call.links.clone();
    let list = List::new(view, links, detail, Source::Chosen(objects), page);
    Ok(respond(list, call.representation))
}
