//! People and groups from a Crowd server, over the REST API that its applications use.
//!
//! People come in pages, memberships in one document: <https://developer.atlassian.com/server/crowd/crowd-rest-resources/>.

use quick_xml::{Reader, XmlVersion, events::Event};
use serde::Deserialize;

use super::{Gathering, PEOPLE_MAX, Product, ProductPerson, ReadError, filled, web::Web};

/// People in one page.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    email: String,
}

/// Reads everybody whom an application sees.
///
/// # Errors
/// When a page did not come, or is not what was asked for.
pub async fn read(web: &Web) -> Result<Product, ReadError> {
    let mut gathering = Gathering::default();
    let max = PAGE.to_string();
    let mut start = 0;
    loop {
        let from = start.to_string();
        let path = ["rest", "usermanagement", "1", "search"];
        let query = [
            ("entity-type", "user"),
            ("expand", "user"),
            ("start-index", from.as_str()),
            ("max-results", max.as_str()),
        ];
        let page: Users = web.json(&path, &query).await?;
        let count = page.users.len();
        for user in page.users {
            let Some(user_name) = filled(&user.name) else { continue };
            let (mail, full_name) = (filled(&user.email), filled(&user.display_name));
            gathering.person(ProductPerson { user_name, mail, full_name, groups: Vec::new() });
        }
        start += count;
        if count == 0 {
            break;
        }
        if start > PEOPLE_MAX {
            return Err(ReadError::Web(format!("there are more than {PEOPLE_MAX} people")));
        }
    }
    let document = web.xml(&["rest", "usermanagement", "1", "group", "membership"], &[]).await?;
    memberships(&document, &mut gathering)?;
    Ok(gathering.finish())
}

/// `<membership group="…"><users><user name="…"/></users>…`: direct members only.
fn memberships(document: &str, gathering: &mut Gathering) -> Result<(), ReadError> {
    let wrong = |error: &dyn std::fmt::Display| {
        ReadError::Web(format!("the list of memberships cannot be read: {error}"))
    };
    let mut reader = Reader::from_str(document);
    let mut group = None;
    let mut ended = false;
    loop {
        let event = reader.read_event().map_err(|error| wrong(&error))?;
        let (Event::Start(element) | Event::Empty(element)) = &event else {
            match event {
                Event::End(element) if element.name().as_ref() == "memberships" => ended = true,
                Event::Eof if ended => return Ok(()),
                Event::Eof => return Err(wrong(&"it does not come to its end")),
                _ => {}
            }
            continue;
        };
        let text = |name: &str| -> Result<Option<String>, ReadError> {
            let attribute = element.try_get_attribute(name).map_err(|error| wrong(&error))?;
            let value =
                attribute.map(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0));
            Ok(value.transpose().map_err(|error| wrong(&error))?.map(std::borrow::Cow::into_owned))
        };
        match element.name().as_ref() {
            "memberships" => ended = matches!(event, Event::Empty(_)),
            "membership" => {
                group = text("group")?;
                if let Some(group) = &group {
                    gathering.group(group);
                }
            }
            "user" => {
                if let (Some(group), Some(user_name)) = (&group, text("name")?) {
                    let groups = vec![group.clone()];
                    gathering.person(ProductPerson {
                        user_name,
                        groups,
                        ..ProductPerson::default()
                    });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Product, ReadError> {
        let mut gathering = Gathering::default();
        memberships(document, &mut gathering)?;
        Ok(gathering.finish())
    }

    #[test]
    fn memberships_are_read_and_must_come_to_their_end() {
        let document = "<?xml version=\"1.0\"?><memberships><membership group=\"R&amp;D\"><users>\
                        <user name=\"alice\"/><user name=\"bob\"></user></users><groups><group name=\"x\"/></groups>\
                        </membership><membership group=\"empty\"/></memberships>";
        let product = read(document).unwrap();
        assert_eq!(product.groups, ["R&D", "empty"]);
        assert_eq!(product.people.len(), 2);
        assert_eq!(product.people[0].groups, ["R&D"]);
        assert!(read("<memberships/>").unwrap().groups.is_empty());
        assert!(read(&document[..document.len() - 20]).is_err());
        assert!(read("").is_err());
    }
}
