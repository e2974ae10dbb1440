//! What a path of Graph means, which methods it has, and what it costs.
//!
//! Invariant: every path that is served is here and nowhere else.

use super::query::Family;
use crate::exchange::Call;

/// The two kinds of object that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noun {
    Users,
    Groups,
}

/// A type that a collection of objects is narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    All,
    Only(&'static str),
}

/// What a path of Graph means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    List(Noun),
    Count(Noun),
    Delta(Noun),
    Get(Noun, &'a str),
    Members {
        group: &'a str,
        cast: Cast,
        transitive: bool,
    },
    MemberOf {
        noun: Noun,
        id: &'a str,
        cast: Cast,
        transitive: bool,
    },
    CheckMemberGroups(Noun, &'a str),
    GetByIds,
    Object(&'a str),
    Deleted(Noun),
    DeletedItem(&'a str),
    Organization,
    Batch,
    /// By id, or `appId=` and the application's.
    ServicePrincipal(&'a str),
    AssignedTo(&'a str),
    /// Of a user or group.
    Assignments(Noun, &'a str),
    Subscriptions,
    Subscription(&'a str),
    Reauthorize(&'a str),
}

impl<'a> Route<'a> {
    /// The route of a path below the version.
    pub(super) fn of(path: &[&'a str]) -> Option<Self> {
        let (noun, rest) = match path {
            ["users", rest @ ..] => (Noun::Users, rest),
            ["groups", rest @ ..] => (Noun::Groups, rest),
            ["$batch"] => return Some(Self::Batch),
            ["organization"] => return Some(Self::Organization),
            ["servicePrincipals", key] => return Some(Self::ServicePrincipal(key)),
            ["servicePrincipals", key, "appRoleAssignedTo"] => return Some(Self::AssignedTo(key)),
            ["subscriptions"] => return Some(Self::Subscriptions),
            ["subscriptions", id] => return Some(Self::Subscription(id)),
            ["subscriptions", id, "reauthorize"] => return Some(Self::Reauthorize(id)),
            ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"] => {
                return Some(Self::GetByIds);
            }
            ["directoryObjects", id] => return Some(Self::Object(id)),
            ["directory", "deletedItems", "microsoft.graph.user"] => {
                return Some(Self::Deleted(Noun::Users));
            }
            ["directory", "deletedItems", "microsoft.graph.group"] => {
                return Some(Self::Deleted(Noun::Groups));
            }
            ["directory", "deletedItems", id] => return Some(Self::DeletedItem(id)),
            _ => return None,
        };
        match *rest {
            [] => Some(Self::List(noun)),
            ["$count"] => Some(Self::Count(noun)),
            ["delta" | "delta()" | "microsoft.graph.delta" | "microsoft.graph.delta()"] => {
                Some(Self::Delta(noun))
            }
            [id] => Some(Self::Get(noun, id)),
            [id, "checkMemberGroups" | "microsoft.graph.checkMemberGroups"] => {
                Some(Self::CheckMemberGroups(noun, id))
            }
            [id, "appRoleAssignments"] => Some(Self::Assignments(noun, id)),
            [id, relation] => Self::relation(noun, id, relation, Cast::All),
            [id, relation, cast] => {
                let cast =
                    CASTS.iter().find(|name| cast.strip_prefix("microsoft.graph.") == Some(name));
                Self::relation(noun, id, relation, Cast::Only(cast?))
            }
            _ => None,
        }
    }

    fn relation(noun: Noun, id: &'a str, relation: &str, cast: Cast) -> Option<Self> {
        match (noun, relation) {
            (Noun::Groups, "members") => Some(Self::Members { group: id, cast, transitive: false }),
            (Noun::Groups, "transitiveMembers") => {
                Some(Self::Members { group: id, cast, transitive: true })
            }
            (_, "memberOf") => Some(Self::MemberOf { noun, id, cast, transitive: false }),
            (_, "transitiveMemberOf") => Some(Self::MemberOf { noun, id, cast, transitive: true }),
            _ => None,
        }
    }

    /// The template, for counting.
    pub(super) fn template(self) -> &'static str {
        let users = |noun: Noun| noun == Noun::Users;
        match self {
            Self::List(noun) if users(noun) => "/v1.0/users",
            Self::List(_) => "/v1.0/groups",
            Self::Count(noun) if users(noun) => "/v1.0/users/$count",
            Self::Count(_) => "/v1.0/groups/$count",
            Self::Delta(noun) if users(noun) => "/v1.0/users/delta",
            Self::Delta(_) => "/v1.0/groups/delta",
            Self::Get(noun, _) if users(noun) => "/v1.0/users/{id}",
            Self::Get(..) => "/v1.0/groups/{id}",
            Self::Members { transitive: true, .. } => "/v1.0/groups/{id}/transitiveMembers",
            Self::Members { .. } => "/v1.0/groups/{id}/members",
            Self::MemberOf { noun, transitive: true, .. } if users(noun) => {
                "/v1.0/users/{id}/transitiveMemberOf"
            }
            Self::MemberOf { transitive: true, .. } => "/v1.0/groups/{id}/transitiveMemberOf",
            Self::MemberOf { noun, .. } if users(noun) => "/v1.0/users/{id}/memberOf",
            Self::MemberOf { .. } => "/v1.0/groups/{id}/memberOf",
            Self::CheckMemberGroups(noun, _) if users(noun) => "/v1.0/users/{id}/checkMemberGroups",
            Self::CheckMemberGroups(..) => "/v1.0/groups/{id}/checkMemberGroups",
            Self::GetByIds => "/v1.0/directoryObjects/getByIds",
            Self::Object(_) => "/v1.0/directoryObjects/{id}",
            Self::Deleted(noun) if users(noun) => {
                "/v1.0/directory/deletedItems/microsoft.graph.user"
            }
            Self::Deleted(_) => "/v1.0/directory/deletedItems/microsoft.graph.group",
            Self::DeletedItem(_) => "/v1.0/directory/deletedItems/{id}",
            Self::Organization => "/v1.0/organization",
            Self::Batch => "/v1.0/$batch",
            Self::ServicePrincipal(_) => "/v1.0/servicePrincipals/{id}",
            Self::AssignedTo(_) => "/v1.0/servicePrincipals/{id}/appRoleAssignedTo",
            Self::Assignments(noun, _) if users(noun) => "/v1.0/users/{id}/appRoleAssignments",
            Self::Assignments(..) => "/v1.0/groups/{id}/appRoleAssignments",
            Self::Subscriptions => "/v1.0/subscriptions",
            Self::Subscription(_) => "/v1.0/subscriptions/{id}",
            Self::Reauthorize(_) => "/v1.0/subscriptions/{id}/reauthorize",
        }
    }

    /// Resource units before modifiers.
    fn base_cost(self) -> i32 {
        match self {
            Self::Members { transitive: true, .. } | Self::GetByIds => 5,
            Self::Members { .. } => 3,
            Self::List(Noun::Users) | Self::Get(Noun::Users, _) | Self::MemberOf { .. } => 2,
            Self::Batch => 0,
            _ => 1,
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::Delta(_) => Family::Delta,
            Self::List(_)
            | Self::Members { .. }
            | Self::MemberOf { .. }
            | Self::Deleted(_)
            | Self::AssignedTo(_)
            | Self::Assignments(..) => Family::List,
            _ => Family::One,
        }
    }

    /// Whether it has a method.
    pub(super) fn allows(self, method: &str) -> bool {
        match self {
            Self::CheckMemberGroups(..) | Self::GetByIds | Self::Batch | Self::Reauthorize(_) => {
                method == "POST"
            }
            Self::Subscriptions => matches!(method, "GET" | "POST"),
            Self::Subscription(_) => matches!(method, "GET" | "PATCH" | "DELETE"),
            _ => method == "GET",
        }
    }

    /// The status of a success.
    pub(super) fn success(self, method: &str) -> u16 {
        match (self, method) {
            (Self::Subscriptions, "POST") => 201,
            (Self::Subscription(_), "DELETE") | (Self::Reauthorize(_), _) => 204,
            _ => 200,
        }
    }
}

const CASTS: [&str; 5] = ["user", "group", "device", "orgContact", "servicePrincipal"];

/// Resource units of a request (A4).
pub(super) fn cost(route: Route<'_>, call: &Call) -> u32 {
    let base = route.base_cost();
    if base == 0 {
        return 0;
    }
    let option = |name: &str| {
        let mut found = call.query.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    };
    let mut cost = base;
    if option("$select").is_some() {
        cost -= if route == Route::GetByIds { 3 } else { 1 };
    }
    if option("$expand").is_some() {
        cost += 1;
    }
    if option("$top").and_then(|top| top.parse::<u32>().ok()).is_some_and(|top| top < 20) {
        cost -= 1;
    }
    cost.max(1).unsigned_abs()
}

/// Rewrites `users('x')` to `users/x`, and `servicePrincipals(appId='x')` to `servicePrincipals/appId=x`.
pub(super) fn key_syntax(path: &str) -> String {
    path.replace("(appId='", "/appId=").replace("('", "/").replace("')", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_sdks_are_understood() {
        let route = |path: &str| {
            let path = key_syntax(path);
            let segments: Vec<&str> = path.split('/').collect();
            Route::of(&segments).map(Route::template)
        };
        for delta in ["delta", "delta()", "microsoft.graph.delta()"] {
            assert_eq!(route(&format!("users/{delta}")), Some("/v1.0/users/delta"));
        }
        assert_eq!(route("users('a@b')"), Some("/v1.0/users/{id}"));
        assert_eq!(
            route("groups/1/members/microsoft.graph.user"),
            Some("/v1.0/groups/{id}/members")
        );
        assert_eq!(route("groups/1/members/microsoft.graph.pizza"), None);
        assert_eq!(route("users/1/members"), None);
        assert_eq!(
            route("servicePrincipals(appId='a')/appRoleAssignedTo"),
            Some("/v1.0/servicePrincipals/{id}/appRoleAssignedTo")
        );
        assert_eq!(
            route("users/1/appRoleAssignments"),
            Some("/v1.0/users/{id}/appRoleAssignments")
        );
        assert_eq!(route("directory/deletedItems/1"), Some("/v1.0/directory/deletedItems/{id}"));
    }
}
