//! People and groups that came and could not be read: known ones stay, unknown ones are set aside until they can be.

use directory::{
    id::ProviderId,
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
