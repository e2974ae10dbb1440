//! What the server does by itself: the pulls of directories and its own tasks, live.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use directory::id::Millis;

use super::{
    directory::runs,
    html,
    overview::running,
    page::{Frame, Refusal, Visit, sentence, show},
    words::{When, count, segment},
};
use crate::{
    api::{
        event::Stands,
        task::{ServerTask, Tasks, standing},
    },
    app::App,
    http::stream::{Told, stream},
};

/// How often the page looks again.
const PERIOD: Duration = Duration::from_secs(1);

/// The pull of a directory.
#[derive(Debug)]
struct Pull {
    name: String,
    path: String,
    state: &'static str,
    now: String,
    last: Option<runs::Line>,
    next: Option<When>,
    /// When the run that is under way began.
    since: Option<When>,
}

/// A task of the server.
#[derive(Debug)]
struct Line {
    name: &'static str,
    about: String,
    state: &'static str,
    words: &'static str,
    last: Option<When>,
    problem: Option<String>,
}

/// Both tables, as a piece of the page.
#[derive(Debug, Template)]
#[template(path = "tasks_tables.html")]
pub(super) struct Tables {
    pulls: Vec<Pull>,
    tasks: Vec<Line>,
}

#[derive(Debug, Template)]
#[template(path = "tasks.html")]
pub(super) struct TasksPage {
    frame: Frame,
    tables: String,
}

impl TasksPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let pull = Pull {
            name: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            state: "good",
            now: "idle".to_owned(),
            last: Some(runs::Line::sample()),
            next: None,
            since: Some(When::new(Millis(0), Millis(90_000))),
        };
        let task = Line {
            name: "sweep",
            about: "Folds <old> history.".to_owned(),
            state: "bad",
            words: "failed",
            last: None,
            problem: Some("The disk is full.".to_owned()),
        };
        let tables = Tables { pulls: vec![pull], tasks: vec![task] };
        Self { frame: Frame::sample(), tables: html::piece(&tables) }
    }
}

impl Pull {
    fn of(stands: &Stands, now: Millis) -> Self {
        let Stands { directory, status } = stands;
        let read = status.progress;
        let doing = running(status.phase).map(|doing| {
            let counts = [(read.users, "people"), (read.groups, "groups")];
            let counts = counts.map(|(number, noun)| format!("{} {noun}", count(number)));
            format!("{doing}: {}", counts.join(", "))
        });
        let doing = match &status.waiting {
            Some(waiting) => Some(waiting.words()),
            None => doing,
        };
        let last = status.last.as_ref().map(|report| runs::Line::of(report, now));
        let idle = last.as_ref().map_or("new", |last| last.state);
        Self {
            name: directory.clone(),
            path: format!("/directories/{}", segment(directory)),
            state: if doing.is_some() { "new" } else { idle },
            now: doing.unwrap_or_else(|| "idle".to_owned()),
            last,
            next: status.next.map(|at| When::new(at, now)),
            since: status.started.map(|at| When::new(at, now)),
        }
    }
}

impl Line {
    fn of(task: &ServerTask, now: Millis) -> Self {
        let (state, words) = match (task.running, &task.problem) {
            (false, _) => ("bad", "ended"),
            (true, Some(_)) => ("bad", "failed, tries again"),
            (true, None) => ("good", "runs"),
        };
        Self {
            name: task.name.as_str(),
            about: sentence(&task.about),
            state,
            words,
            last: task.last.map(|at| When::new(at, now)),
            problem: task.problem.as_deref().map(sentence),
        }
    }
}

fn tables(app: &App) -> String {
    let now = app.clock.now();
    let Tasks { directories, server } = standing(app);
    let tables = Tables {
        pulls: directories.iter().map(|stands| Pull::of(stands, now)).collect(),
        tasks: server.iter().map(|task| Line::of(task, now)).collect(),
    };
    html::piece(&tables)
}

pub(super) async fn show_tasks(visit: Visit) -> Result<Response, Refusal> {
    show(&TasksPage { frame: visit.frame("Tasks", "tasks"), tables: tables(visit.app()) })
}

pub(super) async fn follow(visit: Visit) -> Response {
    let app = visit.app().clone();
    let stop = app.stop.clone();
    stream(&stop, move |told| tell(app, told))
}

async fn tell(app: App, told: Told) {
    let mut before = tables(&app);
    loop {
        tokio::time::sleep(PERIOD).await;
        let now = tables(&app);
        if now != before && !told.tell("replace", &now).await {
            return;
        }
        before = now;
    }
}
