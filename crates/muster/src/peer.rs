//! The other end of a connection: from where a request comes, found once and in one way for everything that is served.
//!
//! Invariants: what a header says of it counts only when the connection comes from a proxy that the configuration names;
//! a hop that cannot be read makes the client unknown, never one of the proxies; an unknown client passes no rule about
//! addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, request::Parts},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

/// The proxies that the configuration names (`trusted_proxies`).
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// These networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// The networks.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The address from which somebody calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This one.
    Address(IpAddr),
    /// A proxy calls for somebody and does not say readably for whom.
    Unknown,
}

impl Origin {
    /// The address, if it is known.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unknown => None,
        }
    }

    /// An address to keep apart what callers do; all unknown ones share one that nobody has.
    pub fn key(self) -> IpAddr {
        self.address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// The other end of a request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// From where the client calls, behind proxies.
    pub client: Origin,
    /// Whether the connection comes from one of the configured proxies, whose headers count.
    pub proxied: bool,
}

impl Peer {
    /// The peer of a request, as [`find`] noted it; of a request that did not pass it, the socket's.
    pub fn of(parts: &Parts) -> Self {
        let noted = parts.extensions.get::<Self>().copied();
        noted.unwrap_or_else(|| Self::found(&parts.headers, socket(parts), &Proxies::default()))
    }

    fn found(headers: &HeaderMap, socket: Option<IpAddr>, proxies: &Proxies) -> Self {
        let Some(socket) = socket else {
            return Self { client: Origin::Unknown, proxied: false };
        };
        if !proxies.contain(socket) {
            return Self { client: Origin::Address(socket), proxied: false };
        }
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let mut client = Origin::Address(socket);
        for line in lines.into_iter().rev() {
            // What lies beyond an unreadable hop cannot be believed.
            let Ok(text) = line.to_str() else {
                return Self { client: Origin::Unknown, proxied: true };
            };
            for hop in text.rsplit(',') {
                let Some(address) = hop_address(hop.trim()) else {
                    return Self { client: Origin::Unknown, proxied: true };
                };
                client = Origin::Address(address);
                if !proxies.contain(address) {
                    return Self { client, proxied: true };
                }
            }
        }
        Self { client, proxied: true }
    }
}

fn socket(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.0.ip().to_canonical())
}

/// The address of one hop; some proxies add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// Notes the peer of a request, before anything else looks at it.
pub async fn find(State(proxies): State<Proxies>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = Peer::found(&parts.headers, socket(&parts), &proxies);
    parts.extensions.insert(peer);
    next.run(Request::from_parts(parts, body)).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(socket: &str, forwarded: &[&[u8]]) -> String {
        let proxies = Proxies::new(["10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        let peer = Peer::found(&headers, Some(socket.parse().unwrap()), &proxies);
        assert_eq!(peer.proxied, proxies.contain(socket.parse().unwrap()));
        peer.client.to_string()
    }

    #[test]
    fn only_configured_proxies_name_the_client() {
        for (socket, forwarded, expected) in [
            ("192.0.2.1", &[&b"198.51.100.1"[..]][..], "192.0.2.1"),
            ("10.0.0.1", &[b"198.51.100.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            ("10.0.0.1", &[b"1.1.1.1", b"192.0.2.7:4000"], "192.0.2.7"),
            ("::1", &[b"[2001:db8::1]"], "2001:db8::1"),
            ("::1", &[b"[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &[b"::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[b"10.0.0.3"], "10.0.0.3"),
        ] {
            assert_eq!(client(socket, forwarded), expected, "{socket} {forwarded:?}");
        }
    }

    #[test]
    fn a_hop_that_cannot_be_read_is_unknown_and_never_the_proxy() {
        for hop in [
            &b"unknown"[..],
            b"",
            b" ",
            b"_hidden",
            b"nonsense",
            b"192.0.2.300",
            b"[192.0.2.1",
            b"\xff",
            b"1.1.1.1, unknown",
            b"1.1.1.1,",
            b"1.1.1.1, nonsense, 10.0.0.2",
            b"for=192.0.2.1",
        ] {
            assert_eq!(client("10.0.0.1", &[hop]), "unknown", "{hop:?}");
            assert_eq!(client("10.0.0.1", &[b"192.0.2.7", hop]), "unknown", "{hop:?}");
            assert_eq!(client("192.0.2.1", &[hop]), "192.0.2.1");
        }
        assert_eq!(client("10.0.0.1", &[b"nonsense, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &[b"\xff", b"192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            Peer::found(&HeaderMap::new(), None, &Proxies::default()).client,
            Origin::Unknown
        );
    }
}
