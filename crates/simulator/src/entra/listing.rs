//! Lists of users and of groups, page by page, and single reads of them.
//!
//! Invariant: an object that nobody touches while a list is paged through appears in it exactly once. One that is
//! changed, created or deleted meanwhile may be missing or appear twice, as at the vendor (E1.4); which of it happens
//! is a matter of the seed.

use super::Entra;
use super::cursor::{Continues, Cursor};
use super::error::GraphError;
use super::filter::{Filter, Value};
use super::json::{Head, Rows};
use super::property::{GroupProperty, Scope, UserProperty, select_groups, select_users};
use super::query::Query;
use super::route::Noun;
use super::write::{self, Columns, Nulls};
use crate::chance::draw;
use crate::counters::Violation;
use crate::exchange::Call;
use crate::faults::FaultKind;
use crate::tenant::id::Guid;
use crate::tenant::{ENABLED, GUEST, Member, Tenant};

/// Positions from here on are places in the change log: objects that a list shows once more at its end.
const TAIL: u64 = 1 << 40;
/// Followed pages smaller than this are a violation.
const PAGE_ROWS_MIN: usize = 100;

/// A collection that can be listed.
trait Collection {
    fn noun(&self) -> Noun;
    fn tenant(&self) -> &Tenant;
    fn len(&self) -> u32;
    /// Length of the change log after the object's last change.
    fn changed(&self, at: u32) -> u32;
    fn log_len(&self) -> usize;
    /// The object of a log entry.
    fn logged(&self, entry: usize) -> Option<u32>;
    fn id(&self, at: u32) -> Guid;
    /// Whether lists show the object and the filter lets it pass.
    fn shows(&self, at: u32) -> bool;
    fn write(&self, out: &mut Vec<u8>, at: u32);
    /// The positions to look at, if the filter names them.
    fn chosen(&self) -> Option<Vec<u32>>;
}

struct Users<'a> {
    tenant: &'a Tenant,
    now_ms: i64,
    filter: Option<Filter>,
    columns: Columns<UserProperty>,
}

struct Groups<'a> {
    tenant: &'a Tenant,
    now_ms: i64,
    filter: Option<Filter>,
    columns: Columns<GroupProperty>,
}

impl Collection for Users<'_> {
    fn noun(&self) -> Noun {
        Noun::Users
    }

    fn tenant(&self) -> &Tenant {
        self.tenant
    }

    fn len(&self) -> u32 {
        self.tenant.users.len() as u32
    }

    fn changed(&self, at: u32) -> u32 {
        self.tenant.user(at).changed
    }

    fn log_len(&self) -> usize {
        self.tenant.user_log.len()
    }

    fn logged(&self, entry: usize) -> Option<u32> {
        self.tenant.user_log.get(entry).map(|change| change.user)
    }

    fn id(&self, at: u32) -> Guid {
        self.tenant.user_id(at)
    }

    fn shows(&self, at: u32) -> bool {
        let Some(user) = self.tenant.listed_user(at, self.now_ms) else {
            return false;
        };
        let Some(filter) = &self.filter else {
            return true;
        };
        let text = |text| {
            self.tenant.texts.get(text).map_or(Value::Null, |text| Value::Text(text.to_owned()))
        };
        filter.matches(&|property| match property {
            "id" => Value::Text(self.tenant.user_id(at).to_string()),
            "userPrincipalName" => text(user.login),
            "displayName" => text(user.display),
            "givenName" => text(user.first),
            "surname" => text(user.last),
            "mail" => text(user.email),
            "department" => text(user.department),
            "jobTitle" => text(user.job),
            "companyName" => text(user.company),
            "employeeId" => text(user.employee),
            "accountEnabled" => Value::Bool(user.has(ENABLED)),
            "userType" => Value::Text(if user.has(GUEST) { "Guest" } else { "Member" }.to_owned()),
            _ => Value::Null,
        })
    }

    fn write(&self, out: &mut Vec<u8>, at: u32) {
        if let Some(user) = self.tenant.listed_user(at, self.now_ms) {
            write::open(out, None);
            write::user_columns(out, self.tenant, (at, user), &self.columns, Nulls::Write);
            write::close(out);
        }
    }

    fn chosen(&self) -> Option<Vec<u32>> {
        let ids = self.filter.as_ref()?.ids()?;
        Some(ids.into_iter().filter_map(|id| self.tenant.find_user(id)).collect())
    }
}

impl Collection for Groups<'_> {
    fn noun(&self) -> Noun {
        Noun::Groups
    }

    fn tenant(&self) -> &Tenant {
        self.tenant
    }

    fn len(&self) -> u32 {
        self.tenant.groups.len() as u32
    }

    fn changed(&self, at: u32) -> u32 {
        self.tenant.group(at).card.changed
    }

    fn log_len(&self) -> usize {
        self.tenant.group_log.len()
    }

    fn logged(&self, entry: usize) -> Option<u32> {
        self.tenant.group_log.get(entry).map(|change| change.group)
    }

    fn id(&self, at: u32) -> Guid {
        self.tenant.group_id(at)
    }

    fn shows(&self, at: u32) -> bool {
        let Some(card) = self.tenant.listed_group(at, self.now_ms) else {
            return false;
        };
        let Some(filter) = &self.filter else {
            return true;
        };
        let text = |text| {
            self.tenant.texts.get(text).map_or(Value::Null, |text| Value::Text(text.to_owned()))
        };
        filter.matches(&|property| match property {
            "id" => Value::Text(self.tenant.group_id(at).to_string()),
            "displayName" => text(card.name),
            "description" => text(card.description),
            "mailNickname" => text(card.nickname),
            "securityEnabled" => Value::Bool(write::security_enabled(card)),
            "mailEnabled" => Value::Bool(write::mail_enabled(card)),
            _ => Value::Null,
        })
    }

    fn write(&self, out: &mut Vec<u8>, at: u32) {
        if let Some(card) = self.tenant.listed_group(at, self.now_ms) {
            write::open(out, None);
            write::group_columns(out, self.tenant, (at, card), &self.columns, Nulls::Write);
            write::close(out);
        }
    }

    fn chosen(&self) -> Option<Vec<u32>> {
        let ids = self.filter.as_ref()?.ids()?;
        Some(ids.into_iter().filter_map(|id| self.tenant.find_group(id)).collect())
    }
}

const USER_FILTERS: [&str; 12] = [
    "id",
    "userPrincipalName",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "department",
    "jobTitle",
    "companyName",
    "employeeId",
    "accountEnabled",
    "userType",
];
const GROUP_FILTERS: [&str; 6] =
    ["id", "displayName", "description", "mailNickname", "securityEnabled", "mailEnabled"];

fn filter_of(query: &Query, properties: &[&str]) -> Result<Option<Filter>, GraphError> {
    let Some(text) = &query.filter else {
        return Ok(None);
    };
    let filter = Filter::parse(text, properties)?;
    if filter.is_advanced() && !(query.eventual && query.count) {
        return Err(GraphError::unsupported(
            "This filter needs the header ConsistencyLevel: eventual and $count=true.",
        ));
    }
    Ok(Some(filter))
}

impl Entra {
    /// `GET /users`, `GET /groups`.
    pub(super) fn list(
        &self,
        noun: Noun,
        query: &Query,
        call: &Call,
    ) -> Result<Vec<u8>, GraphError> {
        match noun {
            Noun::Users => {
                let mask = select_users(query.select.as_deref(), Scope::Many)?;
                let filter = filter_of(query, &USER_FILTERS)?;
                let (columns, now_ms) = (Columns::users(mask), self.world.clock.now_ms());
                let tenant = self.world.read();
                self.page(&Users { tenant: &tenant, now_ms, filter, columns }, query, call)
            }
            Noun::Groups => {
                let mask = select_groups(query.select.as_deref())?;
                let filter = filter_of(query, &GROUP_FILTERS)?;
                let (columns, now_ms) = (Columns::groups(mask), self.world.clock.now_ms());
                let tenant = self.world.read();
                self.page(&Groups { tenant: &tenant, now_ms, filter, columns }, query, call)
            }
        }
    }

    /// `GET /users/$count`, `GET /groups/$count`.
    pub(super) fn count(&self, noun: Noun, query: &Query) -> Result<Vec<u8>, GraphError> {
        if !query.eventual {
            return Err(GraphError::bad_request("$count is not currently supported."));
        }
        let tenant = self.world.read();
        let now_ms = self.world.clock.now_ms();
        let number = match noun {
            Noun::Users => {
                let filter = filter_of(query, &USER_FILTERS)?;
                let columns = Columns::users(0);
                matching(&Users { tenant: &tenant, now_ms, filter, columns })
            }
            Noun::Groups => {
                let filter = filter_of(query, &GROUP_FILTERS)?;
                let columns = Columns::groups(0);
                matching(&Groups { tenant: &tenant, now_ms, filter, columns })
            }
        };
        Ok(number.to_string().into_bytes())
    }

    /// One page of a collection.
    fn page(
        &self,
        collection: &dyn Collection,
        query: &Query,
        call: &Call,
    ) -> Result<Vec<u8>, GraphError> {
        let now_ms = self.world.clock.now_ms();
        let cursor = match &query.skip_token {
            Some(token) => {
                if query.page_size() < PAGE_ROWS_MIN {
                    self.world.counters.violation(Violation::PageSizeTooSmall);
                }
                self.cursors.open_page(token, query.hash, now_ms)?
            }
            None => Cursor {
                query: query.hash,
                start: collection.log_len() as u64,
                end: u64::from(collection.len()),
                ..Cursor::default()
            },
        };
        let mut head = Head { context: context(collection.noun(), query, call), ..Head::default() };
        if query.count && query.skip_token.is_none() {
            head.count = Some(matching(collection));
        }
        let mut rows = Rows::with_capacity(query.page_size());
        if call.picked.has(FaultKind::Empty) {
            return Ok(head.page(&rows));
        }
        let next = if cursor.position < TAIL {
            walk(collection, &cursor, (query.page_size(), call), &mut rows)
        } else {
            tail(collection, &cursor, query.page_size(), &mut rows)
        };
        if call.picked.has(FaultKind::Duplicate) {
            duplicate(collection, cursor.position, &mut rows);
        }
        let next = next.map(|position| Cursor { position, issued_ms: now_ms, ..cursor });
        head.next_link = self.next_link(next, query, call);
        Ok(head.page(&rows))
    }

    /// The link to the next page, with the query's own options; to a foreign host if a fault says so.
    pub(super) fn next_link(
        &self,
        next: Option<Cursor>,
        query: &Query,
        call: &Call,
    ) -> Option<String> {
        let foreign = call.picked.has(FaultKind::ForeignLink);
        if next.is_none() && !foreign {
            return None;
        }
        let cursor = next.unwrap_or(Cursor { query: query.hash, ..Cursor::default() });
        let token = self.cursors.seal(Continues::List, &cursor);
        let base = if foreign { &self.world.foreign } else { &call.base };
        let mut options = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &call.query {
            if !name.eq_ignore_ascii_case("$skiptoken") {
                options.append_pair(name, value);
            }
        }
        options.append_pair("$skiptoken", &token);
        let options = options.finish().replace("%24", "$").replace("%2C", ",");
        Some(format!("{base}{}?{options}", call.encoded_path()))
    }

    /// `GET /users/{id or name}`, `GET /groups/{id}`.
    pub(super) fn get(
        &self,
        noun: Noun,
        id: &str,
        query: &Query,
        call: &Call,
    ) -> Result<Vec<u8>, GraphError> {
        let mut out = Vec::with_capacity(1024);
        let context = |select: Option<&str>, set: &str| {
            let select = select.map_or(String::new(), |select| format!("({select})"));
            format!("{}/v1.0/$metadata#{set}{select}/$entity", call.base)
        };
        out.extend_from_slice(b"{\"@odata.context\":");
        match noun {
            Noun::Users => {
                let mask = select_users(query.select.as_deref(), Scope::One)?;
                crate::json::push_text(&mut out, &context(query.select.as_deref(), "users"));
                out.push(b',');
                let guid = Guid::parse(id);
                let tenant =
                    if guid.is_some() { self.world.read() } else { self.world.read_with_lookup() };
                let found = guid.map_or_else(|| tenant.find_login(id), |id| tenant.find_user(id));
                let user = found
                    .filter(|at| tenant.member_is_live(Member::User(*at)))
                    .ok_or_else(|| GraphError::not_found(id))?;
                let columns = Columns::users(mask);
                let row = (user, tenant.user(user));
                write::user_columns(&mut out, &tenant, row, &columns, Nulls::Write);
            }
            Noun::Groups => {
                let mask = select_groups(query.select.as_deref())?;
                crate::json::push_text(&mut out, &context(query.select.as_deref(), "groups"));
                out.push(b',');
                let tenant = self.world.read();
                let group = Guid::parse(id)
                    .and_then(|id| tenant.find_group(id))
                    .filter(|at| tenant.member_is_live(Member::Group(*at)))
                    .ok_or_else(|| GraphError::not_found(id))?;
                let columns = Columns::groups(mask);
                let row = (group, &tenant.group(group).card);
                write::group_columns(&mut out, &tenant, row, &columns, Nulls::Write);
            }
        }
        write::close(&mut out);
        Ok(out)
    }
}

/// How many objects a collection has.
fn matching(collection: &dyn Collection) -> usize {
    match collection.chosen() {
        Some(chosen) => chosen.into_iter().filter(|at| collection.shows(*at)).count(),
        None => (0..collection.len()).filter(|at| collection.shows(*at)).count(),
    }
}

/// Writes rows from a position on; where the next page begins.
fn walk(
    collection: &dyn Collection,
    cursor: &Cursor,
    (top, call): (usize, &Call),
    rows: &mut Rows,
) -> Option<u64> {
    let wanted = |at: u32| {
        let omitted = call.picked.has(FaultKind::Omit)
            && call.picked.omits(Entra::omit_number(collection.id(at)));
        !omitted && luck(collection, cursor, at) != Luck::Missing && collection.shows(at)
    };
    if let Some(chosen) = collection.chosen() {
        for at in chosen.into_iter().filter(|at| collection.shows(*at)).take(top) {
            collection.write(rows.next(), at);
        }
        return None;
    }
    let mut at = cursor.position as u32;
    while at < collection.len() {
        if wanted(at) {
            if rows.count == top {
                return Some(u64::from(at));
            }
            collection.write(rows.next(), at);
        }
        at += 1;
    }
    let again = (cursor.start as usize..collection.log_len()).any(|entry| {
        collection.logged(entry).is_some_and(|at| luck(collection, cursor, at) == Luck::Twice)
    });
    // At times the vendor links to a page that turns out to be empty.
    let idle = rows.count == top && draw(cursor.query, 0xe3, cursor.position).is_multiple_of(4);
    (again || idle).then_some(TAIL + cursor.start)
}

/// Writes once more what changed while the list was being read.
fn tail(collection: &dyn Collection, cursor: &Cursor, top: usize, rows: &mut Rows) -> Option<u64> {
    let mut entry = (cursor.position - TAIL) as usize;
    while let Some(at) = collection.logged(entry) {
        if luck(collection, cursor, at) == Luck::Twice && collection.shows(at) {
            if rows.count == top {
                return Some(TAIL + entry as u64);
            }
            collection.write(rows.next(), at);
        }
        entry += 1;
    }
    None
}

/// What becomes of an object in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Once,
    Twice,
    Missing,
}

/// The luck of an object: once, unless it was touched after the list began.
fn luck(collection: &dyn Collection, cursor: &Cursor, at: u32) -> Luck {
    if u64::from(collection.changed(at)) <= cursor.start {
        return Luck::Once;
    }
    let coin = draw(cursor.start, collection.tenant().seed, u64::from(at)) % 4;
    match coin {
        0 => Luck::Missing,
        1 if u64::from(at) < cursor.end => Luck::Twice,
        _ => Luck::Once,
    }
}

/// Repeats rows: the one before this page and the first of it.
fn duplicate(collection: &dyn Collection, position: u64, rows: &mut Rows) {
    let around = position.saturating_sub(1)..=position;
    for at in around.filter(|at| *at < u64::from(collection.len())) {
        if collection.shows(at as u32) {
            collection.write(rows.next(), at as u32);
        }
    }
}

fn context(noun: Noun, query: &Query, call: &Call) -> String {
    let set = match noun {
        Noun::Users => "users",
        Noun::Groups => "groups",
    };
    let select = query.select.as_ref().map_or(String::new(), |select| format!("({select})"));
    format!("{}/v1.0/$metadata#{set}{select}", call.base)
}
