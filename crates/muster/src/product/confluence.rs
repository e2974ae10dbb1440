//! People and groups from Confluence Data Center, over its REST API with a personal access token.
//!
//! Confluence lists people by group and tells no mail addresses:
//! <https://docs.atlassian.com/ConfluenceServer/rest/latest/>.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled, web::Web};

/// Groups or members in one page.
const PAGE: &str = "200";
/// Groups that are read at the same time.
const AT_ONCE: usize = 4;

#[derive(Deserialize)]
struct Page<T> {
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    display_name: String,
}

/// Reads everybody who is in a group.
///
/// # Errors
/// When a page did not come, or is not what was asked for.
pub async fn read(web: &Web) -> Result<Product, ReadError> {
    let mut gathering = Gathering::default();
    gathering.note(
        "Confluence tells no mail addresses and nobody who is in no group; use a CSV file if people are to be found by mail",
    );
    let groups: Vec<Group> = pages(web, &["rest", "api", "group"]).await?;
    let mut lists = stream::iter(groups)
        .map(|group| async move {
            let path = ["rest", "api", "group", &group.name, "member"];
            let members: Vec<User> = pages(web, &path).await?;
            Ok::<_, ReadError>((group.name, members))
        })
        .buffered(AT_ONCE);
    while let Some((group, members)) = lists.try_next().await? {
        gathering.group(&group);
        for user in members {
            let Some(user_name) = filled(&user.username) else { continue };
            let (groups, full_name) = (vec![group.clone()], filled(&user.display_name));
            gathering.person(ProductPerson { user_name, mail: None, full_name, groups });
        }
        if gathering.count() > PEOPLE_MAX {
            return Err(ReadError::Web(format!("there are more than {PEOPLE_MAX} people")));
        }
    }
    Ok(gathering.finish())
}

/// All pages of a list; a page may be shorter than was asked for, so that only an empty one is the end.
async fn pages<T: DeserializeOwned>(web: &Web, path: &[&str]) -> Result<Vec<T>, ReadError> {
    let mut all = Vec::new();
    loop {
        let start = all.len().to_string();
        let page: Page<T> = web.json(path, &[("start", &start), ("limit", PAGE)]).await?;
        if page.results.is_empty() {
            return Ok(all);
        }
        all.extend(page.results);
        if all.len() > PEOPLE_MAX {
            return Err(ReadError::Web(format!("a list has more than {PEOPLE_MAX} entries")));
        }
    }
}
