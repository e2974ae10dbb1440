//! Directories in the admin API: connect, look, synchronise, decide.

use directory::counted::counted;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};
use connect::ProbeReport;
use directory::{
    decisions::{Digest, Node},
    id::{DirectoryId, Millis},
    observation::Attribute,
    plan::{Issue, Reason},
    report::{GuardKind, Outcome, RunReport},
    rules::{
        Rules,
        compiled::{Compiled, RuleProblems},
        limits::Limits,
        names::TextRule,
    },
    snapshot::Size,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ConnectionRow, NewConnection, Pin, Schedule};
use utoipa::ToSchema;

use crate::{
    api::{
        Problem, audit,
        bearer::By,
        connection::shown_day,
        extract::{Json, Path},
    },
    app::App,
    directory_key,
    service::{
        connection::{self, keeper, named},
        name::{Named, new_name},
    },
    task::{
        Status, Waiting,
        commit::{self, Choice, Decision, Step},
        state::DirectoryState,
        watch::Standing,
    },
};

/// How long a provider's request to wait is followed in a check, for which somebody waits.
pub(crate) const CHECK_PATIENCE: Duration = Duration::from_secs(15);
/// Issues listed with a directory.
const ISSUES_MAX: usize = 100;

/// A directory in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Directory)]
pub struct Summary {
    /// Its number.
    pub id: u32,
    /// The first part of the `key` of its users in products.
    #[serde(default)]
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its provider: `entra`.
    pub provider: String,
    /// Whether its schedule is stopped.
    pub paused: bool,
    /// Whether products may read it: it was read in full once.
    pub served: bool,
    /// What it holds.
    pub size: Size,
    /// How its last run ended.
    pub last: Option<RunReport>,
    /// How it stands, whatever ran last: when its provider was last read, what waits, who is not served.
    #[serde(default)]
    pub state: DirectoryState,
    /// When its next run is due; none while it is paused, and while a run is under way.
    pub next: Option<Millis>,
    /// When the run that is under way began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Millis>,
    /// Until when the provider asked to wait, while something is not asked because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Where it was put back to, if it stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// What of its settings in the database cannot be read: it is served as it is and not read until they are set again or
    /// `muster repair` has reset them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// A directory with everything but its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DirectoryDetail)]
pub struct Detail {
    /// What the list says.
    #[serde(flatten)]
    pub summary: Summary,
    /// How the provider is reached.
    pub settings: BTreeMap<String, String>,
    /// Its rules.
    pub rules: Rules,
    /// Says that its limits are still the defaults of an earlier version, and what new directories have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits_notice: Option<String>,
    /// Its schedule.
    pub schedule: Schedule,
    /// The day on which the provider's credential stops working, if an administrator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// How the provider's word of changes stands, if it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Standing>,
    /// Its latest runs, newest first.
    pub runs: Vec<RunReport>,
    /// People and groups that cannot be served, or not under the name that the rules make; some of them.
    pub issues: Vec<IssueLine>,
    /// How many those are in all.
    pub issues_total: usize,
}

/// Somebody who cannot be served, or not under the name that the rules make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Issue)]
pub struct IssueLine {
    /// `user` or `group`.
    pub kind: String,
    /// The provider's id.
    pub id: String,
    /// What the provider calls it.
    pub label: String,
    /// Whether it is served all the same.
    pub served: bool,
    /// Whether it cannot be read at present, and stays as it was.
    #[serde(default)]
    pub unreadable: bool,
    /// What the matter is.
    pub why: String,
}

impl IssueLine {
    pub(super) fn of(issue: &Issue) -> Self {
        let kind = match issue.node {
            Node::User(_) => "user",
            Node::Group(_) => "group",
        };
        Self {
            kind: kind.to_owned(),
            id: issue.id.to_string(),
            label: issue.label.clone(),
            served: issue.served,
            unreadable: matches!(issue.reason, Reason::Unreadable { .. }),
            why: issue.reason.to_string(),
        }
    }
}

/// A directory to be connected.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = NewDirectory)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Its name, unique in any case.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// How the provider is reached.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The provider's credential.
    pub secret: String,
    /// Its rules; the defaults otherwise.
    pub rules: Option<Rules>,
    /// Its schedule; the default otherwise.
    pub schedule: Option<Schedule>,
    /// The first part of its users' keys, where it had one before; the tenant's own otherwise.
    #[serde(default)]
    pub key: Option<String>,
}

/// Asks for a run.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sync {
    /// Read everything, not only what changed.
    pub full: bool,
}

/// A run that was asked for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Queued {
    /// The number to wait for in `completed` of the status.
    pub ticket: u64,
}

/// An approval or a discard.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The digest that the preview showed; a discard may go without.
    pub digest: Option<Digest>,
    /// One kind only.
    #[serde(default)]
    pub kind: Option<GuardKind>,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Option<String>,
}

/// All directories.
#[utoipa::path(get, path = "/directories", tag = "directories", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let rows = app.blocking(store::Store::connections).await?;
    Ok(Json(rows.iter().map(|row| summary(&app, row)).collect()))
}

/// One directory, with everything but its secret.
#[utoipa::path(get, path = "/directories/{name}", tag = "directories", responses(
    (status = 200, description = "What was asked for.", body = Detail),
))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Detail>, Problem> {
    let row = named(&app, &name).await?;
    let id = row.id;
    let runs = app.blocking(move |store| store.latest_runs(id, 10)).await?;
    let issues = issues_of(&app, id).await?;
    let summary = summary(&app, &row);
    Ok(Json(Detail {
        limits_notice: limits_notice(&row, summary.size),
        summary,
        settings: row.settings,
        rules: row.rules,
        schedule: row.schedule,
        expires: row.expires.map(shown_day),
        notifications: app.watches.standing(row.id),
        runs,
        issues: issues.iter().take(ISSUES_MAX).map(IssueLine::of).collect(),
        issues_total: issues.len(),
    }))
}

/// What an administrator is told while limits are still an earlier version's defaults.
fn limits_notice(row: &ConnectionRow, size: Size) -> Option<String> {
    let limits = &row.rules.limits;
    limits.has_former_defaults().then(|| {
        let passing = |limits: &Limits| {
            format!(
                "{}, {} and {}",
                counted(limits.leaving().passing(size.users), "person"),
                counted(limits.groups().passing(size.groups), "group"),
                counted(limits.memberships().passing(size.memberships + size.nestings), "membership")
            )
        };
        format!(
            "its limits are those of an earlier version: up to {} may go within a day without a word; of a new directory of \
             this size up to {}; `muster directory rules {} --usual-limits` takes the new ones",
            passing(limits),
            passing(&limits.without_former_defaults()),
            row.name
        )
    })
}

/// Connects a directory and asks for its first run.
#[utoipa::path(post, path = "/directories", tag = "directories", responses(
    (status = 201, description = "Made.", body = Summary),
    (status = 409, description = "There is a directory of that name."),
))]
pub(super) async fn add(
    State(app): State<App>,
    Json(add): Json<Add>,
) -> Result<(StatusCode, Json<Summary>), Problem> {
    let row = connect_directory(&app, add).await?;
    audit::say(|| json!({"provider": row.provider, "settings": row.settings, "key": row.key}));
    Ok((StatusCode::CREATED, Json(summary(&app, &row))))
}

/// The rules of a new directory (DESIGN.md section 7 and 10.3).
pub fn usual_rules(provider: &str) -> Rules {
    let mut rules = Rules::default();
    if provider == "google" {
        // Google's group names are not unique; their addresses are.
        rules.group_name = TextRule::Attribute(Attribute::MailNickname);
    }
    rules
}

/// The schedule of a new directory: where there is no list of changes, everything is verified daily.
pub fn usual_schedule(provider: &str) -> Schedule {
    let usual = Schedule::default();
    match provider {
        "entra" => usual,
        _ => Schedule { full_every_s: 24 * 3_600, ..usual },
    }
}

/// Connects a directory and asks for its first run; what the wizard and the demo do too.
///
/// # Errors
/// When name, provider, settings or rules cannot be used.
pub async fn connect_directory(app: &App, add: Add) -> Result<ConnectionRow, Problem> {
    let row = add_directory(app, add).await?;
    app.keep(row.id).await.request(true);
    // It may be one whose provider is to tell of changes.
    app.watches.changed();
    Ok(row)
}

/// Adds a directory that is not read yet.
///
/// # Errors
/// When name or settings cannot be used.
pub async fn add_directory(app: &App, add: Add) -> Result<ConnectionRow, Problem> {
    let rows = app.blocking(store::Store::connections).await?;
    let others = rows.iter().map(|row| row.name.as_str());
    let name = new_name(Named::Directory, &add.name, others)?;
    let key = add.key.as_deref().map(directory_key::checked).transpose();
    let schedule = add.schedule.unwrap_or_else(|| usual_schedule(&add.provider)).checked();
    let mut new = NewConnection {
        name,
        key: key.map_err(|error| Problem::bad_request(error.to_string()))?,
        rules: add.rules.unwrap_or_else(|| usual_rules(&add.provider)),
        schedule: schedule.map_err(|error| Problem::bad_request(error.to_string()))?,
        provider: add.provider,
        settings: add.settings,
        secret: SecretString::from(add.secret),
    };
    Compiled::new(new.rules.clone()).map_err(|problems| refused(&problems))?;
    app.check_settings(&new).map_err(|error| Problem::bad_request(error.to_string()))?;
    match &new.key {
        None => new.key = Some(directory_key::of_new(app, &new).await?),
        Some(key) => {
            if let Some(other) = rows.iter().find(|row| row.key == *key) {
                let detail =
                    format!("`{}` has the key `{key}`; two directories have two keys", other.name);
                return Err(Problem::conflict(detail));
            }
        }
    }
    let now = app.clock.now();
    let row =
        app.blocking(move |store| store.quietly(|change| change.add_connection(&new, now))).await?;
    app.published_up_to_date().await?;
    Ok(row)
}

/// Removes a directory that no application reads.
#[utoipa::path(delete, path = "/directories/{name}", tag = "directories", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "Applications read it."),
))]
pub(super) async fn remove(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    connection::remove(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the pull of a directory does now.
#[utoipa::path(get, path = "/directories/{name}/status", tag = "directories", responses(
    (status = 200, description = "What was asked for.", body = Status),
    (status = 409, description = "It is being removed."),
))]
pub(super) async fn status(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Status>, Problem> {
    let row = named(&app, &name).await?;
    Ok(Json(keeper(&app, row.id)?.status()))
}

/// Checks the connection to the provider, step by step.
#[utoipa::path(post, path = "/directories/{name}/check", tag = "directories", responses(
    (status = 200, description = "Done.", body = ProbeReport),
))]
pub(super) async fn check(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<ProbeReport>, Problem> {
    let row = named(&app, &name).await?;
    let connector = app.connector(&row).map_err(|error| Problem::bad_request(error.to_string()))?;
    let probing = connect::with_patience(CHECK_PATIENCE, connector.probe(|_| {}));
    Ok(Json(keeper(&app, row.id)?.unless_stopped(&app, probing).await?))
}

/// Asks for a run.
#[utoipa::path(post, path = "/directories/{name}/sync", tag = "directories", responses(
    (status = 202, description = "It will be done.", body = Queued),
    (status = 409, description = "It is paused."),
))]
pub(super) async fn sync(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(sync): Json<Sync>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let ticket = connection::sync(&app, &actor, &name, sync.full).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { ticket })))
}

/// Lets what waits pass.
#[utoipa::path(post, path = "/directories/{name}/approve", tag = "decisions", responses(
    (status = 200, description = "Done.", body = RunReport),
    (status = 409, description = "What waits is not what was seen, or nothing waits."),
))]
pub(super) async fn approve(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(decide_on): Json<Decide>,
) -> Result<Json<RunReport>, Problem> {
    if decide_on.digest.is_none() {
        let detail =
            "an approval names the digest of what was seen; `muster directory preview` shows it";
        return Err(Problem::bad_request(detail));
    }
    let decision = |choice| Decision { approve: Some(choice), ..Decision::default() };
    decide(&app, &name, decide_on, decision).await
}

/// Keeps what waits as it is served.
#[utoipa::path(post, path = "/directories/{name}/discard", tag = "decisions", responses(
    (status = 200, description = "Done.", body = RunReport),
    (status = 409, description = "What waits is not what was seen, or nothing waits."),
))]
pub(super) async fn discard(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(decide_on): Json<Decide>,
) -> Result<Json<RunReport>, Problem> {
    let decision = |choice| Decision { discard: Some(choice), ..Decision::default() };
    decide(&app, &name, decide_on, decision).await
}

/// Stops the schedule.
#[utoipa::path(post, path = "/directories/{name}/pause", tag = "directories", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "It is being removed."),
))]
pub(super) async fn pause(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    connection::set_paused(&app, &actor, &name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts the schedule.
#[utoipa::path(post, path = "/directories/{name}/resume", tag = "directories", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "It is being removed."),
))]
pub(super) async fn resume(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    connection::set_paused(&app, &actor, &name, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the rules, and brings the directory to them.
#[utoipa::path(put, path = "/directories/{name}/rules", tag = "directories", responses(
    (status = 200, description = "Done.", body = RunReport),
    (status = 409, description = "It is being removed."),
    (status = 413, description = "The rules are longer than 16 MiB."),
))]
pub(super) async fn set_rules(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(rules): Json<Rules>,
) -> Result<Json<RunReport>, Problem> {
    let compiled = Compiled::new(rules.clone()).map_err(|problems| refused(&problems))?;
    let warnings = super::preview::warnings(&compiled);
    let row = named(&app, &name).await?;
    audit::say(|| json!({"before": row.rules, "after": rules}));
    let id = row.id;
    app.blocking(move |store| store.quietly(|change| change.set_rules(id, &rules))).await?;
    let rules_before = Some(Box::new(row.rules));
    let step = Step::Decision(Decision { rules_before, ..Decision::default() });
    let keeper = keeper(&app, id)?;
    let mut report = commit::commit(&app, &keeper, step).await?;
    // Said to whoever saves: a name that means nobody may be a slip.
    let names = commit::what_if::rule_names(&app, &keeper, None).await?;
    report.notes.extend(names.iter().map(ToString::to_string));
    report.notes.extend(warnings);
    Ok(Json(report))
}

async fn decide(
    app: &App,
    name: &str,
    decide: Decide,
    decision: impl FnOnce(Choice) -> Decision,
) -> Result<Json<RunReport>, Problem> {
    let row = named(app, name).await?;
    let keeper = keeper(app, row.id)?;
    let digest = if let Some(digest) = decide.digest {
        digest
    } else {
        let waiting = commit::foretell(app, &keeper, None).await?;
        waiting.digest.ok_or_else(|| Problem::conflict(format!("nothing is held in `{name}`")))?
    };
    if let Some(reason) = &decide.reason {
        tracing::info!(directory = name, digest = digest.0, reason, "a held plan was decided");
    }
    let choice = Choice { digest, kind: decide.kind };
    let report = commit::commit(app, &keeper, Step::Decision(decision(choice))).await?;
    Ok(Json(report))
}

pub(super) fn refused(problems: &RuleProblems) -> Problem {
    Problem::bad_request(problems.to_string())
}

/// Who cannot be served, or not under the name that the rules make.
pub(super) async fn issues_of(app: &App, id: DirectoryId) -> Result<Arc<Vec<Issue>>, Problem> {
    match app.keeper(id) {
        Some(keeper) => Ok(commit::issues(app, &keeper).await?),
        None => Ok(Arc::default()),
    }
}

fn summary(app: &App, row: &ConnectionRow) -> Summary {
    let status = app.keeper(row.id).map(|keeper| keeper.status()).unwrap_or_default();
    let last = status
        .last
        .or_else(|| app.store.latest_runs(row.id, 1).ok().and_then(|mut runs| runs.pop()));
    Summary {
        id: row.id.0,
        key: row.key.clone(),
        name: row.name.clone(),
        provider: row.provider.clone(),
        paused: row.paused,
        served: row.served_once,
        size: app.served(row.id).map(|directory| directory.size()).unwrap_or_default(),
        last,
        state: status.state,
        next: status.next,
        running_since: status.started,
        waiting: status.waiting,
        pin: row.pin.clone(),
        unreadable: super::texts(&row.unreadable),
    }
}

/// Whether a run left something waiting.
pub fn is_held(report: &RunReport) -> bool {
    report.outcome == Outcome::Held
}
