//! Records that cannot be read from the store: their objects stay as served until the provider is read again.

use directory::{
    decisions::Node,
    id::{GroupNo, UserNo},
    mirror::{EdgeRow, GroupRow, Mirror, PersonRow},
    observation::{Attributes, GroupKind, GroupRecord, PersonKind, PersonRecord},
    plan::{Plan, Reason, guard::Window},
    report::Applied,
    rules::Rules,
};

use crate::tenant::{Bench, Edit, Person, Tenant, group_id, tenths, user_id};

fn person(login: &str) -> Person {
    let mail = format!("{login}@example.org");
    Person { login: login.to_owned(), mail, enabled: true, guest: false }
}

/// Twenty people, all in one group.
fn settled() -> (Bench, Tenant) {
    let mut tenant = Tenant::default();
    tenant.apply(&Edit::Team(0, "Everyone".to_owned()));
    for no in 0..20 {
        tenant.apply_all(&[Edit::Put(no, person(&format!("p{no}"))), Edit::Join(0, no)]);
    }
    let mut bench = Bench::new(Rules { limits: tenths(), ..Rules::default() });
    bench.run(&tenant.listing(false), &tenant, &[]);
    bench.window = Window { applied: Applied::default(), size: bench.served.size() };
    (bench, tenant)
}

/// Loads the mirror as the store does when the rows of person 3 and of the group cannot be read.
fn damage(bench: &mut Bench) -> (UserNo, GroupNo) {
    let mirror = &bench.mirror;
    let user = mirror.person_no(&user_id(3)).unwrap();
    let group = mirror.group_no(&group_id(0)).unwrap();
    let blank = |row: &PersonRow| PersonRow {
        record: PersonRecord {
            id: row.record.id.clone(),
            kind: PersonKind::Unknown,
            enabled: None,
            attributes: Attributes::default(),
        },
        ..row.clone()
    };
    let people = mirror.people().map(|row| if row.no == user { blank(row) } else { row.clone() });
    let groups = mirror.groups().map(|row| GroupRow {
        record: GroupRecord {
            id: row.record.id.clone(),
            kind: GroupKind::Other,
            hidden_members: false,
            attributes: Attributes::default(),
        },
        ..row.clone()
    });
    let edges = mirror.users_of(group).iter().map(|no| EdgeRow {
        group,
        member: Node::User(UserNo(*no)),
        unconfirmed_since: None,
    });
    let loaded = Mirror::from_rows(mirror.next_numbers(), people, groups, edges);
    let unreadable = [Node::User(user), Node::Group(group)];
    bench.mirror = loaded.with_unreadable(unreadable);
    // The first run after a start looks at everybody.
    bench.pending.extend(unreadable);
    (user, group)
}

fn is_damaged(plan: &Plan, node: Node) -> bool {
    plan.issues
        .iter()
        .any(|issue| issue.node == node && issue.reason == Reason::Damaged && issue.served)
}

fn delta(bench: &mut Bench, tenant: &mut Tenant, edits: &[Edit]) {
    let before = tenant.clone();
    tenant.apply_all(edits);
    bench.run(&tenant.delta(&before), tenant, &[]);
}

#[test]
fn what_cannot_be_read_stays_as_served_and_the_others_go_on() {
    let (mut bench, mut tenant) = settled();
    let (user, group) = damage(&mut bench);
    let (before, everyone) = (bench.served.user(user).cloned(), bench.served.group(group).cloned());
    delta(&mut bench, &mut tenant, &[Edit::Put(5, person("five")), Edit::Put(30, person("new"))]);
    assert_eq!(bench.served.user(user), before.as_ref());
    assert_eq!(bench.served.group(group), everyone.as_ref());
    assert_eq!(bench.served.users_of(group).len(), 20);
    assert!(
        bench.served.user_by_name("five").is_some() && bench.served.user_by_name("new").is_some()
    );
    assert!(
        is_damaged(&bench.last, Node::User(user)) && is_damaged(&bench.last, Node::Group(group))
    );
    assert!(bench.last.held.is_empty());
}

#[test]
fn a_full_read_replaces_what_cannot_be_read_and_tells_products_nothing() {
    let (mut bench, tenant) = settled();
    damage(&mut bench);
    let before = bench.served.clone();
    bench.run(&tenant.listing(false), &tenant, &[]);
    assert!(bench.mirror.unreadable().is_empty());
    assert_eq!((bench.served == before, bench.last.changes.len()), (true, 0));
    assert!(bench.last.issues.is_empty());
}

#[test]
fn a_change_of_what_cannot_be_read_is_served_once_it_is_said_again() {
    let (mut bench, mut tenant) = settled();
    let (user, _) = damage(&mut bench);
    delta(&mut bench, &mut tenant, &[Edit::Put(3, person("third"))]);
    assert_eq!(bench.served.user(user).unwrap().name(), "third");
    assert!(!bench.mirror.unreadable().contains(&Node::User(user)));
}

#[test]
fn evidence_that_it_is_gone_counts_for_what_cannot_be_read() {
    for by_listing in [false, true] {
        let (mut bench, mut tenant) = settled();
        let (user, _) = damage(&mut bench);
        if by_listing {
            tenant.apply(&Edit::Delete(3));
            bench.run(&tenant.listing(false), &tenant, &[]);
        } else {
            delta(&mut bench, &mut tenant, &[Edit::Delete(3)]);
        }
        assert!(!bench.served.user(user).unwrap().active(), "by a listing: {by_listing}");
        assert_eq!(bench.served.user(user).unwrap().name(), "p3");
        assert!(!bench.mirror.unreadable().contains(&Node::User(user)));
    }
}

/// A list that lacks it, while the provider has it: nothing is believed and it stays as served.
#[test]
fn a_list_that_lacks_what_cannot_be_read_changes_nothing() {
    let (mut bench, tenant) = settled();
    let (user, _) = damage(&mut bench);
    let before = bench.served.user(user).cloned();
    let mut short = tenant.clone();
    short.apply(&Edit::Delete(3));
    bench.run(&short.listing(false), &tenant, &[]);
    assert_eq!(bench.served.user(user), before.as_ref());
    assert!(bench.mirror.unreadable().contains(&Node::User(user)));
}
