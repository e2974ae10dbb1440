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
    cli::{Remote, news::News},
    config,
    server::AdminFile,
};

/// Speaks to a running server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// A client for the server that the options or the environment name.
    ///
    /// # Errors
    /// When neither names one.
    pub fn new(remote: &Remote) -> anyhow::Result<Self> {
        let (url, token) = if let Some(pair) = config::remote_from_environment() {
            if pair.1.is_empty() {
                bail!(
                    "MUSTER_URL is set and MUSTER_TOKEN is not; set both, or neither to use --data"
                );
            }
            pair
        } else {
            let file = AdminFile::read(&remote.data)?;
            (file.url, file.token)
        };
        let http = connect::http::local_client().context("no HTTP client could be made")?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned(), token })
    }

    /// `GET`, and the answer's body.
    ///
    /// # Errors
    /// What the server says, or that it cannot be reached.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.send(self.request(Method::GET, path)).await
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
        let response = self.answer(request).await?;
        let unreadable = "the server's answer cannot be read; are both of one version?";
        let mut body: Value = response.json().await.context(unreadable)?;
        make_printable(&mut body);
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
            anyhow::anyhow!("no server answers at {base}; is `muster serve` running?")
        } else {
            let why = causes(error).unwrap_or_else(|| "no details".to_owned());
            anyhow::anyhow!(
                "the connection to the server at {base} broke off before it answered ({why})"
            )
        }
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(problem) => bail!("{}{}", problem.detail, candidates(&problem)),
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
        rows.add_row(cells.map(|cell| cell.replace(commands, "\u{FFFD}").replace('\n', " ")));
    }
    format!("\n{rows}")
}

/// Takes out what a terminal would obey, or what would show a text in another order than it is written: texts come from
/// the provider, where anybody may choose their own.
fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(commands) => {
            *text = text.replace(commands, "\u{FFFD}");
        }
        Value::Array(items) => items.iter_mut().for_each(make_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_printable),
        _ => {}
    }
}

/// Control characters but for line ends and tabs, and marks that turn the direction of what follows.
fn commands(sign: char) -> bool {
    (sign.is_control() && !matches!(sign, '\n' | '\t'))
        || matches!(sign, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A name as a part of a path, in a form that nothing on the way changes.
pub fn path_part(name: &str) -> String {
    query_part(&path_form(name))
}

/// A text as the value of a query.
pub fn query_part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Client, make_printable};

    #[test]
    fn a_terminal_is_given_no_commands() {
        let mut body = json!({"names": ["\u{1b}[31mRED\u{1b}[0m\u{7}", "a\u{202e}b", "two\nlines\tÅ"], "n": 1});
        make_printable(&mut body);
        let clean = json!({
            "names": ["\u{FFFD}[31mRED\u{FFFD}[0m\u{FFFD}", "a\u{FFFD}b", "two\nlines\tÅ"], "n": 1
        });
        assert_eq!(body, clean);
    }

    #[tokio::test]
    async fn a_server_that_is_busy_is_not_one_that_is_not_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let http = connect::http::local_client().unwrap();
        let client = Client { http: http.clone(), base: base.clone(), token: String::new() };
        let asked = http.get(&base).timeout(std::time::Duration::from_millis(50)).send().await;
        let said = client.unanswered(&asked.unwrap_err()).to_string();
        assert!(said.contains("goes on in the background"), "{said}");
        assert!(!said.contains("no server answers"), "{said}");
        // The connection of the first request.
        drop(listener.accept().await.unwrap());
        let asked = http.get(&base).send();
        let (asked, ()) = tokio::join!(asked, async { drop(listener.accept().await.unwrap()) });
        let said = client.unanswered(&asked.unwrap_err()).to_string();
        assert!(said.contains("broke off"), "{said}");
        drop(listener);
        let said = client.unanswered(&http.get(&base).send().await.unwrap_err()).to_string();
        assert!(said.contains("no server answers"), "{said}");
    }
}
