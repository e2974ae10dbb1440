//! The check of an Entra connection: reach, token, roles, users, groups, members, changes.

use directory::counted::{agreeing, counted};
use directory::observation::GroupRecord;
use reqwest::Method;

use super::{
    Entra,
    wire::{self, GroupItem, IdItem, Page},
};
use crate::{
    error::{ConnectError, Kind},
    garbled::{not_json, redirected},
    notes,
    probe::{Counted, EXTENT, Extent, ProbeStep, Stepwise},
    progress::Progress,
    scope::Scope,
};

const REACH: &str = "reach the login host";
const TOKEN: &str = "get a token";
const ROLES: &str = "permissions in the token";
const USERS: &str = "read users";
const GROUPS: &str = "read groups";
const MEMBERS: &str = "read members";
const CHANGES: &str = "read changes";

/// Objects of a page.
const PAGE: u64 = 999;
/// Groups that are looked at; a number that the vendor gives whatever is selected.
const SAMPLE: usize = 100;
/// What the vendor allows a large tenant.
const UNITS_IN_TEN_SECONDS: u64 = 8_000;

/// Permissions of which one must be there for people, and one for groups.
const USER_ROLES: [&str; 4] =
    ["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const GROUP_ROLES: [&str; 5] = [
    "GroupMember.Read.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

impl Stepwise for Entra {
    const STEPS: &'static [&'static str] =
        &[REACH, TOKEN, ROLES, USERS, GROUPS, MEMBERS, CHANGES, EXTENT];

    async fn step(
        &self,
        name: &str,
        group: &mut Option<String>,
    ) -> Result<ProbeStep, ConnectError> {
        match name {
            REACH => self.reach().await,
            TOKEN => self.token_step().await,
            ROLES => self.roles().await,
            USERS => {
                self.first("users").await?;
                Ok(ProbeStep::works(name, "the first user can be read"))
            }
            GROUPS => self.groups_step(group).await,
            CHANGES => self.changes_step().await,
            EXTENT => self.extent().await,
            _ => match group.as_deref() {
                Some(id) => {
                    self.first(&format!("groups/{id}/members")).await?;
                    Ok(ProbeStep::works(name, "the members of a group can be read"))
                }
                None => Ok(ProbeStep::works(name, "there is no group whose members could be read")),
            },
        }
    }
}

impl Entra {
    /// Whether the tenant is known, without a credential.
    async fn reach(&self) -> Result<ProbeStep, ConnectError> {
        let authority = self.settings.authority.as_str().trim_end_matches('/');
        let url =
            format!("{authority}/{}/v2.0/.well-known/openid-configuration", self.settings.tenant);
        let answer =
            self.http.once(&Progress::default(), self.http.request(Method::GET, &url)).await?;
        let strange = redirected(&answer, "the login host", "authority")
            .or_else(|| not_json(&answer, "the login host"));
        if let Some(error) = strange {
            return Err(error);
        }
        if let Some(detail) = notes::clock("Microsoft", self.http.skew_ms()) {
            return Ok(ProbeStep::warning(REACH, "N-CLOCK", detail));
        }
        let host = self.settings.authority.host_str().unwrap_or_default();
        Ok(ProbeStep::works(REACH, format!("{host} answers")))
    }

    async fn token_step(&self) -> Result<ProbeStep, ConnectError> {
        let token = self.tokens.get(&self.http, &Progress::default()).await?;
        let detail = match token.said.tenant {
            Some(tenant) => format!("client ID and credential are good for tenant {tenant}"),
            None => "client ID and credential are good".to_owned(),
        };
        Ok(ProbeStep::works(TOKEN, detail))
    }

    async fn roles(&self) -> Result<ProbeStep, ConnectError> {
        let token = self.tokens.get(&self.http, &Progress::default()).await?;
        let Some(roles) = token.said.roles else {
            return Ok(ProbeStep::works(
                ROLES,
                "the token does not show its permissions; reading will tell",
            ));
        };
        let has = |wanted: &[&str]| roles.iter().any(|role| wanted.contains(&role.as_str()));
        let mut missing = Vec::new();
        if !has(&USER_ROLES) {
            missing.push("User.Read.All");
        }
        if !has(&GROUP_ROLES) {
            missing.push("GroupMember.Read.All");
        }
        if missing.is_empty() {
            return Ok(ProbeStep::works(ROLES, roles.join(", ")));
        }
        // A permission that was added but not consented to, or added as Delegated, does not show at all; the
        // token just made would go on lacking it after the administrator's next click.
        self.tokens.refused(token.generation).await;
        let missing = missing.join(", ");
        let (code, text) = if roles.is_empty() {
            let text = format!(
                "the token has no permissions: admin consent is missing for {missing}, or they were added as Delegated \
                 instead of Application; API permissions > Application permissions > Grant admin consent, then wait \
                 one or two minutes"
            );
            ("E-CONSENT", text)
        } else {
            let text = format!(
                "the token lacks {missing} (it has {}); add it under Application permissions and grant admin consent",
                roles.join(", ")
            );
            ("E-PERM-TYPE", text)
        };
        Err(ConnectError::new(Kind::Refused, code, text))
    }

    /// Whether groups can be read, and all of their members; hands on a group whose members show.
    async fn groups_step(&self, group: &mut Option<String>) -> Result<ProbeStep, ConnectError> {
        let progress = Progress::default();
        let url = self.settings.graph_url(&format!("groups?$top={SAMPLE}&$select=id,visibility"));
        let groups = self
            .get(&url, wire::FIRST_GROUPS, &progress, |bytes| {
                let page: Page<'_, GroupItem<'_>> = serde_json::from_slice(bytes)?;
                let groups = page.value.iter();
                Ok(groups.map(|group| group.record(group.id.0.clone())).collect())
            })
            .await;
        let groups: Vec<GroupRecord> = groups?;
        let (hidden, plain): (Vec<_>, Vec<_>) = groups.iter().partition(|g| g.hidden_members);
        let shows = hidden.is_empty() || self.shows_hidden(&progress).await?;
        let mut readable = plain.iter().chain(hidden.iter().filter(|_| shows));
        *group = readable.next().map(|group| group.id.to_string());
        if shows {
            return Ok(ProbeStep::works(GROUPS, "the first group can be read"));
        }
        let detail = format!(
            "{} of the first {} {} members from this app, and the memberships are not read; the application permission \
             Member.Read.Hidden with admin consent would show them",
            hidden.len(),
            counted(groups.len(), "group"),
            agreeing(hidden.len(), "hides its", "hide their")
        );
        Ok(ProbeStep::warning(GROUPS, "E-HIDDEN", detail))
    }

    /// Whether the tenant lists changes.
    async fn changes_step(&self) -> Result<ProbeStep, ConnectError> {
        if self.settings.scope != Scope::Everything {
            let detail = "what is chosen is read whole each time, without lists of changes";
            return Ok(ProbeStep::works(CHANGES, detail));
        }
        match self.links_from_now(&Progress::default()).await {
            Ok(_) => Ok(ProbeStep::works(CHANGES, "changes can be read")),
            Err(error) if error.kind == Kind::Unsupported => {
                let detail = format!(
                    "this is an External ID or B2C tenant, which lists no changes: everything is read each time ({error})"
                );
                Ok(ProbeStep::warning(CHANGES, "E-B2C", detail))
            }
            Err(error) => Err(error),
        }
    }

    /// How much there is, and how long reading it takes.
    async fn extent(&self) -> Result<ProbeStep, ConnectError> {
        let (people, groups) = tokio::try_join!(self.count("users"), self.count("groups"))?;
        // A list of members costs two units; pages of people come one after the other.
        let (pages, lists) = (people.div_ceil(PAGE) + groups.div_ceil(PAGE), groups);
        let units = pages + 2 * lists;
        let extent = Extent {
            people: Counted { count: people, more: false },
            groups: Counted { count: groups, more: false },
            requests: pages + lists,
            seconds: (units * 10 / UNITS_IN_TEN_SECONDS).max(people.div_ceil(PAGE) / 2),
        };
        Ok(extent.step())
    }

    async fn count(&self, list: &str) -> Result<u64, ConnectError> {
        let url = self.settings.graph_url(&format!("{list}/$count"));
        self.get(&url, "a number", &Progress::default(), |bytes| {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            serde_json::from_str(text.trim_start_matches('\u{feff}').trim())
        })
        .await
    }

    /// The id of the first object of a list.
    async fn first(&self, path: &str) -> Result<Option<String>, ConnectError> {
        let url = self.settings.graph_url(&format!("{path}?$top=1&$select=id"));
        self.get(&url, wire::FIRST_OBJECT, &Progress::default(), |bytes| {
            let page: Page<'_, IdItem> = serde_json::from_slice(bytes)?;
            Ok(page.value.first().map(|item| item.id.0.to_string()))
        })
        .await
    }
}
