//! How a person is written.
//!
//! Invariant: a null of the profile is written out or left out, by a coin of that person and field, as organisations
//! do with profiles of different ages; all else is always there unless `fields` or the content type leave it out.

use serde_json::json;

use crate::{
    chance::draw,
    clock::write_time,
    exchange::Call,
    json::push_text,
    tenant::{Life, Member, Tenant, User, org::Status, text::Text},
};

/// What is written of a person, in this order.
pub(super) const COLUMNS: [&str; 13] = [
    "id",
    "status",
    "created",
    "activated",
    "statusChanged",
    "lastLogin",
    "lastUpdated",
    "passwordChanged",
    "type",
    "profile",
    "credentials",
    "transitioningToStatus",
    "_links",
];
/// The profile's attributes; the last ones are the organisation's own.
pub(super) const PROFILE: [&str; 16] = [
    "login",
    "email",
    "secondEmail",
    "firstName",
    "lastName",
    "displayName",
    "mobilePhone",
    "department",
    "title",
    "organization",
    "employeeNumber",
    "userType",
    "officeLocation",
    "badges",
    "floor",
    "remote",
];
/// Attributes that are written out even if they are null.
const ALWAYS: [&str; 6] = ["login", "email", "secondEmail", "firstName", "lastName", "mobilePhone"];

/// Which parts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// Bits of [`COLUMNS`].
    columns: u32,
    /// Bits of [`PROFILE`].
    profile: u32,
    /// Whether links to lifecycle operations are written besides the one to itself.
    links: Links,
}

/// Which links are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// To itself only, as in lists.
    Own,
    /// To all operations.
    All,
    /// To all operations but those on credentials.
    NoCredentials,
}

impl Parts {
    /// Everything, with these links.
    pub(super) fn whole(links: Links) -> Self {
        Self { columns: (1 << COLUMNS.len()) - 1, profile: (1 << PROFILE.len()) - 1, links }
    }

    /// Without what the content type of a request leaves out (`okta-response=…`).
    pub(super) fn of_request(call: &Call, links: Links) -> Self {
        let mut parts = Self::whole(links);
        let header = call.header("content-type").unwrap_or_default();
        let Some((_, options)) = header.split_once("okta-response=") else {
            return parts;
        };
        let options = options.split(';').next().unwrap_or_default().replace('"', "");
        for option in options.split(',').map(str::trim) {
            if option.eq_ignore_ascii_case("omitCredentials") {
                parts.columns &= !column("credentials");
            } else if option.eq_ignore_ascii_case("omitTransitioningToStatus") {
                parts.columns &= !column("transitioningToStatus");
            } else if option.eq_ignore_ascii_case("omitCredentialsLinks")
                && parts.links == Links::All
            {
                parts.links = Links::NoCredentials;
            }
        }
        parts
    }

    /// What `fields` selects of it: `id,status,profile:(login,email)`; `None` if that cannot be read.
    pub(super) fn select(mut self, fields: &str) -> Option<Self> {
        let (mut columns, mut profile) = (0, 0);
        let mut rest = fields.trim();
        while !rest.is_empty() {
            let end = rest.find([',', ':']).unwrap_or(rest.len());
            let name = rest[..end].trim();
            if name.is_empty() || name.contains(['(', ')']) {
                return None;
            }
            columns |= column(name);
            rest = &rest[end..];
            if let Some(list) = rest.strip_prefix(":(") {
                let (inside, after) = list.split_once(')')?;
                for name in inside.split(',').map(str::trim) {
                    let place = PROFILE.iter().position(|known| *known == name);
                    profile |= place.map_or(0, |place| 1 << place);
                }
                rest = after;
            } else if name == "profile" {
                profile = u32::MAX;
            }
            match rest.strip_prefix(',') {
                Some(after) if !after.trim().is_empty() => rest = after.trim_start(),
                None if rest.is_empty() => break,
                _ => return None,
            }
        }
        self.columns &= columns;
        self.profile &= profile;
        Some(self)
    }

    fn has(self, place: usize) -> bool {
        self.columns & (1 << place) != 0
    }
}

/// The bit of a column; 0 if there is none.
fn column(name: &str) -> u32 {
    COLUMNS.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
}

/// How people are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) tenant: &'a Tenant,
    /// Where the organisation is.
    pub(super) base: &'a str,
    pub(super) parts: Parts,
}

/// Times of a person that are made up of when they were created, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) created: i64,
    pub(super) activated: Option<i64>,
    pub(super) status_changed: Option<i64>,
    pub(super) last_login: Option<i64>,
    pub(super) last_updated: i64,
    pub(super) password_changed: Option<i64>,
}

/// The times of a person.
pub(super) fn times(tenant: &Tenant, at: u32, row: &User) -> Times {
    let created = i64::from(row.created_s) * 1000;
    let word = draw(tenant.seed, 0x71e5, u64::from(at));
    // Everything that was generated happened within a day after the creation.
    let after = |turn: u32| created + (word.rotate_left(turn) % 86_400_000).cast_signed();
    let staged = row.status == Status::Staged;
    let edited = tenant.user_changed_ms(row.changed);
    let new = edited.is_some_and(|edited| edited < created + 86_400_000);
    let never = new || word.is_multiple_of(8) || matches!(row.status, Status::Provisioned);
    let activated = (!staged).then(|| created + (word % 1_000).cast_signed());
    let changed = tenant.org.status_times.get(&at).copied();
    Times {
        created,
        activated,
        status_changed: changed.or(activated),
        last_login: (!staged && !never).then(|| after(7)),
        last_updated: edited.unwrap_or_else(|| after(21)),
        password_changed: (!staged && !never).then(|| after(35)),
    }
}

/// A value of the profile.
pub(super) enum Attribute<'a> {
    Null,
    Text(&'a str),
    Number(u64),
    Truth(bool),
    List([&'a str; 2]),
}

/// The value of one attribute of the profile.
pub(super) fn attribute<'a>(
    tenant: &'a Tenant,
    (at, row): (u32, &User),
    name: &str,
) -> Attribute<'a> {
    let text = |text: Text| tenant.texts.get(text).map_or(Attribute::Null, Attribute::Text);
    let own = || draw(tenant.seed, 0x0ca7, u64::from(at));
    match name {
        "login" => text(row.login),
        "email" => text(row.email),
        "firstName" => text(row.first),
        "lastName" => text(row.last),
        "displayName" => text(row.display),
        "mobilePhone" => text(row.mobile),
        "department" => text(row.department),
        "title" => text(row.job),
        "organization" => text(row.company),
        "employeeNumber" => text(row.employee),
        "officeLocation" => text(row.office),
        "userType" if own() % 4 == 0 => Attribute::Text("Contractor"),
        "badges" if own() >> 8 & 0b11 == 1 => Attribute::List(["lab", "gate \"north\""]),
        "floor" if own() >> 16 & 0b11 == 1 => Attribute::Number(own() >> 32 & 0xf),
        "remote" if own() >> 24 & 0b11 == 1 => Attribute::Truth(own() >> 40 & 1 == 0),
        _ => Attribute::Null,
    }
}

impl Style<'_> {
    /// Writes a person.
    pub(super) fn write(&self, out: &mut Vec<u8>, at: u32, row: &User, life: Life) {
        let times = times(self.tenant, at, row);
        out.push(b'{');
        for (place, name) in COLUMNS.into_iter().enumerate() {
            if !self.parts.has(place) {
                continue;
            }
            name_of_field(out, name);
            match name {
                "id" => {
                    out.push(b'"');
                    self.tenant.push_okta_id(out, Member::User(at));
                    out.push(b'"');
                }
                "status" => push_text(out, status_of(row, life)),
                "created" => push_time(out, Some(times.created)),
                "activated" => push_time(out, times.activated),
                "statusChanged" => push_time(out, times.status_changed),
                "lastLogin" => push_time(out, times.last_login),
                "lastUpdated" => push_time(out, Some(times.last_updated)),
                "passwordChanged" => push_time(out, times.password_changed),
                "type" => {
                    out.extend_from_slice(b"{\"id\":\"");
                    out.extend_from_slice(TYPE_ID.as_bytes());
                    out.extend_from_slice(b"\"}");
                }
                "profile" => self.profile(out, at, row),
                "credentials" => self.credentials(out, row),
                "transitioningToStatus" => out.extend_from_slice(b"null"),
                _ => self.links(out, at),
            }
            out.push(b',');
        }
        close(out, b'}');
    }

    fn profile(&self, out: &mut Vec<u8>, at: u32, row: &User) {
        out.push(b'{');
        let coins = draw(self.tenant.seed, 0xc015, u64::from(at));
        for (place, name) in PROFILE.into_iter().enumerate() {
            if self.parts.profile & (1 << place) == 0 {
                continue;
            }
            let value = attribute(self.tenant, (at, row), name);
            let shown = ALWAYS.contains(&name) || coins >> place & 1 == 0;
            if matches!(value, Attribute::Null) && !shown {
                continue;
            }
            name_of_field(out, name);
            match value {
                Attribute::Null => out.extend_from_slice(b"null"),
                Attribute::Text(text) => push_text(out, text),
                Attribute::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Attribute::Truth(truth) => crate::json::push_bool(out, truth),
                Attribute::List(list) => {
                    out.push(b'[');
                    for text in list {
                        push_text(out, text);
                        out.push(b',');
                    }
                    close(out, b']');
                }
            }
            out.push(b',');
        }
        close(out, b'}');
    }

    fn credentials(&self, out: &mut Vec<u8>, row: &User) {
        out.extend_from_slice(b"{\"password\":{},\"emails\":[{\"value\":");
        push_text(out, self.tenant.texts.get(row.email).unwrap_or_default());
        out.extend_from_slice(
            b",\"status\":\"VERIFIED\",\"type\":\"PRIMARY\"}],\
              \"provider\":{\"type\":\"OKTA\",\"name\":\"OKTA\"}}",
        );
    }

    fn links(&self, out: &mut Vec<u8>, at: u32) {
        let id = self.tenant.key_of(Member::User(at));
        let own = format!("{}/api/v1/users/{id}", self.base);
        if self.parts.links == Links::Own {
            out.extend_from_slice(b"{\"self\":{\"href\":");
            push_text(out, &own);
            out.extend_from_slice(b"}}");
            return;
        }
        let mut links = json!({"self": {"href": own}});
        for (name, path) in [
            ("suspend", "lifecycle/suspend"),
            ("deactivate", "lifecycle/deactivate"),
            ("resetFactors", "lifecycle/reset_factors"),
        ] {
            links[name] = json!({"href": format!("{own}/{path}"), "method": "POST"});
        }
        links["type"] = json!({"href": format!("{}/api/v1/meta/types/user/{TYPE_ID}", self.base)});
        if self.parts.links == Links::All {
            for (name, path) in [
                ("resetPassword", "lifecycle/reset_password"),
                ("expirePassword", "lifecycle/expire_password"),
                ("forgotPassword", "credentials/forgot_password"),
                ("changePassword", "credentials/change_password"),
                ("changeRecoveryQuestion", "credentials/change_recovery_question"),
            ] {
                links[name] = json!({"href": format!("{own}/{path}"), "method": "POST"});
            }
        }
        out.extend_from_slice(links.to_string().as_bytes());
    }
}

/// The organisation's only type of user.
pub(super) const TYPE_ID: &str = "oty1a2b3c4d5e6f7G5d7";

/// The status of a row in a life: whoever is in the bin is deprovisioned.
pub(super) fn status_of(row: &User, life: Life) -> &'static str {
    if life == Life::Live { row.status.name() } else { Status::Deprovisioned.name() }
}

fn name_of_field(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Writes a time, or null.
pub(super) fn push_time(out: &mut Vec<u8>, ms: Option<i64>) {
    let Some(ms) = ms else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    write_time(out, ms, ".");
    let fraction = ms.rem_euclid(1000);
    for scale in [100, 10, 1] {
        out.push(b'0' + (fraction / scale).rem_euclid(10) as u8);
    }
    out.extend_from_slice(b"Z\"");
}

/// Ends an object or a list whose last part was followed by a comma.
pub(super) fn close(out: &mut Vec<u8>, end: u8) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_read_or_refused() {
        let whole = Parts::whole(Links::Own);
        let some = whole.select("id,status,profile:(login, email),nonsense").unwrap();
        assert_eq!(
            (some.columns, some.profile),
            (column("id") | column("status") | column("profile"), 3)
        );
        let all = whole.select("profile").unwrap();
        assert_eq!((all.columns, all.profile), (column("profile"), whole.profile));
        for bad in ["id,", ",id", "profile:(login", "profile:login", "(id)", "id status)"] {
            assert!(whole.select(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_have_milliseconds() {
        let mut out = Vec::new();
        push_time(&mut out, Some(1_795_438_800_042));
        assert_eq!(out, b"\"2026-11-23T13:00:00.042Z\"");
    }
}
