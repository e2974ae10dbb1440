//! People and groups that came and could not be read: known ones stay, unknown ones are set aside until they can be.

use directory::{
    id::{Millis, ProviderId},
    mirror::{Dirty, State},
    observation::{Kept, Listing, Member, Observation, Removed},
};

use crate::{
    house::{House, assert_seen, settle},
    tenant::Bench,
};

fn kept(object: Member) -> Kept {
    Kept {
        object,
        label: Some("Eve".to_owned()),
        why: "its `x` is a number, which says nothing".to_owned(),
    }
}

fn user(id: &str) -> Member {
    Member::User(ProviderId::parse(id).unwrap())
}

fn group(id: &str) -> Member {
    Member::Group(ProviderId::parse(id).unwrap())
}

/// Reads what the provider lists, with what could not be read of it.
fn read(bench: &mut Bench, text: &str, kept: Vec<Kept>) {
    let house = House::of(text);
    let observation = Observation { kept, ..house.listing() };
    bench.run(&observation, &house, &[]);
    let again = bench.plan(&Dirty::everything(), &[]);
    assert_eq!(again.changes, vec![], "whole and incremental planning agree");
}

const WHY: &str =
    "the provider's record of it cannot be used: its `x` is a number, which says nothing";

#[test]
fn known_ones_stay_as_they_were() {
    let mut bench = settle("{}", "ann \n bob \n [g] | ann bob");
    let before = house_text(&bench);
    // Neither Ann nor the group is among what could be read.
    read(&mut bench, "bob", vec![kept(user("ann")), kept(group("[g]")), kept(group("g"))]);
    assert_eq!(house_text(&bench), before);
    let (no, _) = bench.served.user_by_name("ann@example.org").unwrap();
    assert_eq!(bench.mirror.person(no).unwrap().state, State::Present);
}

fn house_text(bench: &Bench) -> String {
    crate::house::directory_text(&bench.served)
}

#[test]
fn unknown_ones_are_set_aside_until_they_can_be_read() {
    let all = "ann \n bob \n [g] | ann bob eve";
    let mut bench = settle("{}", "ann \n bob \n [g] | ann bob");
    let plain = house_text(&bench);
    read(&mut bench, all, vec![kept(user("eve"))]);
    assert_seen(&bench, &format!("{plain}\nEve set aside: {WHY}"));
    // Once more changes nothing; a provider that lists her no longer ends it.
    read(&mut bench, all, vec![kept(user("eve"))]);
    assert_seen(&bench, &format!("{plain}\nEve set aside: {WHY}"));
    let mut ended = with_eve_unread();
    read(&mut ended, all, Vec::new());
    assert_seen(&ended, &plain);
    // So does its word that she is gone.
    let removed = vec![Removed { id: ProviderId::parse("eve").unwrap(), restorable: false }];
    let mut gone = with_eve_unread();
    let people = Listing::Delta { put: Vec::new(), removed };
    gone.run(&Observation { people, ..Observation::default() }, &House::of(all), &[]);
    assert_seen(&gone, &plain);
    // When she can be read she is served, in her group.
    read(&mut bench, "ann \n bob \n eve \n [g] | ann bob eve", Vec::new());
    assert!(house_text(&bench).contains("eve@example.org: g"), "{}", house_text(&bench));
    assert!(bench.last.issues.is_empty());
}

/// A directory that knows of Eve only that her record cannot be read.
fn with_eve_unread() -> Bench {
    let mut bench = settle("{}", "ann \n bob \n [g] | ann bob");
    read(&mut bench, "ann \n bob \n [g] | ann bob eve", vec![kept(user("eve"))]);
    bench
}

#[test]
fn unknown_groups_are_set_aside_too() {
    let mut bench = settle("{}", "ann \n bob \n [g] | ann bob");
    let plain = house_text(&bench);
    read(&mut bench, "ann \n bob \n [g] | ann bob", vec![kept(group("new"))]);
    assert_seen(&bench, &format!("{plain}\nEve set aside: {WHY}"));
    read(&mut bench, "ann \n bob \n [g] | ann bob", Vec::new());
    assert_seen(&bench, &plain);
}

/// A change is not all that there is to know of somebody who could not be read before.
#[test]
fn memberships_of_strangers_among_changes_are_asked_for() {
    let all = House::of("ann \n bob \n [g] | ann \n [h] | bob");
    let Listing::Complete(people) = all.listing().people else { panic!("a list is whole") };
    let Listing::Complete(groups) = all.listing().groups else { panic!("a list is whole") };
    let members = all.listing().members;
    let delta = |newcomers_doubted| Observation {
        people: Listing::Delta { put: people.clone(), removed: Vec::new() },
        groups: Listing::Delta { put: groups.clone(), removed: Vec::new() },
        newcomers_doubted,
        ..Observation::default()
    };
    let seen = |before: &Observation, now: &Observation| {
        let mut mirror = directory::mirror::Mirror::default();
        mirror.merge(before, Millis(1));
        let merged = mirror.merge(now, Millis(2));
        (merged.returned.len(), merged.reread.len())
    };
    // Groups that could not be read, whoever else there was; nobody knows then who is in them.
    let kept = Observation {
        kept: groups.iter().map(|one| kept(Member::Group(one.id.clone()))).collect(),
        ..Observation::default()
    };
    assert_eq!(seen(&kept, &delta(false)), (0, 2));
    // Where all of them are told at the same time, that is all.
    let told = Observation { members: members.clone(), ..delta(false) };
    assert_eq!(seen(&kept, &told), (0, 0));
    // Newcomers are new, unless somebody was overlooked before.
    assert_eq!(seen(&Observation::default(), &delta(false)), (0, 0));
    assert_eq!(seen(&Observation::default(), &delta(true)), (2, 2));
    assert_eq!(seen(&all.listing(), &delta(true)), (0, 0));
    // A list names everybody who is in a group.
    let list = Observation { newcomers_doubted: true, ..all.listing() };
    assert_eq!(seen(&Observation::default(), &list), (0, 0));
}
