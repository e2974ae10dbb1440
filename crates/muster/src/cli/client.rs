//! The admin API's client: address and token from `admin.json` or the environment.
//!
//! Invariant: the token never appears in a message.

use ::directory::error_chain::causes;
use anyhow::{Context, bail};
use directory::resource_name::path_form;
use reqwest::{Method, RequestBuilder};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    api::Problem,
    cli::{
        Remote,
        news::News,
        remote::{self, ServerAddress, Source},
    },
    config, safe,
    server::AdminFile,
};

/// Speaks to a running server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    texts: Texts,
}

/// How the texts of answers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    /// Safe to be shown at a terminal.
    Shown,
    /// As they are: for programs, files, and what is sent back.
    AsTheyAre,
}

impl Client {
    /// A client for the server that the options or the environment name. Unless JSON is asked for, texts in its answers
    /// are safe to be shown.
    ///
    /// # Errors
    /// When neither names one.
    pub fn new(remote: &Remote) -> anyhow::Result<Self> {
        Self::of(remote, if remote.json { Texts::AsTheyAre } else { Texts::Shown })
    }

    /// A client whose answers are sent back or written to a file; what of them is shown goes through [`safe`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_texts_as_they_are(remote: &Remote) -> anyhow::Result<Self> {
        Self::of(remote, Texts::AsTheyAre)
    }

    fn of(remote: &Remote, texts: Texts) -> anyhow::Result<Self> {
        let (url, token, source) = if let Some((url, token)) = config::remote_from_environment() {
            if token.is_empty() {
                bail!(
                    "MUSTER_URL is set and MUSTER_TOKEN is not; set both, or neither to use --data"
                );
            }
            (url, token, Source::Environment)
        } else {
            let file = AdminFile::read(&remote.data)?;
            (file.url, file.token, Source::AdminFile)
        };
        let authorities = remote::authorities(remote.ca_file.as_deref())?;
        let address = ServerAddress::new(&url, source, remote.insecure_http)?;
        let http = address.client(authorities)?;
        Ok(Self { http, base: address.into_base(), token, texts })
    }

    /// `GET`, and the answer's body.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET`, and the answer's body; what the server says where there is no such thing.
    ///
    /// # Errors
    /// What else the server says, or that it cannot be reached.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> anyhow::Result<Result<T, String>> {
        let request = self.request(Method::GET, path);
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        if response.status() != reqwest::StatusCode::NOT_FOUND {
            return self.read(self.succeeded(response).await?).await.map(Ok);
        }
        match response.json::<Problem>().await {
            Ok(problem) => Ok(Err(safe::terminal(&problem.detail).into_owned())),
            Err(_) => bail!("the server at {} answered 404; is it a Muster server?", self.base),
        }
    }

    /// `POST` with a body, and the answer's body.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Word of changes as they come, of all directories or of one.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub(super) async fn news(&self, directory: Option<&str>) -> anyhow::Result<News> {
        let only = directory.map(|name| format!("?directory={}", query_part(name)));
        let path = format!("/events{}", only.unwrap_or_default());
        Ok(News::of(self.answer(self.request(Method::GET, &path)).await?))
    }

    /// A request with a body, and the answer's body.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn send_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.send(self.request(method, path).json(body)).await
    }

    /// A request with a body whose answer has none.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn order_with(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<()> {
        self.answer(self.request(method, path).json(body)).await.map(|_| ())
    }

    /// A request whose answer has no body.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn order(&self, method: Method, path: &str) -> anyhow::Result<()> {
        self.answer(self.request(method, path)).await.map(|_| ())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        self.read(self.answer(request).await?).await
    }

    async fn read<T: DeserializeOwned>(&self, response: reqwest::Response) -> anyhow::Result<T> {
        let unreadable = "the server's answer cannot be read; are both of one version?";
        let mut body: Value = response.json().await.context(unreadable)?;
        if self.texts == Texts::Shown {
            safe::make_visible(&mut body);
        }
        serde_json::from_value(body).context(unreadable)
    }

    /// Says why there is no answer: a server that has not answered yet is not one that is not there.
    fn unanswered(&self, error: &reqwest::Error) -> anyhow::Error {
        let base = &self.base;
        if error.is_timeout() && !error.is_connect() {
            let seconds = connect::http::READ_TIMEOUT.as_secs();
            anyhow::anyhow!(
                "the server at {base} has not answered within {seconds} s, for which this command waits; the server may \
                 still be at it, and goes on in the background; `muster directory list` shows what runs and waits"
            )
        } else if error.is_connect() {
            remote::not_connected(base, error).into()
        } else {
            let why = causes(error).unwrap_or_else(|| "no details".to_owned());
            anyhow::anyhow!(
                "the connection to the server at {base} broke off before it answered ({why})"
            )
        }
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        self.succeeded(response).await
    }

    async fn succeeded(&self, response: reqwest::Response) -> anyhow::Result<reqwest::Response> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        if status.is_redirection() {
            return Err(remote::redirected(&self.base, &response).into());
        }
        match response.json::<Problem>().await {
            Ok(problem) => {
                bail!("{}{}", safe::terminal(&problem.detail), candidates(&problem))
            }
            Err(_) => {
                bail!("the server at {} answered {status}; is it a Muster server?", self.base)
            }
        }
    }
}

/// Whom a reference fits that fits several, as a table below the message.
fn candidates(problem: &Problem) -> String {
    if problem.candidates.is_empty() {
        return String::new();
    }
    let mut rows =
        super::table::plain(&["id", "name", "sign-in name", "display name", "mail", "fits as"]);
    for candidate in &problem.candidates {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let how: Vec<String> = candidate.matched.iter().map(ToString::to_string).collect();
        let id = match &candidate.directory {
            Some(directory) => format!("{} (in {directory})", candidate.id),
            None => candidate.id.clone(),
        };
        let cells = [
            id,
            text(&candidate.name),
            text(&candidate.login),
            text(&candidate.display_name),
            text(&candidate.mail),
            how.join(", "),
        ];
        rows.add_row(cells);
    }
    format!("\n{rows}")
}

/// A name as a part of a path, in a form that nothing on the way changes.
pub fn path_part(name: &str) -> String {
    query_part(&path_form(name))
}

/// A text as the value of a query.
pub fn query_part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
