//! `muster application …`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::{
    api::application::{Add as AddBody, Credentials, Summary},
    cli::{
        Done, Remote,
        client::{Client, path_part},
        table,
    },
};

/// Let products read directories.
#[derive(Debug, Subcommand)]
pub enum ApplicationCommand {
    /// Show all applications.
    List(Plain),
    /// Let a product in; shows the password to type into it.
    Add(Add),
    /// Make a new password; the old one stops working.
    Password(Named),
    /// Shut a product out.
    Remove(Named),
}

/// Options without a name.
#[derive(Debug, Args)]
pub struct Plain {
    #[command(flatten)]
    remote: Remote,
}

/// An application by name.
#[derive(Debug, Args)]
pub struct Named {
    /// The application's name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// Let a product in.
#[derive(Debug, Args)]
pub struct Add {
    /// A name for the application.
    name: String,
    /// A directory that it sees; may be repeated, the first one that has a user name owns it.
    #[arg(long = "directory", value_name = "D", required = true)]
    directories: Vec<String>,
    /// An address or network from which it may call; may be repeated; from everywhere when not given.
    #[arg(long = "address", value_name = "CIDR")]
    addresses: Vec<String>,
    /// Take memberships from all directories, not only from the one that owns the user name.
    #[arg(long)]
    aggregate: bool,
    #[command(flatten)]
    remote: Remote,
}

impl ApplicationCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(Plain { remote }) => list(&remote).await,
            Self::Add(add) => {
                let body = AddBody {
                    name: add.name,
                    directories: add.directories,
                    aggregate: add.aggregate,
                    addresses: add.addresses,
                    password: None,
                };
                let credentials = Client::new(&add.remote)?.post("/applications", &body).await?;
                show_credentials(&credentials, &add.remote)
            }
            Self::Password(Named { name, remote }) => {
                let path = format!("/applications/{}/password", path_part(&name));
                let credentials = Client::new(&remote)?.post(&path, &json!({})).await?;
                show_credentials(&credentials, &remote)
            }
            Self::Remove(Named { name, remote }) => {
                let path = format!("/applications/{}", path_part(&name));
                Client::new(&remote)?.order(Method::DELETE, &path).await?;
                if remote.json {
                    println!("{}", json!({"name": name, "done": "removed"}));
                } else {
                    println!("{name} was removed");
                }
                Ok(Done::Ok)
            }
        }
    }
}

fn show_credentials(credentials: &Credentials, remote: &Remote) -> anyhow::Result<Done> {
    if remote.json {
        println!("{}", serde_json::to_string(credentials)?);
    } else {
        println!("application name: {}", credentials.name);
        println!("password:         {}", credentials.password);
        println!("the password is not shown again; `muster application password` makes a new one");
    }
    Ok(Done::Ok)
}

async fn list(remote: &Remote) -> anyhow::Result<Done> {
    let rows: Vec<Summary> = Client::new(remote)?.get("/applications").await?;
    if remote.json {
        println!("{}", serde_json::to_string(&rows)?);
        return Ok(Done::Ok);
    }
    if rows.is_empty() {
        println!("no application yet; `muster application add` lets one in");
        return Ok(Done::Ok);
    }
    let mut table = table::plain(&["name", "directories", "memberships", "from"]);
    for row in rows {
        let memberships =
            if row.aggregate { "of all directories" } else { "of the owning directory" };
        let from = if row.addresses.is_empty() {
            "everywhere".to_owned()
        } else {
            row.addresses.join(", ")
        };
        table.add_row([row.name, row.directories.join(", "), memberships.to_owned(), from]);
    }
    println!("{table}");
    Ok(Done::Ok)
}
