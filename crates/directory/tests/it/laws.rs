//! Properties that hold whatever the tenant does.

use directory::{
    mirror::Dirty,
    rules::{NestedGroups, Rules},
};
use proptest::prelude::*;

use crate::tenant::{Bench, Edit, Person, Tenant, plain_rules, shape};

/// Edits in which every login is bound to its id, so that no name ever passes to another id.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let person = (0..12_u8, 0..3_u8, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(no, variant, mail, enabled, guest)| {
            let mail = if mail { format!("{no}@example.org") } else { String::new() };
            Edit::Put(
                no,
                Person { login: format!("Person{no}-{variant}@Example.org"), mail, enabled, guest },
            )
        },
    );
    let team =
        (0..8_u8, 0..3_u8).prop_map(|(no, variant)| Edit::Team(no, format!("team {no}-{variant}")));
    prop_oneof![
        5 => person,
        2 => (0..12_u8).prop_map(Edit::Delete),
        4 => team,
        1 => (0..8_u8).prop_map(Edit::DeleteTeam),
        6 => (0..8_u8, 0..12_u8).prop_map(|(team, no)| Edit::Join(team, no)),
        2 => (0..8_u8, 0..12_u8).prop_map(|(team, no)| Edit::Leave(team, no)),
        3 => (0..8_u8, 0..8_u8).prop_map(|(team, inner)| Edit::Nest(team, inner)),
        1 => (0..8_u8, 0..8_u8).prop_map(|(team, inner)| Edit::Unnest(team, inner)),
    ]
}

/// Edits in which names are few, so that they collide, swap and pass on.
pub(crate) fn colliding_edit() -> impl Strategy<Value = Edit> {
    let person = (0..6_u8, 0..5_u8, any::<bool>()).prop_map(|(no, name, enabled)| {
        let login = if name == 4 { String::new() } else { format!("Name{name}") };
        Edit::Put(no, Person { login, mail: String::new(), enabled, guest: false })
    });
    let team = (0..4_u8, 0..3_u8).prop_map(|(no, name)| Edit::Team(no, format!("Team {name}")));
    prop_oneof![
        6 => person,
        2 => (0..6_u8).prop_map(Edit::Delete),
        3 => team,
        1 => (0..4_u8).prop_map(Edit::DeleteTeam),
        3 => (0..4_u8, 0..6_u8).prop_map(|(team, no)| Edit::Join(team, no)),
        1 => (0..4_u8, 0..4_u8).prop_map(|(team, inner)| Edit::Nest(team, inner)),
    ]
}

/// Rounds of edits; each is told by a listing or by a delta.
pub(crate) fn rounds<E: Strategy<Value = Edit>>(
    edit: E,
) -> impl Strategy<Value = Vec<(Vec<Edit>, bool)>> {
    prop::collection::vec((prop::collection::vec(edit, 0..12), any::<bool>()), 1..6)
}

pub(crate) fn check_nothing_is_left(bench: &Bench) {
    let again = bench.plan(&Dirty::everything(), &[]);
    assert_eq!(again.changes, vec![], "planning twice gives nothing new");
    assert!(again.decisions.is_empty(), "{:?}", again.decisions);
    assert_eq!(bench.folded(), bench.served, "the change log amounts to the directory");
}

proptest! {
    #[test]
    fn the_directory_is_what_the_tenant_says(rounds in rounds(edit()), flattened in any::<bool>()) {
        let nested = if flattened { NestedGroups::Flattened } else { NestedGroups::Kept };
        let mut bench = Bench::new(plain_rules(nested));
        let mut tenant = Tenant::default();
        for (edits, full) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            let observation = if full { tenant.listing(false) } else { tenant.delta(&before) };
            bench.run(&observation, &tenant, &[]);
            prop_assert_eq!(shape(&bench.served), tenant.expected(flattened));
            prop_assert!(bench.last.held.is_empty());
            check_nothing_is_left(&bench);
        }
    }

    #[test]
    fn names_never_pass_by_themselves(rounds in rounds(colliding_edit())) {
        let mut bench = Bench::new(plain_rules(NestedGroups::Kept));
        let mut tenant = Tenant::default();
        let mut owner = std::collections::BTreeMap::new();
        for (edits, full) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            let observation = if full { tenant.listing(true) } else { tenant.delta(&before) };
            bench.run(&observation, &tenant, &[]);
            check_nothing_is_left(&bench);
            for (_, user) in bench.served.users_from(0) {
                let first = owner.entry(format!("u:{}", user.folded_name())).or_insert(user.id().clone());
                prop_assert_eq!(&*first, user.id(), "{} passed on", user.name());
            }
            for (_, group) in bench.served.groups_from(0) {
                let first = owner.entry(format!("g:{}", group.folded_name())).or_insert(group.id().clone());
                prop_assert_eq!(&*first, group.id(), "{} passed on", group.name());
            }
        }
    }

    #[test]
    fn an_undo_puts_everything_back_and_lifting_it_leads_on(rounds in rounds(colliding_edit())) {
        use directory::report::GuardKind;
        let mut bench = Bench::new(plain_rules(NestedGroups::Kept));
        let mut tenant = Tenant::default();
        let mut then = Vec::new();
        for (edits, _) in &rounds {
            let before = tenant.clone();
            tenant.apply_all(edits);
            bench.run(&tenant.delta(&before), &tenant, &[GuardKind::TakeOver]);
            then.push(bench.served.clone());
        }
        for target in then {
            let plan = bench.undo(&target);
            prop_assert_eq!(plan.applied, plan.approved);
            bench.commit(plan);
            prop_assert_eq!(shape(&bench.served), shape(&target));
            prop_assert!(bench.undo(&target).changes.is_empty());
            prop_assert_eq!(bench.folded(), bench.served.clone());
            // What is wanted fits what is served again, names that moved meanwhile included.
            bench.now = bench.now.plus(1_000);
            bench.commit(bench.plan(&Dirty::everything(), &[]));
            prop_assert_eq!(bench.folded(), bench.served.clone());
        }
    }

    #[test]
    fn approving_names_leaves_a_directory_that_fits(rounds in rounds(colliding_edit())) {
        use directory::report::GuardKind;
        let mut bench = Bench::new(plain_rules(NestedGroups::Kept));
        let mut tenant = Tenant::default();
        for (edits, _) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            bench.run(&tenant.delta(&before), &tenant, &[GuardKind::TakeOver]);
            // `run` applied the plan, and `apply` refuses two people of one name.
            prop_assert_eq!(bench.folded(), bench.served.clone());
        }
    }

    #[test]
    fn the_order_of_records_does_not_matter(edits in prop::collection::vec(colliding_edit(), 0..40)) {
        let mut tenant = Tenant::default();
        tenant.apply_all(&edits);
        let directories = [false, true].map(|turned| {
            let mut bench = Bench::new(Rules::default());
            bench.run(&tenant.listing(turned), &tenant, &[]);
            bench.served
        });
        prop_assert_eq!(&directories[0], &directories[1]);
    }

    #[test]
    fn a_replayed_observation_changes_nothing(rounds in rounds(edit())) {
        let mut bench = Bench::new(Rules::default());
        let mut tenant = Tenant::default();
        for (edits, _) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            let delta = tenant.delta(&before);
            bench.run(&delta, &tenant, &[]);
            let merged = bench.mirror.merge(&delta, bench.now);
            prop_assert!(merged.change.is_empty(), "{:?}", merged.change);
            prop_assert!(merged.dirty.is_empty());
        }
    }
}
