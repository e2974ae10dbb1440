//! The laws of the virtual user directory, over random tenants and random edits.

mod cases;
mod laws;
mod tenant;
