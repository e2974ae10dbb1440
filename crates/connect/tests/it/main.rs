//! The connectors against simulated tenants, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod catalogue;
mod faults;
mod google;
mod odd;
mod okta;
mod passwords;
mod permissions;
mod reading;
mod scope;
mod scoped_losses;
mod tenant;
mod unreadable;
mod watching;
