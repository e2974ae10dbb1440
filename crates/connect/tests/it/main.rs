//! The Entra connector against the simulated tenant, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod faults;
mod reading;
mod tenant;
