//! Long documents on their way: a server that stops, and a client that stops reading.
//!
//! Where time passes it is tokio's, stopped and moved on by hand, so nothing waits.

use std::{sync::Arc, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    wire::{Wire, request},
    world::{State, Team, World},
};

/// More than the system takes for a client that does not read.
fn large() -> World {
    let people: Vec<String> = (0..2_000).map(|no| format!("person{no:060}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let all: Vec<u32> = (0..2_000).collect();
    let teams: Vec<Team> = (0..200).map(|no| Team::of(&format!("g{no}"), &all, &[])).collect();
    World::new(&[State::of(&people, &teams)])
}

#[tokio::test(start_paused = true)]
async fn case_069_a_document_that_is_cut_off_is_no_document() {
    let world = large();
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let wire = Wire::until(&world, async { drop(stopping.await) }).await;
    let mut socket = wire.connect().await;
    socket.write_all(&request("GET", "/group/membership", &[], "")).await.unwrap();
    let mut got = vec![0; 1024];
    socket.read_exact(&mut got).await.unwrap();
    stop.send(()).unwrap();
    // The grace of a stopping server passes.
    tokio::time::sleep(Duration::from_mins(1)).await;
    let _ = socket.read_to_end(&mut got).await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("HTTP/1.1 200") && got.len() > 1024);
    assert!(!got.contains("</memberships>"), "it ends early");
    assert!(!got.ends_with("0\r\n\r\n"), "and does not say that it is complete");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_let_go_with_what_it_held() {
    let world = large();
    let wire = Wire::of(&world).await;
    let held = Arc::downgrade(&world.published.load_full());
    let mut socket = wire.connect().await;
    socket.write_all(&request("GET", "/group/membership", &[], "")).await.unwrap();
    let mut start = vec![0; 1024];
    socket.read_exact(&mut start).await.unwrap();
    world.commit(1, &State::of(&["alice"], &[]));
    assert!(held.upgrade().is_some(), "the document is of one snapshot");
    let began = tokio::time::Instant::now();
    while held.upgrade().is_some() {
        assert!(began.elapsed() < Duration::from_mins(10), "of the stopped clock");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() > Duration::from_mins(4), "a pause is no offence");
    wire.is_well().await;
}
