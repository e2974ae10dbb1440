//! What a rename costs: one full synchronisation of a product that has not read the new name, and none of one
//! that has (DESIGN.md 10.8).

use directory::{id::MINUTE_MS, view::Shape};
use muster::crowd::Application;

use crate::{
    event::short,
    world::{Person, State, Team, World, application},
};

const WHOLE: &str = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";
/// Two pages of one name each are less than the list, so that nobody takes the first for all of it.
const FIRST_PAGE: &str = "/search?entity-type=user&start-index=0&max-results=1";
const SECOND_PAGE: &str = "/search?entity-type=user&start-index=1&max-results=1";
const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

fn start() -> State {
    State::of(&["alice", "bob"], &[Team::of("devs", &[0, 1], &[])])
}

/// A server and what it serves.
struct Scene {
    world: World,
    state: State,
}

impl Scene {
    fn new() -> Self {
        let state = start();
        let world = World::new(std::slice::from_ref(&state));
        world.advance(10 * MINUTE_MS);
        Self { world, state }
    }

    fn commit(&self) {
        self.world.commit(1, &self.state);
    }

    fn rename(&mut self, no: u32, name: &str) {
        name.clone_into(&mut self.state.people.get_mut(&no).unwrap().name);
        self.commit();
    }

    async fn read(&self, path: &str, peer: &str) {
        assert_eq!(self.world.ask("GET", path).peer(peer).send().await.status, 200, "{path}");
    }

    async fn list(&self) {
        self.read(WHOLE, HERE).await;
    }

    async fn token_at(&self, peer: &str) -> String {
        let events = self.world.ask("GET", "/event").peer(peer).send().await.xml();
        events.attribute("newEventToken").unwrap().to_owned()
    }

    async fn token(&self) -> String {
        self.token_at(HERE).await
    }

    /// What a token is answered: the events and the next token, or nothing when everything has to be read.
    async fn follow_at(&self, token: &str, peer: &str) -> Option<(Vec<String>, String)> {
        let answer = self.world.ask("GET", &format!("/event/{token}")).peer(peer).send().await;
        if answer.status == 410 {
            return None;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let events = answer.xml();
        Some((short(&events), events.attribute("newEventToken").unwrap().to_owned()))
    }

    async fn follow(&self, token: &str) -> Option<(Vec<String>, String)> {
        self.follow_at(token, HERE).await
    }

    /// A full synchronisation, and the token at its end.
    async fn full(&self) -> String {
        self.token().await;
        self.list().await;
        self.token().await
    }

    /// A synchronisation; the token for the next one, and whether everything was read.
    async fn synchronise(&self, token: &str) -> (String, bool) {
        match self.follow(token).await {
            Some((_, next)) => (next, false),
            None => (self.full().await, true),
        }
    }
}

/// Synchronises `times` in a row; how many of them were full.
async fn full_ones(scene: &Scene, token: &mut String, times: u32) -> u32 {
    let mut full = 0;
    for _ in 0..times {
        let (next, whole) = scene.synchronise(token).await;
        *token = next;
        full += u32::from(whole);
    }
    full
}

#[tokio::test]
async fn a_rename_costs_one_full_synchronisation() {
    for minutes in [0, 1, 4, 30] {
        let mut scene = Scene::new();
        let mut token = scene.full().await;
        for name in ["alicia", "alyssa", "alice"] {
            scene.rename(0, name);
            scene.world.advance(minutes * MINUTE_MS);
            assert_eq!(full_ones(&scene, &mut token, 3).await, 1, "{name} after {minutes} minutes");
        }
    }
}

#[tokio::test]
async fn the_events_after_a_rename_that_was_read_are_told() {
    let mut scene = Scene::new();
    scene.rename(0, "alicia");
    let token = scene.full().await;
    scene.state.people.insert(3, Person::named("carol"));
    scene.commit();
    let (told, next) = scene.follow(&token).await.unwrap();
    assert_eq!(told, ["user UPDATED alicia", "user CREATED carol"]);
    assert_eq!(scene.follow(&next).await.unwrap().0, [""; 0]);
    // A token is not used up, and goes on to spare the reader what it knows.
    assert_eq!(scene.follow(&token).await.unwrap().0, told);
}

/// Names that pass on, go and come, before the list that shows how they are.
#[tokio::test]
async fn whatever_names_did_before_the_list_is_known() {
    let stories: [&dyn Fn(&mut Scene); 5] = [
        &|scene| {
            scene.rename(0, "alicia");
            scene.rename(0, "alyssa");
            scene.rename(0, "alice");
        },
        &|scene| {
            scene.rename(0, "third");
            scene.rename(1, "alice");
            scene.rename(0, "bob");
        },
        &|scene| {
            let gone = scene.state.people.remove(&0).unwrap();
            scene.state.tidy();
            scene.commit();
            scene.state.people.insert(0, Person { name: "back".to_owned(), ..gone });
            scene.commit();
        },
        &|scene| {
            scene.rename(0, "alicia");
            scene.state.people.insert(4, Person::named("alice"));
            scene.commit();
        },
        &|scene| {
            scene.state.people.remove(&1);
            scene.state.tidy();
            scene.commit();
            scene.rename(0, "bob");
        },
    ];
    for (no, story) in stories.iter().enumerate() {
        let mut scene = Scene::new();
        let mut token = scene.full().await;
        story(&mut scene);
        assert_eq!(full_ones(&scene, &mut token, 3).await, 1, "story {no}");
        // Another one after the list costs another one.
        let stays = *scene.state.people.keys().next().unwrap();
        scene.rename(stays, "another");
        assert_eq!(full_ones(&scene, &mut token, 3).await, 1, "story {no}");
    }
}

#[tokio::test]
async fn a_rename_between_the_list_and_the_token_is_read() {
    for minutes in [0, 6, 60] {
        let mut scene = Scene::new();
        scene.list().await;
        scene.rename(0, "alicia");
        scene.world.advance(minutes * MINUTE_MS);
        let mut token = scene.token().await;
        assert_eq!(full_ones(&scene, &mut token, 3).await, 1, "{minutes} minutes");
    }
}

#[tokio::test]
async fn a_rename_while_a_list_is_read_in_pages_is_read() {
    for minutes in [0, 6, 60] {
        let mut scene = Scene::new();
        scene.read(FIRST_PAGE, HERE).await;
        scene.rename(0, "alicia");
        scene.world.advance(minutes * MINUTE_MS);
        scene.read(SECOND_PAGE, HERE).await;
        // Another product at the same address reads all at once.
        scene.list().await;
        let token = scene.token().await;
        assert_eq!(scene.follow(&token).await, None, "{minutes} minutes");
        for page in [FIRST_PAGE, SECOND_PAGE] {
            scene.read(page, HERE).await;
        }
        let token = scene.token().await;
        assert!(scene.follow(&token).await.is_some(), "{minutes} minutes");
    }
    // Pages of which the first was served by another replica count from five minutes ago.
    let mut scene = Scene::new();
    scene.rename(0, "alicia");
    scene.read(SECOND_PAGE, HERE).await;
    scene.list().await;
    let token = scene.token().await;
    assert_eq!(scene.follow(&token).await, None);
}

#[tokio::test]
async fn two_products_behind_one_address_both_read_a_rename() {
    for minutes in [0, 6, 60] {
        let mut scene = Scene::new();
        scene.list().await;
        scene.state.people.insert(3, Person::named("carol"));
        scene.rename(0, "alicia");
        scene.world.advance(minutes * MINUTE_MS);
        scene.list().await;
        // Nobody can tell whose list was which.
        let (mut first, mut second) = (scene.token().await, scene.token().await);
        assert_eq!(full_ones(&scene, &mut first, 1).await, 1, "{minutes} minutes");
        assert_eq!(full_ones(&scene, &mut second, 1).await, 1, "{minutes} minutes");
        assert_eq!(full_ones(&scene, &mut first, 2).await, 0, "{minutes} minutes");
        assert_eq!(full_ones(&scene, &mut second, 2).await, 0, "{minutes} minutes");
    }
}

/// A product that starts anew does not come back with its token; nor does one that fails on its way.
#[tokio::test]
async fn lists_without_a_token_used_after_them_cost_one_more_at_the_most() {
    let mut scene = Scene::new();
    scene.full().await;
    scene.list().await;
    scene.rename(0, "alicia");
    scene.world.advance(10 * MINUTE_MS);
    let mut token = scene.full().await;
    assert_eq!(full_ones(&scene, &mut token, 3).await, 1);
    scene.rename(0, "alyssa");
    assert_eq!(full_ones(&scene, &mut token, 3).await, 1);
}

#[tokio::test]
async fn a_product_behind_changing_addresses_reads_a_rename_once() {
    let mut scene = Scene::new();
    let addresses: Vec<String> = (1..40).map(|no| format!("198.51.100.{no}")).collect();
    let mut next = addresses.iter().map(String::as_str).cycle();
    let mut address = || next.next().unwrap();
    scene.read(WHOLE, address()).await;
    let mut token = scene.token_at(address()).await;
    for name in ["alicia", "alyssa"] {
        assert!(scene.follow_at(&token, address()).await.is_some());
        scene.rename(0, name);
        scene.world.advance(MINUTE_MS);
        assert_eq!(scene.follow_at(&token, address()).await, None, "{name}");
        scene.read(WHOLE, address()).await;
        token = scene.token_at(address()).await;
        assert!(scene.follow_at(&token, address()).await.is_some(), "{name}");
    }
    // Another product of the same application, elsewhere, has its own lists.
    scene.read(WHOLE, THERE).await;
    scene.rename(0, "alice");
    scene.read(WHOLE, HERE).await;
    let token = scene.token().await;
    assert_eq!(scene.follow(&token).await, None, "either list may be the reader's");
    let elsewhere = scene.token_at(THERE).await;
    assert_eq!(
        scene.follow_at(&elsewhere, THERE).await,
        None,
        "its list is the one before the rename"
    );
}

/// A product whose view has changed comes back with the token of the view of before: its earlier list is finished too.
#[tokio::test]
async fn a_rename_beside_a_changed_view_is_read_once() {
    let mut scene = Scene::new();
    let token = scene.full().await;
    scene.rename(0, "alicia");
    let shape = Shape { flattened: true, ..Shape::default() };
    let changed = Application { shape, ..application(1, "jira", &[1]) };
    scene.world.applications.replace(vec![changed]);
    assert_eq!(scene.follow(&token).await, None, "another view");
    let mut token = scene.full().await;
    assert_eq!(full_ones(&scene, &mut token, 3).await, 0, "the list had the new name");
}

#[tokio::test]
async fn a_replica_that_lags_behind_the_list_answers_with_the_same_token() {
    let mut scene = Scene::new();
    let behind = scene.world.published.load_full();
    scene.rename(0, "alicia");
    let token = scene.full().await;
    let ahead = scene.world.published.swap(behind);
    assert_eq!(scene.follow(&token).await, Some((Vec::new(), token.clone())));
    scene.world.published.store(ahead);
    assert_eq!(scene.follow(&token).await.unwrap().0, ["user UPDATED alicia"]);
}

#[tokio::test]
async fn a_token_of_an_older_server_expires_once() {
    let mut scene = Scene::new();
    scene.rename(0, "alicia");
    let token = scene.full().await;
    let (older, _) = token.rsplit_once(':').unwrap();
    assert_eq!(scene.follow(older).await, None);
    let mut token = scene.full().await;
    assert_eq!(full_ones(&scene, &mut token, 2).await, 0);
}

/// What is no rename of a person costs no full synchronisation at all.
#[tokio::test]
async fn new_keys_groups_and_frozen_names_are_events() {
    let mut scene = Scene::new();
    let token = scene.full().await;
    scene.state.people.remove(&0);
    scene.state.tidy();
    scene.state.people.insert(7, Person::named("alice"));
    scene.commit();
    let (told, token) = scene.follow(&token).await.unwrap();
    assert_eq!(told, ["user DELETED alice", "user CREATED alice"]);
    scene.state.teams.get_mut(&0).unwrap().name = "makers".to_owned();
    scene.commit();
    let (told, _) = scene.follow(&token).await.unwrap();
    assert_eq!(
        told,
        ["group DELETED devs", "group CREATED makers", "member CREATED bob in makers"]
    );
    let frozen = async |path: &str| scene.world.ask("GET", path).of("frozen").send().await.xml();
    frozen(WHOLE).await;
    let token = frozen("/event").await.attribute("newEventToken").unwrap().to_owned();
    let mut state = scene.state.clone();
    "robert".clone_into(&mut state.people.get_mut(&1).unwrap().name);
    scene.world.commit(1, &state);
    let told = short(&frozen(&format!("/event/{token}")).await);
    assert!(told.contains(&"user UPDATED bob".to_owned()), "{told:?}");
}
