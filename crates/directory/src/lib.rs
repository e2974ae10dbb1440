//! The virtual user directory: it decides and does not act.
//!
//! Law: no I/O, no async, no clock, no randomness, no wire formats. A provider's answer (an
//! [`observation`]) is merged into the [`mirror`]; [`derive`](mod@derive) says what the rules make of it; [`plan`] turns
//! the directory as served into the directory as wanted, under the guard; a [`change`] is one step of
//! that, and a [`snapshot`] is what everybody reads.
#![warn(missing_docs)]

pub mod anonymous;
pub mod builtin;
pub mod change;
pub mod counted;
mod cut;
pub mod decisions;
pub mod derive;
pub mod error_chain;
pub mod explain;
pub mod figures;
pub mod group;
pub mod id;
pub mod lookalike;
pub mod migration;
pub mod mirror;
pub mod name;
pub mod nesting;
pub mod observation;
pub mod past;
pub mod plan;
pub mod preview;
pub mod product_names;
pub mod query;
pub mod recent;
pub mod reference;
pub mod report;
pub mod resource_name;
pub mod rules;
pub mod snapshot;
pub mod text;
pub mod user;
pub mod view;

#[cfg(test)]
#[path = "../tests/it/odd_text.rs"]
mod odd_text;
