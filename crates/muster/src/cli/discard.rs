//! `muster directory discard`, and taking discards back.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use directory::{decisions::Digest, name::fold, report::GuardKind};

use crate::{
    api::{
        directory::Decide,
        discard::{Discarded, Discards, Object, Withdraw},
    },
    cli::{
        Done, Remote,
        client::{Client, path_part},
        directory::{decide, finish, guard_kind},
        table,
    },
};

/// Keep what waits as it is served, or take such a decision back.
#[derive(Debug, Args)]
pub struct Discard {
    /// The directory's name.
    name: String,
    /// The digest that the preview showed; without it, whatever waits now.
    #[arg(long, conflicts_with = "withdraw")]
    digest: Option<String>,
    /// One kind only, such as people_leaving.
    #[arg(long, value_parser = guard_kind, conflicts_with = "withdraw")]
    kind: Option<GuardKind>,
    /// Take discards back: what was discarded flows, or waits for an approval again.
    #[arg(long)]
    withdraw: bool,
    /// With --withdraw: this user or group only, by name or by the provider's id; can be given several times.
    #[arg(long, value_name = "NAME", requires = "withdraw")]
    only: Vec<String>,
    /// With --withdraw: only show what would happen.
    #[arg(long, requires = "withdraw")]
    dry_run: bool,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Discard {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        if self.withdraw {
            return self.withdraw().await;
        }
        let digest = self.digest.map(Digest);
        let body = Decide { digest, kind: self.kind, reason: self.reason };
        decide(&self.remote, &self.name, "discard", &body).await
    }

    async fn withdraw(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let part = path_part(&self.name);
        let all: Discards = client.get(&format!("/directories/{part}/discards")).await?;
        if all.discarded.is_empty() {
            if self.dry_run && self.remote.json {
                println!("{}", crate::safe::json(&all));
                return Ok(Done::Ok);
            }
            if self.dry_run {
                println!("nothing is discarded in {}", self.name);
                return Ok(Done::Ok);
            }
            bail!("nothing is discarded in {}", self.name);
        }
        let only = self.only.iter().map(|name| chosen(&all.discarded, name));
        let only: Vec<Object> = only.collect::<anyhow::Result<_>>()?;
        let path = format!("/directories/{part}/withdraw");
        // Shown before it is done, so that whoever is surprised sees it first.
        let look = Withdraw { only: only.clone(), dry_run: true, ..Withdraw::default() };
        let mut seen: Discards = client.post(&path, &look).await?;
        if !self.remote.json {
            for discarded in &seen.discarded {
                println!("  {} {}: {}", discarded.kind, discarded.name, discarded.what);
            }
        }
        if !self.dry_run {
            let digest = Some(seen.digest);
            let body = Withdraw { only, digest, reason: self.reason, dry_run: false };
            seen = client.post(&path, &body).await?;
        }
        if self.remote.json {
            println!("{}", crate::safe::json(&seen));
        } else if let Some(report) = &seen.report {
            println!("{}", table::report(&self.name, report));
        }
        seen.report.as_ref().map_or(Ok(Done::Ok), finish)
    }
}

/// The discarded object that a name or id means.
fn chosen(all: &[Discarded], name: &str) -> anyhow::Result<Object> {
    let by_id: Vec<_> = all.iter().filter(|discarded| discarded.id == name).collect();
    let named = |discarded: &&Discarded| fold(&discarded.name) == fold(name);
    let found = if by_id.is_empty() { all.iter().filter(named).collect() } else { by_id };
    match found.as_slice() {
        [only] => Ok(Object { kind: only.kind.clone(), id: only.id.clone() }),
        [] => bail!("no change of `{name}` is discarded; --withdraw --dry-run shows what is"),
        several => {
            let mut text = format!("`{name}` fits several; name one by its id:");
            for Discarded { kind, id, name, .. } in several {
                write!(text, "\n  {kind} {name}: {id}")?;
            }
            bail!(text)
        }
    }
}
