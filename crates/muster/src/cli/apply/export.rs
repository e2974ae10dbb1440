//! Writes what is on the server as a file of settings.
//!
//! Invariants: applied again, the file changes nothing; it holds no secret, but says where each would be named.

use std::fmt::Write as _;

use directory::rules::Rules;
use serde::Serialize;
use store::Schedule;

use super::plan::Current;
use crate::api::directory::{Detail, usual_rules, usual_schedule};
use crate::service::{application::Summary as Application, channel::Summary as Channel};

const HEAD: &str = "\
# Settings of a Muster server, for `muster apply -f FILE`; docs/operators/apply.md explains every key.
# Secrets are not here: a line `secret = { file = \"…\" }` or `secret = { env = \"…\" }` names a new one, and without such a
# line the server keeps the one it has. What is left out of rules and schedules has its usual value.
";

/// The file.
///
/// # Errors
/// When something on the server cannot be written as TOML.
pub fn write(current: &Current) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    for row in &current.directories {
        directory(&mut text, row)?;
    }
    for row in &current.applications {
        application(&mut text, row)?;
    }
    for row in &current.channels {
        channel(&mut text, row)?;
    }
    Ok(text)
}

fn directory(text: &mut String, row: &Detail) -> anyhow::Result<()> {
    let summary = &row.summary;
    let head = format!("directories.{}", key(&summary.name));
    writeln!(text, "\n[{head}]")?;
    line(text, "provider", &summary.provider)?;
    if !summary.key.is_empty() {
        line(text, "key", &summary.key)?;
    }
    placeholder(text, "secret", &summary.name)?;
    if let Some(day) = &row.expires {
        writeln!(text, "expires = {day}")?;
    }
    if summary.paused {
        line(text, "paused", &true)?;
    }
    table(text, &format!("{head}.settings"), &row.settings)?;
    let schedule: Schedule = usual_schedule(&summary.provider);
    unusual(text, &format!("{head}.schedule"), &row.schedule, &schedule)?;
    let rules: Rules = usual_rules(&summary.provider);
    unusual(text, &format!("{head}.rules"), &row.rules, &rules)
}

fn application(text: &mut String, row: &Application) -> anyhow::Result<()> {
    writeln!(text, "\n[applications.{}]", key(&row.name))?;
    line(text, "directories", &row.directories)?;
    line(text, "aggregate", &row.aggregate)?;
    line(text, "nested_groups", &row.nested_groups)?;
    line(text, "frozen_names", &row.frozen_names)?;
    line(text, "addresses", &row.addresses)?;
    if let Some(product) = &row.product {
        line(text, "product", product)?;
    }
    placeholder(text, "password", &row.name)
}

fn channel(text: &mut String, row: &Channel) -> anyhow::Result<()> {
    let head = format!("channels.{}", key(&row.name));
    writeln!(text, "\n[{head}]")?;
    line(text, "kind", &row.kind)?;
    line(text, "alerts", &row.alerts)?;
    placeholder(text, "secret", &row.name)?;
    table(text, &format!("{head}.settings"), &row.settings)
}

/// Where a secret would be named.
fn placeholder(text: &mut String, field: &str, name: &str) -> anyhow::Result<()> {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let file = toml::Value::String(format!("secrets/{}", plain.to_lowercase()));
    Ok(writeln!(text, "# {field} = {{ file = {file} }}")?)
}

fn line(text: &mut String, field: &str, value: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(text, "{} = {}", key(field), toml::Value::try_from(value)?)?)
}

fn table(
    text: &mut String,
    head: &str,
    fields: &std::collections::BTreeMap<String, String>,
) -> anyhow::Result<()> {
    if !fields.is_empty() {
        writeln!(text, "[{head}]")?;
    }
    fields.iter().try_for_each(|(field, value)| line(text, field, value))
}

/// The fields that have another value than the usual one.
fn unusual<T: Serialize>(
    text: &mut String,
    head: &str,
    value: &T,
    usual: &T,
) -> anyhow::Result<()> {
    let fields = unusual_fields(value, usual)?;
    if !fields.is_empty() {
        writeln!(text, "[{head}]")?;
    }
    fields.iter().try_for_each(|(field, value)| line(text, field, value))
}

/// The fields that have another value than the usual one.
pub(in crate::cli) fn unusual_fields<T: Serialize>(
    value: &T,
    usual: &T,
) -> anyhow::Result<toml::Table> {
    let [value, usual] = [value, usual].map(toml::Table::try_from);
    let (mut value, usual) = (value?, usual?);
    value.retain(|field, value| usual.get(field) != Some(value));
    Ok(value)
}

/// A key, in quotes if it needs them.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        toml::Value::String(name.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_quoted_where_they_must_be() {
        assert_eq!(key("contoso-1"), "contoso-1");
        assert_eq!(key("R&D \"x\""), r#"'R&D "x"'"#);
    }
}
