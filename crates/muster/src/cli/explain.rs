//! `muster directory explain`, and how somebody stands who was read alone.

use clap::Args;
use directory::explain::Explanation;

use crate::{
    api::person::OneRead,
    cli::{
        Done, Remote,
        client::{Client, path_part},
        directory::finish,
        table,
    },
};

/// Tell why somebody is or is not there.
#[derive(Debug, Args)]
pub struct Explain {
    /// The directory's name.
    name: String,
    /// User name, sign-in name, mail address or the provider's id.
    user: String,
    #[command(flatten)]
    remote: Remote,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let client = Client::new(&self.remote)?;
        let path = format!(
            "/directories/{}/explain?user={}",
            path_part(&self.name),
            path_part(&self.user)
        );
        let explanation: Explanation = client.get(&path).await?;
        if self.remote.json {
            println!("{}", serde_json::to_string(&explanation)?);
        } else {
            show_explanation(&explanation);
        }
        Ok(Done::Ok)
    }
}

fn show_explanation(explanation: &Explanation) {
    match (&explanation.name, explanation.active) {
        (Some(name), true) => println!("{name} is served and active"),
        (Some(name), false) => println!("{name} is served and inactive"),
        (None, _) => println!("{} is not served", explanation.id),
    }
    for sentence in &explanation.because {
        println!("  because: {sentence}");
    }
    println!("  provider id: {}", explanation.id);
    for (attribute, value) in &explanation.attributes {
        println!("  {attribute}: {}", value.replace('\n', ", "));
    }
    if explanation.groups.is_empty() {
        println!("  in no group");
    } else {
        println!("  in {} groups: {}", explanation.groups.len(), explanation.groups.join(", "));
    }
}

/// What came of reading one person.
pub(super) fn one_read(read: &OneRead, json: bool) -> anyhow::Result<Done> {
    if json {
        println!("{}", serde_json::to_string(read)?);
    } else {
        println!("{}", table::report(&read.report));
        read.people.iter().for_each(show_explanation);
    }
    finish(&read.report)
}
