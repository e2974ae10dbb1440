//! Several people fit what somebody typed: nobody is guessed, one is chosen.

use askama::Template;
use axum::response::Response;
use directory::reference::Candidate;

use super::{Head, frame};
use crate::console::{
    page::{Frame, Refusal, Visit, show},
    words::segment,
};

/// One of those who fit.
#[derive(Debug)]
struct Person {
    label: String,
    /// Where their page is; empty where only the history knows them.
    path: String,
    login: String,
    mail: String,
    how: String,
}

#[derive(Debug, Template)]
#[template(path = "directory/candidates.html")]
pub(in crate::console) struct CandidatesPage {
    frame: Frame,
    head: Head,
    wanted: String,
    people: Vec<Person>,
}

impl CandidatesPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let person = |path: &str| Person {
            label: "Ann <Lee>".to_owned(),
            path: path.to_owned(),
            login: "ann@example.org".to_owned(),
            mail: "team@example.org".to_owned(),
            how: "mail address".to_owned(),
        };
        Self {
            frame: Frame::sample(),
            head: Head::sample("people"),
            wanted: "team@example.org".to_owned(),
            people: vec![person("/directories/entra/people/1"), person("")],
        }
    }
}

/// Shows those who fit.
pub(super) fn choose(
    visit: &Visit,
    head: Head,
    (wanted, candidates): (&str, Vec<Candidate>),
) -> Result<Response, Refusal> {
    let person = |candidate: Candidate| {
        let how: Vec<String> = candidate.matched.iter().map(ToString::to_string).collect();
        let (login, mail) = (candidate.login, candidate.mail.unwrap_or_default());
        let known = candidate.name.or(candidate.display_name).or_else(|| login.clone());
        let path = match candidate.id.as_str() {
            "" => String::new(),
            id => format!("{}/people/{}", head.path, segment(id)),
        };
        Person {
            label: known.unwrap_or(candidate.id),
            path,
            login: login.unwrap_or_default(),
            mail,
            how: how.join(", "),
        }
    };
    let people = candidates.into_iter().map(person).collect();
    let frame = frame(visit, &head, "Several fit: people");
    show(&CandidatesPage { frame, head, wanted: wanted.to_owned(), people })
}
