//! The set-up wizard: a provider's tenant becomes a directory, in steps that can be left and come back to.
//!
//! Invariant: every step keeps what was typed, whether or not it can be used.

mod draft;
pub(super) mod finish;
pub(super) mod power;
mod reading;
pub(super) mod rules;
pub(super) mod step;
mod steps;
pub(super) mod test;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query},
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use connect::Credential;
use serde::Deserialize;
use serde_json::json;

use self::draft::{Consent, Draft, Made};
use super::{
    page::{Frame, Refusal, Visit, sentence, show},
    words::{self, When},
};
use crate::audit;

pub(super) use self::reading::Readings;

/// The wizard's pages.
pub(super) fn pages() -> Router {
    Router::new()
        .route("/connect", get(index).post(begin))
        .route("/connect/entra/consent", get(consented))
        .route("/connect/done/{name}", get(finish::done))
        .route("/connect/{draft}/discard", post(discard))
        .route("/connect/{draft}/make-key", post(make_key))
        .route("/connect/{draft}/muster.cer", get(certificate))
        .route("/connect/{draft}/test/run", post(test::run))
        .route("/connect/{draft}/test/live", get(test::live))
        .route("/connect/{draft}/rules/live", get(rules::live))
        .route("/connect/{draft}/rules/preview", post(rules::preview))
        .route("/connect/{draft}/rules/read", post(rules::read_again))
        .route("/connect/{draft}/start", post(finish::start))
        .route("/connect/{draft}/{step}", get(step::show_step).post(step::save))
}

/// A draft in the list.
#[derive(Debug)]
struct Line {
    provider: String,
    path: String,
    by: String,
    updated: When,
    id: String,
    done: usize,
    all: usize,
}

#[derive(Debug, Template)]
#[template(path = "wizard/index.html")]
pub(super) struct IndexPage {
    frame: Frame,
    drafts: Vec<Line>,
}

impl IndexPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let line = Line {
            provider: "Okta".to_owned(),
            path: "/connect/1/organisation".to_owned(),
            by: "ann".to_owned(),
            updated: When::new(directory::id::Millis(0), directory::id::Millis(90_000)),
            id: "1".to_owned(),
            done: 2,
            all: 6,
        };
        Self { frame: Frame::sample(), drafts: vec![line] }
    }
}

async fn index(visit: Visit) -> Result<Response, Refusal> {
    let now = visit.now();
    let lines = Draft::all(visit.app()).await?.into_iter().map(|draft| {
        let all = steps::of(&draft.provider);
        let open =
            all.iter().position(|step| !steps::problems(visit.app(), &draft, step.0).is_empty());
        let done = open.unwrap_or(all.len() - 1);
        Line {
            provider: words::provider(&draft.provider).to_owned(),
            path: format!("/connect/{}/{}", draft.id, all[done].0),
            by: draft.by,
            updated: When::new(draft.updated, now),
            id: draft.id,
            done,
            all: all.len(),
        }
    });
    let drafts = lines.collect();
    show(&IndexPage { frame: visit.frame("Connect a directory", "connect"), drafts })
}

#[derive(Deserialize)]
struct Chosen {
    provider: String,
}

async fn begin(visit: Visit, Form(chosen): Form<Chosen>) -> Result<Response, Refusal> {
    if !["entra", "google", "okta"].contains(&chosen.provider.as_str()) {
        return Err(Refusal::bad_request("There is no such provider."));
    }
    let mut draft = Draft::new(&visit, &chosen.provider);
    draft.keep(visit.app()).await?;
    let first = steps::of(&draft.provider)[0].0;
    Ok(Redirect::to(&format!("/connect/{}/{first}", draft.id)).into_response())
}

async fn discard(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    visit.console.readings.forget(&id);
    visit.app().blocking(move |store| store.remove_draft(&id)).await?;
    Ok(visit.done("/connect", "The draft is gone, with everything that was typed in it."))
}

/// Makes a certificate or key, of which the provider gets the public part.
async fn make_key(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    let mut draft = Draft::find(visit.app(), &id).await?;
    let (now, provider) = (visit.now(), draft.provider.clone());
    let making = tokio::task::spawn_blocking(move || match provider.as_str() {
        "entra" => Credential::entra(now),
        _ => Credential::okta(),
    });
    let made = making.await.map_err(anyhow::Error::from)?;
    let made = made.map_err(|error| anyhow::anyhow!("{error}"))?;
    draft.set("kind", if draft.provider == "entra" { "certificate" } else { "app" });
    draft.set("key", "made");
    draft.made = Some(Made::from(made));
    draft.report = None;
    draft.keep(visit.app()).await?;
    Ok(Redirect::to(&format!("/connect/{id}/credential")).into_response())
}

/// The certificate to upload.
async fn certificate(visit: Visit, Path(id): Path<String>) -> Result<Response, Refusal> {
    let draft = Draft::find(visit.app(), &id).await?;
    let made = draft.made.ok_or_else(|| Refusal::not_found("certificate yet"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/pkix-cert"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"muster.cer\""),
    ];
    Ok((headers, made.public).into_response())
}

/// What Microsoft's consent page brings back.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    admin_consent: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

async fn consented(visit: Visit, Query(back): Query<Back>) -> Result<Response, Refusal> {
    let drafts = Draft::all(visit.app()).await?;
    let found =
        drafts.into_iter().find(|draft| !back.state.is_empty() && draft.state == back.state);
    let Some(mut draft) = found else {
        let text = "It does not say for which draft it is, or that draft is gone. Begin again from the wizard's step \
                    Permissions.";
        return Err(Refusal::forbidden("This answer was not asked for", text));
    };
    let granted = back.error.is_empty() && back.admin_consent.eq_ignore_ascii_case("true");
    let consent = if granted {
        // Only a token will show whether it is so; the tenant's id is a help for the next step.
        if draft.text("tenant").is_empty() && steps::is_guid(&back.tenant) {
            draft.set("tenant", &back.tenant);
        }
        Consent::Granted
    } else {
        Consent::Refused(refused(&back))
    };
    let detail = json!({"granted": granted, "tenant": back.tenant});
    audit::record(visit.app(), &visit.actor(), "draft.consent", &draft.provider, detail).await;
    draft.consent = Some(consent);
    // A new state each time: an answer is good once.
    draft.state = crate::entropy::token();
    draft.report = None;
    draft.keep(visit.app()).await?;
    Ok(Redirect::to(&format!("/connect/{}/permissions", draft.id)).into_response())
}

/// Why consent was not given, with what to do: an entry of the error catalogue, if Microsoft's answer is one.
fn refused(back: &Back) -> String {
    let said = format!("error={} {}", back.error, back.error_description);
    if let Some(known) = connect::recognise("entra", &said) {
        return sentence(&known.to_string());
    }
    let code: String =
        back.error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    sentence(&format!(
        "Microsoft answered `{code}`; press the button again, or do it in the portal"
    ))
}
