//! Masking, aggregation, paging and nesting over two directories.

use std::sync::Arc;

use super::*;
use crate::{
    change::{Change, MembersChange},
    id::{Millis, ProviderId},
    name::Name,
    nesting,
    user::UserFields,
};

fn directory(users: &[&str], groups: &[(&str, &[u32], &[u32])]) -> Directory {
    let mut changes = Vec::new();
    for (no, name) in (0..).zip(users) {
        let user = User::new(&UserFields {
            id: &ProviderId::parse(&format!("u{no}")).unwrap(),
            name: &Name::parse(name).unwrap(),
            first_name: "",
            last_name: "",
            display_name: "",
            email: "",
            active: true,
            created: Millis(0),
            updated: Millis(0),
        });
        changes.push(Change::User { no: UserNo(no), before: None, after: Some(Arc::new(user)) });
    }
    for (no, (name, users, children)) in (0..).zip(groups) {
        let id = ProviderId::parse(&format!("g{no}")).unwrap();
        let group = Group::new(id, Name::parse(name).unwrap(), "", Millis(0), Millis(0));
        changes.push(Change::Group { no: GroupNo(no), before: None, after: Some(Arc::new(group)) });
        let mut members = MembersChange::of(GroupNo(no));
        members.users_added = users.iter().copied().map(UserNo).collect();
        members.groups_added = children.iter().copied().map(GroupNo).collect();
        changes.push(Change::Members(members));
    }
    Directory::default().apply(&changes).unwrap()
}

fn view(directories: Vec<Directory>, aggregate: bool) -> View {
    shaped(directories, Shape { aggregate, ..Shape::default() }, FrozenNames::new())
}

fn shaped(directories: Vec<Directory>, shape: Shape, names: FrozenNames) -> View {
    let served = |(no, directory): (u32, Directory)| {
        let name = format!("d{no}").into();
        let directory = Arc::new(directory);
        let key = no.to_string().into();
        (
            DirectoryId(no),
            Served { name, key, directory, served_once: true, removing: false, incomplete: false },
        )
    };
    let directories: BTreeMap<_, _> = (1..).zip(directories).map(served).collect();
    let ids: Vec<_> = directories.keys().copied().collect();
    let frozen = BTreeMap::from([(7, Frozen::new(names, &directories))]);
    let published = Published {
        instance: "i".into(),
        epoch: 0,
        head: ChangeSeq(0),
        directories,
        recent: Recent::default(),
        frozen,
        successors: Arc::default(),
        without_leavers: BTreeMap::new(),
    };
    View::new(Arc::new(published), &ids, shape).unwrap()
}

fn two(aggregate: bool) -> View {
    let first = directory(&["Bob", "dora"], &[("Devs", &[0], &[1]), ("leaf", &[1], &[])]);
    let second = directory(
        &["alice", "bob", "carl"],
        &[("devs", &[0, 1], &[]), ("ops", &[1, 2], &[0]), ("top", &[], &[1])],
    );
    view(vec![first, second], aggregate)
}

fn users(view: &View, mut users: Vec<UserAt>) -> Vec<&str> {
    view.sort_users(&mut users);
    users.into_iter().map(|at| view.user(at).name()).collect()
}

fn groups(view: &View, mut groups: Vec<GroupAt>) -> Vec<&str> {
    view.sort_groups(&mut groups);
    groups.into_iter().map(|at| view.group(at).name().as_str()).collect()
}

#[test]
fn the_first_directory_with_a_name_owns_it() {
    let view = two(false);
    let mut place = Place::default();
    let mut names = Vec::new();
    loop {
        let next = view.next_users(&mut place, 2);
        if next.is_empty() {
            break;
        }
        names.extend(next.into_iter().map(|at| view.user(at).name()));
    }
    assert_eq!(names, ["alice", "Bob", "carl", "dora"]);
    let all = view.next_groups(&mut Place::default(), 10);
    assert_eq!(groups(&view, all), ["Devs", "leaf", "ops", "top"]);
    assert_eq!(view.owner(view.user_named("bob").unwrap()), DirectoryId(1));
    let id = ProviderId::parse("u1").unwrap();
    assert_eq!(view.user_keyed(DirectoryId(2), &id), None, "bob of the second is masked");
}

#[test]
fn memberships_are_the_owning_directorys() {
    let view = two(false);
    let devs = view.group_named("devs").unwrap();
    let ops = view.group_named("ops").unwrap();
    let bob = view.user_named("bob").unwrap();
    assert_eq!(users(&view, view.users_of(devs)), ["alice", "Bob"]);
    assert_eq!(users(&view, view.users_of(ops)), ["carl"]);
    assert_eq!(groups(&view, view.groups_of(bob)), ["Devs"]);
    assert!(view.is_member(bob, devs) && !view.is_member(bob, ops));
    assert_eq!(groups(&view, view.children_of(ops)), Vec::<&str>::new(), "Devs is the first's");
    assert!(!view.is_child(devs, ops));
}

#[test]
fn an_aggregated_view_unites_memberships_by_name() {
    let view = two(true);
    let devs = view.group_named("devs").unwrap();
    let ops = view.group_named("ops").unwrap();
    let bob = view.user_named("bob").unwrap();
    assert_eq!(users(&view, view.users_of(devs)), ["alice", "Bob"]);
    assert_eq!(users(&view, view.users_of(ops)), ["Bob", "carl"]);
    assert_eq!(groups(&view, view.groups_of(bob)), ["Devs", "ops"]);
    assert_eq!(groups(&view, view.parents_of(devs)), ["ops"]);
    assert!(view.is_member(bob, ops) && view.is_child(devs, ops));
    let top = view.group_named("top").unwrap();
    assert_eq!(groups(&view, nesting::descendants(&view, top)), ["Devs", "leaf", "ops"]);
    assert_eq!(users(&view, nesting::users_of(&view, top)), ["alice", "Bob", "carl", "dora"]);
}

#[test]
fn nesting_survives_cycles() {
    let view = view(
        vec![directory(&["a", "b"], &[("x", &[0], &[1]), ("y", &[1], &[2]), ("z", &[], &[0])])],
        false,
    );
    let x = view.group_named("x").unwrap();
    assert_eq!(groups(&view, nesting::descendants(&view, x)), ["y", "z"]);
    assert_eq!(groups(&view, nesting::ancestors(&view, x)), ["y", "z"]);
    assert_eq!(users(&view, nesting::users_of(&view, x)), ["a", "b"]);
    let a = view.user_named("a").unwrap();
    assert_eq!(groups(&view, nesting::groups_of(&view, a)), ["x", "y", "z"]);
}

#[test]
fn a_view_that_would_show_less_than_there_is_is_refused() {
    let view = two(false);
    let published = view.published();
    let refused = |ids: &[u32]| {
        let ids: Vec<_> = ids.iter().copied().map(DirectoryId).collect();
        View::new(Arc::clone(published), &ids, Shape::default()).unwrap_err()
    };
    assert_eq!(refused(&[]), Unservable::NoDirectory);
    assert_eq!(refused(&[1, 9]), Unservable::Missing(DirectoryId(9)));
}

#[test]
fn a_flattened_view_shows_who_is_in_a_group_through_groups() {
    let tree = || {
        directory(
            &["a", "b", "c"],
            &[
                ("top", &[], &[1]),
                ("mid", &[0], &[2, 0]),
                ("leaf", &[1], &[]),
                ("other", &[2], &[]),
            ],
        )
    };
    let shape = Shape { flattened: true, ..Shape::default() };
    let view = shaped(vec![tree()], shape, FrozenNames::new());
    let named = |name| view.group_named(name).unwrap();
    let (top, mid, leaf) = (named("top"), named("mid"), named("leaf"));
    assert_eq!(users(&view, view.users_of(top)), ["a", "b"]);
    assert_eq!(users(&view, view.users_of(mid)), ["a", "b"], "top and mid are in each other");
    assert_eq!(users(&view, view.users_of(leaf)), ["b"]);
    let b = view.user_named("b").unwrap();
    assert_eq!(groups(&view, view.groups_of(b)), ["leaf", "mid", "top"]);
    assert!(view.is_member(b, top) && !view.is_member(b, named("other")));
    assert!(view.children_of(top).is_empty() && view.parents_of(leaf).is_empty());
    assert!(!view.is_child(leaf, mid));
    assert!(nesting::descendants(&view, top).is_empty());
    assert!(nesting::ancestors(&view, leaf).is_empty());
    assert_eq!(users(&view, nesting::users_of(&view, top)), ["a", "b"]);
    assert!(view.stored_users_of(top).is_none() && view.stored_users_of(leaf).is_some());
}

fn frozen(names: &[(u32, &str)]) -> View {
    let directory =
        directory(&["bob2", "bob", "carl"], &[("devs", &[0, 1], &[]), ("ops", &[1], &[])]);
    let names =
        names.iter().map(|(no, name)| ((DirectoryId(1), UserNo(*no)), Name::parse(name).unwrap()));
    let shape = Shape { frozen: Some(7), ..Shape::default() };
    shaped(vec![directory], shape, names.collect())
}

#[test]
fn frozen_names_stay_and_nobody_inherits_them() {
    let view = frozen(&[(0, "Bob"), (9, "gone")]);
    let all = view.next_users(&mut Place::default(), 10);
    let names: Vec<_> = all.iter().map(|at| view.user(*at).name()).collect();
    assert_eq!(names, ["Bob", "carl"], "who has the name now is left out");
    let bob = view.user_named("bob").unwrap();
    assert_eq!(bob.no, UserNo(0));
    assert_eq!(groups(&view, view.groups_of(bob)), ["devs"]);
    let ops = view.group_named("ops").unwrap();
    assert!(view.users_of(ops).is_empty());
    assert_eq!(view.frozen_name(DirectoryId(1), UserNo(9)).unwrap().as_str(), "gone");
    let published = view.published();
    let usual = View::new(Arc::clone(published), &[DirectoryId(1)], Shape::default()).unwrap();
    assert_eq!(usual.user_named("bob").unwrap().no, UserNo(1));
}

#[test]
fn frozen_names_may_be_swapped_or_meet() {
    let view = frozen(&[(0, "bob"), (1, "bob2")]);
    assert_eq!(view.user_named("bob").unwrap().no, UserNo(0));
    assert_eq!(view.user_named("bob2").unwrap().no, UserNo(1));
    let view = frozen(&[(0, "x"), (2, "x")]);
    assert_eq!(view.user_named("x").unwrap().no, UserNo(0));
    assert_eq!(view.user_named("carl").unwrap().no, UserNo(2), "the second keeps its own");
}

/// A directory of people with names, mail addresses, and whether they are active; all are in one group.
fn people(people: &[(&str, &str, bool)], group: &str) -> Directory {
    let names: Vec<&str> = people.iter().map(|(name, _, _)| *name).collect();
    let all: Vec<u32> = (0..).take(people.len()).collect();
    let directory = directory(&names, &[(group, &all, &[])]);
    let changes: Vec<Change> = (0..)
        .zip(people)
        .map(|(no, (_, email, active))| {
            let before = Arc::clone(directory.user(UserNo(no)).unwrap());
            let name = Name::parse(before.name()).unwrap();
            let after = User::new(&UserFields {
                id: before.id(),
                name: &name,
                first_name: "",
                last_name: "",
                display_name: "",
                email,
                active: *active,
                created: Millis(0),
                updated: Millis(0),
            });
            Change::User { no: UserNo(no), before: Some(before), after: Some(Arc::new(after)) }
        })
        .collect();
    directory.apply(&changes).unwrap()
}

/// DESIGN.md 12.9: who is gone makes way, whoever is named first in the directories; who is disabled does not.
#[test]
fn who_is_gone_makes_way_to_their_account_in_a_later_directory() {
    let first = [("ann", "ann@x", false), ("bob", "bob@x", false), ("cy", "cy@x", true)];
    let second = [("Ann", "ann@x", true), ("bob", "bob@x", true), ("cy", "cy@x", true)];
    let directories = [people(&first, "staff"), people(&second, "crew")];
    let at = |directory, no| (DirectoryId(directory), UserNo(no));
    // As the follower finds them: ann is gone, bob is disabled, cy is there in both.
    let known: Successors = [(at(1, 0), [at(2, 0)].into())].into();
    for flattened in [false, true] {
        for aggregate in [false, true] {
            let seen = |order: &[u32], successors: &Successors| {
                let shape = Shape { aggregate, flattened, frozen: None };
                let base = shaped(directories.to_vec(), shape, FrozenNames::new());
                let mut published = Published::clone(base.published());
                published.successors = Arc::new(successors.clone());
                let order: Vec<DirectoryId> = order.iter().map(|no| DirectoryId(*no)).collect();
                View::new(Arc::new(published), &order, shape).unwrap()
            };
            let owner = |view: &View, name: &str| view.owner(view.user_named(name).unwrap()).0;
            let groups = |view: &View, name: &str| -> Vec<String> {
                let groups = view.groups_of(view.user_named(name).unwrap());
                let names = groups.iter().map(|at| view.group(*at).name().to_string());
                let mut names: Vec<String> = names.collect();
                names.sort();
                names
            };
            let plain = seen(&[1, 2], &Successors::new());
            assert_eq!((owner(&plain, "ann"), plain.leavers()), (1, &[][..]));
            let view = seen(&[1, 2], &known);
            assert_eq!(["ann", "bob", "cy"].map(|name| owner(&view, name)), [2, 1, 1]);
            assert_eq!(view.leavers(), [at(1, 0)]);
            assert_eq!(view.user(view.user_named("ann").unwrap()).name(), "Ann");
            assert_eq!(groups(&view, "ann"), ["crew"], "the leaver's groups go with the leaver");
            let both: &[&str] = if aggregate { &["crew", "staff"] } else { &["staff"] };
            assert_eq!(groups(&view, "cy"), both);
            let staff = view.users_of(view.group_named("staff").unwrap()).len();
            assert_eq!(staff, 2);
            // In the other order the account owns the name anyway; alone, the leaver stays.
            assert_eq!(owner(&seen(&[2, 1], &known), "ann"), 2);
            assert_eq!(seen(&[2, 1], &known).leavers(), []);
            assert_eq!(owner(&seen(&[1], &known), "ann"), 1);
        }
    }
}

#[test]
fn accounts_are_one_persons_by_mail_address_or_employee_number() {
    let user = |mail: &str| people(&[("ann", mail, true)], "g").user(UserNo(0)).unwrap().clone();
    let (a, same, other, none) = (user("Ann@X"), user(" ann@x "), user("b@x"), user(""));
    assert!(is_same_person((&a, &same), (None, None)));
    assert!(!is_same_person((&a, &other), (None, None)));
    assert!(!is_same_person((&none, &none), (Some(""), Some(" "))));
    assert!(is_same_person((&a, &other), (Some("E7"), Some("e7"))));
    assert!(is_same_person((&none, &other), (Some("7"), Some("7"))));
    assert!(!is_same_person((&a, &other), (Some("7"), None)));
    assert!(!is_same_person((&a, &other), (Some("7"), Some("8"))));
}

/// Directories in order; in each, `ann` is there with this state: `-` nobody, `a` active, `d` disabled, `g` gone.
fn order_of(states: &str) -> (View, std::collections::BTreeSet<PersonAt>) {
    let mut gone = std::collections::BTreeSet::new();
    let mut directories = Vec::new();
    for (id, state) in (1..).zip(states.chars()) {
        let ann = [("ann", "", state == 'a')];
        directories.push(people(if state == '-' { &[] } else { &ann }, "g"));
        if state == 'g' {
            gone.insert((DirectoryId(id), UserNo(0)));
        }
    }
    (shaped(directories, Shape::default(), FrozenNames::new()), gone)
}

/// States; known pairs of leaver and account; the owner; pairs that wait.
type Row = (&'static str, &'static [(u32, u32)], u32, &'static [(u32, u32)]);

/// Which account waits behind which leaver, and who owns the name when these pairs are known to be one person.
#[test]
fn only_the_next_owner_of_a_name_takes_the_place_of_a_leaver() {
    let at = |id: u32| (DirectoryId(id), UserNo(0));
    let rows: [Row; 15] = [
        ("ga", &[], 1, &[(1, 2)]),
        ("ga", &[(1, 2)], 2, &[]),
        ("da", &[], 1, &[]),
        ("aa", &[(1, 2)], 1, &[]),
        ("gd", &[], 1, &[]),
        ("gd", &[(1, 2)], 1, &[]),
        ("g-a", &[], 1, &[(1, 3)]),
        ("g-a", &[(1, 3)], 3, &[]),
        // Somebody else stands between: that the last one is known says nothing of them.
        ("gaa", &[(1, 3)], 1, &[(1, 2)]),
        ("gda", &[(1, 3)], 1, &[]),
        ("gaa", &[(1, 2)], 2, &[]),
        // A leaver behind a leaver makes way first.
        ("gga", &[], 1, &[(2, 3)]),
        ("gga", &[(2, 3)], 1, &[(1, 3)]),
        ("gga", &[(1, 3)], 1, &[(2, 3)]),
        ("gga", &[(1, 3), (2, 3)], 3, &[]),
    ];
    for (states, known, owner, waits) in rows {
        let (view, gone) = order_of(states);
        let mut successors = Successors::new();
        for (leaver, account) in known {
            successors.entry(at(*leaver)).or_default().insert(at(*account));
        }
        let mut published = Published::clone(view.published());
        published.successors = Arc::new(successors);
        let order: Vec<DirectoryId> = view.directories().collect();
        let expected: Vec<_> = waits.iter().map(|(a, b)| (at(*a), at(*b))).collect();
        assert_eq!(published.hidden_accounts(&order, &gone), expected, "{states} {known:?}");
        let taken = published.taken_over(&order);
        if let Some((_, account)) = taken.first().filter(|(leaver, _)| leaver.0.0 == 1) {
            assert_eq!(account.0.0, owner, "{states} {known:?}");
        }
        let view = View::new(Arc::new(published), &order, Shape::default()).unwrap();
        let ann = view.user_named("ann").unwrap();
        assert_eq!(view.owner(ann), DirectoryId(owner), "{states} {known:?}");
        assert_eq!(taken.len(), view.leavers().len(), "{states} {known:?}");
    }
}
