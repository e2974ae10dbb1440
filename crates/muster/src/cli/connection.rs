//! `muster directory set`: changes how and when a directory's provider is read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::json;

use crate::{
    api::{connection::Change, directory::Detail},
    cli::{
        Done, Remote,
        client::{Client, path_part},
    },
    safe, text_file,
};

/// Change how a directory is read.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true, args = ["settings", "unset", "secret_file", "notifications",
    "every", "everything_every", "expires"])]
pub struct Set {
    /// The directory's name.
    name: String,
    /// A setting of the connection; `--set read=groups`, for instance.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::directory::setting)]
    settings: Vec<(String, String)>,
    /// Take a setting away.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// File that holds a new client secret, key or token; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The day on which the secret stops working, such as 2027-03-01, so that an alert comes in time; `never` takes it
    /// away. A certificate knows its own end.
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Whether the provider is asked to tell of changes; needs `public_url` in the server's configuration.
    #[arg(long, value_enum)]
    notifications: Option<Switch>,
    /// Seconds between reads of what changed.
    #[arg(long, value_name = "SECONDS")]
    every: Option<u64>,
    /// Seconds between reads of everything.
    #[arg(long, value_name = "SECONDS")]
    everything_every: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Set {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let path = format!("/directories/{}", path_part(&self.name));
        let secret = self.secret_file.as_deref().map(read_secret).transpose()?;
        let mut settings: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (key, value) in self.settings {
            if settings.insert(key.clone(), Some(value)).is_some() {
                bail!("--set {key}=… is given twice");
            }
        }
        settings.extend(self.unset.into_iter().map(|key| (key, None)));
        let expires = self.expires.map(|day| if day == "never" { String::new() } else { day });
        if !settings.is_empty() || secret.is_some() || expires.is_some() {
            let change = Change { settings, secret, expires };
            let _: BTreeMap<String, String> =
                client.send_with(Method::PATCH, &format!("{path}/connection"), &change).await?;
        }
        let wanted = (self.notifications, self.every, self.everything_every);
        if wanted != (None, None, None) {
            let detail: Detail = client.get(&path).await?;
            let mut schedule = detail.schedule;
            if let Some(switch) = self.notifications {
                schedule.notifications = switch == Switch::On;
            }
            schedule.pull_every_s = self.every.unwrap_or(schedule.pull_every_s);
            schedule.full_every_s = self.everything_every.unwrap_or(schedule.full_every_s);
            client.order_with(Method::PUT, &format!("{path}/schedule"), &schedule).await?;
        }
        if self.remote.json {
            println!("{}", safe::json(&json!({"name": self.name, "done": "was changed"})));
        } else {
            println!("{} was changed; see: muster directory show {}", self.name, self.name);
        }
        Ok(Done::Ok)
    }
}

/// Reads a secret from a file, or from standard input.
///
/// # Errors
/// Names the file that cannot be read or holds nothing.
pub(super) fn read_secret(file: &Path) -> anyhow::Result<String> {
    let secret = text_file::read(file)
        .with_context(|| format!("the secret file {} cannot be read", file.display()))?;
    let secret = secret.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() {
        bail!("the secret file {} is empty", file.display());
    }
    Ok(secret)
}
