//! `apps`: one application with people and groups assigned to it, and the directory that imported groups come from.
//!
//! Invariant: the users of the application are those to whom it is assigned themselves and the members of the groups
//! to which it is assigned, each once; a direct assignment goes before one through a group.

use serde_json::{Value, json};

use super::{
    JSON, Okta,
    access::{APPS, Access},
    error::ApiError,
    groups,
    listing::{Limit, Over, Rows, key_position, position_key},
    person::{Links, Parts, Style, push_time, times},
};
use crate::{
    clock::time_text,
    exchange::{Call, Reply},
    json::push_text,
    tenant::{Life, Member, Tenant},
};

pub(super) const LIST: &str = "/api/v1/apps";
pub(super) const ONE: &str = "/api/v1/apps/{id}";
pub(super) const USERS: &str = "/api/v1/apps/{id}/users";
pub(super) const USER: &str = "/api/v1/apps/{id}/users/{userId}";
pub(super) const GROUPS: &str = "/api/v1/apps/{id}/groups";
pub(super) const GROUP: &str = "/api/v1/apps/{id}/groups/{groupId}";
const APP_LIMIT: Limit = Limit { default: 20, maximum: 200, over: Over::Refuse };
const USER_LIMIT: Limit = Limit { default: 50, maximum: 500, over: Over::Refuse };
const GROUP_LIMIT: Limit = Limit { default: 20, maximum: 200, over: Over::Refuse };

/// The application's id.
pub(super) fn app_id(tenant: &Tenant) -> String {
    tenant.key_of(Member::Other(0))
}

/// Name, label and mode of the applications there are.
const KNOWN: [(&str, &str, &str); 2] = [
    ("jira_onprem", "Jira (on premises)", "SAML_2_0"),
    ("active_directory", "corp.initech.example", "AUTO_LOGIN"),
];

/// People with the application.
struct Users<'a> {
    style: Style<'a>,
    app: &'a str,
    order: Vec<u32>,
    embeds: bool,
}

impl Rows for Users<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn shows(&self, _: usize) -> bool {
        true
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.order[at])
    }

    fn key(&self, at: usize) -> Vec<u8> {
        position_key(self.order[at])
    }

    fn place_after(&self, key: &[u8]) -> usize {
        let last = key_position(key).unwrap_or_default();
        self.order.partition_point(|user| *user <= last)
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        self.write_user(out, self.order[at]);
    }
}

impl Users<'_> {
    fn write_user(&self, out: &mut Vec<u8>, at: u32) {
        let tenant = self.style.tenant;
        let row = tenant.user(at);
        let known = times(tenant, at, row);
        let text = |text| tenant.texts.get(text);
        let direct = tenant.org.app_users.contains(&at);
        out.extend_from_slice(b"{\"id\":\"");
        tenant.push_okta_id(out, Member::User(at));
        out.extend_from_slice(b"\",\"externalId\":null,\"created\":");
        push_time(out, Some(known.created));
        out.extend_from_slice(b",\"lastUpdated\":");
        push_time(out, Some(known.last_updated));
        out.extend_from_slice(if direct {
            b",\"scope\":\"USER\",\"status\":\"ACTIVE\",\"statusChanged\":"
        } else {
            b",\"scope\":\"GROUP\",\"status\":\"ACTIVE\",\"statusChanged\":"
        });
        push_time(out, Some(known.created));
        out.extend_from_slice(b",\"passwordChanged\":null,\"syncState\":\"DISABLED\"");
        out.extend_from_slice(b",\"credentials\":{\"userName\":");
        push_text(out, text(row.login).unwrap_or_default());
        out.extend_from_slice(b"},\"profile\":{");
        for (name, value) in
            [("email", row.email), ("firstName", row.first), ("lastName", row.last)]
        {
            if let Some(value) = text(value) {
                push_text(out, name);
                out.push(b':');
                push_text(out, value);
                out.push(b',');
            }
        }
        super::person::close(out, b'}');
        let base = self.style.base;
        let mut links = json!({
            "app": {"href": format!("{base}/api/v1/apps/{}", self.app)},
            "user": {"href": format!("{base}/api/v1/users/{}", tenant.key_of(Member::User(at)))},
        });
        if !direct && let Some((id, name)) = self.group_of(at) {
            links["group"] = json!({"name": name, "href": format!("{base}/api/v1/groups/{id}")});
        }
        out.extend_from_slice(format!(",\"_links\":{links}").as_bytes());
        if self.embeds {
            out.extend_from_slice(b",\"_embedded\":{\"user\":");
            self.style.write(out, at, row, Life::Live);
            out.push(b'}');
        }
        out.push(b'}');
    }

    /// The group through which somebody has the application.
    fn group_of(&self, user: u32) -> Option<(String, String)> {
        let tenant = self.style.tenant;
        let mut groups = tenant.org.app_groups.iter();
        let group = groups.find(|group| tenant.is_member(**group, Member::User(user)))?;
        let name = tenant.texts.get(tenant.group(*group).card.name).unwrap_or_default();
        Some((tenant.key_of(Member::Group(*group)), name.to_owned()))
    }
}

/// Groups with the application.
struct Assigned<'a> {
    style: groups::Style<'a>,
    app: &'a str,
    groups: Vec<u32>,
    embeds: bool,
}

impl Rows for Assigned<'_> {
    fn len(&self) -> usize {
        self.groups.len()
    }

    fn shows(&self, at: usize) -> bool {
        self.style.tenant.member_is_live(Member::Group(self.groups[at]))
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.groups[at])
    }

    fn key(&self, at: usize) -> Vec<u8> {
        position_key(self.groups[at])
    }

    fn place_after(&self, key: &[u8]) -> usize {
        let last = key_position(key).unwrap_or_default();
        self.groups.partition_point(|group| *group <= last)
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let group = self.groups[at];
        let (tenant, base) = (self.style.tenant, self.style.base);
        let id = tenant.key_of(Member::Group(group));
        let created = i64::from(tenant.group(group).card.created_s) * 1000;
        let row = json!({
            "id": id,
            "lastUpdated": time_text(created, ".000Z"),
            "priority": at,
            "profile": {},
            "_links": {
                "app": {"href": format!("{base}/api/v1/apps/{}", self.app)},
                "group": {"href": format!("{base}/api/v1/groups/{id}")},
                "self": {"href": format!("{base}/api/v1/apps/{}/groups/{id}", self.app)},
            },
        });
        let text = row.to_string();
        if !self.embeds {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.extend_from_slice(&text.as_bytes()[..text.len() - 1]);
        out.extend_from_slice(b",\"_embedded\":{\"group\":");
        self.style.write(out, group, &tenant.group(group).card);
        out.extend_from_slice(b"}}");
    }
}

/// Applications.
struct Applications<'a> {
    tenant: &'a Tenant,
    base: &'a str,
}

impl Rows for Applications<'_> {
    fn len(&self) -> usize {
        KNOWN.len()
    }

    fn shows(&self, _: usize) -> bool {
        true
    }

    fn number(&self, at: usize) -> u64 {
        at as u64
    }

    fn key(&self, at: usize) -> Vec<u8> {
        position_key(at as u32)
    }

    fn place_after(&self, key: &[u8]) -> usize {
        key_position(key).unwrap_or_default() as usize + 1
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let row = application(self.tenant, self.base, at);
        out.extend_from_slice(row.to_string().as_bytes());
    }
}

fn application(tenant: &Tenant, base: &str, at: usize) -> Value {
    let id = tenant.key_of(Member::Other(at as u32));
    let (name, label, mode) = KNOWN[at];
    let own = format!("{base}/api/v1/apps/{id}");
    json!({
        "id": id,
        "name": name,
        "label": label,
        "status": "ACTIVE",
        "created": "2025-03-01T09:00:00.000Z",
        "lastUpdated": "2025-03-01T09:30:00.000Z",
        "accessibility": {"selfService": false, "errorRedirectUrl": null, "loginRedirectUrl": null},
        "visibility": {"autoSubmitToolbar": false, "hide": {"iOS": false, "web": false}},
        "features": [],
        "signOnMode": mode,
        "credentials": {"userNameTemplate": {"template": "${source.login}", "type": "BUILT_IN"}},
        "settings": {"app": {}},
        "_links": {
            "users": {"href": format!("{own}/users")},
            "groups": {"href": format!("{own}/groups")},
            "self": {"href": own},
        },
    })
}

/// What is asked of an application.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Itself,
    Users,
    User(&'a str),
    Groups,
    Group(&'a str),
}

impl Okta {
    /// `GET apps`.
    pub(super) fn apps(&self, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, APPS)?;
        let tenant = self.world.read();
        let rows = Applications { tenant: &tenant, base: &call.base };
        self.page(&rows, APP_LIMIT, call, LIST)
    }

    /// `GET apps/{id}` and below.
    pub(super) fn app(
        &self,
        (id, part): (&str, Part<'_>),
        call: &Call,
        access: &Access,
    ) -> Result<Reply, ApiError> {
        self.admit(access, APPS)?;
        let tenant = self.world.read_with_lookup();
        let ids = (0..KNOWN.len()).map(|at| tenant.key_of(Member::Other(at as u32)));
        let at = ids.enumerate().find(|(_, one)| one == id).map(|(at, _)| at);
        let at = at.ok_or_else(|| ApiError::not_found(id, "AppInstance"))?;
        // Only the first one is assigned to anybody.
        let assigned = at == 0;
        let embeds = |what: &str| call.option("expand") == Some(what);
        let style = Style { tenant: &tenant, base: &call.base, parts: Parts::whole(Links::Own) };
        let users = if assigned { tenant.assigned_users() } else { Vec::new() };
        let users = Users { style, app: id, order: users, embeds: embeds("user") };
        let now_ms = self.world.clock.now_ms();
        let style = groups::Style { tenant: &tenant, base: &call.base, stats: false, now_ms };
        let groups = tenant.org.app_groups.iter().copied().filter(|_| assigned).collect();
        let groups = Assigned { style, app: id, groups, embeds: embeds("group") };
        match part {
            Part::Itself => {
                let row = application(&tenant, &call.base, at);
                Ok(Reply::new(ONE, JSON, row.to_string().into_bytes()))
            }
            Part::Users => self.page(&users, USER_LIMIT, call, USERS),
            Part::Groups => self.page(&groups, GROUP_LIMIT, call, GROUPS),
            Part::User(key) => {
                let at = self.find_user(&tenant, key)?;
                let place = users.order.binary_search(&at);
                let place = place.map_err(|_| ApiError::not_found(key, "AppUser"))?;
                let mut out = Vec::new();
                users.write(&mut out, place);
                Ok(Reply::new(USER, JSON, out))
            }
            Part::Group(key) => {
                let at = self.find_group(&tenant, key)?;
                let place = groups.groups.binary_search(&at);
                let place = place.map_err(|_| ApiError::not_found(key, "GroupAssignment"))?;
                let mut out = Vec::new();
                groups.write(&mut out, place);
                Ok(Reply::new(GROUP, JSON, out))
            }
        }
    }
}
