//! Addresses of host names in address rules, as the system resolves them.
//!
//! Invariants: a name is asked for once at a time and remembered for a minute; while it cannot be resolved
//! its last addresses count for ten; a request waits for its own names only, and not for long.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use directory::id::{MINUTE_MS, Millis};

/// How long an answer counts.
const FRESH_MS: i64 = MINUTE_MS;
/// How long a failure counts.
const FAILED_MS: i64 = 5_000;
/// How long the last answer counts while there is no new one.
const STALE_MS: i64 = 10 * MINUTE_MS;
/// How long the resolver may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Host names and their addresses.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>);

#[derive(Debug, Default)]
struct Known {
    addresses: Vec<IpAddr>,
    /// When the resolver is to be asked again.
    again_at: Option<Millis>,
    /// When it last answered.
    answered: Option<Millis>,
}

impl Hosts {
    /// Whether a name leads to an address at present.
    pub(super) async fn lead_to(&self, name: &str, address: IpAddr, now: Millis) -> bool {
        let known = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(name.to_owned()).or_default())
        };
        let mut known = known.lock().await;
        if !known.again_at.is_some_and(|at| now < at && at.since(now) <= FRESH_MS) {
            // A request that is given up while it waits leaves everything as it was.
            let resolved = resolve(name).await;
            known.again_at = Some(now.plus(if resolved.is_some() { FRESH_MS } else { FAILED_MS }));
            match resolved {
                Some(addresses) => {
                    known.addresses = addresses;
                    known.answered = Some(now);
                }
                None if known.answered.is_none_or(|answered| now.since(answered) > STALE_MS) => {
                    known.addresses.clear();
                }
                None => {}
            }
        }
        known.addresses.contains(&address.to_canonical())
    }
}

async fn resolve(name: &str) -> Option<Vec<IpAddr>> {
    match tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => Some(found.map(|at| at.ip().to_canonical()).collect()),
        Ok(Err(error)) => {
            tracing::warn!(name, %error, "a host name in an address rule cannot be resolved");
            None
        }
        Err(_) => {
            tracing::warn!(name, "a host name in an address rule is not resolved in time");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_resolved_and_unknown_ones_lead_nowhere() {
        let hosts = Hosts::default();
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(hosts.lead_to("localhost", local, Millis(0)).await);
        assert!(!hosts.lead_to("localhost", "192.0.2.1".parse().unwrap(), Millis(1)).await);
        assert!(!hosts.lead_to("nowhere.invalid", local, Millis(0)).await);
    }

    #[tokio::test]
    async fn the_last_answer_counts_for_ten_minutes() {
        let hosts = Hosts::default();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let known = Known { addresses: vec![address], again_at: None, answered: Some(Millis(0)) };
        let name = "gone.invalid";
        hosts.0.lock().unwrap().insert(name.to_owned(), Arc::new(tokio::sync::Mutex::new(known)));
        assert!(hosts.lead_to(name, address, Millis(FRESH_MS + 1)).await);
        assert!(hosts.lead_to(name, address, Millis(STALE_MS)).await);
        assert!(!hosts.lead_to(name, address, Millis(STALE_MS + FRESH_MS + 1)).await);
    }
}
