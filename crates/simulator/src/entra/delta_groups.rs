//! The delta of groups with their direct members.
//!
//! Invariant: at most 500 member links and 200 groups on a page. A large group comes in slices over many pages; a slice
//! after the first carries the id and members only. Members are never the complete set, always what is added or removed.

use std::collections::{HashMap, HashSet};

use super::Entra;
use super::delta::{End, PAGE_OBJECTS, Round, write_removed};
use super::error::GraphError;
use super::json::Rows;
use super::members::{listed, rank};
use super::property::{GroupProperty, group_properties_of};
use super::query::Query;
use super::route::Noun;
use super::token::Claims;
use super::write::{self, Columns, Nulls};
use crate::chance::draw;
use crate::exchange::Call;
use crate::tenant::{GroupTouch, Life, Member, Tenant, field};

/// Member links on a page.
const PAGE_LINKS: usize = 500;

/// What changed in one group.
struct Touched {
    group: u32,
    fields: u32,
    members: Vec<Member>,
}

impl Entra {
    /// `GET /groups/delta`.
    pub(super) fn groups_delta(
        &self,
        query: &Query,
        call: &Call,
        claims: &Claims,
    ) -> Result<Vec<u8>, GraphError> {
        let tenant = self.world.read();
        let mut round = self.round(Noun::Groups, query, call, &tenant)?;
        round.sees_hidden = claims.sees_hidden();
        if let Some(page) = self.idle_page(&mut round, call) {
            return Ok(page);
        }
        let mut rows = Rows::with_capacity(PAGE_OBJECTS);
        let end = if round.is_initial() {
            initial_groups(&tenant, &round, call, &mut rows)
        } else {
            changed_groups(&tenant, &round, call, &mut rows)
        };
        Ok(self.delta_page(&round, end, &rows, call))
    }
}

/// Whether the members of a group are selected, and may be seen.
fn wants_members(tenant: &Tenant, round: &Round, group: u32) -> bool {
    round.cursor.query & GroupProperty::Members.bit() != 0
        && (round.sees_hidden || !tenant.hidden_groups.contains(&group))
}

fn initial_groups(tenant: &Tenant, round: &Round, call: &Call, rows: &mut Rows) -> End {
    let columns = Columns::groups(round.cursor.query | GroupProperty::Id.bit());
    let (mut at, mut inner) = (round.cursor.position as u32, round.cursor.inner);
    let mut links = PAGE_LINKS;
    let mut objects = 0;
    while (at as usize) < tenant.groups.len() {
        if objects == PAGE_OBJECTS || links == 0 {
            return End::Next(u64::from(at), inner);
        }
        let id = tenant.group_id(at);
        let life = tenant.group(at).card.life;
        if life != Life::Live || call.picked.omits(Entra::omit_number(id)) {
            let coin = draw(tenant.seed, 0x70c, u64::from(at)) & 1 == 0;
            if life == Life::Binned && coin && inner == 0 {
                write_removed(rows.next(), id, life);
                objects += 1;
            }
            (at, inner) = (at + 1, 0);
            continue;
        }
        let (slice, rest) = if wants_members(tenant, round, at) {
            slice_of(tenant, at, inner.saturating_sub(1), links)
        } else {
            (Vec::new(), None)
        };
        let slice: Vec<Member> = slice
            .into_iter()
            .filter(|member| !call.picked.omits(Entra::omit_number(tenant.member_id(*member)) ^ 1))
            .collect();
        links -= slice.len().min(links);
        for _ in 0..=usize::from(round.repeats(at, call)) {
            let out = rows.next();
            write::open(out, None);
            if inner == 0 {
                let row = (at, &tenant.group(at).card);
                write::group_columns(out, tenant, row, &columns, nulls(tenant, at));
            } else {
                write::push_id(out, id);
            }
            write_members(out, tenant, at, &slice);
            write::close(out);
        }
        objects += 1;
        if let Some(next) = rest {
            return End::Next(u64::from(at), next + 1);
        }
        (at, inner) = (at + 1, 0);
    }
    End::Complete
}

/// So many members of a group from a rank on, and the rank that follows. Some that are in the bin come along: they are
/// written as removed.
fn slice_of(tenant: &Tenant, group: u32, from: u64, most: usize) -> (Vec<Member>, Option<u64>) {
    let row = tenant.group(group);
    let skip = if from >> 32 == 0 {
        row.users.partition_point(|user| u64::from(*user) < from)
    } else {
        row.users.len()
    };
    let users = row.users[skip..].iter().map(|at| Member::User(*at));
    let groups = row.groups.iter().map(|at| Member::Group(*at));
    let others = row.others.iter().map(|at| Member::Other(*at));
    let mut slice = Vec::new();
    for member in users.chain(groups).chain(others).filter(|member| rank(*member) >= from) {
        let tombstone = match member {
            Member::User(at) => draw(tenant.seed, 0x70d, u64::from(at)) & 1 == 0,
            _ => false,
        };
        if !listed(tenant, member) || !(tenant.member_is_live(member) || tombstone) {
            continue;
        }
        if slice.len() == most {
            return (slice, Some(rank(member)));
        }
        slice.push(member);
    }
    (slice, None)
}

fn changed_groups(tenant: &Tenant, round: &Round, call: &Call, rows: &mut Rows) -> End {
    let (touched, entry) = touched_groups(tenant, round);
    let mask = round.cursor.query | GroupProperty::Id.bit();
    let columns = Columns::groups(mask);
    for Touched { group, fields, members } in touched {
        let life = tenant.group(group).card.life;
        let id = tenant.group_id(group);
        if life != Life::Live {
            write_removed(rows.next(), id, life);
            continue;
        }
        let shown = group_properties_of(fields) & mask;
        if shown == 0 && members.is_empty() {
            continue;
        }
        let whole = fields == field::WHOLE || !round.is_minimal();
        for _ in 0..=usize::from(round.repeats(group, call)) {
            let row = (group, &tenant.group(group).card);
            let out = rows.next();
            write::open(out, None);
            if whole {
                write::group_columns(out, tenant, row, &columns, nulls(tenant, group));
            } else {
                let some = Columns::groups(shown | GroupProperty::Id.bit());
                write::group_columns(out, tenant, row, &some, Nulls::Write);
            }
            write_members(out, tenant, group, &members);
            write::close(out);
        }
    }
    if (entry as u64) < round.cursor.end { End::Next(entry as u64, 0) } else { End::Complete }
}

/// The changes from the round's position on that fit on a page, by group, and where the next page begins.
fn touched_groups(tenant: &Tenant, round: &Round) -> (Vec<Touched>, usize) {
    let mut touched: Vec<Touched> = Vec::new();
    let mut places = HashMap::new();
    let mut links = HashSet::new();
    let mut entry = round.cursor.position as usize;
    while entry < round.cursor.end as usize {
        let change = tenant.group_log[entry];
        if let GroupTouch::Member(member) = change.what
            && (!wants_members(tenant, round, change.group) || !listed(tenant, member))
        {
            entry += 1;
            continue;
        }
        let place = *places.entry(change.group).or_insert(touched.len());
        if place == PAGE_OBJECTS || links.len() == PAGE_LINKS {
            break;
        }
        if place == touched.len() {
            touched.push(Touched { group: change.group, fields: 0, members: Vec::new() });
        }
        match change.what {
            GroupTouch::Fields(fields) => touched[place].fields |= fields,
            GroupTouch::Member(member) => {
                if links.insert((change.group, member)) {
                    touched[place].members.push(member);
                }
            }
        }
        entry += 1;
    }
    (touched, entry)
}

/// Writes `"members@delta":[…],` unless there are none.
fn write_members(out: &mut Vec<u8>, tenant: &Tenant, group: u32, members: &[Member]) {
    if members.is_empty() {
        return;
    }
    out.extend_from_slice(b"\"members@delta\":[");
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write::open(out, Some(write::type_name(tenant, *member)));
        write::push_id(out, tenant.member_id(*member));
        if !tenant.is_member(group, *member) {
            out.extend_from_slice(b"\"@removed\":{\"reason\":\"deleted\"}");
        }
        write::close(out);
    }
    out.extend_from_slice(b"],");
}

fn nulls(tenant: &Tenant, group: u32) -> Nulls {
    let cleared = tenant.cleared_groups.get(&group);
    Nulls::Only(cleared.map_or(0, |fields| group_properties_of(*fields)))
}
