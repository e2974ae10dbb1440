//! The file of settings: what it may hold, and what is said of a mistake in it.
//!
//! Invariants: a key that is not known is an error with its position; secrets stand in other files or in the environment,
//! never in this one, and no message repeats a line that might hold one.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use directory::{product_names::Product, resource_name::same, rules::Rules};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use store::Schedule;
use toml::value::Datetime;

use crate::{cli::connection::read_secret, config, text_file};

/// The largest file.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A file of settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// Directories by name.
    pub directories: BTreeMap<String, DirectoryPart>,
    /// Applications by name.
    pub applications: BTreeMap<String, ApplicationPart>,
    /// Alert channels by name.
    pub channels: BTreeMap<String, ChannelPart>,
    /// The same once more, as it is written: what is left out has a default that depends on the provider.
    #[serde(skip)]
    pub raw: toml::Table,
    /// The folder that files are looked for in.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryPart {
    /// `entra`, `google` or `okta`.
    pub provider: String,
    /// How the provider is reached.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The first part of its users' keys in products; the tenant's own without.
    pub key: Option<String>,
    /// Where the provider's credential is; it stays as it is without.
    pub secret: Option<Reference>,
    /// The day on which the credential stops working.
    pub expires: Option<Datetime>,
    /// Whether the schedule is stopped.
    #[serde(default)]
    pub paused: bool,
    /// When it is read. Read here for its mistakes; what counts is `raw`.
    #[serde(rename = "schedule")]
    _schedule: Option<Schedule>,
    /// Its rules. Read here for their mistakes; what counts is `raw`.
    #[serde(rename = "rules")]
    _rules: Option<Rules>,
}

/// An application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationPart {
    /// Its directories, in the order in which it sees them.
    pub directories: Vec<String>,
    /// Whether memberships come from all directories.
    #[serde(default)]
    pub aggregate: bool,
    /// Whether it is shown groups in groups.
    #[serde(default)]
    pub nested_groups: bool,
    /// Whether people keep the names under which it first knew them.
    #[serde(default)]
    pub frozen_names: bool,
    /// From where it may call; everywhere when empty.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The product that it was made for.
    pub product: Option<Product>,
    /// Where its password is; it stays as it is, or is made, without.
    pub password: Option<Reference>,
}

/// An alert channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelPart {
    /// `webhook`, `slack`, `teams` or `email`.
    pub kind: String,
    /// How it is reached, without what is secret.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The alerts that it is told of; all when empty.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// Where the webhook's address or the mailbox's password is; it stays as it is without.
    pub secret: Option<Reference>,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// In a file, relative to the file of settings.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

/// What a reference looks like.
const REFERENCE: &str = "`{ file = \"…\" }` or `{ env = \"…\" }`";

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REFERENCE)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Reference, E> {
        Err(E::custom(format!(
            "a secret does not stand in this file; say where it is: {REFERENCE}"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let text: String = map.next_value()?;
            let reference = match key.as_str() {
                "file" => Reference::File(PathBuf::from(text)),
                "env" => Reference::Env(text),
                other => return Err(de::Error::unknown_field(other, &["file", "env"])),
            };
            if found.replace(reference).is_some() {
                return Err(de::Error::custom(format!("a secret is in one place: {REFERENCE}")));
            }
        }
        found.ok_or_else(|| de::Error::custom(format!("where is it? {REFERENCE}")))
    }
}

impl Document {
    /// Reads a file of settings; `-` is standard input.
    ///
    /// # Errors
    /// Names the file, the position and what is wrong there.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            text_file::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if text.len() > FILE_BYTES_MAX {
            bail!("{} is larger than {} MiB", path.display(), FILE_BYTES_MAX >> 20);
        }
        let mut document =
            Self::parse(&text).map_err(|error| anyhow::anyhow!("{}:{error}", path.display()))?;
        document.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(document)
    }

    /// Reads the text of a file of settings.
    ///
    /// # Errors
    /// `LINE:COLUMN: what is wrong and what to do`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut document: Self = toml::from_str(text).map_err(|error| said(text, &error))?;
        document.raw = toml::from_str(text).map_err(|error| said(text, &error))?;
        let directories: Vec<&String> = document.directories.keys().collect();
        let applications: Vec<&String> = document.applications.keys().collect();
        let channels: Vec<&String> = document.channels.keys().collect();
        for (what, names) in
            [("directories", directories), ("applications", applications), ("channels", channels)]
        {
            let twice = names
                .iter()
                .enumerate()
                .find(|(at, name)| names[..*at].iter().any(|other| same(other, name)));
            if let Some((_, name)) = twice {
                return Err(format!(
                    "1:1: {what}: `{name}` is named twice; upper and lower case make no difference"
                ));
            }
        }
        Ok(document)
    }

    /// The secret that is meant, read now.
    ///
    /// # Errors
    /// Names the file or variable that is not there or empty.
    pub fn secret(&self, reference: &Reference) -> anyhow::Result<String> {
        match reference {
            Reference::File(file) => read_secret(&self.folder.join(file)),
            Reference::Env(name) => config::secret_from_environment(name),
        }
    }

    /// A table of a directory as it is written.
    pub fn table(&self, directory: &str, key: &str) -> Option<&toml::Table> {
        self.raw.get("directories")?.get(directory)?.get(key)?.as_table()
    }
}

/// What is wrong in a file of settings.
fn said(text: &str, error: &toml::de::Error) -> String {
    format!("{} (docs/operators/apply.md shows all keys)", told(text, error))
}

/// What is wrong and where, without the line itself: it may hold what does not belong there.
pub(in crate::cli) fn told(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let message = error.message();
    // A value of the wrong type is repeated by serde.
    let message = if message.starts_with("invalid type: string") {
        let expected = message.rsplit(", expected ").next().unwrap_or_default();
        format!("a text stands where {expected} is expected")
    } else {
        message.replace('\n', ", ")
    };
    format!("{line}:{column}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Document::parse(text).unwrap_err()
    }

    #[test]
    fn mistakes_are_named_with_their_position_and_without_secrets() {
        for (text, position, says) in [
            ("[directory.x]", "1:2:", "expected one of `directories`, `applications`, `channels`"),
            ("[directories.x]\nprovider = \"entra\"\nsekret = 1\n", "3:1:", "`sekret`"),
            (
                "[directories.x]\nprovider = \"entra\"\n[directories.x.rules]\nguest = \"x\"",
                "4:1:",
                "`guest`",
            ),
            (
                "[directories.x]\nprovider = \"entra\"\nrules = { guests = \"some\" }",
                "3:",
                "`included`",
            ),
            (
                "[directories.x]\nprovider = \"entra\"\nsecret = \"a-secret-word\"",
                "3:10:",
                "say where it is",
            ),
            ("[channels.x]\nkind = \"slack\"\nsecret = { path = \"x\" }", "3:", "`file` or `env`"),
            (
                "[channels.x]\nkind = \"slack\"\nsecret = { file = \"x\", env = \"Y\" }",
                "3:",
                "one place",
            ),
            ("[applications.x]\ndirectories = \"a-secret-word\"", "2:15:", "a sequence"),
            ("[applications.x]\naggregate = true", "1:1:", "`directories`"),
            ("[channels.x]\nkind = \"slack\"\n[channels.X]\nkind = \"slack\"", "1:1:", "twice"),
            ("[channels.x]\nkind = \"slack\n", "2:", ""),
        ] {
            let error = error(text);
            assert!(error.starts_with(position) && error.contains(says), "{text}: {error}");
            assert!(!error.contains("a-secret-word"), "{error}");
        }
    }
}
