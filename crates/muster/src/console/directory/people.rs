//! People and groups of a directory, as served now: search, filter, pages.
//!
//! Invariant: read from one snapshot; a search looks at every person once, whatever it finds.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use directory::{
    group::Group,
    id::{DirectoryId, GroupNo, UserNo},
    query::Filter,
    snapshot::Directory,
    user::User,
};
use serde::Deserialize;

use super::{Head, found, frame};
use crate::{
    api::people::words,
    console::{
        page::{Frame, Refusal, Visit, show},
        words::{count, segment},
    },
};

/// Rows of one page.
pub(in crate::console) const ROWS: usize = 50;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(in crate::console) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: String,
    #[serde(default)]
    page: usize,
}

/// Where a page lies among all.
#[derive(Debug, Clone, Default)]
pub(in crate::console) struct Pages {
    pub(in crate::console) words: String,
    pub(in crate::console) back: Option<String>,
    pub(in crate::console) on: Option<String>,
}

impl Pages {
    /// The `page`th of pages of `rows` rows; `address` makes the address of another one.
    pub(in crate::console) fn of(
        page: usize,
        total: usize,
        address: impl Fn(usize) -> String,
    ) -> Self {
        let first = page.saturating_mul(ROWS).min(total);
        let last = (first + ROWS).min(total);
        let words = match total {
            0 => String::new(),
            _ if first == total => format!("none of {} is this far on", count(total)),
            _ => format!("{} to {} of {}", count(first + 1), count(last), count(total)),
        };
        Self {
            words,
            back: page.checked_sub(1).map(&address),
            on: (last < total).then(|| address(page + 1)),
        }
    }
}

/// A person in a table.
#[derive(Debug, Clone)]
pub(in crate::console) struct Person {
    pub(in crate::console) name: String,
    pub(in crate::console) path: String,
    pub(in crate::console) display_name: String,
    pub(in crate::console) email: String,
    pub(in crate::console) active: bool,
    pub(in crate::console) groups: String,
}

impl Person {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            name: "ann".to_owned(),
            path: "/directories/entra/people/1".to_owned(),
            display_name: "Ann <Lee>".to_owned(),
            email: "ann@example.org".to_owned(),
            active: false,
            groups: "3".to_owned(),
        }
    }

    pub(in crate::console) fn of(
        directory: &Directory,
        base: &str,
        (no, user): (UserNo, &User),
    ) -> Self {
        Self {
            name: user.name().to_owned(),
            path: format!("{base}/people/{}", segment(&user.id().to_string())),
            display_name: user.display_name().to_owned(),
            email: user.email().to_owned(),
            active: user.active(),
            groups: count(directory.groups_of(no).len()),
        }
    }
}

/// A group in a table.
#[derive(Debug, Clone)]
pub(in crate::console) struct GroupLine {
    pub(in crate::console) name: String,
    pub(in crate::console) path: String,
    pub(in crate::console) description: String,
    pub(in crate::console) people: String,
    pub(in crate::console) inside: String,
}

impl GroupLine {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            name: "dev".to_owned(),
            path: "/directories/entra/groups/1".to_owned(),
            description: "Developers".to_owned(),
            people: "12".to_owned(),
            inside: "1".to_owned(),
        }
    }

    pub(in crate::console) fn of(
        directory: &Directory,
        base: &str,
        (no, group): (GroupNo, &Group),
    ) -> Self {
        Self {
            name: group.name().to_string(),
            path: format!("{base}/groups/{}", segment(&group.id().to_string())),
            description: group.description().to_owned(),
            people: count(directory.users_of(no).len()),
            inside: count(directory.children_of(no).len()),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "directory/people.html")]
pub(in crate::console) struct PeoplePage {
    frame: Frame,
    head: Head,
    q: String,
    shown: String,
    people: Vec<Person>,
    pages: Pages,
}

#[derive(Debug, Template)]
#[template(path = "directory/groups.html")]
pub(in crate::console) struct GroupsPage {
    frame: Frame,
    head: Head,
    q: String,
    shown: String,
    groups: Vec<GroupLine>,
    pages: Pages,
}

impl PeoplePage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("people"),
            q: "<ann>".to_owned(),
            shown: "inactive".to_owned(),
            people: vec![Person::sample()],
            pages: Pages::of(1, 200, |page| format!("?page={page}")),
        }
    }
}

impl GroupsPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("groups"),
            q: "dev".to_owned(),
            shown: "empty".to_owned(),
            groups: vec![GroupLine::sample()],
            pages: Pages::default(),
        }
    }
}

/// A directory as served now.
pub(in crate::console) fn served(visit: &Visit, id: DirectoryId) -> Arc<Directory> {
    visit.app().served(id).unwrap_or_default()
}

pub(in crate::console) async fn people(
    visit: Visit,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "people").await?;
    let (id, key) = (DirectoryId(detail.summary.id), detail.summary.key);
    let (directory, base) = (served(&visit, id), head.path.clone());
    let Wanted { q, show: shown, page } = wanted;
    let filter = filter(&q, &shown);
    let looking = tokio::task::spawn_blocking(move || {
        let line = |(no, user): (UserNo, &Arc<User>)| Person::of(&directory, &base, (no, user));
        if filter.is_everything() {
            let lines =
                directory.users_from(page.saturating_mul(ROWS)).take(ROWS).map(line).collect();
            return (lines, directory.size().users);
        }
        let rows = (page.saturating_mul(ROWS), ROWS);
        let (total, found) =
            directory.page_of_users_fitting(rows, |user| filter.admits_user(user, &key));
        (found.into_iter().map(line).collect::<Vec<Person>>(), total)
    });
    let (people, total) = looking.await.map_err(anyhow::Error::from)?;
    let pages = Pages::of(page, total, |page| address(&q, &shown, page));
    show(&PeoplePage { frame: frame(&visit, &head, "People"), head, q, shown, people, pages })
}

pub(in crate::console) async fn groups(
    visit: Visit,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "groups").await?;
    let (id, key) = (DirectoryId(detail.summary.id), detail.summary.key);
    let (directory, base) = (served(&visit, id), head.path.clone());
    let Wanted { q, show: shown, page } = wanted;
    let (filter, chosen) = (filter(&q, ""), shown.clone());
    let looking = tokio::task::spawn_blocking(move || {
        let fits = |no: GroupNo| match chosen.as_str() {
            "empty" => directory.users_of(no).is_empty() && directory.children_of(no).is_empty(),
            "nested" => !directory.children_of(no).is_empty(),
            _ => true,
        };
        let (mut lines, mut total): (Vec<GroupLine>, usize) = (Vec::new(), 0);
        let all = directory.groups_from(0);
        for (no, group) in all.filter(|(no, group)| filter.admits_group(group, &key) && fits(*no)) {
            if total >= page.saturating_mul(ROWS) && lines.len() < ROWS {
                lines.push(GroupLine::of(&directory, &base, (no, group)));
            }
            total += 1;
        }
        (lines, total)
    });
    let (groups, total) = looking.await.map_err(anyhow::Error::from)?;
    let pages = Pages::of(page, total, |page| address(&q, &shown, page));
    show(&GroupsPage { frame: frame(&visit, &head, "Groups"), head, q, shown, groups, pages })
}

fn filter(q: &str, shown: &str) -> Filter {
    let mut parts = words(q);
    match shown {
        "active" => parts.insert(0, Filter::Active(true)),
        "inactive" => parts.insert(0, Filter::Active(false)),
        _ => {}
    }
    Filter::All(parts)
}

fn address(q: &str, shown: &str, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::from("?"));
    for (key, value) in [("q", q), ("show", shown)] {
        if !value.is_empty() {
            query.append_pair(key, value);
        }
    }
    query.append_pair("page", &page.to_string());
    query.finish()
}
