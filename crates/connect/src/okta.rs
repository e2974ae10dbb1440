//! Okta through its management API (`protocols/providers.md` C).
//!
//! Invariants: there is no list of changes, but filters by time for people and groups; members are read when their
//! group says that they changed, and in turns, each group at least once a day; of the vendor's limits a share is used
//! and no refusal provoked; the credential goes to the configured organisation only.

mod ask;
mod catalogue;
mod cursor;
mod limits;
mod listing;
mod password;
mod person;
mod probe;
mod pull;
mod scope;
mod settings;
mod token;
mod watch;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use directory::id::ProviderId;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use secrecy::SecretString;
use url::Url;

use self::{
    limits::{Bucket, Limits},
    listing::GroupsRead,
    settings::Settings,
    token::{Credential, Purpose},
};
use crate::{
    Surroundings,
    call::{Admission, Api, Ask},
    error::ConnectError,
    http::{Answer, Http, Setback},
    pace::{Speed, is_urgent},
    progress::Progress,
    scope::LastScope,
};

/// The vendor counts requests by kind, which [`Limits`] keeps to; this is for how many at one time.
const SPEED: Speed = Speed { start: 8, most: 10, least: 2, per_minute: None };
/// What the vendor may leave out of people, which costs it less.
const OMIT: HeaderValue = HeaderValue::from_static(
    "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus",
);

/// A connection to one Okta organisation.
#[derive(Debug)]
pub(crate) struct Okta {
    settings: Settings,
    http: Http,
    credential: Credential,
    limits: Limits,
    groups: Mutex<Groups>,
    last_scope: LastScope,
    /// The System Log was refused.
    no_log: AtomicBool,
    /// The last refusal for number was for requests at one time.
    crowded: AtomicBool,
}

/// What is known of the groups since they were last listed.
#[derive(Debug, Default)]
struct Groups {
    everyone: Option<ProviderId>,
    all: BTreeSet<ProviderId>,
}

impl Okta {
    pub(crate) fn new(
        settings: &BTreeMap<String, String>,
        secret: &SecretString,
        surroundings: Surroundings,
    ) -> Result<Self, ConnectError> {
        let settings = Settings::read(settings)?;
        let credential = Credential::read(&settings, secret)?;
        let http = Http::new("Okta", surroundings, &settings.url, SPEED)?;
        let limits = Limits::new(settings.rate_share);
        let (groups, no_log, crowded) = Default::default();
        let last_scope = LastScope::default();
        Ok(Self { settings, http, credential, limits, groups, last_scope, no_log, crowded })
    }

    /// Whether we can get in at all.
    async fn check_admission(&self, progress: &Progress) -> Result<(), ConnectError> {
        let place = (&self.http, &self.settings);
        let request = ("GET", self.settings.url.as_str());
        self.credential.admit(Purpose::Reading, request, place, progress).await.map(drop)
    }

    fn groups_known(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a whole list of groups says.
    fn know(&self, groups: &GroupsRead) {
        let mut known = self.groups_known();
        // A list in which the record of everybody's group is odd lacks it; it is still that.
        let everyone = everyone_of(groups).or(known.everyone.take());
        *known = Groups { everyone, all: groups.keys().cloned().collect() };
    }

    /// Notes what a list of changed groups says.
    fn know_more(&self, groups: &GroupsRead) {
        let mut known = self.groups_known();
        known.all.extend(groups.keys().cloned());
        if let Some(everyone) = everyone_of(groups) {
            known.everyone = Some(everyone);
        }
    }

    fn known(&self) -> BTreeSet<ProviderId> {
        self.groups_known().all.clone()
    }

    fn retain_known(&self, keep: impl Fn(&ProviderId) -> bool) {
        self.groups_known().all.retain(keep);
    }

    fn everyone(&self) -> Option<ProviderId> {
        self.groups_known().everyone.clone()
    }

    fn is_everyone(&self, group: &ProviderId) -> bool {
        self.groups_known().everyone.as_ref() == Some(group)
    }

    fn log_readable(&self) -> bool {
        self.settings.system_log && !self.no_log.load(Relaxed)
    }

    fn log_refused(&self) {
        self.no_log.store(true, Relaxed);
    }
}

impl Api for Okta {
    const WHO: &'static str = "Okta";

    fn http(&self) -> &Http {
        &self.http
    }

    fn base(&self) -> &Url {
        &self.settings.url
    }

    async fn admit(&self, ask: &Ask<'_>, progress: &Progress) -> Result<Admission, ConnectError> {
        let place = (&self.http, &self.settings);
        let request = (ask.method.as_str(), ask.url);
        let mut admission =
            self.credential.admit(purpose(ask.url), request, place, progress).await?;
        if ask.body.is_none() {
            admission.headers.insert(CONTENT_TYPE, OMIT);
        }
        Ok(admission)
    }

    async fn refused(&self, ask: &Ask<'_>, generation: u64) {
        self.credential.refused(purpose(ask.url), generation).await;
    }

    async fn turn(&self, ask: &Ask<'_>) -> Result<(), ConnectError> {
        // A part of the vendor's limits is left to others: a few requests of it do no harm.
        if is_urgent() {
            return Ok(());
        }
        let bucket = Bucket::of(ask.url);
        loop {
            let vendor_now = self.http.now().plus(self.http.skew_ms());
            let Some(pause) = self.limits.enter(bucket, vendor_now) else { return Ok(()) };
            self.http.wait(pause).await?;
        }
    }

    fn heard(&self, ask: &Ask<'_>, answer: &Answer) {
        self.limits.heard(Bucket::of(ask.url), &answer.headers);
        if answer.status.as_u16() == 429 {
            self.crowded.store(catalogue::crowded(answer), Relaxed);
        }
    }

    fn meant(&self, said: &serde_json::Value) -> Option<StatusCode> {
        catalogue::meant(said)
    }

    fn setback(&self, ask: &Ask<'_>, answer: &Answer, what: &str) -> Setback {
        let continued = ask.url.contains("after=");
        catalogue::api(answer, what, continued, &self.settings, self.http.now())
    }

    fn worn_out(&self, error: ConnectError) -> ConnectError {
        catalogue::worn_out(error, self.crowded.load(Relaxed))
    }
}

/// The group that has everybody, if it is among these.
fn everyone_of(groups: &GroupsRead) -> Option<ProviderId> {
    groups.iter().find(|(_, group)| group.everyone).map(|(id, _)| id.clone())
}

fn purpose(url: &str) -> Purpose {
    match Bucket::of(url) {
        Bucket::Logs => Purpose::Log,
        Bucket::Hooks => Purpose::Hooks,
        _ => Purpose::Reading,
    }
}
