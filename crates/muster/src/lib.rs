//! The Muster service and its one binary: tasks, Crowd server, admin API and command line.
//!
//! ARCHITECTURE.md in the repository's root says how the parts fit; a test keeps the arrows between them.
#![warn(missing_docs)]

pub mod alert;
pub mod api;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod crowd;
pub mod entropy;
pub mod health;
pub mod hooks;
pub mod http;
pub mod invitation;
pub mod product;
pub mod reach;
pub mod safe;
pub mod server;
pub mod sign_in;
pub mod task;
pub mod text_file;
