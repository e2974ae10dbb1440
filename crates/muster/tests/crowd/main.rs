//! The Crowd server against the cases of `protocols/crowd.md` section 8; each test is named after its case.
//!
//! Invariant: the one request helper asserts the version header on every answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authentication;
mod event;
mod floors;
mod follow;
mod group;
mod guessing;
mod malformed;
mod membership;
mod reference;
mod rename;
mod search;
mod session;
mod stalled;
mod token;
mod transport;
mod tree;
mod user;
mod webhook;
mod wire;
mod world;

/// Over how many directories the usual people are spread.
const DIRECTORIES: usize = 1;
