//! Look-ups of a tenant that only some requests need: a user by login, the groups of a user.
//!
//! Invariant: kept up by every edit once built. The groups of a user lie packed in one list made at build time; users
//! whose groups changed since have their own list.

use std::collections::HashMap;

use super::{Life, Tenant};
use crate::Provider;
use crate::chance::hash_bytes;

/// The look-ups.
#[derive(Debug)]
pub(crate) struct Lookup {
    logins: HashMap<u64, u32>,
    starts: Vec<u32>,
    groups: Vec<u32>,
    changed: HashMap<u32, Vec<u32>>,
}

impl Lookup {
    /// Builds the look-ups from the forward lists.
    pub(super) fn build(tenant: &Tenant) -> Self {
        let mut logins = HashMap::with_capacity(tenant.users.len());
        for (at, user) in tenant.users.iter().enumerate() {
            let life = tenant.lives[at];
            // Okta keeps logins of the deprovisioned for them.
            let kept = life == Life::Binned && tenant.vendor == Provider::Okta;
            if life == Life::Live || kept {
                let login = tenant.texts.get(user.login).unwrap_or_default();
                logins.insert(login_hash(login), at as u32);
            }
        }
        let mut starts = vec![0_u32; tenant.users.len() + 1];
        for group in &tenant.groups {
            for user in &group.users {
                starts[*user as usize + 1] += 1;
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut groups = vec![0_u32; starts.last().map_or(0, |end| *end as usize)];
        for (at, group) in tenant.groups.iter().enumerate() {
            for user in &group.users {
                let place = &mut next[*user as usize];
                groups[*place as usize] = at as u32;
                *place += 1;
            }
        }
        Self { logins, starts, groups, changed: HashMap::new() }
    }

    /// All groups with an edge to this user, sorted.
    pub(super) fn groups_of(&self, user: u32) -> &[u32] {
        if let Some(groups) = self.changed.get(&user) {
            return groups;
        }
        match self.starts.get(user as usize..user as usize + 2) {
            Some([start, end]) => &self.groups[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// Records a new edge.
    pub(super) fn join(&mut self, user: u32, group: u32) {
        let groups = self.own(user);
        if let Err(place) = groups.binary_search(&group) {
            groups.insert(place, group);
        }
    }

    /// Forgets an edge.
    pub(super) fn leave(&mut self, user: u32, group: u32) {
        self.own(user).retain(|at| *at != group);
    }

    fn own(&mut self, user: u32) -> &mut Vec<u32> {
        if !self.changed.contains_key(&user) {
            let groups = self.groups_of(user).to_vec();
            self.changed.insert(user, groups);
        }
        self.changed.get_mut(&user).expect("it was just inserted")
    }

    /// Who holds a login.
    pub(super) fn by_login(&self, login: &str) -> Option<u32> {
        self.logins.get(&login_hash(login)).copied()
    }

    /// Gives a login to a user.
    pub(super) fn take_login(&mut self, login: &str, user: u32) {
        self.logins.insert(login_hash(login), user);
    }

    /// Frees a login if this user holds it.
    pub(super) fn free_login(&mut self, login: &str, user: u32) {
        let hash = login_hash(login);
        if self.logins.get(&hash) == Some(&user) {
            self.logins.remove(&hash);
        }
    }
}

fn login_hash(login: &str) -> u64 {
    if login.is_ascii() {
        return hash_bytes(login.to_ascii_lowercase().as_bytes());
    }
    hash_bytes(login.to_lowercase().as_bytes())
}
