//! The test of a connection: each step appears as it ends, and what it came to is kept with the draft.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use connect::{ConnectError, Connector, ProbeReport, ProbeStep, StepOutcome};
use directory::error_chain::joined;
use tokio::sync::mpsc;

use super::draft::Draft;
use crate::{
    api::{Problem, directory::CHECK_PATIENCE},
    app::App,
    console::{
        directory::danger::{Check, CheckPiece},
        html,
        page::{Refusal, Visit},
    },
    http::stream::{Told, stream},
};

/// Tries everything at once, for whoever has no scripts.
pub(in crate::console) async fn run(
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let mut draft = Draft::find(visit.app(), &id).await?;
    let report = match connector(visit.app(), &draft) {
        Ok(connector) => {
            let probing = connect::with_patience(CHECK_PATIENCE, connector.probe(|_| {}));
            visit.app().unless_stopping(probing).await.map_err(Problem::from)?
        }
        Err(error) => unusable(&error),
    };
    draft.report = Some(report);
    draft.keep(visit.app()).await?;
    Ok(Redirect::to(&format!("/connect/{id}/test")).into_response())
}

/// Tries step by step.
pub(in crate::console) async fn live(
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let draft = Draft::find(visit.app(), &id).await?;
    let app = visit.app().clone();
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, draft, told)))
}

async fn tell(app: App, mut draft: Draft, told: Told) {
    let (sender, mut steps) = mpsc::unbounded_channel::<ProbeStep>();
    let probing = async {
        match connector(&app, &draft) {
            Ok(connector) => {
                let probing = connector.probe(|step| drop(sender.send(step.clone())));
                connect::with_patience(CHECK_PATIENCE, probing).await
            }
            Err(error) => unusable(&error),
        }
    };
    let telling = async {
        while let Some(step) = steps.recv().await {
            let check = Check::of(&step);
            let piece = html::piece(&CheckPiece { check: &check });
            if !told.tell("append", &piece).await {
                return;
            }
        }
    };
    tokio::pin!(telling);
    let report = tokio::select! {
        report = probing => report,
        () = &mut telling => return,
    };
    draft.report = Some(report);
    let to = format!("/connect/{}/test", draft.id);
    if let Err(error) = draft.keep(&app).await {
        tracing::error!(error = joined(error.as_ref()), "what a test came to cannot be kept");
    }
    told.tell("go", &to).await;
}

fn connector(app: &App, draft: &Draft) -> Result<Connector, ConnectError> {
    Connector::new(&draft.provider, &draft.settings(), &draft.secret(), app.surroundings())
}

/// A test that could not begin: a setting cannot be used.
fn unusable(error: &ConnectError) -> ProbeReport {
    let step = ProbeStep {
        name: "read what was typed".to_owned(),
        outcome: StepOutcome::Failed,
        detail: error.to_string(),
        code: error.code().map(str::to_owned),
    };
    ProbeReport { steps: vec![step] }
}
