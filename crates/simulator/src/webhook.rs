//! The webhook sender: what changed in a tenant is told to the addresses that clients registered, at least once.
//!
//! How a provider plugs in. It keeps its registrations itself, with how far in the tenant's logs each was told.
//! [`Simulated::tell`] gives the messages for what came since; it is asked after every edit and clock change, and after
//! [`Webhooks::changed`], which a provider calls when it has something to say by itself (Google's `sync`). Secrets go
//! through [`Tongue::secret`], so that control can have wrong ones sent. A request that cannot be answered before the
//! client has answered a call (a handshake) names that call in [`Simulated::shakes`]; what was heard is in
//! [`Call::heard`](crate::exchange::Call). [`Simulated::registered`] shows the registrations to control.
//!
//! Invariant: providers never wait; all waiting for clients is here. Knows no vendor's format.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    chance::{Dice, unit},
    provider::Simulated,
};

/// How long a client may take to answer a call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a call is tried again; it doubles.
const BACKOFF: Duration = Duration::from_millis(100);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Calls that control shows.
const LOG_MAX: usize = 1_000;

/// A call to a client.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) url: String,
    pub(crate) method: &'static str,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Vec<u8>,
    /// What it is, for control.
    pub(crate) what: &'static str,
    /// What a handshake wants to hear; handed back with the answer.
    pub(crate) word: String,
}

/// What a client answered to a handshake; status 0 if it did not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    /// The message's word.
    pub(crate) word: String,
}

/// How messages are delivered, as control sets it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manner {
    /// Changes are collected for so long before they are told.
    debounce_ms: u32,
    /// Messages are as late as that besides.
    delay_ms: u32,
    /// Share of messages that come twice.
    duplicate: f64,
    /// Share of messages that never come.
    lose: f64,
    /// Share of secrets that are wrong.
    wrong_secret: f64,
    /// Messages come in any order.
    shuffle: bool,
    /// How often a message is tried that nobody takes.
    attempts: u32,
    seed: u64,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            debounce_ms: 50,
            delay_ms: 0,
            duplicate: 0.0,
            lose: 0.0,
            wrong_secret: 0.0,
            shuffle: false,
            attempts: 3,
            seed: 1,
        }
    }
}

/// Says secrets, wrong ones where control wants that.
#[derive(Debug)]
pub(crate) struct Tongue {
    dice: Dice,
    wrong: f64,
}

impl Tongue {
    /// The secret, or one that is wrong.
    pub(crate) fn secret(&mut self, right: &str) -> String {
        if unit(self.dice.roll()) < self.wrong { format!("not-{right}") } else { right.to_owned() }
    }
}

/// One attempt to call, as control shows it.
#[derive(Debug, Clone, Serialize)]
struct Attempt {
    what: &'static str,
    /// Without its query, which may hold what only the client should know.
    url: String,
    /// 0 if nobody answered.
    status: u16,
}

/// The sender of one provider.
#[derive(Debug)]
pub(crate) struct Webhooks {
    client: OnceLock<Option<Client>>,
    manner: Mutex<Manner>,
    log: Mutex<VecDeque<Attempt>>,
    dice: Mutex<Dice>,
    /// How often there was something to tell, and how much of that was told.
    asked: watch::Sender<u64>,
    done: watch::Sender<u64>,
}

impl Default for Webhooks {
    fn default() -> Self {
        let manner = Manner::default();
        Self {
            client: OnceLock::new(),
            dice: Mutex::new(Dice::new(manner.seed, 0x3eb)),
            manner: Mutex::new(manner),
            log: Mutex::default(),
            asked: watch::Sender::new(0),
            done: watch::Sender::new(0),
        }
    }
}

impl Webhooks {
    /// There may be something to tell.
    pub(crate) fn changed(&self) {
        self.asked.send_modify(|asked| *asked += 1);
    }

    /// Waits until all is told that there was to tell.
    pub(crate) async fn flushed(&self) {
        let asked = *self.asked.borrow();
        // The sender lives as long as this.
        let _ = self.done.subscribe().wait_for(|done| *done >= asked).await;
    }

    /// Sets how messages are delivered, or says what is wrong with that.
    pub(crate) fn set_manner(&self, manner: Manner) -> Result<(), String> {
        let shares = [manner.duplicate, manner.lose, manner.wrong_secret];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err("duplicate, lose and wrong_secret must lie within 0 to 1".to_owned());
        }
        if manner.attempts == 0 || manner.attempts > 10 {
            return Err("attempts must lie within 1 to 10".to_owned());
        }
        *crate::lock(&self.dice) = Dice::new(manner.seed, 0x3eb);
        *crate::lock(&self.manner) = manner;
        Ok(())
    }

    /// Delivers as usual again, and forgets what was delivered.
    pub(crate) fn reset(&self) {
        crate::lock(&self.log).clear();
        *crate::lock(&self.manner) = Manner::default();
    }

    /// How messages are delivered, and what came of them.
    pub(crate) fn report(&self) -> Value {
        let (manner, log) = (*crate::lock(&self.manner), crate::lock(&self.log).clone());
        json!({"manner": manner, "attempts": log})
    }

    /// Calls and waits for the answer, once.
    pub(crate) async fn ask(&self, message: &Message) -> Heard {
        let heard = match self.client() {
            Some(client) => call(client, message).await.unwrap_or_default(),
            None => Heard::default(),
        };
        let url = message.url.split('?').next().unwrap_or_default().to_owned();
        let mut log = crate::lock(&self.log);
        log.push_back(Attempt { what: message.what, url, status: heard.status });
        if log.len() > LOG_MAX {
            log.pop_front();
        }
        Heard { word: message.word.clone(), ..heard }
    }

    fn client(&self) -> Option<&Client> {
        self.client.get_or_init(client).as_ref()
    }

    fn roll(&self) -> f64 {
        unit(crate::lock(&self.dice).roll())
    }

    /// The messages as they will come: some lost, some twice, in any order.
    fn spoiled(&self, messages: Vec<Message>, manner: &Manner) -> Vec<Message> {
        let mut coming = Vec::with_capacity(messages.len());
        for message in messages {
            if self.roll() < manner.lose {
                continue;
            }
            if self.roll() < manner.duplicate {
                coming.push(message.clone());
            }
            coming.push(message);
        }
        if manner.shuffle {
            let mut dice = crate::lock(&self.dice);
            for at in (1..coming.len()).rev() {
                coming.swap(at, dice.below(at as u64 + 1) as usize);
            }
        }
        coming
    }

    /// Delivers messages: to one address one after the other, to several at the same time.
    async fn deliver(&self, messages: Vec<Message>, manner: &Manner) {
        let mut by_url: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in messages {
            by_url.entry(message.url.clone()).or_default().push(message);
        }
        let lines = by_url.into_values().map(|line| async move {
            for message in line {
                self.persist(&message, manner.attempts).await;
            }
        });
        join_all(lines).await;
    }

    /// Delivers a message unless the client refuses it or is not there for long.
    async fn persist(&self, message: &Message, attempts: u32) {
        for attempt in 0..attempts {
            if attempt > 0 {
                tokio::time::sleep(BACKOFF * (1 << (attempt - 1))).await;
            }
            match self.ask(message).await.status {
                0 | 429 | 500.. => {}
                _ => return,
            }
        }
    }
}

/// Tells what changes in a tenant until stopped.
pub(crate) async fn run(provider: Arc<dyn Simulated>, mut stopped: watch::Receiver<bool>) {
    let webhooks = &provider.world().webhooks;
    let mut asked = webhooks.asked.subscribe();
    let telling = async {
        while asked.changed().await.is_ok() {
            let manner = *crate::lock(&webhooks.manner);
            tokio::time::sleep(Duration::from_millis(u64::from(manner.debounce_ms))).await;
            let upto = *asked.borrow_and_update();
            let mut tongue =
                Tongue { dice: Dice::new(manner.seed ^ upto, 0x5ec3), wrong: manner.wrong_secret };
            let messages = webhooks.spoiled(provider.tell(&mut tongue), &manner);
            if !messages.is_empty() {
                tokio::time::sleep(Duration::from_millis(u64::from(manner.delay_ms))).await;
                webhooks.deliver(messages, &manner).await;
            }
            webhooks.done.send_replace(upto);
        }
    };
    tokio::select! {
        () = telling => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn call(client: &Client, message: &Message) -> Option<Heard> {
    let method = message.method.parse().ok()?;
    let mut request = client.request(method, &message.url).body(message.body.clone());
    for (name, value) in &message.headers {
        request = request.header(&**name, value);
    }
    let mut answer = request.send().await.ok()?;
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let content_type = kind.unwrap_or_default().to_owned();
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    let status = answer.status().as_u16();
    Some(Heard { status, content_type, body, word: String::new() })
}

/// Vendors follow no redirects, want a certificate that the world trusts, and have no proxy of ours.
#[expect(clippy::disallowed_methods, reason = "the vendors' caller, which is none of our clients")]
fn client() -> Option<Client> {
    let builder = || {
        Client::builder()
            .user_agent("simulated-provider/1.0")
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
    };
    // A machine without certificates can still be told over plain http.
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).ok()
}
