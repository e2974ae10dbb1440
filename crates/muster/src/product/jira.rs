//! People and groups from Jira Data Center, over its REST API with a personal access token of an administrator.
//!
//! Jira 10 shows no more than the first 100 people of a search (JRASERVER-78660), so people come from the groups first, and
//! the search adds those who are in none: <https://docs.atlassian.com/software/jira/docs/api/REST/latest/>.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled, web::Web};

/// Groups at the most.
const GROUPS_MAX: &str = "100000";
/// Members in one page; Jira gives no more.
const MEMBERS_PAGE: &str = "50";
/// People in one page of the search.
const SEARCH_PAGE: &str = "100";
/// Groups that are read at the same time.
const AT_ONCE: usize = 4;

#[derive(Deserialize)]
struct Groups {
    total: usize,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    values: Vec<User>,
    #[serde(default)]
    is_last: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    name: String,
    #[serde(default)]
    email_address: String,
    #[serde(default)]
    display_name: String,
}

impl User {
    fn person(self, groups: Vec<String>) -> Option<ProductPerson> {
        Some(ProductPerson {
            user_name: filled(&self.name)?,
            mail: filled(&self.email_address),
            full_name: filled(&self.display_name),
            groups,
        })
    }
}

/// Reads everybody.
///
/// # Errors
/// When a page did not come, or is not what was asked for.
pub async fn read(web: &Web) -> Result<Product, ReadError> {
    let mut gathering = Gathering::default();
    let path = ["rest", "api", "2", "groups", "picker"];
    let found: Groups = web.json(&path, &[("maxResults", GROUPS_MAX)]).await?;
    if found.total > found.groups.len() {
        gathering.note(format!(
            "Jira lists {} of its {} only; people who are in none of these may be missing, so use a CSV file for a \
             complete check",
            found.groups.len(),
            directory::counted::counted(found.total as u64, "group")
        ));
    }
    let mut lists = stream::iter(found.groups)
        .map(|group| async move {
            let members = members(web, &group.name).await?;
            Ok::<_, ReadError>((group.name, members))
        })
        .buffered(AT_ONCE);
    while let Some((group, members)) = lists.try_next().await? {
        gathering.group(&group);
        for user in members {
            if let Some(person) = user.person(vec![group.clone()]) {
                gathering.person(person);
            }
        }
        if gathering.count() > PEOPLE_MAX {
            return Err(ReadError::Web(format!("there are more than {PEOPLE_MAX} people")));
        }
    }
    search(web, &mut gathering).await?;
    Ok(gathering.finish())
}

async fn members(web: &Web, group: &str) -> Result<Vec<User>, ReadError> {
    let mut members = Vec::new();
    loop {
        let start = members.len().to_string();
        let query = [
            ("groupname", group),
            ("includeInactiveUsers", "true"),
            ("startAt", &start),
            ("maxResults", MEMBERS_PAGE),
        ];
        let page: Members = web.json(&["rest", "api", "2", "group", "member"], &query).await?;
        let over = page.is_last || page.values.is_empty();
        members.extend(page.values);
        if over {
            return Ok(members);
        }
    }
}

/// Adds those whom the search shows; says so if it shows fewer than there are.
async fn search(web: &Web, gathering: &mut Gathering) -> Result<(), ReadError> {
    let mut seen = 0;
    let mut shown = BTreeSet::new();
    loop {
        let start = seen.to_string();
        let query = [
            // Everybody: Jira takes no empty text.
            ("username", "."),
            ("includeInactive", "true"),
            ("startAt", &start),
            ("maxResults", SEARCH_PAGE),
        ];
        let page: Vec<User> = web.json(&["rest", "api", "2", "user", "search"], &query).await?;
        let new = page.iter().filter(|user| shown.insert(user.name.to_lowercase())).count();
        seen += page.len();
        for user in page {
            if let Some(person) = user.person(Vec::new()) {
                gathering.person(person);
            }
        }
        if new == 0 {
            break;
        }
    }
    if shown.len() < gathering.count() {
        gathering.note(
            "Jira's search does not show everybody (Jira 10 shows 100 people at the most); people who are in no group may \
             be missing, so use a CSV file for a complete check",
        );
    }
    Ok(())
}
