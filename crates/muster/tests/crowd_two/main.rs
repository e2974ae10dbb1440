//! The cases of the target `crowd` once more, with the people spread over two directories.
//!
//! Invariant: nothing that a product sees tells one directory from two, but the keys.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../crowd/authentication.rs"]
mod authentication;
#[path = "../crowd/event.rs"]
mod event;
#[path = "../crowd/floors.rs"]
mod floors;
#[path = "../crowd/follow.rs"]
mod follow;
#[path = "../crowd/group.rs"]
mod group;
#[path = "../crowd/membership.rs"]
mod membership;
#[path = "../crowd/search.rs"]
mod search;
#[path = "../crowd/session.rs"]
mod session;
mod tenants;
#[path = "../crowd/token.rs"]
mod token;
#[path = "../crowd/transport.rs"]
mod transport;
#[path = "../crowd/tree.rs"]
mod tree;
#[path = "../crowd/user.rs"]
mod user;
#[path = "../crowd/world.rs"]
mod world;

/// Over how many directories the usual people are spread.
const DIRECTORIES: usize = 2;
