//! `groups`: the list and single groups.
//!
//! Invariant: a group's etag says nothing of its members; `directMembersCount` is a text.

use std::sync::Arc;

use super::{
    Google,
    access::{Access, Audience, GROUPS},
    error::ApiError,
    listing::{Rows, Sheet, close, etag, prune},
    mask::Mask,
    order::group_address,
    parameters::Parameters,
    person::uneditable,
    schema,
    search::{self, Clause},
    users::{PAGE_LIFE_MS, live_user},
};
use crate::{
    PageMaximum,
    exchange::Call,
    json::{push_bool, push_text},
    tenant::{Card, Member, Tenant},
};

const COLUMNS: [&str; 10] = [
    "kind",
    "id",
    "etag",
    "email",
    "name",
    "directMembersCount",
    "description",
    "adminCreated",
    "aliases",
    "nonEditableAliases",
];
const SEARCHED: [&str; 3] = ["email", "name", "memberKey"];

/// The list.
struct Groups<'a> {
    tenant: &'a Tenant,
    columns: Vec<&'static str>,
    order: Arc<Vec<u32>>,
    falls: bool,
    domain: Option<String>,
    /// Only groups with this direct member.
    of: Option<Member>,
    search: Vec<Clause>,
    now_ms: i64,
}

impl Groups<'_> {
    fn group(&self, at: usize) -> u32 {
        let at = if self.falls { self.order.len() - 1 - at } else { at };
        self.order[at]
    }
}

impl Rows for Groups<'_> {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn shows(&self, at: usize) -> bool {
        let group = self.group(at);
        let Some(card) = self.tenant.listed_group(group, self.now_ms) else {
            return false;
        };
        let text = |text| self.tenant.texts.get(text).unwrap_or_default();
        let address = text(card.nickname);
        self.domain.as_ref().is_none_or(|domain| address.ends_with(domain))
            && self.of.is_none_or(|member| self.tenant.is_member(group, member))
            && self.search.iter().all(|clause| match clause.field.as_str() {
                "email" => clause.matches(address),
                _ => clause.matches(text(card.name)),
            })
    }

    fn key(&self, at: usize) -> String {
        let group = self.group(at);
        format!("{}\0{group:010}", group_address(self.tenant, group))
    }

    fn falls(&self) -> bool {
        self.falls
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.group(at))
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let group = self.group(at);
        let listed = self.tenant.listed_group(group, self.now_ms);
        let card = listed.unwrap_or(&self.tenant.group(group).card);
        write(out, self.tenant, (group, card), &self.columns);
    }
}

impl Google {
    /// `GET groups`.
    pub(super) fn groups(&self, call: &Call, access: &Access) -> Result<Vec<u8>, ApiError> {
        self.admit(access, GROUPS)?;
        let names = ["customer", "domain", "userKey", "orderBy", "sortOrder", "query"];
        let mut known = names.to_vec();
        known.extend(["maxResults", "pageToken"]);
        let given = Parameters::read(call, &known)?;
        self.may_read(access, Audience::Administrators)?;
        let user_key = given.get("userKey");
        if user_key.is_some() && given.get("customer").is_some() {
            return Err(ApiError::bad_request());
        }
        let domain = if user_key.is_some() && given.get("domain").is_none() {
            None
        } else {
            self.scope(&given)?
        };
        let sheet = Sheet {
            kind: "admin#directory#groups",
            list: "groups",
            mask: Mask::parse(given.get("fields").unwrap_or("*"), &schema::GROUPS)?,
            query: given.fingerprint(&names),
            token: given.get("pageToken"),
            life_ms: PAGE_LIFE_MS,
            rows: given.page_rows((200, 200), PageMaximum::Cut)?,
        };
        given.choice("orderBy", &["email"])?;
        let falls = given.choice("sortOrder", &["ASCENDING", "DESCENDING"])? == Some("DESCENDING");
        let mut search = search::parse(given.get("query").unwrap_or_default(), &SEARCHED)?;
        let tenant = self.world.read_with_lookup();
        let of = match search.iter().position(|clause| clause.field == "memberKey") {
            Some(at) => {
                let clause = search.remove(at);
                Some(member(&tenant, clause.value(), "memberKey")?)
            }
            None => user_key.map(|key| member(&tenant, key, "userKey")).transpose()?,
        };
        let groups = Groups {
            tenant: &tenant,
            columns: columns(sheet.mask.of("groups").as_ref()),
            order: self.orders.groups(&tenant),
            falls,
            domain,
            of,
            search,
            now_ms: self.world.clock.now_ms(),
        };
        self.page(&groups, &sheet, call)
    }

    /// `GET groups/{groupKey}`: by id, address or alias.
    pub(super) fn group(
        &self,
        key: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Vec<u8>, ApiError> {
        self.admit(access, GROUPS)?;
        let given = Parameters::read(call, &[])?;
        self.may_read(access, Audience::Administrators)?;
        let mask = Mask::parse(given.get("fields").unwrap_or("*"), &schema::GROUP)?;
        let tenant = self.world.read_with_lookup();
        let group = live_group(&tenant, key)?;
        let mut out = Vec::with_capacity(512);
        let card = &tenant.group(group).card;
        write(&mut out, &tenant, (group, card), &columns(Some(&mask)));
        Ok(if mask.is_deep(&[]) { prune(&out, &mask) } else { out })
    }
}

/// The live group with this id, address or alias.
pub(super) fn live_group(tenant: &Tenant, key: &str) -> Result<u32, ApiError> {
    let found = if key.contains('@') {
        match tenant.find_address(key) {
            Some(Member::Group(group)) => Some(group),
            _ => None,
        }
    } else {
        tenant.group_by_key(key)
    };
    found
        .filter(|group| tenant.member_is_live(Member::Group(*group)))
        .ok_or_else(|| ApiError::not_found("groupKey"))
}

/// The user, group or outsider that a key names.
fn member(tenant: &Tenant, key: &str, parameter: &'static str) -> Result<Member, ApiError> {
    let user = live_user(tenant, key).map(Member::User);
    let found = user.or_else(|| live_group(tenant, key).ok().map(Member::Group));
    let found = found.or_else(|| super::members::outsider(tenant, key));
    found.ok_or_else(|| ApiError::not_found(parameter))
}

fn columns(mask: Option<&Mask>) -> Vec<&'static str> {
    let selected = COLUMNS.iter().filter(|name| mask.is_some_and(|mask| mask.has(name)));
    selected.copied().collect()
}

/// Writes a group.
fn write(out: &mut Vec<u8>, tenant: &Tenant, (at, card): (u32, &Card), columns: &[&'static str]) {
    let text = |text| tenant.texts.get(text).unwrap_or_default();
    let aliases = tenant.addresses.aliases(Member::Group(at));
    let address = text(card.nickname);
    out.push(b'{');
    for column in columns {
        if *column == "aliases" && aliases.is_empty() {
            continue;
        }
        push_text(out, column);
        out.push(b':');
        match *column {
            "kind" => push_text(out, "admin#directory#group"),
            "id" => push_text(out, &tenant.key_of(Member::Group(at))),
            "etag" => {
                let what = u64::from(at) ^ tenant.seed.rotate_left(7);
                // Only what was done to the group itself: members come and go without a trace here.
                push_text(out, &etag(what, u64::from(card.changed)));
            }
            "email" => push_text(out, address),
            "name" => push_text(out, text(card.name)),
            "description" => push_text(out, text(card.description)),
            "adminCreated" => push_bool(out, at % 5 != 0),
            "directMembersCount" => push_text(out, &direct_members(tenant, at).to_string()),
            "aliases" => out.extend_from_slice(serde_json::json!(aliases).to_string().as_bytes()),
            _ => {
                let list = serde_json::json!([uneditable(address)]);
                out.extend_from_slice(list.to_string().as_bytes());
            }
        }
        out.push(b',');
    }
    close(out);
}

/// How many direct members a group has.
fn direct_members(tenant: &Tenant, at: u32) -> usize {
    let group = tenant.group(at);
    let users = if tenant.live_users == tenant.users.len() {
        group.users.len()
    } else {
        let live = |user: &&u32| tenant.member_is_live(Member::User(**user));
        group.users.iter().filter(live).count()
    };
    let live = |nested: &&u32| tenant.member_is_live(Member::Group(**nested));
    users + group.groups.iter().filter(live).count() + group.others.len()
}
