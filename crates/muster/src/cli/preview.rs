//! `muster directory preview`: what the next run would do, or what other rules would.

use directory::counted::counted;
use std::path::PathBuf;

use clap::Args;
use directory::{
    figures::Count,
    preview::{Effect, PageLine},
    report::Applied,
    rules::Rules,
};

use crate::{
    api::{
        preview::{Preview as Seen, PreviewKind, Wanted},
        product_names,
    },
    cli::{
        Done, Remote,
        client::{Client, path_part, query_part},
        rules, table,
    },
    safe,
};

/// Objects shown of each kind that waits.
const ITEMS: usize = 50;
/// Names shown of the groups that somebody joins or leaves.
const GROUPS: usize = 5;

/// Show what the next run would do, and what waits for an approval; with --rules, what other rules would do.
#[derive(Debug, Args)]
pub struct Preview {
    /// The directory's name.
    name: String,
    /// Rules that are looked at instead of the directory's, TOML or JSON, and not saved; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Only people and groups with this in their name, or with this id.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only people, or only groups.
    #[arg(long, value_parser = ["user", "group"])]
    kind: Option<String>,
    /// Only those to whom this would happen.
    #[arg(long, value_parser = Effect::NAMES)]
    effect: Option<String>,
    /// Leave out so many at the beginning.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Show so many at the most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

impl Preview {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let wanted = Wanted {
            search: self.search,
            kind: self.kind,
            effect: self.effect,
            offset: Some(self.offset),
            limit: Some(self.limit),
        };
        let seen = match &self.rules {
            None => client.get(&path(&self.name, &wanted)).await?,
            Some(file) => {
                let rules = rules::read(&client, &self.name, file).await?;
                of_rules(&client, &self.name, (&rules, &wanted)).await?
            }
        };
        if self.remote.json {
            println!("{}", safe::json(&seen));
        } else {
            show(&seen, self.offset);
            if self.rules.is_none() {
                next_step(&seen, &self.name);
            }
        }
        // Rules that are only looked at hold nothing.
        let held = self.rules.is_none() && !seen.held.is_empty();
        Ok(if held { Done::Held } else { Done::Ok })
    }
}

/// What rules would do if they were saved now.
pub(super) async fn of_rules(
    client: &Client,
    name: &str,
    (rules, wanted): (&Rules, &Wanted),
) -> anyhow::Result<Seen> {
    client.post(&path(name, wanted), rules).await
}

fn path(name: &str, wanted: &Wanted) -> String {
    let pairs = [
        ("search", wanted.search.clone()),
        ("kind", wanted.kind.clone()),
        ("effect", wanted.effect.clone()),
        ("offset", wanted.offset.map(|offset| offset.to_string())),
        ("limit", wanted.limit.map(|limit| limit.to_string())),
    ];
    let given = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let given: Vec<String> =
        given.map(|(key, value)| format!("{key}={}", query_part(&value))).collect();
    format!("/directories/{}/preview?{}", path_part(name), given.join("&"))
}

/// Counts, what would wait, and the lines that were asked for.
pub(super) fn show(seen: &Seen, offset: usize) {
    if let Some(pin) = &seen.pin {
        println!(
            "pinned to change {}: nothing of this happens until `muster directory unpin`",
            pin.to
        );
    }
    for warning in &seen.warnings {
        println!("warning: {warning}");
    }
    println!("{}", counts(&seen.applied, seen.exceptions.set_aside));
    println!("served now:    {}", table::size(&seen.size_before));
    println!("served then:   {}", table::size(&seen.size_after));
    if seen.size_approved != seen.size_after {
        println!("once approved: {}", table::size(&seen.size_approved));
    }
    for line in seen.exceptions.sentences() {
        println!("not served as the provider said: {line}");
    }
    if !seen.pending.is_empty() {
        let names: Vec<&str> = seen.pending.iter().map(|attribute| attribute.as_str()).collect();
        println!("known only after the next complete read: {}", names.join(", "));
    }
    for name in &seen.rule_names {
        println!("note: {name}");
    }
    for refused in &seen.product_names {
        println!("{}", product_names::line(refused));
    }
    if !seen.product_names.is_empty() {
        println!(
            "`muster directory product-names` tells where that is written and which rule mends it"
        );
    }
    for alike in &seen.look_alikes {
        println!("{}", alike.words());
    }
    if let Some(more) = seen.look_alikes_more() {
        println!("{more}");
    }
    for kind in &seen.held {
        waiting(kind);
    }
    let page = &seen.page;
    if page.lines.is_empty() {
        if page.total > 0 {
            println!("{} in all", counted(page.total, "person or group"));
        }
        return;
    }
    let mut lines = table::plain(&["", "name", "what would happen", "why"]);
    for line in &page.lines {
        let name = match line.label.as_str() {
            label if label == line.name => line.name.clone(),
            label => format!("{} ({label})", line.name),
        };
        let why = line.why.clone().unwrap_or_default();
        lines.add_row([line.kind.clone(), name, what(line), why]);
    }
    println!("{lines}");
    let last = offset + page.lines.len();
    println!("{} to {last} of {}", offset + 1, counted(page.total, "person or group"));
    if last < page.total {
        println!("more: --offset {last}; fewer: --search, --kind, --effect");
    }
}

fn next_step(seen: &Seen, name: &str) {
    if let Some(digest) = &seen.digest {
        println!("let all of it pass:  muster directory approve {name} --digest {}", digest.0);
        println!("keep it as it is:    muster directory discard {name} --digest {}", digest.0);
    } else {
        println!(
            "nothing waits for a decision; {} would be made at the next run",
            counted(seen.flowing, "change")
        );
    }
}

fn counts(applied: &Applied, set_aside: Count) -> String {
    let mut table = table::plain(&["", "added", "changed", "deactivated", "removed", "set aside"]);
    let people = [
        applied.users_added,
        applied.users_changed.saturating_sub(applied.users_deactivated),
        applied.users_deactivated,
        applied.users_removed,
    ];
    let number = |count: u64| count.to_string();
    let row = |name: &str| std::iter::once(name.to_owned());
    table.add_row(row("people").chain(people.map(number)).chain([number(set_aside.users)]));
    let groups = [number(applied.groups_added), number(applied.groups_changed), String::new()];
    let removed = [number(applied.groups_removed), number(set_aside.groups)];
    table.add_row(row("groups").chain(groups).chain(removed));
    let memberships = [number(applied.memberships_added), String::new(), String::new()];
    let removed = number(applied.memberships_removed);
    table.add_row(row("memberships").chain(memberships).chain([removed]));
    table.to_string()
}

fn waiting(kind: &PreviewKind) {
    println!("would wait: {} ({}): {}", kind.kind.as_str(), kind.digest.0, kind.why);
    for item in kind.items.iter().take(ITEMS) {
        println!("  {} {} ({})", item.name, item.what, item.id);
    }
    let more = kind.items.len().saturating_sub(ITEMS);
    if more > 0 {
        println!("  … and {more} more; --json shows them");
    }
}

/// What would happen to somebody, in words.
fn what(line: &PageLine) -> String {
    let mut parts = Vec::new();
    for effect in &line.effects {
        match effect {
            Effect::Renamed { from, to } => parts.push(format!("renamed from {from} to {to}")),
            Effect::Changed { fields } => parts.push(format!("other {}", fields.join(", "))),
            Effect::Waits { kind, what } => {
                parts.push(format!("waits ({}): {what}", kind.as_str()));
            }
            Effect::SetAside => parts.push("set aside".to_owned()),
            Effect::KeepsName => parts.push("keeps its name".to_owned()),
            Effect::Members => {}
            plain => parts.push(plain.as_str().to_owned()),
        }
    }
    for (verb, groups) in [("joins", &line.joins), ("leaves", &line.leaves)] {
        if !groups.is_empty() {
            let named: Vec<&str> = groups.iter().take(GROUPS).map(String::as_str).collect();
            let more = groups.len().saturating_sub(GROUPS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            parts.push(format!("{verb} {}{more}", named.join(", ")));
        }
    }
    if line.members_added + line.members_removed > 0 {
        let (came, went) = (line.members_added, line.members_removed);
        parts.push(format!("members: {came} come, {went} go"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_well() {
        let groups = |count: usize| (0..count).map(|no| format!("g{no}")).collect();
        let line = PageLine {
            kind: "user".to_owned(),
            id: "1".to_owned(),
            name: "ann".to_owned(),
            label: "Ann".to_owned(),
            effects: vec![
                Effect::Renamed { from: "ann".to_owned(), to: "anna".to_owned() },
                Effect::Changed { fields: vec!["mail".to_owned()] },
                Effect::Members,
            ],
            why: None,
            joins: groups(7),
            leaves: groups(1),
            members_added: 0,
            members_removed: 0,
        };
        assert_eq!(
            what(&line),
            "renamed from ann to anna; other mail; joins g0, g1, g2, g3, g4 and 2 more; leaves g0"
        );
    }
}
