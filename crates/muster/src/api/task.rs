//! Tasks: what the server does by itself, and how that goes.

use axum::extract::State;
use directory::id::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, event::Stands, extract::Json};
use crate::{app::App, task::standing::Task};

/// Everything that goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// The pulls of directories, by name.
    pub directories: Vec<Stands>,
    /// The server's own.
    pub server: Vec<ServerTask>,
}

/// A task of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerTask {
    /// Its name.
    pub name: Task,
    /// What it is for.
    pub about: String,
    /// Whether it runs; one that does not has ended for good, and a restart of the server brings it back.
    pub running: bool,
    /// When its last round ended.
    pub last: Option<Millis>,
    /// What went wrong in it; the next round is the retry.
    pub problem: Option<String>,
}

/// What the server does by itself, and how that goes.
#[utoipa::path(get, path = "/tasks", operation_id = "tasks", tag = "server", responses(
    (status = 200, description = "What was asked for.", body = Tasks),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Tasks>, Problem> {
    Ok(Json(standing(&app)))
}

/// How everything stands now.
pub(crate) fn standing(app: &App) -> Tasks {
    let published = app.published.load_full();
    let pulls = published.directories.iter().filter_map(|(id, served)| {
        let status = app.keeper(*id)?.status();
        Some(Stands { directory: served.name.to_string(), status })
    });
    let mut directories: Vec<Stands> = pulls.collect();
    directories.sort_by(|a, b| a.directory.cmp(&b.directory));
    let server = Task::ALL.map(|task| {
        let round = app.rounds.last(task);
        ServerTask {
            name: task,
            about: task.about().to_owned(),
            running: app.driver.runs(task.as_str()),
            last: round.as_ref().map(|round| round.at),
            problem: round.and_then(|round| round.problem),
        }
    });
    Tasks { directories, server: server.into() }
}
