//! One step of the wizard: its page, and what its form sends.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, RawForm},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    draft::{Consent, Draft},
    power::{self, Powerful},
    reading, rules,
    steps::{self, Problems, service_account},
};
use crate::console::{
    directory::{
        danger::Check,
        rules::{LimitFields, Shown},
    },
    page::{Frame, Refusal, Visit, show_with},
    words,
};

/// Google's scopes, as the Admin console takes them.
const GOOGLE_SCOPES: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly,\
                             https://www.googleapis.com/auth/admin.directory.group.readonly";

/// A step in the list.
#[derive(Debug)]
struct Line {
    slug: &'static str,
    title: &'static str,
    done: bool,
    this: bool,
}

#[derive(Debug, Template)]
#[template(path = "wizard/step.html")]
pub(in crate::console) struct StepPage {
    frame: Frame,
    id: String,
    provider: String,
    slug: String,
    title: &'static str,
    steps: Vec<Line>,
    typed: BTreeMap<String, String>,
    problems: Problems,
    back: Option<String>,
    /// The address to which Microsoft comes back.
    redirect_uri: String,
    consent_url: String,
    consent: Option<Consent>,
    portal: &'static str,
    /// The public part of a key that was made: its text, name and end.
    made: Option<(String, String, Option<String>)>,
    secret_kept: bool,
    /// Numeric id and address of the service account.
    account: Option<(String, String)>,
    scopes: &'static str,
    okta_admin: String,
    checks: Vec<Check>,
    tested: bool,
    rules: Shown,
    outlook: String,
    name: String,
    read_already: bool,
    /// Groups with power, of each of which it is asked whether it is meant.
    powerful: Vec<Powerful>,
}

impl StepPage {
    #[cfg(test)]
    pub(in crate::console) fn sample(provider: &str, slug: &str) -> Self {
        let mut page = Self::blank(Frame::sample(), provider, slug);
        page.problems.insert("client_id", "It is needed.".to_owned());
        page.problems.insert("secret", "It is needed.".to_owned());
        page.checks = vec![Check::sample()];
        page.made = Some(("PUBLIC".to_owned(), "ABCD".to_owned(), Some("2028-01-01".to_owned())));
        page.account = Some(("123".to_owned(), "a@b".to_owned()));
        page.consent = Some(Consent::Refused("Cancelled.".to_owned()));
        page.powerful = vec![Powerful::sample()];
        page
    }

    fn blank(frame: Frame, provider: &str, slug: &str) -> Self {
        let all = steps::of(provider);
        let title = all.iter().find(|step| step.0 == slug).map_or("", |step| step.1);
        let lines = all.iter().map(|step| Line {
            slug: step.0,
            title: step.1,
            done: false,
            this: step.0 == slug,
        });
        let at = all.iter().position(|step| step.0 == slug).unwrap_or_default();
        Self {
            frame,
            id: String::new(),
            provider: provider.to_owned(),
            slug: slug.to_owned(),
            title,
            steps: lines.collect(),
            typed: BTreeMap::new(),
            problems: Problems::new(),
            back: at.checked_sub(1).map(|at| all[at].0.to_owned()),
            redirect_uri: String::new(),
            consent_url: String::new(),
            consent: None,
            portal: "https://entra.microsoft.com",
            made: None,
            secret_kept: false,
            account: None,
            scopes: GOOGLE_SCOPES,
            okta_admin: String::new(),
            checks: Vec::new(),
            tested: false,
            rules: asking(&crate::api::directory::usual_rules(provider)),
            outlook: String::new(),
            name: String::new(),
            read_already: false,
            powerful: Vec::new(),
        }
    }

    async fn of(visit: &Visit, draft: &Draft, slug: &str) -> Self {
        let app = visit.app();
        let title = format!("Connect {}", words::provider(&draft.provider));
        let mut page = Self::blank(visit.frame(title, "connect"), &draft.provider, slug);
        for line in &mut page.steps {
            // The last step is done when the directory is there.
            line.done = line.slug != "sync" && steps::problems(app, draft, line.slug).is_empty();
            if matches!(line.slug, "permissions" | "delegation" | "grants" | "rules") {
                line.done &= draft.tested();
            }
        }
        page.id.clone_from(&draft.id);
        page.typed = draft.typed.clone();
        page.redirect_uri = format!("{}/connect/entra/consent", visit.base());
        page.consent_url = consent_url(draft, &page.redirect_uri);
        page.consent.clone_from(&draft.consent);
        page.portal = portal(draft.text("cloud"));
        page.made = draft
            .made
            .as_ref()
            .map(|made| (made.public.clone(), made.name.clone(), made.expires.map(words::day)));
        page.secret_kept = draft.has_typed_secret();
        page.account = service_account(draft);
        page.okta_admin = okta_admin(draft.text("url"));
        page.checks = draft.report.as_ref().map(Check::all).unwrap_or_default();
        page.tested = draft.tested();
        page.rules = asking(&draft.rules());
        page.name = Some(draft.name.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| draft.usual_name());
        if slug == "rules" && draft.tested() {
            let reading = reading::begin(app, &visit.console.readings, draft).await;
            page.outlook = rules::outlook(&reading, draft.rules(), visit.now()).await;
        }
        if slug == "sync" {
            let reading = visit.console.readings.of(draft, visit.now());
            if let Some(reading::Standing::Done(read)) = reading.map(|reading| reading.standing()) {
                page.read_already = true;
                page.powerful = power::groups(read, draft.rules()).await;
            }
        }
        page
    }

    /// What was typed into a field.
    fn text(&self, field: &str) -> &str {
        self.typed.get(field).map(String::as_str).unwrap_or_default()
    }

    /// What is wrong with a field.
    fn problem(&self, field: &str) -> Option<&String> {
        self.problems.get(field)
    }

    /// Whether Microsoft takes the address to which it would come back.
    fn redirect_usable(&self) -> bool {
        ["https://", "http://localhost"].iter().any(|start| self.redirect_uri.starts_with(start))
    }

    /// Whether a field holds a value.
    fn is(&self, field: &str, value: &str) -> bool {
        self.text(field) == value
    }
}

/// Rules whose limits are asked about.
fn asking(rules: &directory::rules::Rules) -> Shown {
    Shown { limits: LimitFields::Asked, ..Shown::of(rules) }
}

/// Where admin consent is asked for (providers.md A1.6).
fn consent_url(draft: &Draft, redirect_uri: &str) -> String {
    let mut cloud = draft.settings();
    cloud.retain(|key, _| matches!(key.as_str(), "cloud" | "authority"));
    let Ok(authority) = connect::entra_authority(&cloud) else { return String::new() };
    let tenant = Some(draft.text("tenant")).filter(|tenant| !tenant.is_empty());
    let tenant = words::query_part(tenant.unwrap_or("organizations"));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", draft.text("client_id"))
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", &draft.state)
        .finish();
    format!("{authority}/{tenant}/adminconsent?{query}")
}

/// The portal of a national cloud (providers.md A1.5).
fn portal(cloud: &str) -> &'static str {
    match cloud {
        "us_gov" | "us_gov_dod" => "https://portal.azure.us",
        "china" => "https://portal.azure.cn",
        _ => "https://entra.microsoft.com",
    }
}

/// The Admin Console of an organisation.
fn okta_admin(url: &str) -> String {
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    match host.split_once('.') {
        Some((name, rest)) if !url.starts_with("http:") => format!("https://{name}-admin.{rest}"),
        _ => String::new(),
    }
}

pub(in crate::console) async fn show_step(
    visit: Visit,
    Path((id, slug)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let draft = Draft::find(visit.app(), &id).await?;
    if !steps::of(&draft.provider).iter().any(|step| step.0 == slug) {
        return Err(Refusal::not_found("such step"));
    }
    let page = StepPage::of(&visit, &draft, &slug).await;
    show_with(StatusCode::OK, &page)
}

/// Keeps what a step's form sends, and goes on unless something is wrong with it.
pub(in crate::console) async fn save(
    visit: Visit,
    Path((id, slug)): Path<(String, String)>,
    RawForm(body): RawForm,
) -> Result<Response, Refusal> {
    let app = visit.app();
    let mut draft = Draft::find(app, &id).await?;
    let all = steps::of(&draft.provider);
    let at = all.iter().position(|step| step.0 == slug);
    let Some(at) = at else { return Err(Refusal::not_found("such step")) };
    let before = (draft.settings(), draft.secret());
    take(&mut draft, &slug, &body);
    let mut problems = Problems::new();
    if slug == "rules" {
        problems.extend(rules::take(&mut draft, &body).err().map(|problem| ("rules", problem)));
    }
    // What was tested was something else.
    let same = before.0 == draft.settings() && same_secret(&before.1, &draft.secret());
    if !same {
        draft.report = None;
    }
    draft.keep(app).await?;
    problems.extend(steps::problems(app, &draft, &slug));
    if problems.is_empty()
        && draft.provider == "entra"
        && slug == "tenant"
        && let Err(problem) = steps::resolve(app, &mut draft).await
    {
        problems.insert("tenant", problem);
    }
    if !problems.is_empty() {
        let page = StepPage { problems, ..StepPage::of(&visit, &draft, &slug).await };
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    draft.keep(app).await?;
    let next = all.get(at + 1).map_or("sync", |step| step.0);
    Ok(Redirect::to(&format!("/connect/{id}/{next}")).into_response())
}

fn same_secret(a: &secrecy::SecretString, b: &secrecy::SecretString) -> bool {
    use secrecy::ExposeSecret;
    a.expose_secret() == b.expose_secret()
}

fn take(draft: &mut Draft, slug: &str, body: &[u8]) {
    let fields = steps::fields(&draft.provider.clone(), slug);
    for (key, value) in url::form_urlencoded::parse(body) {
        if key == "secret" {
            draft.set_secret(&value);
        } else if key == "name" && slug == "sync" {
            value.trim().clone_into(&mut draft.name);
        } else if fields.contains(&&*key) {
            draft.set(&key, &value);
        }
    }
}
