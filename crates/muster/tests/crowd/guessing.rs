//! Whoever guesses an application's password: counted before judged, and nobody else waits for it.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use muster::crowd::{AddressRule, Application};

use crate::world::{PASSWORD, World, application};

const PATH: &str = "/user?username=alice";

async fn tried(world: &World, peer: &str, name: &str, password: &str) -> u16 {
    let credentials = format!("{name}:{password}");
    let ask = world.ask("GET", PATH).peer(peer).credentials(Some(&credentials));
    let answer = ask.send().await;
    if answer.status == 429 {
        let seconds: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(answer.body.starts_with("Too many wrong passwords"), "{}", answer.body);
    }
    answer.status.as_u16()
}

fn counted(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guesses_at_once_are_not_judged_for_known_and_unknown_names_alike() {
    for name in ["jira", "nobody"] {
        let world = World::usual();
        let guesses: Vec<String> = (0..150).map(|no| format!("guess {no}")).collect();
        let all = guesses.iter().map(|guess| tried(&world, "192.0.2.66", name, guess));
        assert_eq!(counted(join_all(all).await), BTreeMap::from([(401, 20), (429, 130)]), "{name}");
        // Elsewhere the product goes on.
        assert_eq!(tried(&world, "192.0.2.1", "jira", PASSWORD).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_right_requests_at_once_are_one_attempt() {
    let world = World::usual();
    let all = (0..150).map(|_| tried(&world, "192.0.2.1", "jira", PASSWORD));
    assert_eq!(counted(join_all(all).await), BTreeMap::from([(200, 150)]));
}

#[tokio::test]
async fn a_product_with_an_old_password_does_not_lock_out_the_new_one() {
    let world = World::usual();
    for _ in 0..150 {
        assert_eq!(tried(&world, "192.0.2.1", "jira", "old").await, 401);
    }
    assert_eq!(tried(&world, "192.0.2.1", "jira", PASSWORD).await, 200);
}

#[tokio::test]
async fn guesses_from_everywhere_do_not_lock_out_a_product_that_was_there() {
    let world = World::usual();
    assert_eq!(tried(&world, "192.0.2.1", "jira", PASSWORD).await, 200);
    let mut judged = 0;
    for no in 0..250 {
        let peer = format!("203.0.113.{no}");
        judged += usize::from(tried(&world, &peer, "jira", &format!("guess {no}")).await == 401);
    }
    assert_eq!(judged, 100);
    let stranger = tried(&world, "203.0.113.251", "jira", PASSWORD).await;
    assert_eq!(stranger, 200, "the password was verified already");
    let mut changed = application(1, "jira", &[1]);
    changed.password_hash = crate::world::cheap_hash("new");
    world.applications.replace(vec![changed]);
    assert_eq!(tried(&world, "203.0.113.252", "jira", "new").await, 429, "a stranger waits");
    assert_eq!(tried(&world, "192.0.2.1", "jira", "new").await, 200, "a known address does not");
}

#[tokio::test]
async fn a_client_that_a_proxy_does_not_name_passes_no_address_rule() {
    let world = World::usual();
    let rules =
        ["10.0.0.0/8", "0.0.0.0/0", "::/0"].map(|rule| rule.parse::<AddressRule>().unwrap());
    let restricted = Application { addresses: rules.to_vec(), ..application(1, "jira", &[1]) };
    world.applications.replace(vec![restricted]);
    for hop in ["unknown", "", "_x", "192.0.2.1, unknown", "nonsense, 10.0.0.2", "1.2.3.4.5"] {
        let ask = world.ask("GET", PATH).peer("10.0.0.1").header("x-forwarded-for", hop);
        let answer = ask.send().await;
        assert_eq!(answer.status, 403, "{hop}");
        assert!(answer.body.contains("\"unknown\""), "{}", answer.body);
    }
}
