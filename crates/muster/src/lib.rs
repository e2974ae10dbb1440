//! The Muster service and its one binary: tasks, Crowd server, admin API and command line.
//!
//! ARCHITECTURE.md in the repository's root says how the parts fit; a test keeps the arrows between them.
#![warn(missing_docs)]

pub mod alert;
pub mod api;
pub mod app;
pub mod attempts;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod crowd;
pub mod directory_key;
pub mod entropy;
pub mod failed_sign_ins;
pub mod hashing;
pub mod health;
pub mod hooks;
pub mod http;
pub mod password_policy;
pub mod peer;
pub mod product;
pub mod reach;
pub mod safe;
pub mod server;
pub mod service;
pub mod sign_in;
pub mod task;
pub mod text_file;
