//! Applications: the products that may read, from where, and what they see.
//!
//! Invariants: names are unique in any case; a registry is replaced as a whole, so that a request sees one
//! state of an application from beginning to end.

use std::{collections::HashMap, fmt, net::IpAddr, str::FromStr, sync::Arc};

use arc_swap::ArcSwap;
use directory::{id::DirectoryId, name::fold, view::Shape};
use ipnet::IpNet;

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
    pub fn admits(&self, address: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.iter().any(|rule| rule.admits(address))
    }
}

/// An address or a network from which an application may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule(IpNet);

/// A text that is no [`AddressRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address such as 10.1.2.3 nor a network such as 10.0.0.0/8")]
pub struct InvalidAddressRule(String);

impl AddressRule {
    /// Whether an address is meant.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for AddressRule {
    type Err = InvalidAddressRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self(network));
        }
        let address = text.parse::<IpAddr>().map_err(|_| InvalidAddressRule(text.to_owned()))?;
        Ok(Self(IpNet::from(address.to_canonical())))
    }
}

impl fmt::Display for AddressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

/// The applications that may read, by folded name.
#[derive(Debug, Default)]
pub struct ApplicationRegistry(ArcSwap<HashMap<String, Arc<Application>>>);

impl ApplicationRegistry {
    /// Puts these in the place of all.
    pub fn replace(&self, applications: Vec<Application>) {
        let named = applications
            .into_iter()
            .map(|application| (fold(&application.name).into_owned(), Arc::new(application)));
        self.0.store(Arc::new(named.collect()));
    }

    /// An application by its name in any case.
    pub(super) fn named(&self, name: &str) -> Option<Arc<Application>> {
        self.0.load().get(&*fold(name)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_addresses_or_networks() {
        let admits = |rule: &str, address: &str| {
            rule.parse::<AddressRule>().unwrap().admits(address.parse().unwrap())
        };
        assert!(admits("10.0.0.0/8", "10.9.8.7") && !admits("10.0.0.0/8", "11.0.0.1"));
        assert!(admits("127.0.0.1", "::ffff:127.0.0.1") && admits("::1", "::1"));
        assert_eq!("10.0.0.1".parse::<AddressRule>().unwrap().to_string(), "10.0.0.1");
        assert!("proxy".parse::<AddressRule>().unwrap_err().to_string().contains("`proxy`"));
    }
}
