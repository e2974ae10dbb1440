//! `muster demo`: simulated tenants, the server, a directory for each tenant and applications to read them.
//!
//! Invariant: the directories are connected by the code that connects real tenants; `demo.json` is written
//! last, when everything is ready.

use directory::counted::counted;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use directory::report::{Outcome, RunReport};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use simulator::{Description, Running};

use crate::{
    api,
    cli::{
        Done, LISTEN, listen_address, serve,
        simulate::{self, TenantSize},
        table,
    },
    clock::Clock,
    config::File,
    entropy, hashing,
    server::{self, Server},
    service::Actor,
    task::keeper::Keeper,
};

/// The file that tells scripts everything about a running demo.
const DEMO_FILE: &str = "demo.json";
/// Marks a data directory as one that a demo made and may clear.
const MARKER: &str = ".muster-demo";
/// The server's database.
const DATABASE: &str = "muster.db";
/// What a running server keeps locked.
const LOCK: &str = "muster.lock";
/// How the names of a server's files begin.
const OURS: [&str; 7] = [
    "muster.db",
    "state.db",
    "secret.key",
    "admin.json",
    "demo.json",
    "google-service-account.json",
    "okta-service-app",
];
/// The administrator of the demo's console.
const ADMINISTRATOR: &str = "admin";
/// How often the first read is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Run the server with simulated tenants.
#[derive(Debug, Args)]
pub struct Demo {
    /// Data directory; a demo's directory is cleared at each start.
    #[arg(long, value_name = "DIR", default_value = "muster-demo")]
    data: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = LISTEN, value_parser = listen_address)]
    listen: SocketAddr,
    /// Address and port of the simulated tenants; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8096", value_parser = listen_address)]
    sim_listen: SocketAddr,
    /// How large the tenants are.
    #[command(flatten)]
    size: TenantSize,
    /// Which providers' tenants to simulate.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Provider::Entra, Provider::Google, Provider::Okta])]
    providers: Vec<Provider>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    Entra,
    Google,
    Okta,
}

impl Provider {
    /// As the simulator knows it.
    fn simulated(self) -> simulator::Provider {
        match self {
            Self::Entra => simulator::Provider::Entra,
            Self::Google => simulator::Provider::Google,
            Self::Okta => simulator::Provider::Okta,
        }
    }
}

#[derive(Serialize)]
struct DemoFile<'a> {
    console: serde_json::Value,
    crowd: serde_json::Value,
    applications: Vec<serde_json::Value>,
    api: serde_json::Value,
    simulator: &'a Description,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        serve::log_to_stderr("warn");
        let providers: Vec<simulator::Provider> =
            self.providers.iter().map(|provider| provider.simulated()).collect();
        clear(&self.data)?;
        let options = simulator::Options {
            providers,
            key_directory: Some(self.data.clone()),
            ..simulate::options(self.sim_listen, &self.size, 0, simulator::Quotas::Off)
        };
        let tenants =
            simulator::start(options).await.context("the simulated tenants did not start")?;
        let clock = Clock::system();
        let server = Server::start(&self.data, self.listen, &File::default(), clock).await?;
        let done = self.set_up(&tenants, &server).await;
        match done {
            Ok(()) => serve::until_stopped().await,
            Err(error) => {
                server.stop().await;
                tenants.shutdown().await;
                return Err(error);
            }
        }
        println!("stopping");
        let _ = fs::remove_file(self.data.join(DEMO_FILE));
        server.stop().await;
        tenants.shutdown().await;
        Ok(Done::Ok)
    }

    async fn set_up(&self, tenants: &Running, server: &Server) -> anyhow::Result<()> {
        let description = tenants.description();
        let mut reads = Vec::new();
        for add in directories(description)? {
            let name = add.name.clone();
            let row = api::directory::connect_directory(&server.app, add).await.map_err(said)?;
            let keeper = server.app.keeper(row.id).context("the directory is not kept")?;
            reads.push((name, keeper));
        }
        let names: Vec<String> = reads.iter().map(|(name, _)| name.clone()).collect();
        for (name, keeper) in reads {
            let report = first_read(&name, &keeper).await?;
            println!("{name}, its first read:");
            println!("{}", table::report(&name, &report));
        }
        let mut applications = vec![Admitted::new(server, "demo", &names).await?];
        for name in &names {
            let application = format!("demo-{name}");
            let sees = std::slice::from_ref(name);
            applications.push(Admitted::new(server, &application, sees).await?);
        }
        let password = entropy::token();
        administrator(server, &password).await?;
        self.write(server, (description, &password), &applications)?;
        instructions(server, &self.data, &applications[0].credentials, &names[0]);
        Ok(())
    }

    fn write(
        &self,
        server: &Server,
        (description, password): (&Description, &str),
        applications: &[Admitted],
    ) -> anyhow::Result<()> {
        let demo = &applications[0].credentials;
        let file = DemoFile {
            console: json!({"url": format!("{}/", server.url), "username": ADMINISTRATOR, "password": password}),
            crowd: json!({
                "url": format!("{}/crowd", server.url),
                "application": demo.name,
                "password": demo.password,
            }),
            applications: applications.iter().map(Admitted::described).collect(),
            api: json!({"url": format!("{}/api/v1", server.url), "token": server.token}),
            simulator: description,
        };
        server::write_private(&self.data.join(DEMO_FILE), &serde_json::to_string_pretty(&file)?)
    }
}

/// Makes the administrator who may sign in to the console.
async fn administrator(server: &Server, password: &str) -> anyhow::Result<()> {
    let hash = hashing::hash(password.to_owned()).await?;
    let now = server.app.clock.now();
    let make = move |change: &store::Change<'_>| {
        let role = store::Role::Administrator;
        change.put_administrator(ADMINISTRATOR, role, &hash, now)?;
        let detail = json!({"role": role.as_str()});
        let entry = Actor::server("demo").entry(now, "administrator.add", ADMINISTRATOR, &detail);
        Ok(store::Changed::Kept((), entry))
    };
    Ok(server.app.change(make).await?)
}

/// Makes room for a new demo; never clears a server's data that a demo did not make.
fn clear(data: &Path) -> anyhow::Result<()> {
    let marker = data.join(MARKER);
    if data.join(DATABASE).exists() && !marker.exists() {
        bail!(
            "{} holds a server's data; name another directory with --data, or use `muster serve`",
            data.display()
        );
    }
    let lock = fs::File::options().read(true).write(true).open(data.join(LOCK));
    if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
        bail!(
            "a server runs in {}; stop it, or name another directory with --data",
            data.display()
        );
    }
    // Only what a server writes: the rest of the directory is somebody else's.
    if marker.exists() && data.join(DATABASE).exists() {
        let ours = |name: &str| OURS.iter().any(|ours| name.starts_with(ours));
        let entries =
            fs::read_dir(data).with_context(|| format!("{} cannot be read", data.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(ours) {
                let path = entry.path();
                fs::remove_file(&path)
                    .with_context(|| format!("{} cannot be removed", path.display()))?;
            }
        }
    }
    fs::create_dir_all(data)
        .and_then(|()| {
            fs::write(&marker, "made by `muster demo`, which clears its files here at each start\n")
        })
        .with_context(|| {
            format!("{} cannot be written; name another directory with --data", data.display())
        })
}

/// Waits for the first read with a progress bar.
async fn first_read(name: &str, keeper: &Keeper) -> anyhow::Result<RunReport> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
    loop {
        let status = keeper.status();
        let read = status.progress;
        bar.set_message(format!(
            "reading {name}: {}, {}, {}",
            counted(read.users, "person"),
            counted(read.groups, "group"),
            counted(read.memberships, "membership")
        ));
        bar.tick();
        if status.completed >= status.requested
            && let Some(report) = status.last
        {
            bar.finish_and_clear();
            return match &report.outcome {
                Outcome::Failed { error, .. } => bail!("the first read of {name} failed: {error}"),
                Outcome::Done | Outcome::Held => Ok(report),
            };
        }
        tokio::time::sleep(POLL).await;
    }
}

/// An application of the demo.
struct Admitted {
    credentials: crate::service::application::Credentials,
    directories: Vec<String>,
}

impl Admitted {
    async fn new(server: &Server, name: &str, directories: &[String]) -> anyhow::Result<Self> {
        let add = crate::service::application::Add {
            name: name.to_owned(),
            directories: directories.to_vec(),
            aggregate: false,
            nested_groups: true,
            frozen_names: false,
            addresses: Vec::new(),
            password: None,
            product: None,
        };
        let credentials =
            crate::service::application::add(&server.app, &Actor::server("demo"), add).await?;
        Ok(Self { credentials, directories: directories.to_vec() })
    }

    fn described(&self) -> serde_json::Value {
        json!({
            "name": self.credentials.name,
            "password": self.credentials.password,
            "directories": self.directories,
        })
    }
}

/// A directory for each simulated tenant, connected as a real one would be.
///
/// # Errors
/// When a key file cannot be read.
pub fn directories(description: &Description) -> anyhow::Result<Vec<api::directory::Add>> {
    let mut all = Vec::new();
    let add = |provider: &str, settings: &[(&str, &str)], secret: String| api::directory::Add {
        name: provider.to_owned(),
        provider: provider.to_owned(),
        settings: settings.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect(),
        secret,
        rules: None,
        schedule: None,
        key: None,
    };
    if let Some(entra) = &description.entra {
        let settings = [
            ("authority", entra.authority.as_str()),
            ("graph", &entra.graph),
            ("tenant", &entra.tenant),
            ("client_id", &entra.client_id),
        ];
        all.push(add("entra", &settings, entra.client_secret.clone()));
    }
    if let Some(google) = &description.google {
        let settings = [
            ("token_uri", google.token_uri.as_str()),
            ("api", &google.api),
            ("subject", &google.subject),
            // The simulated organisation has no quota, and nobody likes to wait for a demo.
            ("requests_per_minute", "0"),
        ];
        let key = fs::read_to_string(&google.key_file)
            .with_context(|| format!("{} cannot be read", google.key_file.display()))?;
        all.push(add("google", &settings, key));
    }
    if let Some(okta) = &description.okta {
        // As a service app, which is what a real organisation should use; the app demands proofs of possession.
        let settings =
            [("url", okta.url.as_str()), ("client_id", &okta.client_id), ("key_id", &okta.key_id)];
        let key = fs::read_to_string(&okta.key_file)
            .with_context(|| format!("{} cannot be read", okta.key_file.display()))?;
        all.push(add("okta", &settings, key));
    }
    Ok(all)
}

fn said(problem: api::Problem) -> anyhow::Error {
    anyhow::anyhow!(problem.detail)
}

fn instructions(
    server: &Server,
    data: &Path,
    demo: &crate::service::application::Credentials,
    directory: &str,
) {
    println!("The demo is ready.");
    println!();
    println!("Add the directory in Jira: Administration > User management > User directories >");
    println!("Add Directory > Atlassian Crowd, and type:");
    println!("  Server URL            {}/crowd", server.url);
    println!("  Application name      {}", demo.name);
    println!("  Application password  {}", demo.password);
    println!("  Permissions           Read Only");
    println!("  Enable Nested Groups  ticked (the tenant has groups in groups)");
    println!(
        "then press Test Settings, Save and Test, and Synchronise. Confluence, Bitbucket and Bamboo ask"
    );
    println!("for the same.");
    println!();
    println!("The console is at {}/; sign in as {ADMINISTRATOR}, with the password in", server.url);
    println!("{}.", data.join(DEMO_FILE).display());
    println!();
    println!("Look at it, and play with it:");
    println!("  muster directory show {directory} --data {}", data.display());
    println!("  muster directory sync {directory} --wait --data {}", data.display());
    println!("  muster changes --data {}", data.display());
    println!(
        "Everything for scripts is in {}. Ctrl-C ends the demo.",
        data.join(DEMO_FILE).display()
    );
}
