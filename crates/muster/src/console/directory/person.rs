//! One person: attributes, memberships with the way each came about, history, and why.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use directory::{
    decisions::Node,
    explain::{Explanation, Membership, Way},
    id::{DirectoryId, ProviderId},
    name::fold,
    resource_name::from_path_form,
    snapshot::Directory,
};
use serde::Deserialize;
use serde_json::json;

use super::{Head, candidates::choose, found, people::served, runs::applied};
use crate::{
    api::{actions, change::Entry, directory::is_held, explain::Explained},
    audit,
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
struct Group {
    name: String,
    /// Where its page is, if products see it.
    path: Option<String>,
    /// Whether products see the membership now.
    served: bool,
    ways: Vec<String>,
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
    groups: Vec<Group>,
    /// When what products see last changed, and in which run.
    last: Option<(When, u64)>,
    history: Vec<Past>,
    key: String,
}

impl PersonPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        use directory::explain::Asked;
        let when = When::new(directory::id::Millis(0), directory::id::Millis(90_000));
        let group = |path, served| Group {
            name: "all".to_owned(),
            path,
            served,
            ways: vec!["Through dev, which is in rd.".to_owned()],
        };
        let asked = |decided| Asked {
            rule: "people.filter".to_owned(),
            answer: "the condition holds".to_owned(),
            decided,
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
                rules: vec![asked(false), asked(true)],
                groups: Vec::new(),
                memberships: Vec::new(),
            }),
            because: vec!["A member.".to_owned()],
            groups: vec![
                group(Some("/directories/entra/groups/1".to_owned()), true),
                group(None, false),
            ],
            last: Some((when, 3)),
            history: vec![Past::sample()],
            key: "1:1".to_owned(),
        }
    }
}

pub(in crate::console) async fn person(
    visit: Visit,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    page(&visit, &name, &from_path_form(&id)).await
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
    let explained = match explained {
        Err(problem) if !problem.candidates.is_empty() => {
            return choose(&visit, head, (user.trim(), problem.candidates));
        }
        explained => explained?,
    };
    let path = format!("{}/people/{}", head.path, segment(&explained.explanation.id));
    Ok(Redirect::to(&path).into_response())
}

/// Reads this person at the provider now, alone.
pub(in crate::console) async fn sync(
    visit: Visit,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "people").await?;
    let id = from_path_form(&id).into_owned();
    let back = format!("{}/people/{}", head.path, segment(&id));
    match actions::sync_person(visit.app(), &name, &id).await {
        Ok(read) => {
            let detail = json!({"user": id, "outcome": read.report.outcome});
            let actor = visit.actor();
            audit::record(visit.app(), &actor, "directory.sync.person", &head.name, detail).await;
            let done = applied(&read.report.applied);
            let text = if is_held(&read.report) {
                format!("Read: {done}; some of it waits for an approval.")
            } else {
                format!("Read: {done}.")
            };
            Ok(visit.done(&back, text))
        }
        // What the provider or the directory has against it, in its own words.
        Err(problem) => Ok(visit.failed(&back, sentence(&problem.detail))),
    }
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
    let groups = why.iter().flat_map(|why| groups(why, &directory, &head.path)).collect();
    let last = why.as_ref().and_then(|why| why.last_change.as_ref());
    let last = last.map(|entry| (When::new(entry.at, now), entry.run));
    let why = why.map(|why| why.explanation);
    let history = match user {
        None => Vec::new(),
        Some((no, _)) => {
            let entries = actions::history(app, directory_id, Node::User(no), HISTORY_MAX).await?;
            entries.iter().map(|entry| Past::of(entry, false, now)).collect()
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
    let key = format!("{}:{id}", detail.summary.key);
    let served = shown;
    show(&PersonPage { frame, head, label, served, why, because, groups, last, history, key })
}

impl Group {
    fn of(membership: &Membership, directory: &Directory, base: &str) -> Self {
        let served = directory.group_by_name(&fold(&membership.group));
        let path = served.map(|(_, group)| segment(&group.id().to_string()));
        Self {
            name: membership.group.clone(),
            path: path.map(|segment| format!("{base}/groups/{segment}")),
            served: membership.served,
            ways: membership.ways.iter().map(|way| sentence(&way.to_string())).collect(),
        }
    }
}

/// The groups that somebody is in or would be, those nearest first.
fn groups(why: &Explained, directory: &Directory, base: &str) -> Vec<Group> {
    let mut memberships: Vec<&Membership> = why.explanation.memberships.iter().collect();
    let distance = |membership: &Membership| match membership.ways.first() {
        Some(Way::Nested(path) | Way::Addition(path)) => path.len(),
        _ => 0,
    };
    memberships.sort_by(|a, b| (distance(a), &a.group).cmp(&(distance(b), &b.group)));
    memberships.iter().take(GROUPS_MAX).map(|one| Group::of(one, directory, base)).collect()
}
