//! `muster repair`: finds what cannot be read in a database, and repairs it when told so.
//!
//! Invariants: looking changes nothing; the server must not run, which the lock on its data directory sees to; a data
//! directory is never made.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use store::{Finding, Store};

use super::Done;

/// Find what cannot be read in the database of a stopped server, and repair it.
#[derive(Debug, Args)]
pub struct Repair {
    /// Data directory of the server, which must not run.
    #[arg(long, value_name = "DIR", env = "MUSTER_DATA", default_value = "muster-data")]
    data: PathBuf,
    /// Do what a look says; without it nothing is changed.
    #[arg(long)]
    apply: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Repair {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let Self { data, apply, json } = self;
        if !data.join("muster.db").is_file() {
            bail!(
                "there is no database in {}; name the server's data directory with --data",
                data.display()
            );
        }
        let repairing =
            tokio::task::spawn_blocking(move || Store::open_as_it_is(&data)?.repair(apply));
        let found = repairing.await.context("repairing panicked")??;
        if json {
            println!("{}", told(&found, apply));
            return Ok(Done::Ok);
        }
        for finding in &found {
            println!("{}", finding.to_string().replace(char::is_control, "\u{FFFD}"));
        }
        match (found.len(), apply) {
            (0, _) => println!("everything can be read"),
            (count, true) => println!("{count} repaired; start the server"),
            (count, false) => println!(
                "{count} cannot be read; make a copy of the data directory, then `muster repair --apply` does what is \
                 said here"
            ),
        }
        Ok(Done::Ok)
    }
}

fn told(found: &[Finding], apply: bool) -> serde_json::Value {
    let found: Vec<_> = found
        .iter()
        .map(|Finding { directory, what, remedy }| {
            json!({"directory": directory, "what": what, "remedy": remedy})
        })
        .collect();
    json!({"applied": apply, "found": found})
}
