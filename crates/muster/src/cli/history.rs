//! `muster directory history`.

use clap::Args;

use crate::{
    api::history::{History, Then},
    cli::{
        Done, Remote, changes,
        client::{Client, path_part, query_part},
        table,
        when::when,
    },
    clock::Clock,
    safe,
};

/// Tell what became of somebody, and how they were at a time.
#[derive(Debug, Args)]
pub struct Told {
    /// The directory's name.
    name: String,
    /// User name, mail address or the provider's id; former names too.
    #[arg(required_unless_present = "group")]
    user: Option<String>,
    /// A group instead, by name or the provider's id.
    #[arg(long, value_name = "G", conflicts_with = "user")]
    group: Option<String>,
    /// At a time (2026-11-23T09:00:00Z) or a length of time ago (90m, 24h, 7d); now otherwise.
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// At the most so many changes, the latest ones.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

impl Told {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let (key, who) = match (&self.user, &self.group) {
            (_, Some(group)) => ("group", group.as_str()),
            (user, None) => ("user", user.as_deref().unwrap_or_default()),
        };
        let mut path = format!(
            "/directories/{}/history?{key}={}&limit={}",
            path_part(&self.name),
            query_part(who),
            self.limit
        );
        if let Some(text) = &self.at {
            let at = when(text, Clock::system().now())?;
            path = format!("{path}&at={}", at.0);
        }
        let history: History = client.get(&path).await?;
        if self.remote.json {
            println!("{}", safe::json(&history));
        } else {
            show(&history, who);
        }
        Ok(Done::Ok)
    }
}

fn show(history: &History, who: &str) {
    println!("at {}:", table::time(history.at));
    match &history.state {
        Then::Nowhere => println!("  {who} was not served"),
        Then::User { id, name, display_name, email, active, groups, .. } => {
            let active = if *active { "active" } else { "inactive" };
            println!("  {name} ({id}) was served and {active}");
            println!("  display name: {display_name}");
            println!("  mail: {email}");
            println!("  {}", listed("in groups", groups, groups.len()));
        }
        Then::Group { id, name, description, members_total, users, groups, parents } => {
            println!("  {name} ({id}) was served");
            println!("  description: {description}");
            let direct = members_total.saturating_sub(groups.len());
            println!("  {}", listed("people in it", users, direct));
            println!("  {}", listed("groups in it", groups, groups.len()));
            println!("  {}", listed("in groups", parents, parents.len()));
        }
    }
    for entry in &history.entries {
        println!("{}  {}", changes::line(entry), changes::what(entry));
    }
    if let Some(entry) = &history.ended_by {
        println!("until {}  {}", changes::line(entry), changes::what(entry));
    }
    if let Some(since) = history.kept_since {
        println!("the history goes back to {}", table::time(since));
    }
}

fn listed(what: &str, names: &[String], total: usize) -> String {
    match total.checked_sub(names.len()) {
        None | Some(0) => format!("{what}: {} {}", names.len(), names.join(", ")),
        Some(more) => format!("{what}: {total} {}, … and {more} more", names.join(", ")),
    }
}
