//! The same laws under random rules: whole and incremental planning agree, planning twice gives nothing new, the log
//! amounts to the directory, a preview foretells, and undo leads back.

use directory::{
    mirror::Dirty,
    plan::pin::pin,
    report::GuardKind,
    rules::{
        Addition, Disabled, EmptyGroups, GroupRenames, Guests, Joiners, LetterCase, NestedGroups,
        Protected, RemovedGroups, Rules, Vanished, Who,
        choice::{GroupChoice, PersonChoice},
        expression::Expression,
        limits::SeatLimit,
        names::{SameName, TextRule},
    },
};
use proptest::prelude::*;

use crate::{
    laws::{check_nothing_is_left, colliding_edit, edit, rounds},
    tenant::{Bench, Tenant, no_limits},
};

fn choice() -> impl Strategy<Value = GroupChoice> {
    prop_oneof![
        (0..8_u8).prop_map(|no| GroupChoice::Pattern(format!("team ?{no}*"))),
        (0..8_u8).prop_map(|no| GroupChoice::Pattern(format!("team {no}*"))),
        (0..3_u8).prop_map(|no| GroupChoice::Regex(format!("{no}$"))),
        Just(GroupChoice::Expression(Expression("group.display_name.endsWith('1')".to_owned()))),
    ]
}

fn scoped() -> impl Strategy<Value = Rules> {
    let who = prop_oneof![
        Just(Who::Everybody),
        Just(Who::MembersOfServedGroups),
        prop::collection::vec(choice(), 1..3).prop_map(Who::MembersOf),
    ];
    let filter = prop::option::of(Just(Expression("user.mail != '' || user.guest".to_owned())));
    let only = prop::collection::vec(choice(), 0..2);
    let (guests, empties) = (any::<bool>(), any::<bool>());
    (who, filter, only, guests, empties).prop_map(|(who, filter, only, guests, empties)| {
        let mut rules = Rules { limits: no_limits(), ..Rules::default() };
        rules.people.who = who;
        rules.people.filter = filter;
        rules.groups.only = only;
        rules.guests = if guests { Guests::Included } else { Guests::Excluded };
        rules.empty_groups = if empties { EmptyGroups::LeftOut } else { EmptyGroups::Kept };
        rules
    })
}

fn left() -> impl Strategy<Value = (Vanished, Disabled, RemovedGroups, i64)> {
    let vanished = prop_oneof![
        Just(Vanished::Removed),
        Just(Vanished::Kept),
        Just(Vanished::KeptInactive),
        Just(Vanished::Anonymised),
    ];
    let disabled = prop_oneof![2 => Just(Disabled::Inactive), 1 => Just(Disabled::LeftOut)];
    let groups = prop_oneof![Just(RemovedGroups::AtOnce), Just(RemovedGroups::AfterGrace)];
    (vanished, disabled, groups, prop_oneof![Just(0), Just(1_500), Just(3_000)])
}

fn made() -> impl Strategy<Value = (Vec<String>, Vec<Addition>, SameName, bool)> {
    let name = prop_oneof![
        Just("users".to_owned()),
        Just("Team 1".to_owned()),
        Just("team 2-1".to_owned())
    ];
    let addition = (choice(), prop::collection::vec(name.clone(), 1..3))
        .prop_map(|(members_of, groups)| Addition { members_of, groups });
    let same = prop_oneof![Just(SameName::SetAside), Just(SameName::Merged)];
    (prop::collection::vec(name, 0..2), prop::collection::vec(addition, 0..3), same, any::<bool>())
}

fn guarded() -> impl Strategy<Value = (Vec<SeatLimit>, Protected)> {
    let seats = prop_oneof![Just("users"), Just("team 1-1"), Just("Team 1")];
    let seats =
        (seats, 0..4_u32).prop_map(|(group, seats)| SeatLimit { group: group.to_owned(), seats });
    let person = prop_oneof![
        (0..12_u8).prop_map(|no| PersonChoice::Login(format!("person{no}-1@example.org"))),
        Just(PersonChoice::MemberOf("team 1-1".to_owned())),
    ];
    let people = prop::collection::vec(person, 0..2);
    let groups = prop::collection::vec(choice(), 0..2);
    let joiners =
        prop_oneof![Just(Joiners::Wait), Just(Joiners::AdministratorsWait), Just(Joiners::Flow)];
    (prop::collection::vec(seats, 0..2), people, groups, joiners)
        .prop_map(|(seats, people, groups, joiners)| (seats, Protected { people, groups, joiners }))
}

fn rules() -> impl Strategy<Value = Rules> {
    let shape = (any::<bool>(), any::<bool>(), any::<bool>());
    (scoped(), left(), made(), guarded(), shape).prop_map(
        |(mut rules, left, made, (seats, protected), (flat, follow, by_mail))| {
            (rules.vanished, rules.disabled, rules.removed_groups, rules.grace_ms) = left;
            (rules.everyone, rules.additions, rules.group_names.same_name, _) = made.clone();
            if made.3 {
                "x ".clone_into(&mut rules.group_names.prefix);
            }
            rules.limits.seats = seats;
            rules.protected = protected;
            rules.nested_groups = if flat { NestedGroups::Flattened } else { NestedGroups::Kept };
            rules.group_renames =
                if follow { GroupRenames::Follow } else { GroupRenames::KeepAccepted };
            if by_mail {
                let text = "user.mail != '' ? user.mail : user.login";
                rules.user_name = TextRule::Expression(Expression(text.to_owned()));
                rules.user_name_case = LetterCase::Kept;
            }
            rules
        },
    )
}

fn check(rules: &[Rules], rounds: Vec<(Vec<crate::tenant::Edit>, bool)>, lifted: &[GuardKind]) {
    let mut bench = Bench::new(rules[0].clone());
    let mut tenant = Tenant::default();
    let mut states = Vec::new();
    for (round, (edits, full)) in rounds.into_iter().enumerate() {
        let before = tenant.clone();
        tenant.apply_all(&edits);
        let observation = if full { tenant.listing(round % 2 == 1) } else { tenant.delta(&before) };
        // `run` compares incremental and whole planning.
        bench.run(&observation, &tenant, lifted);
        if lifted.is_empty() {
            check_nothing_is_left(&bench);
        }
        if round == 2 {
            // `set_rules` compares a plan without numbers with the real one.
            bench.set_rules(rules[rules.len() - 1].clone(), lifted);
            if lifted.is_empty() {
                check_nothing_is_left(&bench);
            }
        }
        states.push(bench.served.clone());
    }
    for state in states {
        bench.now = bench.now.plus(1_000);
        let plan = pin(&bench.served, &state, &bench.decisions, bench.now);
        bench.commit(plan);
        assert_eq!(
            crate::house::directory_text(&bench.served),
            crate::house::directory_text(&state),
            "undo leads back"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

    #[test]
    fn the_laws_hold_under_any_rules(rules in prop::collection::vec(rules(), 2), rounds in rounds(edit())) {
        check(&rules, rounds, &[]);
    }

    #[test]
    fn the_laws_hold_when_names_collide(rules in prop::collection::vec(rules(), 2), rounds in rounds(colliding_edit())) {
        check(&rules, rounds, &[]);
    }

    #[test]
    fn approvals_leave_a_directory_that_fits(rules in rules(), rounds in rounds(colliding_edit())) {
        check(&[rules], rounds, &[GuardKind::TakeOver, GuardKind::Protected, GuardKind::Seats, GuardKind::Privileged]);
    }

    #[test]
    fn the_order_of_records_does_not_matter_under_any_rules(
        rules in rules(),
        edits in prop::collection::vec(colliding_edit(), 0..30),
    ) {
        let mut tenant = Tenant::default();
        tenant.apply_all(&edits);
        let directories = [false, true].map(|turned| {
            let mut bench = Bench::new(rules.clone());
            bench.run(&tenant.listing(turned), &tenant, &[]);
            bench.served
        });
        prop_assert_eq!(&directories[0], &directories[1]);
    }

    #[test]
    fn the_last_active_member_of_a_protected_group_stays(
        rules in rules(),
        rounds in rounds(edit()),
    ) {
        let mut rules = rules;
        rules.protected.groups = vec![GroupChoice::Pattern("*".to_owned())];
        let mut bench = Bench::new(rules);
        let mut tenant = Tenant::default();
        for (edits, full) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            let observation = if full { tenant.listing(false) } else { tenant.delta(&before) };
            let old = bench.served.clone();
            // Groups that are protected come only with an approval.
            bench.run(&observation, &tenant, &[GuardKind::Privileged]);
            for (no, group) in old.groups_from(0) {
                let active = |served: &directory::snapshot::Directory| {
                    served.users_of(no).iter().any(|user| {
                        served.user(directory::id::UserNo(*user)).is_some_and(|user| user.active())
                    })
                };
                if active(&old) && old.children_of(no).is_empty() {
                    prop_assert!(bench.served.group(no).is_some());
                    let nested = !bench.served.children_of(no).is_empty();
                    prop_assert!(nested || active(&bench.served), "{} lost everybody", group.name());
                }
            }
        }
    }
}

#[test]
fn whole_and_incremental_planning_look_at_the_same_when_nothing_is_dirty() {
    let mut bench = Bench::new(Rules::default());
    bench.run(&Tenant::default().listing(false), &Tenant::default(), &[]);
    let plan = bench.plan(&Dirty::default(), &[]);
    assert!(plan.looked.is_empty() && plan.changes.is_empty());
}
