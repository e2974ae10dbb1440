//! `muster directory rules`: a directory's rules as TOML, and others from a file after a look at what they would do.
//!
//! Invariant: a file says all of the rules; what it leaves out has its usual value for the provider, as in `apply`.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use directory::{report::RunReport, rules::Rules};
use reqwest::Method;
use serde_json::Value;

use crate::{
    api::{
        directory::{Detail, usual_rules},
        preview::Wanted,
    },
    cli::{
        Done, Remote,
        apply::{
            document,
            export::unusual_fields,
            plan::{FieldChange, differences, overlaid},
        },
        client::{Client, path_part},
        directory::{finish, show_report},
        preview,
    },
    safe, text_file,
};

/// The largest file: rules may name many people.
const FILE_BYTES_MAX: usize = 16 << 20;
/// People and groups shown before rules are saved.
const LINES: usize = 20;
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 200;

/// Show a directory's rules as TOML, or set them from a file.
#[derive(Debug, Args)]
pub struct RulesOf {
    /// The directory's name.
    name: String,
    /// Set the rules to what this file says, TOML or JSON, after a look at what they would do; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    /// Replace limits that are still an earlier version's defaults by those of new directories, after a look.
    #[arg(long, conflicts_with = "set")]
    usual_limits: bool,
    /// Save without asking.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

impl RulesOf {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::of_texts_as_they_are(&self.remote)?;
        if self.usual_limits {
            let before = detail(&client, &self.name).await?.rules;
            let limits = before.limits.without_former_defaults();
            let rules = Rules { limits, ..before.clone() };
            return self.save(&client, before, rules).await;
        }
        match &self.set {
            Some(file) => self.set(&client, file).await,
            None if self.yes => {
                bail!("--yes saves rules: name them with --set FILE or --usual-limits")
            }
            None => self.show(&client).await,
        }
    }

    async fn show(&self, client: &Client) -> anyhow::Result<Done> {
        let detail = detail(client, &self.name).await?;
        if self.remote.json {
            println!("{}", safe::json(&detail.rules));
        } else {
            let text = written(&detail.rules, &detail)?;
            // What goes into a file stays as it is.
            print!("{}", if io::stdout().is_terminal() { safe::lines(&text) } else { text });
        }
        Ok(Done::Ok)
    }

    async fn set(&self, client: &Client, file: &Path) -> anyhow::Result<Done> {
        let before = detail(client, &self.name).await?.rules;
        let rules = read(client, &self.name, file).await?;
        self.save(client, before, rules).await
    }

    /// Saves rules after a look at what they would do.
    async fn save(&self, client: &Client, before: Rules, rules: Rules) -> anyhow::Result<Done> {
        if self.remote.json && !self.yes {
            bail!(
                "with --json nobody is asked; add --yes, or look with `muster directory preview {} --rules FILE --json`",
                self.name
            );
        }
        if before == rules {
            if self.remote.json {
                println!("{}", safe::json(&serde_json::json!({"changed": false})));
            } else if self.usual_limits {
                println!("no limit is an earlier version's default; nothing was changed");
            } else {
                println!("the rules are as the file says; nothing was changed");
            }
            return Ok(Done::Ok);
        }
        if !self.remote.json {
            let wanted = Wanted { limit: Some(LINES), ..Wanted::default() };
            let seen = preview::of_rules(client, &self.name, (&rules, &wanted)).await?;
            show_differences(&before, &rules)?;
            preview::show(&safe::for_people(&seen)?, 0);
            if !self.yes && !agreed()? {
                println!("nothing was changed");
                return Ok(Done::Ok);
            }
        }
        let path = format!("/directories/{}/rules", path_part(&self.name));
        let report: RunReport = client.send_with(Method::PUT, &path, &rules).await?;
        let report = if self.remote.json { report } else { safe::for_people(&report)? };
        show_report(&self.name, &report, self.remote.json);
        finish(&report)
    }
}

async fn detail(client: &Client, name: &str) -> anyhow::Result<Detail> {
    client.get(&format!("/directories/{}", path_part(name))).await
}

/// The rules that a file says, for a directory.
///
/// # Errors
/// Names the file, the position and what is wrong there.
pub(super) async fn read(client: &Client, name: &str, file: &Path) -> anyhow::Result<Rules> {
    let text =
        text_file::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if text.len() > FILE_BYTES_MAX {
        bail!("{} is larger than {} MiB", file.display(), FILE_BYTES_MAX >> 20);
    }
    let usual = usual_rules(&detail(client, name).await?.summary.provider);
    on(&usual, &text).with_context(|| format!("{} cannot be used", file.display()))
}

/// What a text says, and for what it leaves out what is usual.
fn on(usual: &Rules, text: &str) -> anyhow::Result<Rules> {
    const KEYS: &str = "docs/operators/rules.md shows all rules";
    // A TOML file cannot begin so.
    let table = if text.trim_start().starts_with('{') {
        let rules: Rules = serde_json::from_str(text).context(KEYS)?;
        let given: serde_json::Map<String, Value> = serde_json::from_str(text).context(KEYS)?;
        let mut table = toml::Table::try_from(rules)?;
        table.retain(|key, _| given.contains_key(key));
        table
    } else {
        let wrong =
            |error: &toml::de::Error| anyhow::anyhow!("{} ({KEYS})", document::told(text, error));
        toml::from_str::<Rules>(text).map_err(|error| wrong(&error))?;
        toml::from_str(text).map_err(|error| wrong(&error))?
    };
    overlaid(usual, Some(&table), "rules")
}

/// Rules as a file that [`RulesOf`] reads.
pub(super) fn written(rules: &Rules, of: &Detail) -> anyhow::Result<String> {
    let usual = usual_rules(&of.summary.provider);
    let fields = toml::to_string_pretty(&unusual_fields(rules, &usual)?)?;
    Ok(format!(
        "# Rules of the directory {name}, for `muster directory rules {name} --set FILE`.\n\
         # What is left out has its usual value; docs/operators/rules.md explains every rule.\n{fields}",
        name = of.summary.name
    ))
}

fn show_differences(before: &Rules, after: &Rules) -> anyhow::Result<()> {
    let mut found = Vec::new();
    differences("", &serde_json::to_value(before)?, &serde_json::to_value(after)?, &mut found);
    for FieldChange { field, from, to } in &found {
        println!("  {}: {} -> {}", safe::terminal(field), short(from), short(to));
    }
    Ok(())
}

fn short(value: &Value) -> String {
    let text = safe::json(value);
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn agreed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here, and nothing was changed; add --yes to save the rules");
    }
    print!("save these rules? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_toml_and_json_over_what_is_usual() {
        let usual = usual_rules("google");
        let toml = "guests = \"included\"\n[people]\nfilter = \"user.department == 'R&D'\"\n";
        let json = r#"{"guests": "included", "people": {"filter": "user.department == 'R&D'"}}"#;
        let (one, other) = (on(&usual, toml).unwrap(), on(&usual, json).unwrap());
        assert_eq!(one, other);
        assert_eq!(one.group_name, usual.group_name, "what is left out is usual");
        assert_eq!(on(&usual, "").unwrap(), usual);
    }

    #[test]
    fn mistakes_are_named_with_their_position() {
        let usual = usual_rules("entra");
        let said = |text| format!("{:#}", on(&usual, text).unwrap_err());
        assert!(
            said("guests = \"included\"\nguest = 1\n").starts_with("2:1: "),
            "{}",
            said("guest = 1")
        );
        assert!(said(r#"{"guest": 1}"#).contains("line 1 column 8"), "{}", said(r#"{"guest": 1}"#));
    }

    #[test]
    fn what_is_malformed_is_an_error_whatever_stands_before_it() {
        let usual = usual_rules("entra");
        for (text, at) in [
            // TOML: not closed, twice, cut off, more than fits.
            ("guests = \"included\ngrace_ms = 1\n", "1:"),
            ("guests = \"included\"\nguests = \"excluded\"\n", "2:1"),
            ("[people]\nalways = [\"a\", \"b\"\n", "2:"),
            ("[people]\nalways = []\n[people]\nnever = []\n", "3:"),
            ("grace_ms = 1\n[people\n", "2:"),
            ("grace_ms = 1 2\n", "1:"),
            // JSON: the same.
            ("{\"guests\": \"included, \"grace_ms\": 1}", "line 1 column"),
            ("{\"guests\": \"included\",\n\"guests\": \"excluded\"}", "line 2 column 8"),
            ("{\"people\": {\"always\": [],\n\"always\": []}}", "line 2 column 8"),
            ("{\"people\": {\"always\": [\"a\",\n", "line 2 column 0"),
            ("{\"grace_ms\": 1}\n{\"grace_ms\": 2}", "line 2 column 1"),
            ("{\"grace_ms\": 1", "line 1 column"),
        ] {
            let error = format!("{:#}", on(&usual, text).unwrap_err());
            assert!(error.contains(at), "{text}: {error}");
        }
    }
}
