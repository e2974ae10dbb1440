//! The set-up wizard as a browser without scripts goes through it, for each provider: what it asks before the first
//! synchronisation, and what becomes of the answers.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use simulator::Provider;

use crate::service::Demo;

for_each_provider!(
    the_wizard_asks_about_groups_with_power_and_says_what_limits_come_to,
    an_answer_about_another_group_lets_nothing_through,
);

/// A browser that is signed in.
pub(crate) struct Browser {
    base: String,
    cookie: String,
    http: reqwest::Client,
}

/// A page, and where it is.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) async fn signed_in(demo: &Demo) -> Self {
        let console = &demo.file["console"];
        let text = |key: &str| console[key].as_str().unwrap();
        let base = text("url").trim_end_matches('/').to_owned();
        let http = connect::http::local_client().unwrap();
        let mut browser = Self { base, cookie: String::new(), http };
        let form = [("name", text("username")), ("password", text("password"))];
        let url = format!("{}/sign-in", browser.base);
        let request = browser.http.post(url).header("sec-fetch-site", "same-origin").form(&form);
        let answer = request.send().await.unwrap();
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }

    async fn page(&self, request: reqwest::RequestBuilder) -> Page {
        let request =
            request.header("sec-fetch-site", "same-origin").header("cookie", &self.cookie);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        Page { status, location, text: answer.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.page(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(String, String)]) -> Page {
        self.page(self.http.post(format!("{}{path}", self.base)).form(form)).await
    }

    /// Fills in a step; gives the next one.
    async fn step(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let form: Vec<(String, String)> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let page = self.post(path, &form).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}: {}", page.text);
        page.location
    }

    /// A draft whose connection has been tested; gives its address.
    async fn tested(&self, demo: &Demo, provider: Provider) -> String {
        let simulator = &demo.file["simulator"][provider.name()];
        let text = |key: &str| simulator[key].as_str().unwrap();
        let key_file = || std::fs::read_to_string(text("key_file")).unwrap();
        let at = self.step("/connect", &[("provider", provider.name())]).await;
        let draft = at.rsplit_once('/').unwrap().0.to_owned();
        let mut next = at;
        let steps: Vec<Vec<(&str, String)>> = match provider {
            Provider::Entra => vec![
                vec![("client_id", text("client_id").to_owned())],
                vec![("kind", "secret".to_owned()), ("secret", text("client_secret").to_owned())],
                Vec::new(),
                vec![
                    ("tenant", text("tenant").to_owned()),
                    ("authority", text("authority").to_owned()),
                    ("graph", text("graph").to_owned()),
                ],
            ],
            Provider::Google => vec![
                vec![("secret", key_file())],
                Vec::new(),
                vec![
                    ("subject", text("subject").to_owned()),
                    ("token_uri", text("token_uri").to_owned()),
                    ("api", text("api").to_owned()),
                ],
            ],
            Provider::Okta => vec![
                vec![("url", text("url").to_owned())],
                vec![("kind", "token".to_owned()), ("secret", text("token").to_owned())],
                Vec::new(),
            ],
        };
        for fields in &steps {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
            next = self.step(&next, &fields).await;
        }
        assert_eq!(next, format!("{draft}/test"));
        self.step(&format!("{draft}/test/run"), &[]).await;
        draft
    }

    /// The page with the rules, once everything was read.
    async fn rules(&self, draft: &str) -> String {
        for _ in 0..600 {
            let page = self.get(&format!("{draft}/rules")).await;
            assert_eq!(page.status, StatusCode::OK);
            if page.text.contains("within a day wait for you") {
                return page.text;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the tenant was not read within a minute");
    }
}

/// What a form would send as it stands, by the field's name.
pub(crate) fn form(page: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let value = |tag: &str, name: &str| {
        let found = Regex::new(&format!("{name}=\"([^\"]*)\"")).unwrap().captures(tag)?;
        Some(found[1].to_owned())
    };
    for input in Regex::new("<input ([^>]*)>").unwrap().captures_iter(page) {
        let Some(name) = value(&input[1], "name") else { continue };
        let chosen = value(&input[1], "type").is_none_or(|kind| kind != "radio");
        if chosen || input[1].contains(" checked") {
            fields.insert(name, value(&input[1], "value").unwrap_or_default());
        }
    }
    let options = Regex::new("<option ([^>]*)>").unwrap();
    for select in Regex::new("(?s)<select ([^>]*)>(.*?)</select>").unwrap().captures_iter(page) {
        let mut chosen = options.captures_iter(&select[2]).filter(|o| o[1].contains(" selected"));
        let value = chosen.next().and_then(|option| value(&option[1], "value"));
        fields.extend(value.map(|value| (self::name(&select[1]), value)));
    }
    for area in Regex::new("(?s)<textarea ([^>]*)>(.*?)</textarea>").unwrap().captures_iter(page) {
        fields.insert(name(&area[1]), area[2].to_owned());
    }
    fields
}

fn name(tag: &str) -> String {
    Regex::new("name=\"([^\"]*)\"").unwrap().captures(tag).unwrap()[1].to_owned()
}

/// How many people the page says may leave within a day before it waits.
fn may_leave(page: &str) -> usize {
    let found = Regex::new("More than ([0-9,]+) (?:people|person) leaving").unwrap();
    found.captures(page).unwrap_or_else(|| panic!("{page}"))[1].replace(',', "").parse().unwrap()
}

/// Groups with power at the provider, each with a member; their ids by name.
async fn groups_with_power(demo: &Demo, member: &str) -> BTreeMap<&'static str, String> {
    let mut groups = BTreeMap::new();
    for name in ["jira-administrators", "confluence-users", "harmless"] {
        let made = demo.control("POST", "groups", json!({"name": name})).await;
        let id = made["id"].as_str().unwrap().to_owned();
        demo.control("PUT", &format!("groups/{id}/users/{member}"), Value::Null).await;
        groups.insert(name, id);
    }
    groups
}

/// The groups that the sync page asks about.
fn asked_about(page: &str) -> Vec<String> {
    let found = Regex::new("name=\"power:([^\"]+)\" value=\"ours\"").unwrap();
    let mut ids: Vec<String> = found.captures_iter(page).map(|one| one[1].to_owned()).collect();
    ids.sort();
    ids
}

async fn a_demo(provider: Provider) -> (Demo, BTreeMap<&'static str, String>) {
    let demo = Demo::of(provider.name(), [900, 12, 1_500], 61).await;
    let domain = demo.truth().await.users[0].login.split('@').nth(1).unwrap().to_owned();
    let ann = demo.new_user(&format!("ann.power@{domain}")).await;
    let groups = groups_with_power(&demo, &ann).await;
    (demo, groups)
}

/// Served groups of a directory, by name.
fn served_groups(demo: &Demo, directory: &str) -> Vec<String> {
    let ran = demo.muster(&["changes", "--directory", directory, "--json", "--limit", "5000"]);
    let names = ["jira-administrators", "confluence-users", "harmless"];
    names.into_iter().filter(|name| ran.stdout.contains(name)).map(ToOwned::to_owned).collect()
}

async fn the_wizard_asks_about_groups_with_power_and_says_what_limits_come_to(provider: Provider) {
    let (demo, groups) = a_demo(provider).await;
    let browser = Browser::signed_in(&demo).await;
    let draft = browser.tested(&demo, provider).await;
    let rules = browser.rules(&draft).await;
    // 2 % of those who will be served, which are more than 500.
    let served = demo.truth().await.users.iter().filter(|user| !user.guest).count();
    assert!(served > 500);
    assert_eq!(may_leave(&rules), served * 2 / 100);
    assert!(rules.contains("How many may go within a day before it waits for you?"), "{rules}");
    // Other limits are tried before they are kept.
    let mut fields = form(&rules);
    fields.insert("leaving_max".to_owned(), "7".to_owned());
    fields.insert("leaving_min".to_owned(), "3".to_owned());
    let fields: Vec<(String, String)> = fields.into_iter().collect();
    let tried = browser.post(&format!("{draft}/rules/preview"), &fields).await;
    assert_eq!((tried.status, may_leave(&tried.text)), (StatusCode::OK, 7), "{}", tried.text);
    assert_eq!(may_leave(&browser.rules(&draft).await), served * 2 / 100, "only a look");
    let kept = browser.post(&format!("{draft}/rules"), &fields).await;
    assert_eq!(kept.location, format!("{draft}/sync"), "{}", kept.text);
    assert_eq!(may_leave(&browser.rules(&draft).await), 7);

    let sync = browser.get(&format!("{draft}/sync")).await.text;
    let mut wanted =
        vec![groups["jira-administrators"].clone(), groups["confluence-users"].clone()];
    wanted.sort();
    assert_eq!(asked_about(&sync), wanted, "{sync}");
    assert!(sync.contains("administers Jira") && sync.contains("gives access to Confluence"));
    // Without an answer for each nothing begins.
    let power = |name: &str| format!("power:{}", groups[name]);
    let mut answers = vec![("name".to_owned(), "second".to_owned())];
    answers.push((power("jira-administrators"), "ours".to_owned()));
    let refused = browser.post(&format!("{draft}/start"), &answers).await;
    assert_eq!(refused.location, format!("{draft}/sync"));
    let told = browser.get(&format!("{draft}/sync")).await.text;
    assert!(told.contains("Say of each group with power"), "{told}");
    assert_eq!(demo.muster(&["directory", "show", "second"]).code, 1, "nothing was made");

    answers.push((power("confluence-users"), "out".to_owned()));
    let done = browser.post(&format!("{draft}/start"), &answers).await;
    assert_eq!(done.location, "/connect/done/second", "{}", done.text);
    let shown: Value =
        serde_json::from_str(&demo.muster(&["directory", "show", "second", "--json"]).stdout)
            .unwrap();
    assert_eq!(shown["last"]["held"], json!([]), "{shown}");
    assert_eq!(served_groups(&demo, "second"), ["jira-administrators", "harmless"]);
    let rules = demo.muster(&["directory", "rules", "second", "--json"]).stdout;
    assert!(rules.contains(&groups["confluence-users"]), "{rules}");
    let rules: Value = serde_json::from_str(&rules).unwrap();
    assert_eq!(rules["limits"]["leaving_max"], 7, "{rules}");
    // What was answered is on record.
    let audit = browser.get("/audit").await.text;
    assert!(audit.contains("directory.add") && audit.contains("second"), "{audit}");
}

async fn an_answer_about_another_group_lets_nothing_through(provider: Provider) {
    let (demo, groups) = a_demo(provider).await;
    let browser = Browser::signed_in(&demo).await;
    let draft = browser.tested(&demo, provider).await;
    browser.rules(&draft).await;
    let answer = |id: &str, value: &str| (format!("power:{id}"), value.to_owned());
    let name = ("name".to_owned(), "second".to_owned());
    let foreign = vec![
        name.clone(),
        answer(&groups["harmless"], "ours"),
        answer("made-up", "ours"),
        answer(&groups["jira-administrators"], "ours"),
    ];
    let refused = browser.post(&format!("{draft}/start"), &foreign).await;
    assert_eq!(refused.location, format!("{draft}/sync"));
    // A word that is no answer leaves the group out, as does its absence from what is ours.
    let mut odd = foreign;
    odd.push(answer(&groups["confluence-users"], "OURS"));
    let done = browser.post(&format!("{draft}/start"), &odd).await;
    assert_eq!(done.location, "/connect/done/second", "{}", done.text);
    assert_eq!(served_groups(&demo, "second"), ["jira-administrators", "harmless"]);
}
