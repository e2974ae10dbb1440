//! E-mail addresses beyond the users' logins: aliases of people, addresses and aliases of groups.
//!
//! Invariant: an address leads to one object at most, whatever its case. Whoever takes an address that is an alias of
//! another object takes it away from there, as an administrator would do first. Only Google's tenants have any.

use std::collections::HashMap;

use super::{Member, Tenant};

/// The addresses of a tenant.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// By lower case address.
    holders: HashMap<String, Member>,
    aliases: HashMap<Member, Vec<String>>,
}

impl Addresses {
    /// Makes an address lead to an object, as its first address.
    pub(crate) fn take(&mut self, address: &str, holder: Member) {
        self.drop_alias(address);
        self.holders.insert(address.to_lowercase(), holder);
    }

    /// Adds an alias.
    pub(crate) fn add_alias(&mut self, address: &str, holder: Member) {
        self.take(address, holder);
        self.aliases.entry(holder).or_default().push(address.to_lowercase());
    }

    /// Takes an alias from whoever has it.
    pub(crate) fn drop_alias(&mut self, address: &str) {
        let address = address.to_lowercase();
        let Some(holder) = self.holders.get(&address).copied() else {
            return;
        };
        let Some(aliases) = self.aliases.get_mut(&holder) else {
            return;
        };
        let before = aliases.len();
        aliases.retain(|alias| *alias != address);
        if aliases.len() < before {
            self.holders.remove(&address);
        }
    }

    /// The aliases of an object, in the order in which it got them.
    pub(crate) fn aliases(&self, holder: Member) -> &[String] {
        self.aliases.get(&holder).map_or(&[], Vec::as_slice)
    }

    /// Replaces the aliases of an object.
    pub(crate) fn set_aliases(&mut self, holder: Member, aliases: &[String]) {
        for old in self.aliases.remove(&holder).unwrap_or_default() {
            self.holders.remove(&old);
        }
        for alias in aliases {
            self.add_alias(alias, holder);
        }
    }

    /// Whether an address is an alias of this object.
    pub(crate) fn is_alias(&self, address: &str, holder: Member) -> bool {
        self.aliases(holder).iter().any(|alias| alias.eq_ignore_ascii_case(address))
    }

    fn holder(&self, address: &str) -> Option<Member> {
        self.holders.get(&address.to_lowercase()).copied()
    }
}

impl Tenant {
    /// The live object that an address leads to: a login, an alias, or a group's address.
    pub(crate) fn find_address(&self, address: &str) -> Option<Member> {
        let login = self.find_login(address).map(Member::User);
        let other = || self.addresses.holder(address).filter(|one| self.member_is_live(*one));
        login.or_else(other)
    }

    /// Whether anything but a login already has this address.
    pub(crate) fn is_taken(&self, address: &str) -> bool {
        self.addresses.holder(address).is_some()
    }

    /// Whether a live group has this as its first address.
    pub(crate) fn is_group_address(&self, address: &str) -> bool {
        self.addresses.holder(address).is_some_and(|holder| {
            matches!(holder, Member::Group(_))
                && self.member_is_live(holder)
                && !self.addresses.is_alias(address, holder)
        })
    }
}
