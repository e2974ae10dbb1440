//! Tells applications that there is something new: an empty `POST` to each of their webhooks.
//!
//! Invariants: told once for many changes that come together; nobody is told when nothing changed; an
//! address that is slow or gone delays nobody else, and is left alone after repeated failure until its
//! application registers it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use directory::{
    id::{DAY_MS, DirectoryId, Millis},
    view::Published,
};
use reqwest::{Client, header};
use secrecy::ExposeSecret;
use store::{ApplicationRow, Store, StoreError, WebhookRow};
use tokio::task::JoinSet;

use crate::{app::App, entropy, reach, task::standing::Task};

/// Changes that come within so long are told together.
const DEBOUNCE: Duration = Duration::from_secs(3);
/// How often one thing is told at the most: for about 20 minutes.
const ATTEMPTS: u32 = 8;
/// The pause before the second attempt; it grows fourfold.
const BACKOFF: Duration = Duration::from_secs(2);
/// The longest such pause.
const BACKOFF_MAX: Duration = Duration::from_mins(5);
/// After so many failures in a row, over so long, a webhook is left alone.
const FAILURES_MAX: u32 = 10;
const FAILING_MAX_MS: i64 = DAY_MS;

/// Tells until the server stops.
pub async fn run(app: App) {
    let client = match connect::http::outbound_client(&reach::resolver()) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be told: no HTTP client can be made");
            let problem = Some(format!("no HTTP client can be made: {error}"));
            app.rounds.ended(Task::Notify, app.clock.now(), problem);
            return;
        }
    };
    let mut followed = app.followed.subscribe();
    let mut before = app.published.load_full();
    let mut telling = Telling::default();
    // What was not told when the server stopped is not known any more: all are told once.
    let all = before.directories.keys().copied().collect();
    tell_concerned(&app, &client, &mut telling, all).await;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            changed = followed.changed() => if changed.is_err() { return },
            Some(told) = telling.tasks.join_next(), if !telling.tasks.is_empty() => {
                telling.ended(&app, &client, told);
                continue;
            }
        }
        let now = app.published.load_full();
        let changed = changed(&before, &now);
        before = now;
        if changed.is_empty() {
            continue;
        }
        tell_concerned(&app, &client, &mut telling, changed).await;
    }
}

async fn tell_concerned(
    app: &App,
    client: &Client,
    telling: &mut Telling,
    changed: BTreeSet<DirectoryId>,
) {
    let now = app.clock.now();
    let mut problem = None;
    match app.blocking(move |store| concerned(store, &changed, now)).await {
        Ok(webhooks) => webhooks.into_iter().for_each(|id| telling.tell(app, client, id)),
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be read; nobody is told");
            problem = Some(error.to_string());
        }
    }
    app.rounds.ended(Task::Notify, app.clock.now(), problem);
}

/// The directories in which something changed between two publications.
fn changed(before: &Published, now: &Published) -> BTreeSet<DirectoryId> {
    let differs = |(id, served): &(&DirectoryId, &directory::view::Served)| {
        let old = before.directories.get(id);
        old.is_none_or(|old| !Arc::ptr_eq(&old.directory, &served.directory))
    };
    now.directories.iter().filter(differs).map(|(id, _)| *id).collect()
}

/// The webhooks of applications that see one of these directories, but those that are left alone.
fn concerned(
    store: &Store,
    changed: &BTreeSet<DirectoryId>,
    now: Millis,
) -> Result<Vec<u32>, StoreError> {
    let sees = |row: &ApplicationRow| row.sight.directories.iter().any(|id| changed.contains(id));
    let applications: BTreeSet<u32> =
        store.applications()?.iter().filter(|row| sees(row)).map(|row| row.id).collect();
    let webhooks = store.webhooks()?.into_iter();
    let wanted = webhooks
        .filter(|webhook| applications.contains(&webhook.application) && !is_off(webhook, now));
    Ok(wanted.map(|webhook| webhook.id).collect())
}

/// Webhooks that are being told.
#[derive(Debug, Default)]
struct Telling {
    tasks: JoinSet<u32>,
    /// Whether there was something new since a webhook was last told.
    news: BTreeMap<u32, Arc<AtomicBool>>,
}

impl Telling {
    fn tell(&mut self, app: &App, client: &Client, id: u32) {
        if let Some(news) = self.news.get(&id) {
            news.store(true, Relaxed);
            return;
        }
        let news = Arc::new(AtomicBool::new(true));
        self.news.insert(id, Arc::clone(&news));
        let (app, client) = (app.clone(), client.clone());
        self.tasks.spawn(async move {
            tell(&app, &client, id, &news).await;
            id
        });
    }

    fn ended(&mut self, app: &App, client: &Client, told: Result<u32, tokio::task::JoinError>) {
        match told {
            Ok(id) => {
                let news = self.news.remove(&id);
                if news.is_some_and(|news| news.load(Relaxed)) {
                    self.tell(app, client, id);
                }
            }
            Err(error) => {
                tracing::error!(%error, "telling a webhook panicked");
                // Which one is not known: all may begin anew.
                self.news.clear();
            }
        }
    }
}

/// Whether a webhook is left alone until its application registers it again.
pub fn is_off(webhook: &WebhookRow, now: Millis) -> bool {
    let long = webhook.failing_since.is_some_and(|since| now.since(since) >= FAILING_MAX_MS);
    long && webhook.failures >= FAILURES_MAX
}

/// Tells one webhook, in a moment, and again if that fails.
async fn tell(app: &App, client: &Client, id: u32, news: &AtomicBool) {
    tokio::time::sleep(DEBOUNCE).await;
    let mut pause = BACKOFF;
    for attempt in 1..=ATTEMPTS {
        let told = match tell_once(app, client, id, news).await {
            Ok(told) => told,
            Err(error) => {
                tracing::error!(%error, "a webhook cannot be read or its state not be kept");
                Told::Over
            }
        };
        match told {
            Told::Over => {
                news.store(false, Relaxed);
                return;
            }
            Told::Well => return,
            Told::Failed(cause, host) => {
                tracing::info!(webhook = id, host, cause, attempt, "a webhook could not be told");
            }
        }
        if attempt < ATTEMPTS {
            // Between 100 % and 125 %, so that many do not come at once.
            let jitter = f64::from(entropy::bytes::<1>()[0]) / 1024.0;
            tokio::time::sleep(pause.mul_f64(1.0 + jitter)).await;
            pause = (pause * 4).min(BACKOFF_MAX);
        }
    }
}

/// How one attempt went.
enum Told {
    Well,
    /// Why, and at which host.
    Failed(String, String),
    /// The webhook was removed, or is left alone.
    Over,
}

async fn tell_once(app: &App, client: &Client, id: u32, news: &AtomicBool) -> anyhow::Result<Told> {
    let now = app.clock.now();
    let webhook = app.blocking(move |store| store.webhook(id)).await?;
    let Some(webhook) = webhook.filter(|webhook| !is_off(webhook, now)) else {
        return Ok(Told::Over);
    };
    // What comes from here on is told once more.
    news.store(false, Relaxed);
    let told = ping(client, &webhook).await;
    let (well, now) = (told.is_ok(), app.clock.now());
    if !well || webhook.failures > 0 {
        app.blocking(move |store| store.webhook_told(id, well, now)).await?;
    }
    let Err(cause) = told else { return Ok(Told::Well) };
    let after = app.blocking(move |store| store.webhook(id)).await?;
    if after.is_some_and(|after| is_off(&after, now)) {
        let applications = app.blocking(Store::applications).await?;
        let application = applications.into_iter().find(|row| row.id == webhook.application);
        tracing::warn!(
            application = application.map(|row| row.name).unwrap_or_default(),
            host = host(&webhook),
            cause,
            "a webhook has failed for a day and is not told any more; its application can register it again"
        );
        return Ok(Told::Over);
    }
    Ok(Told::Failed(cause, host(&webhook)))
}

/// One empty `POST`; any 2xx is well.
async fn ping(client: &Client, webhook: &WebhookRow) -> Result<(), String> {
    // The rules may have changed since it was registered.
    let url = reach::checked(&webhook.endpoint)?;
    let mut request = client.post(url).header(header::CONTENT_LENGTH, 0);
    if let Some(token) = &webhook.token {
        let value = format!("Basic {}", token.expose_secret());
        let mut value = header::HeaderValue::from_str(&value)
            .map_err(|_| "its token cannot be sent".to_owned())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    // The address is in the log already, without what may be secret in it.
    let response = request.send().await.map_err(|error| {
        let why = if error.is_timeout() { "no answer in time" } else { "no connection" };
        why.to_owned()
    })?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("the answer was {status}")) }
}

/// The host of a webhook, for the log.
pub fn host(webhook: &WebhookRow) -> String {
    let url = url::Url::parse(&webhook.endpoint).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_left_alone_after_failing_for_a_day() {
        let failing = |failures, since| WebhookRow {
            id: 1,
            application: 1,
            endpoint: "https://user.example.org/secret-path".to_owned(),
            token: None,
            failures,
            failing_since: since,
        };
        let now = Millis(2 * DAY_MS);
        assert!(is_off(&failing(10, Some(Millis(0))), now));
        assert!(!is_off(&failing(9, Some(Millis(0))), now), "too seldom");
        assert!(!is_off(&failing(500, Some(Millis(DAY_MS + 1))), now), "not long enough");
        assert!(!is_off(&failing(0, None), now));
        assert_eq!(host(&failing(0, None)), "user.example.org");
    }
}
