//! Applications: the products that may read, from where, and what they see.
//!
//! Invariants: names are unique in any case; a registry is replaced as a whole, so that a request sees one
//! state of an application from beginning to end.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use directory::{
    id::{DirectoryId, Millis},
    name::fold,
    view::Shape,
};
use futures_util::future::join_all;
use ipnet::IpNet;

use super::{callers::Callers, hosts::Hosts};
use crate::peer::Origin;

/// The number of an application, never reused.
pub type ApplicationId = u32;

/// A product that may read.
#[derive(Clone)]
pub struct Application {
    /// Its number.
    pub id: ApplicationId,
    /// Its name, the user name of its requests.
    pub name: String,
    /// The argon2id hash of its password, as a PHC string.
    pub password_hash: String,
    /// Its directories, in the order in which it sees them.
    pub directories: Vec<DirectoryId>,
    /// How it sees them.
    pub shape: Shape,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<AddressRule>,
}

/// The hash is left out.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("directories", &self.directories)
            .field("shape", &self.shape)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Application {
    /// Whether it may call from an address.
    pub(super) async fn admits(&self, client: Origin, hosts: &Hosts, now: Millis) -> bool {
        if self.addresses.is_empty() {
            return true;
        }
        let Some(address) = client.address() else { return false };
        let canonical = address.to_canonical();
        let in_network = |rule: &AddressRule| match rule {
            AddressRule::Network(network) => network.contains(&canonical),
            AddressRule::Host(_) | AddressRule::Unreadable => false,
        };
        if self.addresses.iter().any(in_network) {
            return true;
        }
        let names = self.addresses.iter().filter_map(|rule| match rule {
            AddressRule::Host(name) => Some(hosts.lead_to(name, address, now)),
            AddressRule::Network(_) | AddressRule::Unreadable => None,
        });
        join_all(names).await.contains(&true)
    }
}

/// From where an application may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressRule {
    /// An address or a network.
    Network(IpNet),
    /// The addresses of a host, whatever they are at the time.
    Host(String),
    /// A rule that was kept and cannot be read any more: nobody may call by it.
    Unreadable,
}

/// A text that is no [`AddressRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither an address such as 10.1.2.3 nor a network such as 10.0.0.0/8 nor the name of a host such as \
     jira.example.com"
)]
pub struct InvalidAddressRule(String);

impl FromStr for AddressRule {
    type Err = InvalidAddressRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address.to_canonical())));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if is_host_name(name) {
            Ok(Self::Host(name.to_ascii_lowercase()))
        } else {
            Err(InvalidAddressRule(text.to_owned()))
        }
    }
}

/// Labels of letters, digits and hyphens; the last one is no number, or it would be a mistyped address.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// The applications that may read, by folded name.
#[derive(Debug, Default)]
pub struct ApplicationRegistry {
    named: ArcSwap<HashMap<String, Arc<Application>>>,
    /// Held from reading to replacing: of two who follow at a time, the later one has read last.
    following: Mutex<()>,
    callers: Callers,
}

impl ApplicationRegistry {
    /// Puts these in the place of all.
    pub fn replace(&self, applications: Vec<Application>) {
        let named = applications
            .into_iter()
            .map(|application| (fold(&application.name).into_owned(), Arc::new(application)));
        self.named.store(Arc::new(named.collect()));
    }

    /// Puts what is read now in the place of all.
    ///
    /// # Errors
    /// What reading says; all stay then.
    pub fn follow<E>(&self, read: impl FnOnce() -> Result<Vec<Application>, E>) -> Result<(), E> {
        let _following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace(read()?);
        Ok(())
    }

    /// How applications called so far.
    pub fn callers(&self) -> &Callers {
        &self.callers
    }

    /// An application by its name in any case.
    pub(super) fn named(&self, name: &str) -> Option<Arc<Application>> {
        self.named.load().get(&*fold(name)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rules_are_addresses_networks_or_hosts() {
        let hosts = Hosts::default();
        let admits = async |rule: &str, address: &str| {
            let application = Application {
                id: 1,
                name: "a".to_owned(),
                password_hash: String::new(),
                directories: Vec::new(),
                shape: Shape::default(),
                addresses: vec![rule.parse().unwrap()],
            };
            let address: IpAddr = address.parse().unwrap();
            application.admits(Origin::from(address), &hosts, Millis(0)).await
        };
        assert!(admits("10.0.0.0/8", "10.9.8.7").await && !admits("10.0.0.0/8", "11.0.0.1").await);
        assert!(admits("127.0.0.1", "::ffff:127.0.0.1").await && admits("::1", "::1").await);
        assert!(admits("LOCALHOST.", "127.0.0.1").await);
        let all = Application {
            id: 1,
            name: "a".to_owned(),
            password_hash: String::new(),
            directories: Vec::new(),
            shape: Shape::default(),
            addresses: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        };
        assert!(!all.admits(Origin::Unknown, &hosts, Millis(0)).await, "unknown passes no rule");
        let free = Application { addresses: Vec::new(), ..all };
        assert!(free.admits(Origin::Unknown, &hosts, Millis(0)).await);
        assert!(!admits("localhost", "192.0.2.1").await);
        for bad in
            ["10.0.0.300", "10.0.0.0/33", "jira example", "https://jira", "-x.example", "a..b", ""]
        {
            let error = bad.parse::<AddressRule>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }
}
