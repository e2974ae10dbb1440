//! What all pages have in common: frame, theme, messages, and the page of whoever is refused.
//!
//! Invariant: a template's context is typed and has a sample, with which a test renders it.

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use directory::id::Millis;

use super::{
    Console, assets, html,
    request::Caller,
    session::{SignedIn, cookie},
    words,
};
use crate::{
    api::{Problem, directory::Summary},
    app::App,
    service::{Actor, ServiceError},
    task::state::DirectoryState,
};

/// The cookie that holds the theme.
pub(super) const THEME_COOKIE: &str = "muster-theme";

/// Light, dark, or what the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        cookie(headers, THEME_COOKIE).map_or(Self::System, |text| Self::parse(&text))
    }
}

/// A message that is shown once.
#[derive(Debug, Clone)]
pub(crate) struct Flash {
    /// Whether it tells of something that went well.
    pub(crate) good: bool,
    pub(crate) text: String,
}

/// A directory in the navigation.
#[derive(Debug, Clone)]
pub(crate) struct NavDirectory {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `good`, `held`, `bad`, `off` or `new`, and that in words.
    pub(crate) state: &'static str,
    pub(crate) words: &'static str,
}

/// What stands around every page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// The part of the navigation that the page belongs to.
    pub(crate) section: String,
    /// Who is signed in, and as what.
    pub(crate) who: Option<(String, &'static str)>,
    pub(crate) may_change: bool,
    pub(crate) theme: Theme,
    /// Where the theme's switch comes back to.
    pub(crate) path: String,
    pub(crate) flash: Option<Flash>,
    pub(crate) directories: Vec<NavDirectory>,
    /// Alerts that nobody looks after.
    pub(crate) alerts: usize,
    pub(crate) version: &'static str,
}

impl Frame {
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            title: "Sample".to_owned(),
            section: "overview".to_owned(),
            who: Some(("ann".to_owned(), "administrator")),
            may_change: true,
            theme: Theme::Dark,
            path: "/".to_owned(),
            flash: Some(Flash { good: true, text: "Saved <b>.".to_owned() }),
            directories: vec![NavDirectory {
                name: "entra".to_owned(),
                path: "/directories/entra".to_owned(),
                state: "good",
                words: "in step",
            }],
            alerts: 1,
            version: "0",
        }
    }

    /// Whether a part of the navigation is the page's.
    pub(crate) fn is_in(&self, section: &str) -> bool {
        self.section == section
    }
}

/// One request to the console, by somebody who passed the gate.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) console: Console,
    pub(crate) who: Option<SignedIn>,
    pub(crate) caller: Caller,
    pub(crate) theme: Theme,
    /// Path and query.
    pub(crate) path: String,
}

impl Visit {
    pub(crate) fn app(&self) -> &App {
        &self.console.app
    }

    pub(crate) fn now(&self) -> Millis {
        self.console.app.clock.now()
    }

    pub(crate) fn may_change(&self) -> bool {
        self.who.as_ref().is_some_and(SignedIn::may_change)
    }

    /// Whoever is here, for the audit log.
    pub(crate) fn actor(&self) -> Actor {
        let who = self.who.as_ref().map_or("nobody", |who| &who.administrator.name);
        Actor::administrator(who, self.caller.client)
    }

    /// How products and people reach this server, without a slash at the end.
    pub(crate) fn base(&self) -> String {
        match &self.console.app.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => self.caller.base(),
        }
    }

    /// The frame of a page.
    pub(crate) fn frame(&self, title: impl Into<String>, section: &str) -> Frame {
        let flash = self.who.as_ref().and_then(|who| self.console.flash.take(&who.token));
        Frame {
            title: title.into(),
            section: section.to_owned(),
            who: self
                .who
                .as_ref()
                .map(|who| (who.administrator.name.clone(), who.administrator.role.as_str())),
            may_change: self.may_change(),
            theme: self.theme,
            path: self.path.clone(),
            flash,
            directories: if self.who.is_some() { directories(self.app()) } else { Vec::new() },
            alerts: self.app().alerts.status().unacknowledged,
            version: assets::version(),
        }
    }

    /// Goes to a page, which then says what was done.
    pub(crate) fn done(&self, to: &str, text: impl Into<String>) -> Response {
        self.tell(to, true, text.into())
    }

    /// Goes to a page, which then says what could not be done.
    pub(crate) fn failed(&self, to: &str, text: impl Into<String>) -> Response {
        self.tell(to, false, text.into())
    }

    /// Goes to a page, which then says what was done, or why it was not.
    pub(crate) fn told<T>(
        &self,
        to: &str,
        done: Result<T, ServiceError>,
        text: impl Into<String>,
    ) -> Result<Response, Refusal> {
        match done {
            Ok(_) => Ok(self.done(to, text)),
            Err(error) if error.is_callers() => Ok(self.failed(to, sentence(&error.detail))),
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, to: &str, good: bool, text: String) -> Response {
        if let Some(who) = &self.who {
            self.console.flash.put(who.token, Flash { good, text });
        }
        Redirect::to(to).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            title: "This page stands outside of the gate".to_owned(),
            text: "Please report this.".to_owned(),
        })
    }
}

/// What an administrator made of a directory.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) paused: bool,
    pub(crate) served: bool,
    pub(crate) pinned: bool,
}

impl Row {
    pub(crate) fn of(summary: &Summary) -> Self {
        let Summary { paused, served, pin, .. } = summary;
        Self { paused: *paused, served: *served, pinned: pin.is_some() }
    }
}

/// How a directory stands, as a class and in words.
pub(crate) fn standing(row: Row, state: &DirectoryState) -> (&'static str, &'static str) {
    let Row { paused, served, pinned } = row;
    match state {
        _ if paused => ("off", "paused"),
        _ if pinned => ("held", "put back"),
        DirectoryState { read_failure: Some(_), .. } => ("bad", "last read failed"),
        DirectoryState { held, .. } if !held.is_empty() => ("held", "waits for you"),
        _ if !served => ("new", "not read yet"),
        _ => ("good", "in step"),
    }
}

fn directories(app: &App) -> Vec<NavDirectory> {
    let published = app.published.load();
    let all = published.directories.iter().map(|(id, served)| {
        let status = app.keeper(*id).map(|keeper| keeper.status()).unwrap_or_default();
        let paused = status.next.is_none() && status.started.is_none() && status.last.is_some();
        let row = Row { paused, served: served.served_once, pinned: status.pinned };
        let (state, words) = standing(row, &status.state);
        NavDirectory {
            name: served.name.to_string(),
            path: format!("/directories/{}", words::segment(&served.name)),
            state,
            words,
        }
    });
    all.collect()
}

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "Nothing is here".to_owned(),
            text: format!("There is no {what}. It may have been removed, or renamed."),
        }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This cannot be done as it is".to_owned(),
            text: text.into(),
        }
    }

    pub(crate) fn forbidden(title: &str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, title: title.to_owned(), text: text.into() }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = match status {
            StatusCode::NOT_FOUND => "Nothing is here",
            StatusCode::CONFLICT => "That does not fit how things stand",
            StatusCode::INTERNAL_SERVER_ERROR => "The server could not do it",
            _ => "This cannot be done as it is",
        };
        Self { status, title: title.to_owned(), text: sentence(&problem.detail) }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Problem::from(error).into()
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Problem::from(error).into()
    }
}

/// The gate makes the page of it, since it knows the frame.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A message of the service as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?', ':', '…']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

/// The page of a refusal.
#[derive(Debug, Template)]
#[template(path = "refusal.html")]
pub(super) struct RefusalPage {
    pub(super) frame: Frame,
    pub(super) status: u16,
    pub(super) text: String,
}

impl RefusalPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self { frame: Frame::sample(), status: 404, text: "There is nothing.".to_owned() }
    }
}

/// Renders a page.
pub(crate) fn show(page: &impl Template) -> Result<Response, Refusal> {
    show_with(StatusCode::OK, page)
}

/// Renders a page under another status.
pub(crate) fn show_with(status: StatusCode, page: &impl Template) -> Result<Response, Refusal> {
    let html = page.render().map_err(|error| anyhow::anyhow!("a page cannot be made: {error}"))?;
    let html = html::tame(html);
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}
