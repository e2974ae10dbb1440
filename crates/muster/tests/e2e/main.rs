//! The product's whole way, over real sockets and with the real binary: a simulated tenant is edited and
//! fails, Muster keeps its directory in step, and a product synchronises from it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
mod providers;

mod alerts;
mod applications;
mod apply;
mod bad_input;
mod damaged;
mod edits;
mod expected;
mod faults;
mod followed;
mod guard;
mod hostile;
mod look_alikes;
mod mail_server;
mod migration;
mod moving;
mod product;
mod questions;
mod random;
mod receiver;
mod remote;
mod service;
mod sources;
mod webhooks;
mod wizard;
