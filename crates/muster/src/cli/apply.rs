//! `muster apply` and `muster export`: the server's settings as one file.

pub mod document;
pub mod export;
pub mod plan;

use std::path::PathBuf;

use clap::Args;
use directory::{decisions::Digest, error_chain::joined, report::RunReport};
use reqwest::Method;
use serde_json::{Value, json};

use self::{
    document::Document,
    plan::{Action, Current, Item, Step},
};
use crate::{
    api::{
        directory::{Detail, Summary, is_held},
        secret::{Compare, Compared, Owner},
    },
    cli::{
        Done, Remote,
        client::{Client, path_part},
    },
    safe,
    service::{
        application::{Credentials, MadeFor, sight::Effect},
        channel::Summary as Channel,
    },
};

/// Bring the server to what a file says; shows the difference.
#[derive(Debug, Args)]
pub struct Apply {
    /// The file, TOML; `-` reads standard input. docs/operators/apply.md shows all keys.
    #[arg(short, long = "file", value_name = "FILE")]
    file: PathBuf,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Remove what the file does not name.
    #[arg(long)]
    prune: bool,
    /// Change what an application sees although it is much: the digest that was shown; may be repeated.
    #[arg(long = "digest", value_name = "DIGEST")]
    digests: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Write the server's settings as a file for `apply`; without secrets.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    remote: Remote,
}

/// The server, and what was asked for.
#[derive(Debug)]
pub struct Server<'a> {
    client: &'a Client,
    prune: bool,
    dry_run: bool,
    digests: &'a [String],
}

impl Apply {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let document = Document::read(&self.file)?;
        let client = Client::of_texts_as_they_are(&self.remote)?;
        let current = current(&client).await?;
        let (prune, dry_run) = (self.prune, self.dry_run);
        let server = Server { client: &client, prune, dry_run, digests: &self.digests };
        let mut items = plan::plan(&document, &current, &server).await?;
        let mut problem = None;
        for item in &mut items {
            if let Err(error) = server.carry_out(item).await {
                let what = format!("{} `{}` could not be changed", noun(item.what), item.name);
                problem = Some(error.context(what));
                break;
            }
        }
        if self.remote.json {
            let problem = problem.as_ref().map(|error| joined(error.as_ref()));
            println!(
                "{}",
                safe::json(&json!({"dry_run": dry_run, "items": items, "problem": problem}))
            );
        } else {
            show(&items, dry_run, problem.is_some());
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        let held = items.iter().any(|item| !item.held.is_empty());
        Ok(if held && !dry_run { Done::Held } else { Done::Ok })
    }
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let current = current(&Client::of_texts_as_they_are(&self.remote)?).await?;
        let text = export::write(&current)?;
        if self.remote.json {
            println!("{}", safe::json(&json!({"document": text})));
        } else {
            print!("{text}");
        }
        Ok(Done::Ok)
    }
}

async fn current(client: &Client) -> anyhow::Result<Current> {
    let mut directories = Vec::new();
    let rows: Vec<Summary> = client.get("/directories").await?;
    for row in rows {
        let path = format!("/directories/{}", path_part(&row.name));
        directories.push(client.get::<Detail>(&path).await?);
    }
    let applications = client.get("/applications").await?;
    let channels: Vec<Channel> = client.get("/alerts/channels").await?;
    Ok(Current { directories, applications, channels })
}

impl Server<'_> {
    /// Whether a secret is the one that the server has.
    async fn has_secret(&self, owner: Owner, name: &str, secret: &str) -> anyhow::Result<bool> {
        let compare = Compare { owner, name: name.to_owned(), secret: secret.to_owned() };
        let compared: Compared = self.client.post("/secrets/compare", &compare).await?;
        Ok(compared.same)
    }

    async fn carry_out(&self, item: &mut Item) -> anyhow::Result<()> {
        for step in std::mem::take(&mut item.steps) {
            match step {
                // What products would do is worth a look beforehand too.
                Step::Sight(change) => self.change_sight(item, change).await?,
                _ if self.dry_run => {}
                step => self.take(item, step).await?,
            }
        }
        Ok(())
    }

    async fn take(&self, item: &mut Item, step: Step) -> anyhow::Result<()> {
        let client = self.client;
        let part = path_part(&item.name);
        let directory = |rest: &str| format!("/directories/{part}{rest}");
        let application = |rest: &str| format!("/applications/{part}{rest}");
        match step {
            Step::AddDirectory(add) => drop(client.post::<Value>("/directories", &*add).await?),
            Step::Connect(change) => {
                let path = directory("/connection");
                let _: Value = client.send_with(Method::PATCH, &path, &change).await?;
            }
            Step::Rules(rules) => {
                let path = directory("/rules");
                let report: RunReport = client.send_with(Method::PUT, &path, &*rules).await?;
                if is_held(&report) {
                    item.held.extend(report.held.into_iter().map(|held| held.why));
                }
            }
            Step::Schedule(schedule) => {
                client.order_with(Method::PUT, &directory("/schedule"), &schedule).await?;
            }
            Step::Pause(paused) => {
                let verb = if paused { "/pause" } else { "/resume" };
                client.order(Method::POST, &directory(verb)).await?;
            }
            Step::AddApplication(add) => {
                let made = add.password.is_none();
                let credentials: Credentials = client.post("/applications", &add).await?;
                item.password = made.then_some(credentials.password);
            }
            Step::Sight(change) => self.change_sight(item, change).await?,
            Step::Addresses(addresses) => {
                let body = json!({"addresses": addresses});
                client.order_with(Method::PUT, &application("/addresses"), &body).await?;
            }
            Step::Product(product) => {
                let body = MadeFor { product };
                client.order_with(Method::PUT, &application("/product"), &body).await?;
            }
            Step::Password(password) => {
                let body = json!({"password": password});
                drop(client.post::<Credentials>(&application("/password"), &body).await?);
            }
            Step::AddChannel(definition) => {
                drop(client.post::<Channel>("/alerts/channels", &definition).await?);
            }
            Step::Channel(definition) => {
                let path = format!("/alerts/channels/{part}");
                let _: Channel = client.send_with(Method::PUT, &path, &definition).await?;
            }
            Step::Remove => {
                let path = match item.what {
                    Owner::Directory => directory(""),
                    Owner::Application => application(""),
                    Owner::Channel => format!("/alerts/channels/{part}"),
                };
                client.order(Method::DELETE, &path).await?;
            }
        }
        Ok(())
    }

    /// Changes what an application sees, unless its product would do much that nobody has agreed to.
    async fn change_sight(
        &self,
        item: &mut Item,
        mut change: crate::service::application::sight::Change,
    ) -> anyhow::Result<()> {
        let path = format!("/applications/{}/sight", path_part(&item.name));
        change.dry_run = true;
        let seen: anyhow::Result<Effect> = self.client.post(&path, &change).await;
        let effect = match seen {
            Ok(effect) => effect,
            // A directory that this very file adds cannot be looked at yet.
            Err(_) if self.dry_run => return Ok(()),
            Err(error) => return Err(error),
        };
        let agreed = effect.concerns.is_empty() || self.digests.contains(&effect.digest.0);
        if !agreed {
            let digest = &effect.digest.0;
            item.held.extend(effect.concerns);
            item.held.push(format!("to do it nevertheless, add  --digest {digest}"));
        } else if !self.dry_run {
            change.dry_run = false;
            change.digest = Some(Digest(effect.digest.0));
            let _: Effect = self.client.post(&path, &change).await?;
        }
        Ok(())
    }
}

fn noun(what: Owner) -> &'static str {
    match what {
        Owner::Directory => "directory",
        Owner::Application => "application",
        Owner::Channel => "alert channel",
    }
}

fn show(items: &[Item], dry_run: bool, broke_off: bool) {
    let mut done = 0;
    for item in items {
        let (sign, action) = match item.action {
            Action::Create => ("+", "is new"),
            Action::Change => ("~", "changes"),
            Action::Remove => ("-", "is removed"),
            Action::Keep => (" ", "is not in the file and stays; --prune would remove it"),
            Action::Nothing => continue,
        };
        println!("{sign} {} {} {action}", noun(item.what), safe::terminal(&item.name));
        for change in &item.changes {
            let [from, to] = [&change.from, &change.to].map(safe::json);
            println!("    {}: {from} -> {to}", safe::terminal(&change.field));
        }
        for why in &item.held {
            println!("    waits: {}", safe::terminal(why));
        }
        if let Some(password) = &item.password {
            println!("    password: {password} (not shown again)");
        }
        done += usize::from(item.action != Action::Keep);
    }
    let end = match (done, dry_run, broke_off) {
        (_, _, true) => {
            "not all of it was done; apply the file again once the mistake is corrected"
        }
        (0, _, _) => "everything is as the file says",
        (_, true, _) => "nothing was changed: this was a dry run",
        (_, false, _) => "done",
    };
    println!("{end}");
}
