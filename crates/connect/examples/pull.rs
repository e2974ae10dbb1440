//! Reads a real tenant with nothing but its credentials and prints what it saw. Nothing is written anywhere.
//!
//! ```text
//! cargo run --release -p connect --example pull -- entra  --set tenant=… --set client_id=… --secret-file secret
//! cargo run --release -p connect --example pull -- google --set subject=admin@example.com --secret-file key.json
//! cargo run --release -p connect --example pull -- okta   --set url=https://example.okta.com --set client_id=… --secret-file jwk
//! ```
#![expect(clippy::disallowed_methods, reason = "an example has no clock of its own to be given")]

use std::{collections::BTreeMap, error::Error, time::Instant};

use connect::{Connector, Progress, Surroundings};
use directory::{
    id::Millis,
    observation::{Attribute, Listing, MembersListing, Observation},
};
use secrecy::SecretString;

const USAGE: &str = "usage: pull PROVIDER --set KEY=VALUE… --secret-file FILE";
/// People and groups that are shown.
const SHOWN: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given = Given::read()?;
    let surroundings = Surroundings::new(now, 0x5EED);
    let connector = Connector::new(&given.provider, &given.settings, &given.secret, surroundings)?;
    let report =
        connector.probe(|step| println!("{:?} {}: {}", step.outcome, step.name, step.detail)).await;
    if !report.succeeded() {
        return Err("the connection does not work yet; see above".into());
    }
    let (progress, begun) = (Progress::default(), Instant::now());
    let observation = connector.pull(None, &progress).await?;
    show(&observation);
    let counts = progress.counts();
    println!(
        "{} requests, {} KiB, {:.1} s",
        counts.requests,
        counts.bytes / 1024,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// What the command line gives.
struct Given {
    provider: String,
    settings: BTreeMap<String, String>,
    secret: SecretString,
}

impl Given {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut arguments = std::env::args().skip(1);
        let provider = arguments.next().ok_or(USAGE)?;
        let (mut settings, mut secret) = (BTreeMap::new(), None);
        while let Some(option) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match option.as_str() {
                "--set" => {
                    let (key, value) = value.split_once('=').ok_or(USAGE)?;
                    settings.insert(key.to_owned(), value.to_owned());
                }
                "--secret-file" => {
                    secret = Some(SecretString::from(std::fs::read_to_string(value)?));
                }
                _ => return Err(USAGE.into()),
            }
        }
        Ok(Self { provider, settings, secret: secret.ok_or(USAGE)? })
    }
}

fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

fn show(observation: &Observation) {
    if let Listing::Complete(people) = &observation.people {
        println!("{} people", people.len());
        for person in people.iter().take(SHOWN) {
            let login = person.attributes.get(Attribute::Login).unwrap_or("(no login)");
            println!("  {} {login} {:?}", person.id, person.kind);
        }
    }
    if let Listing::Complete(groups) = &observation.groups {
        println!("{} groups", groups.len());
        for group in groups.iter().take(SHOWN) {
            println!(
                "  {} {}",
                group.id,
                group.attributes.get(Attribute::DisplayName).unwrap_or_default()
            );
        }
    }
    let memberships: usize = observation
        .members
        .iter()
        .map(|group| match &group.listing {
            MembersListing::Complete(set) => set.users.len() + set.groups.len(),
            MembersListing::Delta { .. } => 0,
        })
        .sum();
    println!("{memberships} memberships");
    for note in &observation.notes {
        println!("note: {note}");
    }
}
