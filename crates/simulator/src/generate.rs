//! Makes a whole tenant from a seed, at any size.
//!
//! Rule: exactly `users` live users and `groups` live groups; exactly `memberships` direct memberships of users,
//! or as many as users × (groups that may have members) allows. Nested groups, devices and contacts come on top.
//! The awkward cases of a real tenant are included as far as the size allows; see `groups.rs` and `people.rs`.
//! Same numbers, same tenant. Nothing here is in the change log.

mod groups;
mod names;
mod org;
mod people;
mod workspace;

use crate::Provider;
use crate::tenant::Tenant;
use crate::tenant::text::Texts;

/// How large the tenant is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Live users.
    pub(crate) users: u32,
    /// Live groups.
    pub(crate) groups: u32,
    /// Direct memberships of users.
    pub(crate) memberships: u64,
}

/// Makes the tenant.
pub(crate) fn tenant(vendor: Provider, seed: u64, domain: &str, size: Size) -> Tenant {
    let mut tenant = Tenant::new(vendor, seed, domain);
    tenant.texts =
        Texts::with_capacity(size.users as usize * 88 + size.groups as usize * 80 + (1 << 16));
    people::generate(&mut tenant, size.users);
    groups::generate(&mut tenant, size);
    tenant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Member;

    #[test]
    fn numbers_are_exact_at_all_sizes() {
        for (users, groups, memberships) in [
            (0, 0, 0),
            (1, 1, 1),
            (3, 2, 100),
            (10, 3, 20),
            (50, 10, 200),
            (2000, 200, 20_000),
            (5000, 40, 180_000),
            (3000, 5, 15_000),
        ] {
            let size = Size { users, groups, memberships };
            let tenant = tenant(Provider::Entra, 1, "contoso.example", size);
            assert_eq!(tenant.live_users, users as usize);
            assert_eq!(tenant.live_groups, groups as usize);
            let edges: usize = tenant.groups.iter().map(|group| group.users.len()).sum();
            let room = groups::room(users, groups);
            assert_eq!(edges as u64, memberships.min(room), "{size:?}");
            for group in &tenant.groups {
                assert!(group.users.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn same_seed_same_tenant_and_unique_logins() {
        for vendor in Provider::ALL {
            same_seed_same_tenant(vendor);
        }
    }

    fn same_seed_same_tenant(vendor: Provider) {
        let size = Size { users: 20_000, groups: 100, memberships: 50_000 };
        let (one, two) = (
            tenant(vendor, 5, "contoso.example", size),
            tenant(vendor, 5, "contoso.example", size),
        );
        let mut logins = std::collections::HashSet::new();
        for (at, user) in one.users.iter().enumerate() {
            let login = one.texts.get(user.login).expect("every user has a login");
            assert_eq!(Some(login), two.texts.get(two.users[at].login));
            assert!(logins.insert(login.to_lowercase()), "{login}");
        }
        for (a, b) in one.groups.iter().zip(&two.groups) {
            assert_eq!((&a.users, &a.groups), (&b.users, &b.groups));
        }
        assert_eq!(one.user_id(17), two.user_id(17));
        let other = tenant(vendor, 6, "contoso.example", size);
        assert_ne!(one.user_id(17), other.user_id(17));
    }

    #[test]
    fn holds_nesting_with_a_cycle_and_a_diamond() {
        let size = Size { users: 2000, groups: 200, memberships: 20_000 };
        let tenant = tenant(Provider::Entra, 1, "contoso.example", size);
        let cyclic = (0..200)
            .filter(|group| tenant.members_transitive(*group).contains(&Member::Group(*group)));
        assert_eq!(cyclic.count(), 2);
        let shared = (0..200).filter(|group| tenant.groups_of(Member::Group(*group)).len() > 1);
        assert!(shared.count() >= 1);
        assert!(tenant.groups.iter().any(|group| group.users.len() == 2000));
        assert!(tenant.groups.iter().any(|group| group.users.len() == 1000));
        assert!(tenant.groups.iter().any(|group| group.users.len() == 999));
        assert!(tenant.groups.iter().any(|group| group.users.is_empty()));
    }
}
