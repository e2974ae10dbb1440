//! `groups`: the list, filters, searches and single groups.
//!
//! Invariant: `lastMembershipUpdated` moves when the members change and `lastUpdated` does not, and the other way
//! round. A deleted group is in no list, whatever is asked; only the System Log tells.

use super::{
    JSON, Okta,
    access::{Access, GROUPS},
    error::ApiError,
    filter::{Dialect, Field, Filter, Kind},
    listing::{Limit, Over, Rows, key_position, position_key},
    person::push_time,
};
use crate::{
    chance::draw,
    exchange::{Call, Reply},
    json::{push_option, push_text},
    provider::Granted,
    tenant::{Card, GroupKind, Life, Member, Tenant},
};

pub(super) const LIST: &str = "/api/v1/groups";
pub(super) const ONE: &str = "/api/v1/groups/{id}";
const LIMIT: Limit = Limit { default: 10_000, maximum: 10_000, over: Over::Cut };
/// With statistics, which are slow.
const WITH_STATS: Limit = Limit { default: 200, maximum: 200, over: Over::Cut };

const FILTER: Dialect = Dialect {
    properties: &[
        ("id", Kind::Word),
        ("type", Kind::Word),
        ("lastUpdated", Kind::Time),
        ("lastMembershipUpdated", Kind::Time),
        ("profile.name", Kind::Text),
    ],
    open: None,
    rich: false,
    negates: false,
};
const SEARCH: Dialect = Dialect {
    properties: &[
        ("id", Kind::Word),
        ("type", Kind::Word),
        ("created", Kind::Time),
        ("lastUpdated", Kind::Time),
        ("lastMembershipUpdated", Kind::Time),
        ("source.id", Kind::Word),
    ],
    open: Some("profile."),
    rich: true,
    negates: false,
};

/// How a request chooses groups.
enum Choice<'a> {
    All,
    Filter(Filter),
    Search(Filter),
    Begins(&'a str),
}

/// The list.
struct Groups<'a> {
    style: Style<'a>,
    choice: Choice<'a>,
}

impl Groups<'_> {
    fn card(&self, at: usize) -> Option<&Card> {
        let Style { tenant, now_ms, .. } = self.style;
        match self.choice {
            Choice::Search(_) | Choice::Begins(_) => tenant.listed_group(at as u32, now_ms),
            _ => Some(&tenant.groups[at].card).filter(|card| card.life == Life::Live),
        }
    }
}

impl Rows for Groups<'_> {
    fn len(&self) -> usize {
        self.style.tenant.groups.len()
    }

    fn shows(&self, at: usize) -> bool {
        let Some(card) = self.card(at) else {
            return false;
        };
        match &self.choice {
            Choice::All => true,
            Choice::Filter(filter) | Choice::Search(filter) => {
                filter.matches(&|property| self.style.field(at as u32, card, property))
            }
            Choice::Begins(begin) => {
                let name = self.style.tenant.texts.get(card.name).unwrap_or_default();
                name.to_lowercase().starts_with(&begin.to_lowercase())
            }
        }
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
        if let Some(card) = self.card(at) {
            self.style.write(out, at as u32, card);
        }
    }
}

impl Okta {
    /// `GET groups`.
    pub(super) fn groups(&self, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, GROUPS)?;
        let given = |name: &str| call.option(name).filter(|text| !text.is_empty());
        let choice = match (given("search"), given("filter"), given("q")) {
            (Some(search), ..) => {
                if self.app.is_revoked(Granted::Search) {
                    return Err(ApiError::code("E0000100"));
                }
                let read = Filter::parse(search, SEARCH).ok_or_else(|| ApiError::search(search))?;
                Choice::Search(read)
            }
            (_, Some(filter), _) => {
                let read = Filter::parse(filter, FILTER).ok_or_else(|| ApiError::filter(filter))?;
                Choice::Filter(read)
            }
            (_, _, Some(begin)) => Choice::Begins(begin),
            _ => Choice::All,
        };
        let stats =
            given("expand").is_some_and(|expand| expand.split(',').any(|one| one == "stats"));
        let tenant = self.world.read();
        let now_ms = self.world.clock.now_ms();
        let style = Style { tenant: &tenant, base: &call.base, stats, now_ms };
        let limit = if stats { WITH_STATS } else { LIMIT };
        self.page(&Groups { style, choice }, limit, call, LIST)
    }

    /// `GET groups/{id}`.
    pub(super) fn group(&self, id: &str, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, GROUPS)?;
        let tenant = self.world.read();
        let at = self.find_group(&tenant, id)?;
        let now_ms = self.world.clock.now_ms();
        let style = Style { tenant: &tenant, base: &call.base, stats: false, now_ms };
        let mut out = Vec::with_capacity(1_024);
        style.write(&mut out, at, &tenant.group(at).card);
        Ok(Reply::new(ONE, JSON, out))
    }

    /// The live group with this id.
    pub(super) fn find_group(&self, tenant: &Tenant, id: &str) -> Result<u32, ApiError> {
        tenant
            .group_by_key(id)
            .filter(|at| tenant.member_is_live(Member::Group(*at)))
            .filter(|_| !self.app.is_revoked(Granted::Resources))
            .ok_or_else(|| ApiError::not_found(id, "UserGroup"))
    }
}

/// How groups are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) tenant: &'a Tenant,
    /// Where the organisation is.
    pub(super) base: &'a str,
    /// Whether statistics are embedded.
    pub(super) stats: bool,
    pub(super) now_ms: i64,
}

/// Okta's name of a kind.
pub(super) fn type_of(card: &Card) -> &'static str {
    match card.kind {
        GroupKind::App => "APP_GROUP",
        GroupKind::BuiltIn | GroupKind::Everybody => "BUILT_IN",
        _ => "OKTA_GROUP",
    }
}

/// The application that imported groups come from.
pub(super) fn source_id(tenant: &Tenant) -> String {
    tenant.key_of(Member::Other(1))
}

impl<'a> Style<'a> {
    fn times(&self, at: u32, card: &Card) -> (i64, i64, i64) {
        let created = i64::from(card.created_s) * 1000;
        let word = draw(self.tenant.seed, 0x71e6, u64::from(at));
        let after = |turn: u32| created + (word.rotate_left(turn) % 86_400_000).cast_signed();
        let edited = self.tenant.group_changed_ms(card.changed);
        let new = edited.is_some_and(|edited| edited < created + 86_400_000);
        let updated = edited.unwrap_or_else(|| after(9));
        let members = self.tenant.members_changed_ms(at, self.now_ms);
        let members = members.unwrap_or_else(|| if new { created } else { after(31) });
        (created, updated, members)
    }

    fn field(&self, at: u32, card: &Card, property: &str) -> Field<'a> {
        let text = |text| self.tenant.texts.get(text).map_or(Field::Absent, Field::Text);
        match property {
            "id" => Field::Owned(self.tenant.key_of(Member::Group(at))),
            "type" => Field::Text(type_of(card)),
            "created" => Field::Time(self.times(at, card).0),
            "lastUpdated" => Field::Time(self.times(at, card).1),
            "lastMembershipUpdated" => Field::Time(self.times(at, card).2),
            "source.id" if card.kind == GroupKind::App => Field::Owned(source_id(self.tenant)),
            "profile.name" => text(card.name),
            "profile.description" => text(card.description),
            _ => {
                let name = property.strip_prefix("profile.").unwrap_or_default();
                let found = self.windows(at, card).into_iter().find(|(known, _)| *known == name);
                found.map_or(Field::Absent, |(_, value)| Field::Owned(value))
            }
        }
    }

    /// What an imported group has besides.
    fn windows(&self, at: u32, card: &Card) -> Vec<(&'static str, String)> {
        if card.kind != GroupKind::App {
            return Vec::new();
        }
        let name = self.tenant.texts.get(card.name).unwrap_or_default();
        let short: String = name.chars().filter(|sign| sign.is_alphanumeric()).take(14).collect();
        let escaped = name.replace('\\', "\\\\").replace(',', "\\,");
        let unit = draw(self.tenant.seed, 0x0ad, u64::from(at)) % 7;
        let word = draw(self.tenant.seed, 0x0ae, u64::from(at));
        vec![
            ("dn", format!("CN={escaped},OU=Site {unit},DC=corp,DC=initech,DC=example")),
            ("samAccountName", format!("{short}-{at}")),
            ("windowsDomainQualifiedName", format!("CORP\\{short}-{at}")),
            ("externalId", format!("{word:016x}{:016x}", word.rotate_left(29))),
            ("groupType", "Security".to_owned()),
            ("groupScope", "Global".to_owned()),
            ("objectSid", format!("S-1-5-21-{}-{}", word % 1_000_000_000, 1_000 + at)),
        ]
    }

    /// Writes a group.
    pub(super) fn write(&self, out: &mut Vec<u8>, at: u32, card: &Card) {
        let tenant = self.tenant;
        let (created, updated, members) = self.times(at, card);
        out.extend_from_slice(b"{\"id\":\"");
        tenant.push_okta_id(out, Member::Group(at));
        out.extend_from_slice(b"\",\"created\":");
        push_time(out, Some(created));
        out.extend_from_slice(b",\"lastUpdated\":");
        push_time(out, Some(updated));
        out.extend_from_slice(b",\"lastMembershipUpdated\":");
        push_time(out, Some(members));
        let class = match card.kind {
            GroupKind::App => "okta:windows_security_principal",
            _ => "okta:user_group",
        };
        out.extend_from_slice(format!(",\"objectClass\":[\"{class}\"]").as_bytes());
        out.extend_from_slice(format!(",\"type\":\"{}\"", type_of(card)).as_bytes());
        out.extend_from_slice(b",\"profile\":{\"name\":");
        push_text(out, tenant.texts.get(card.name).unwrap_or_default());
        out.extend_from_slice(b",\"description\":");
        push_option(out, tenant.texts.get(card.description));
        for (name, value) in self.windows(at, card) {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_text(out, &value);
        }
        out.push(b'}');
        if card.kind == GroupKind::App {
            let source = source_id(tenant);
            out.extend_from_slice(format!(",\"source\":{{\"id\":\"{source}\"}}").as_bytes());
        }
        if self.stats {
            self.write_stats(out, at);
        }
        self.write_links(out, at);
        out.push(b'}');
    }

    fn write_stats(&self, out: &mut Vec<u8>, at: u32) {
        let tenant = self.tenant;
        let users = if tenant.holds_everybody(at) {
            tenant.live_users
        } else {
            tenant.group(at).users.len()
        };
        let apps = usize::from(tenant.org.app_groups.contains(&at));
        out.extend_from_slice(
            format!(
                ",\"_embedded\":{{\"stats\":{{\"usersCount\":{users},\"appsCount\":{apps},\
                 \"groupPushMappingsCount\":0,\"hasAdminPrivilege\":false}}}}"
            )
            .as_bytes(),
        );
    }

    fn write_links(&self, out: &mut Vec<u8>, at: u32) {
        let id = self.tenant.key_of(Member::Group(at));
        let base = self.base;
        out.extend_from_slice(b",\"_links\":{\"logo\":[{\"name\":\"medium\",\"href\":");
        push_text(out, &format!("{base}/assets/img/logos/groups/okta-medium.png"));
        out.extend_from_slice(b",\"type\":\"image/png\"}],\"users\":{\"href\":");
        push_text(out, &format!("{base}/api/v1/groups/{id}/users"));
        out.extend_from_slice(b"},\"apps\":{\"href\":");
        push_text(out, &format!("{base}/api/v1/groups/{id}/apps"));
        out.extend_from_slice(b"}}");
    }
}
