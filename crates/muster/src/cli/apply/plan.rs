//! What has to be done to bring the server to what a file says.
//!
//! Invariants: what is the same is left alone, so that applying twice does nothing; what the file does not name is removed
//! only when that was asked for. Rules are compared as what they are written as, whatever there is of them.

use anyhow::{Context, bail};
use directory::{product_names::Product, resource_name::same, rules::Rules};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use store::Schedule;

use super::document::{ApplicationPart, ChannelPart, DirectoryPart, Document, Reference};
use crate::{
    api::{
        connection::Change,
        directory::{Add as NewDirectory, Detail, usual_rules, usual_schedule},
        secret::Owner,
    },
    cli::apply::Server,
    service::application::{Add as NewApplication, Summary as Application, sight},
    service::channel::{Definition, Summary as Channel},
    service::name::{Named, objection},
};

/// What is on the server.
#[derive(Debug, Default)]
pub struct Current {
    /// Directories.
    pub directories: Vec<Detail>,
    /// Applications.
    pub applications: Vec<Application>,
    /// Alert channels.
    pub channels: Vec<Channel>,
}

/// What happens to one thing.
#[derive(Debug, Serialize)]
pub struct Item {
    /// What it is.
    pub what: Owner,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// What of it changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// Why part of it waits for a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// A password that was made, to be typed into the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// How.
    #[serde(skip)]
    pub steps: Vec<Step>,
}

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// Something of it changes.
    Change,
    /// It is as it should be.
    Nothing,
    /// The file does not name it, and that is meant.
    Remove,
    /// The file does not name it.
    Keep,
}

/// What of a thing changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Which field.
    pub field: String,
    /// What it is now.
    pub from: Value,
    /// What it will be.
    pub to: Value,
}

/// One request.
#[derive(Debug)]
pub enum Step {
    /// Connect a directory.
    AddDirectory(Box<NewDirectory>),
    /// Change how a provider is reached.
    Connect(Change),
    /// Change rules.
    Rules(Box<Rules>),
    /// Change a schedule.
    Schedule(Schedule),
    /// Stop or start a schedule.
    Pause(bool),
    /// Let an application in.
    AddApplication(NewApplication),
    /// Change what an application sees.
    Sight(sight::Change),
    /// Change from where an application may call.
    Addresses(Vec<String>),
    /// Say which product an application was made for.
    Product(Option<Product>),
    /// Change an application's password.
    Password(String),
    /// Add a channel.
    AddChannel(Definition),
    /// Change a channel.
    Channel(Definition),
    /// Remove it.
    Remove,
}

impl Item {
    fn new(what: Owner, name: &str, action: Action) -> Self {
        let (changes, held, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { what, name: name.to_owned(), action, changes, held, password: None, steps }
    }

    /// Notes what changes between two values; says whether anything does.
    fn compare(&mut self, field: &str, from: &impl Serialize, to: &impl Serialize) -> bool {
        let known = self.changes.len();
        let [from, to] =
            [serde_json::to_value(from), serde_json::to_value(to)].map(Result::unwrap_or_default);
        differences(field, &from, &to, &mut self.changes);
        self.changes.len() > known
    }

    fn secret_changes(&mut self, field: &str) {
        let [from, to] = ["(as on the server)", "(another one)"].map(Value::from);
        self.changes.push(FieldChange { field: field.to_owned(), from, to });
    }

    fn finished(mut self) -> Self {
        if self.action == Action::Change && self.steps.is_empty() {
            self.action = Action::Nothing;
        }
        self
    }
}

/// Where two values differ, down to the fields of tables.
pub(in crate::cli) fn differences(
    field: &str,
    from: &Value,
    to: &Value,
    found: &mut Vec<FieldChange>,
) {
    if let (Value::Object(old), Value::Object(new)) = (from, to) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let [old, new] = [old, new].map(|map| map.get(key).unwrap_or(&Value::Null));
            let path = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
            differences(&path, old, new, found);
        }
    } else if from != to {
        found.push(FieldChange { field: field.to_owned(), from: from.clone(), to: to.clone() });
    }
}

/// What has to be done.
///
/// # Errors
/// When the file asks for what cannot be, or names a secret that is not there.
pub async fn plan(
    document: &Document,
    current: &Current,
    server: &Server<'_>,
) -> anyhow::Result<Vec<Item>> {
    let mut items = Vec::new();
    for (name, part) in &document.channels {
        items.push(channel(document, (name, part), current, server).await?);
    }
    for (name, part) in &document.directories {
        let item = directory(document, (name, part), current, server).await;
        items.push(item.with_context(|| format!("directory `{name}`"))?);
    }
    for (name, part) in &document.applications {
        check_directories(document, name, part, current)?;
        let item = application(document, (name, part), current, server).await;
        items.push(item.with_context(|| format!("application `{name}`"))?);
    }
    items.extend(unnamed(document, current, server.prune));
    Ok(items)
}

/// What the file does not name; applications first, for they read directories.
fn unnamed(document: &Document, current: &Current, prune: bool) -> Vec<Item> {
    let named = |mut names: Box<dyn Iterator<Item = &String> + '_>, name: &str| {
        names.any(|other| same(other, name))
    };
    let applications = current.applications.iter().map(|row| (Owner::Application, &row.name));
    let directories = current.directories.iter().map(|row| (Owner::Directory, &row.summary.name));
    let channels = current.channels.iter().map(|row| (Owner::Channel, &row.name));
    let all = applications.chain(directories).chain(channels);
    let unnamed = all.filter(|(what, name)| match what {
        Owner::Application => !named(Box::new(document.applications.keys()), name),
        Owner::Directory => !named(Box::new(document.directories.keys()), name),
        Owner::Channel => !named(Box::new(document.channels.keys()), name),
    });
    let item = |(what, name): (Owner, &String)| {
        let action = if prune { Action::Remove } else { Action::Keep };
        let mut item = Item::new(what, name, action);
        if prune {
            item.steps.push(Step::Remove);
        }
        item
    };
    unnamed.map(item).collect()
}

/// The secret that a part names, and whether it is another one than the server has.
async fn secret(
    document: &Document,
    server: &Server<'_>,
    (owner, name): (Owner, &str),
    reference: Option<&Reference>,
) -> anyhow::Result<Option<String>> {
    let Some(reference) = reference else { return Ok(None) };
    let secret = document.secret(reference)?;
    let same = server.has_secret(owner, name, &secret).await?;
    Ok((!same).then_some(secret))
}

async fn directory(
    document: &Document,
    (name, part): (&str, &DirectoryPart),
    current: &Current,
    server: &Server<'_>,
) -> anyhow::Result<Item> {
    let rules: Rules =
        overlaid(&usual_rules(&part.provider), document.table(name, "rules"), "rules")?;
    let schedule: Schedule =
        overlaid(&usual_schedule(&part.provider), document.table(name, "schedule"), "schedule")?;
    let expires = part.expires.map(|day| day.to_string()).unwrap_or_default();
    let found = current.directories.iter().find(|row| same(&row.summary.name, name));
    let Some(row) = found else {
        return new_directory(document, (name, part), (rules, schedule, expires));
    };
    if row.summary.provider != part.provider {
        bail!(
            "it is connected to {}, not {}; a directory keeps its provider: remove it first, or use another name",
            row.summary.provider,
            part.provider
        );
    }
    if let Some(key) = part.key.as_ref().filter(|key| **key != row.summary.key) {
        bail!(
            "its key is `{}`, not `{key}`; a directory keeps its key, since products would delete all its users: remove it \
             first, or take the line out",
            row.summary.key
        );
    }
    let mut item = Item::new(Owner::Directory, &row.summary.name, Action::Change);
    let mut change = Change::default();
    if item.compare("settings", &row.settings, &part.settings) {
        let gone = row.settings.keys().filter(|key| !part.settings.contains_key(*key));
        change.settings.extend(gone.map(|key| (key.clone(), None)));
        let kept = part.settings.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        change.settings.extend(kept);
    }
    let owner = (Owner::Directory, name);
    change.secret = secret(document, server, owner, part.secret.as_ref()).await?;
    if change.secret.is_some() {
        item.secret_changes("secret");
    }
    let known = row.expires.clone().unwrap_or_default();
    if item.compare("expires", &known, &expires) || (change.secret.is_some() && !expires.is_empty())
    {
        change.expires = Some(expires);
    }
    if !change.settings.is_empty() || change.secret.is_some() || change.expires.is_some() {
        item.steps.push(Step::Connect(change));
    }
    if item.compare("schedule", &row.schedule, &schedule) {
        item.steps.push(Step::Schedule(schedule));
    }
    if item.compare("paused", &row.summary.paused, &part.paused) {
        item.steps.push(Step::Pause(part.paused));
    }
    if item.compare("rules", &row.rules, &rules) {
        item.steps.push(Step::Rules(Box::new(rules)));
    }
    Ok(item.finished())
}

fn new_directory(
    document: &Document,
    (name, part): (&str, &DirectoryPart),
    (rules, schedule, expires): (Rules, Schedule, String),
) -> anyhow::Result<Item> {
    usable(Named::Directory, name)?;
    let Some(reference) = &part.secret else {
        bail!(
            "it is new and has no secret; add `secret = {{ file = \"…\" }}` or `secret = {{ env = \"…\" }}`"
        );
    };
    let mut item = Item::new(Owner::Directory, name, Action::Create);
    item.steps.push(Step::AddDirectory(Box::new(NewDirectory {
        name: name.to_owned(),
        provider: part.provider.clone(),
        settings: part.settings.clone(),
        secret: document.secret(reference)?,
        rules: Some(rules),
        schedule: Some(schedule),
        key: part.key.clone(),
    })));
    if part.paused {
        item.steps.push(Step::Pause(true));
    }
    if !expires.is_empty() {
        item.steps.push(Step::Connect(Change { expires: Some(expires), ..Change::default() }));
    }
    Ok(item)
}

/// Whether something new can have that name: the server would refuse it, after it has done other things.
fn usable(what: Named, name: &str) -> anyhow::Result<()> {
    objection(what, name).map_or(Ok(()), |objection| bail!(objection))
}

/// What a table says, and for what it leaves out what is usual.
pub(in crate::cli) fn overlaid<T: Serialize + DeserializeOwned>(
    usual: &T,
    table: Option<&toml::Table>,
    what: &str,
) -> anyhow::Result<T> {
    let mut value = serde_json::to_value(usual)?;
    if let (Value::Object(fields), Some(table)) = (&mut value, table) {
        for (key, given) in table {
            fields.insert(key.clone(), serde_json::to_value(given)?);
        }
    }
    serde_json::from_value(value).with_context(|| format!("its {what} cannot be used"))
}

fn check_directories(
    document: &Document,
    name: &str,
    part: &ApplicationPart,
    current: &Current,
) -> anyhow::Result<()> {
    for wanted in &part.directories {
        let mut there = current.directories.iter().map(|row| &row.summary.name);
        let named = document.directories.keys().any(|other| same(other, wanted));
        if !named && !there.any(|other| same(other, wanted)) {
            bail!(
                "application `{name}` sees the directory `{wanted}`, which is neither in the file nor on the server"
            );
        }
    }
    Ok(())
}

async fn application(
    document: &Document,
    (name, part): (&str, &ApplicationPart),
    current: &Current,
    server: &Server<'_>,
) -> anyhow::Result<Item> {
    let found = current.applications.iter().find(|row| same(&row.name, name));
    let Some(row) = found else {
        usable(Named::Application, name)?;
        let password = part.password.as_ref().map(|reference| document.secret(reference));
        let mut item = Item::new(Owner::Application, name, Action::Create);
        item.steps.push(Step::AddApplication(NewApplication {
            name: name.to_owned(),
            directories: part.directories.clone(),
            aggregate: part.aggregate,
            nested_groups: part.nested_groups,
            frozen_names: part.frozen_names,
            addresses: part.addresses.clone(),
            password: password.transpose()?,
            product: part.product,
        }));
        return Ok(item);
    };
    let mut item = Item::new(Owner::Application, &row.name, Action::Change);
    let same_directories = row.directories.len() == part.directories.len()
        && row.directories.iter().zip(&part.directories).all(|(a, b)| same(a, b));
    let mut change = sight::Change::default();
    if !same_directories && item.compare("directories", &row.directories, &part.directories) {
        change.directories = Some(part.directories.clone());
    }
    for (field, from, to, slot) in [
        ("aggregate", row.aggregate, part.aggregate, &mut change.aggregate),
        ("nested_groups", row.nested_groups, part.nested_groups, &mut change.nested_groups),
        ("frozen_names", row.frozen_names, part.frozen_names, &mut change.frozen_names),
    ] {
        *slot = item.compare(field, &from, &to).then_some(to);
    }
    if !item.changes.is_empty() {
        item.steps.push(Step::Sight(change));
    }
    if item.compare("addresses", &row.addresses, &part.addresses) {
        item.steps.push(Step::Addresses(part.addresses.clone()));
    }
    if item.compare("product", &row.product, &part.product) {
        item.steps.push(Step::Product(part.product));
    }
    let owner = (Owner::Application, name);
    if let Some(password) = secret(document, server, owner, part.password.as_ref()).await? {
        item.secret_changes("password");
        item.steps.push(Step::Password(password));
    }
    Ok(item.finished())
}

async fn channel(
    document: &Document,
    (name, part): (&str, &ChannelPart),
    current: &Current,
    server: &Server<'_>,
) -> anyhow::Result<Item> {
    let context = || format!("alert channel `{name}`");
    let mut definition = Definition {
        name: String::new(),
        kind: part.kind.clone(),
        settings: part.settings.clone(),
        alerts: part.alerts.clone(),
        secret: None,
    };
    let found = current.channels.iter().find(|row| same(&row.name, name));
    let Some(row) = found else {
        usable(Named::Channel, name)?;
        let secret = part.secret.as_ref().map(|reference| document.secret(reference));
        definition.secret = secret.transpose().with_context(context)?;
        let given = SecretString::from(definition.secret.clone().unwrap_or_default());
        // What the server would refuse is refused before anything is done.
        crate::alert::channel::Channel::read(&part.kind, &part.settings, &given)
            .map_err(anyhow::Error::msg)
            .with_context(context)?;
        name.clone_into(&mut definition.name);
        let mut item = Item::new(Owner::Channel, name, Action::Create);
        item.steps.push(Step::AddChannel(definition));
        return Ok(item);
    };
    let mut item = Item::new(Owner::Channel, &row.name, Action::Change);
    item.compare("kind", &row.kind, &part.kind);
    item.compare("settings", &row.settings, &part.settings);
    item.compare("alerts", &row.alerts, &part.alerts);
    let owner = (Owner::Channel, name);
    definition.secret =
        secret(document, server, owner, part.secret.as_ref()).await.with_context(context)?;
    if definition.secret.is_some() {
        item.secret_changes("secret");
    }
    if !item.changes.is_empty() {
        item.steps.push(Step::Channel(definition));
    }
    Ok(item.finished())
}
