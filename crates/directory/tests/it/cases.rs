//! The hard cases of DESIGN.md section 10, one by one.

use directory::{
    decisions::Node,
    id::{DAY_MS, Millis, UserNo},
    mirror::Dirty,
    observation::{Listing, Observation, Unread, Unreadable},
    plan::{NameTrouble, Plan, Reason, guard::Window},
    report::{Applied, GuardKind},
    rules::{Guests, Rules, limits::Limits},
    snapshot::{Directory, Size},
};

use crate::tenant::{Bench, Edit, Person, Tenant, shape, tenths, user_id};

fn person(login: &str) -> Person {
    Person {
        login: login.to_owned(),
        mail: format!("{login}@example.org"),
        enabled: true,
        guest: false,
    }
}

fn tenant_of(count: u8) -> Tenant {
    let mut tenant = Tenant::default();
    for no in 0..count {
        tenant.apply(&Edit::Put(no, person(&format!("p{no}"))));
    }
    tenant.apply(&Edit::Team(0, "Everyone".to_owned()));
    for no in 0..count {
        tenant.apply(&Edit::Join(0, no));
    }
    tenant
}

/// The usual rules under limits that so few people reach.
fn usual() -> Rules {
    Rules { limits: tenths(), ..Rules::default() }
}

/// A directory that has served `count` people since long ago.
fn settled(count: u8, rules: Rules) -> (Bench, Tenant) {
    let tenant = tenant_of(count);
    let mut bench = Bench::new(rules);
    bench.run(&tenant.listing(false), &tenant, &[]);
    bench.window = Window { applied: Applied::default(), size: bench.served.size() };
    (bench, tenant)
}

fn step(bench: &mut Bench, tenant: &mut Tenant, edits: &[Edit]) {
    step_lifted(bench, tenant, edits, &[]);
}

fn step_lifted(bench: &mut Bench, tenant: &mut Tenant, edits: &[Edit], lifted: &[GuardKind]) {
    let before = tenant.clone();
    tenant.apply_all(edits);
    let delta = tenant.delta(&before);
    bench.run(&delta, tenant, lifted);
    bench.window.applied = bench.window.applied.plus(bench.last.applied.minus(bench.last.approved));
}

fn active(bench: &Bench, name: &str) -> Option<bool> {
    bench.served.user_by_name(name).map(|(_, user)| user.active())
}

fn held(plan: &Plan) -> Vec<GuardKind> {
    plan.held.iter().map(|held| held.kind).collect()
}

#[test]
fn a_leaver_is_deactivated_and_keeps_memberships_until_grace_ends() {
    let (mut bench, mut tenant) = settled(20, usual());
    step(&mut bench, &mut tenant, &[Edit::Delete(3)]);
    assert_eq!(active(&bench, "p3"), Some(false));
    assert!(shape(&bench.served).members.contains(&("Everyone".to_owned(), "p3".to_owned())));
    bench.now = bench.now.plus(14 * DAY_MS);
    step(&mut bench, &mut tenant, &[]);
    assert_eq!(active(&bench, "p3"), None);
    assert_eq!(bench.served.size().memberships, 19);
    assert!(bench.decisions.past_user_names.contains_key("p3"), "the name stays theirs");
}

#[test]
fn a_leaver_whom_only_listings_lack_keeps_memberships_too() {
    let (mut bench, mut tenant) = settled(20, usual());
    tenant.apply(&Edit::Delete(3));
    for _ in 0..3 {
        bench.run(&tenant.listing(false), &tenant, &[]);
        assert_eq!(active(&bench, "p3"), Some(false));
        let members = shape(&bench.served).members;
        assert!(members.contains(&("Everyone".to_owned(), "p3".to_owned())), "{members:?}");
        assert_eq!(held(&bench.last), []);
    }
}

#[test]
fn a_leaver_who_comes_back_is_active_again_with_parked_memberships() {
    let (mut bench, mut tenant) = settled(20, usual());
    step(&mut bench, &mut tenant, &[Edit::Delete(3)]);
    step(&mut bench, &mut tenant, &[Edit::Put(3, person("p3")), Edit::Join(0, 3)]);
    assert_eq!(active(&bench, "p3"), Some(true));
    assert_eq!(bench.served.size().memberships, 20);
}

#[test]
fn too_many_leavers_are_held_and_joiners_flow_on() {
    let (mut bench, mut tenant) = settled(50, usual());
    let mut edits: Vec<Edit> = (0..10).map(Edit::Delete).collect();
    edits.push(Edit::Put(200, person("joiner")));
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::PeopleLeaving]);
    assert_eq!(bench.last.held[0].count, 10);
    assert_eq!(active(&bench, "p3"), Some(true), "served on as before");
    assert_eq!(active(&bench, "joiner"), Some(true));
    // The next pull brings nothing new: the plan is held still, under the same digest.
    let digest = bench.last.held[0].digest.clone();
    step(&mut bench, &mut tenant, &[]);
    assert_eq!(bench.last.held[0].digest, digest);
    // It releases itself when it no longer exceeds the limits.
    let back: Vec<Edit> = (0..6).map(|no| Edit::Put(no, person(&format!("p{no}")))).collect();
    step(&mut bench, &mut tenant, &back);
    assert_eq!(held(&bench.last), []);
    assert_eq!(active(&bench, "p9"), Some(false));
}

#[test]
fn whoever_is_held_leaves_a_group_that_goes_all_the_same() {
    let (mut bench, mut tenant) = settled(50, usual());
    step(&mut bench, &mut tenant, &[Edit::Team(1, "Other".to_owned()), Edit::Join(1, 3)]);
    let mut edits: Vec<Edit> = (0..20).map(Edit::Delete).collect();
    edits.push(Edit::DeleteTeam(1));
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::PeopleLeaving]);
    assert_eq!(active(&bench, "p3"), Some(true));
    assert!(bench.served.group_by_name("other").is_none());
}

#[test]
fn an_approval_lets_exactly_the_kind_pass_and_does_not_count_afterwards() {
    let (mut bench, mut tenant) = settled(50, usual());
    let edits: Vec<Edit> = (0..30).map(Edit::Delete).collect();
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::PeopleLeaving]);
    step_lifted(&mut bench, &mut tenant, &[], &[GuardKind::PeopleLeaving]);
    assert_eq!(active(&bench, "p3"), Some(false));
    assert_eq!(bench.last.approved.users_deactivated, 30);
    step(&mut bench, &mut tenant, &[Edit::Delete(40)]);
    assert_eq!(active(&bench, "p40"), Some(false), "a later single leaver is not stopped by it");
}

#[test]
fn nine_percent_every_five_minutes_is_stopped() {
    let (mut bench, mut tenant) = settled(200, usual());
    for round in 0..6_u8 {
        let edits: Vec<Edit> = (0..18).map(|i| Edit::Delete(round * 18 + i)).collect();
        step(&mut bench, &mut tenant, &edits);
    }
    let inactive = bench.served.users_from(0).filter(|(_, user)| !user.active()).count();
    assert_eq!(inactive, 18, "the first 9 % went, the rest waits");
}

#[test]
fn the_last_person_never_leaves_unseen() {
    let (mut bench, mut tenant) = settled(1, usual());
    step(&mut bench, &mut tenant, &[Edit::Delete(0)]);
    assert_eq!(held(&bench.last), [GuardKind::PeopleLeaving]);
    assert_eq!(active(&bench, "p0"), Some(true));
}

#[test]
fn what_only_a_listing_lacks_is_asked_for_and_kept_when_it_exists() {
    let (mut bench, tenant) = settled(50, usual());
    let mut partial = tenant.clone();
    (0..5).for_each(|no| partial.apply(&Edit::Delete(no)));
    // The listing lacks five people and their memberships; asked by id, the provider has them all.
    bench.run(&partial.listing(false), &tenant, &[]);
    assert!(bench.last.changes.is_empty() && bench.last.held.is_empty());
    assert!(bench.mirror.unconfirmed().is_empty());
    assert_eq!(bench.served.size().memberships, 50);
}

#[test]
fn what_a_listing_lacks_and_nobody_answers_for_is_held_and_kept() {
    let (mut bench, tenant) = settled(50, usual());
    let empty = Observation { people: Listing::Complete(Vec::new()), ..Observation::default() };
    let merged = bench.mirror.merge(&empty, bench.now);
    assert_eq!(merged.dirty.nodes.len(), 50);
    let plan = bench.plan(&merged.dirty, &[]);
    assert_eq!(held(&plan), [GuardKind::Unconfirmed]);
    assert!(!plan.held[0].approvable);
    assert!(plan.changes.is_empty());
    // The next listing has them again: nothing is left of it.
    bench.run(&tenant.listing(false), &tenant, &[]);
    assert!(bench.last.held.is_empty() && bench.last.changes.is_empty());
}

#[test]
fn what_is_refused_is_not_missing_and_keeps_all_that_it_had() {
    let (mut bench, tenant) = settled(50, Rules::default());
    // Three people, and all members of all groups, are refused; everybody else is listed.
    let mut partial = tenant.clone();
    (0..3).for_each(|no| partial.apply(&Edit::Delete(no)));
    let mut listing = partial.listing(false);
    let refused = |what| Unreadable { what, error: "refused".to_owned(), foreign: false };
    let groups = listing.members.iter().map(|members| Unread::Members(members.group.clone()));
    let people = (0..3).map(|no| Unread::Person(user_id(no)));
    listing.unreadable = groups.chain(people).map(refused).collect();
    listing.members.clear();
    let before = bench.served.clone();
    let merged = bench.mirror.merge(&listing, bench.now);
    assert!(merged.change.is_empty() && merged.dirty.is_empty(), "{merged:?}");
    assert!(bench.mirror.unconfirmed().is_empty() && bench.mirror.questions(500).is_empty());
    let plan = bench.plan(&merged.dirty, &[]);
    assert!(plan.changes.is_empty() && plan.held.is_empty());
    assert_eq!(bench.served.size(), before.size());
}

#[test]
fn a_group_that_seems_to_lose_half_is_to_be_read_again() {
    let (mut bench, tenant) = settled(40, usual());
    let mut partial = tenant.clone();
    (0..20).for_each(|no| partial.apply(&Edit::Leave(0, no)));
    let listing = Observation { members: partial.listing(false).members, ..Observation::default() };
    let merged = bench.mirror.merge(&listing, bench.now);
    assert_eq!(merged.reread.len(), 1);
    assert_eq!(bench.mirror.questions(500).len(), 20);
    assert_eq!(bench.mirror.questions(7).len(), 7);
}

#[test]
fn a_newcomer_to_a_held_name_waits_and_gets_it_by_approval() {
    let (mut bench, mut tenant) = settled(20, usual());
    // Deleted and made anew with the same login: another id.
    step(&mut bench, &mut tenant, &[Edit::Delete(3), Edit::Put(100, person("p3"))]);
    assert_eq!(held(&bench.last), [GuardKind::TakeOver]);
    let (_, user) = bench.served.user_by_name("p3").unwrap();
    assert_eq!((user.id(), user.active()), (&user_id(3), false));
    let taken = bench.last.issues.iter().any(|issue| {
        matches!(&issue.reason, Reason::Name(NameTrouble::Passes { holder, .. }) if *holder == user_id(3))
    });
    assert!(taken, "{:?}", bench.last.issues);
    step_lifted(&mut bench, &mut tenant, &[], &[GuardKind::TakeOver]);
    let (_, user) = bench.served.user_by_name("p3").unwrap();
    assert_eq!((user.id(), user.active()), (&user_id(100), true));
    assert!(bench.served.user_by_id(&user_id(3)).is_none());
}

#[test]
fn in_a_swap_both_keep_their_names_until_approved() {
    let (mut bench, mut tenant) = settled(20, usual());
    step(&mut bench, &mut tenant, &[Edit::Put(1, person("p2")), Edit::Put(2, person("p1"))]);
    assert_eq!(held(&bench.last), [GuardKind::TakeOver]);
    assert_eq!(bench.served.user_by_name("p1").unwrap().1.id(), &user_id(1));
    step_lifted(&mut bench, &mut tenant, &[], &[GuardKind::TakeOver]);
    assert_eq!(bench.served.user_by_name("p1").unwrap().1.id(), &user_id(2));
    assert_eq!(bench.served.user_by_name("p2").unwrap().1.id(), &user_id(1));
    assert_eq!(bench.folded(), bench.served);
}

#[test]
fn at_first_sight_the_lowest_id_gets_the_name() {
    let mut tenant = Tenant::default();
    tenant.apply(&Edit::Put(9, person("Same")));
    tenant.apply(&Edit::Put(4, person("same")));
    let mut bench = Bench::new(Rules::default());
    bench.run(&tenant.listing(true), &tenant, &[]);
    assert_eq!(bench.served.user_by_name("same").unwrap().1.id(), &user_id(4));
    assert_eq!(bench.last.issues.len(), 1);
    assert!(!bench.last.issues[0].served);
}

#[test]
fn a_group_renamed_at_the_provider_keeps_its_name_until_accepted() {
    let (mut bench, mut tenant) = settled(5, usual());
    step(&mut bench, &mut tenant, &[Edit::Team(0, "All".to_owned())]);
    assert!(bench.served.group_by_name("everyone").is_some());
    assert!(
        matches!(&bench.last.issues[0].reason, Reason::GroupRenameWaits { name } if name == "All")
    );
    let no = bench.served.group_by_name("everyone").unwrap().0;
    bench.decisions.accepted.insert(no, directory::name::Name::parse("All").unwrap());
    step(&mut bench, &mut tenant, &[]);
    assert!(bench.served.group_by_name("all").is_some());
    assert!(bench.decisions.accepted.is_empty());
}

#[test]
fn many_renames_are_held_with_their_old_names() {
    let (mut bench, mut tenant) = settled(50, usual());
    let edits: Vec<Edit> = (0..12).map(|no| Edit::Put(no, person(&format!("new{no}")))).collect();
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::Renames]);
    assert_eq!(active(&bench, "p3"), Some(true));
    let (_, user) = bench.served.user_by_name("p3").unwrap();
    assert_eq!(user.email(), "new3@example.org", "what is harmless flows");
}

#[test]
fn a_discarded_person_stays_until_the_provider_says_more() {
    let (mut bench, mut tenant) = settled(1, usual());
    step(&mut bench, &mut tenant, &[Edit::Delete(0)]);
    let node = Node::User(UserNo(0));
    let compiled = bench.compiled();
    let digest = directory::plan::record_digest(&bench.basis(&compiled), node);
    bench.decisions.discards.insert(node, digest);
    step(&mut bench, &mut tenant, &[]);
    assert_eq!(held(&bench.last), []);
    assert_eq!(active(&bench, "p0"), Some(true));
    step(&mut bench, &mut tenant, &[Edit::Put(0, person("p0"))]);
    assert!(bench.decisions.discards.is_empty(), "opened again");
}

#[test]
fn guests_are_left_out_and_come_in_by_rule() {
    let mut tenant = tenant_of(3);
    tenant.apply(&Edit::Put(7, Person { guest: true, ..person("visitor") }));
    tenant.apply(&Edit::Join(0, 7));
    let mut bench = Bench::new(Rules::default());
    bench.run(&tenant.listing(false), &tenant, &[]);
    assert_eq!(active(&bench, "visitor"), None);
    assert_eq!(bench.served.size().memberships, 3);
    bench.rules.guests = Guests::Included;
    let plan = bench.plan(&Dirty::everything(), &[]);
    bench.commit(plan);
    assert_eq!(active(&bench, "visitor"), Some(true));
    assert_eq!(bench.served.size().memberships, 4);
}

#[test]
fn a_large_group_is_not_emptied_unseen() {
    let (mut bench, mut tenant) =
        settled(60, Rules { limits: limits_without_memberships(), ..Rules::default() });
    let edits: Vec<Edit> = (0..60).map(|no| Edit::Leave(0, no)).collect();
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::GroupsEmptied]);
    assert_eq!(bench.served.size().memberships, 60);
}

#[test]
fn losing_a_third_of_all_memberships_is_held() {
    let (mut bench, mut tenant) = settled(60, usual());
    let edits: Vec<Edit> = (0..30).map(|no| Edit::Leave(0, no)).collect();
    step(&mut bench, &mut tenant, &edits);
    assert_eq!(held(&bench.last), [GuardKind::MembershipsLost]);
    assert_eq!(bench.last.held[0].count, 30);
    assert_eq!(bench.served.size().memberships, 60);
}

#[test]
fn records_are_forgotten_thirty_days_after_removal() {
    let (mut bench, mut tenant) = settled(20, usual());
    step(&mut bench, &mut tenant, &[Edit::Delete(3)]);
    let mut merged = directory::mirror::Merged::default();
    bench.mirror.purge(Millis(bench.now.0), &bench.served, &mut merged);
    assert!(bench.mirror.person_no(&user_id(3)).is_some(), "not while it is served");
    bench.mirror.purge(Millis(bench.now.0), &Directory::default(), &mut merged);
    assert!(bench.mirror.person_no(&user_id(3)).is_none());
    assert_eq!(merged.change.people.len(), 1);
    assert_eq!(merged.change.edges.len(), 1);
    assert_eq!(Size::default().users, 0);
}

fn limits_without_memberships() -> Limits {
    Limits { memberships_share: 1_000_000, ..tenths() }
}
