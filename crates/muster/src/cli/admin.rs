//! `muster admin`: a way back in for whoever lost the console's password.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;
use store::Role;

use crate::{
    cli::{
        Done, Remote,
        client::{Client, path_part},
        table,
    },
    safe,
    service::administrator::{Invite, Link, Open},
};

/// Look after the console's administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Print a one-time link where a password is chosen anew.
    Reset(Reset),
    /// List the one-time links that still work.
    Invitations(Invitations),
    /// Revoke a one-time link.
    Revoke(Revoke),
}

/// Print a one-time link where a password is chosen anew.
#[derive(Debug, Args)]
pub struct Reset {
    /// The administrator; without a name the link makes a new one.
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// List the one-time links that still work.
#[derive(Debug, Args)]
pub struct Invitations {
    #[command(flatten)]
    remote: Remote,
}

/// Revoke a one-time link.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The link's id, as `muster admin invitations` lists it.
    id: String,
    #[command(flatten)]
    remote: Remote,
}

impl AdminCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::Reset(reset) => reset.run().await,
            Self::Invitations(Invitations { remote }) => list(&remote).await,
            Self::Revoke(Revoke { id, remote }) => {
                let path = format!("/invitations/{}", path_part(&id));
                Client::new(&remote)?.order(Method::DELETE, &path).await?;
                if !remote.json {
                    println!("the link `{id}` is revoked");
                }
                Ok(Done::Ok)
            }
        }
    }
}

async fn list(remote: &Remote) -> anyhow::Result<Done> {
    let links: Vec<Open> = Client::new(remote)?.get("/invitations").await?;
    if remote.json {
        println!("{}", safe::json(&links));
        return Ok(Done::Ok);
    }
    if links.is_empty() {
        println!("no one-time links");
        return Ok(Done::Ok);
    }
    let mut table = table::plain(&["id", "name", "role", "expires", "made by"]);
    for link in links {
        table.add_row([
            link.id,
            link.name.unwrap_or_default(),
            link.role.as_str().to_owned(),
            table::time(link.expires),
            link.made_by,
        ]);
    }
    println!("{table}");
    Ok(Done::Ok)
}

impl Reset {
    async fn run(self) -> anyhow::Result<Done> {
        let Self { name, remote } = self;
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
