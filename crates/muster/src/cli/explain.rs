//! `muster directory explain`, and how somebody stands who was read alone.

use anyhow::bail;
use clap::Args;
use directory::{
    counted::counted,
    explain::{Asked, Explanation, GroupExplanation},
};

use crate::{
    api::{
        explain::{Explained, GroupExplained},
        person::OneRead,
    },
    cli::{
        Done, Remote, changes,
        client::{Client, path_part, query_part},
        directory::finish,
        table,
    },
    safe,
};

/// Attributes that hold several values, one a line.
const LISTS: [&str; 2] = ["other_mails", "aliases"];

/// Tell why somebody, or a group, is or is not there.
#[derive(Debug, Args)]
pub struct Explain {
    /// The directory's name.
    name: String,
    /// User name, sign-in name, mail address or the provider's id; where no user is called so, the name or id of a group.
    user: String,
    /// Explain the group of that name, also where a user is called so.
    #[arg(long)]
    group: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let (name, wanted) = (path_part(&self.name), query_part(&self.user));
        let of_group = format!("/directories/{name}/explain/group?group={wanted}");
        if self.group {
            return Ok(self.show_group(&client.get(&of_group).await?));
        }
        let path = format!("/directories/{name}/explain?user={wanted}");
        let explained: Explained = match client.find(&path).await? {
            Ok(explained) => explained,
            Err(nobody) => match client.find(&of_group).await? {
                Ok(group) => return Ok(self.show_group(&group)),
                Err(no_group) => bail!("{nobody}\n{no_group}"),
            },
        };
        if self.remote.json {
            println!("{}", safe::json(&explained));
            return Ok(Done::Ok);
        }
        show_explanation(&explained.explanation);
        match &explained.last_change {
            Some(entry) => {
                println!("  last changed: {}  {}", changes::line(entry), changes::what(entry));
            }
            None => {
                println!("  products were never told of a change, or before the history begins");
            }
        }
        Ok(Done::Ok)
    }
}

impl Explain {
    fn show_group(&self, explained: &GroupExplained) -> Done {
        if self.remote.json {
            println!("{}", safe::json(explained));
            return Done::Ok;
        }
        show_group(&explained.explanation);
        match &explained.last_change {
            Some(entry) => {
                println!("  last changed: {}  {}", changes::line(entry), changes::what(entry));
            }
            None => {
                println!("  products were never told of a change, or before the history begins");
            }
        }
        Done::Ok
    }
}

fn show_group(explanation: &GroupExplanation) {
    match &explanation.name {
        Some(name) => println!("the group {name} is served"),
        None => println!("the group {} is not served", explanation.id),
    }
    if let Some(wanted) = &explanation.wanted_name {
        println!("  the rules make the name {wanted} of it");
    }
    show_reasons(&explanation.because, &explanation.rules);
    println!("  what the provider says:");
    println!("    id: {}", explanation.id);
    for (attribute, value) in &explanation.attributes {
        println!("    {attribute}: {value}");
    }
    println!("  {} directly in it", counted(explanation.users as u64, "user"));
    for (what, names) in [
        ("groups in it", &explanation.groups),
        ("in the groups", &explanation.parents),
        ("former names", &explanation.former_names),
    ] {
        if !names.is_empty() {
            println!("  {what}: {}", names.join(", "));
        }
    }
}

fn show_reasons(because: &[String], rules: &[Asked]) {
    for sentence in because {
        println!("  because: {sentence}");
    }
    if !rules.is_empty() {
        println!("  rules that were asked:");
    }
    for asked in rules {
        let decided = if asked.decided { "  <- decided" } else { "" };
        println!("    {}: {}{decided}", asked.rule, asked.answer);
    }
}

fn show_explanation(explanation: &Explanation) {
    match (&explanation.name, explanation.active) {
        (Some(name), true) => println!("{name} is served and active"),
        (Some(name), false) => println!("{name} is served and inactive"),
        (None, _) => println!("{} is not served", explanation.id),
    }
    show_reasons(&explanation.because, &explanation.rules);
    println!("  what the provider says:");
    println!("    id: {}", explanation.id);
    for (attribute, value) in &explanation.attributes {
        // Several values, one a line.
        let value = if LISTS.contains(&attribute.as_str()) {
            value.replace("\\n", ", ")
        } else {
            value.clone()
        };
        println!("    {attribute}: {value}");
    }
    if explanation.memberships.is_empty() {
        println!("  in no group");
        return;
    }
    let served = explanation.served;
    println!("  {}", if served { "memberships:" } else { "memberships there would be:" });
    for membership in &explanation.memberships {
        let ways: Vec<String> = membership.ways.iter().map(ToString::to_string).collect();
        let not_yet = if served && !membership.served { " (not served yet)" } else { "" };
        println!("    {}: {}{not_yet}", membership.group, ways.join("; "));
    }
}

/// What came of reading one person.
pub(super) fn one_read(name: &str, read: &OneRead, json: bool) -> anyhow::Result<Done> {
    if json {
        println!("{}", safe::json(&read));
    } else {
        println!("{}", table::report(name, &read.report));
        read.people.iter().for_each(show_explanation);
    }
    finish(&read.report)
}
