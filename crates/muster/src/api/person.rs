//! One person now: asked for alone, through the same plan and commit as everybody.

use axum::extract::State;
use directory::{
    explain::{self, Explanation},
    report::RunReport,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Problem,
    directory::{keeper, named},
    extract::{Json, Path},
};
use crate::{
    app::App,
    task::commit::{self, person},
};

/// Whom to read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = OnePerson)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    /// User name, sign-in name, mail address or the provider's id.
    pub user: String,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OneRead {
    /// The report of the run.
    pub report: RunReport,
    /// How the person stands now; two when a name has passed from one id to another.
    pub people: Vec<Explanation>,
}

/// Reads one person now.
#[utoipa::path(post, path = "/directories/{name}/sync/person", tag = "people", responses(
    (status = 200, description = "Done.", body = OneRead),
    (status = 409, description = "The directory is paused or was never read."),
    (status = 502, description = "The provider could not be asked."),
))]
pub(super) async fn sync(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(Whom { user }): Json<Whom>,
) -> Result<Json<OneRead>, Problem> {
    let user = user.trim();
    if user.is_empty() || user.len() > 400 || user.chars().any(char::is_control) {
        return Err(Problem::bad_request("`user` names one person, by name, address or id"));
    }
    let row = named(&app, &name).await?;
    if row.paused {
        let detail = format!("`{name}` is paused; `muster directory resume {name}` first");
        return Err(Problem::conflict(detail));
    }
    let keeper = keeper(&app, row.id)?;
    let (report, ids) = connect::urgently(person::read(&app, &keeper, user)).await?;
    let issues = keeper.issues();
    let people = commit::with_basis(&app, &keeper, move |basis| {
        let all = ids.iter().filter_map(|id| explain::explain(basis, &issues, &id.to_string()));
        all.collect()
    });
    Ok(Json(OneRead { report, people: people.await? }))
}
