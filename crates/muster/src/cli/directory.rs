//! `muster directory …`.

use directory::counted::counted;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, time::Duration};

use anyhow::bail;
use clap::{Args, Subcommand};
use connect::ProbeReport;
use directory::{
    decisions::Digest,
    report::{GuardKind, Outcome, RunReport},
};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::json;
use store::Pin;

use crate::{
    api::{
        directory::{
            Add as AddBody, Decide as DecideBody, Detail, Queued, Summary, Sync as SyncBody,
        },
        person::{OneRead, Whom},
    },
    cli::{
        Done, Remote,
        client::{Client, path_part},
        connection::{Set, read_secret},
        discard::Discard,
        explain::{Explain, one_read},
        history::Told,
        key::Key,
        preview::Preview,
        product_names::ProductNames,
        rename::Renames,
        rules::RulesOf,
        table,
        undo::{Undo, Unpin},
    },
    safe,
    task::{Phase, Status, Waiting, state::DirectoryState, watch::Standing},
};

/// How often a waiting command asks how the run stands.
const POLL: Duration = Duration::from_millis(100);

/// Connect, look at and synchronise directories.
#[derive(Debug, Subcommand)]
pub enum DirectoryCommand {
    /// Show all directories.
    List(Plain),
    /// Show one directory: settings, rules, latest runs, who is set aside.
    Show(Named),
    /// Connect a tenant.
    Add(Add),
    /// Change how a tenant is reached and when it is read.
    Set(Set),
    /// Make a key pair, so that no secret has to be copied from the provider.
    Key(Key),
    /// Try the connection step by step.
    Check(Named),
    /// Read the provider now.
    Sync(Sync),
    /// Show what the next run would do, and what waits for an approval.
    Preview(Preview),
    /// Show the rules, or set them from a file.
    Rules(RulesOf),
    /// Let what waits pass.
    Approve(Approve),
    /// Keep what waits as it is served, until the provider says something new; or take that back.
    Discard(Discard),
    /// Show new names of groups, and accept or refuse single ones.
    Renames(Renames),
    /// Tell why somebody, or a group, is or is not there.
    Explain(Explain),
    /// Tell which names products refuse or change, and the rules that mend them.
    ProductNames(ProductNames),
    /// Tell what became of somebody, and how they were at a time.
    History(Told),
    /// Put a directory back to how it was, and keep it so.
    Undo(Undo),
    /// Let a directory that was put back follow its provider again.
    Unpin(Unpin),
    /// Stop the schedule.
    Pause(Named),
    /// Start the schedule again.
    Resume(Named),
    /// Forget a directory and all its people.
    Remove(Named),
}

/// Options without a name.
#[derive(Debug, Args)]
pub struct Plain {
    #[command(flatten)]
    remote: Remote,
}

/// A directory by name.
#[derive(Debug, Args)]
pub struct Named {
    /// The directory's name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// Connect a tenant.
#[derive(Debug, Args)]
pub struct Add {
    /// A name for the directory.
    name: String,
    /// The kind of provider: entra, google or okta.
    #[arg(long)]
    provider: String,
    /// How the provider is reached: tenant and client_id for entra, subject for google, url (and client_id) for
    /// okta; docs/operators tells all of them.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// File that holds the client secret, key or token; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The key that the directory had on another server (`muster directory show` tells it): products then know its users
    /// again. Left out, the tenant has its own.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Read the provider now.
#[derive(Debug, Args)]
pub struct Sync {
    /// The directory's name.
    name: String,
    /// Read everything, not only what changed.
    #[arg(long)]
    full: bool,
    /// Wait for the end and show the report.
    #[arg(long)]
    wait: bool,
    /// Read one person only, at once: by user name, sign-in name, mail address or the provider's id.
    #[arg(long, value_name = "LOGIN", conflicts_with = "full")]
    user: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Let what waits pass.
#[derive(Debug, Args)]
pub struct Approve {
    /// The directory's name.
    name: String,
    /// The digest that the preview showed, of all or of one kind.
    #[arg(long)]
    digest: String,
    /// One kind only, such as people_leaving.
    #[arg(long, value_parser = guard_kind)]
    kind: Option<GuardKind>,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl DirectoryCommand {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::List(Plain { remote }) => list(&remote).await,
            Self::Show(Named { name, remote }) => show(&name, &remote).await,
            Self::Add(add) => add.run().await,
            Self::Set(set) => set.run().await,
            Self::Key(key) => key.run(),
            Self::Check(Named { name, remote }) => check(&name, &remote).await,
            Self::Sync(sync) => sync.run().await,
            Self::Preview(preview) => preview.run().await,
            Self::Rules(rules) => rules.run().await,
            Self::Approve(approve) => approve.run().await,
            Self::Discard(discard) => discard.run().await,
            Self::Renames(renames) => renames.run().await,
            Self::Explain(explain) => explain.run().await,
            Self::ProductNames(names) => names.run().await,
            Self::History(told) => told.run().await,
            Self::Undo(undo) => undo.run().await,
            Self::Unpin(unpin) => unpin.run().await,
            Self::Pause(named) => named.order(Method::POST, "/pause", "is paused").await,
            Self::Resume(named) => {
                named.order(Method::POST, "/resume", "is on its schedule again").await
            }
            Self::Remove(named) => named.order(Method::DELETE, "", "was removed").await,
        }
    }
}

impl Named {
    async fn order(self, method: Method, action: &str, done: &str) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        client.order(method, &format!("/directories/{}{action}", path_part(&self.name))).await?;
        if self.remote.json {
            println!("{}", safe::json(&json!({"name": self.name, "done": done})));
        } else {
            println!("{} {done}", self.name);
        }
        Ok(Done::Ok)
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<Done> {
        let secret = read_secret(&self.secret_file)?;
        let mut settings = BTreeMap::new();
        for (key, value) in self.settings {
            if settings.insert(key.clone(), value).is_some() {
                bail!("--set {key}=… is given twice");
            }
        }
        let client = Client::new(&self.remote)?;
        let name = self.name.clone();
        let body = AddBody {
            name: self.name,
            provider: self.provider,
            settings,
            secret,
            rules: None,
            schedule: None,
            key: self.key,
        };
        let added: Summary = client.post("/directories", &body).await?;
        if self.remote.json {
            println!("{}", safe::json(&added));
        } else {
            println!("{} is connected and reads its tenant for the first time", added.name);
            println!("check the connection: muster directory check {name}");
            println!("wait for the read:    muster directory sync {name} --wait");
            println!("let a product read:   muster application add jira --directory {name}");
        }
        Ok(Done::Ok)
    }
}

impl Sync {
    async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let part = path_part(&self.name);
        if let Some(user) = self.user {
            let path = format!("/directories/{part}/sync/person");
            let read: OneRead = client.post(&path, &Whom { user }).await?;
            return one_read(&self.name, &read, self.remote.json);
        }
        let queued: Queued = client
            .post(&format!("/directories/{part}/sync"), &SyncBody { full: self.full })
            .await?;
        if !self.wait {
            if self.remote.json {
                println!("{}", safe::json(&queued));
            } else {
                println!("{} will be read; `--wait` would wait for it", self.name);
            }
            return Ok(Done::Ok);
        }
        let report = wait_for(&client, &part, queued.ticket, !self.remote.json).await?;
        show_report(&self.name, &report, self.remote.json);
        finish(&report)
    }
}

impl Approve {
    async fn run(self) -> anyhow::Result<Done> {
        let body =
            DecideBody { digest: Some(Digest(self.digest)), kind: self.kind, reason: self.reason };
        decide(&self.remote, &self.name, "approve", &body).await
    }
}

async fn list(remote: &Remote) -> anyhow::Result<Done> {
    let rows: Vec<Summary> = Client::new(remote)?.get("/directories").await?;
    if remote.json {
        println!("{}", safe::json(&rows));
        return Ok(Done::Ok);
    }
    if rows.is_empty() {
        println!("no directory yet; `muster directory add` connects one");
        return Ok(Done::Ok);
    }
    table::unreadable(rows.iter().map(|row| (row.name.as_str(), row.unreadable.as_slice())));
    let mut table = table::plain(&[
        "name",
        "provider",
        "people",
        "groups",
        "memberships",
        "last read",
        "state",
    ]);
    for row in rows {
        let last = row.state.last_read.map_or_else(|| "never".to_owned(), table::time);
        table.add_row([
            row.name.clone(),
            row.provider.clone(),
            row.size.users.to_string(),
            row.size.groups.to_string(),
            row.size.all_memberships().to_string(),
            last,
            state(&row),
        ]);
    }
    println!("{table}");
    Ok(Done::Ok)
}

async fn show(name: &str, remote: &Remote) -> anyhow::Result<Done> {
    let detail: Detail =
        Client::new(remote)?.get(&format!("/directories/{}", path_part(name))).await?;
    if remote.json {
        println!("{}", safe::json(&detail));
        return Ok(Done::Ok);
    }
    let summary = &detail.summary;
    println!(
        "{} ({}, number {}, key {}): {}",
        summary.name,
        summary.provider,
        summary.id,
        summary.key,
        state(summary)
    );
    for (key, value) in &detail.settings {
        println!("  {key} = {value}");
    }
    table::unreadable(std::iter::once((summary.name.as_str(), summary.unreadable.as_slice())));
    println!("{}", table::rules(&detail.rules));
    println!("{}", table::limits_at(&detail.rules.limits, summary.size));
    if let Some(notice) = &detail.limits_notice {
        println!("note: {notice}");
    }
    println!(
        "schedule: every {}, everything every {}",
        table::duration(detail.schedule.pull_every_s.cast_signed() * 1_000),
        table::duration(detail.schedule.full_every_s.cast_signed() * 1_000)
    );
    if let Some(day) = &detail.expires {
        println!("the credential stops working on {day}");
    }
    if let Some(told) = &detail.notifications {
        println!("{}", told_of(told));
    }
    if let Some(pin) = &summary.pin {
        println!("{}", pinned(pin));
    }
    if let Some(since) = summary.running_since {
        println!("a run is under way since {}", table::time(since));
    }
    if let Some(waiting) = &summary.waiting {
        println!("{}", waiting.words());
    }
    match summary.state.last_read {
        Some(at) => println!("provider last read to the end: {}", table::time(at)),
        None => println!("provider last read to the end: never"),
    }
    println!("served: {}", table::size(&summary.size));
    for line in summary.state.not_served() {
        println!("not served as the provider said: {line}");
    }
    if let Some(next) = summary.next {
        println!("next run: {}", table::time(next));
    }
    if let Some(run) = detail.runs.first() {
        println!("last run, {}:", table::time(run.started));
        println!("{}", table::report(&summary.name, run));
    }
    if detail.issues_total > 0 {
        println!(
            "set aside, under another name than the rules make, discarded, or not to be read:"
        );
        for issue in detail.issues.iter().take(20) {
            let aside = match (issue.served, issue.unreadable) {
                (_, true) => ", cannot be read",
                (true, false) => "",
                (false, false) => ", set aside",
            };
            println!("  {} {} ({}{aside}): {}", issue.kind, issue.label, issue.id, issue.why);
        }
    }
    Ok(Done::Ok)
}

/// Where a directory was put back to.
fn pinned(pin: &Pin) -> String {
    let why = pin.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "pinned since {}{why}: served as it was after change {}, of {}; `muster directory unpin` lets it follow again",
        table::time(pin.since),
        pin.to,
        table::time(pin.state_of)
    )
}

/// How the provider's word of changes stands.
fn told_of(standing: &Standing) -> String {
    let mut text = if standing.registered.is_empty() {
        "the provider tells of nothing yet".to_owned()
    } else {
        format!("the provider tells of changes ({})", standing.registered.join(", "))
    };
    if let Some(until) = standing.until {
        let _ = write!(text, ", prolonged before {}", table::time(until));
    }
    if let Some(problem) = &standing.problem {
        let _ = write!(text, "; {problem}");
    }
    text
}

async fn check(name: &str, remote: &Remote) -> anyhow::Result<Done> {
    let client = Client::new(remote)?;
    let report: ProbeReport =
        client.post(&format!("/directories/{}/check", path_part(name)), &json!({})).await?;
    if remote.json {
        println!("{}", safe::json(&report));
    } else {
        print!("{report}");
        // A directory that was not read yet has nobody whom a name could mean.
        let path = format!("/directories/{}/preview?limit=0", path_part(name));
        if let Ok(seen) = client.get::<crate::api::preview::Preview>(&path).await {
            for name in &seen.rule_names {
                println!("note: {name}");
            }
        }
    }
    if report.succeeded() {
        Ok(Done::Ok)
    } else {
        bail!("the connection of `{name}` does not work yet")
    }
}

pub(super) async fn decide(
    remote: &Remote,
    name: &str,
    verb: &str,
    body: &DecideBody,
) -> anyhow::Result<Done> {
    let client = Client::new(remote)?;
    let report: RunReport =
        client.post(&format!("/directories/{}/{verb}", path_part(name)), body).await?;
    show_report(name, &report, remote.json);
    finish(&report)
}

pub(super) fn show_report(name: &str, report: &RunReport, json: bool) {
    if json {
        println!("{}", safe::json(&report));
    } else {
        println!("{}", table::report(name, report));
    }
}

pub(super) fn finish(report: &RunReport) -> anyhow::Result<Done> {
    match &report.outcome {
        Outcome::Done => Ok(Done::Ok),
        Outcome::Held => Ok(Done::Held),
        Outcome::Failed { error, .. } => bail!("the run failed and nothing was changed: {error}"),
    }
}

/// Waits for a run, with a progress bar, and gives its report.
///
/// # Errors
/// When the server goes away.
pub async fn wait_for(
    client: &Client,
    part: &str,
    ticket: u64,
    show: bool,
) -> anyhow::Result<RunReport> {
    let bar = if show { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
    bar.enable_steady_tick(POLL);
    let mut pace = Pace::default();
    loop {
        let status: Status = client.get(&format!("/directories/{part}/status")).await?;
        if status.completed >= ticket
            && let Some(report) = status.last
        {
            bar.finish_and_clear();
            return Ok(report);
        }
        bar.set_message(pace.message(&status));
        tokio::time::sleep(POLL).await;
    }
}

/// Rates over the time that the bar has been watching.
#[derive(Default)]
struct Pace {
    polls: u32,
}

impl Pace {
    fn message(&mut self, status: &Status) -> String {
        self.polls += 1;
        let seconds = f64::from(self.polls) * POLL.as_secs_f64();
        let read = status.progress;
        let rate = (read.users + read.groups + read.memberships) as f64 / seconds;
        let counts = format!(
            "{}, {}, {} ({rate:.0}/s, {})",
            counted(read.users, "person"),
            counted(read.groups, "group"),
            counted(read.memberships, "membership"),
            counted(read.requests, "request")
        );
        if let Some(waiting) = &status.waiting {
            return format!("{}: {counts}", waiting.words());
        }
        match status.phase {
            Phase::Idle => "waiting for its turn".to_owned(),
            Phase::Reading => format!("reading: {counts}"),
            Phase::Confirming => format!("asking about what the list lacks: {counts}"),
            Phase::Committing => format!("planning and writing: {counts}"),
            Phase::Publishing => "publishing".to_owned(),
        }
    }
}

fn state(row: &Summary) -> String {
    match &row.state {
        _ if row.paused => "paused".to_owned(),
        _ if row.pin.is_some() => "pinned".to_owned(),
        _ if row.waiting.is_some() => row.waiting.as_ref().map(Waiting::words).unwrap_or_default(),
        _ if row.running_since.is_some() => "running".to_owned(),
        DirectoryState { read_failure: Some(error), .. } => format!("failing: {error}"),
        DirectoryState { held, .. } if !held.is_empty() => "something is held".to_owned(),
        _ if !row.served => "not read yet".to_owned(),
        _ => "in step".to_owned(),
    }
}

pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn guard_kind(text: &str) -> Result<GuardKind, String> {
    serde_json::from_value(json!(text))
        .map_err(|_| format!("`{text}` is no kind; the preview shows the kinds"))
}
