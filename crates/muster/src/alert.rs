//! Alerts: what an administrator is told of without looking.
//!
//! Invariants: whether something is the matter is a pure function of what is known ([`condition`]); what lets somebody
//! use a channel appears in no message, log or error. The state is kept by `task::alert`, in the store.

pub mod channel;
pub mod condition;
pub mod credential;
mod mail;
mod post;
pub mod shape;

use directory::id::Millis;
use serde::{Deserialize, Serialize};

/// What can be the matter with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something waits for a person.
    Held,
    /// Three reads in a row failed.
    Failing,
    /// The provider's credential is about to stop working.
    Credential,
    /// People or groups cannot be served.
    SetAside,
    /// Half of a limit or more is used up, though nothing waits: a notice.
    NearLimit,
    /// What is committed is not served.
    NotServed,
    /// Something in the database cannot be read.
    Damaged,
    /// Users, groups or members of groups cannot be read at the provider.
    Unreadable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Failing,
        Self::Credential,
        Self::SetAside,
        Self::NearLimit,
        Self::NotServed,
        Self::Damaged,
        Self::Unreadable,
    ];

    /// The name that the command line, the admin API and the store use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Credential => "credential",
            Self::SetAside => "set_aside",
            Self::NearLimit => "near_limit",
            Self::NotServed => "not_served",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        }
    }

    /// How grave it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::NearLimit => Severity::Notice,
            Self::Held
            | Self::Failing
            | Self::Credential
            | Self::SetAside
            | Self::NotServed
            | Self::Damaged
            | Self::Unreadable => Severity::Warning,
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How grave an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody should look.
    Warning,
    /// Worth knowing; nothing has to be done.
    Notice,
}

/// The name under which a channel asks for the good news.
pub const RECOVERED: &str = "recovered";

/// Checks what a channel wants to be told of.
///
/// # Errors
/// Names what there is.
pub fn check_wanted(alerts: &[String]) -> Result<(), String> {
    let known = |name: &String| name == RECOVERED || Kind::named(name).is_some();
    match alerts.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            let known = known.join(", ");
            Err(format!("there is no alert `{name}`; there are {known} and {RECOVERED}"))
        }
    }
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something is the matter, or there is something new about it.
    Raised,
    /// It is over.
    Recovered,
    /// Somebody tries the channel.
    Test,
}

/// What a channel is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Why.
    pub event: Event,
    /// What is the matter; nothing in a test.
    pub kind: Option<Kind>,
    /// The alert's number; 0 in a test.
    pub alert: u32,
    /// How often there was something to tell of this alert.
    pub version: u32,
    /// The directory's name; empty in a test.
    pub directory: String,
    /// One sentence.
    pub title: String,
    /// More sentences.
    pub details: Vec<String>,
    /// Since when.
    pub at: Millis,
}

impl Message {
    /// What is sent to try a channel.
    pub fn test(channel: &str, at: Millis) -> Self {
        Self {
            event: Event::Test,
            kind: None,
            alert: 0,
            version: 0,
            directory: String::new(),
            title: format!("this is a test of the alert channel `{channel}`"),
            details: vec!["nothing is the matter; alerts of Muster will come here".to_owned()],
            at,
        }
    }

    /// The event's name in messages.
    pub fn event_name(&self) -> &'static str {
        match self.event {
            Event::Raised => "raised",
            Event::Recovered => RECOVERED,
            Event::Test => "test",
        }
    }

    /// How grave it is; a test is a notice.
    pub fn severity(&self) -> Severity {
        self.kind.map_or(Severity::Notice, Kind::severity)
    }

    /// The headline of a message.
    pub fn headline(&self) -> String {
        match self.event {
            Event::Raised if self.severity() == Severity::Notice => {
                format!("Muster, a notice: {}", self.title)
            }
            Event::Raised => format!("Muster: {}", self.title),
            Event::Recovered => format!("Muster, all right again: {}", self.title),
            Event::Test => "Muster: test".to_owned(),
        }
    }

    /// The time as people write it, in UTC.
    pub fn time(&self) -> String {
        utc(self.at)
    }
}

/// A time as people write it, in UTC.
pub(crate) fn utc(at: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).ok();
    time.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}
