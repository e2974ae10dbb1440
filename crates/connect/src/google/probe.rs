//! The check of a Google connection: reach, token, users, groups, members.

use super::Google;
use crate::{
    error::ConnectError,
    notes,
    probe::{ProbeStep, Stepwise},
    progress::Progress,
};

const TOKEN: &str = "get a token";
const USERS: &str = "read users";
const GROUPS: &str = "read groups";
const MEMBERS: &str = "read members";

impl Stepwise for Google {
    const STEPS: &'static [&'static str] = &[TOKEN, USERS, GROUPS, MEMBERS];

    async fn step(
        &self,
        name: &str,
        group: &mut Option<String>,
    ) -> Result<ProbeStep, ConnectError> {
        let customer = [("customer", self.settings.customer.as_str())];
        match name {
            TOKEN => self.token_step().await,
            USERS => {
                if self.first(&["users"], &customer, "users").await?.is_some() {
                    return Ok(ProbeStep::works(name, "the first user can be read"));
                }
                let detail = "Google shows no users: is the customer right, and the administrator's role not limited \
                              to an organisational unit?";
                Ok(ProbeStep::warning(name, "G-ZERO", detail))
            }
            GROUPS => {
                *group = self.first(&["groups"], &customer, "groups").await?;
                Ok(ProbeStep::works(name, "the first group can be read"))
            }
            _ => match group.as_deref() {
                Some(id) => {
                    self.first(&["groups", id, "members"], &[], "members").await?;
                    Ok(ProbeStep::works(name, "the members of the first group can be read"))
                }
                None => Ok(ProbeStep::works(name, "there is no group whose members could be read")),
            },
        }
    }
}

impl Google {
    async fn token_step(&self) -> Result<ProbeStep, ConnectError> {
        self.tokens.get(&self.http, &Progress::default()).await?;
        if let Some(detail) = notes::clock("Google", self.http.skew_ms()) {
            return Ok(ProbeStep::warning(TOKEN, "N-CLOCK", detail));
        }
        let key = self.tokens.key();
        let detail = format!(
            "the service account {} may act as {} for reading users and groups",
            key.email, self.settings.subject
        );
        Ok(ProbeStep::works(TOKEN, detail))
    }
}
