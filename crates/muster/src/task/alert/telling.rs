//! Who is to be told what now, and what became of it.
//!
//! Invariant: whom to tell is a pure function of alerts, channels and what was told; a channel that failed is left alone
//! until its pause is over.

use directory::id::Millis;
use store::{AlertRow, ChannelRow, Store, StoreError, Told};
use tokio::task::JoinSet;

use super::OVER_MS;
use crate::{
    alert::{Event, Kind, Message, RECOVERED, channel::Channel},
    app::App,
};

/// The pause after the first failure; it grows fourfold.
const BACKOFF_MS: i64 = 2_000;
/// The longest such pause.
const BACKOFF_MAX_MS: i64 = 3_600_000;

/// Tells every channel what it does not know; gives the time at which one that failed is to be tried again.
pub(super) async fn tell(
    app: &App,
    client: &reqwest::Client,
    now: Millis,
) -> anyhow::Result<Option<Millis>> {
    let since = now.plus(-OVER_MS);
    let read = move |store: &Store| -> Result<_, StoreError> {
        Ok((store.channels()?, store.alerts(since)?, store.alerts_told(since)?))
    };
    let (channels, alerts, told) = app.blocking(read).await?;
    let mut tasks = JoinSet::new();
    // Nobody can be reached by what cannot be read; the alert about that goes to the others.
    for channel in channels.into_iter().filter(|channel| channel.lacks().is_empty()) {
        let due: Vec<Message> = due(&channel, &alerts, &told, now);
        if !due.is_empty() && channel.retry_at.is_none_or(|retry| retry <= now) {
            let (app, client) = (app.clone(), client.clone());
            tasks.spawn(async move { tell_one(&app, &client, channel, due).await });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let channels = app.blocking(Store::channels).await?;
    Ok(channels.iter().filter_map(|channel| channel.retry_at).filter(|retry| *retry > now).min())
}

/// What a channel is to be told.
fn due(channel: &ChannelRow, alerts: &[AlertRow], told: &[Told], now: Millis) -> Vec<Message> {
    let mut messages = Vec::new();
    // Oldest first.
    for alert in alerts.iter().rev() {
        let known = told.iter().find(|told| told.alert == alert.id && told.channel == channel.id);
        let version = known.map_or(0, |told| told.version);
        let Some(kind) = Kind::named(&alert.kind) else { continue };
        let event = if let Some(at) = alert.resolved {
            // Nobody is told that something is over of which they did not hear.
            let heard = version > 0 && wants(channel, RECOVERED);
            (heard && now.since(at) < OVER_MS).then_some(Event::Recovered)
        } else {
            let wanted = alert.acknowledged.is_none() && wants(channel, kind.as_str());
            wanted.then_some(Event::Raised)
        };
        if alert.version > version
            && let Some(event) = event
        {
            messages.push(message(alert, kind, event));
        }
    }
    messages
}

fn wants(channel: &ChannelRow, name: &str) -> bool {
    channel.alerts.is_empty() || channel.alerts.iter().any(|wanted| wanted == name)
}

fn message(alert: &AlertRow, kind: Kind, event: Event) -> Message {
    Message {
        event,
        kind: Some(kind),
        alert: alert.id,
        version: alert.version,
        directory: alert.directory_name.clone(),
        title: alert.text.title.clone(),
        details: alert.text.details.clone(),
        at: match event {
            Event::Recovered => alert.changed,
            Event::Raised | Event::Test => alert.raised,
        },
    }
}

async fn tell_one(
    app: &App,
    client: &reqwest::Client,
    row: ChannelRow,
    due: Vec<Message>,
) -> anyhow::Result<()> {
    let (id, name) = (row.id, row.name);
    let channel = match Channel::read(&row.kind, &row.settings, &row.secret) {
        Ok(channel) => channel,
        Err(error) => return failed(app, id, row.failures, (error, None)).await,
    };
    let mut failure = None;
    for message in due {
        match channel.tell(client, &message).await {
            Ok(()) => {
                let told = Told { alert: message.alert, channel: id, version: message.version };
                app.blocking(move |store| store.alert_told(told)).await?;
            }
            Err(error) => {
                tracing::warn!(
                    channel = name,
                    error = error.why,
                    "an alert channel could not be told"
                );
                let refused = error.refused;
                failure = Some(error);
                // Another message may pass where this one did not, but not where nobody answers.
                if !refused {
                    break;
                }
            }
        }
    }
    match failure {
        None => {
            let now = app.clock.now();
            app.blocking(move |store| store.channel_told(id, now)).await
        }
        Some(failure) => {
            let pause = failure.retry_after.map(|pause| pause.as_millis());
            let pause = pause.map(|ms| i64::try_from(ms).unwrap_or(BACKOFF_MAX_MS));
            failed(app, id, row.failures, (failure.why, pause)).await
        }
    }
}

async fn failed(
    app: &App,
    id: u32,
    failures: u32,
    (why, asked): (String, Option<i64>),
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let retry = now.plus(pause_ms(failures).max(asked.unwrap_or_default()));
    app.blocking(move |store| store.channel_failed(id, &why, now, retry)).await
}

/// How long a channel is left alone that failed so often before.
fn pause_ms(failures: u32) -> i64 {
    BACKOFF_MS.saturating_mul(4_i64.saturating_pow(failures)).min(BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests {
    use directory::id::DirectoryId;
    use secrecy::SecretString;
    use store::AlertText;

    use super::*;

    fn channel(alerts: &[&str]) -> ChannelRow {
        ChannelRow {
            id: 7,
            name: "ops".to_owned(),
            kind: "slack".to_owned(),
            settings: std::collections::BTreeMap::new(),
            alerts: alerts.iter().copied().map(str::to_owned).collect(),
            secret: SecretString::from(""),
            failures: 0,
            failing_since: None,
            problem: None,
            retry_at: None,
            told_at: None,
            unreadable: Vec::new(),
        }
    }

    fn alert(version: u32, resolved: Option<Millis>) -> AlertRow {
        AlertRow {
            id: 3,
            directory: DirectoryId(1),
            directory_name: "contoso".to_owned(),
            kind: "held".to_owned(),
            text: AlertText::default(),
            version,
            raised: Millis(1),
            changed: Millis(2),
            resolved,
            acknowledged: None,
        }
    }

    fn events(channel: &ChannelRow, alert: &AlertRow, told: u32) -> Vec<Event> {
        let told: &[Told] = &[Told { alert: 3, channel: 7, version: told }];
        let due = due(channel, std::slice::from_ref(alert), told, Millis(10));
        due.into_iter().map(|message| message.event).collect()
    }

    #[test]
    fn a_channel_is_told_once_of_what_it_wants() {
        let (all, some) = (channel(&[]), channel(&["failing"]));
        assert_eq!(events(&all, &alert(1, None), 0), [Event::Raised]);
        assert_eq!(events(&all, &alert(1, None), 1), []);
        assert_eq!(events(&all, &alert(2, None), 1), [Event::Raised], "something new");
        assert_eq!(events(&some, &alert(1, None), 0), []);
        let seen = AlertRow { acknowledged: Some(Millis(3)), ..alert(1, None) };
        assert_eq!(events(&all, &seen, 0), [], "somebody looks after it");
    }

    #[test]
    fn the_end_is_told_to_whoever_heard_of_the_beginning() {
        let over = alert(2, Some(Millis(2)));
        assert_eq!(events(&channel(&[]), &over, 1), [Event::Recovered]);
        assert_eq!(events(&channel(&[]), &over, 0), [], "never heard of it");
        assert_eq!(events(&channel(&["held"]), &over, 1), [], "wants no good news");
        assert_eq!(events(&channel(&["held", RECOVERED]), &over, 1), [Event::Recovered]);
        let late = alert(2, Some(Millis(10 - OVER_MS)));
        assert_eq!(events(&channel(&[]), &late, 1), [], "too late to be of use");
    }

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<i64> = (0..8).map(|failures| pause_ms(failures) / 1_000).collect();
        assert_eq!(pauses, [2, 8, 32, 128, 512, 2_048, 3_600, 3_600]);
        assert_eq!(pause_ms(u32::MAX), BACKOFF_MAX_MS);
    }
}
