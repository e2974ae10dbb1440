//! A provider asks to wait for an hour: that is shown wherever somebody looks, and ends with what it was for.

use std::time::Duration;

use muster::task::{Phase, Status};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::Provider;

use crate::house::{House, Plan};

for_each_provider!(
    a_request_to_wait_is_shown_and_a_pause_ends_it,
    a_check_says_until_when_the_provider_wants_it_to_wait,
    a_person_is_read_in_the_background_until_a_pause,
    a_removal_ends_a_request_to_wait,
    a_server_that_stops_ends_a_request_to_wait,
);

/// Far longer than any test: whatever ends, ended for another reason.
const HOUR_S: u32 = 3_600;
/// The longest that something may take which is to end at once.
const AT_ONCE: Duration = Duration::from_secs(30);

impl House {
    /// The provider asks to wait at each request.
    async fn is_asked_to_wait(&self, status: u16) {
        let fault =
            json!({"route": ".", "kind": "status", "status": status, "retry_after_s": HOUR_S});
        self.faults(json!([fault])).await;
    }

    /// Waits until something waits because the provider asked for it.
    async fn waits(&self) -> Status {
        let keeper = self.server().app.keeper(self.directory()).unwrap();
        loop {
            let status = keeper.status();
            if status.waiting.is_some() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A request to the admin API.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let admin = self.admin();
        let url = format!("{}/api/v1{path}", admin["url"].as_str().unwrap());
        let request = connect::http::local_client().unwrap().request(method, url);
        let request = request.bearer_auth(admin["token"].as_str().unwrap());
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    fn path(&self, action: &str) -> String {
        format!("/directories/{}{action}", self.provider.name())
    }

    /// Every command and page that shows how a directory stands, with what it says.
    async fn looks(&self) -> Vec<(String, String)> {
        let mut looks = Vec::new();
        let name = self.provider.name();
        for command in [["directory", "list", "--json"].as_slice(), &["directory", "show", name]] {
            let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_muster"));
            run.args(command).arg("--data").arg(self.data());
            let ran = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
            let text = String::from_utf8(ran.stdout).unwrap();
            // The list as data has the parts of the sentence.
            let text = match serde_json::from_str::<Value>(&text) {
                Ok(told) => {
                    let rows = told.as_array().cloned().unwrap_or_default();
                    let row = rows.into_iter().find(|row| row["name"] == name).unwrap_or(told);
                    assert!(row["waiting"]["until"].is_i64(), "{row}");
                    let who = row["waiting"]["asked_by"].as_str().unwrap();
                    format!("waiting until {}, as {who} asked", row["waiting"]["until"])
                }
                Err(_) => text,
            };
            looks.push((command.join(" "), text));
        }
        let cookie = self.signed_in().await;
        for page in ["/".to_owned(), format!("/directories/{name}"), "/tasks".to_owned()] {
            let url = format!("{}{page}", self.server().url);
            let request = connect::http::local_client().unwrap().get(url).header("cookie", &cookie);
            let text = request.send().await.unwrap().text().await.unwrap();
            looks.push((format!("the page {page}"), text));
        }
        looks
    }

    /// The cookie of an administrator of the console.
    async fn signed_in(&self) -> String {
        const PASSWORD: &str = "four quiet green lamps";
        let app = &self.server().app;
        let hash = muster::hashing::hash(PASSWORD.to_owned()).await.unwrap();
        let now = app.clock.now();
        let put = move |store: &store::Store| {
            crate::changed(store, |change| {
                change.put_administrator("ann", store::Role::Administrator, &hash, now)
            })
        };
        app.blocking(put).await.unwrap();
        let url = format!("{}/sign-in", self.server().url);
        let request = connect::http::local_client().unwrap().post(url);
        let request = request.header("sec-fetch-site", "same-origin");
        let answer = request.form(&[("name", "ann"), ("password", PASSWORD)]).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// No task of this name runs any more.
    async fn is_over(&self, task: &str) {
        while self.server().app.driver.runs(task) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// How the provider is called in messages.
fn asked_by(provider: Provider) -> &'static str {
    match provider {
        Provider::Entra => "Microsoft",
        Provider::Google => "Google",
        Provider::Okta => "Okta",
    }
}

async fn a_request_to_wait_is_shown_and_a_pause_ends_it(provider: Provider) {
    let mut house = House::build(provider, Plan::small(3)).await;
    for status in [429, 503] {
        house.is_asked_to_wait(status).await;
        let ticket = house.request(true);
        let waits = house.waits().await;
        assert_eq!((waits.phase, waits.next), (Phase::Reading, None), "{waits:?}");
        let waiting = waits.waiting.unwrap();
        let words = waiting.words();
        assert!(words.starts_with("waiting until "), "{words}");
        assert!(words.ends_with(&format!(", as {} asked", asked_by(provider))), "{words}");
        let (_, detail) = house.api(Method::GET, &house.path(""), Value::Null).await;
        assert_eq!(detail["waiting"]["asked_by"], asked_by(provider), "{detail}");
        assert!(detail["running_since"].is_i64() && detail["next"].is_null(), "{detail}");
        let (_, tasks) = house.api(Method::GET, "/tasks", Value::Null).await;
        let pull = &tasks["directories"][0]["status"];
        assert_eq!(pull["waiting"]["asked_by"], asked_by(provider), "{tasks}");
        for (look, text) in house.looks().await {
            let told = text.to_lowercase();
            let asked = format!(", as {} asked", asked_by(provider).to_lowercase());
            assert!(told.contains("waiting until ") && told.contains(&asked), "{look}: {text}");
        }
        let (paused, _) = house.api(Method::POST, &house.path("/pause"), Value::Null).await;
        assert_eq!(paused, StatusCode::NO_CONTENT);
        let report = tokio::time::timeout(AT_ONCE, house.ended(ticket)).await.unwrap();
        assert!(format!("{report:?}").contains("was paused"), "{report:?}");
        let keeper = house.server().app.keeper(house.directory()).unwrap();
        let stands = keeper.status();
        assert_eq!((stands.phase, stands.started, stands.next), (Phase::Idle, None, None));
        assert_eq!(stands.waiting, None);
        house.no_faults().await;
        house.api(Method::POST, &house.path("/resume"), Value::Null).await;
        house.read(true).await;
        house.rest("after the pause").await;
    }
}

async fn a_check_says_until_when_the_provider_wants_it_to_wait(provider: Provider) {
    let house = House::build(provider, Plan::small(4)).await;
    house.is_asked_to_wait(429).await;
    let path = house.path("/check");
    let checking = house.api(Method::POST, &path, json!({}));
    let (status, report) = tokio::time::timeout(AT_ONCE, checking).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{report}");
    let asked = format!("{} asked us to wait until ", asked_by(provider));
    assert!(report.to_string().contains(&asked), "{report}");
}

async fn a_person_is_read_in_the_background_until_a_pause(provider: Provider) {
    let house = House::build(provider, Plan::small(5)).await;
    let login = house.truth().await.users[0].login.clone();
    house.is_asked_to_wait(429).await;
    let path = house.path("/sync/person");
    let asking = house.api(Method::POST, &path, json!({"user": login}));
    {
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("it was answered"),
            _ = house.waits() => {}
        }
        // Whoever asked leaves.
    }
    assert!(house.server().app.driver.runs("person"));
    house.api(Method::POST, &house.path("/pause"), Value::Null).await;
    tokio::time::timeout(AT_ONCE, house.is_over("person")).await.unwrap();
}

async fn a_removal_ends_a_request_to_wait(provider: Provider) {
    let house = House::build(provider, Plan::small(6)).await;
    house.is_asked_to_wait(429).await;
    house.request(true);
    house.waits().await;
    let (removed, _) = house.api(Method::DELETE, "/applications/product", Value::Null).await;
    assert_eq!(removed, StatusCode::NO_CONTENT);
    let path = house.path("");
    let removing = house.api(Method::DELETE, &path, Value::Null);
    let (removed, told) = tokio::time::timeout(AT_ONCE, removing).await.unwrap();
    assert_eq!(removed, StatusCode::NO_CONTENT, "{told}");
    tokio::time::timeout(AT_ONCE, house.is_over("pull")).await.unwrap();
}

async fn a_server_that_stops_ends_a_request_to_wait(provider: Provider) {
    let mut house = House::build(provider, Plan::small(7)).await;
    house.is_asked_to_wait(429).await;
    house.request(true);
    house.waits().await;
    tokio::time::timeout(AT_ONCE, house.stop()).await.unwrap();
}
