//! In which order lists show objects: Google sorts by address, so pages follow a sorted copy of the positions.
//!
//! Invariant: an order is made anew when anything it depends on was edited; a page token carries the key of the last
//! row and not its place, so that edits between pages cannot shift rows that nobody touched.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::tenant::{Member, Tenant};

/// Most members of large groups that are kept sorted.
const MEMBERS_KEPT_MAX: usize = 4_000_000;
/// Smaller groups are sorted each time.
const KEPT_FROM: usize = 200;

/// What users are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum By {
    Email,
    FamilyName,
    GivenName,
}

/// A sorted list, and how long the change logs were when it was made.
type Sorted<T> = ((usize, usize), Arc<Vec<T>>);

/// The orders that were made so far.
#[derive(Debug, Default)]
pub(super) struct Orders {
    users: Mutex<HashMap<By, Sorted<u32>>>,
    groups: Mutex<Option<Sorted<u32>>>,
    members: Mutex<HashMap<u32, Sorted<Member>>>,
}

impl Orders {
    /// All users in whatever life, sorted.
    pub(super) fn users(&self, tenant: &Tenant, by: By) -> Arc<Vec<u32>> {
        let version = (tenant.user_log.len(), 0);
        let mut kept = crate::lock(&self.users);
        if let Some((made, order)) = kept.get(&by)
            && *made == version
        {
            return Arc::clone(order);
        }
        let all = 0..tenant.users.len() as u32;
        let mut order: Vec<u32> = match kept.remove(&by) {
            // What was sorted before is nearly sorted still, which the sort is fast at.
            Some((_, old)) => old.iter().copied().chain(all.skip(old.len())).collect(),
            None => all.collect(),
        };
        match by {
            By::Email => order.sort_by_key(|at| (login(tenant, *at), *at)),
            _ => order.sort_by_cached_key(|at| user_key(tenant, by, *at)),
        }
        let order = Arc::new(order);
        kept.insert(by, (version, Arc::clone(&order)));
        order
    }

    /// All groups in whatever life, sorted by address.
    pub(super) fn groups(&self, tenant: &Tenant) -> Arc<Vec<u32>> {
        let version = (0, tenant.group_log.len());
        let mut kept = crate::lock(&self.groups);
        if let Some((made, order)) = &*kept
            && *made == version
        {
            return Arc::clone(order);
        }
        let mut order: Vec<u32> = (0..tenant.groups.len() as u32).collect();
        order.sort_by_key(|at| (group_address(tenant, *at), *at));
        let order = Arc::new(order);
        *kept = Some((version, Arc::clone(&order)));
        order
    }

    /// The direct members of a group, sorted; made by `make` unless kept from before.
    pub(super) fn members(
        &self,
        tenant: &Tenant,
        group: u32,
        make: impl FnOnce() -> Vec<Member>,
    ) -> Arc<Vec<Member>> {
        let version = (tenant.user_log.len(), tenant.group_log.len());
        // While lists lag they depend on the time as well.
        let keep = tenant.group(group).users.len() > KEPT_FROM && !tenant.lag.is_on();
        if !keep {
            return Arc::new(make());
        }
        let mut kept = crate::lock(&self.members);
        if let Some((made, order)) = kept.get(&group)
            && *made == version
        {
            return Arc::clone(order);
        }
        let order = Arc::new(make());
        let size: usize = kept.values().map(|(_, order)| order.len()).sum();
        if size + order.len() > MEMBERS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(group, (version, Arc::clone(&order)));
        order
    }
}

/// A user's address.
pub(super) fn login(tenant: &Tenant, at: u32) -> &str {
    tenant.texts.get(tenant.user(at).login).unwrap_or_default()
}

/// A group's address.
pub(super) fn group_address(tenant: &Tenant, at: u32) -> &str {
    tenant.texts.get(tenant.group(at).card.nickname).unwrap_or_default()
}

/// What a user is sorted by, unique by the position at its end.
pub(super) fn user_key(tenant: &Tenant, by: By, at: u32) -> String {
    let row = tenant.user(at);
    let text = |text| tenant.texts.get(text).unwrap_or_default().to_lowercase();
    let login = login(tenant, at);
    match by {
        By::Email => format!("{login}\0{at:010}"),
        By::FamilyName => format!("{}\0{}\0{login}\0{at:010}", text(row.last), text(row.first)),
        By::GivenName => format!("{}\0{}\0{login}\0{at:010}", text(row.first), text(row.last)),
    }
}
