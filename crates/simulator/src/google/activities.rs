//! The Reports API: what administrators did, newest first.
//!
//! Invariant: every edit of people, groups and members since the start is in the logs `admin` and (groups)
//! `groups_enterprise`, as late as control's `delta_ms` says. What was generated was done by nobody.

use serde_json::{Value, json};

use super::{
    Google, SUBJECT,
    access::{Access, Audience, REPORTS},
    error::ApiError,
    listing::{Rows, Sheet, etag},
    mask::Mask,
    order::{group_address, login},
    parameters::Parameters,
    schema,
};
use crate::{
    PageMaximum,
    clock::{parse_time, time_text},
    exchange::Call,
    tenant::{
        ADMIN, ARCHIVED, ENABLED, Member, Tenant, field,
        journal::{Entry, Happening},
    },
};

const PAGE_LIFE_MS: i64 = 3_600_000;
/// The applications that have a log; this simulator writes two of them.
const APPLICATIONS: [&str; 12] = [
    "admin",
    "groups_enterprise",
    "groups",
    "user_accounts",
    "login",
    "token",
    "saml",
    "drive",
    "calendar",
    "mobile",
    "rules",
    "directory_sync",
];
const KNOWN: [&str; 9] = [
    "startTime",
    "endTime",
    "eventName",
    "customerId",
    "orgUnitID",
    "actorIpAddress",
    "groupIdFilter",
    "maxResults",
    "pageToken",
];

/// One log, newest first.
struct Log<'a> {
    tenant: &'a Tenant,
    customer: &'a str,
    application: &'static str,
    event: Option<&'a str>,
    from_ms: i64,
    until_ms: i64,
}

impl Log<'_> {
    fn place(&self, at: usize) -> usize {
        self.tenant.journal.len() - 1 - at
    }

    fn events(&self, entry: &Entry) -> Vec<Value> {
        match self.application {
            "admin" => admin_events(self.tenant, entry.what),
            "groups_enterprise" => group_events(self.tenant, entry.what),
            _ => Vec::new(),
        }
    }
}

impl Rows for Log<'_> {
    fn len(&self) -> usize {
        self.tenant.journal.len()
    }

    fn shows(&self, at: usize) -> bool {
        let entry = self.tenant.journal[self.place(at)];
        if !(self.from_ms..=self.until_ms).contains(&entry.at_ms) {
            return false;
        }
        let events = self.events(&entry);
        match self.event {
            Some(name) => events.iter().any(|event| event["name"] == name),
            None => !events.is_empty(),
        }
    }

    fn key(&self, at: usize) -> String {
        format!("{:012}", self.place(at))
    }

    fn falls(&self) -> bool {
        true
    }

    fn number(&self, at: usize) -> u64 {
        self.place(at) as u64
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let place = self.place(at);
        let entry = self.tenant.journal[place];
        let row = json!({
            "kind": "admin#reports#activity",
            "id": {
                "time": time_text(entry.at_ms, &format!(".{:03}Z", entry.at_ms.rem_euclid(1000))),
                "uniqueQualifier": (place as u64 + 1).wrapping_mul(0x9e37_79b9).to_string(),
                "applicationName": self.application,
                "customerId": self.customer,
            },
            "etag": etag(place as u64, 0),
            "actor": {"callerType": "USER", "email": SUBJECT, "profileId": "100000000000000000001"},
            "ipAddress": "203.0.113.7",
            "events": self.events(&entry),
        });
        out.extend_from_slice(row.to_string().as_bytes());
    }
}

impl Google {
    /// `GET activity/users/{userKey}/applications/{applicationName}`.
    pub(super) fn activities(
        &self,
        (user, application): (&str, &str),
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, REPORTS)?;
        let given = Parameters::read(call, &KNOWN)?;
        self.may_read(access, Audience::Administrators)?;
        let application = APPLICATIONS
            .iter()
            .find(|known| **known == application)
            .ok_or_else(|| ApiError::invalid("applicationName"))?;
        if user != "all" && !user.eq_ignore_ascii_case(SUBJECT) {
            return Err(ApiError::invalid("userKey"));
        }
        let time = |name: &str| -> Result<Option<i64>, ApiError> {
            let text = given.get(name);
            text.map(|text| parse_time(text).ok_or_else(|| ApiError::invalid(name))).transpose()
        };
        let sheet = Sheet {
            kind: "admin#reports#activities",
            list: "items",
            mask: Mask::parse(given.get("fields").unwrap_or("*"), &schema::ACTIVITIES)?,
            query: given.fingerprint(&["startTime", "endTime", "eventName"]),
            token: given.get("pageToken"),
            life_ms: PAGE_LIFE_MS,
            rows: given.page_rows((1_000, 1_000), PageMaximum::Refuse)?,
        };
        let tenant = self.world.read();
        let seen_until = self.world.clock.now_ms() - tenant.lag.delta_ms;
        let (from, until) = (time("startTime")?, time("endTime")?);
        if from.zip(until).is_some_and(|(from, until)| from > until) {
            return Err(ApiError::invalid("startTime"));
        }
        let log = Log {
            tenant: &tenant,
            customer: &self.customer,
            application,
            event: given.get("eventName"),
            from_ms: from.unwrap_or(i64::MIN),
            until_ms: until.unwrap_or(i64::MAX).min(seen_until),
        };
        self.page(&log, &sheet, call)
    }
}

fn event(kind: &str, name: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<Value> =
        parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"type": kind, "name": name, "parameters": parameters})
}

/// What the log of the Admin console calls it.
fn admin_events(tenant: &Tenant, what: Happening) -> Vec<Value> {
    let person = |user: u32, name: &str| {
        vec![event("USER_SETTINGS", name, &[("USER_EMAIL", login(tenant, user))])]
    };
    let group = |at: u32, name: &str| {
        vec![event("GROUP_SETTINGS", name, &[("GROUP_EMAIL", group_address(tenant, at))])]
    };
    match what {
        Happening::UserCreated(user) => person(user, "CREATE_USER"),
        Happening::UserDeleted(user) => person(user, "DELETE_USER"),
        Happening::UserRestored(user) => person(user, "UNDELETE_USER"),
        // Emptying the bin is nobody's act, and there are no assignments.
        Happening::UserErased(_) | Happening::Assigned(..) => Vec::new(),
        Happening::GroupCreated(at) => group(at, "CREATE_GROUP"),
        Happening::GroupDeleted(at) => group(at, "DELETE_GROUP"),
        Happening::Joined(at, member) => membership(tenant, "ADD_GROUP_MEMBER", at, member),
        Happening::Left(at, member) => membership(tenant, "REMOVE_GROUP_MEMBER", at, member),
        Happening::GroupChanged { group: at, fields, was } => {
            let was = tenant.texts.get(was).unwrap_or_default();
            let name = tenant.texts.get(tenant.group(at).card.name).unwrap_or_default();
            let changes = [
                (field::NAME, "CHANGE_GROUP_NAME", name),
                (field::DESCRIPTION, "CHANGE_GROUP_DESCRIPTION", ""),
                (field::ADDRESS, "CHANGE_GROUP_EMAIL", group_address(tenant, at)),
            ];
            let changes = changes.into_iter().filter(|(bit, ..)| fields & bit != 0);
            let named = |(_, name, new): (u32, &str, &str)| {
                event("GROUP_SETTINGS", name, &[("GROUP_EMAIL", was), ("NEW_VALUE", new)])
            };
            changes.map(named).collect()
        }
        Happening::UserChanged { user, fields, was, flags, status: _ } => {
            let was = tenant.texts.get(was).unwrap_or_default();
            let row = tenant.user(user);
            let text = |text| tenant.texts.get(text).unwrap_or_default();
            let turned = |flag: u8| flags.1 & flag != 0;
            let pick = |on: bool, yes, no| if on { yes } else { no };
            let changes = [
                (field::LOGIN, "RENAME_USER", login(tenant, user)),
                (field::FIRST, "CHANGE_FIRST_NAME", text(row.first)),
                (field::LAST, "CHANGE_LAST_NAME", text(row.last)),
                (field::ACTIVE, pick(turned(ENABLED), "UNSUSPEND_USER", "SUSPEND_USER"), ""),
                (field::ARCHIVED, pick(turned(ARCHIVED), "ARCHIVE_USER", "UNARCHIVE_USER"), ""),
                (
                    field::ADMIN,
                    pick(turned(ADMIN), "GRANT_ADMIN_PRIVILEGE", "REVOKE_ADMIN_PRIVILEGE"),
                    "",
                ),
            ];
            let changes = changes.into_iter().filter(|(bit, ..)| fields & bit != 0);
            let named = |(_, name, new): (u32, &str, &str)| {
                event("USER_SETTINGS", name, &[("USER_EMAIL", was), ("NEW_VALUE", new)])
            };
            changes.map(named).collect()
        }
    }
}

fn membership(tenant: &Tenant, name: &str, at: u32, member: Member) -> Vec<Value> {
    let parameters =
        [("GROUP_EMAIL", group_address(tenant, at)), ("USER_EMAIL", address(tenant, member))];
    vec![event("GROUP_SETTINGS", name, &parameters)]
}

fn address(tenant: &Tenant, member: Member) -> &str {
    match member {
        Member::User(at) => login(tenant, at),
        Member::Group(at) => group_address(tenant, at),
        Member::Other(at) => tenant.texts.get(tenant.others[at as usize].name).unwrap_or_default(),
    }
}

/// What the log of groups calls it.
fn group_events(tenant: &Tenant, what: Happening) -> Vec<Value> {
    let one = |name: &str, at: u32, member: Option<Member>| {
        let mut parameters = vec![("group_id", group_address(tenant, at))];
        parameters.extend(member.map(|member| ("member_id", address(tenant, member))));
        vec![event("moderator_action", name, &parameters)]
    };
    match what {
        Happening::GroupCreated(at) => one("create_group", at, None),
        Happening::GroupDeleted(at) => one("delete_group", at, None),
        Happening::Joined(at, member) => one("add_member", at, Some(member)),
        Happening::Left(at, member) => one("remove_member", at, Some(member)),
        _ => Vec::new(),
    }
}
