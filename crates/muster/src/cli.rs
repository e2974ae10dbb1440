//! The command line (DESIGN.md section 8: scripts rely on it to the letter).
//!
//! Invariant: commands other than `serve`, `demo` and `simulate` talk to the running server's admin API and
//! nothing else. Exit codes: 0 done, 1 failed, 2 usage, 3 something is held.

pub mod admin;
pub mod alert;
pub mod application;
pub mod apply;
pub mod changes;
pub mod client;
pub mod connection;
pub mod demo;
pub mod directory;
pub mod discard;
pub mod explain;
pub mod history;
pub mod key;
pub mod migration;
mod news;
pub mod preview;
pub mod product_names;
mod remote;
pub mod rename;
pub mod repair;
pub mod rules;
pub mod serve;
pub mod simulate;
pub mod table;
pub mod token;
pub mod undo;
pub mod when;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use ::directory::error_chain::joined;
use clap::{Parser, Subcommand, builder::OsStringValueParser};

use crate::safe;

/// Cloud user provisioning for Atlassian products.
#[derive(Debug, Parser)]
#[command(name = "muster", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Run the server with simulated tenants, ready to be added to Jira.
    Demo(demo::Demo),
    /// Run simulated tenants only; prints how to reach them as one line of JSON.
    Simulate(simulate::Simulate),
    /// Connect, look at and synchronise directories.
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Let products read directories.
    #[command(subcommand)]
    Application(application::ApplicationCommand),
    /// See whose account in a product would stay theirs.
    MigrateCheck(migration::MigrateCheck),
    /// Bring the server to what a file says.
    Apply(apply::Apply),
    /// Write the server's settings as such a file.
    Export(apply::Export),
    /// See what is the matter, and be told of it.
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Show what changed in the directories.
    Changes(changes::Changes),
    /// Look after the console's administrators.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Find what cannot be read in the database of a stopped server, and repair it.
    Repair(repair::Repair),
    /// Make, list and revoke tokens for the admin API.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// Options of every command that talks to a running server.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    /// Data directory of the server; its admin.json tells address and token.
    #[arg(long, value_name = "DIR", env = "MUSTER_DATA", default_value = "muster-data")]
    pub data: PathBuf,
    /// Print JSON instead of text for people.
    #[arg(long)]
    pub json: bool,
    /// Trust only the authorities in this file for the server's TLS certificate, instead of the system's (PEM).
    #[arg(long, value_name = "FILE", env = "MUSTER_CA_FILE", value_parser = OsStringValueParser::new())]
    pub ca_file: Option<OsString>,
    /// Use http:// to another machine: the token and all data go over the network unencrypted.
    #[arg(long)]
    pub insecure_http: bool,
}

/// The command line itself is wrong, as far as only a command can tell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(String);

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// All done.
    Ok,
    /// Done as far as it goes; something is held.
    Held,
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> Self {
        match done {
            Done::Ok => Self::SUCCESS,
            Done::Held => Self::from(3),
        }
    }
}

/// What a shell gives for a program that a closed pipe ended.
const BROKEN_PIPE: i32 = 141;

/// The address that `serve` and `demo` listen on unless told otherwise.
pub const LISTEN: &str = "127.0.0.1:8095";

/// The whole program: reads the command line, runs the command, says what went wrong.
///
/// It stands here and not in the binary so that all of it is compiled once.
pub fn main() -> ExitCode {
    end_quietly_where_nobody_reads();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to work with: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(done) => done.into(),
        Err(error) => {
            eprintln!("error: {}", safe::lines(&joined(error.as_ref())));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Ends the program as other tools end when what they print goes to `head`, which closes its end early.
fn end_quietly_where_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to std") && said.contains("Broken pipe") {
            std::process::exit(BROKEN_PIPE);
        }
        usual(panic);
    }));
}

/// Runs a command.
async fn run(cli: Cli) -> anyhow::Result<Done> {
    match cli.command {
        Command::Serve(command) => command.run().await,
        Command::Demo(command) => command.run().await,
        Command::Simulate(command) => command.run().await,
        Command::Directory(command) => command.run().await,
        Command::Application(command) => command.run().await,
        Command::MigrateCheck(command) => command.run().await,
        Command::Apply(command) => command.run().await,
        Command::Export(command) => command.run().await,
        Command::Alert(command) => command.run().await,
        Command::Changes(command) => command.run().await,
        Command::Admin(command) => command.run().await,
        Command::Repair(command) => command.run().await,
        Command::Token(command) => command.run().await,
    }
}

/// Reads a listening address.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no address and port, such as {LISTEN}"))
}
