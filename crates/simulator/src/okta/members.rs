//! `groups/{id}/users`: the members of a group, as whole people.
//!
//! Invariant: nobody who is deprovisioned is in it. Okta takes too long for large pages of large groups and fails.

use super::{
    Okta,
    access::{Access, GROUPS},
    error::ApiError,
    listing::{Limit, Over, Rows, key_position, page_rows, position_key},
    person::{Links, Parts, Style},
};
use crate::{
    exchange::{Call, Reply},
    tenant::{Life, Member},
};

pub(super) const ROUTE: &str = "/api/v1/groups/{id}/users";
const LIMIT: Limit = Limit { default: 1_000, maximum: 1_000, over: Over::Cut };
/// Groups from this size on cannot be read in large pages.
const LARGE: usize = 1_000;
/// What Okta recommends.
const PAGE_ROWS_SAFE: usize = 200;

/// The list.
struct Members<'a> {
    style: Style<'a>,
    /// Positions, sorted; everybody if there is no list.
    users: Option<&'a [u32]>,
}

impl Members<'_> {
    fn user(&self, at: usize) -> u32 {
        self.users.map_or(at as u32, |users| users[at])
    }
}

impl Rows for Members<'_> {
    fn len(&self) -> usize {
        self.users.map_or(self.style.tenant.users.len(), <[u32]>::len)
    }

    fn shows(&self, at: usize) -> bool {
        self.style.tenant.member_is_live(Member::User(self.user(at)))
    }

    fn number(&self, at: usize) -> u64 {
        u64::from(self.user(at))
    }

    fn key(&self, at: usize) -> Vec<u8> {
        position_key(self.user(at))
    }

    fn place_after(&self, key: &[u8]) -> usize {
        let last = key_position(key).unwrap_or_default();
        match self.users {
            Some(users) => users.partition_point(|user| *user <= last),
            None => last as usize + 1,
        }
    }

    fn write(&self, out: &mut Vec<u8>, at: usize) {
        let user = self.user(at);
        self.style.write(out, user, self.style.tenant.user(user), Life::Live);
    }
}

impl Okta {
    /// `GET groups/{id}/users`.
    pub(super) fn members(
        &self,
        id: &str,
        call: &Call,
        access: &Access,
    ) -> Result<Reply, ApiError> {
        self.admit(access, GROUPS)?;
        let tenant = self.world.read();
        let group = self.find_group(&tenant, id)?;
        let users = &tenant.group(group).users;
        let users = (!tenant.holds_everybody(group)).then_some(users.as_slice());
        let size = users.map_or(tenant.live_users, <[u32]>::len);
        if size >= LARGE && page_rows(call, LIMIT)? > PAGE_ROWS_SAFE {
            return Err(ApiError::code("E0000009"));
        }
        let parts = Parts::whole(Links::Own);
        let style = Style { tenant: &tenant, base: &call.base, parts };
        self.page(&Members { style, users }, LIMIT, call, ROUTE)
    }
}
