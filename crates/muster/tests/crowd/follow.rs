//! A product that follows: cases 125 and 126.

use std::collections::{BTreeMap, BTreeSet};

use directory::id::MINUTE_MS;
use proptest::prelude::*;

use crate::{
    tree::Node,
    world::{Person, State, Team, World},
};

/// What a product keeps of a directory, all by lower-case name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Product {
    users: BTreeMap<String, (String, String, String)>,
    groups: BTreeMap<String, String>,
    members: BTreeSet<(String, String)>,
    children: BTreeSet<(String, String)>,
    token: Option<String>,
}

fn key(node: &Node) -> String {
    node.attribute("name").unwrap().to_lowercase()
}

fn keys(event: &Node, element: &str) -> Vec<String> {
    event.child(element).unwrap().children.iter().map(key).collect()
}

impl Product {
    /// The five requests of a full synchronisation.
    async fn read_all(&mut self, world: &World, application: &str) {
        let ask = async |path: &str| {
            let answer = world.ask("GET", path).of(application).send().await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            answer.xml()
        };
        let post = async |path: &str| {
            let ask = world.ask("POST", path).of(application);
            ask.body("application/xml", "<null-search-restriction/>").send().await.xml()
        };
        *self = Self::default();
        ask("/event").await;
        let page = "start-index=0&max-results=-1";
        for user in &post(&format!("/search?entity-type=user&{page}&expand=user")).await.children {
            self.users.insert(key(user), fields(user));
        }
        for group in &post(&format!("/search?entity-type=group&{page}&expand=group")).await.children
        {
            let description = group.text_of("description").unwrap_or_default();
            self.groups.insert(key(group), description.to_owned());
        }
        for membership in &ask("/group/membership").await.children {
            let group = membership.attribute("group").unwrap().to_lowercase();
            for user in keys(membership, "users") {
                self.members.insert((user, group.clone()));
            }
            for child in keys(membership, "groups") {
                self.children.insert((child, group.clone()));
            }
        }
        self.token = ask("/event").await.attribute("newEventToken").map(str::to_owned);
    }

    /// An incremental synchronisation, and a full one where that is not possible.
    async fn follow(&mut self, world: &World, application: &str) {
        let path = format!("/event/{}", self.token.as_ref().unwrap());
        let answer = world.ask("GET", &path).of(application).send().await;
        if answer.status == 410 {
            self.read_all(world, application).await;
            return;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let events = answer.xml();
        for event in &events.children {
            self.apply(event);
        }
        self.token = events.attribute("newEventToken").map(str::to_owned);
    }

    fn apply(&mut self, event: &Node) {
        let operation = event.text_of("operation").unwrap();
        match event.name.as_str() {
            "userEvent" => {
                let user = event.child("user").unwrap();
                let name = key(user);
                if operation == "DELETED" {
                    self.users.remove(&name);
                    self.members.retain(|(member, _)| *member != name);
                } else {
                    self.users.insert(name, fields(user));
                }
            }
            "groupEvent" => {
                let group = event.child("group").unwrap();
                let name = key(group);
                if operation == "DELETED" {
                    self.groups.remove(&name);
                    self.members.retain(|(_, group)| *group != name);
                    self.children.retain(|(child, group)| *child != name && *group != name);
                } else {
                    let description = group.text_of("description").unwrap_or_default();
                    self.groups.insert(name, description.to_owned());
                }
            }
            "userMembershipEvent" => {
                let user = key(event.child("childUser").unwrap());
                if !self.users.contains_key(&user) {
                    return;
                }
                let groups = keys(event, "parentGroups");
                set(&mut self.members, operation, &user, groups, &self.groups);
            }
            "groupMembershipEvent" => {
                let group = key(event.child("group").unwrap());
                if !self.groups.contains_key(&group) {
                    return;
                }
                let parents = keys(event, "parentGroups");
                set(&mut self.children, operation, &group, parents, &self.groups);
                if operation == "UPDATED" {
                    self.children.retain(|(_, parent)| *parent != group);
                    let held = keys(event, "childGroups").into_iter();
                    let held = held.filter(|child| self.groups.contains_key(child));
                    self.children.extend(held.map(|child| (child, group.clone())));
                }
            }
            other => panic!("{other}"),
        }
    }
}

fn set(
    edges: &mut BTreeSet<(String, String)>,
    operation: &str,
    inside: &str,
    around: Vec<String>,
    known: &BTreeMap<String, String>,
) {
    if operation == "UPDATED" {
        edges.retain(|(member, _)| member != inside);
    }
    for group in around.into_iter().filter(|group| known.contains_key(group)) {
        let edge = (inside.to_owned(), group);
        if operation == "DELETED" {
            edges.remove(&edge);
        } else {
            edges.insert(edge);
        }
    }
}

fn fields(user: &Node) -> (String, String, String) {
    let text = |name| user.text_of(name).unwrap_or_default().to_owned();
    (text("key"), text("email"), text("active"))
}

#[tokio::test]
async fn case_125_a_full_synchronisation_gives_what_there_is() {
    let world = World::usual();
    let mut product = Product::default();
    product.read_all(&world, "jira").await;
    let users: Vec<_> = product.users.keys().map(String::as_str).collect();
    assert_eq!(users, ["alice", "ann b+c&ö%", "bob", "carl"]);
    assert_eq!(product.groups["devs"], "Developers");
    assert_eq!((product.members.len(), product.children.len()), (4, 3));
    assert!(product.members.contains(&("ann b+c&ö%".to_owned(), "leads".to_owned())));
}

/// One edit of one directory.
#[derive(Clone, Debug)]
enum Edit {
    Person(u32, usize),
    NoPerson(u32),
    Name(u32, usize),
    Mail(u32, u8),
    Team(u32, usize),
    NoTeam(u32),
    Member(u32, u32),
    Child(u32, u32),
}

const PEOPLE: [&str; 4] = ["ann", "Bob", "bob", "cay"];
const TEAMS: [&str; 4] = ["x", "y", "Z", "z"];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (0..4_u32, 0..4_usize).prop_map(|(no, name)| Edit::Person(no, name)),
        1 => (0..4_u32).prop_map(Edit::NoPerson),
        1 => (0..4_u32, 0..4_usize).prop_map(|(no, name)| Edit::Name(no, name)),
        1 => (0..4_u32, any::<u8>()).prop_map(|(no, mail)| Edit::Mail(no, mail)),
        2 => (0..4_u32, 0..4_usize).prop_map(|(no, name)| Edit::Team(no, name)),
        1 => (0..4_u32).prop_map(Edit::NoTeam),
        4 => (0..4_u32, 0..4_u32).prop_map(|(team, no)| Edit::Member(team, no)),
        3 => (0..4_u32, 0..4_u32).prop_map(|(team, no)| Edit::Child(team, no)),
    ]
}

/// Carries out an edit where names stay unique.
fn carry_out(state: &mut State, edit: &Edit) {
    let toggle = |set: &mut BTreeSet<u32>, no: u32| {
        if !set.remove(&no) {
            set.insert(no);
        }
    };
    match edit {
        Edit::Person(no, name) => {
            let free = |person: &Person| !person.name.eq_ignore_ascii_case(PEOPLE[*name]);
            if !state.people.contains_key(no) && state.people.values().all(free) {
                state.people.insert(*no, Person::named(PEOPLE[*name]));
            }
        }
        Edit::NoPerson(no) => drop(state.people.remove(no)),
        Edit::Name(no, name) => {
            let free = |(other, person): (&u32, &Person)| {
                other == no || !person.name.eq_ignore_ascii_case(PEOPLE[*name])
            };
            if state.people.iter().all(free)
                && let Some(person) = state.people.get_mut(no)
            {
                PEOPLE[*name].clone_into(&mut person.name);
            }
        }
        Edit::Mail(no, mail) => {
            if let Some(person) = state.people.get_mut(no) {
                person.email = format!("{mail}@example.org");
            }
        }
        Edit::Team(no, name) => {
            let free = |(other, team): (&u32, &Team)| {
                other == no || !team.name.eq_ignore_ascii_case(TEAMS[*name])
            };
            if state.teams.iter().all(free) {
                TEAMS[*name].clone_into(&mut state.teams.entry(*no).or_default().name);
            }
        }
        Edit::NoTeam(no) => drop(state.teams.remove(no)),
        Edit::Member(team, no) => {
            if let Some(team) = state.teams.get_mut(team) {
                toggle(&mut team.users, *no);
            }
        }
        Edit::Child(team, no) if team != no => {
            if let Some(team) = state.teams.get_mut(team) {
                toggle(&mut team.groups, *no);
            }
        }
        Edit::Child(..) => {}
    }
    state.tidy();
}

/// Runs of edits, each of one directory, with a synchronisation after some.
type Story = Vec<(bool, bool, Vec<Edit>)>;

fn story() -> impl Strategy<Value = Story> {
    let run = (any::<bool>(), prop::bool::weighted(0.4), prop::collection::vec(edit(), 1..6));
    prop::collection::vec(run, 1..14)
}

async fn tell(story: &Story) -> Result<(), TestCaseError> {
    let mut states = [State::default(), State::default()];
    let world = World::new(&states);
    let applications = ["jira", "united", "flat", "flat-united", "frozen"];
    let mut products = applications.map(|_| Product::default());
    for (product, application) in products.iter_mut().zip(applications) {
        product.read_all(&world, application).await;
    }
    for (second, synchronise, edits) in story {
        let directory = usize::from(*second);
        for edit in edits {
            carry_out(&mut states[directory], edit);
        }
        world.advance(MINUTE_MS);
        world.commit(if *second { 2 } else { 1 }, &states[directory]);
        if !synchronise {
            continue;
        }
        for (product, application) in products.iter_mut().zip(applications) {
            product.follow(&world, application).await;
            let mut fresh = Product::default();
            fresh.read_all(&world, application).await;
            fresh.token.clone_from(&product.token);
            prop_assert_eq!(&*product, &fresh, "{}", application);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn case_126_following_gives_what_reading_gives(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tell(&story))?;
    }
}
