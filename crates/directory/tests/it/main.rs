//! The laws of the virtual user directory, over random tenants, rules and edits; its hard cases; each rule by itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod cases;
mod counts;
mod damaged;
mod figures;
mod guarded;
mod house;
mod laws;
mod leaving;
mod limits;
mod look_alikes;
mod naming;
mod privileged;
mod product_names;
mod random;
mod refused;
mod renames;
mod rule_names;
mod scope;
mod take_over;
mod tenant;
mod texts;
mod unread;
