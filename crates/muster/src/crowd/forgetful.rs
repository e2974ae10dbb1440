//! A server that keeps nothing: for benchmarks and fuzzing, which measure and strain what reads.
//!
//! Invariant: says that nothing was kept, never that something was which is not.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use directory::{
    id::{DirectoryId, Millis, ProviderId},
    view::Published,
};
use secrecy::SecretString;

use super::{
    ApplicationId, ApplicationRegistry, FinishedLists, Floor, Floors, FloorsFailed, ReadLists,
    Session, Sessions, SessionsFailed, Settings, Surroundings, TokenDigest, Webhook, Webhooks,
    WebhooksFailed,
};
use crate::sign_in::Unavailable;

struct Forgetful;

impl Surroundings {
    /// Surroundings in which nothing is kept and the time is always the same.
    pub fn forgetful(published: Published, applications: ApplicationRegistry, now: Millis) -> Self {
        Self {
            published: Arc::new(ArcSwap::from_pointee(published)),
            applications: Arc::new(applications),
            floors: Arc::new(Forgetful),
            sessions: Arc::new(Forgetful),
            webhooks: Arc::new(Forgetful),
            sign_in: Arc::new(Unavailable),
            clock: Arc::new(move || now),
            failed_sign_ins: Arc::default(),
            settings: Settings::default(),
        }
    }
}

impl Floors for Forgetful {
    /// Nothing changes here, so there is nothing to tell from.
    fn record(
        &self,
        _: ApplicationId,
        _: IpAddr,
        _: Millis,
        _: &Floor,
    ) -> Result<(), FloorsFailed> {
        Ok(())
    }

    fn lists(&self, _: ApplicationId, _: IpAddr, _: Millis) -> Option<ReadLists> {
        None
    }

    fn finish(&self, _: ApplicationId, _: IpAddr, _: &FinishedLists) {}
}

impl Sessions for Forgetful {
    fn start(&self, _: &Session) -> Result<(), SessionsFailed> {
        Err(SessionsFailed)
    }

    fn find(&self, _: &TokenDigest) -> Result<Option<Session>, SessionsFailed> {
        Ok(None)
    }

    fn prolong(&self, _: &TokenDigest, _: Millis) -> Result<(), SessionsFailed> {
        Err(SessionsFailed)
    }

    fn end(&self, _: &TokenDigest) -> Result<(), SessionsFailed> {
        Ok(())
    }

    fn end_all(
        &self,
        _: DirectoryId,
        _: &ProviderId,
        _: Option<&TokenDigest>,
    ) -> Result<(), SessionsFailed> {
        Ok(())
    }
}

impl Webhooks for Forgetful {
    fn add(
        &self,
        _: ApplicationId,
        _: &str,
        _: Option<&SecretString>,
    ) -> Result<Option<Webhook>, WebhooksFailed> {
        Ok(None)
    }

    fn find(&self, _: u32) -> Result<Option<Webhook>, WebhooksFailed> {
        Ok(None)
    }

    fn remove(&self, _: u32) -> Result<(), WebhooksFailed> {
        Ok(())
    }
}
