//! A part of a tenant: some groups with everything below them, as the setting `read=groups` chooses it.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::{Provider, Running};

use crate::expected::Truth;

/// So many of the chosen groups are never deleted.
const CHOSEN_MIN: usize = 3;

/// The groups that are chosen, by id.
pub(crate) struct Part(BTreeSet<String>);

impl Part {
    /// Chooses a third of the groups; one that everybody is in would make it the whole tenant.
    pub(crate) async fn chosen(running: &Running, provider: Provider) -> Self {
        let url = format!("{}/{}/truth", running.description().control, provider.name());
        let http = connect::http::local_client().unwrap();
        let truth: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        let groups = truth["groups"].as_array().unwrap().iter();
        let fitting = groups.filter(|group| group["everybody"] != true).step_by(3);
        Self(fitting.map(|group| group["id"].as_str().unwrap().to_owned()).collect())
    }

    /// The settings of a connection that reads this part.
    pub(crate) fn settings(&self) -> [(String, String); 2] {
        let chosen: Vec<&str> = self.0.iter().map(String::as_str).collect();
        [("read", "groups".to_owned()), ("groups", chosen.join(";"))]
            .map(|(key, value)| (key.to_owned(), value))
    }

    /// What of a truth is read: the chosen groups, the groups below them, and the people in any of these.
    pub(crate) fn of(&self, mut truth: Truth) -> Truth {
        let mut inside = self.0.clone();
        loop {
            let within = truth.groups.iter().filter(|group| inside.contains(&group.id));
            let below: Vec<String> = within.flat_map(|group| group.groups.clone()).collect();
            let before = inside.len();
            inside.extend(below);
            if inside.len() == before {
                break;
            }
        }
        truth.groups.retain(|group| inside.contains(&group.id));
        let people: BTreeSet<&String> = truth.groups.iter().flat_map(|g| &g.users).collect();
        truth.users.retain(|user| people.contains(&user.id));
        truth
    }

    /// Whether an edit would delete one of the last chosen groups.
    pub(crate) fn would_be_empty(&self, truth: &Truth, path: &str) -> bool {
        let left = truth.groups.iter().filter(|group| self.0.contains(&group.id)).count();
        left <= CHOSEN_MIN && path.strip_prefix("groups/").is_some_and(|id| self.0.contains(id))
    }
}
