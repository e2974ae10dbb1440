//! The check of an Okta connection: reach, token, users, groups, members.

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Okta, catalogue, limits::Bucket, listing::next_link, pull::USUAL_PER_MINUTE};
use crate::{
    call::{Ask, call},
    error::ConnectError,
    http::{Setback, Tries},
    notes,
    probe::{Counted, EXTENT, Extent, ProbeStep, Stepwise},
    progress::Progress,
};

const REACH: &str = "reach the organisation";
const TOKEN: &str = "be let in";
const USERS: &str = "read users";
const GROUPS: &str = "read groups";
const MEMBERS: &str = "read members";

/// Pages that are counted at the most.
const PAGES_MAX: u32 = 10;

impl Stepwise for Okta {
    const STEPS: &'static [&'static str] = &[REACH, TOKEN, USERS, GROUPS, MEMBERS, EXTENT];

    async fn step(
        &self,
        name: &str,
        group: &mut Option<String>,
    ) -> Result<ProbeStep, ConnectError> {
        let nothing = |what: &str| {
            let detail = format!(
                "Okta shows no {what}: does the app, or the token's maker, have the role Read-only Administrator?"
            );
            ProbeStep::warning(name, "O-ROLE", detail)
        };
        match name {
            REACH => self.reach().await,
            TOKEN => {
                self.check_admission(&Progress::default()).await?;
                let detail = match &self.settings.client_id {
                    Some(client) => {
                        format!("the app {client} got a token for reading users and groups")
                    }
                    None => {
                        "the API token will show whether it is good with the next step".to_owned()
                    }
                };
                Ok(ProbeStep::works(name, detail))
            }
            USERS => Ok(match self.first(&["users"]).await? {
                Some(_) => ProbeStep::works(name, "the first user can be read"),
                None => nothing("users"),
            }),
            GROUPS => {
                *group = self.first(&["groups"]).await?;
                // Every organisation has the group Everyone.
                Ok(match group {
                    Some(_) => ProbeStep::works(name, "the first group can be read"),
                    None => nothing("groups"),
                })
            }
            EXTENT => self.extent().await,
            _ => match group.as_deref() {
                Some(id) => {
                    self.first(&["groups", id, "users"]).await?;
                    Ok(ProbeStep::works(name, "the members of the first group can be read"))
                }
                None => Ok(ProbeStep::works(name, "there is no group whose members could be read")),
            },
        }
    }
}

impl Okta {
    /// Whether an organisation is there, without a credential.
    async fn reach(&self) -> Result<ProbeStep, ConnectError> {
        let url = self.settings.address(&[".well-known", "okta-organization"], &[]);
        let (mut tries, progress) = (Tries::default(), Progress::default());
        let answer = loop {
            let request = self.http.request(Method::GET, &url);
            let answer = self.http.once(&progress, request).await?;
            if answer.status.as_u16() != 429 {
                break answer;
            }
            let pause = answer.retry_after(self.http.now());
            tries.again(&self.http, &progress, Setback::Throttled(pause)).await?;
        };
        let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let id = document.as_ref().and_then(|document| document["id"].as_str());
        let Some(id) = id.filter(|_| answer.status.is_success()) else {
            return Err(match answer.status.as_u16() {
                500.. => {
                    let text =
                        format!("Okta has a temporary problem ({}); try again", answer.status);
                    ConnectError::new(crate::error::Kind::Temporary, "N-5XX", text)
                }
                _ => catalogue::no_organisation(&self.settings),
            });
        };
        if let Some(detail) = notes::clock("Okta", self.http.skew_ms()) {
            return Ok(ProbeStep::warning(REACH, "N-CLOCK", detail));
        }
        Ok(ProbeStep::works(REACH, format!("{} is the organisation {id}", self.settings.url)))
    }

    /// How much there is, and how long reading it takes.
    async fn extent(&self) -> Result<ProbeStep, ConnectError> {
        let (people, groups) = tokio::try_join!(self.count_people(), self.count_groups())?;
        let requests = people.count.div_ceil(200) + groups.count.div_ceil(200) + groups.count;
        let rate = self.limits.per_minute(Bucket::Members).unwrap_or(USUAL_PER_MINUTE).max(1);
        let seconds = groups.count * 60 / u64::from(rate);
        Ok(Extent { people, groups, requests, seconds }.step())
    }

    /// People, as the group of everybody counts them.
    async fn count_people(&self) -> Result<Counted, ConnectError> {
        let filter = [("filter", "type eq \"BUILT_IN\""), ("expand", "stats")];
        let url = self.settings.api(&["groups"], &filter);
        let progress = Progress::default();
        let page: Vec<Value> = call(self, Ask::get(&url), "groups", &progress, |answer| {
            serde_json::from_slice(&answer.body)
        })
        .await?;
        let counts =
            page.iter().filter_map(|group| group["_embedded"]["stats"]["usersCount"].as_u64());
        Ok(Counted { count: counts.max().unwrap_or_default(), more: false })
    }

    async fn count_groups(&self) -> Result<Counted, ConnectError> {
        let mut url = self.settings.api(&["groups"], &[("limit", "200")]);
        let mut counted = Counted::default();
        let progress = Progress::default();
        for _ in 0..PAGES_MAX {
            let (count, next) = call(self, Ask::get(&url), "groups", &progress, |answer| {
                let page: Vec<IgnoredAny> = serde_json::from_slice(&answer.body)?;
                Ok((page.len(), next_link(&answer.headers)))
            })
            .await?;
            counted.count += count as u64;
            counted.more = next.is_some();
            let Some(next) = next else { break };
            url = next;
        }
        Ok(counted)
    }

    /// The id of the first object of a list.
    async fn first(&self, segments: &[&str]) -> Result<Option<String>, ConnectError> {
        let url = self.settings.api(segments, &[("limit", "1")]);
        let ask = Ask::get(&url);
        call(self, ask, "the first object", &Progress::default(), |answer| {
            let page: Vec<Value> = serde_json::from_slice(&answer.body)?;
            Ok(page.first().and_then(|first| first["id"].as_str()).map(str::to_owned))
        })
        .await
    }
}
