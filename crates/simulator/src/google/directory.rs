//! The Admin SDK's paths.
//!
//! Invariant: every answer that is not a success has one of Google's envelopes; a path that does not exist gets
//! Google's page for people, with 404.

use super::{
    Google, JSON,
    access::{Access, NOTHING},
    api_error,
    channels::STOP,
    error::ApiError,
};
use crate::exchange::{Call, Reply};

/// Where unknown paths are counted.
const UNKNOWN: &str = "/unknown";

/// What a path names.
#[derive(Debug, Clone, Copy)]
enum Method<'a> {
    Users,
    User(&'a str),
    Groups,
    Group(&'a str),
    Members(&'a str),
    Member(&'a str, &'a str),
    HasMember(&'a str, &'a str),
    OrgUnits(&'a str),
    Activities(&'a str, &'a str),
    Watch,
    Stop,
}

impl<'a> Method<'a> {
    /// The method of a path, with its template for counting.
    fn of(path: &[&'a str]) -> Option<(Self, &'static str)> {
        let (base, rest) = path.split_at_checked(3)?;
        let found = match (base, rest) {
            (["admin", "directory", "v1"], rest) => match *rest {
                ["users"] => (Self::Users, "/admin/directory/v1/users"),
                ["users", "watch"] => (Self::Watch, "/admin/directory/v1/users/watch"),
                ["users", key] => (Self::User(key), "/admin/directory/v1/users/{userKey}"),
                ["groups"] => (Self::Groups, "/admin/directory/v1/groups"),
                ["groups", key] => (Self::Group(key), "/admin/directory/v1/groups/{groupKey}"),
                ["groups", key, "members"] => {
                    (Self::Members(key), "/admin/directory/v1/groups/{groupKey}/members")
                }
                ["groups", key, "members", member] => (
                    Self::Member(key, member),
                    "/admin/directory/v1/groups/{groupKey}/members/{memberKey}",
                ),
                ["groups", key, "hasMember", member] => (
                    Self::HasMember(key, member),
                    "/admin/directory/v1/groups/{groupKey}/hasMember/{memberKey}",
                ),
                ["customer", customer, "orgunits"] => {
                    (Self::OrgUnits(customer), "/admin/directory/v1/customer/{customerId}/orgunits")
                }
                _ => return None,
            },
            (["admin", "reports", "v1"], ["activity", "users", user, "applications", name]) => (
                Self::Activities(user, name),
                "/admin/reports/v1/activity/users/{userKey}/applications/{applicationName}",
            ),
            (["admin", "directory_v1", "channels"], ["stop"]) => (Self::Stop, STOP),
            _ => return None,
        };
        Some(found)
    }
}

impl Google {
    /// Answers a request below the Admin SDK's host.
    pub(super) fn answer_api(&self, call: &Call) -> Reply {
        if call.path == "/batch" || call.path.starts_with("/batch/") {
            return self.batch(call);
        }
        self.answer_one(call, None)
    }

    /// Answers one request, with the credentials of the batch around it if it has none.
    pub(super) fn answer_one(&self, call: &Call, outer: Option<&Call>) -> Reply {
        let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        let Some((method, route)) = Method::of(&path) else {
            return no_page();
        };
        let answered = self.method(call, method, outer);
        let body = match answered {
            Ok(body) => body,
            Err(error) => return api_error(&error, route),
        };
        if body.is_empty() {
            return Reply { status: 204, ..Reply::new(route, JSON, body) };
        }
        let tag = tag_of(&body);
        let known = call.header("if-none-match");
        let reply = if tag.is_some() && tag.as_deref() == known {
            Reply { status: 304, ..Reply::new(route, JSON, Vec::new()) }
        } else {
            Reply::new(route, JSON, body)
        };
        let reply = reply.with_header("vary", "Origin, X-Origin, Referer".to_owned());
        match tag {
            Some(tag) => reply.with_header("etag", tag),
            None => reply,
        }
    }

    fn method(
        &self,
        call: &Call,
        method: Method<'_>,
        outer: Option<&Call>,
    ) -> Result<Vec<u8>, ApiError> {
        let own = call.header("authorization").is_some() || call.option("access_token").is_some();
        let access: Access = match outer {
            Some(outer) if !own => self.access(outer)?,
            _ => self.access(call)?,
        };
        let calls = matches!(method, Method::Watch | Method::Stop) && call.method == "POST";
        if call.method != "GET" && !calls {
            // All methods that are not reading need scopes that no token here has.
            self.admit(&access, NOTHING)?;
        }
        match method {
            Method::Watch if calls => self.watch(call, &access),
            Method::Stop if calls => self.stop_channel(call, &access),
            Method::Watch => self.user("watch", call, &access),
            Method::Stop => Err(ApiError::not_found("channel")),
            Method::Users => self.users(call, &access),
            Method::User(key) => self.user(key, call, &access),
            Method::Groups => self.groups(call, &access),
            Method::Group(key) => self.group(key, call, &access),
            Method::Members(key) => self.members(key, call, &access),
            Method::Member(key, member) => self.get_member((key, member), call, &access),
            Method::HasMember(key, member) => self.has_member((key, member), call, &access),
            Method::OrgUnits(customer) => self.org_units(customer, call, &access),
            Method::Activities(user, name) => self.activities((user, name), call, &access),
        }
    }
}

/// The tag of a document that we wrote: it stands before anything long, so that not all of a page is read for it.
fn tag_of(body: &[u8]) -> Option<String> {
    let head = &body[..body.len().min(400)];
    let text = std::str::from_utf8(head)
        .or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]));
    let mut rest = text.ok()?.strip_prefix('{')?;
    while let Some(after) =
        ["\"kind\":\"", "\"id\":\""].iter().find_map(|name| rest.strip_prefix(name))
    {
        rest = after.split_once("\",")?.1;
    }
    let quoted = rest.strip_prefix("\"etag\":\"\\\"")?;
    let (tag, _) = quoted.split_once("\\\"\"")?;
    Some(format!("\"{tag}\""))
}

/// Google's page for paths that do not exist.
pub(super) fn no_page() -> Reply {
    let page = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p>The \
                requested URL was not found on this server. <ins>That's all we know.</ins>\n";
    Reply::html(404, UNKNOWN, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_tag_of_the_document_only() {
        let list = br#"{"kind":"admin#directory#users","etag":"\"a/b\"","users":[]}"#;
        assert_eq!(tag_of(list).as_deref(), Some("\"a/b\""));
        let one = br#"{"kind":"k","id":"1","etag":"\"c/d\"","name":{}}"#;
        assert_eq!(tag_of(one).as_deref(), Some("\"c/d\""));
        assert_eq!(tag_of(br#"{"users":[{"etag":"\"a/b\""}]}"#), None);
    }
}
