//! `muster changes`.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use directory::id::Millis;

use crate::{
    api::change::{Entry, Wanted},
    cli::{
        Done, Remote,
        client::{Client, path_part},
        table,
    },
    clock::Clock,
};

/// How often `--follow` asks for more.
const POLL: Duration = Duration::from_secs(1);

/// Show what changed in the directories.
#[derive(Debug, Args)]
pub struct Changes {
    /// Of this directory only.
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
    /// Of this person only, by user name.
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// Since a time (2026-11-23T09:00:00Z) or for a length of time (90m, 24h, 7d).
    #[arg(long, value_name = "T")]
    since: Option<String>,
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
        let since =
            self.since.as_deref().map(|text| since(text, Clock::system().now())).transpose()?;
        let mut wanted = Wanted {
            directory: self.directory,
            user: self.user,
            since: since.map(|since| since.0),
            after: None,
            limit: Some(self.limit),
        };
        loop {
            let entries: Vec<Entry> = client.get(&format!("/changes{}", query(&wanted))).await?;
            for entry in &entries {
                if self.remote.json {
                    println!("{}", serde_json::to_string(entry)?);
                } else {
                    let (at, directory) = (table::time(entry.at), &entry.directory);
                    println!("{at}  {directory}  {} {}: {}", entry.kind, entry.name, entry.what);
                }
            }
            if !self.follow {
                if entries.is_empty() && !self.remote.json {
                    println!("no changes");
                }
                return Ok(Done::Ok);
            }
            let last = entries.last().map(|entry| entry.seq).or(wanted.after);
            wanted.after = Some(last.unwrap_or_default());
            tokio::time::sleep(POLL).await;
        }
    }
}

fn query(wanted: &Wanted) -> String {
    let pairs = [
        ("directory", wanted.directory.clone()),
        ("user", wanted.user.clone()),
        ("since", wanted.since.map(|since| since.to_string())),
        ("after", wanted.after.map(|after| after.to_string())),
        ("limit", wanted.limit.map(|limit| limit.to_string())),
    ];
    let given =
        pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", path_part(&value?))));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

/// A time, or a length of time before now.
fn since(text: &str, now: Millis) -> anyhow::Result<Millis> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Millis(at.as_millisecond()));
    }
    let unit_ms = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => 0,
    };
    match text.get(..text.len().saturating_sub(1)).map(str::parse::<i64>) {
        Some(Ok(count)) if unit_ms > 0 && count >= 0 => {
            Ok(now.plus(-count.saturating_mul(unit_ms)))
        }
        _ => bail!(
            "`{text}` is neither a time such as 2026-11-23T09:00:00Z nor a length such as 24h"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_are_understood() {
        let now = Millis(100_000_000);
        assert_eq!(since("1970-01-01T00:00:01Z", now).unwrap(), Millis(1_000));
        assert_eq!(since("90m", now).unwrap(), Millis(100_000_000 - 5_400_000));
        for bad in ["", "yesterday", "5", "-3h", "h"] {
            let error = since(bad, now).unwrap_err().to_string();
            assert!(error.contains("neither a time"), "{error}");
        }
    }
}
