//! Members of a group and groups of a member: pages of directory objects of mixed type.
//!
//! Invariant: a page token holds the last member's own number, so edges added or removed between pages never shift the
//! others. A token without the permission to read users gets members' types and ids and nothing else (A1.7).

use std::sync::Arc;

use super::Entra;
use super::cursor::Cursor;
use super::error::GraphError;
use super::filter::{Filter, Value};
use super::json::{Head, Rows};
use super::property::{UserProperty, select_objects};
use super::query::Query;
use super::route::{Cast, Noun, Route};
use super::token::Claims;
use super::write::{self, Columns, Nulls};
use crate::counters::Violation;
use crate::exchange::Call;
use crate::faults::FaultKind;
use crate::json::push_text;
use crate::tenant::id::Guid;
use crate::tenant::{Life, Member, OtherKind, Tenant};

/// Followed pages smaller than this are a violation.
const PAGE_ROWS_MIN: usize = 100;

/// How objects are written.
pub(super) struct ObjectStyle {
    users: Columns<UserProperty>,
    groups: Columns<super::property::GroupProperty>,
    user_mask: u64,
    typed: bool,
    reads_users: bool,
    reads_groups: bool,
}

impl ObjectStyle {
    /// For these selections of user and group properties.
    pub(super) fn new((user_mask, group_mask): (u64, u64), claims: &Claims) -> Self {
        Self {
            users: Columns::users(user_mask),
            groups: Columns::groups(group_mask),
            user_mask,
            typed: true,
            reads_users: claims.reads_users(),
            reads_groups: claims.reads_groups(),
        }
    }

    /// Writes one object.
    pub(super) fn write(&self, out: &mut Vec<u8>, tenant: &Tenant, member: Member) {
        write::open(out, self.typed.then(|| write::type_name(tenant, member)));
        match member {
            Member::User(at) if self.reads_users => {
                let row = (at, tenant.user(at));
                write::user_columns(out, tenant, row, &self.users, Nulls::Write);
            }
            Member::Group(at) if self.reads_groups => {
                let row = (at, &tenant.group(at).card);
                write::group_columns(out, tenant, row, &self.groups, Nulls::Write);
            }
            Member::Other(at) => {
                write::push_id(out, tenant.member_id(member));
                if self.user_mask & UserProperty::DisplayName.bit() != 0 {
                    out.extend_from_slice(b"\"displayName\":");
                    let name = tenant.texts.get(tenant.others[at as usize].name);
                    push_text(out, name.unwrap_or_default());
                }
            }
            hidden => self.write_hidden(out, tenant, hidden),
        }
        write::close(out);
    }

    /// An object that the token may not read: its id, and null for all else.
    fn write_hidden(&self, out: &mut Vec<u8>, tenant: &Tenant, member: Member) {
        write::push_id(out, tenant.member_id(member));
        for (property, name) in UserProperty::ALL {
            if self.user_mask & property.bit() != 0 && *property != UserProperty::Id {
                out.extend_from_slice(format!("\"{name}\":null,").as_bytes());
            }
        }
    }
}

/// A member as a number that sorts as members are listed.
pub(super) fn rank(member: Member) -> u64 {
    match member {
        Member::User(at) => u64::from(at),
        Member::Group(at) => 1 << 32 | u64::from(at),
        Member::Other(at) => 2 << 32 | u64::from(at),
    }
}

fn unrank(rank: u64) -> Member {
    let at = rank as u32;
    match rank >> 32 {
        0 => Member::User(at),
        1 => Member::Group(at),
        _ => Member::Other(at),
    }
}

/// Whether v1.0 lists this member at all; it leaves out service principals.
pub(super) fn listed(tenant: &Tenant, member: Member) -> bool {
    match member {
        Member::Other(at) => tenant.others[at as usize].kind != OtherKind::ServicePrincipal,
        _ => true,
    }
}

fn cast_allows(cast: Cast, tenant: &Tenant, member: Member) -> bool {
    match cast {
        Cast::All => true,
        Cast::Only(name) => write::type_name(tenant, member) == name,
    }
}

impl Entra {
    /// `GET /groups/{id}/members` and `/transitiveMembers`, whole or cast to a type.
    pub(super) fn members(
        &self,
        route: Route<'_>,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let Route::Members { group: id, cast, transitive } = route else {
            return Err(GraphError::no_segment("members"));
        };
        check_cast(cast, query)?;
        let masks = select_objects(query.select.as_deref())?;
        let wanted_ids = asked_ids(query)?;
        let cursor = self.object_cursor(query)?;
        let tenant = self.world.read();
        let group = live_group(&tenant, id)?;
        let hidden = tenant.hidden_groups.contains(&group) && !claims.sees_hidden();
        if hidden && self.hidden == crate::HiddenMembers::Refused {
            return Err(GraphError::denied());
        }
        let mut style = ObjectStyle::new(masks, claims);
        style.typed = cast == Cast::All;
        let page = ObjectPage { tenant: &tenant, style: &style, cursor: &cursor };
        if let Some(ids) = wanted_ids {
            // A question about some objects reads the present, never a lagging or shortened list.
            let known = ids.iter().filter_map(|id| tenant.find(*id));
            let mut found = known
                .filter(|member| {
                    !hidden && tenant.is_member(group, *member) && tenant.member_is_live(*member)
                })
                .collect::<Vec<_>>();
            found.sort_unstable_by_key(|member| rank(*member));
            found.dedup();
            found.retain(|member| cast_allows(cast, &tenant, *member));
            return Ok(few(&page, &found, query, call));
        }
        let mut source: Box<dyn Iterator<Item = Member> + '_> = if transitive {
            let from = cursor.position;
            let all = tenant.members_transitive(group).into_iter();
            Box::new(all.filter(move |member| rank(*member) >= from))
        } else {
            direct_members(&tenant, group, cursor.position, self.world.clock.now_ms())
        };
        let mut wanted = source.by_ref().filter(|member| {
            !hidden
                && listed(&tenant, *member)
                && cast_allows(cast, &tenant, *member)
                && !call.picked.omits(Self::omit_number(tenant.member_id(*member)))
        });
        Ok(self.write_objects(&page, &mut wanted, query, call))
    }

    /// `GET /users/{id}/memberOf`, `/groups/{id}/memberOf` and their transitive forms.
    pub(super) fn member_of(
        &self,
        route: Route<'_>,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let Route::MemberOf { noun, id, cast, transitive } = route else {
            return Err(GraphError::no_segment("memberOf"));
        };
        if query.filter.is_some() {
            return Err(GraphError::unsupported(
                "The specified filter to the reference property query is currently not supported.",
            ));
        }
        check_cast(cast, query)?;
        let masks = select_objects(query.select.as_deref())?;
        let cursor = self.object_cursor(query)?;
        let tenant = self.world.read_with_lookup();
        let member = live_object(&tenant, noun, id)?;
        let groups =
            if transitive { tenant.groups_of_transitive(member) } else { tenant.groups_of(member) };
        let mut style = ObjectStyle::new(masks, claims);
        style.typed = cast == Cast::All;
        let mut wanted = groups.into_iter().map(Member::Group).filter(|group| {
            rank(*group) >= cursor.position
                && cast_allows(cast, &tenant, *group)
                && shows_members(&tenant, *group, claims)
                && !call.picked.omits(Self::omit_number(tenant.member_id(*group)))
        });
        let page = ObjectPage { tenant: &tenant, style: &style, cursor: &cursor };
        Ok(self.write_objects(&page, &mut wanted, query, call))
    }

    /// A page out of a list of objects that is at hand, sorted by rank.
    pub(super) fn object_page(
        &self,
        tenant: &Tenant,
        (objects, style): (&[Member], &ObjectStyle),
        query: &Query,
        call: &Call,
    ) -> Result<Vec<u8>, GraphError> {
        let cursor = self.object_cursor(query)?;
        let from = cursor.position;
        let mut wanted = objects.iter().copied().filter(|member| rank(*member) >= from);
        let page = ObjectPage { tenant, style, cursor: &cursor };
        Ok(self.write_objects(&page, &mut wanted, query, call))
    }

    fn object_cursor(&self, query: &Query) -> Result<Cursor, GraphError> {
        let Some(token) = &query.skip_token else {
            return Ok(Cursor { query: query.hash, ..Cursor::default() });
        };
        if query.page_size() < PAGE_ROWS_MIN {
            self.world.counters.violation(Violation::PageSizeTooSmall);
        }
        self.cursors.open_page(token, query.hash, self.world.clock.now_ms())
    }

    fn write_objects(
        &self,
        page: &ObjectPage<'_>,
        objects: &mut dyn Iterator<Item = Member>,
        query: &Query,
        call: &Call,
    ) -> Vec<u8> {
        let context = format!("{}/v1.0/$metadata#directoryObjects", call.base);
        let mut head = Head { context, ..Head::default() };
        let mut rows = Rows::with_capacity(query.page_size() / 3);
        if call.picked.has(FaultKind::Empty) {
            return head.page(&rows);
        }
        let mut next = None;
        let mut repeat = None;
        if call.picked.has(FaultKind::Duplicate) && page.cursor.position > 0 {
            repeat = Some(unrank(page.cursor.inner));
        }
        let mut last = 0;
        for member in &mut *objects {
            if rows.count == query.page_size() {
                next = Some(rank(member));
                break;
            }
            last = rank(member);
            page.style.write(rows.next(), page.tenant, member);
            if call.picked.has(FaultKind::Duplicate) && rows.count == 1 {
                page.style.write(rows.next(), page.tenant, member);
            }
        }
        if let Some(member) = repeat.filter(|member| page.tenant.life(*member) == Life::Live) {
            page.style.write(rows.next(), page.tenant, member);
        }
        if query.count && query.skip_token.is_none() {
            head.count = Some(rows.count + usize::from(next.is_some()) + objects.count());
        }
        let next = next.map(|position| Cursor {
            position,
            inner: last,
            issued_ms: self.world.clock.now_ms(),
            ..*page.cursor
        });
        head.next_link = self.next_link(next, query, call);
        head.page(&rows)
    }
}

/// What one page of objects is made from.
struct ObjectPage<'a> {
    tenant: &'a Tenant,
    style: &'a ObjectStyle,
    cursor: &'a Cursor,
}

/// The direct members from a rank on, as lists show them now.
fn direct_members(
    tenant: &Tenant,
    group: u32,
    from: u64,
    now_ms: i64,
) -> Box<dyn Iterator<Item = Member> + '_> {
    let row = tenant.group(group);
    let (still, not_yet) = tenant.listed_edges(group, now_ms);
    let users = row.users.iter().map(|at| Member::User(*at));
    let groups = row.groups.iter().map(|at| Member::Group(*at));
    let others = row.others.iter().map(|at| Member::Other(*at));
    let shown = move |member: &Member| match member {
        Member::User(at) if tenant.lives[*at as usize] == Life::Live && !tenant.lag.is_on() => true,
        Member::User(at) => tenant.listed_user(*at, now_ms).is_some(),
        Member::Group(at) => tenant.listed_group(*at, now_ms).is_some(),
        Member::Other(_) => true,
    };
    if still.is_empty() && not_yet.is_empty() {
        let kind = (from >> 32) as u32;
        let at = from as u32;
        let skip_users = match kind {
            0 => row.users.partition_point(|user| *user < at),
            _ => row.users.len(),
        };
        let all = users.skip(skip_users).chain(groups).chain(others);
        return Box::new(all.filter(move |member| rank(*member) >= from).filter(shown));
    }
    let mut all: Vec<Member> = users.chain(groups).chain(others).collect();
    all.retain(|member| !not_yet.contains(member));
    all.extend(still);
    all.sort_unstable_by_key(|member| rank(*member));
    all.dedup();
    Box::new(all.into_iter().filter(move |member| rank(*member) >= from).filter(shown))
}

/// Whether a token may see who is in a group.
pub(super) fn shows_members(tenant: &Tenant, group: Member, claims: &Claims) -> bool {
    let hides = matches!(group, Member::Group(at) if tenant.hidden_groups.contains(&at));
    !hides || claims.sees_hidden()
}

/// The position of a live group, or 404.
pub(super) fn live_group(tenant: &Tenant, id: &str) -> Result<u32, GraphError> {
    Guid::parse(id)
        .and_then(|guid| tenant.find_group(guid))
        .filter(|at| tenant.member_is_live(Member::Group(*at)))
        .ok_or_else(|| GraphError::not_found(id))
}

/// A live user (by id or name) or group, or 404.
pub(super) fn live_object(tenant: &Tenant, noun: Noun, id: &str) -> Result<Member, GraphError> {
    if noun == Noun::Groups {
        return live_group(tenant, id).map(Member::Group);
    }
    let found = match Guid::parse(id) {
        Some(guid) => tenant.find_user(guid),
        None => tenant.find_login(id),
    };
    found
        .map(Member::User)
        .filter(|user| tenant.member_is_live(*user))
        .ok_or_else(|| GraphError::not_found(id))
}

/// Few objects, on one page.
fn few(page: &ObjectPage<'_>, objects: &[Member], query: &Query, call: &Call) -> Vec<u8> {
    let context = format!("{}/v1.0/$metadata#directoryObjects", call.base);
    let mut rows = Rows::with_capacity(objects.len());
    for member in objects.iter().take(query.page_size()) {
        page.style.write(rows.next(), page.tenant, *member);
    }
    Head { context, count: Some(objects.len()), ..Head::default() }.page(&rows)
}

/// The ids that a filter on members names. Anything else than ids cannot be filtered for here; and a filter on members is
/// answered from the index, which wants the header and the count (documented for "advanced queries").
fn asked_ids(query: &Query) -> Result<Option<Vec<Guid>>, GraphError> {
    let Some(text) = &query.filter else { return Ok(None) };
    let refused = || {
        GraphError::unsupported(
            "The specified filter to the reference property query is currently not supported.",
        )
    };
    if !(query.eventual && query.count) {
        return Err(refused());
    }
    match Filter::parse(text, &["id"])? {
        Filter::In(_, values) => values
            .iter()
            .map(|value| match value {
                Value::Text(text) => Guid::parse(text).ok_or_else(refused),
                _ => Err(refused()),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some),
        _ => Err(refused()),
    }
}

/// A cast to a type needs the advanced query header.
fn check_cast(cast: Cast, query: &Query) -> Result<(), GraphError> {
    if cast == Cast::All || query.eventual {
        return Ok(());
    }
    Err(GraphError::unsupported(
        "The specified OData cast needs the header ConsistencyLevel: eventual.",
    ))
}
