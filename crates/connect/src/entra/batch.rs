//! Many small questions in one request (`$batch`, `protocols/providers.md` A4).
//!
//! Invariants: each question has its own answer, whatever the whole was answered with; one that was throttled is asked
//! again alone with its like, after the longest pause that was asked for.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{Entra, catalogue, wire};
use crate::{
    call::{Ask, about_one, call},
    error::{ConnectError, Kind},
    http::{Answer, Setback},
    odd::What,
    progress::Progress,
    unreadable::{self, TROUBLE_MAX},
};

/// Questions in one request.
const SIZE: usize = 20;
/// Requests side by side.
const AT_ONCE: usize = 4;
/// How often a question is asked.
const TRIES: u32 = 6;
/// The pause after a refusal that does not say how long.
const PAUSE: Duration = Duration::from_secs(2);

/// A question: a path below `/v1.0/`, with a body if it is a `POST`.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// What became of a question.
type Told = Result<Bytes, ConnectError>;
/// The answer to one question, or why the request that held it was not answered.
type Outcome = Result<Answer, ConnectError>;

#[derive(Deserialize)]
struct Document {
    responses: Vec<PartAnswer>,
}

#[derive(Deserialize)]
pub(super) struct PartAnswer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
}

impl Entra {
    /// Asks many questions; answers come in the order of the questions.
    ///
    /// # Errors
    /// When the whole could not be asked; what is wrong with one question is in its place.
    pub(super) async fn batch(
        &self,
        parts: &[Part],
        what: &str,
        progress: &Progress,
    ) -> Result<Vec<Told>, ConnectError> {
        let unanswered = || {
            ConnectError::new(Kind::Temporary, "N-429", "a question was not answered").during(what)
        };
        let mut told: Vec<Told> = parts.iter().map(|_| Err(unanswered())).collect();
        let mut open: Vec<usize> = (0..parts.len()).collect();
        for attempt in 0..TRIES {
            let chunks: Vec<Vec<usize>> = open.chunks(SIZE).map(<[usize]>::to_vec).collect();
            let answers: Vec<Vec<(usize, Outcome)>> = stream::iter(chunks)
                .map(|chunk| async move { self.ask_chunk(parts, &chunk, what, progress).await })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            let (mut pause, mut throttled) = (Duration::ZERO, None);
            let answers: BTreeMap<usize, Outcome> = answers.into_iter().flatten().collect();
            let mut again: Vec<usize> =
                open.iter().copied().filter(|index| !answers.contains_key(index)).collect();
            for (index, outcome) in answers {
                let answer = match outcome {
                    Ok(answer) if answer.status.is_success() => {
                        told[index] = Ok(answer.body);
                        continue;
                    }
                    Ok(answer) => answer,
                    Err(error) => {
                        told[index] = Err(error);
                        continue;
                    }
                };
                match about_one(catalogue::graph(&answer, what, self.http.now()), answer.status) {
                    Setback::Throttled(asked) => {
                        throttled = throttled.max(Some(asked.unwrap_or(PAUSE)));
                        told[index] = Err(unanswered());
                        again.push(index);
                    }
                    Setback::Failed(error, asked) => {
                        // One question must not keep all others waiting.
                        let soon = asked.is_none_or(|asked| asked <= TROUBLE_MAX);
                        if error.kind == Kind::Temporary && soon {
                            pause = pause.max(asked.unwrap_or(PAUSE * attempt));
                            again.push(index);
                        }
                        told[index] = Err(error);
                    }
                    Setback::Unauthorised(error) => told[index] = Err(error),
                }
            }
            open = again;
            open.sort_unstable();
            if open.is_empty() || attempt + 1 == TRIES {
                break;
            }
            if let Some(throttled) = throttled {
                self.http.throttled(throttled);
            }
            // What was answered stays answered, whether or not anybody waits for the rest.
            if self.http.wait(pause).await.is_err() {
                break;
            }
        }
        Ok(told)
    }

    /// Asks some questions in one request; in several if one of them spoils the answer to all.
    async fn ask_chunk(
        &self,
        parts: &[Part],
        chunk: &[usize],
        what: &str,
        progress: &Progress,
    ) -> Result<Vec<(usize, Outcome)>, ConnectError> {
        let mut outcomes = Vec::with_capacity(chunk.len());
        let mut open = vec![chunk.to_vec()];
        while let Some(mut some) = open.pop() {
            let asked = self.ask_together(parts, &some, what, progress);
            let read = if some.len() == chunk.len() {
                asked.await
            } else {
                unreadable::again(asked).await
            };
            match read {
                Ok(answers) => {
                    outcomes.extend(answers.into_iter().map(|(index, answer)| (index, Ok(answer))));
                }
                Err(error) if error.code() == Some("N-TRUNC") && some.len() > 1 => {
                    let rest = some.split_off(some.len() / 2);
                    open.extend([some, rest]);
                }
                // Other requests may be answered better.
                Err(error) if error.is_about_one() => {
                    outcomes.extend(some.into_iter().map(|index| (index, Err(error.clone()))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(outcomes)
    }

    async fn ask_together(
        &self,
        parts: &[Part],
        chunk: &[usize],
        what: &str,
        progress: &Progress,
    ) -> Result<Vec<(usize, Answer)>, ConnectError> {
        let requests: Vec<Value> =
            chunk.iter().map(|index| request(*index, &parts[*index])).collect();
        let body = json!({"requests": requests});
        let url = self.settings.graph_url("$batch");
        let what = What::page(what, "responses", &wire::PART);
        call(self, Ask::post(&url, &body), what, progress, |answer| {
            let document: Document = serde_json::from_slice(&answer.body)?;
            let answers = document.responses.into_iter();
            Ok(answers.filter_map(|one| Some((one.id.parse().ok()?, one.answer()?))).collect())
        })
        .await
    }
}

fn request(index: usize, part: &Part) -> Value {
    let url = format!("/{}", part.path);
    match &part.body {
        // Counting asks the index of objects, which answers only who accepts that it may lag.
        None if url.contains("$count=true") => json!({
            "id": index.to_string(),
            "method": "GET",
            "url": url,
            "headers": {"ConsistencyLevel": "eventual"},
        }),
        None => json!({"id": index.to_string(), "method": "GET", "url": url}),
        Some(body) => json!({
            "id": index.to_string(),
            "method": "POST",
            "url": url,
            "headers": {"Content-Type": "application/json"},
            "body": body,
        }),
    }
}

impl PartAnswer {
    /// As if it had come by itself.
    fn answer(self) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let name = HeaderName::try_from(name).ok();
            if let (Some(name), Ok(value)) = (name, HeaderValue::try_from(text)) {
                headers.insert(name, value);
            }
        }
        let body = self.body.map_or_else(Bytes::new, |body| Bytes::from(body.get().to_owned()));
        let status = StatusCode::from_u16(self.status).ok()?;
        Some(Answer { status, headers, body, latency: Duration::ZERO })
    }
}
