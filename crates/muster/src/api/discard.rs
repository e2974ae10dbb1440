//! Discards: which there are, and taking them back after a look.
//!
//! Invariant: who only looks changes nothing, and sees what would become of each object now.

use std::collections::BTreeSet;

use axum::extract::State;
use directory::{
    decisions::{Digest, Node},
    plan::{self, Then, discarded_digest},
    report::{GuardKind, RunReport},
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
    task::commit::{
        self, Decision, Step,
        withdraw::{self, Withdrawal},
    },
};

/// An object whose changes were discarded: it stays as it is served.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Discarded {
    /// `user` or `group`.
    pub kind: String,
    /// The provider's id.
    pub id: String,
    /// The name it is served under, or what the provider calls it.
    pub name: String,
    /// What would become of it without the discard: `waits`, `changes` (at once) or `stays`.
    pub then: String,
    /// The kinds of change for which it would wait again.
    pub waits_for: Vec<GuardKind>,
    /// The same in words.
    pub what: String,
}

/// Discards, and what would happen if they were withdrawn together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Discards {
    /// The objects.
    pub discarded: Vec<Discarded>,
    /// What a withdrawal of these names.
    pub digest: Digest,
    /// The report of the run; none when it was only looked at.
    #[serde(default)]
    pub report: Option<RunReport>,
}

/// One object.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectReference)]
pub struct Object {
    /// `user` or `group`.
    pub kind: String,
    /// The provider's id.
    pub id: String,
}

/// Discards to be taken back.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Withdraw {
    /// Those of these objects only; all when there is none.
    pub only: Vec<Object>,
    /// The `digest` of a look at it: if something else would happen by now, nothing is done.
    pub digest: Option<Digest>,
    /// Why, for the record.
    pub reason: Option<String>,
    /// Only look.
    pub dry_run: bool,
}

/// Lists discarded changes, with what would become of each if all discards were withdrawn.
#[utoipa::path(get, path = "/directories/{name}/discards", tag = "decisions", responses(
    (status = 200, description = "The discards.", body = Discards),
))]
pub(super) async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Discards>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    Ok(Json(Discards::of(&withdraw::discarded(&app, &keeper, None).await?)))
}

/// Takes discards back, so that the changes flow or wait again; or shows which would do what.
#[utoipa::path(post, path = "/directories/{name}/withdraw", tag = "decisions", responses(
    (status = 200, description = "The discards that were withdrawn.", body = Discards),
    (status = 409, description = "Nothing like that is discarded, or something else would happen than was shown."),
))]
pub(super) async fn withdraw(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(asked): Json<Withdraw>,
) -> Result<Json<Discards>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    let all = withdraw::discarded(&app, &keeper, None).await?;
    let (mut seen, chosen) = if asked.only.is_empty() {
        (all, None)
    } else {
        let chosen = chosen(&all, &asked.only)?;
        (withdraw::discarded(&app, &keeper, Some(chosen.clone())).await?, Some(chosen))
    };
    seen.sort_by_key(|discarded| discarded.node);
    let mut discards = Discards::of(&seen);
    if !asked.dry_run {
        let names: Vec<&str> = seen.iter().map(|discarded| discarded.name.as_str()).collect();
        audit::say(|| json!({"withdrawn": names, "digest": asked.digest}));
        let withdrawal = Withdrawal { chosen, seen: asked.digest, reason: asked.reason };
        let decision = Decision { withdraw: Some(withdrawal), ..Decision::default() };
        discards.report = Some(commit::commit(&app, &keeper, Step::Decision(decision)).await?);
    }
    Ok(Json(discards))
}

/// The objects that are meant; each must be discarded.
fn chosen(all: &[plan::Discarded], only: &[Object]) -> Result<BTreeSet<Node>, Problem> {
    let node = |object: &Object| {
        let fits = |discarded: &&plan::Discarded| {
            kind(discarded.node) == object.kind && discarded.id.to_string() == object.id
        };
        let found = all.iter().find(fits).map(|discarded| discarded.node);
        let (kind, id) = (&object.kind, &object.id);
        found.ok_or_else(|| Problem::conflict(format!("no change of {kind} `{id}` is discarded")))
    };
    only.iter().map(node).collect()
}

fn kind(node: Node) -> &'static str {
    match node {
        Node::User(_) => "user",
        Node::Group(_) => "group",
    }
}

impl Discards {
    fn of(discarded: &[plan::Discarded]) -> Self {
        let digest = discarded_digest(discarded);
        Self { discarded: discarded.iter().map(Discarded::of).collect(), digest, report: None }
    }
}

impl Discarded {
    fn of(discarded: &plan::Discarded) -> Self {
        let plan::Discarded { node, id, name, then } = discarded;
        let (then, waits_for, what) = match then {
            Then::Waits(kinds) => {
                let (waits_for, what): (Vec<_>, Vec<_>) = kinds.iter().cloned().unzip();
                (
                    "waits",
                    waits_for,
                    format!("would wait for an approval again: {}", what.join("; ")),
                )
            }
            Then::Changes => ("changes", Vec::new(), "would be changed at once".to_owned()),
            Then::Stays => ("stays", Vec::new(), "would stay as it is served".to_owned()),
        };
        Self {
            kind: kind(*node).to_owned(),
            id: id.to_string(),
            name: name.clone(),
            then: then.to_owned(),
            waits_for,
            what,
        }
    }
}
