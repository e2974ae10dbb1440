//! Deltas: the tokens of a round, what they freeze, when they die; and the delta of users.
//!
//! Invariant: a round ends with a deltaLink from which the next one misses nothing. Rounds may repeat what was delivered,
//! show an object twice, or have an empty page in the middle: a client must bear it. The state that is shown is the
//! present one, looked up when the page is made.

use super::Entra;
use super::cursor::{Continues, Cursor, DELTA_LIFE_MS, Refused, badly_formed};
use super::error::GraphError;
use super::json::{Head, Rows};
use super::property::{
    GroupProperty, Scope, USER_DEFAULT, UserProperty, select_groups, select_users,
    user_properties_of,
};
use super::query::Query;
use super::route::Noun;
use super::token::Claims;
use super::write::{self, Columns, Nulls};
use crate::chance::{draw, hash_bytes, unit};
use crate::exchange::Call;
use crate::faults::FaultKind;
use crate::provider::Granted;
use crate::tenant::id::Guid;
use crate::tenant::{Life, Tenant};

/// Objects on a page, fixed by the vendor.
pub(super) const PAGE_OBJECTS: usize = 200;
/// One page in so many is empty although others follow.
const EMPTY_PAGE_IN: u64 = 23;
/// One object in so many is written twice.
const TWICE_IN: u64 = 97;

/// The round lists everything, not changes.
const INITIAL: u64 = 1;
/// The last page was an empty one.
const AFTER_EMPTY: u64 = 2;
/// `Prefer: return=minimal`.
const MINIMAL: u64 = 4;
/// The token is that of a deltaLink.
const DELTA_LINK: u64 = 8;

/// The round that a request begins or continues.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Position, selection and flags.
    pub(super) cursor: Cursor,
    pub(super) noun: Noun,
    /// Whether members of groups that hide them are shown.
    pub(super) sees_hidden: bool,
}

impl Round {
    /// Whether it lists everything.
    pub(super) fn is_initial(&self) -> bool {
        self.cursor.flags & INITIAL != 0
    }

    /// Whether only changed properties are wanted.
    pub(super) fn is_minimal(&self) -> bool {
        self.cursor.flags & MINIMAL != 0
    }

    /// A coin for this page, or for an object on it.
    pub(super) fn coin(&self, topic: u64, number: u64) -> u64 {
        draw(self.cursor.position ^ self.cursor.start.rotate_left(32), topic, number)
    }

    /// Whether an object is to be written twice.
    pub(super) fn repeats(&self, at: u32, call: &Call) -> bool {
        call.picked.has(FaultKind::Duplicate)
            || self.coin(0x2f, u64::from(at)).is_multiple_of(TWICE_IN)
    }
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The round goes on at this position, and at this place inside it.
    Next(u64, u64),
    /// The round is complete.
    Complete,
}

fn continues(noun: Noun) -> Continues {
    match noun {
        Noun::Users => Continues::UsersDelta,
        Noun::Groups => Continues::GroupsDelta,
    }
}

/// The length of the log that deltas show by now.
pub(super) fn visible_log(tenant: &Tenant, noun: Noun, now_ms: i64) -> u64 {
    let lag = tenant.lag.delta_ms;
    let seen = |at_ms: i64| at_ms + lag <= now_ms;
    let length = match noun {
        Noun::Users => tenant.user_log.partition_point(|change| seen(change.at_ms)),
        Noun::Groups => tenant.group_log.partition_point(|change| seen(change.at_ms)),
    };
    length as u64
}

/// `{"id":…,"@removed":{"reason":…}}`
pub(super) fn write_removed(out: &mut Vec<u8>, id: Guid, life: Life) {
    write::open(out, None);
    write::push_id(out, id);
    let reason = if life == Life::Binned { "changed" } else { "deleted" };
    out.extend_from_slice(format!("\"@removed\":{{\"reason\":\"{reason}\"}}}}").as_bytes());
}

impl Entra {
    /// The round that a request begins or continues.
    pub(super) fn round(
        &self,
        noun: Noun,
        query: &Query,
        call: &Call,
        tenant: &Tenant,
    ) -> Result<Round, GraphError> {
        if query.filter.is_some() {
            return Err(GraphError::unsupported("$filter is not supported on this delta."));
        }
        let now_ms = self.world.clock.now_ms();
        let head = visible_log(tenant, noun, now_ms);
        let prefer = call.header("prefer").unwrap_or_default();
        let minimal = if prefer.contains("return=minimal") { MINIMAL } else { 0 };
        let begin = |flags: u64| -> Result<Round, GraphError> {
            let cursor = Cursor {
                query: frozen_selection(noun, query)?,
                start: head,
                end: head,
                flags: flags | minimal,
                epoch: self.app.cursor_epoch(),
                issued_ms: now_ms,
                ..Cursor::default()
            };
            Ok(Round { cursor, noun, sees_hidden: false })
        };
        match (query.delta_token.as_deref(), query.skip_token.as_deref()) {
            (Some(_), Some(_)) => Err(badly_formed()),
            (None | Some(""), None) => begin(INITIAL),
            (Some("latest"), None) => {
                let mut round = begin(0)?;
                round.cursor.position = head;
                Ok(round)
            }
            (Some(token), None) => {
                let mut cursor = self.open_delta(noun, token, call)?;
                if cursor.flags & DELTA_LINK == 0 {
                    return Err(badly_formed());
                }
                cursor.flags = minimal;
                cursor.end = head.max(cursor.position);
                cursor.position -= self.replayed(&cursor, token, call);
                cursor.start = cursor.position;
                Ok(Round { cursor, noun, sees_hidden: false })
            }
            (None, Some(token)) => {
                let mut cursor = self.open_delta(noun, token, call)?;
                if cursor.flags & DELTA_LINK != 0 {
                    return Err(badly_formed());
                }
                cursor.flags |= minimal;
                if call.picked.has(FaultKind::Replay) {
                    cursor.position = cursor.position.saturating_sub(50);
                    cursor.inner = 0;
                }
                Ok(Round { cursor, noun, sees_hidden: false })
            }
        }
    }

    /// How many entries before its position a round begins, so that it repeats what was delivered.
    fn replayed(&self, cursor: &Cursor, token: &str, call: &Call) -> u64 {
        let luck = draw(self.world.seed, 0x4e91a, hash_bytes(token.as_bytes()));
        let back = if call.picked.has(FaultKind::Replay) {
            PAGE_OBJECTS as u64
        } else if unit(luck) < self.delta_replay {
            1 + luck % 20
        } else {
            0
        };
        back.min(cursor.position)
    }

    /// Opens a token of a delta, or says which way it died (A3.4).
    fn open_delta(&self, noun: Noun, token: &str, call: &Call) -> Result<Cursor, GraphError> {
        let lost = |status: u16| {
            GraphError::new(
                status,
                "syncStateNotFound",
                "The sync state generation is not found. The delta token is expired and data must \
                 be synchronized again.",
            )
        };
        let cursor =
            self.cursors.open(continues(noun), token).map_err(|refused| match refused {
                Refused::Mangled => badly_formed(),
                Refused::OtherProcess => lost(410),
            })?;
        let epoch = self.app.cursor_epoch();
        if cursor.epoch < epoch {
            let location = format!("{}{}?$deltatoken=", call.base, call.path);
            let error = if epoch % 2 == 1 { GraphError::of_status(410, None) } else { lost(410) };
            return Err(error.with_header("location", location));
        }
        if self.world.clock.now_ms() > cursor.issued_ms + DELTA_LIFE_MS {
            let status = if hash_bytes(token.as_bytes()) & 1 == 0 { 400 } else { 410 };
            return Err(lost(status));
        }
        Ok(cursor)
    }

    /// The whole page: rows and the link that follows them.
    pub(super) fn delta_page(&self, round: &Round, end: End, rows: &Rows, call: &Call) -> Vec<u8> {
        let (set, names) = match round.noun {
            Noun::Users => ("users", selected_users(round.cursor.query)),
            Noun::Groups => ("groups", selected_groups(round.cursor.query)),
        };
        let context = format!("{}/v1.0/$metadata#{set}({names})/$delta", call.base);
        let mut head = Head { context, ..Head::default() };
        let foreign = call.picked.has(FaultKind::ForeignLink);
        let base = if foreign { &self.world.foreign } else { &call.base };
        let (position, inner, mark) = match end {
            End::Next(position, inner) => (position, inner, 0),
            End::Complete => (round.cursor.end, 0, DELTA_LINK),
        };
        let kept = round.cursor.flags & if mark == 0 { INITIAL | MINIMAL | AFTER_EMPTY } else { 0 };
        let cursor = Cursor {
            position,
            inner,
            flags: kept | mark,
            issued_ms: self.world.clock.now_ms(),
            ..round.cursor
        };
        let token = self.cursors.seal(continues(round.noun), &cursor);
        if mark == 0 {
            head.next_link = Some(format!("{base}{}?$skiptoken={token}", call.path));
        } else {
            head.delta_link = Some(format!("{base}{}?$deltatoken={token}", call.path));
        }
        head.page(rows)
    }

    /// A page without rows, if a fault or chance wants one here.
    pub(super) fn idle_page(&self, round: &mut Round, call: &Call) -> Option<Vec<u8>> {
        if call.picked.has(FaultKind::Empty) {
            // A bad hour: nothing, and a link that claims that all is well. A round of changes loses none of them.
            let mut idle = *round;
            idle.cursor.end =
                if idle.is_initial() { idle.cursor.start } else { idle.cursor.position };
            return Some(self.delta_page(&idle, End::Complete, &Rows::default(), call));
        }
        let Cursor { position, inner, flags, .. } = round.cursor;
        // A round in which nothing changed is one page, as a client that waits for changes expects.
        let goes_on = round.is_initial() || position < round.cursor.end;
        let chance = round.coin(0xe0, inner).is_multiple_of(EMPTY_PAGE_IN);
        if goes_on && chance && flags & AFTER_EMPTY == 0 {
            round.cursor.flags |= AFTER_EMPTY;
            let end = End::Next(position, inner);
            return Some(self.delta_page(round, end, &Rows::default(), call));
        }
        round.cursor.flags &= !AFTER_EMPTY;
        None
    }

    /// `GET /users/delta` and `/groups/delta`, where the tenant has them.
    pub(super) fn delta(
        &self,
        noun: Noun,
        query: &Query,
        call: &Call,
        claims: &Claims,
    ) -> Result<Vec<u8>, GraphError> {
        use crate::TenantKind::{B2c, External, Workforce};
        match self.kind {
            External => {
                let text = "Change tracking is not implemented for this type of tenant.";
                return Err(GraphError::new(501, "NotImplemented", text));
            }
            B2c => return Err(no_delta()),
            Workforce if self.app.is_revoked(Granted::Delta) => return Err(no_delta()),
            Workforce => {}
        }
        match noun {
            Noun::Users => self.users_delta(query, call),
            Noun::Groups => self.groups_delta(query, call, claims),
        }
    }

    fn users_delta(&self, query: &Query, call: &Call) -> Result<Vec<u8>, GraphError> {
        let tenant = self.world.read();
        let mut round = self.round(Noun::Users, query, call, &tenant)?;
        if let Some(page) = self.idle_page(&mut round, call) {
            return Ok(page);
        }
        let mut rows = Rows::with_capacity(PAGE_OBJECTS);
        let end = if round.is_initial() {
            initial_users(&tenant, &round, call, &mut rows)
        } else {
            changed_users(&tenant, &round, call, &mut rows)
        };
        Ok(self.delta_page(&round, end, &rows, call))
    }
}

fn no_delta() -> GraphError {
    GraphError::unsupported("Change tracking is not supported in this type of tenant.")
}

/// Everything that exists, and some tombstones of what is in the bin.
fn initial_users(tenant: &Tenant, round: &Round, call: &Call, rows: &mut Rows) -> End {
    let columns = Columns::users(round.cursor.query | UserProperty::Id.bit());
    let mut at = round.cursor.position as u32;
    let mut objects = 0;
    while (at as usize) < tenant.users.len() {
        if objects == PAGE_OBJECTS {
            return End::Next(u64::from(at), 0);
        }
        let id = tenant.user_id(at);
        let life = tenant.lives[at as usize];
        let tombstone = life == Life::Binned && draw(tenant.seed, 0x70b, u64::from(at)) & 1 == 0;
        if tombstone {
            write_removed(rows.next(), id, life);
            objects += 1;
        } else if life == Life::Live && !call.picked.omits(Entra::omit_number(id)) {
            for _ in 0..=usize::from(round.repeats(at, call)) {
                write_user(rows.next(), tenant, at, &columns, round_nulls(tenant, at));
            }
            objects += 1;
        }
        at += 1;
    }
    End::Complete
}

/// What changed between the position and the end of the round.
fn changed_users(tenant: &Tenant, round: &Round, call: &Call, rows: &mut Rows) -> End {
    let mask = round.cursor.query | UserProperty::Id.bit();
    let columns = Columns::users(mask);
    let mut touched: Vec<(u32, u32)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut entry = round.cursor.position as usize;
    let end = round.cursor.end as usize;
    while entry < end {
        let change = tenant.user_log[entry];
        let place = *places.entry(change.user).or_insert(touched.len());
        if place == PAGE_OBJECTS {
            break;
        }
        if place == touched.len() {
            touched.push((change.user, 0));
        }
        touched[place].1 |= change.fields;
        entry += 1;
    }
    if round.coin(0x0d, 0).is_multiple_of(8) {
        touched.reverse();
    }
    for (at, fields) in touched {
        let id = tenant.user_id(at);
        let life = tenant.lives[at as usize];
        let shown = user_properties_of(fields) & mask;
        if life != Life::Live {
            write_removed(rows.next(), id, life);
        } else if fields == crate::tenant::field::WHOLE || !round.is_minimal() && shown != 0 {
            for _ in 0..=usize::from(round.repeats(at, call)) {
                write_user(rows.next(), tenant, at, &columns, round_nulls(tenant, at));
            }
        } else if shown != 0 {
            let some = Columns::users(shown | UserProperty::Id.bit());
            write_user(rows.next(), tenant, at, &some, Nulls::Write);
        }
    }
    if entry < end { End::Next(entry as u64, 0) } else { End::Complete }
}

/// Deltas leave out what was never set, and say null for what was.
fn round_nulls(tenant: &Tenant, at: u32) -> Nulls {
    Nulls::Only(tenant.cleared_users.get(&at).map_or(0, |fields| user_properties_of(*fields)))
}

fn write_user(
    out: &mut Vec<u8>,
    tenant: &Tenant,
    at: u32,
    columns: &Columns<UserProperty>,
    nulls: Nulls,
) {
    write::open(out, None);
    write::user_columns(out, tenant, (at, tenant.user(at)), columns, nulls);
    write::close(out);
}

fn frozen_selection(noun: Noun, query: &Query) -> Result<u64, GraphError> {
    match noun {
        Noun::Users => match &query.select {
            Some(select) => select_users(Some(select), Scope::Many),
            None => Ok(USER_DEFAULT),
        },
        Noun::Groups => match &query.select {
            Some(select) => select_groups(Some(select)),
            None => Ok(select_groups(None)? | GroupProperty::Members.bit()),
        },
    }
}

fn selected_users(mask: u64) -> String {
    let chosen = UserProperty::ALL.iter().filter(|(property, _)| mask & property.bit() != 0);
    chosen.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn selected_groups(mask: u64) -> String {
    let chosen = GroupProperty::ALL.iter().filter(|(property, _)| mask & property.bit() != 0);
    chosen.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}
