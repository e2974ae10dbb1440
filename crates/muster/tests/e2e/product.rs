//! A product's synchronisation as `protocols/crowd.md` 4.2 and 4.3 describe it: the same requests in the same
//! order, and a local copy kept by the product's own rules. Shares no code with the server.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::expected::{Copy, Person};

const NULL_RESTRICTION: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><null-search-restriction/>";

/// A product with its local copy.
pub(crate) struct Product {
    base: String,
    name: String,
    password: String,
    http: reqwest::Client,
    token: Option<String>,
    /// By key.
    users: BTreeMap<String, LocalUser>,
    /// By name in lower case, as spelled, with the description.
    groups: BTreeMap<String, (String, String)>,
    /// Group and member, both in lower case.
    members: BTreeSet<(String, String)>,
    nested: BTreeSet<(String, String)>,
    /// How many full synchronisations it took.
    pub(crate) full_syncs: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LocalUser {
    name: String,
    person: Person,
}

#[derive(Debug, Deserialize)]
struct Users {
    #[serde(default, rename = "user")]
    users: Vec<User>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(rename = "@name")]
    name: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    key: String,
    active: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Groups {
    #[serde(default, rename = "group")]
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(rename = "@name")]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    active: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Memberships {
    #[serde(default, rename = "membership")]
    memberships: Vec<Membership>,
}

#[derive(Debug, Deserialize)]
struct Membership {
    #[serde(rename = "@group")]
    group: String,
    users: Names,
    groups: Names,
}

#[derive(Debug, Default, Deserialize)]
struct Names {
    #[serde(default, rename = "user", alias = "group")]
    names: Vec<Name>,
}

#[derive(Debug, Deserialize)]
struct Name {
    #[serde(rename = "@name")]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Events {
    #[serde(rename = "@newEventToken")]
    new_event_token: Option<String>,
    #[serde(rename = "@incrementalSynchronisationAvailable")]
    available: Option<bool>,
    #[serde(default, rename = "$value")]
    list: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Event {
    #[serde(rename = "userEvent")]
    User { operation: Operation, user: User },
    #[serde(rename = "groupEvent")]
    Group { operation: Operation, group: Group },
    #[serde(rename_all = "camelCase")]
    #[serde(rename = "userMembershipEvent")]
    Membership { operation: Operation, child_user: Name, parent_groups: Names },
    #[serde(rename_all = "camelCase")]
    #[serde(rename = "groupMembershipEvent")]
    Nesting { operation: Operation, group: Name, parent_groups: Names, child_groups: Names },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operation {
    Created,
    Updated,
    Deleted,
}

impl Product {
    pub(crate) fn new(url: &str, name: String, password: String) -> Self {
        Self {
            base: format!("{url}/rest/usermanagement/1"),
            name,
            password,
            http: connect::http::local_client().unwrap(),
            token: None,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            members: BTreeSet::new(),
            nested: BTreeSet::new(),
            full_syncs: 0,
        }
    }

    /// Synchronises: by events if there is a token, else in full; events that are refused lead to a full one.
    pub(crate) async fn synchronise(&mut self) {
        let Some(token) = self.token.take() else { return self.full().await };
        let token = token.replace(':', "%3A");
        let (status, body) = self.call(Method::GET, &format!("event/{token}"), None).await;
        if status == StatusCode::GONE {
            return self.full().await;
        }
        assert_eq!(status, StatusCode::OK, "{body}");
        let events: Events = read(&body);
        for event in events.list {
            self.hear(event);
        }
        self.token = Some(events.new_event_token.expect("a token after events"));
    }

    /// The five requests of a full synchronisation.
    pub(crate) async fn full(&mut self) {
        self.full_between(async |_| None).await;
    }

    /// The same, with something happening before each request but the first; the server may move.
    pub(crate) async fn full_between(
        &mut self,
        mut happens: impl AsyncFnMut(u32) -> Option<String>,
    ) {
        self.full_syncs += 1;
        let events: Events = read(&self.fetch(Method::GET, "event", None).await);
        assert_eq!(events.available, Some(true));
        let search = |kind: &str| {
            format!("search?entity-type={kind}&start-index=0&max-results=-1&expand={kind}")
        };
        self.moved(happens(2).await);
        let users = self.fetch(Method::POST, &search("user"), Some(NULL_RESTRICTION)).await;
        self.users_are(read::<Users>(&users).users);
        self.moved(happens(3).await);
        let groups = self.fetch(Method::POST, &search("group"), Some(NULL_RESTRICTION)).await;
        self.groups_are(read::<Groups>(&groups).groups);
        self.moved(happens(4).await);
        let memberships: Memberships =
            read(&self.fetch(Method::GET, "group/membership", None).await);
        let known = self.known();
        for membership in memberships.memberships {
            self.members_are(&membership, &known);
        }
        self.moved(happens(5).await);
        let events: Events = read(&self.fetch(Method::GET, "event", None).await);
        self.token = events.new_event_token;
    }

    /// The server is at another address now, if at any.
    pub(crate) fn moved(&mut self, url: Option<String>) {
        if let Some(url) = url {
            self.base = format!("{url}/crowd/rest/usermanagement/1");
        }
    }

    /// The copy by names, to be compared with what should be there.
    pub(crate) fn copy(&self) -> Copy {
        let group = |folded: &str| self.groups[folded].0.clone();
        let spelled: BTreeMap<String, &str> = self
            .users
            .values()
            .map(|user| (user.name.to_lowercase(), user.name.as_str()))
            .collect();
        Copy {
            users: self
                .users
                .values()
                .map(|user| (user.name.clone(), user.person.clone()))
                .collect(),
            groups: self.groups.values().cloned().collect(),
            members: self.members.iter().map(|(g, u)| (group(g), spelled[u].to_owned())).collect(),
            nested: self.nested.iter().map(|(g, inner)| (group(g), group(inner))).collect(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&'static str>,
    ) -> (StatusCode, String) {
        let mut request = self
            .http
            .request(method, format!("{}/{path}", self.base))
            .basic_auth(&self.name, Some(&self.password))
            .header("Accept", "application/xml")
            .header("X-Atlassian-Token", "no-check");
        if let Some(body) = body {
            request = request.header("Content-Type", "application/xml; charset=UTF-8").body(body);
        }
        let response = request.send().await.unwrap();
        assert!(response.headers().contains_key("X-Embedded-Crowd-Version"), "{path}");
        (response.status(), response.text().await.unwrap())
    }

    async fn fetch(&self, method: Method, path: &str, body: Option<&'static str>) -> String {
        let (status, body) = self.call(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Whoever is not in the list is deleted, with all memberships.
    fn users_are(&mut self, list: Vec<User>) {
        let keys: BTreeSet<String> = list.iter().map(|user| user.key.clone()).collect();
        assert_eq!(keys.len(), list.len(), "keys are unique");
        let gone: Vec<LocalUser> = self
            .users
            .iter()
            .filter(|(key, _)| !keys.contains(*key))
            .map(|(_, user)| user.clone())
            .collect();
        self.users.retain(|key, _| keys.contains(key));
        for user in gone {
            self.members.retain(|(_, member)| *member != user.name.to_lowercase());
        }
        for user in list {
            self.upsert(user);
        }
    }

    fn upsert(&mut self, user: User) {
        let (key, local) = local(user);
        let name = local.name.to_lowercase();
        if let Some(old) = self.users.get(&key)
            && old.name.to_lowercase() != name
        {
            // A local rename takes the memberships along.
            let old = old.name.to_lowercase();
            let moved: Vec<_> =
                self.members.iter().filter(|(_, member)| *member == old).cloned().collect();
            for (group, member) in moved {
                self.members.remove(&(group.clone(), member));
                self.members.insert((group, name.clone()));
            }
        }
        self.users.insert(key, local);
    }

    fn groups_are(&mut self, list: Vec<Group>) {
        let names: BTreeSet<String> = list.iter().map(|group| group.name.to_lowercase()).collect();
        assert_eq!(names.len(), list.len(), "group names are unique in any case");
        let gone: Vec<String> =
            self.groups.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in gone {
            self.forget_group(&name);
        }
        for group in list {
            self.group_is(group);
        }
    }

    fn group_is(&mut self, group: Group) {
        assert_eq!(
            (group.kind.as_deref(), group.active),
            (Some("GROUP"), Some(true)),
            "{}",
            group.name
        );
        self.groups.insert(group.name.to_lowercase(), (group.name, group.description));
    }

    fn forget_group(&mut self, folded: &str) {
        self.groups.remove(folded);
        self.members.retain(|(group, _)| group != folded);
        self.nested.retain(|(group, inner)| group != folded && inner != folded);
    }

    /// Unknown groups are skipped, and so are unknown members.
    fn members_are(&mut self, membership: &Membership, known: &BTreeSet<String>) {
        let group = membership.group.to_lowercase();
        if !self.groups.contains_key(&group) {
            return;
        }
        self.members.retain(|(known, _)| *known != group);
        self.nested.retain(|(known, _)| *known != group);
        for user in &membership.users.names {
            self.join(&group, &user.name, known);
        }
        for inner in &membership.groups.names {
            self.nest(&group, &inner.name);
        }
    }

    /// The names that people have here, in lower case.
    fn known(&self) -> BTreeSet<String> {
        self.users.values().map(|user| user.name.to_lowercase()).collect()
    }

    fn join(&mut self, group: &str, user: &str, known: &BTreeSet<String>) {
        let user = user.to_lowercase();
        if known.contains(&user) && self.groups.contains_key(group) {
            self.members.insert((group.to_owned(), user));
        }
    }

    fn nest(&mut self, group: &str, inner: &str) {
        let inner = inner.to_lowercase();
        if self.groups.contains_key(&inner) && self.groups.contains_key(group) {
            self.nested.insert((group.to_owned(), inner));
        }
    }

    /// Events change the copy by name, and twice the same event changes nothing.
    fn hear(&mut self, event: Event) {
        use Operation::{Created, Deleted, Updated};
        match event {
            Event::User { operation: Deleted, user } => {
                let name = user.name.to_lowercase();
                self.users.retain(|_, known| known.name.to_lowercase() != name);
                self.members.retain(|(_, member)| *member != name);
            }
            Event::User { user, .. } => {
                let name = user.name.to_lowercase();
                self.users
                    .retain(|key, known| known.name.to_lowercase() != name || *key == user.key);
                self.upsert(user);
            }
            Event::Group { operation: Deleted, group } => {
                self.forget_group(&group.name.to_lowercase());
            }
            Event::Group { group, .. } => self.group_is(group),
            Event::Membership { operation, child_user, parent_groups } => {
                let user = child_user.name.to_lowercase();
                let there = self.users.values().any(|known| known.name.to_lowercase() == user);
                let known = there.then(|| user.clone()).into_iter().collect();
                if operation == Updated {
                    self.members.retain(|(_, member)| *member != user);
                }
                for group in parent_groups.names {
                    let group = group.name.to_lowercase();
                    match operation {
                        Created | Updated => self.join(&group, &user, &known),
                        Deleted => {
                            self.members.remove(&(group, user.clone()));
                        }
                    }
                }
            }
            Event::Nesting { operation, group, parent_groups, child_groups } => {
                let inner = group.name.to_lowercase();
                if operation == Updated {
                    self.nested.retain(|(outer, known)| *known != inner && *outer != inner);
                    child_groups.names.iter().for_each(|child| self.nest(&inner, &child.name));
                }
                for parent in parent_groups.names {
                    let parent = parent.name.to_lowercase();
                    match operation {
                        Created | Updated => self.nest(&parent, &inner),
                        Deleted => {
                            self.nested.remove(&(parent, inner.clone()));
                        }
                    }
                }
            }
        }
    }
}

fn local(user: User) -> (String, LocalUser) {
    let id = user.key.split_once(':').expect("a key is directory and id").1.to_owned();
    let person = Person {
        id,
        first_name: user.first_name,
        last_name: user.last_name,
        display_name: user.display_name,
        email: user.email,
        active: user.active.expect("a full user says whether it is active"),
    };
    (user.key, LocalUser { name: user.name, person })
}

fn read<T: for<'de> Deserialize<'de>>(body: &str) -> T {
    quick_xml::de::from_str(body)
        .unwrap_or_else(|error| panic!("{error}: {}", &body[..body.len().min(2_000)]))
}
