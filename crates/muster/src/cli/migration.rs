//! `muster migrate-check`: whose account in a product would stay theirs, by each way to make user names.
//!
//! Invariant: the product is only read, and the directory is only asked; nothing is changed anywhere.

use directory::counted::counted;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use directory::{
    migration::{Candidate, Lost, Migration, PeopleOutcome, ProductPerson},
    name::fold,
    observation::Attribute,
    rules::{
        LetterCase, Rules,
        expression::Expression,
        names::{Rename, TextRule},
    },
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    api::{directory::Detail, migration::Product as ProductBody},
    cli::{
        Done, Remote,
        client::{Client, path_part},
        connection::read_secret,
        rules, table,
    },
    config,
    product::{
        self, Product,
        web::{Access, Web},
    },
    safe,
};

/// Names shown of each list.
const NAMES: usize = 20;

/// See whose account in a product would stay theirs, by each way to make user names.
#[derive(Debug, Args)]
pub struct MigrateCheck {
    /// The directory's name.
    name: String,
    /// Where the product's people are: a table (.csv), an export of LDAP (.ldif), or the product's address.
    #[arg(long, value_name = "FILE|URL")]
    from: String,
    /// What that is; needed for an address, and for a file whose name does not say it.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// File with the product's token, or with the Crowd application's password; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// Variable of the environment with the same.
    #[arg(long, value_name = "VARIABLE")]
    secret_env: Option<String>,
    /// The Crowd application's name.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Try this way to make user names too: an attribute (mail), one up to the @ (mail@), or an expression; may be
    /// repeated.
    #[arg(long = "user-name", value_name = "RULE")]
    user_names: Vec<String>,
    /// Write the directory's rules with the best ways to make names, and the exceptions that keep everybody.
    #[arg(long, value_name = "FILE")]
    exceptions: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// What a product's people are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A table.
    Csv,
    /// An export of an LDAP directory.
    Ldif,
    /// A Jira Data Center.
    Jira,
    /// A Confluence Data Center.
    Confluence,
    /// A Crowd server.
    Crowd,
}

/// The answer, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Checked {
    /// People of the product.
    people_read: usize,
    /// Groups of the product.
    groups_read: usize,
    /// What could not be read or told.
    notes: Vec<String>,
    #[serde(flatten)]
    migration: Migration,
}

impl MigrateCheck {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::of_texts_as_they_are(&self.remote)?;
        // Before a product is read, which may take minutes.
        let directory = format!("/directories/{}", path_part(&self.name));
        let detail: Detail = client.get(&directory).await?;
        let candidates = self.user_names.iter().map(|text| candidate(text, &detail.rules));
        let candidates = candidates.collect();
        let product = self.read().await?;
        let notes = product.notes;
        let body = ProductBody {
            people: product.people.into_iter().map(person).collect(),
            groups: product.groups,
            candidates,
        };
        let (people_read, groups_read) = (body.people.len(), body.groups.len());
        let migration = client.post(&format!("{directory}/migration"), &body).await?;
        let checked = Checked { people_read, groups_read, notes, migration };
        if self.remote.json {
            println!("{}", safe::json(&checked));
        } else {
            show(&safe::for_people(&checked)?);
        }
        if let Some(file) = &self.exceptions {
            let text = exceptions(&checked.migration, &detail)?;
            fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            if !self.remote.json {
                let (name, file) = (&self.name, file.display());
                println!("look at them: muster directory preview {name} --rules {file}");
                println!("save them:    muster directory rules {name} --set {file}");
            }
        } else if !self.remote.json && !checked.migration.loses_nobody {
            println!("--exceptions FILE writes rules that keep whoever can be kept");
        }
        Ok(Done::Ok)
    }

    async fn read(&self) -> anyhow::Result<Product> {
        let address = ["https://", "http://"].iter().any(|start| self.from.starts_with(start));
        let kind = self.kind.or_else(|| kind_of_file(&self.from).filter(|_| !address));
        let Some(kind) = kind else {
            let one_of = if address { "jira, confluence or crowd" } else { "csv or ldif" };
            bail!("`{}` does not say what it is; add --kind, one of {one_of}", self.from);
        };
        if address == matches!(kind, Kind::Csv | Kind::Ldif) {
            bail!(
                "`{}` is not what --kind says; a file is csv or ldif, an address the others",
                self.from
            );
        }
        let open = || {
            let file = File::open(&self.from);
            let file = file.with_context(|| format!("{} cannot be read", self.from))?;
            anyhow::Ok(BufReader::new(file))
        };
        let read = match kind {
            Kind::Csv => product::csv::read(open()?),
            Kind::Ldif => product::ldif::read(open()?),
            Kind::Jira => product::jira::read(&self.web(kind)?).await,
            Kind::Confluence => product::confluence::read(&self.web(kind)?).await,
            Kind::Crowd => product::crowd::read(&self.web(kind)?).await,
        };
        read.with_context(|| format!("the people of {} cannot be read", self.from))
    }

    fn web(&self, kind: Kind) -> anyhow::Result<Web> {
        let secret = match (&self.secret_file, &self.secret_env) {
            (Some(file), _) => read_secret(file)?,
            (None, Some(name)) => config::secret_from_environment(name)?,
            (None, None) => bail!(
                "the product lets nobody in without a token or password; add --secret-file FILE or --secret-env VARIABLE"
            ),
        };
        let secret = SecretString::from(secret);
        let access = match (kind, &self.application) {
            (Kind::Crowd, Some(application)) => Access::Application(application.clone(), secret),
            (Kind::Crowd, None) => bail!("add --application NAME, as Crowd knows the application"),
            _ => Access::Token(secret),
        };
        Ok(Web::new(&self.from, access)?)
    }
}

fn kind_of_file(name: &str) -> Option<Kind> {
    let ending = Path::new(name).extension()?.to_str()?.to_lowercase();
    match ending.as_str() {
        "csv" | "tsv" => Some(Kind::Csv),
        "ldif" | "ldf" => Some(Kind::Ldif),
        _ => None,
    }
}

fn candidate(text: &str, rules: &Rules) -> Candidate {
    let attribute = |text: &str| serde_json::from_value::<Attribute>(json!(text)).ok();
    let local_part = text.strip_suffix('@').and_then(attribute).map(TextRule::LocalPart);
    let user_name = attribute(text).map(TextRule::Attribute).or(local_part);
    let expression = || TextRule::Expression(Expression(text.to_owned()));
    let user_name = user_name.unwrap_or_else(expression);
    Candidate { user_name, user_name_case: rules.user_name_case }
}

fn person(person: product::ProductPerson) -> ProductPerson {
    ProductPerson {
        user_name: person.user_name,
        mail: person.mail.unwrap_or_default(),
        full_name: person.full_name.unwrap_or_default(),
        groups: person.groups,
    }
}

fn show(checked: &Checked) {
    let Checked { people_read, groups_read, notes, migration } = checked;
    for note in notes {
        println!("note: {note}");
    }
    println!(
        "{} and {} of the product",
        counted(*people_read as u64, "person"),
        counted(*groups_read as u64, "group")
    );
    let mut people = table::plain(&[
        "",
        "user name from",
        "keep",
        "second account",
        "somebody else's",
        "left out by rules",
        "not at provider",
        "new",
        "no name",
    ]);
    for (at, outcome) in migration.people.iter().enumerate() {
        let best = if migration.best == Some(at) { "best" } else { "" };
        let counts = [
            outcome.kept,
            outcome.second.len(),
            outcome.mistaken.len(),
            outcome.left_out.len(),
            outcome.orphaned.len(),
            outcome.new,
            outcome.nameless,
        ];
        let head = [best.to_owned(), way(&outcome.candidate)];
        people.add_row(head.into_iter().chain(counts.map(|count| count.to_string())));
    }
    println!("{people}");
    if let Some(best) = migration.best.and_then(|at| migration.people.get(at)) {
        println!("{}", verdict(migration, best));
        lists(best);
    }
    let mut groups =
        table::plain(&["", "group name from", "keep", "second group", "not at provider"]);
    for (at, outcome) in migration.groups.iter().enumerate() {
        let best = if migration.best_groups == Some(at) { "best" } else { "" };
        let counts = [outcome.kept.len(), outcome.second.len(), outcome.orphaned.len()];
        let head = [best.to_owned(), table::text_rule(&outcome.group_name)];
        groups.add_row(head.into_iter().chain(counts.map(|count| count.to_string())));
    }
    println!("{groups}");
    if let Some(best) = migration.best_groups.and_then(|at| migration.groups.get(at)) {
        let second = best.second.iter().map(|one| format!("{} beside {}", one.from, one.to));
        list("would come a second time, under another name:", second);
        list("are not at the provider:", best.orphaned.iter().cloned());
    }
}

fn way(candidate: &Candidate) -> String {
    let case = match candidate.user_name_case {
        LetterCase::Lower => "",
        LetterCase::Kept => ", letters kept",
    };
    format!("{}{case}", table::text_rule(&candidate.user_name))
}

fn verdict(migration: &Migration, best: &PeopleOutcome) -> String {
    let way = way(&best.candidate);
    if migration.loses_nobody {
        return format!(
            "with the user name from {way}, nobody whom the provider has loses the account"
        );
    }
    format!(
        "with the user name from {way}, {} would lose the account; {} exceptions keep theirs",
        best.lost(),
        migration.user_names.len()
    )
}

/// Who would not keep the account, some of them.
fn lists(best: &PeopleOutcome) {
    let second = best.second.iter().map(|one| {
        let would_be = one.would_be.as_deref().unwrap_or("no name");
        format!("{} ({}) -> {would_be}", one.user_name, one.login)
    });
    list("would get a second account, under another name:", second);
    let mistaken = best.mistaken.iter().map(|one| {
        format!("{} ({}) -> {} ({})", one.user_name, one.mail, one.login, one.login_mail)
    });
    list("have an account that somebody else would get:", mistaken);
    let lost = |one: &Lost| {
        let known = if one.login.is_empty() { &one.mail } else { &one.login };
        let why = if one.why.is_empty() { String::new() } else { format!(": {}", one.why) };
        format!("{} ({known}){why}", one.user_name)
    };
    list("are at the provider and left out by the rules:", best.left_out.iter().map(lost));
    list("are not at the provider:", best.orphaned.iter().map(lost));
}

fn list(what: &str, lines: impl ExactSizeIterator<Item = String>) {
    let total = lines.len();
    if total == 0 {
        return;
    }
    println!("{total} {what}");
    for line in lines.take(NAMES) {
        println!("  {line}");
    }
    if total > NAMES {
        println!("  … and {} more; --json shows them", total - NAMES);
    }
}

/// The directory's rules with the best ways to make names and the exceptions.
fn exceptions(migration: &Migration, detail: &Detail) -> anyhow::Result<String> {
    let mut rules = detail.rules.clone();
    let best = migration.best.and_then(|at| migration.people.get(at));
    if let Some(best) = best {
        rules.user_name.clone_from(&best.candidate.user_name);
        rules.user_name_case = best.candidate.user_name_case;
        rules.user_names = merged(&rules.user_names, &migration.user_names);
    }
    if let Some(best) = migration.best_groups.and_then(|at| migration.groups.get(at)) {
        rules.group_name.clone_from(&best.group_name);
        rules.group_names.renames = merged(&rules.group_names.renames, &migration.group_renames);
    }
    let mut text = rules::written(&rules, detail)?;
    if !migration.always.is_empty() {
        text.push_str(
            "\n# People of the product whom the rules leave out; put into `always` of [people], they are let in:\n",
        );
        for login in &migration.always {
            writeln!(text, "#   {},", toml::Value::from(login.as_str()))?;
        }
    }
    let mistaken = best.map(|best| best.mistaken.as_slice()).unwrap_or_default();
    if !mistaken.is_empty() {
        text.push_str(
            "\n# Accounts that somebody else would get; rename the account in the product, or give that person another \
             name in user_names:\n",
        );
        for one in mistaken {
            let (user_name, login) = (one.user_name.as_str(), one.login.as_str());
            writeln!(
                text,
                "#   {} would be that of {}",
                toml::Value::from(user_name),
                toml::Value::from(login)
            )?;
        }
    }
    Ok(text)
}

/// Renames with others, which win.
fn merged(known: &[Rename], new: &[Rename]) -> Vec<Rename> {
    let by_name = |rename: &Rename| (fold(&rename.from).into_owned(), rename.clone());
    let all: BTreeMap<String, Rename> = known.iter().chain(new).map(by_name).collect();
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_make_user_names_is_typed_shortly() {
        let rules = Rules::default();
        let made = |text| candidate(text, &rules).user_name;
        assert_eq!(made("mail"), TextRule::Attribute(Attribute::Mail));
        assert_eq!(made("mail@"), TextRule::LocalPart(Attribute::Mail));
        let expression = "user.mail + 'x'";
        assert_eq!(made(expression), TextRule::Expression(Expression(expression.to_owned())));
    }

    #[test]
    fn exceptions_replace_those_of_the_same_name() {
        let rename = |from: &str, to: &str| Rename { from: from.to_owned(), to: to.to_owned() };
        let known = [rename("Ann@x", "ann"), rename("bob@x", "bob")];
        let all = merged(&known, &[rename("ann@x", "ANNA")]);
        assert_eq!(all, [rename("ann@x", "ANNA"), rename("bob@x", "bob")]);
    }
}
