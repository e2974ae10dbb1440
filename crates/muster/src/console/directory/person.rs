//! One person: attributes, memberships with the way each came about, history, and why.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use directory::{
    decisions::Node,
    explain::Explanation,
    id::{DirectoryId, GroupNo, ProviderId, UserNo},
    snapshot::Directory,
};
use serde::Deserialize;

use super::{Head, found, people::served};
use crate::{
    api::{actions, change::Entry},
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{When, segment},
    },
};

/// Groups around a person that are shown.
const GROUPS_MAX: usize = 500;
/// Changes that are shown.
const HISTORY_MAX: usize = 50;
/// How long a page waits for a run that holds the directory.
const PATIENCE: Duration = Duration::from_secs(3);

/// A membership, and how it came about.
#[derive(Debug)]
pub(super) struct Way {
    name: String,
    path: String,
    /// The groups between, nearest to the person first; empty when direct.
    through: Vec<String>,
}

/// A change in a table.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) when: When,
    pub(super) what: String,
}

impl Past {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        Self { when, what: "Added.".to_owned() }
    }

    /// What the log says, as the page of one object says it.
    pub(super) fn of(entry: &Entry, own: bool, now: directory::id::Millis) -> Self {
        // Of one person, the log names the group and says again who the person is.
        let elsewhere = entry.kind == "members" && !own;
        let what = match entry.what.split_whitespace().next() {
            Some("added") if elsewhere => format!("Became a member of {}.", entry.name),
            Some("removed") if elsewhere => format!("Ceased to be a member of {}.", entry.name),
            _ => sentence(&entry.what),
        };
        Self { when: When::new(entry.at, now), what }
    }
}

/// The served form of a person.
#[derive(Debug)]
struct Served {
    name: String,
    display_name: String,
    email: String,
    active: bool,
    created: When,
    updated: When,
}

#[derive(Debug, Template)]
#[template(path = "directory/person.html")]
pub(in crate::console) struct PersonPage {
    frame: Frame,
    head: Head,
    label: String,
    served: Option<Served>,
    /// Why the person is here or not; `None` while a run holds the directory.
    why: Option<Explanation>,
    because: Vec<String>,
    ways: Vec<Way>,
    history: Vec<Past>,
    key: String,
}

impl PersonPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        let way = Way {
            name: "all".to_owned(),
            path: "/directories/entra/groups/1".to_owned(),
            through: vec!["dev".to_owned(), "rd".to_owned()],
        };
        Self {
            frame: Frame::sample(),
            head: Head::sample("people"),
            label: "ann".to_owned(),
            served: Some(Served {
                name: "ann".to_owned(),
                display_name: "Ann".to_owned(),
                email: String::new(),
                active: true,
                created: when,
                updated: when,
            }),
            why: Some(Explanation {
                id: "1".to_owned(),
                served: true,
                name: Some("ann".to_owned()),
                active: true,
                because: Vec::new(),
                attributes: vec![("login".to_owned(), "ann".to_owned())],
                rules: Vec::new(),
                groups: Vec::new(),
                memberships: Vec::new(),
            }),
            because: vec!["A member.".to_owned()],
            ways: vec![way],
            history: vec![Past::sample()],
            key: "1:1".to_owned(),
        }
    }
}

pub(in crate::console) async fn person(
    visit: Visit,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    page(&visit, &name, &id).await
}

#[derive(Deserialize)]
pub(in crate::console) struct Whom {
    #[serde(default)]
    user: String,
}

/// Whoever has a login, address or id, served or not.
pub(in crate::console) async fn explain(
    visit: Visit,
    Path(name): Path<String>,
    Query(Whom { user }): Query<Whom>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "people").await?;
    let explaining = actions::explain(visit.app(), &name, user.trim());
    let Ok(explained) = tokio::time::timeout(PATIENCE, explaining).await else {
        let text = "A run is under way and holds the directory. Ask again in a moment.";
        return Ok(visit.failed(&head.path, text));
    };
    let explained = explained?;
    let path = format!("{}/people/{}", head.path, segment(&explained.id));
    Ok(Redirect::to(&path).into_response())
}

async fn page(visit: &Visit, name: &str, id: &str) -> Result<Response, Refusal> {
    let (detail, head) = found(visit, name, "people").await?;
    let (app, now) = (visit.app(), visit.now());
    let directory_id = DirectoryId(detail.summary.id);
    let directory = served(visit, directory_id);
    let id = ProviderId::parse(id).map_err(|_| Refusal::not_found("such person"))?;
    let user = directory.user_by_id(&id);
    let wanted = id.to_string();
    let explaining = actions::explain(app, name, &wanted);
    let why = match tokio::time::timeout(PATIENCE, explaining).await {
        Ok(Ok(explained)) => Some(explained),
        Ok(Err(problem)) if user.is_none() => return Err(problem.into()),
        Ok(Err(_)) | Err(_) => None,
    };
    if user.is_none() && why.is_none() {
        return Err(Refusal::not_found("such person"));
    }
    let (ways, history) = match user {
        None => (Vec::new(), Vec::new()),
        Some((no, _)) => {
            let entries = actions::history(app, directory_id, Node::User(no), HISTORY_MAX).await?;
            let past = entries.iter().map(|entry| Past::of(entry, false, now)).collect();
            (ways(&directory, &head.path, no), past)
        }
    };
    let shown = user.map(|(_, user)| Served {
        name: user.name().to_owned(),
        display_name: user.display_name().to_owned(),
        email: user.email().to_owned(),
        active: user.active(),
        created: When::new(user.created(), now),
        updated: When::new(user.updated(), now),
    });
    let attribute = |wanted: &str| {
        let why = why.as_ref()?;
        let found = why.attributes.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let label = match &shown {
        Some(served) => served.name.clone(),
        None => attribute("login").unwrap_or_else(|| id.to_string()),
    };
    let because = why.iter().flat_map(|why| &why.because).map(|text| sentence(text)).collect();
    let frame = visit.frame(label.clone(), &format!("directory {}", head.name));
    let key = format!("{directory_id}:{id}");
    show(&PersonPage { frame, head, label, served: shown, why, because, ways, history, key })
}

/// The groups around a person, with the shortest way to each.
fn ways(directory: &Directory, base: &str, no: UserNo) -> Vec<Way> {
    let mut through: HashMap<u32, Option<u32>> = HashMap::new();
    let mut work: VecDeque<u32> = VecDeque::new();
    for group in directory.groups_of(no) {
        through.insert(*group, None);
        work.push_back(*group);
    }
    let mut order = Vec::new();
    while let Some(at) = work.pop_front() {
        order.push(at);
        for parent in directory.parents_of(GroupNo(at)) {
            if order.len() < GROUPS_MAX && !through.contains_key(parent) {
                through.insert(*parent, Some(at));
                work.push_back(*parent);
            }
        }
    }
    let name = |no: u32| directory.group(GroupNo(no)).map(|group| group.name().to_string());
    let way = |no: &u32| {
        let group = directory.group(GroupNo(*no))?;
        let mut between = Vec::new();
        let mut at = through.get(no).copied().flatten();
        while let Some(inner) = at {
            between.extend(name(inner));
            at = through.get(&inner).copied().flatten();
        }
        between.reverse();
        let path = format!("{base}/groups/{}", segment(&group.id().to_string()));
        Some(Way { name: group.name().to_string(), path, through: between })
    };
    let mut ways: Vec<Way> = order.iter().take(GROUPS_MAX).filter_map(way).collect();
    ways.sort_by(|a, b| (a.through.len(), &a.name).cmp(&(b.through.len(), &b.name)));
    ways
}
