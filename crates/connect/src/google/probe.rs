//! The check of a Google connection: token, users, groups, members, the audit log.

use super::{
    Google, reports,
    wire::{self, GroupItem, Groups, Users},
};
use crate::{
    error::{ConnectError, Kind},
    notes,
    probe::{Counted, EXTENT, Extent, ProbeStep, Stepwise},
    progress::Progress,
};

const TOKEN: &str = "get a token";
const USERS: &str = "read users";
const GROUPS: &str = "read groups";
const MEMBERS: &str = "read members";
const REPORTS: &str = "read the audit log";

/// Pages that are counted at the most.
const PAGES_MAX: u32 = 10;
/// The vendor's queries a minute.
const QUOTA: u32 = 2_400;

impl Stepwise for Google {
    const STEPS: &'static [&'static str] = &[TOKEN, USERS, GROUPS, MEMBERS, REPORTS, EXTENT];

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
            REPORTS => self.reports_step().await,
            EXTENT => self.extent().await,
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
    /// Whether the audit log can be read, if it is to be; without it changes are found later.
    async fn reports_step(&self) -> Result<ProbeStep, ConnectError> {
        if !self.settings.reports {
            return Ok(ProbeStep::works(REPORTS, "not asked for (setting `reports`)"));
        }
        let path = ["admin", "reports", "v1", "activity", "users", "all", "applications", "admin"];
        let url = self.settings.url(&path, &[("maxResults", "1"), ("fields", "items(id)")]);
        let progress = Progress::default();
        let read = self.get(&url, "the audit log", &progress, |bytes| {
            serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
        });
        match read.await {
            Ok(_) => Ok(ProbeStep::works(REPORTS, "the audit log can be read")),
            Err(error) if error.kind == Kind::Refused => {
                let detail = format!(
                    "changed memberships are found in turns only: the delegation needs the scope {} too, and the \
                     administrator the privilege Reports ({error})",
                    reports::SCOPE
                );
                // The scopes that reading needs are there: the token before this one had them.
                let code = match error.code() {
                    Some("G-SUBJECT-ADMIN") => "G-SUBJECT-ADMIN",
                    _ => "G-SCOPE-PART",
                };
                Ok(ProbeStep::warning(REPORTS, code, detail))
            }
            Err(error) => Err(error),
        }
    }

    /// How much there is, and how long reading it takes.
    async fn extent(&self) -> Result<ProbeStep, ConnectError> {
        let (people, (groups, lists)) = tokio::try_join!(self.count_people(), self.count_groups())?;
        let requests = people.count.div_ceil(500) + groups.count.div_ceil(200) + lists;
        let rate = u64::from(self.settings.requests_per_minute.unwrap_or(QUOTA));
        let seconds = requests * 60 / rate;
        Ok(Extent { people, groups, requests, seconds }.step())
    }

    async fn count_people(&self) -> Result<Counted, ConnectError> {
        let fields = "nextPageToken,users(id)";
        let parameters =
            [("customer", &*self.settings.customer), ("maxResults", "500"), ("fields", fields)];
        let mut url = self.settings.directory_url(&["users"], &parameters);
        let mut counted = Counted::default();
        for _ in 0..PAGES_MAX {
            let (count, next) = self
                .get(&url, wire::USERS, &Progress::default(), |bytes| {
                    let page: Users<'_> = serde_json::from_slice(bytes)?;
                    Ok((page.users.len(), page.next_page_token))
                })
                .await?;
            counted.count += count as u64;
            counted.more = next.is_some();
            let Some(next) = next else { break };
            url = self.settings.directory_url(&["users"], &parameters);
            url.query_pairs_mut().append_pair("pageToken", &next);
        }
        Ok(counted)
    }

    /// Groups, and the requests that their members take.
    async fn count_groups(&self) -> Result<(Counted, u64), ConnectError> {
        let fields = "nextPageToken,groups(id,directMembersCount)";
        let parameters =
            [("customer", &*self.settings.customer), ("maxResults", "200"), ("fields", fields)];
        let mut url = self.settings.directory_url(&["groups"], &parameters);
        let (mut counted, mut lists) = (Counted::default(), 0);
        for _ in 0..PAGES_MAX {
            let (count, requests, next) = self
                .get(&url, wire::GROUPS, &Progress::default(), |bytes| {
                    let page: Groups<'_> = serde_json::from_slice(bytes)?;
                    let members = |group: &GroupItem<'_>| {
                        let count = group.direct_members_count.as_deref().unwrap_or_default();
                        count.parse::<u64>().unwrap_or_default().div_ceil(200).max(1)
                    };
                    let requests: u64 = page.groups.iter().map(members).sum();
                    Ok((page.groups.len(), requests, page.next_page_token))
                })
                .await?;
            counted.count += count as u64;
            counted.more = next.is_some();
            lists += requests;
            let Some(next) = next else { break };
            url = self.settings.directory_url(&["groups"], &parameters);
            url.query_pairs_mut().append_pair("pageToken", &next);
        }
        Ok((counted, lists))
    }

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
