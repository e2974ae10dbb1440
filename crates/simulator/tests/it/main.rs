//! The simulated tenant over real sockets, as a client meets it.
//!
//! Invariant: nothing here knows the simulator's inside; what a test expects comes from the vendor's documents
//! (`protocols/providers.md`, sections A, B and C) or from the contract of the control API (`DESIGN.md`, section 8).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, here and in its harness")]

mod asking;
mod certificate;
mod channels;
mod control;
mod delta;
mod faults;
mod following;
mod google_control;
mod google_faults;
mod google_following;
mod google_listing;
mod google_login;
mod google_members;
mod google_reports;
mod listing;
mod login;
mod odd;
mod okta_control;
mod okta_faults;
mod okta_listing;
mod okta_login;
mod okta_logs;
mod okta_members;
mod okta_quotas;
mod org;
mod password;
mod receiver;
mod standing;
mod subscriptions;
mod tenant;
mod throttle;
mod wire;
mod workspace;
