//! `muster token`: tokens for the admin API.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use store::Scope;

use crate::{
    cli::{
        Done, Remote,
        client::{Client, path_part},
        table,
    },
    safe,
    service::token::{Add as Wanted, Made, Summary},
};

/// Make, list and revoke tokens for the admin API.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Show all tokens.
    List(List),
    /// Make a token; it is shown once.
    Add(Add),
    /// Revoke a token: it never works again.
    Revoke(Revoke),
}

/// Show all tokens.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    remote: Remote,
}

/// Make a token; it is shown once.
#[derive(Debug, Args)]
pub struct Add {
    /// What it is called.
    name: String,
    /// What it may do: read (look), write (change), admin (administrators and tokens); repeatable.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<ScopeName>,
    /// For how many days it works; for ever without.
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

/// Revoke a token: it never works again.
#[derive(Debug, Args)]
pub struct Revoke {
    /// What it is called.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScopeName {
    /// Look.
    Read,
    /// Change.
    Write,
    /// Look at and change administrators and tokens.
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Write => Self::Write,
            ScopeName::Admin => Self::Admin,
        }
    }
}

impl TokenCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(List { remote }) => list(&remote).await,
            Self::Add(add) => make(add).await,
            Self::Revoke(Revoke { name, remote }) => {
                let path = format!("/tokens/{}", path_part(&name));
                Client::new(&remote)?.order(Method::DELETE, &path).await?;
                if !remote.json {
                    println!("`{name}` never works again");
                }
                Ok(Done::Ok)
            }
        }
    }
}

async fn make(add: Add) -> anyhow::Result<Done> {
    let Add { name, scopes, days, remote } = add;
    let scopes = scopes.into_iter().map(Scope::from).collect();
    let made: Made = Client::new(&remote)?.post("/tokens", &Wanted { name, scopes, days }).await?;
    if remote.json {
        println!("{}", safe::json(&made));
        return Ok(Done::Ok);
    }
    println!("{}", made.token);
    eprintln!("it is not shown again; `muster token revoke {}` ends it", made.summary.name);
    Ok(Done::Ok)
}

async fn list(remote: &Remote) -> anyhow::Result<Done> {
    let tokens: Vec<Summary> = Client::new(remote)?.get("/tokens").await?;
    if remote.json {
        println!("{}", safe::json(&tokens));
        return Ok(Done::Ok);
    }
    if tokens.is_empty() {
        println!("no tokens");
        return Ok(Done::Ok);
    }
    let time = |at: Option<directory::id::Millis>, none: &str| {
        at.map_or_else(|| none.to_owned(), table::time)
    };
    let mut table =
        table::plain(&["name", "scopes", "made by", "made", "expires", "last used", "revoked"]);
    table::unreadable(tokens.iter().map(|row| (row.name.as_str(), row.unreadable.as_slice())));
    for token in tokens {
        table.add_row([
            token.name,
            token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
            token.made_by,
            table::time(token.made),
            time(token.expires, "never"),
            time(token.last_used, "never"),
            time(token.revoked, ""),
        ]);
    }
    println!("{table}");
    Ok(Done::Ok)
}
