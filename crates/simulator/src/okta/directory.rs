//! The organisation's paths, and what all answers have.
//!
//! Invariant: every answer has the rate limit's headers, a date by the virtual clock, and an id; every refusal has
//! Okta's envelope, except those that a header tells.

use super::{
    Okta,
    access::NOTHING,
    apps,
    error::ApiError,
    groups, hooks, login, members,
    organization::{DISCOVERY, KEYS, ORGANIZATION},
    quota::{Bucket, Verdict, Who},
    users,
};
use crate::{
    chance::draw,
    clock::http_date,
    counters::Violation,
    exchange::{Call, Reply},
};

/// Where unknown paths are counted.
const UNKNOWN: &str = "/unknown";

/// What a path names.
#[derive(Debug, Clone, Copy)]
enum Method<'a> {
    Users,
    User(&'a str),
    GroupsOf(&'a str),
    Groups,
    Group(&'a str),
    Members(&'a str),
    Apps,
    App(&'a str, apps::Part<'a>),
    Logs,
    Hooks(hooks::Part<'a>),
    Authn,
}

/// A method, its template for counting, and what it is counted with.
type Found<'a> = (Method<'a>, &'static str, Bucket);

/// The method of a path of the API.
fn find<'a>(path: &[&'a str]) -> Option<Found<'a>> {
    let ["api", "v1", rest @ ..] = path else {
        return None;
    };
    Some(match *rest {
        ["users"] => (Method::Users, users::LIST, Bucket::Users),
        ["users", id] => (Method::User(id), users::ONE, Bucket::User),
        ["users", id, "groups"] => (Method::GroupsOf(id), users::GROUPS_OF, Bucket::Other),
        ["groups"] => (Method::Groups, groups::LIST, Bucket::Groups),
        ["groups", id] => (Method::Group(id), groups::ONE, Bucket::Group),
        ["groups", id, "users"] => (Method::Members(id), members::ROUTE, Bucket::Groups),
        ["apps"] => (Method::Apps, apps::LIST, Bucket::Apps),
        ["apps", id] => (Method::App(id, apps::Part::Itself), apps::ONE, Bucket::App),
        ["apps", id, "users"] => (Method::App(id, apps::Part::Users), apps::USERS, Bucket::App),
        ["apps", id, "users", user] => {
            (Method::App(id, apps::Part::User(user)), apps::USER, Bucket::App)
        }
        ["apps", id, "groups"] => (Method::App(id, apps::Part::Groups), apps::GROUPS, Bucket::App),
        ["apps", id, "groups", group] => {
            (Method::App(id, apps::Part::Group(group)), apps::GROUP, Bucket::App)
        }
        ["logs"] => (Method::Logs, super::logs::ROUTE, Bucket::Logs),
        ["eventHooks"] => (Method::Hooks(hooks::Part::List), hooks::LIST, Bucket::Other),
        ["eventHooks", id] => (Method::Hooks(hooks::Part::One(id)), hooks::ONE, Bucket::Other),
        ["eventHooks", id, "lifecycle", operation] => {
            let part = hooks::Part::Lifecycle(id, operation);
            (Method::Hooks(part), hooks::LIFECYCLE, Bucket::Other)
        }
        ["authn"] => (Method::Authn, super::authn::ROUTE, Bucket::Other),
        _ => return None,
    })
}

fn segments(call: &Call) -> Vec<&str> {
    call.path.split('/').filter(|part| !part.is_empty()).collect()
}

/// What a request is counted with, by its address alone.
pub(super) fn bucket_of(call: &Call) -> Bucket {
    find(&segments(call)).map_or(Bucket::Other, |(.., bucket)| bucket)
}

/// Who a request says it is, whether or not that is true.
pub(super) fn who_says(call: &Call) -> Who {
    match call.header("authorization") {
        Some(header) if header.starts_with("SSWS") => Who::Token,
        Some(_) => Who::App,
        None => Who::Everybody,
    }
}

impl Okta {
    /// Answers a request.
    pub(super) fn answer_call(&self, call: &Call) -> Reply {
        let path = segments(call);
        let open = match (call.method.as_str(), call.path.as_str()) {
            ("GET", ORGANIZATION) => Some(self.organization(call)),
            ("GET", DISCOVERY) => Some(Self::discovery(call)),
            ("GET", KEYS) => Some(self.keys()),
            (_, "/oauth2/v1/token") => Some(self.token(call)),
            _ if matches!(path.as_slice(), ["oauth2", _, "v1", "token"]) => {
                Some(login::elsewhere())
            }
            _ => None,
        };
        if let Some(reply) = open {
            let verdict = self.count(Bucket::Other, Who::Everybody);
            let reply = if verdict.refused {
                self.refuse(&ApiError::code("E0000047"), call, reply.route)
            } else {
                reply
            };
            return self.dress(reply, verdict);
        }
        let Some((method, route, bucket)) = find(&path) else {
            let error = ApiError::code("E0000008");
            let verdict = self.count(Bucket::Other, Who::Everybody);
            return self.dress(self.refuse(&error, call, UNKNOWN), verdict);
        };
        let access = match method {
            Method::Authn => None,
            _ => Some(self.access(call)),
        };
        let who = match &access {
            Some(Ok(access)) => access.who(),
            _ => Who::Everybody,
        };
        let verdict = self.count(bucket, who);
        let answered = match access {
            Some(Err(error)) => Err(error),
            _ if verdict.refused => Err(ApiError::code("E0000047")),
            None if call.method == "POST" => self.authn(call),
            None => Err(ApiError::code("E0000022")),
            Some(Ok(access)) => self.method(method, call, &access),
        };
        let reply = answered.unwrap_or_else(|error| self.refuse(&error, call, route));
        self.dress(reply, verdict)
    }

    fn method(
        &self,
        method: Method<'_>,
        call: &Call,
        access: &super::access::Access,
    ) -> Result<Reply, ApiError> {
        if let Method::Hooks(part) = method {
            return self.hooks(part, call, access);
        }
        match call.method.as_str() {
            "GET" => {}
            // Everything that writes needs scopes that no token here has.
            "POST" | "PUT" | "PATCH" | "DELETE" => self.admit(access, NOTHING)?,
            _ => return Err(ApiError::code("E0000022")),
        }
        match method {
            Method::Users => self.users(call, access),
            Method::User(key) => self.user(key, call, access),
            Method::GroupsOf(key) => self.groups_of_user(key, call, access),
            Method::Groups => self.groups(call, access),
            Method::Group(id) => self.group(id, call, access),
            Method::Members(id) => self.members(id, call, access),
            Method::Apps => self.apps(call, access),
            Method::App(id, part) => self.app((id, part), call, access),
            Method::Logs => self.logs(call, access),
            Method::Hooks(_) | Method::Authn => Err(ApiError::code("E0000022")),
        }
    }

    /// Counts a request.
    fn count(&self, bucket: Bucket, who: Who) -> Verdict {
        let (now, under_way) = (self.world.clock.now_ms(), self.world.counters.under_way());
        let verdict = self.limits.spend(bucket, who, under_way, now);
        if verdict.impatient {
            self.world.counters.violation(Violation::RetryBeforeRetryAfter);
        }
        verdict
    }

    /// The reply for an error.
    pub(super) fn refuse(&self, error: &ApiError, call: &Call, route: &'static str) -> Reply {
        let path = &call.path;
        error.reply(route, (&call.base, path), self.world.next_number())
    }

    /// Gives a reply what all have.
    pub(super) fn dress(&self, reply: Reply, verdict: Verdict) -> Reply {
        let number = self.world.next_number();
        let draws = |at| draw(self.world.seed ^ number, 0x4e9, at);
        reply
            .with_header("date", http_date(self.world.clock.now_ms()))
            .with_header("x-okta-request-id", crate::tenant::key::okta_signs("", 27, draws))
            .with_header("x-rate-limit-limit", verdict.limit.to_string())
            .with_header("x-rate-limit-remaining", verdict.remaining.to_string())
            .with_header("x-rate-limit-reset", verdict.reset_s.to_string())
            .with_header("cache-control", "no-cache, no-store".to_owned())
    }
}
