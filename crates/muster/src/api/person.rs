//! One person now: asked for alone, through the same plan and commit as everybody.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use directory::{
    explain::{self, Explanation},
    report::RunReport,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::{
        Waiting,
        commit::{self, person},
        keeper::Keeper,
    },
};

/// How long somebody who asked waits; less than clients and proxies usually do.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

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
    (status = 504, description = "It takes longer, and goes on; the history of the person shows what comes of it."),
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
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (app_, keeper_, whom) = (app.clone(), Arc::clone(&keeper), user.to_owned());
    // Whoever asked may leave before the provider answers: what was begun is brought to its end.
    let work = async move {
        let read = connect::urgently(one(&app_, &keeper_, &whom)).await;
        drop(sender.send(read));
    };
    app.driver.start("person", Box::pin(work)).await;
    match tokio::time::timeout(ANSWER_WITHIN, receiver).await {
        Ok(Ok(read)) => Ok(Json(read?)),
        Ok(Err(_)) => Err(anyhow::anyhow!("reading one person panicked").into()),
        Err(_) => Err(Problem::goes_on(goes_on(&row.name, user, keeper.status().waiting))),
    }
}

async fn one(app: &App, keeper: &Keeper, user: &str) -> anyhow::Result<OneRead> {
    let (report, ids) = person::read(app, keeper, user).await?;
    let issues = commit::issues(app, keeper).await?;
    let people = commit::with_basis(app, keeper, move |basis| {
        let all = ids.iter().filter_map(|id| explain::explain(basis, &issues, &id.to_string()));
        all.collect()
    });
    Ok(OneRead { report, people: people.await? })
}

/// How it is said that an answer takes longer than somebody waits for it.
fn goes_on(directory: &str, user: &str, waiting: Option<Waiting>) -> String {
    let why = match waiting {
        Some(waiting) => waiting.words(),
        None => "the provider has not answered yet".to_owned(),
    };
    let seconds = ANSWER_WITHIN.as_secs();
    format!(
        "`{user}` is not read yet after {seconds} s ({why}); the server is still at it and goes on in the background; \
         look with `muster directory history {directory} {user}` and `muster directory show {directory}`"
    )
}

#[cfg(test)]
mod tests {
    use directory::id::Millis;

    use super::*;

    #[test]
    fn an_answer_that_takes_longer_says_why_and_where_to_look() {
        let until = Millis(58_800_000);
        let waits = ["Microsoft", "Google", "Okta"].map(|who| {
            let waiting = Waiting::of(connect::Wait { who, until });
            (Some(waiting), format!("waiting until 16:20 UTC, as {who} asked"))
        });
        let unanswered = (None, "the provider has not answered yet".to_owned());
        for (waiting, why) in waits.into_iter().chain([unanswered]) {
            let problem = Problem::goes_on(goes_on("contoso", "ann@example.org", waiting));
            assert_eq!(problem.status, 504);
            for part in [
                why.as_str(),
                "`ann@example.org` is not read yet after 45 s",
                "goes on in the background",
                "`muster directory history contoso ann@example.org`",
                "`muster directory show contoso`",
            ] {
                assert!(problem.detail.contains(part), "{part}: {}", problem.detail);
            }
        }
        assert!(connect::http::READ_TIMEOUT > ANSWER_WITHIN, "commands wait for this answer");
    }
}
