//! `muster directory renames`: new names of single groups.

use clap::Args;
use directory::derive::RenameState;

use crate::{
    api::rename::{Decide, Rename, Renames as RenamesBody},
    cli::{
        Done, Remote,
        client::{Client, path_part},
        directory::finish,
        table,
    },
    safe,
};

/// The consequence of an accepted name.
const CONSEQUENCE: &str = "an accepted name is a new group to products: permissions given to the old name have to be given to it";

/// Show groups that have a new name at the provider, and accept or refuse single ones.
///
/// Products tie permissions to the names of groups, so a group keeps the name that products see until its new name is
/// accepted here. At their next synchronisation products then see the old group go and the new one come with the same
/// members, so permissions that they gave to the old name have to be given to the new one.
#[derive(Debug, Args)]
pub struct Renames {
    /// The directory's name.
    name: String,
    /// Serve this group under its new name from now on; by name, mail address or the provider's id; can be given
    /// several times.
    #[arg(long, value_name = "GROUP")]
    accept: Vec<String>,
    /// Keep the served name of this group for good: the same new name does not wait again, another one does.
    #[arg(long, value_name = "GROUP")]
    refuse: Vec<String>,
    /// With --accept or --refuse: only show what would be decided.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Renames {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let path = format!("/directories/{}/renames", path_part(&self.name));
        if self.accept.is_empty() && self.refuse.is_empty() {
            let all: RenamesBody = client.get(&path).await?;
            if self.remote.json {
                println!("{}", safe::json(&all));
            } else {
                show_all(&self.name, &all.renames);
            }
            return Ok(Done::Ok);
        }
        let (accept, refuse) = (self.accept, self.refuse);
        // Shown before it is done, so that whoever is surprised sees it first.
        let look = Decide {
            accept: accept.clone(),
            refuse: refuse.clone(),
            dry_run: true,
            ..Decide::default()
        };
        let mut seen: RenamesBody = client.post(&path, &look).await?;
        if !self.remote.json {
            seen.renames.iter().for_each(show);
        }
        if !self.dry_run {
            let digest = Some(seen.digest);
            let accepts = !accept.is_empty();
            let body = Decide { accept, refuse, digest, reason: self.reason, dry_run: false };
            seen = client.post(&path, &body).await?;
            if accepts && !self.remote.json {
                println!("{CONSEQUENCE}");
            }
        }
        if self.remote.json {
            println!("{}", safe::json(&seen));
        } else if let Some(report) = &seen.report {
            println!("{}", table::report(&self.name, report));
        }
        seen.report.as_ref().map_or(Ok(Done::Ok), finish)
    }
}

fn show(rename: &Rename) {
    println!("  {} ({}): {}", rename.name, rename.id, rename.what);
}

fn show_all(directory: &str, renames: &[Rename]) {
    if renames.is_empty() {
        println!(
            "every group of {directory} is served under the name that the provider has for it"
        );
        return;
    }
    println!("groups of {directory} with a new name at the provider:");
    renames.iter().for_each(show);
    if renames.iter().any(|rename| rename.state == RenameState::Waiting) {
        println!("serve a new name: muster directory renames {directory} --accept GROUP");
        println!("keep the old one: muster directory renames {directory} --refuse GROUP");
    }
    println!("{CONSEQUENCE}");
}
