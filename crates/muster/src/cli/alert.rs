//! `muster alert …`: what is the matter, and who is told.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use directory::counted::counted;
use reqwest::Method;
use serde_json::json;

use crate::{
    cli::{
        Done, Remote,
        client::{Client, path_part},
        connection::read_secret,
        table,
    },
    safe,
    service::{
        alert::Alerts,
        channel::{Definition, Summary, Tried},
    },
    text_file,
};

/// See what is the matter, and be told of it.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Show open alerts, and those that ended lately.
    List(List),
    /// Say that you look after an alert: nobody is told of it any more, unless there is something new.
    Acknowledge(Acknowledge),
    /// Who is told: webhooks, Slack, Teams, mailboxes.
    #[command(subcommand)]
    Channel(ChannelCommand),
}

/// Show open alerts.
#[derive(Debug, Args)]
pub struct List {
    /// Beside the open ones, show those that ended within so many days.
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
    #[command(flatten)]
    remote: Remote,
}

/// Say that you look after an alert.
#[derive(Debug, Args)]
pub struct Acknowledge {
    /// The alert's number.
    id: u32,
    #[command(flatten)]
    remote: Remote,
}

/// Who is told.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Show all channels.
    List(Plain),
    /// Add a channel.
    Add(Add),
    /// Send a message through a channel now.
    Test(Named),
    /// Remove a channel.
    Remove(Named),
}

/// Options without a name.
#[derive(Debug, Args)]
pub struct Plain {
    #[command(flatten)]
    remote: Remote,
}

/// A channel by name.
#[derive(Debug, Args)]
pub struct Named {
    /// The channel's name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// Add a channel.
#[derive(Debug, Args)]
pub struct Add {
    /// A name for the channel.
    name: String,
    /// webhook, slack, teams or email.
    #[arg(long)]
    kind: String,
    /// How mail is sent: host, port, security (starttls, tls, none), username, from, to.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::directory::setting)]
    settings: Vec<(String, String)>,
    /// File that holds the webhook's address or the mailbox's password; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with the certificate of the authority that signed the mail server's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    mail_ca_file: Option<PathBuf>,
    /// An alert that it is told of: held, failing, credential, set_aside, near_limit, not_served, damaged, unreadable or
    /// recovered; may be repeated, all when not given.
    #[arg(long = "alert", value_name = "KIND")]
    alerts: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

impl AlertCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(list) => list.run().await,
            Self::Acknowledge(Acknowledge { id, remote }) => {
                let path = format!("/alerts/{id}/acknowledge");
                Client::new(&remote)?.order(Method::POST, &path).await?;
                said(&remote, &format!("alert {id}"), "is looked after");
                Ok(Done::Ok)
            }
            Self::Channel(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<Done> {
        let path = format!("/alerts?days={}", self.days);
        let found: Alerts = Client::new(&self.remote)?.get(&path).await?;
        if self.remote.json {
            println!("{}", safe::json(&found));
            return Ok(Done::Ok);
        }
        if let Some(problem) = &found.status.problem {
            println!("alerts cannot be kept: {problem}");
        }
        if found.status.channels == 0 {
            println!("nobody is told of alerts yet; `muster alert channel add` names somebody");
        }
        if found.alerts.is_empty() {
            println!("nothing is the matter");
        }
        for alert in found.alerts {
            let state = match (alert.resolved, alert.acknowledged) {
                (Some(at), _) => format!("over since {}", table::time(at)),
                (None, Some(at)) => format!("looked after since {}", table::time(at)),
                (None, None) => "open".to_owned(),
            };
            println!("{} {} ({state}): {}", alert.id, alert.kind, alert.title);
            println!("    since {}", table::time(alert.raised));
            for line in &alert.details {
                println!("    {line}");
            }
            if !alert.told.is_empty() {
                println!("    told: {}", alert.told.join(", "));
            }
        }
        Ok(Done::Ok)
    }
}

impl ChannelCommand {
    async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(Plain { remote }) => channels(&remote).await,
            Self::Add(add) => add.run().await,
            Self::Test(Named { name, remote }) => test(&name, &remote).await,
            Self::Remove(Named { name, remote }) => {
                let path = format!("/alerts/channels/{}", path_part(&name));
                Client::new(&remote)?.order(Method::DELETE, &path).await?;
                said(&remote, &name, "was removed");
                Ok(Done::Ok)
            }
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<Done> {
        let secret = self.secret_file.as_deref().map(read_secret).transpose()?;
        let mut settings = BTreeMap::new();
        for (key, value) in self.settings {
            if settings.insert(key.clone(), value).is_some() {
                bail!("--set {key}=… is given twice");
            }
        }
        if let Some(file) = self.mail_ca_file {
            let pem = text_file::read(&file)
                .with_context(|| format!("the certificate {} cannot be read", file.display()))?;
            settings.insert("ca".to_owned(), pem);
        }
        let name = self.name.clone();
        let (kind, alerts) = (self.kind, self.alerts);
        let body = Definition { name: self.name, kind, settings, alerts, secret };
        let added: Summary = Client::new(&self.remote)?.post("/alerts/channels", &body).await?;
        if self.remote.json {
            println!("{}", safe::json(&added));
        } else {
            println!("{name} is told of alerts: {} ({})", added.target, added.kind);
            println!("try it: muster alert channel test {name}");
        }
        Ok(Done::Ok)
    }
}

async fn test(name: &str, remote: &Remote) -> anyhow::Result<Done> {
    let path = format!("/alerts/channels/{}/test", path_part(name));
    let tried: Tried = Client::new(remote)?.post(&path, &json!({})).await?;
    if remote.json {
        println!("{}", safe::json(&tried));
    }
    match tried.problem {
        Some(problem) => bail!("`{name}` could not be told: {problem}"),
        None if remote.json => {}
        None => println!("{name} was told; look whether the message is there"),
    }
    Ok(Done::Ok)
}

async fn channels(remote: &Remote) -> anyhow::Result<Done> {
    let rows: Vec<Summary> = Client::new(remote)?.get("/alerts/channels").await?;
    if remote.json {
        println!("{}", safe::json(&rows));
        return Ok(Done::Ok);
    }
    if rows.is_empty() {
        println!("no channel yet; `muster alert channel add` adds one");
        return Ok(Done::Ok);
    }
    let mut table = table::plain(&["name", "kind", "leads to", "told of", "last told", "state"]);
    table::unreadable(rows.iter().map(|row| (row.name.as_str(), row.unreadable.as_slice())));
    for row in rows {
        let alerts = if row.alerts.is_empty() { "all".to_owned() } else { row.alerts.join(", ") };
        let told = row.told_at.map_or_else(|| "never".to_owned(), table::time);
        let state = match (row.failures, &row.problem) {
            (0, _) | (_, None) => "well".to_owned(),
            (failures, Some(problem)) => {
                format!("failed {} in a row: {problem}", counted(failures, "time"))
            }
        };
        table.add_row([row.name, row.kind, row.target, alerts, told, state]);
    }
    println!("{table}");
    Ok(Done::Ok)
}

fn said(remote: &Remote, name: &str, done: &str) {
    if remote.json {
        println!("{}", safe::json(&json!({"name": name, "done": done})));
    } else {
        println!("{name} {done}");
    }
}
