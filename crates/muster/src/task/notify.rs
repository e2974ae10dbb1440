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

use directory::{id::DirectoryId, view::Published};
use reqwest::{Client, header};
use secrecy::ExposeSecret;
use store::{ApplicationRow, Store, StoreError, WebhookRow};
use tokio::task::JoinSet;

use crate::{app::App, entropy, reach};

/// Changes that come within so long are told together.
const DEBOUNCE: Duration = Duration::from_secs(3);
/// How often one thing is told at the most.
const ATTEMPTS: u32 = 4;
/// The pause before the second attempt; it grows fourfold.
const BACKOFF: Duration = Duration::from_secs(2);
/// After so many failures in a row a webhook is left alone.
pub const FAILURES_MAX: u32 = 10;

/// Tells until the server stops.
pub async fn run(app: App) {
    let client = match connect::http::outbound_client(reach::resolver()) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be told: no HTTP client can be made");
            return;
        }
    };
    let mut followed = app.followed.subscribe();
    let mut before = app.published.load_full();
    let mut telling = Telling::default();
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
        match app.blocking(move |store| concerned(store, &changed)).await {
            Ok(webhooks) => webhooks.into_iter().for_each(|id| telling.tell(&app, &client, id)),
            Err(error) => tracing::error!(%error, "webhooks cannot be read; nobody is told"),
        }
    }
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
fn concerned(store: &Store, changed: &BTreeSet<DirectoryId>) -> Result<Vec<u32>, StoreError> {
    let sees = |row: &ApplicationRow| row.sight.directories.iter().any(|id| changed.contains(id));
    let applications: BTreeSet<u32> =
        store.applications()?.iter().filter(|row| sees(row)).map(|row| row.id).collect();
    let webhooks = store.webhooks()?.into_iter();
    let wanted = webhooks.filter(|webhook| {
        applications.contains(&webhook.application) && webhook.failures < FAILURES_MAX
    });
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

/// Tells one webhook, in a moment, and again if that fails.
async fn tell(app: &App, client: &Client, id: u32, news: &AtomicBool) {
    tokio::time::sleep(DEBOUNCE).await;
    let mut pause = BACKOFF;
    for attempt in 1..=ATTEMPTS {
        let webhook = match app.blocking(move |store| store.webhook(id)).await {
            Ok(Some(webhook)) if webhook.failures < FAILURES_MAX => webhook,
            // Removed, or left alone.
            Ok(_) => {
                news.store(false, Relaxed);
                return;
            }
            Err(error) => {
                tracing::error!(%error, "a webhook cannot be read");
                news.store(false, Relaxed);
                return;
            }
        };
        // What comes from here on is told once more.
        news.store(false, Relaxed);
        let told = ping(client, &webhook).await;
        let failures = if told.is_ok() { 0 } else { webhook.failures + 1 };
        if failures != webhook.failures {
            let kept = app.blocking(move |store| store.set_webhook_failures(id, failures)).await;
            if let Err(error) = kept {
                tracing::error!(%error, "the state of a webhook cannot be kept");
            }
        }
        let Err(cause) = told else { return };
        let host = host(&webhook);
        if failures >= FAILURES_MAX {
            tracing::warn!(
                webhook = id,
                application = webhook.application,
                host,
                cause,
                "a webhook failed {failures} times in a row and is not told any more; its application can register \
                 it again"
            );
            return;
        }
        tracing::info!(webhook = id, host, cause, attempt, "a webhook could not be told");
        if attempt < ATTEMPTS {
            // Between 100 % and 125 %, so that many do not come at once.
            let jitter = f64::from(entropy::bytes::<1>()[0]) / 1024.0;
            tokio::time::sleep(pause.mul_f64(1.0 + jitter)).await;
            pause *= 4;
        }
    }
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
