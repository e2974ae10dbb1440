//! The laws of the virtual user directory, over random tenants and random edits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod laws;
mod tenant;
