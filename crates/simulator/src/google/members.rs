//! `members`: who is in a group.
//!
//! Invariant: the list is sorted by address. A member may be a user, a group, the whole organisation (no address), or
//! none of the organisation's accounts (no status, perhaps no id). Deleted people are in no group.

use std::sync::Arc;

use super::{
    Google,
    access::{Access, Audience, MEMBERS},
    error::ApiError,
    groups::live_group,
    listing::{Rows, Sheet, close, etag, prune, text_field},
    mask::Mask,
    order::{group_address, login},
    parameters::Parameters,
    schema,
    users::live_user,
};
use crate::{
    PageMaximum,
    chance::draw,
    exchange::Call,
    tenant::{ARCHIVED, ENABLED, Member, OtherKind, Tenant},
};

/// A paging session of members lasts an hour.
const PAGE_LIFE_MS: i64 = 3_600_000;
const COLUMNS: [&str; 7] = ["kind", "etag", "id", "email", "role", "type", "status"];
const ROLES: [&str; 3] = ["OWNER", "MANAGER", "MEMBER"];

/// How members of a group are written.
struct Style<'a> {
    tenant: &'a Tenant,
    customer: &'a str,
    group: u32,
    columns: Vec<&'static str>,
}

/// The list.
struct Members<'a> {
    style: Style<'a>,
    order: Arc<Vec<Member>>,
    roles: Vec<&'static str>,
}

impl Rows for Members<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn shows(&self, at: usize) -> bool {
        let member = self.order[at];
        self.roles.is_empty() || self.roles.contains(&self.style.role(member))
    }

    fn key(&self, at: usize) -> String {
        key(self.style.tenant, self.order[at])
    }

    fn number(&self, at: usize) -> u64 {
        match self.order[at] {
            Member::User(at) => u64::from(at),
            Member::Group(at) => u64::from(at) | 1 << 32,
            Member::Other(at) => u64::from(at) | 2 << 32,
        }
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        self.style.write(out, self.order[at]);
    }
}

impl Google {
    /// `GET groups/{groupKey}/members`.
    pub(super) fn members(
        &self,
        key: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, MEMBERS)?;
        let names = ["includeDerivedMembership", "roles"];
        let mut known = names.to_vec();
        known.extend(["maxResults", "pageToken"]);
        let given = Parameters::read(call, &known)?;
        self.may_read(access, Audience::Administrators)?;
        let mut roles = Vec::new();
        for role in given.get("roles").into_iter().flat_map(|roles| roles.split(',')) {
            let known = ROLES.iter().find(|known| known.eq_ignore_ascii_case(role.trim()));
            roles.push(*known.ok_or_else(|| ApiError::invalid("roles"))?);
        }
        let sheet = Sheet {
            kind: "admin#directory#members",
            list: "members",
            mask: Mask::parse(given.get("fields").unwrap_or("*"), &schema::MEMBERS)?,
            query: given.fingerprint(&names),
            token: given.get("pageToken"),
            life_ms: PAGE_LIFE_MS,
            rows: given.page_rows((200, 200), PageMaximum::Cut)?,
        };
        let derived = given.is_true("includeDerivedMembership")?;
        let tenant =
            if key.contains('@') { self.world.read_with_lookup() } else { self.world.read() };
        let group = live_group(&tenant, key)?;
        let order = if derived {
            Arc::new(sorted(&tenant, tenant.members_transitive(group)))
        } else {
            let now_ms = self.world.clock.now_ms();
            self.orders.members(&tenant, group, || sorted(&tenant, direct(&tenant, group, now_ms)))
        };
        let style = self.style(&tenant, group, sheet.mask.of("members").as_ref());
        self.page(&Members { style, order, roles }, &sheet, call)
    }

    /// `GET groups/{groupKey}/members/{memberKey}`: a direct member, as it is now.
    pub(super) fn get_member(
        &self,
        (group, member): (&str, &str),
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, MEMBERS)?;
        let given = Parameters::read(call, &[])?;
        self.may_read(access, Audience::Administrators)?;
        let mask = Mask::parse(given.get("fields").unwrap_or("*"), &schema::MEMBER)?;
        let tenant = self.world.read_with_lookup();
        let group = live_group(&tenant, group)?;
        let found = named(&tenant, member).or_else(|| outsider(&tenant, member));
        let found = found
            .filter(|member| tenant.is_member(group, *member))
            .ok_or_else(|| ApiError::not_found("memberKey"))?;
        let mut out = Vec::new();
        self.style(&tenant, group, Some(&mask)).write(&mut out, found);
        Ok(if mask.is_deep(&[]) { prune(&out, &mask) } else { out })
    }

    /// `GET groups/{groupKey}/hasMember/{memberKey}`: at any depth, as it is now.
    pub(super) fn has_member(
        &self,
        (group, member): (&str, &str),
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, MEMBERS)?;
        let given = Parameters::read(call, &[])?;
        self.may_read(access, Audience::Administrators)?;
        let mask = Mask::parse(given.get("fields").unwrap_or("*"), &schema::HAS_MEMBER)?;
        let tenant = self.world.read_with_lookup();
        let group = live_group(&tenant, group)?;
        let member = named(&tenant, member).ok_or_else(|| ApiError::invalid("memberKey"))?;
        let everybody = matches!(member, Member::User(_)) && tenant.holds_everybody_below(group);
        let is_member =
            everybody || tenant.groups_of_transitive(member).binary_search(&group).is_ok();
        Ok(prune(serde_json::json!({"isMember": is_member}).to_string().as_bytes(), &mask))
    }

    fn style<'a>(&'a self, tenant: &'a Tenant, group: u32, mask: Option<&Mask>) -> Style<'a> {
        let selected = COLUMNS.iter().filter(|name| mask.is_some_and(|mask| mask.has(name)));
        Style { tenant, customer: &self.customer, group, columns: selected.copied().collect() }
    }
}

/// The user or group of the organisation that a key names.
fn named(tenant: &Tenant, key: &str) -> Option<Member> {
    let user = live_user(tenant, key).map(Member::User);
    user.or_else(|| live_group(tenant, key).ok().map(Member::Group))
}

/// The member that is none of the organisation's accounts and has this address or id.
pub(super) fn outsider(tenant: &Tenant, key: &str) -> Option<Member> {
    let all = (0..tenant.others.len() as u32).map(Member::Other);
    let mut found = all.filter(|other| {
        let Member::Other(at) = *other else { return false };
        let row = tenant.others[at as usize];
        let address = tenant.texts.get(row.name).unwrap_or_default();
        match row.kind {
            OtherKind::Organisation => false,
            OtherKind::Address => address.eq_ignore_ascii_case(key),
            _ => address.eq_ignore_ascii_case(key) || tenant.key_of(*other) == key,
        }
    });
    found.next()
}

/// The direct members that lists show now.
fn direct(tenant: &Tenant, group: u32, now_ms: i64) -> Vec<Member> {
    let row = tenant.group(group);
    let users = row.users.iter().map(|at| Member::User(*at));
    let groups = row.groups.iter().map(|at| Member::Group(*at));
    let mut members: Vec<Member> = users.chain(groups).collect();
    if tenant.lag.is_on() {
        let (still, not_yet) = tenant.listed_edges(group, now_ms);
        members.retain(|member| !not_yet.contains(member));
        members.extend(still);
        members.sort_unstable();
        members.dedup();
    }
    members.retain(|member| tenant.member_is_live(*member));
    members.extend(row.others.iter().map(|at| Member::Other(*at)));
    members
}

fn sorted(tenant: &Tenant, mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|a, b| (sort_address(tenant, *a), *a).cmp(&(sort_address(tenant, *b), *b)));
    members
}

/// What a member is sorted by: the first address, whatever address is shown.
fn sort_address(tenant: &Tenant, member: Member) -> &str {
    match member {
        Member::User(at) => login(tenant, at),
        Member::Group(at) => group_address(tenant, at),
        Member::Other(at) => tenant.texts.get(tenant.others[at as usize].name).unwrap_or_default(),
    }
}

fn key(tenant: &Tenant, member: Member) -> String {
    let (kind, at) = match member {
        Member::User(at) => (0, at),
        Member::Group(at) => (1, at),
        Member::Other(at) => (2, at),
    };
    format!("{}\0{kind}{at:010}", sort_address(tenant, member))
}

impl Style<'_> {
    /// A member's role: mostly the lowest.
    fn role(&self, member: Member) -> &'static str {
        let number = match member {
            Member::User(at) => u64::from(at),
            Member::Group(_) | Member::Other(_) => return "MEMBER",
        };
        match draw(self.tenant.seed ^ 0x401e, u64::from(self.group), number) % 100 {
            0..3 => "OWNER",
            3..8 => "MANAGER",
            _ => "MEMBER",
        }
    }

    /// Type, id, address and status, as far as the member has them.
    fn facts(
        &self,
        member: Member,
    ) -> (&'static str, Option<String>, String, Option<&'static str>) {
        let tenant = self.tenant;
        let id = Some(tenant.key_of(member));
        match member {
            Member::User(at) => {
                let row = tenant.user(at);
                let status = match (row.has(ENABLED), row.has(ARCHIVED)) {
                    (false, _) => "SUSPENDED",
                    (true, true) => "ARCHIVED",
                    (true, false) => "ACTIVE",
                };
                // At times a membership still shows the address that it was made with.
                let made = draw(tenant.seed, 0xa11a, u64::from(at)).is_multiple_of(4);
                let alias = tenant.addresses.aliases(member).first().filter(|_| made);
                let address = alias.map_or_else(|| login(tenant, at).to_owned(), Clone::clone);
                ("USER", id, address, Some(status))
            }
            Member::Group(at) => {
                ("GROUP", id, group_address(tenant, at).to_owned(), Some("ACTIVE"))
            }
            Member::Other(_) => {
                let address = sort_address(tenant, member).to_owned();
                match self.kind(member) {
                    OtherKind::Organisation => {
                        ("CUSTOMER", Some(self.customer.to_owned()), String::new(), Some("ACTIVE"))
                    }
                    OtherKind::ForeignGroup => ("GROUP", id, address, None),
                    OtherKind::Address => ("EXTERNAL", None, address, None),
                    _ => ("USER", id, address, None),
                }
            }
        }
    }

    fn kind(&self, member: Member) -> OtherKind {
        match member {
            Member::Other(at) => self.tenant.others[at as usize].kind,
            _ => OtherKind::ForeignUser,
        }
    }

    /// Writes a member.
    fn write(&self, out: &mut Vec<u8>, member: Member) {
        let (kind, id, address, status) = self.facts(member);
        out.push(b'{');
        for column in &self.columns {
            match *column {
                "kind" => text_field(out, column, "admin#directory#member"),
                "etag" => {
                    let version = id.as_ref().map_or(0, |id| id.len() as u64);
                    let what = draw(u64::from(self.group), version, u64::from(status.is_some()));
                    text_field(
                        out,
                        column,
                        &etag(what, crate::chance::hash_bytes(address.as_bytes())),
                    );
                }
                "role" => text_field(out, column, self.role(member)),
                "type" => text_field(out, column, kind),
                "email" if address.is_empty() => {}
                "email" => text_field(out, column, &address),
                "id" => id.iter().for_each(|id| text_field(out, column, id)),
                _ => status.iter().for_each(|status| text_field(out, column, status)),
            }
        }
        close(out);
    }
}
