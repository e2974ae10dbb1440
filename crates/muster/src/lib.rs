//! The service: tasks, protocols and commands.

pub mod clock;
pub mod crowd;
pub mod entropy;
