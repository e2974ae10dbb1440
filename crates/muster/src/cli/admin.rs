//! `muster admin`: a way back in for whoever lost the console's password.

use clap::{Args, Subcommand};
use serde_json::json;
use store::Role;

use crate::{
    cli::{
        Done, Remote,
        client::{Client, path_part},
    },
    safe,
    service::administrator::{Invite, Link},
};

/// Look after the console's administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Print a one-time link where a password is chosen anew.
    Reset(Reset),
}

/// Print a one-time link where a password is chosen anew.
#[derive(Debug, Args)]
pub struct Reset {
    /// The administrator; without a name the link makes a new one.
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl AdminCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let Self::Reset(Reset { name, remote }) = self;
        let client = Client::new(&remote)?;
        let link: Link = if let Some(name) = &name {
            let path = format!("/administrators/{}/link", path_part(name));
            client.post(&path, &json!({})).await?
        } else {
            let invite = Invite { name: None, role: Role::Administrator };
            client.post("/administrators", &invite).await?
        };
        if remote.json {
            println!("{}", safe::json(&link));
            return Ok(Done::Ok);
        }
        match name {
            Some(name) => println!("{name} chooses a new password at"),
            None => println!("a new administrator is made at"),
        }
        println!("  {}", link.link);
        println!("the link works once, for 24 hours");
        Ok(Done::Ok)
    }
}
