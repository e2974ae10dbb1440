//! Objects that the provider refuses to show keep what was known of them, whatever else changes; see [`Unreadable`].

use std::collections::BTreeSet;

use directory::{
    observation::{Listing, Observation, Unread, Unreadable},
    rules::NestedGroups,
};
use proptest::prelude::*;

use crate::{
    laws::{check_nothing_is_left, edit},
    tenant::{Bench, Team, Tenant, group_id, plain_rules, shape, user_id},
};

/// Objects of a tenant that are refused.
#[derive(Clone, Debug, Default)]
struct Refused {
    people: BTreeSet<u8>,
    /// Groups whose record is refused, and with it their members.
    teams: BTreeSet<u8>,
    /// Groups of which only the members are refused.
    members: BTreeSet<u8>,
}

fn refused() -> impl Strategy<Value = Refused> {
    let some = |max: u8, most| prop::collection::btree_set(0..max, 0..most);
    (some(12, 6), some(8, 3), some(8, 5)).prop_map(|(people, teams, members)| Refused {
        people,
        teams,
        members,
    })
}

impl Refused {
    /// Only what exists can be refused: of the rest the provider says that it is gone.
    fn within(mut self, tenant: &Tenant) -> Self {
        self.people.retain(|no| tenant.people.contains_key(no));
        self.teams.retain(|no| tenant.teams.contains_key(no));
        self.members.retain(|no| tenant.teams.contains_key(no));
        self
    }

    /// An observation without what is refused.
    fn told(&self, mut observation: Observation) -> Observation {
        let people: BTreeSet<_> = self.people.iter().map(|no| user_id(*no)).collect();
        let teams: BTreeSet<_> = self.teams.iter().map(|no| group_id(*no)).collect();
        let members: BTreeSet<_> =
            self.teams.union(&self.members).map(|no| group_id(*no)).collect();
        match &mut observation.people {
            Listing::Complete(put) | Listing::Delta { put, .. } => {
                put.retain(|record| !people.contains(&record.id));
            }
            Listing::NotRead => {}
        }
        match &mut observation.groups {
            Listing::Complete(put) | Listing::Delta { put, .. } => {
                put.retain(|record| !teams.contains(&record.id));
            }
            Listing::NotRead => {}
        }
        observation.members.retain(|group| !members.contains(&group.group));
        let all = people.into_iter().map(Unread::Person);
        let all = all.chain(teams.into_iter().map(Unread::Group));
        let all = all.chain(members.into_iter().map(Unread::Members));
        let told = |what| Unreadable { what, error: "refused".to_owned(), foreign: false };
        observation.unreadable = all.map(told).collect();
        observation
    }

    /// The oracle: what is known of `tenant` after a read that was refused these, if `before` was known until then.
    fn known(&self, tenant: &Tenant, before: &Tenant) -> Tenant {
        let mut known = tenant.clone();
        for no in &self.people {
            match before.people.get(no) {
                Some(person) => drop(known.people.insert(*no, person.clone())),
                None => drop(known.people.remove(no)),
            }
        }
        for no in &self.teams {
            match before.teams.get(no) {
                Some(team) => drop(known.teams.insert(*no, team.clone())),
                None => drop(known.teams.remove(no)),
            }
        }
        for no in self.members.difference(&self.teams) {
            let old = before.teams.get(no).cloned().unwrap_or_default();
            let name = known.teams[no].name.clone();
            known.teams.insert(*no, Team { name, ..old });
        }
        let people: BTreeSet<u8> = known.people.keys().copied().collect();
        let teams: BTreeSet<u8> = known.teams.keys().copied().collect();
        for team in known.teams.values_mut() {
            team.users.retain(|no| people.contains(no));
            team.teams.retain(|no| teams.contains(no));
        }
        known
    }
}

proptest! {
    #[test]
    fn what_is_refused_stays_and_everything_else_is_heard(
        first in prop::collection::vec(edit(), 10..60),
        later in prop::collection::vec(edit(), 0..30),
        refused in refused(),
        (full, flattened) in (any::<bool>(), any::<bool>()),
    ) {
        let nested = if flattened { NestedGroups::Flattened } else { NestedGroups::Kept };
        let mut bench = Bench::new(plain_rules(nested));
        let mut before = Tenant::default();
        before.apply_all(&first);
        bench.run(&before.listing(false), &before, &[]);
        let mut tenant = before.clone();
        tenant.apply_all(&later);
        let refused = refused.within(&tenant);
        let read = if full { tenant.listing(false) } else { tenant.delta(&before) };
        bench.run(&refused.told(read), &tenant, &[]);
        let known = refused.known(&tenant, &before);
        prop_assert_eq!(shape(&bench.served), known.expected(flattened));
        prop_assert!(bench.last.held.is_empty() && bench.mirror.unconfirmed().is_empty());
        check_nothing_is_left(&bench);
        // Once everything can be read, everything arrives.
        bench.run(&tenant.listing(false), &tenant, &[]);
        prop_assert_eq!(shape(&bench.served), tenant.expected(flattened));
        check_nothing_is_left(&bench);
    }
}
