//! `muster directory undo` and `unpin`.

use clap::Args;

use crate::{
    api::undo::{Undo as UndoBody, Undone, Unpin as UnpinBody},
    cli::{
        Done, Remote,
        client::{Client, path_part},
        directory::finish,
        table,
    },
    safe,
};

/// Changes shown.
const LINES: usize = 50;

/// Put a directory back to how it was, and keep it so.
#[derive(Debug, Args)]
pub struct Undo {
    /// The directory's name.
    name: String,
    /// To what was served after this change, or, within a run, before that run; `muster changes` has the numbers.
    #[arg(long, value_name = "SEQ")]
    to: u64,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Let a directory that was put back follow its provider again.
#[derive(Debug, Args)]
pub struct Unpin {
    /// The directory's name.
    name: String,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Undo {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let path = format!("/directories/{}/undo", path_part(&self.name));
        let body =
            UndoBody { to: self.to, reason: self.reason, digest: None, dry_run: self.dry_run };
        let undone: Undone = client.post(&path, &body).await?;
        if self.remote.json {
            println!("{}", safe::json(&undone));
        } else {
            show(&undone);
            if undone.report.is_some() {
                println!("it stays so until `muster directory unpin {}`", self.name);
            }
        }
        undone.report.as_ref().map_or(Ok(Done::Ok), finish)
    }
}

impl Unpin {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let path = format!("/directories/{}/unpin", path_part(&self.name));
        // Shown before it is done, so that whoever is surprised sees it first.
        let look = UnpinBody { dry_run: true, ..UnpinBody::default() };
        let mut undone: Undone = client.post(&path, &look).await?;
        if !self.remote.json {
            show(&undone);
        }
        if !self.dry_run {
            let digest = Some(undone.digest);
            let body = UnpinBody { reason: self.reason, digest, dry_run: false };
            undone = client.post(&path, &body).await?;
        }
        if self.remote.json {
            println!("{}", safe::json(&undone));
        } else if let Some(report) = &undone.report {
            println!("{}", table::report(&self.name, report));
        }
        undone.report.as_ref().map_or(Ok(Done::Ok), finish)
    }
}

fn show(undone: &Undone) {
    if let (Some(to), Some(at)) = (undone.to, undone.state_of) {
        println!("as it was after change {to}, of {}:", table::time(at));
    }
    for line in undone.changes.iter().take(LINES) {
        println!("  {} {}: {}", line.kind, line.name, line.what);
    }
    let more = undone.changes_total - undone.changes.len().min(LINES);
    if more > 0 {
        println!("  … and {more} more; --json shows them");
    }
    let applied = &undone.applied;
    println!(
        "people: {} added, {} changed, {} removed; groups: {} added, {} changed, {} removed; memberships: {} added, {} \
         removed",
        applied.users_added,
        applied.users_changed,
        applied.users_removed,
        applied.groups_added,
        applied.groups_changed,
        applied.groups_removed,
        applied.memberships_added,
        applied.memberships_removed
    );
    for kind in &undone.held {
        println!("held: {}", kind.why);
    }
}
