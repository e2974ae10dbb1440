//! `users`: the list, filters, searches and single people.
//!
//! Invariant: the plain list leaves out who is deprovisioned; `filter` and `search` include them. Only `search` and `q`
//! lag behind the edits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{
    JSON, Okta,
    access::{Access, GROUPS, USERS},
    error::ApiError,
    filter::{Dialect, Field, Filter, Kind},
    groups,
    listing::{Limit, Over, Rows, key_position, position_key},
    person::{Attribute, Links, Parts, Style, attribute, status_of, times},
};
use crate::{
    chance::hash_bytes,
    exchange::{Call, Reply},
    faults::FaultKind,
    provider::Granted,
    tenant::{Life, Member, Tenant, User},
};

pub(super) const LIST: &str = "/api/v1/users";
pub(super) const ONE: &str = "/api/v1/users/{id}";
pub(super) const GROUPS_OF: &str = "/api/v1/users/{id}/groups";
const LIMIT: Limit = Limit { default: 200, maximum: 200, over: Over::Cut };
/// With `q`, for pickers of people.
const PICKED: Limit = Limit { default: 10, maximum: 200, over: Over::Cut };

const FILTER: Dialect = Dialect {
    properties: &[
        ("id", Kind::Word),
        ("status", Kind::Word),
        ("lastUpdated", Kind::Time),
        ("profile.login", Kind::Text),
        ("profile.email", Kind::Text),
        ("profile.firstName", Kind::Text),
        ("profile.lastName", Kind::Text),
    ],
    open: None,
    rich: false,
    negates: false,
};
const SEARCH: Dialect = Dialect {
    properties: &[
        ("id", Kind::Word),
        ("status", Kind::Word),
        ("created", Kind::Time),
        ("activated", Kind::Time),
        ("statusChanged", Kind::Time),
        ("lastUpdated", Kind::Time),
        ("passwordChanged", Kind::Time),
        ("type.id", Kind::Word),
    ],
    open: Some("profile."),
    rich: true,
    negates: false,
};

/// How a request chooses people.
enum Choice<'a> {
    All,
    Filter(Filter),
    Search(Filter),
    /// The beginning of a name or an address.
    Begins(&'a str),
}

/// In which order they come.
enum Order {
    /// As they were created.
    Position(u32),
    /// As `sortBy` says; the keys lie beside the positions.
    Sorted(Arc<Vec<(String, u32)>>),
}

/// The list.
struct People<'a> {
    style: Style<'a>,
    choice: Choice<'a>,
    order: Order,
    falls: bool,
    now_ms: i64,
}

impl People<'_> {
    fn user(&self, at: usize) -> u32 {
        match &self.order {
            Order::Position(_) => at as u32,
            Order::Sorted(order) => order[self.place(order.len(), at)].1,
        }
    }

    fn place(&self, len: usize, at: usize) -> usize {
        if self.falls { len - 1 - at } else { at }
    }

    /// The person as this list sees them.
    fn row(&self, user: u32) -> Option<(&User, Life)> {
        let tenant = self.style.tenant;
        match self.choice {
            Choice::Search(_) | Choice::Begins(_) => tenant.user_as_listed(user, self.now_ms),
            _ => Some((tenant.user(user), tenant.lives[user as usize])),
        }
    }
}

impl Rows for People<'_> {
    fn len(&self) -> usize {
        match &self.order {
            Order::Position(count) => *count as usize,
            Order::Sorted(order) => order.len(),
        }
    }

    fn shows(&self, at: usize) -> bool {
        let user = self.user(at);
        self.row(user).is_some_and(|(row, life)| {
            is_chosen(self.style.tenant, &self.choice, user, (row, life))
        })
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.user(at))
    }

    fn key(&self, at: usize) -> Vec<u8> {
        match &self.order {
            Order::Position(_) => position_key(at as u32),
            Order::Sorted(order) => {
                let (key, user) = &order[self.place(order.len(), at)];
                [&user.to_be_bytes()[..], key.as_bytes()].concat()
            }
        }
    }

    fn place_after(&self, key: &[u8]) -> usize {
        let position = key_position(key).unwrap_or_default();
        match &self.order {
            Order::Position(_) => position as usize + 1,
            Order::Sorted(order) => {
                let text = key.get(4..).unwrap_or_default();
                let wanted = (text, position);
                if self.falls {
                    let below = order.partition_point(|(key, at)| (key.as_bytes(), *at) < wanted);
                    return order.len() - below;
                }
                order.partition_point(|(key, at)| (key.as_bytes(), *at) <= wanted)
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let user = self.user(at);
        if let Some((row, life)) = self.row(user) {
            self.style.write(out, user, row, life);
        }
    }
}

fn is_chosen(tenant: &Tenant, choice: &Choice<'_>, user: u32, (row, life): (&User, Life)) -> bool {
    let read = |property: &str| field(tenant, user, (row, life), property);
    match choice {
        Choice::All => life == Life::Live,
        Choice::Filter(filter) | Choice::Search(filter) => {
            life != Life::Gone && filter.matches(&read)
        }
        Choice::Begins(begin) => {
            let texts = [row.first, row.last, row.email].map(|text| tenant.texts.get(text));
            let begin = begin.to_lowercase();
            life == Life::Live
                && texts.iter().flatten().any(|text| text.to_lowercase().starts_with(&begin))
        }
    }
}

/// A property of a person, for filters and orders.
fn field<'a>(tenant: &'a Tenant, at: u32, (row, life): (&User, Life), property: &str) -> Field<'a> {
    let time = |time: Option<i64>| time.map_or(Field::Absent, Field::Time);
    match property {
        "id" => Field::Owned(tenant.key_of(Member::User(at))),
        "status" => Field::Text(status_of(row, life)),
        "lastUpdated" => time(Some(times(tenant, at, row).last_updated)),
        "created" => time(Some(times(tenant, at, row).created)),
        "activated" => time(times(tenant, at, row).activated),
        "statusChanged" => time(times(tenant, at, row).status_changed),
        "passwordChanged" => time(times(tenant, at, row).password_changed),
        "type.id" => Field::Text(super::person::TYPE_ID),
        _ => {
            let name = property.strip_prefix("profile.").unwrap_or_default();
            match attribute(tenant, (at, row), name) {
                Attribute::Null => Field::Absent,
                Attribute::Text(text) => Field::Text(text),
                Attribute::Number(number) => Field::Owned(number.to_string()),
                Attribute::Truth(truth) => Field::Owned(truth.to_string()),
                Attribute::List(list) => Field::Many(list.map(str::to_lowercase).to_vec()),
            }
        }
    }
}

/// Sorted searches that were made so far, by what was asked and how many edits there had been.
#[derive(Debug, Default)]
pub(super) struct Orders {
    kept: Mutex<HashMap<u64, (usize, Kept)>>,
}

/// People with what they are sorted by.
type Kept = Arc<Vec<(String, u32)>>;

/// Most sorted searches that are kept.
const ORDERS_MAX: usize = 8;

impl Orders {
    fn get(&self, tenant: &Tenant, query: u64, make: impl FnOnce() -> Vec<(String, u32)>) -> Kept {
        // While searches lag they depend on the time as well.
        if tenant.lag.is_on() {
            return Arc::new(make());
        }
        let edits = tenant.user_log.len();
        let mut kept = crate::lock(&self.kept);
        if let Some((made, order)) = kept.get(&query)
            && *made == edits
        {
            return Arc::clone(order);
        }
        if kept.len() >= ORDERS_MAX {
            kept.clear();
        }
        let order = Arc::new(make());
        kept.insert(query, (edits, Arc::clone(&order)));
        order
    }
}

impl Okta {
    /// `GET users`.
    pub(super) fn users(&self, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, USERS)?;
        let choice = self.choice(call)?;
        let mut parts = Parts::of_request(call, Links::Own);
        if let Some(fields) = call.option("fields").filter(|fields| !fields.is_empty()) {
            let wrong = || ApiError::validation("fields", "fields: The value is malformed.");
            parts = parts.select(fields).ok_or_else(wrong)?;
        }
        let tenant = self.world.read();
        let now_ms = self.world.clock.now_ms();
        let (order, falls) = self.order(call, &tenant, &choice, now_ms)?;
        let limit = if matches!(choice, Choice::Begins(_)) { PICKED } else { LIMIT };
        let style = Style { tenant: &tenant, base: &call.base, parts };
        let people = People { style, choice, order, falls, now_ms };
        self.page(&people, limit, call, LIST)
    }

    /// How a request chooses people.
    fn choice<'a>(&self, call: &'a Call) -> Result<Choice<'a>, ApiError> {
        let given = |name: &str| call.option(name).filter(|text| !text.is_empty());
        if let Some(search) = given("search") {
            if self.app.is_revoked(Granted::Search) {
                return Err(ApiError::code("E0000100"));
            }
            let read = Filter::parse(search, SEARCH).ok_or_else(|| ApiError::search(search))?;
            return Ok(Choice::Search(read));
        }
        if let Some(filter) = given("filter") {
            let read = Filter::parse(filter, FILTER).ok_or_else(|| ApiError::filter(filter))?;
            return Ok(Choice::Filter(read));
        }
        Ok(given("q").map_or(Choice::All, Choice::Begins))
    }

    /// In which order people come, and whether it falls. Only searches can be sorted.
    fn order(
        &self,
        call: &Call,
        tenant: &Tenant,
        choice: &Choice<'_>,
        now_ms: i64,
    ) -> Result<(Order, bool), ApiError> {
        let by = call.option("sortBy").filter(|by| !by.is_empty());
        let (Some(by), Choice::Search(_)) = (by, choice) else {
            return Ok((Order::Position(tenant.users.len() as u32), false));
        };
        let known = SEARCH.properties.iter().any(|(known, _)| *known == by);
        if !known && !by.starts_with("profile.") {
            return Err(ApiError::validation("sortBy", "sortBy: The property does not exist."));
        }
        let falls = match call.option("sortOrder").unwrap_or("asc") {
            order if order.eq_ignore_ascii_case("asc") => false,
            order if order.eq_ignore_ascii_case("desc") => true,
            _ => {
                let cause = "sortOrder: must be 'asc' or 'desc'";
                return Err(ApiError::validation("sortOrder", cause));
            }
        };
        let query = format!("{by}\n{}", call.option("search").unwrap_or_default());
        let make = || {
            let mut order = Vec::new();
            for user in 0..tenant.users.len() as u32 {
                if let Some((row, life)) = tenant.user_as_listed(user, now_ms)
                    && is_chosen(tenant, choice, user, (row, life))
                {
                    order.push((sort_key(field(tenant, user, (row, life), by)), user));
                }
            }
            order.sort_unstable();
            order
        };
        let order = self.orders.get(tenant, hash_bytes(query.as_bytes()), make);
        Ok((Order::Sorted(order), falls))
    }

    /// `GET users/{id or login}`.
    pub(super) fn user(&self, key: &str, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, USERS)?;
        let tenant = self.world.read_with_lookup();
        let at = self.find_user(&tenant, key)?;
        let parts = Parts::of_request(call, Links::All);
        let style = Style { tenant: &tenant, base: &call.base, parts };
        let mut out = Vec::with_capacity(2_048);
        style.write(&mut out, at, tenant.user(at), tenant.lives[at as usize]);
        Ok(Reply::new(ONE, JSON, out))
    }

    /// `GET users/{id or login}/groups`: all of them, in one answer.
    pub(super) fn groups_of_user(
        &self,
        key: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Reply, ApiError> {
        self.admit(access, GROUPS)?;
        let tenant = self.world.read_with_lookup();
        let at = self.find_user(&tenant, key)?;
        let now_ms = self.world.clock.now_ms();
        let mut groups = tenant.groups_of(Member::User(at));
        if tenant.member_is_live(Member::User(at)) {
            groups.extend(tenant.everybody());
        }
        groups.sort_unstable();
        if call.picked.has(FaultKind::Empty) {
            groups.clear();
        }
        groups.retain(|group| !call.picked.omits(u64::from(*group)));
        let style = groups::Style { tenant: &tenant, base: &call.base, stats: false, now_ms };
        let mut out = vec![b'['];
        for group in groups {
            style.write(&mut out, group, &tenant.group(group).card);
            out.push(b',');
        }
        super::person::close(&mut out, b']');
        Ok(self.linked(Reply::new(GROUPS_OF, JSON, out), call, None))
    }

    /// The user with this id or login who was not deleted.
    pub(super) fn find_user(&self, tenant: &Tenant, key: &str) -> Result<u32, ApiError> {
        let by_id = tenant.user_by_key(key);
        let found = by_id.or_else(|| tenant.known_login_holder(key));
        found
            .filter(|at| tenant.lives[*at as usize] != Life::Gone)
            .filter(|_| !self.app.is_revoked(Granted::Resources))
            .ok_or_else(|| ApiError::not_found(key, "User"))
    }
}

/// What a value is sorted by.
fn sort_key(field: Field<'_>) -> String {
    match field {
        Field::Absent => String::new(),
        Field::Text(text) => text.to_lowercase(),
        Field::Owned(text) => text,
        Field::Time(ms) => format!("{ms:020}"),
        Field::Many(texts) => texts.join("\n"),
    }
}
