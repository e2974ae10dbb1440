//! Every path of the protocol that is served, with its methods and what they answer.
//!
//! Invariant: this is what requests are routed by and what `docs/reference/crowd-api.md` is made from; a
//! test asks a running server for each line, so the document cannot say anything else.

use axum::http;

use super::{
    relation::{
        Depth::{Direct, Nested},
        Relation::{ChildGroups, GroupUsers, ParentGroups, UserGroups},
    },
    route::Resource,
    write::Write,
};

/// A path and its methods.
#[derive(Debug)]
pub struct Endpoint {
    /// The path behind the version; a last segment in braces stands for anything without a slash.
    pub path: &'static str,
    /// What is at the path, given that last segment.
    pub(super) resource: fn(String) -> Resource,
    /// What it does, by method; `HEAD` goes with `GET`.
    pub methods: &'static [Method],
}

/// What a path does with a method.
#[derive(Debug)]
pub struct Method {
    /// The method.
    pub name: &'static str,
    /// The status of the answer to a request with which nothing is wrong; 403 where all are refused.
    pub status: u16,
    /// What it is for, in a line.
    pub purpose: &'static str,
    /// The cases of `protocols/crowd.md` section 8 that it is tested by, such as `20–29, 36`.
    pub cases: &'static str,
}

/// A method that is answered.
const fn gives(
    status: u16,
    name: &'static str,
    purpose: &'static str,
    cases: &'static str,
) -> Method {
    Method { name, status, purpose, cases }
}

/// A write, which a read-only server refuses.
const fn refuses(name: &'static str, purpose: &'static str, cases: &'static str) -> Method {
    gives(403, name, purpose, cases)
}

/// All of them; the first that a path matches has it. To serve another method is one line here and its answer in `route::dispatch`.
#[rustfmt::skip]
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint { path: "user", resource: |_| Resource::User, methods: &[
        gives(200, "GET", "a person by `username` or `key`", "20–29"),
        refuses("POST", "add a person", "31, 37–38"),
        refuses("PUT", "change a person", "32, 36"),
        refuses("DELETE", "remove a person", "34"),
    ] },
    Endpoint { path: "user/attribute", resource: |_| Resource::UserAttribute, methods: &[
        gives(200, "GET", "a person's attributes, of which there are none", "30"),
        refuses("POST", "store attributes of a person", "34"),
        refuses("DELETE", "remove an attribute of a person", "34"),
    ] },
    Endpoint { path: "user/password", resource: |_| Resource::UserWrite(Write::Password), methods: &[
        refuses("PUT", "change a password", "33"),
        refuses("DELETE", "remove a password", "33"),
    ] },
    Endpoint { path: "user/rename", resource: |_| Resource::UserWrite(Write::Rename), methods: &[
        refuses("POST", "rename a person", "34, 39"),
    ] },
    Endpoint { path: "user/mail/password", resource: |_| Resource::UserWrite(Write::MailPassword), methods: &[
        refuses("POST", "mail a link to a new password", "35"),
    ] },
    Endpoint { path: "user/mail/usernames", resource: |_| Resource::UserWrite(Write::MailNames), methods: &[
        refuses("POST", "mail the user names of an address", "35"),
    ] },
    Endpoint { path: "user/expire-all-passwords", resource: |_| Resource::UserWrite(Write::ExpirePasswords), methods: &[
        refuses("POST", "make everybody choose a new password", "34"),
    ] },
    Endpoint { path: "user/group/direct", resource: |_| Resource::Relation(UserGroups, Direct), methods: &[
        gives(200, "GET", "the groups that a person is in, or with `groupname` whether they are in it", "43–47, 49, 59–63"),
        refuses("POST", "put a person into a group", "56–57"),
        refuses("DELETE", "take a person out of a group", "56"),
    ] },
    Endpoint { path: "user/group/nested", resource: |_| Resource::Relation(UserGroups, Nested), methods: &[
        gives(200, "GET", "the same with the groups that these groups are in", "48"),
    ] },
    Endpoint { path: "group", resource: |_| Resource::Group, methods: &[
        gives(200, "GET", "a group by `groupname`", "40–42"),
        refuses("POST", "add a group", ""),
        refuses("PUT", "change a group", ""),
        refuses("DELETE", "remove a group", ""),
    ] },
    Endpoint { path: "group/attribute", resource: |_| Resource::GroupAttribute, methods: &[
        gives(200, "GET", "a group's attributes, of which there are none", ""),
        refuses("POST", "store attributes of a group", ""),
        refuses("DELETE", "remove an attribute of a group", ""),
    ] },
    Endpoint { path: "group/membership", resource: |_| Resource::Memberships, methods: &[
        gives(200, "GET", "every group with its direct members, always XML", "64–70"),
    ] },
    Endpoint { path: "group/user/direct", resource: |_| Resource::Relation(GroupUsers, Direct), methods: &[
        gives(200, "GET", "the people in a group, or with `username` whether somebody is", "50–51, 59–63"),
        refuses("POST", "put a person into a group", "56–57"),
        refuses("DELETE", "take a person out of a group", "56"),
    ] },
    Endpoint { path: "group/user/nested", resource: |_| Resource::Relation(GroupUsers, Nested), methods: &[
        gives(200, "GET", "the same with the people of the groups in it", "52"),
    ] },
    Endpoint { path: "group/child-group/direct", resource: |_| Resource::Relation(ChildGroups, Direct), methods: &[
        gives(200, "GET", "the groups in a group, or with `child-groupname` whether one is", "53"),
        refuses("POST", "put a group into a group", "58"),
        refuses("DELETE", "take a group out of a group", "56"),
    ] },
    Endpoint { path: "group/child-group/nested", resource: |_| Resource::Relation(ChildGroups, Nested), methods: &[
        gives(200, "GET", "the same with the groups in these", "53"),
    ] },
    Endpoint { path: "group/parent-group/direct", resource: |_| Resource::Relation(ParentGroups, Direct), methods: &[
        gives(200, "GET", "the groups that a group is in, or with `parent-groupname` whether it is", "54"),
        refuses("POST", "put a group into a group", "58"),
    ] },
    Endpoint { path: "group/parent-group/nested", resource: |_| Resource::Relation(ParentGroups, Nested), methods: &[
        gives(200, "GET", "the same with the groups that these are in", "54"),
    ] },
    Endpoint { path: "search", resource: |_| Resource::Search, methods: &[
        gives(200, "GET", "people or groups that a CQL `restriction` admits", "61, 82–88"),
        gives(200, "POST", "people or groups that the restriction in the body admits", "71–81, 125"),
    ] },
    Endpoint { path: "authentication", resource: |_| Resource::Authentication, methods: &[
        gives(200, "POST", "whether a password is right; 500 while no directory checks passwords, so that products ask their next one", "89–96"),
    ] },
    Endpoint { path: "authentication/notify", resource: |_| Resource::Notification, methods: &[
        gives(200, "POST", "somebody was authenticated elsewhere", "97"),
    ] },
    // Before `session`: an empty token is an unknown one.
    Endpoint { path: "session/{token}", resource: Resource::Session, methods: &[
        gives(200, "GET", "a single sign-on session with its person", "103, 106"),
        gives(200, "POST", "whether a session is valid for a client; that makes it last", "102, 106"),
        gives(204, "DELETE", "end a session", "104"),
    ] },
    Endpoint { path: "session", resource: |_| Resource::Sessions, methods: &[
        gives(201, "POST", "begin a session, with a password check or without (`validate-password=false`)", "98–101"),
        gives(204, "DELETE", "end all sessions of a person, but the one to `exclude`", "105"),
    ] },
    Endpoint { path: "config/cookie", resource: |_| Resource::Cookie, methods: &[
        gives(200, "GET", "how the single sign-on cookie is called", "107"),
    ] },
    Endpoint { path: "webhook/{id}", resource: Resource::Webhook, methods: &[
        gives(200, "GET", "a webhook of the application", ""),
        gives(204, "DELETE", "remove a webhook", ""),
    ] },
    Endpoint { path: "webhook", resource: |_| Resource::Webhooks, methods: &[
        gives(201, "POST", "an address that gets an empty `POST` when there is something new", ""),
    ] },
    // Before `event`: an empty token is an expired one, not the question for a new one.
    Endpoint { path: "event/{token}", resource: Resource::Events, methods: &[
        gives(200, "GET", "what happened since a token", "109–124, 126"),
    ] },
    Endpoint { path: "event", resource: |_| Resource::Event, methods: &[
        gives(200, "GET", "the present position, as a token", "108, 124"),
    ] },
];

impl Endpoint {
    /// What stands in the place of the braces, or nothing, if a path is this endpoint's.
    pub(super) fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.path.split_once('{') {
            Some((start, _)) => path.strip_prefix(start).filter(|token| !token.contains('/')),
            None => (path.strip_suffix('/').unwrap_or(path) == self.path).then_some(""),
        }
    }

    /// Whether it knows a method.
    pub(super) fn allows(&self, method: &http::Method) -> bool {
        self.methods.iter().any(|known| known.name == method.as_str())
    }

    /// The methods it knows, as the `Allow` header has them.
    pub(super) fn allowed(&self) -> String {
        let names = self.methods.iter().map(|method| match method.name {
            "GET" => "GET, HEAD",
            name => name,
        });
        names.collect::<Vec<_>>().join(", ")
    }
}
