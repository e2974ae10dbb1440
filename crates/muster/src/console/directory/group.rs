//! One group: who is in it, what is in it, what it is in, and its history.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use directory::{
    decisions::Node,
    id::{DirectoryId, GroupNo, ProviderId, UserNo},
    resource_name::from_path_form,
};
use serde::Deserialize;

use super::{
    Head, found,
    people::{GroupLine, Pages, Person, ROWS, served},
    person::Past,
};
use crate::{
    api::actions,
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{When, count},
    },
};

/// Groups inside and around that are shown.
const GROUPS_MAX: usize = 200;
/// Changes that are shown.
const HISTORY_MAX: usize = 30;

#[derive(Debug, Template)]
#[template(path = "directory/group.html")]
pub(in crate::console) struct GroupPage {
    frame: Frame,
    head: Head,
    name: String,
    description: String,
    key: String,
    /// Its new name at the provider and the decision about it, if it has one.
    rename: Option<String>,
    updated: When,
    total: String,
    people: Vec<Person>,
    pages: Pages,
    groups: Vec<GroupLine>,
    around: Vec<GroupLine>,
    history: Vec<Past>,
}

impl GroupPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("groups"),
            name: "dev".to_owned(),
            description: "Developers".to_owned(),
            key: "1:1".to_owned(),
            rename: Some("The provider calls it `Developers` now.".to_owned()),
            updated: When::new(directory::id::Millis(0), directory::id::Millis(90_000)),
            total: "1".to_owned(),
            people: vec![Person::sample()],
            pages: Pages::default(),
            groups: vec![GroupLine::sample()],
            around: vec![GroupLine::sample()],
            history: vec![Past::sample()],
        }
    }
}

#[derive(Deserialize)]
pub(in crate::console) struct Place {
    #[serde(default)]
    page: usize,
}

pub(in crate::console) async fn group(
    visit: Visit,
    Path((name, id)): Path<(String, String)>,
    Query(Place { page }): Query<Place>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "groups").await?;
    let directory_id = DirectoryId(detail.summary.id);
    let directory = served(&visit, directory_id);
    let missing = || Refusal::not_found("such group");
    let id = ProviderId::parse(&from_path_form(&id)).map_err(|_| missing())?;
    let (no, group) = directory.group_by_id(&id).ok_or_else(missing)?;
    let members = directory.users_of(no);
    let mut named: Vec<(UserNo, _)> = members
        .iter()
        .filter_map(|user| Some((UserNo(*user), directory.user(UserNo(*user))?)))
        .collect();
    named.sort_by(|a, b| a.1.folded_name().cmp(b.1.folded_name()));
    let shown = named.iter().skip(page.saturating_mul(ROWS)).take(ROWS);
    let people = shown.map(|(no, user)| Person::of(&directory, &head.path, (*no, user))).collect();
    let lines = |groups: &[u32]| -> Vec<GroupLine> {
        let found = groups.iter().take(GROUPS_MAX).filter_map(|no| {
            let group = directory.group(GroupNo(*no))?;
            Some(GroupLine::of(&directory, &head.path, (GroupNo(*no), group)))
        });
        found.collect()
    };
    let renames = actions::renames(visit.app(), &name).await?.unwrap_or_default();
    let own = renames.into_iter().find(|(rename, _)| rename.id == id.to_string());
    let rename = own.map(|(rename, _)| sentence(&rename.what));
    let history = actions::history(visit.app(), directory_id, Node::Group(no), HISTORY_MAX).await?;
    let now = visit.now();
    show(&GroupPage {
        frame: visit.frame(group.name().to_string(), &format!("directory {}", head.name)),
        name: group.name().to_string(),
        description: group.description().to_owned(),
        rename,
        key: format!("{directory_id}:{id}"),
        updated: When::new(group.updated(), now),
        total: count(members.len()),
        people,
        pages: Pages::of(page, members.len(), |page| format!("?page={page}")),
        groups: lines(directory.children_of(no)),
        around: lines(directory.parents_of(no)),
        history: history.iter().map(|entry| Past::of(entry, true, now)).collect(),
        head,
    })
}
