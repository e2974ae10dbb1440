//! Where webhooks may lead: addresses that somebody outside chose, asked for by this server.
//!
//! Invariant: checked when an address is registered, and again at each connection, for a name may lead
//! elsewhere by then.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The longest address.
const URL_BYTES_MAX: usize = 2048;

/// Resolves names to addresses to which webhooks may lead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| may_be_asked(at.ip())).collect();
            if allowed.is_empty() {
                let text = "the name leads to addresses that webhooks may not ask";
                return Err(Box::<dyn std::error::Error + Send + Sync>::from(io::Error::other(
                    text,
                )));
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A resolver for an HTTP client.
pub fn resolver() -> Arc<Guarded> {
    Arc::new(Guarded)
}

/// Checks the address of a webhook; gives it as it is written from now on.
///
/// # Errors
/// Says what is wrong with it.
pub fn checked(text: &str) -> Result<Url, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > URL_BYTES_MAX {
        return Err(format!("endpointUrl has 1 to {URL_BYTES_MAX} characters"));
    }
    let url =
        Url::parse(text).map_err(|error| format!("endpointUrl is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("endpointUrl begins with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("endpointUrl holds a name or password; give a token instead".to_owned());
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err("endpointUrl names no host".to_owned()),
    };
    if literal.is_some_and(|ip| !may_be_asked(ip)) {
        return Err("endpointUrl leads to an address that webhooks may not ask".to_owned());
    }
    Ok(url)
}

/// Cloud machines tell their secrets at link-local addresses, and at these.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Whether an address may be asked at all.
fn may_be_asked(ip: IpAddr) -> bool {
    let ip = plain(ip);
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_unspecified() || ip.is_multicast() || link_local || METADATA.contains(&ip))
}

/// An IPv4 address, however it is written as an IPv6 one: mapped, compatible, or through NAT64.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else { return ip.to_canonical() };
    let octets = v6.octets();
    let (prefix, last) = octets.split_at(12);
    let nat64 = prefix == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
    let compatible = prefix == [0; 12] && (last[0] | last[1]) != 0;
    if nat64 || compatible {
        return IpAddr::V4(Ipv4Addr::new(last[0], last[1], last[2], last[3]));
    }
    IpAddr::V6(v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_webhooks_are_checked() {
        for good in [
            "https://jira.example.org/hook?x=1",
            "http://10.0.0.1:8080/",
            "http://localhost:1/x",
            "http://[::1]/",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "jira",
            "ftp://jira.example.org/",
            "file:///etc/passwd",
            "https://user:secret@jira.example.org/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://2852039166/",
            "http://224.0.0.1/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[::a9fe:a9fe]/",
            "http://168.63.129.16/",
        ] {
            let error = checked(bad).unwrap_err();
            assert!(error.contains("endpointUrl") && !error.contains("secret"), "{bad}: {error}");
        }
    }
}
