//! `muster application …`.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::bail;
use clap::{Args, Subcommand};
use directory::{
    counted::counted, decisions::Digest, product_names::Product, resource_name::confirms,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    api::directory::Summary as Directory,
    cli::{
        Done, Remote,
        client::{Client, path_part},
        table,
    },
    clock::Clock,
    safe,
    service::application::{
        Add as AddBody, Credentials, MadeFor, Summary,
        sight::{Change, Effect},
    },
};

/// The products that are told apart.
const PRODUCTS: [&str; Product::ALL.len()] = {
    let mut keys = [""; Product::ALL.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = Product::ALL[at].key();
        at += 1;
    }
    keys
};
/// Names that are listed.
const SHOWN: usize = 20;

/// Let products read directories.
#[derive(Debug, Subcommand)]
pub enum ApplicationCommand {
    /// Show all applications.
    List(Plain),
    /// Let a product in; shows the password to type into it.
    Add(Add),
    /// Change what a product sees; shows first what it would do.
    Set(Set),
    /// Say which product an application was made for, so that names which it refuses are told.
    Product(MadeForProduct),
    /// Make a new password; the old one stops working.
    Password(Named),
    /// Shut a product out; shows first who would lose access, and asks for the name.
    Remove(Remove),
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

/// Say which product an application was made for, so that names which it refuses are told.
#[derive(Debug, Args)]
pub struct MadeForProduct {
    /// The application's name.
    name: String,
    /// The product.
    #[arg(value_parser = PRODUCTS)]
    product: String,
    #[command(flatten)]
    remote: Remote,
}

/// Shut a product out.
#[derive(Debug, Args)]
pub struct Remove {
    /// The application's name.
    name: String,
    /// Remove it without asking.
    #[arg(long)]
    yes: bool,
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
    /// An address, network or host name from which it may call; may be repeated; from everywhere when not given.
    #[arg(long = "address", value_name = "RULE")]
    addresses: Vec<String>,
    /// Take memberships from all directories, not only from the one that owns the user name.
    #[arg(long)]
    aggregate: bool,
    /// Show groups in groups; only for a product in which nested groups are switched on. Without this,
    /// everybody in a nested group is shown in the groups around it.
    #[arg(long)]
    nested_groups: bool,
    /// Keep the user names under which the product first knew people, for clients that know only names.
    #[arg(long)]
    frozen_names: bool,
    /// The product, so that names which it refuses are told.
    #[arg(long, value_parser = PRODUCTS)]
    product: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Change what a product sees.
#[derive(Debug, Args)]
pub struct Set {
    /// The application's name.
    name: String,
    /// The directories that it sees from now on, in this order; may be repeated.
    #[arg(long = "directory", value_name = "D")]
    directories: Vec<String>,
    /// Whether memberships come from all directories.
    #[arg(long, value_name = "on|off")]
    aggregate: Option<Switch>,
    /// Whether groups in groups are shown; switch it on here and in the product together.
    #[arg(long, value_name = "on|off")]
    nested_groups: Option<Switch>,
    /// Whether people keep the user names under which the product knows them now.
    #[arg(long, value_name = "on|off")]
    frozen_names: Option<Switch>,
    /// Do what was shown with this digest, although it is much.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Only show what the product would do.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    fn is_on(self) -> bool {
        self == Self::On
    }
}

impl ApplicationCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(Plain { remote }) => list(&remote).await,
            Self::Set(set) => set.run().await,
            Self::Add(add) => {
                let body = AddBody {
                    name: add.name,
                    directories: add.directories,
                    aggregate: add.aggregate,
                    nested_groups: add.nested_groups,
                    frozen_names: add.frozen_names,
                    addresses: add.addresses,
                    password: None,
                    product: add.product.as_deref().and_then(Product::of_key),
                };
                let client = Client::new(&add.remote)?;
                let credentials: Credentials = client.post("/applications", &body).await?;
                show_credentials(&credentials, &add.remote);
                Ok(Done::Ok)
            }
            Self::Product(MadeForProduct { name, product, remote }) => {
                made_for(&Client::new(&remote)?, &name, &product).await?;
                if remote.json {
                    println!("{}", crate::safe::json(&json!({"name": name, "product": product})));
                } else {
                    println!(
                        "{name} was made for {product}; `muster directory product-names` tells which names it refuses"
                    );
                }
                Ok(Done::Ok)
            }
            Self::Password(Named { name, remote }) => {
                let path = format!("/applications/{}/password", path_part(&name));
                let credentials = Client::new(&remote)?.post(&path, &json!({})).await?;
                show_credentials(&credentials, &remote);
                Ok(Done::Ok)
            }
            Self::Remove(remove) => remove.run().await,
        }
    }
}

async fn made_for(client: &Client, name: &str, product: &str) -> anyhow::Result<()> {
    let path = format!("/applications/{}/product", path_part(name));
    let body = MadeFor { product: Product::of_key(product) };
    client.order_with(Method::PUT, &path, &body).await
}

impl Remove {
    async fn run(self) -> anyhow::Result<Done> {
        let Self { name, yes, remote } = self;
        let client = Client::new(&remote)?;
        let path = format!("/applications/{}", path_part(&name));
        if !yes {
            if remote.json || !io::stdin().is_terminal() {
                bail!(
                    "nobody can be asked here, and nothing was removed; add --yes to remove `{name}`"
                );
            }
            let application: Summary = client.get(&path).await?;
            println!("{}", who_loses_access(&client, &application).await?);
            print!("type its name to remove it: ");
            io::stdout().flush()?;
            let mut typed = String::new();
            io::stdin().read_line(&mut typed)?;
            if !confirms(&typed, &application.name) {
                println!("nothing was removed");
                return Ok(Done::Ok);
            }
        }
        client.order(Method::DELETE, &path).await?;
        if remote.json {
            println!("{}", safe::json(&json!({"name": name, "done": "removed"})));
        } else {
            println!("{name} was removed");
        }
        Ok(Done::Ok)
    }
}

/// What the removal of an application means, in one line or two.
async fn who_loses_access(client: &Client, application: &Summary) -> anyhow::Result<String> {
    let directories: Vec<Directory> = client.get("/directories").await?;
    let read = directories.iter().filter(|row| application.directories.contains(&row.name));
    let people: usize = read.map(|row| row.size.users).sum();
    let seen = match &application.calls {
        None => "it has not called yet".to_owned(),
        Some(calls) => {
            let ago = table::duration(Clock::system().now().since(calls.last));
            format!("it last called {ago} ago, from {} ({})", calls.client, calls.agent)
        }
    };
    Ok(format!(
        "{} reads {}: {} would lose access in it, since it gets no answer any more\n{seen}",
        application.name,
        application.directories.join(", "),
        counted(people, "person"),
    ))
}

impl Set {
    async fn run(self) -> anyhow::Result<Done> {
        let change = Change {
            directories: (!self.directories.is_empty()).then_some(self.directories),
            aggregate: self.aggregate.map(Switch::is_on),
            nested_groups: self.nested_groups.map(Switch::is_on),
            frozen_names: self.frozen_names.map(Switch::is_on),
            digest: self.digest.map(Digest),
            dry_run: self.dry_run,
        };
        let path = format!("/applications/{}/sight", path_part(&self.name));
        let effect: Effect = Client::new(&self.remote)?.post(&path, &change).await?;
        if self.remote.json {
            println!("{}", safe::json(&effect));
        } else {
            show_effect(&self.name, &effect, self.dry_run);
        }
        Ok(if effect.done || self.dry_run { Done::Ok } else { Done::Held })
    }
}

fn show_effect(name: &str, effect: &Effect, dry_run: bool) {
    let difference = &effect.difference;
    let mut table = table::plain(&["the product would", "people", "groups", "memberships"]);
    let row = |what: &str, counts: [usize; 3]| {
        let mut row = vec![what.to_owned()];
        row.extend(counts.map(|count| count.to_string()));
        row
    };
    let (users, groups) = (&difference.users_gone, &difference.groups_gone);
    let added = [difference.users_new, difference.groups_new, difference.memberships_new];
    table.add_row(row("add", added));
    table.add_row(row("delete", [users.len(), groups.len(), difference.memberships_gone]));
    println!("{table}");
    for (what, names) in [
        ("people deleted", users),
        ("groups deleted", groups),
        ("user names that pass to another person", &difference.taken_over),
        ("groups that lose everybody", &difference.emptied),
    ] {
        if !names.is_empty() {
            let more = if names.len() > SHOWN { ", …" } else { "" };
            let shown = &names[..names.len().min(SHOWN)];
            println!("{what}: {}{more}", shown.join(", "));
        }
    }
    for concern in &effect.concerns {
        println!("look at this first: {concern}");
    }
    if effect.done {
        println!("{name} sees it so from now on; its product reads everything again");
    } else if dry_run {
        println!("nothing was changed");
    } else {
        println!("nothing was changed; to do it, add  --digest {}", effect.digest.0);
    }
}

fn show_credentials(credentials: &Credentials, remote: &Remote) {
    if remote.json {
        println!("{}", safe::json(&credentials));
    } else {
        println!("application name: {}", credentials.name);
        println!("password:         {}", credentials.password);
        println!("the password is not shown again; `muster application password` makes a new one");
    }
}

async fn list(remote: &Remote) -> anyhow::Result<Done> {
    let rows: Vec<Summary> = Client::new(remote)?.get("/applications").await?;
    if remote.json {
        println!("{}", safe::json(&rows));
        return Ok(Done::Ok);
    }
    if rows.is_empty() {
        println!("no application yet; `muster application add` lets one in");
        return Ok(Done::Ok);
    }
    let mut table = table::plain(&[
        "name",
        "product",
        "directories",
        "memberships",
        "nested groups",
        "names",
        "from",
    ]);
    table::unreadable(rows.iter().map(|row| (row.name.as_str(), row.unreadable.as_slice())));
    let mut told = Vec::new();
    for row in rows {
        if !row.webhooks.is_empty() {
            told.push((row.name.clone(), row.webhooks));
        }
        let memberships =
            if row.aggregate { "of all directories" } else { "of the owning directory" };
        let from = if row.addresses.is_empty() {
            "everywhere".to_owned()
        } else {
            row.addresses.join(", ")
        };
        let nested = if row.nested_groups { "shown" } else { "flattened" };
        let names = if row.frozen_names { "frozen" } else { "current" };
        let directories = row.directories.join(", ");
        let cells = [memberships, nested, names].map(str::to_owned);
        let [memberships, nested, names] = cells;
        let product = row.product.map_or_else(String::new, |product| product.key().to_owned());
        table.add_row([row.name, product, directories, memberships, nested, names, from]);
    }
    println!("{table}");
    for (name, webhooks) in told {
        println!("{name} is told of changes: {}", counted(webhooks.len(), "webhook"));
        for webhook in webhooks {
            let state = match (webhook.off, webhook.failures) {
                (true, _) => {
                    "left alone after repeated failure; the application can register it again"
                        .to_owned()
                }
                (false, 0) => "well".to_owned(),
                (false, failures) => format!("failed {} in a row", counted(failures, "time")),
            };
            println!("  {} {}: {state}", webhook.id, webhook.host);
        }
    }
    Ok(Done::Ok)
}
