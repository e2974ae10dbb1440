//! Tables, times and progress for people at a terminal.

use directory::counted::{counted, grouped};
use std::fmt;

use comfy_table::{ContentArrangement, Table, presets};
use directory::{
    figures::Exceptions,
    id::{DAY_MS, HOUR_MS, MINUTE_MS, Millis},
    report::{Outcome, RunKind, RunReport},
    rules::{
        GroupRenames, Guests, Joiners, LetterCase, NestedGroups, Rules,
        limits::{Limits, Threshold},
        names::TextRule,
    },
    snapshot::Size,
};

use crate::safe;

/// The widest cell, in columns of the terminal: one long name does not push the others out of sight. `--json` shows all.
const CELL_COLUMNS_MAX: usize = 60;
/// The widest cell of the last column, which pushes nothing.
const LAST_CELL_COLUMNS_MAX: usize = 400;

/// A table without lines, as wide as the terminal.
#[derive(Debug)]
pub struct Plain {
    table: Table,
    columns: usize,
}

/// A plain table without lines, as wide as the terminal.
pub fn plain(header: &[&str]) -> Plain {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    Plain { table, columns: header.len() }
}

impl Plain {
    /// Adds a row; texts are made safe and cut.
    pub fn add_row(&mut self, row: impl IntoIterator<Item = impl ToString>) {
        let cells = row.into_iter().enumerate().map(|(at, text)| {
            let last = at + 1 >= self.columns;
            let columns_max = if last { LAST_CELL_COLUMNS_MAX } else { CELL_COLUMNS_MAX };
            safe::cell(&text.to_string(), columns_max)
        });
        let cells: Vec<String> = cells.collect();
        self.table.add_row(cells);
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.table.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// A time as people write it, in UTC.
pub fn time(at: Millis) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.0.to_string(),
    }
}

/// A length of time, in the largest units that say enough.
pub fn duration(ms: i64) -> String {
    const SECOND: i64 = 1_000;
    const TWO_DAYS: i64 = 2 * DAY_MS;
    match ms {
        TWO_DAYS.. => counted(ms / DAY_MS, "day"),
        HOUR_MS.. => format!("{} h {} min", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS),
        MINUTE_MS.. => format!("{} min {} s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND),
        SECOND.. => format!("{:.1} s", ms as f64 / SECOND as f64),
        _ => format!("{ms} ms"),
    }
}

/// The report of one run of a directory, as a table and sentences.
pub fn report(name: &str, report: &RunReport) -> String {
    let mut lines = Vec::new();
    let kind = match report.kind {
        RunKind::Full => "everything was read",
        RunKind::Delta => "changes were read",
        RunKind::Person => "one person was read",
        RunKind::Decision => "nothing was read",
    };
    let took = duration(report.finished.since(report.started));
    if let Outcome::Failed { error, code } = &report.outcome {
        let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        lines.push(format!("failed after {took}: {error}{code}"));
        lines.push("nothing was changed".to_owned());
        lines.extend(report.notes.iter().map(|note| format!("  note: {note}")));
        return lines.join("\n");
    }
    let usage = report.usage;
    lines.push(format!(
        "{kind} in {took}, {}, {} kB",
        counted(usage.requests, "request"),
        usage.bytes / 1_000
    ));
    let applied = &report.applied;
    let aside = report.exceptions.map(|exceptions| exceptions.set_aside).unwrap_or_default();
    let mut table = plain(&["", "read", "added", "changed", "deactivated", "removed", "set aside"]);
    table.add_row(row(
        "people",
        &[
            report.read.users,
            applied.users_added,
            applied.users_changed.saturating_sub(applied.users_deactivated),
            applied.users_deactivated,
            applied.users_removed,
            aside.users,
        ],
    ));
    let groups = [report.read.groups, applied.groups_added, applied.groups_changed];
    let groups = row("groups", &groups).into_iter();
    table.add_row(groups.chain(rest(applied.groups_removed, aside.groups.to_string())));
    let memberships = [report.read.memberships, applied.memberships_added];
    let mut cells = row("memberships", &memberships);
    cells.push(String::new());
    let removed = rest(applied.memberships_removed, String::new());
    table.add_row(cells.into_iter().chain(removed));
    lines.push(table.to_string());
    lines.push(format!("served before: {}", size(&report.size_before)));
    lines.push(format!("now served: {}", size(&report.size_after)));
    lines.extend(report.exceptions.iter().flat_map(Exceptions::sentences));
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(report.near.iter().map(|near| format!("near a limit: {near}")));
    for held in &report.held {
        lines.push(format!("held: {}", held.why));
        if !held.sample.is_empty() {
            lines.push(format!("      for instance {}", held.sample.join(", ")));
        }
    }
    if report.held.iter().any(|held| held.approvable) {
        lines.push(format!(
            "look at it with `muster directory preview {name}`, then approve or discard"
        ));
    }
    lines.join("\n")
}

fn row(name: &str, counts: &[u64]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(counts.iter().map(u64::to_string)).collect()
}

/// The columns "deactivated", "removed" and "set aside" of things that cannot be deactivated.
fn rest(removed: u64, set_aside: String) -> [String; 3] {
    [String::new(), removed.to_string(), set_aside]
}

/// What a directory holds, in words.
pub fn size(size: &Size) -> String {
    format!(
        "{} ({} active), {}, {}",
        counted(size.users as u64, "person"),
        grouped(size.active_users as u64),
        counted(size.groups as u64, "group"),
        counted(size.all_memberships() as u64, "membership")
    )
}

/// A directory's rules in words.
pub fn rules(rules: &Rules) -> String {
    let guests = match rules.guests {
        Guests::Excluded => "guests are left out",
        Guests::Included => "guests are served",
    };
    let nested = match rules.nested_groups {
        NestedGroups::Kept => "nested groups are kept",
        NestedGroups::Flattened => "nested groups are flattened",
    };
    let renames = match rules.group_renames {
        GroupRenames::KeepAccepted => {
            "groups keep their served names until a new one is accepted (`muster directory renames`)"
        }
        GroupRenames::Follow => "group names follow the provider",
    };
    let case = match rules.user_name_case {
        LetterCase::Lower => " in lower case",
        LetterCase::Kept => "",
    };
    let limits = &rules.limits;
    let joiners = match rules.protected.joiners {
        Joiners::Wait => {
            "people who come into protected groups, or into groups that administer a product, wait for an approval"
        }
        Joiners::AdministratorsWait => {
            "people who come into groups that administer a product wait for an approval"
        }
        Joiners::Flow => "people who come into protected groups do not wait",
    };
    format!(
        "rules: user name from {}{case}; group name from {}; {guests}; {nested}; {renames}; people who left stay inactive for {}\n\
         held for approval within 24 h: more than {} of the people leaving, {} of the groups removed, {} of the \
         memberships lost, a group of {} or more emptied, {} renamed\n\
         new groups with the name of a product's built-in group wait for an approval; {joiners}",
        text_rule(&rules.user_name),
        text_rule(&rules.group_name),
        duration(rules.grace_ms),
        threshold(limits.leaving()),
        threshold(limits.groups()),
        threshold(limits.memberships()),
        limits.emptied_group_min,
        threshold(limits.renames()),
    )
}

/// A limit: its share, and between which numbers it holds.
fn threshold(limit: Threshold) -> String {
    let least = (limit.min > 0).then(|| format!("at least {}", limit.min));
    let most = (limit.max > 0).then(|| format!("at most {}", limit.max));
    let between: Vec<String> = least.into_iter().chain(most).collect();
    let share = format!("{} %", f64::from(limit.share) / 100.0);
    if between.is_empty() { share } else { format!("{share} ({})", between.join(", ")) }
}

/// What the limits come to in a directory of this size.
pub fn limits_at(limits: &Limits, size: Size) -> String {
    format!(
        "at its size now: more than {}, {} or {}",
        counted(limits.leaving().passing(size.users), "person"),
        counted(limits.groups().passing(size.groups), "group"),
        counted(limits.memberships().passing(size.memberships + size.nestings), "membership")
    )
}

pub(super) fn text_rule(rule: &TextRule) -> String {
    match rule {
        TextRule::Attribute(attribute) => attribute.as_str().to_owned(),
        TextRule::LocalPart(attribute) => format!("the local part of {}", attribute.as_str()),
        TextRule::Expression(expression) => format!("`{}`", expression.0),
    }
}

/// Says of rows of a list what of them in the database cannot be read, and what to do.
pub(super) fn unreadable<'a>(rows: impl Iterator<Item = (&'a str, &'a [String])>) {
    for (name, columns) in rows.filter(|(_, columns)| !columns.is_empty()) {
        println!(
            "{}: the {} in the database cannot be read; stop the server and look at it with `muster repair`",
            safe::terminal(name),
            columns.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_breaks_no_line() {
        let mut table = plain(&["name", "state", "why"]);
        table.add_row(["x".repeat(300), "served".to_owned(), "because it is so".to_owned()]);
        table.add_row(["a\nb  served", "\u{1b}[31m", "c\u{202e}d"]);
        let text = table.to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 100), "{text}");
        assert!(
            text.contains("x…") && text.contains("a\\nb  served") && text.contains("c\\u{202E}d"),
            "{text}"
        );
    }

    #[test]
    fn lengths_of_time_read_well() {
        let texts = [0, 999, 1_500, 61_000, 3_700_000, 14 * 86_400_000].map(duration);
        assert_eq!(texts, ["0 ms", "999 ms", "1.5 s", "1 min 1 s", "1 h 1 min", "14 days"]);
    }

    #[test]
    fn a_time_is_shown_in_utc() {
        assert_eq!(time(Millis(0)), "1970-01-01 00:00:00 UTC");
    }
}
