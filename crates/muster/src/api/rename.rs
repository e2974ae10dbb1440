//! New names of single groups: the list, and the decision about each after a look.
//!
//! Invariants: a look changes nothing; a decision holds for the names that were shown and for no others.

use std::collections::BTreeMap;

use axum::extract::State;
use directory::{
    decisions::{Digest, Node},
    derive::RenameState,
    id::GroupNo,
    name::Name,
    plan::{self, renames_digest},
    reference,
    report::RunReport,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Problem, audit,
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::{
        commit::{
            self, Decision, Step, person,
            rename::{self, Renaming},
        },
        keeper::Keeper,
    },
};

/// A group that is served under another name than the provider has for it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rename {
    /// The provider's id.
    pub id: String,
    /// The name that products see.
    pub name: String,
    /// The name that the rules make of the provider's record.
    pub new_name: String,
    /// `waiting` (for a decision), `accepted` (and not served yet) or `refused`.
    pub state: RenameState,
    /// The same in words.
    pub what: String,
}

/// New names of groups.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Renames {
    /// The groups, by the name that products see.
    pub renames: Vec<Rename>,
    /// The digest of these names and states, for a decision about them.
    pub digest: Digest,
    /// The report of the run; none after a look.
    #[serde(default)]
    pub report: Option<RunReport>,
}

/// Decisions about new names of groups.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RenameDecision)]
pub struct Decide {
    /// Groups that get their new name, each by name, mail address or the provider's id.
    pub accept: Vec<String>,
    /// Groups that keep the served name. The same new name does not wait again; another one does.
    pub refuse: Vec<String>,
    /// The `digest` of a dry run with the same groups: if a name has changed since, nothing is decided.
    pub digest: Option<Digest>,
    /// The reason, for the record.
    pub reason: Option<String>,
    /// Only returns what would be decided.
    pub dry_run: bool,
}

/// Lists the groups that have a new name at the provider, and the decision about each.
#[utoipa::path(get, path = "/directories/{name}/renames", operation_id = "renames", tag = "decisions", responses(
    (status = 200, description = "The new names.", body = Renames),
))]
pub(super) async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Renames>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    Ok(Json(Renames::of(&rename::renames(&app, &keeper).await?)))
}

/// Returns the new names for a page of the console; `None` while a run is under way.
pub(super) async fn shown(app: &App, name: &str) -> Result<Option<Vec<(Rename, Digest)>>, Problem> {
    let row = named(app, name).await?;
    let Some(keeper) = app.keeper(row.id) else { return Ok(None) };
    let renames = rename::renames_now(app, &keeper).await?;
    let line =
        |rename: &plan::Rename| (Rename::of(rename), renames_digest(std::slice::from_ref(rename)));
    Ok(renames.map(|renames| renames.iter().map(line).collect()))
}

/// Accepts or refuses new names of single groups.
///
/// An accepted name is served at once, unless it is in use or its change waits for an approval. At their
/// next synchronisation products see the old group go and the new one come with the same members. A refused name can be
/// accepted later.
#[utoipa::path(post, path = "/directories/{name}/renames", operation_id = "decide_renames", tag = "decisions", responses(
    (status = 200, description = "The new names that were decided, as they were before.", body = Renames),
    (status = 409, description = "A group has no new name, several groups fit, or a name has changed since it was shown."),
))]
pub(super) async fn decide(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(asked): Json<Decide>,
) -> Result<Json<Renames>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    if asked.accept.is_empty() && asked.refuse.is_empty() {
        return Err(Problem::bad_request("`accept` or `refuse` names at least one group"));
    }
    let all = rename::renames(&app, &keeper).await?;
    let accept = chosen(&app, &keeper, &all, &asked.accept).await?;
    let refuse = chosen(&app, &keeper, &all, &asked.refuse).await?;
    if let Some(rename) = accept.keys().find_map(|no| refuse.get(no)) {
        let detail = format!("`{}` is named in both `accept` and `refuse`", rename.served);
        return Err(Problem::bad_request(detail));
    }
    let meant = |rename: &&plan::Rename| {
        accept.contains_key(&rename.group) || refuse.contains_key(&rename.group)
    };
    let seen: Vec<plan::Rename> = all.iter().filter(meant).cloned().collect();
    let mut renames = Renames::of(&seen);
    if asked.digest.as_ref().is_some_and(|digest| *digest != renames.digest) {
        return Err(Problem::conflict(
            "a name has changed since it was shown; look again at the new names of the groups",
        ));
    }
    if !asked.dry_run {
        audit::say(|| detail(&accept, &refuse));
        let names = |chosen: BTreeMap<GroupNo, plan::Rename>| {
            chosen.into_iter().map(|(no, rename)| (no, rename.name)).collect::<BTreeMap<_, Name>>()
        };
        let (accept, refuse) = (names(accept), names(refuse));
        let renaming = Renaming { accept, refuse, reason: asked.reason };
        let decision = Decision { renames: Some(renaming), ..Decision::default() };
        renames.report = Some(commit::commit(&app, &keeper, Step::Decision(decision)).await?);
    }
    Ok(Json(renames))
}

/// The names that are decided, for the audit log.
fn detail(
    accept: &BTreeMap<GroupNo, plan::Rename>,
    refuse: &BTreeMap<GroupNo, plan::Rename>,
) -> serde_json::Value {
    let told = |chosen: &BTreeMap<GroupNo, plan::Rename>| -> Vec<serde_json::Value> {
        let one = |rename: &plan::Rename| {
            let (before, after) = (rename.served.as_str(), rename.name.as_str());
            json!({"id": rename.id.to_string(), "before": before, "after": after})
        };
        chosen.values().map(one).collect()
    };
    json!({"accepted": told(accept), "refused": told(refuse)})
}

/// The new names of the groups that references name.
async fn chosen(
    app: &App,
    keeper: &Keeper,
    all: &[plan::Rename],
    references: &[String],
) -> Result<BTreeMap<GroupNo, plan::Rename>, Problem> {
    let mut chosen = BTreeMap::new();
    for wanted in references {
        let fit = person::find(app, keeper, reference::Kind::Group, wanted).await?;
        let wanted = wanted.trim();
        let no = match fit.as_slice() {
            [(Node::Group(no), _)] => *no,
            [] | [_] => {
                let detail =
                    format!("no group has the name, mail address or provider id `{wanted}`");
                return Err(Problem::not_found(detail));
            }
            _ => {
                let candidates = fit.into_iter().map(|(_, candidate)| candidate).collect();
                return Err(Problem::ambiguous(wanted, candidates));
            }
        };
        let Some(rename) = all.iter().find(|rename| rename.group == no) else {
            let detail = format!(
                "the group `{wanted}` has no new name to decide about: it is served under the provider's name, is not \
                 served, or its changes were discarded"
            );
            return Err(Problem::conflict(detail));
        };
        chosen.insert(no, rename.clone());
    }
    Ok(chosen)
}

impl Renames {
    fn of(renames: &[plan::Rename]) -> Self {
        let digest = renames_digest(renames);
        Self { renames: renames.iter().map(Rename::of).collect(), digest, report: None }
    }
}

impl Rename {
    pub(super) fn of(rename: &plan::Rename) -> Self {
        let (name, new_name) = (rename.served.to_string(), rename.name.to_string());
        let what = match rename.state {
            RenameState::Waiting => {
                format!(
                    "the provider calls it `{new_name}` now; products see `{name}` until this is accepted"
                )
            }
            RenameState::Accepted => format!(
                "the new name `{new_name}` is accepted and not served yet: another group has it, or its change waits \
                 for an approval"
            ),
            RenameState::Refused => format!(
                "the new name `{new_name}` was refused; products go on seeing `{name}`, and the next other name waits \
                 again"
            ),
        };
        Self { id: rename.id.to_string(), name, new_name, state: rename.state, what }
    }
}
