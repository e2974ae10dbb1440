//! `muster changes`.

use std::time::Duration;

use clap::Args;

use crate::{
    api::{
        change::{Entry, Wanted},
        page::Page,
    },
    cli::{
        Done, Remote,
        client::{Client, query_part},
        table,
        when::when,
    },
    clock::Clock,
    safe,
};

/// Between the end of one stream of events and the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Show what changed in the directories.
#[derive(Debug, Args)]
pub struct Changes {
    /// Of this directory only.
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
    /// Of this person only, by user name, mail address or the provider's id; former names too.
    #[arg(long, value_name = "U", conflicts_with = "group")]
    user: Option<String>,
    /// Of this group only, by name or the provider's id; former names too.
    #[arg(long, value_name = "G")]
    group: Option<String>,
    /// Of this run only.
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Since a time (2026-11-23T09:00:00Z) or for a length of time (90m, 24h, 7d).
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Until a time, or a length of time ago.
    #[arg(long, value_name = "T", conflicts_with = "follow")]
    until: Option<String>,
    /// Numbered below this: the first number shown leads to what was before.
    #[arg(long, value_name = "SEQ", conflicts_with = "follow")]
    before: Option<u64>,
    /// Go on and show changes as they come.
    #[arg(long)]
    follow: bool,
    /// At the most so many, the latest ones.
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

impl Changes {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let now = Clock::system().now();
        let time = |text: &Option<String>| {
            text.as_deref().map(|text| when(text, now).map(|at| at.0)).transpose()
        };
        let mut wanted = Wanted {
            directory: self.directory,
            user: self.user,
            group: self.group,
            run: self.run,
            since: time(&self.since)?,
            until: time(&self.until)?,
            after: None,
            before: self.before,
            all_members: self.remote.json.then_some(true),
            limit: Some(self.limit),
            cursor: None,
        };
        if !self.follow {
            let shown = show(&client, &mut wanted, self.remote.json).await?;
            if shown == 0 && !self.remote.json {
                println!("no changes");
            }
            return Ok(Done::Ok);
        }
        loop {
            // Listening comes before looking, so that nothing falls between the two.
            let mut news = client.news(wanted.directory.as_deref()).await?;
            loop {
                while show(&client, &mut wanted, self.remote.json).await? >= self.limit.max(1) {}
                if !news.come().await {
                    break;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Prints a page, and moves on to what follows it; gives how many changes that were.
async fn show(client: &Client, wanted: &mut Wanted, json: bool) -> anyhow::Result<usize> {
    let page: Page<Entry> = client.get(&format!("/changes{}", query(wanted))).await?;
    for entry in &page.items {
        if json {
            println!("{}", safe::json(&entry));
        } else {
            println!("{}  {}  {}", line(entry), entry.directory, what(entry));
        }
    }
    let last = page.items.last().map(|entry| entry.seq).or(wanted.after);
    wanted.after = Some(last.unwrap_or_default());
    Ok(page.items.len())
}

/// Number, time and run of an entry.
pub(super) fn line(entry: &Entry) -> String {
    format!("{}  {}  run {}", entry.seq, table::time(entry.at), entry.run)
}

/// What an entry says.
pub(super) fn what(entry: &Entry) -> String {
    format!("{} {}: {}", entry.kind, entry.name, entry.what)
}

fn query(wanted: &Wanted) -> String {
    let pairs = [
        ("directory", wanted.directory.clone()),
        ("user", wanted.user.clone()),
        ("group", wanted.group.clone()),
        ("all_members", wanted.all_members.map(|all| all.to_string())),
        ("run", wanted.run.map(|run| run.to_string())),
        ("since", wanted.since.map(|since| since.to_string())),
        ("until", wanted.until.map(|until| until.to_string())),
        ("before", wanted.before.map(|before| before.to_string())),
        ("after", wanted.after.map(|after| after.to_string())),
        ("limit", wanted.limit.map(|limit| limit.to_string())),
    ];
    let given =
        pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", query_part(&value?))));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}
