//! Which application calls, and from where.
//!
//! Invariants: the address is checked before the password (`protocols/crowd.md` 1.2); a password is hashed
//! off the async threads, few at a time; what is remembered of a verified password is a keyed digest that
//! means nothing outside this process and changes with the stored hash.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use aws_lc_rs::hmac;
use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use directory::id::Millis;
use ipnet::IpNet;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::{
    application::{Application, ApplicationId, ApplicationRegistry},
    error::CrowdError,
    hosts::Hosts,
};
use crate::entropy;

/// Passwords hashed at one time: each takes 19 MiB and a processor.
const HASHING_MAX: usize = 2;
/// A longer password is wrong without a look.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Verifies applications and remembers the last password of each that was right.
#[derive(Debug)]
pub(super) struct Authenticator {
    key: hmac::Key,
    verified: Mutex<HashMap<ApplicationId, [u8; 32]>>,
    hashing: Semaphore,
    hosts: Hosts,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &entropy::bytes::<32>()),
            verified: Mutex::default(),
            hashing: Semaphore::new(HASHING_MAX),
            hosts: Hosts::default(),
        }
    }

    /// The application that calls from `client`, if it may.
    pub(super) async fn authenticate(
        &self,
        applications: &ApplicationRegistry,
        headers: &HeaderMap,
        client: IpAddr,
        now: Millis,
    ) -> Result<Arc<Application>, CrowdError> {
        let given = credentials(headers).ok_or(CrowdError::Unauthenticated)?;
        let (name, password) = given.split_once(':').ok_or(CrowdError::Unauthenticated)?;
        let application = applications.named(name).ok_or(CrowdError::Unauthenticated)?;
        if !application.admits(client, &self.hosts, now).await {
            let application = application.name.clone();
            return Err(CrowdError::Address { client, application });
        }
        if self.verify(&application, password).await {
            Ok(application)
        } else {
            Err(CrowdError::Unauthenticated)
        }
    }

    async fn verify(&self, application: &Arc<Application>, password: &str) -> bool {
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let digest = self.digest(application, password);
        if self.remembers(application.id, &digest) {
            return true;
        }
        let Ok(_permit) = self.hashing.acquire().await else { return false };
        // Many requests may have waited for the first one's hashing.
        if self.remembers(application.id, &digest) {
            return true;
        }
        let (hashed, password) = (Arc::clone(application), password.to_owned());
        let checking = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hashed.password_hash);
            hash.is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        });
        let right = checking.await.unwrap_or(false);
        if right {
            self.verified().insert(application.id, digest);
        }
        right
    }

    fn digest(&self, application: &Application, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // The hash's length keeps the two texts apart.
        context.update(&application.password_hash.len().to_le_bytes());
        context.update(application.password_hash.as_bytes());
        context.update(password.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn remembers(&self, application: ApplicationId, digest: &[u8; 32]) -> bool {
        let verified = self.verified().get(&application).copied();
        verified.is_some_and(|verified| bool::from(verified.ct_eq(digest)))
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashMap<ApplicationId, [u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `name:password` of an HTTP Basic header.
fn credentials(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let given = STANDARD.decode(encoded.trim()).ok()?;
    // UTF-8, but Python's requests, which clients are built on, writes Latin-1 where that is possible.
    Some(String::from_utf8(given).unwrap_or_else(|given| latin_1(given.as_bytes())))
}

/// Latin-1 is the first 256 characters of Unicode.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The client, behind trusted proxies.
    pub(super) client: IpAddr,
    /// Whether the connection comes from a trusted proxy, whose headers count.
    pub(super) proxied: bool,
}

impl Peer {
    /// Finds the client: the peer, or the rightmost untrusted hop that trusted proxies name.
    pub(super) fn of(parts: &Parts, trusted: &[IpNet]) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical());
        let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
        if !is_trusted(&peer) {
            return Self { client: peer, proxied: false };
        }
        let lines = parts.headers.get_all("x-forwarded-for");
        let hops: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            // What lies beyond an unreadable hop cannot be believed.
            let Some(ip) = hop_address(hop.trim()) else { break };
            client = ip;
            if !is_trusted(&ip) {
                break;
            }
        }
        Self { client, proxied: true }
    }
}

/// The address of one hop; some proxies add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::builder();
        for line in forwarded {
            request = request.header("X-Forwarded-For", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        Peer::of(&parts, &trusted).client.to_string()
    }

    #[test]
    fn only_trusted_proxies_name_the_client() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, 192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "192.0.2.7:4000"]), "192.0.2.7");
        assert_eq!(client("::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
