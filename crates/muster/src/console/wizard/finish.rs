//! The last step: the draft becomes a directory, and its first synchronisation begins.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    response::{IntoResponse, Redirect, Response},
};
use directory::{error_chain::joined, report::RunKind};
use secrecy::ExposeSecret;
use serde_json::json;
use store::ConnectionRow;

use super::{
    draft::Draft,
    power::{self, Answers},
    reading::{Read, Standing},
};
use crate::{
    api::{
        Problem,
        directory::{Add, add_directory, connect_directory},
    },
    app::App,
    audit,
    console::{
        directory::{found, live},
        page::{Frame, Refusal, Visit, sentence, show},
        words::segment,
    },
    task::commit::{self, Observed, Step},
};

/// Makes the directory.
pub(in crate::console) async fn start(
    visit: Visit,
    Path(id): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response, Refusal> {
    let app = visit.app();
    let mut draft = Draft::find(app, &id).await?;
    let mut answers = Answers::default();
    for (key, value) in url::form_urlencoded::parse(&body) {
        if key == "name" {
            value.trim().clone_into(&mut draft.name);
        } else if let Some(group) = key.strip_prefix(power::FIELD) {
            answers.insert(group.to_owned(), value == power::OURS);
        }
    }
    if draft.name.is_empty() {
        draft.name = draft.usual_name();
    }
    draft.keep(app).await?;
    let back = format!("/connect/{id}/sync");
    if !draft.tested() {
        return Ok(
            visit.failed(&back, "Test the connection first: nothing could be read otherwise.")
        );
    }
    let reading = visit.console.readings.of(&draft, visit.now());
    let read = reading.and_then(|reading| match reading.standing() {
        Standing::Done(read) => Some(read),
        Standing::Running | Standing::Failed(_) => None,
    });
    if let Some(read) = &read {
        let asked = power::groups(Arc::clone(read), draft.rules()).await;
        if asked.iter().any(|group| !answers.contains_key(&group.id)) {
            let text = "Say of each group with power whether it is meant to be the product's, or left out.";
            return Ok(visit.failed(&back, text));
        }
    }
    let add = Add {
        name: draft.name.clone(),
        provider: draft.provider.clone(),
        settings: draft.settings(),
        secret: draft.secret().expose_secret().to_owned(),
        rules: Some(power::without_the_others(draft.rules(), &answers)),
        schedule: None,
        key: None,
    };
    let connected = match read {
        Some(read) => with_what_was_read(app, add, &read, &answers).await,
        None => connect_directory(app, add).await,
    };
    let row = match connected {
        Ok(row) => row,
        Err(problem) if problem.status < 500 => {
            return Ok(visit.failed(&back, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    // So that somebody is told in time.
    if let Some(ends) = draft.credential_ends() {
        let directory = row.id;
        app.blocking(move |store| {
            store.quietly(|change| change.set_expires(directory, Some(ends)))
        })
        .await?;
        app.alerts.look();
    }
    visit.console.readings.forget(&id);
    app.blocking(move |store| store.remove_draft(&id)).await?;
    let detail = json!({
        "after": {"provider": row.provider, "settings": row.settings, "rules": row.rules},
        "groups_with_power": answers,
    });
    audit::record(app, &visit.actor(), "directory.add", &row.name, detail).await;
    Ok(Redirect::to(&format!("/connect/done/{}", segment(&row.name))).into_response())
}

/// A directory whose first run commits what the preview has read: nothing is read twice.
async fn with_what_was_read(
    app: &App,
    add: Add,
    read: &Arc<Read>,
    answers: &Answers,
) -> Result<ConnectionRow, Problem> {
    let row = add_directory(app, add).await?;
    let id = row.id;
    // Stopped until its first run is in, so that the schedule does not begin with another one.
    app.blocking(move |store| store.quietly(|change| change.set_paused(id, true))).await?;
    let keeper = app.keep(id).await;
    let observed = Observed {
        observation: read.observation.clone(),
        kind: RunKind::Full,
        started: read.started,
        connector: Arc::clone(&read.connector),
    };
    let committed = commit::commit(app, &keeper, Step::Observed(Box::new(observed))).await;
    let committed = match committed {
        Ok(_) => power::approve(app, &keeper, answers).await,
        Err(error) => Err(error),
    };
    app.blocking(move |store| store.quietly(|change| change.set_paused(id, false))).await?;
    keeper.settings_changed().await;
    app.watches.changed();
    if let Err(error) = committed {
        // The schedule reads it again by itself.
        tracing::error!(
            error = joined(error.as_ref()),
            directory = id.0,
            "a first run could not be committed"
        );
    }
    Ok(row)
}

#[derive(Debug, Template)]
#[template(path = "wizard/done.html")]
pub(in crate::console) struct DonePage {
    frame: Frame,
    name: String,
    path: String,
    progress: String,
    people: usize,
    groups: usize,
    served: bool,
}

impl DonePage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            name: "entra".to_owned(),
            path: "/directories/entra".to_owned(),
            progress: String::new(),
            people: 2_000,
            groups: 200,
            served: true,
        }
    }
}

/// The first synchronisation, live, and what comes next.
pub(in crate::console) async fn done(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "").await?;
    let id = directory::id::DirectoryId(detail.summary.id);
    let status = visit.app().keeper(id).map(|keeper| keeper.status()).unwrap_or_default();
    show(&DonePage {
        frame: visit.frame(format!("{} is connected", head.name), "connect"),
        name: head.name,
        path: head.path,
        progress: live::fragment(&status, visit.now()),
        people: detail.summary.size.users,
        groups: detail.summary.size.groups,
        served: detail.summary.served,
    })
}
